"""The systematic error of simulated vacancy energies, by cation group, and its removal."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from matscreen.data import data_path
from matscreen.errors import InputError
from matscreen.simulations.base import Label
from matscreen.simulations.labelling import label_rows
from matscreen.structures import CrystalBatch, FloatArray

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa

PROPERTY = "oxygen_vacancy_formation_energy"
RECIPE = "oxygen_vacancy"
METHOD = f"{RECIPE}+cation_group"
FILE = "corrections.csv"
VERSION = "3"

GROUPS: Mapping[str, frozenset[str]] = {
    "d0": frozenset("Ti Zr Hf Nb Ta".split()),  # noqa: SIM905
    "early_U": frozenset("V Cr Mo W".split()),  # noqa: SIM905
    "late_U": frozenset("Mn Fe Co Ni".split()),  # noqa: SIM905
}
"""Cations whose d shell takes the two electrons that an oxygen leaves behind.

d0 cations are reduced to d1; V, Cr, Mo and W are reduced too and are treated with +U in the
training data of the potential, as Mn, Fe, Co and Ni are, whose d shell is half full or more.
"""
LEAST = 5
"""Materials that a group needs to get a coefficient of its own."""
TERMS = ("intercept", "slope", *GROUPS)
RIDGE = 0.3
"""Penalty of the squared coefficients, in units of one material's worth of squared error."""


@dataclass(frozen=True)
class Correction:
    """E_corrected = E + intercept + slope (E - E_mean) + sum over groups of c_g x_g.

    x_g is the share of the cations that belong to a group. A group with fewer than five reference
    materials has no coefficient (c_g = 0): nothing is known of its error but that it may be as
    large as that of the other groups, and its `std` says so.

    Attributes:
        coefficients: By the names of `TERMS`, eV (slope: 1).
        centre: Mean raw energy of the fit, eV.
        std: Root-mean-square error of materials left out of the fit, by group and ``other``, eV;
            for an untested group the root mean square of the fitted c_g, eV for a share of one.
        sites: Sites that were fitted, by group, ``other`` and ``all``.
        materials: Materials that they belong to, by the same names.
        calculator: Potential that the correction is for.
    """

    coefficients: Mapping[str, float]
    centre: float
    std: Mapping[str, float]
    sites: Mapping[str, int]
    materials: Mapping[str, int]
    calculator: str

    def apply(self, energy: npt.ArrayLike, shares: FloatArray) -> FloatArray:
        """Return corrected energies, (n,), eV.

        Args:
            energy: Raw energies, (n,), eV.
            shares: Shares of the groups, (n, 3), see `group_shares`.
        """
        raw = np.asarray(energy, dtype=np.float64)
        weights = np.array([self.coefficients[name] for name in GROUPS])
        shift = self.coefficients["intercept"] + self.coefficients["slope"] * (raw - self.centre)
        return np.asarray(raw + shift + shares @ weights, dtype=np.float64)

    def error(self, shares: FloatArray) -> float:
        """Return the error of a corrected energy, eV: that of the worst group present.

        An untested group adds its unknown shift, std_g x_g, to the error of all others.
        """
        errors = [self.std["other"]] if not shares.any() else []
        for name, share in zip(GROUPS, shares, strict=True):
            if share > 0 and self.materials[name] >= LEAST:
                errors.append(self.std[name])
            elif share > 0:
                errors.append(float(np.hypot(self.std["other"], self.std[name] * share)))
        return max(errors)


def group_shares(counts: Iterable[Mapping[str, int]]) -> FloatArray:
    """Return the share of the cations in each group of `GROUPS`, (n, 3)."""
    rows = []
    for one in counts:
        cations = {symbol: n for symbol, n in one.items() if symbol != "O"}
        total = max(sum(cations.values()), 1)
        rows.append(
            [sum(n for s, n in cations.items() if s in group) / total for group in GROUPS.values()]
        )
    return np.array(rows, dtype=np.float64).reshape(-1, len(GROUPS))


def fit_correction(
    raw: FloatArray,
    reference: FloatArray,
    counts: Sequence[Mapping[str, int]],
    materials: Sequence[str],
    *,
    calculator: str,
) -> tuple[Correction, FloatArray]:
    """Fit the correction, and predict each material with a fit that has not seen it.

    Ridge regression of reference - raw on the raw energy and the shares of the groups.

    Args:
        raw: Simulated energies, (n,), eV.
        reference: Published energies, (n,), eV.
        counts: Atoms of each element, one mapping a site.
        materials: Name of each site's material; its sites are left out together.
        calculator: Potential that made the raw energies.

    Returns:
        The correction fitted to everything, and the energies corrected leave-one-material-out,
        (n,), eV.

    Raises:
        InputError: Fewer than ten materials.
    """
    from sklearn.linear_model import Ridge
    from sklearn.model_selection import LeaveOneGroupOut, cross_val_predict

    names = np.asarray(materials)
    if len(set(names.tolist())) < 10:
        raise InputError(
            f"a correction by cation group needs ten materials at least, "
            f"{len(set(names.tolist()))} were given"
        )
    shares = group_shares(counts)
    present = {name: np.asarray(shares[:, k] > 0) for k, name in enumerate(GROUPS)}
    present |= {"other": np.asarray(~shares.any(axis=1)), "all": np.ones(len(raw), dtype=np.bool_)}
    n_materials = {name: len(np.unique(names[mask])) for name, mask in present.items()}
    fitted = [k for k, name in enumerate(GROUPS) if n_materials[name] >= LEAST]
    centre = float(raw.mean())
    features = np.column_stack([raw - centre, shares[:, fitted]])
    target = reference - raw
    model = Ridge(alpha=RIDGE)
    left_out = raw + cross_val_predict(model, features, target, groups=names, cv=LeaveOneGroupOut())
    model.fit(features, target)
    error = left_out - reference
    coefficients = dict.fromkeys(TERMS, 0.0)
    coefficients["intercept"], coefficients["slope"] = (
        float(model.intercept_),
        float(model.coef_[0]),
    )
    coefficients |= {
        list(GROUPS)[k]: float(c) for k, c in zip(fitted, model.coef_[1:], strict=True)
    }
    unknown = _rms(np.array([coefficients[list(GROUPS)[k]] for k in fitted]))
    std = {
        name: _rms(error[mask]) if n_materials[name] >= LEAST else unknown
        for name, mask in present.items()
        if name != "all"
    }
    if n_materials["other"] < LEAST:
        std["other"] = _rms(error)
    sites = {name: int(mask.sum()) for name, mask in present.items()}
    correction = Correction(coefficients, centre, std, sites, n_materials, calculator)
    return correction, np.asarray(left_out, dtype=np.float64)


def _rms(values: FloatArray) -> float:
    return float(np.sqrt(np.mean(values**2))) if len(values) else 0.0


def correction_table(correction: Correction) -> pd.DataFrame:
    """Return a correction as the rows of `data/reference/corrections.csv`."""
    import pandas as pd

    rows = [(term, correction.coefficients[term], np.nan) for term in ("intercept", "slope")]
    rows += [("centre", correction.centre, np.nan)]
    rows += [(name, correction.coefficients[name], correction.std[name]) for name in GROUPS]
    rows += [("other", 0.0, correction.std["other"])]
    table = pd.DataFrame(rows, columns=["term", "value", "std"])
    part = [term if term in (*GROUPS, "other") else "all" for term in table["term"]]
    return table.assign(
        property=PROPERTY,
        calculator=correction.calculator,
        unit=["1" if term == "slope" else "eV" for term in table["term"]],
        n_materials=[correction.materials[name] for name in part],
        n_sites=[correction.sites[name] for name in part],
        version=VERSION,
    )


@cache
def shipped_correction(calculator: str) -> Correction | None:
    """Return the correction that matscreen ships for a potential, None when there is none."""
    import pandas as pd

    table = pd.read_csv(data_path("reference", FILE))
    table = table[(table["calculator"] == calculator) & (table["property"] == PROPERTY)]
    if table.empty:
        return None
    value = dict(zip(table["term"], table["value"].astype(float), strict=True))
    std = dict(zip(table["term"], table["std"].astype(float), strict=True))
    sites = dict(zip(table["term"], table["n_sites"].astype(int), strict=True))
    materials = dict(zip(table["term"], table["n_materials"].astype(int), strict=True))
    parts = {"all": "intercept"} | {name: name for name in (*GROUPS, "other")}
    return Correction(
        {term: value[term] for term in TERMS},
        value["centre"],
        {name: std[name] for name in (*GROUPS, "other")},
        {name: sites[term] for name, term in parts.items()},
        {name: materials[term] for name, term in parts.items()},
        calculator,
    )


def corrected_rows(
    labels: pa.Table, candidates: pa.Table, _references: Mapping[Any, Any] | None = None
) -> list[dict[str, Any]]:
    """Return corrected rows of the `labels` table for raw vacancy energies.

    The method ``oxygen_vacancy+cation_group/7net-0`` says what was done; the raw row stays. A
    corrected row takes the place of its raw row wherever one value is needed
    (`matscreen.evidence`).

    Args:
        labels: Simulated labels.
        candidates: Their structures.
    """
    prefix = f"{RECIPE}/"
    raw = [
        row
        for row in labels.to_pylist()
        if row["property"] == PROPERTY and row["method"].startswith(prefix)
    ]
    if not raw:
        return []
    batch = CrystalBatch.from_arrow(candidates)
    position = {name: i for i, name in enumerate(batch.ids)}
    rows: list[dict[str, Any]] = []
    for row in raw:
        calculator = row["method"].removeprefix(prefix)
        correction = shipped_correction(calculator)
        if correction is None or row["structure_id"] not in position:
            continue
        shares = group_shares([batch[position[row["structure_id"]]].counts])
        label = Label(
            PROPERTY,
            float(correction.apply([row["value"]], shares)[0]),
            std=correction.error(shares[0]),
            site=row["site"],
            charge=row["charge"],
            path=row["path"],
        )
        rows += label_rows(
            [label],
            structure_id=row["structure_id"],
            input_id=row["input_id"],
            method=f"{METHOD}/{calculator}",
            version=f"{VERSION}+{row['version']}",
        )
    return rows
