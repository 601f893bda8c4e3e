"""How well the mechanisms predict measured devices, beside a model that knows no material."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any, Final

import numpy as np
import pandas as pd

from matscreen.mechanisms import MECHANISMS, get_mechanism
from matscreen.mechanisms.base import FACTS
from matscreen.validation.devices import (
    device_properties,
    exclusion,
    film_devices,
    load_devices,
    predict,
)
from matscreen.validation.statistics import bootstrap

if TYPE_CHECKING:
    from pathlib import Path

LEVEL: Final = 0.90


def score_devices(
    path: Path | None = None, *, recalled: bool = False, seed: int = 0
) -> pd.DataFrame:
    """Predict every measured device that may be scored, with and without its material.

    Ferroelectric capacitors are scored on the loops of films; switched charge times write voltage,
    as reported for cells, is the model's own formula.

    Args:
        path: A table of devices instead of the shipped ones.
        recalled: Score rows of low confidence too.
        seed: Seed of the draws.

    Returns:
        One row a device: the columns of `load_devices`, excluded (why it is not scored, or empty),
        predicted_J, lower_J, upper_J, null_J (the same formula at the median properties of all
        scored materials) and decades, log10(measured / predicted).
    """
    mechanisms = [get_mechanism(name) for name in MECHANISMS]
    devices = load_devices(path)
    devices["excluded"] = [exclusion(row, recalled=recalled) for _, row in devices.iterrows()]
    if path is not None and (devices["excluded"] != "").all():
        unknown = ("predicted_J", "lower_J", "upper_J", "null_J", "decades")
        return devices.assign(**dict.fromkeys(unknown, np.nan))
    plain = devices[devices["excluded"] == ""]
    found = [predict(plain, device_properties(plain["formula"].tolist()), mechanisms, seed=seed)]
    if path is None:
        films, wells = film_devices()
        films["excluded"] = [exclusion(row, recalled=recalled) for _, row in films.iterrows()]
        # A film has its own well and no dielectric: no other device of its formula has these.
        found.append(predict(films[films["excluded"] == ""], wells, mechanisms, seed=seed))
        devices = pd.concat([devices, films], ignore_index=True)
    scored = pd.concat(found, ignore_index=True)
    parts = []
    for name, rows in scored.groupby("mechanism", sort=False):
        mechanism = get_mechanism(str(name))
        materials = rows.drop_duplicates("formula")  # not devices: many are of one material
        used = [p for p in (*mechanism.requires, *mechanism.optional) if p in rows]
        typical = pd.concat(
            pd.DataFrame(
                {
                    "structure_id": materials["formula"],
                    "property": p,
                    "mean": float(materials[p].median()),
                    "std": 0.0,
                    "evidence": "measured",
                }
            )
            for p in used
            if p not in FACTS
        )
        blind = predict(rows[devices.columns], typical, [mechanism], seed=seed)
        parts.append(rows.assign(null_J=blind["predicted_J"].to_numpy()))
    result = pd.concat([*parts, devices[devices["excluded"] != ""]], ignore_index=True)
    result["decades"] = np.log10(result["energy_J"] / result["predicted_J"])
    return result


def leave_one_out(decades: pd.Series, materials: pd.Series) -> np.ndarray:
    """Return what is left of each residual after the mean of the other materials, decades.

    The mean of materials, not of devices: forty films of one oxide are one opinion.
    """
    means = decades.groupby(materials).mean()
    count = len(means)
    if count < 2:
        return np.asarray(decades, dtype=float)
    others = (means.sum() - means) / (count - 1)
    return np.asarray(decades - materials.map(others), dtype=float)


def summarize(scored: pd.DataFrame) -> pd.DataFrame:
    """Score each mechanism.

    Returns:
        One row a mechanism: n, materials; median_factor (of measured over predicted, either way),
        bias_decades, rmse_decades, loo_decades (rmse after the mean of the other materials);
        spearman with its 90 % interval (bootstrap over materials) and spearman_null,
        rmse_null of the material-free model; covered of n by the 90 % interval, the exact binomial
        interval of that share and its p; stated_decades, the model error that the ranking draws.
    """
    return pd.DataFrame(
        [
            _score(name, scored[(scored["mechanism"] == name) & (scored["excluded"] == "")])
            for name in MECHANISMS
        ]
    )


def _score(name: str, rows: pd.DataFrame) -> dict[str, Any]:
    from scipy.stats import binomtest, spearmanr

    error = get_mechanism(name).model_error
    n, materials = len(rows), int(rows["formula"].nunique())
    nan = float("nan")
    result: dict[str, Any] = {
        "mechanism": name,
        "n": n,
        "materials": materials,
        "stated_decades": error.total,
    }
    if n == 0:
        return result
    decades = rows["decades"].to_numpy(float)
    left_out = leave_one_out(rows["decades"], rows["formula"])
    null = np.log10((rows["energy_J"] / rows["null_J"]).to_numpy(float))
    logs = rows.assign(
        measured=np.log10(rows["energy_J"].astype(float)),
        predicted=np.log10(rows["predicted_J"].astype(float)),
        blind=np.log10(rows["null_J"].astype(float)),
    )

    def rho(column: str) -> float:
        varied = n > 3 and float(np.ptp(logs[column])) > 0.0
        return float(spearmanr(logs[column], logs["measured"])[0]) if varied else nan

    interval = (
        bootstrap(logs, "predicted", "measured", "formula")["spearman"]
        if materials > 3
        else (nan, nan)
    )
    inside = (rows["energy_J"] >= rows["lower_J"]) & (rows["energy_J"] <= rows["upper_J"])
    covered = int(inside.sum())
    test = binomtest(covered, n, LEVEL)
    exact = test.proportion_ci(0.95, "exact")
    return {
        **result,
        "median_factor": float(10.0 ** np.median(np.abs(decades))),
        "bias_decades": float(decades.mean()),
        "rmse_decades": _rms(decades),
        "loo_decades": _rms(left_out),
        "rmse_null": _rms(null),
        "loo_null": _rms(leave_one_out(pd.Series(null, rows.index), rows["formula"])),
        "spearman": rho("predicted"),
        "spearman_low": interval[0],
        "spearman_high": interval[1],
        "spearman_null": rho("blind"),
        "covered": covered,
        "coverage_low": float(exact.low),
        "coverage_high": float(exact.high),
        "coverage_p": float(test.pvalue),
    }


def _rms(values: np.ndarray) -> float:
    return float(np.sqrt(np.mean(np.square(values))))
