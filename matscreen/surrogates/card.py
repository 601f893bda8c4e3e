"""The card of a surrogate: what it was trained on, how it was chosen, how well it does."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from importlib.metadata import version
from typing import Any

import numpy as np
import numpy.typing as npt

from matscreen.properties import get_property
from matscreen.structures import FloatArray
from matscreen.surrogates.domain import WIDENING
from matscreen.surrogates.uncertainty import LEVEL, LEVELS, coverage, winkler_score
from matscreen.tables import WATTS_PER_CORE

FORMAT = 3
"""Version of the card; see `card_schema`."""

NOT_STATED = "not stated"
"""Source or licence of training data of which nothing else is known."""

_DECILES_FROM = 2000


@dataclass(frozen=True, eq=False)
class OutOfFold:
    """Predictions of every label by models that never saw its chemical system, (n,) each.

    Attributes:
        y: Labels, in the unit of the property.
        mean: Predictions.
        lower: Lower ends of the 90 % intervals.
        upper: Upper ends of the 90 % intervals.
        null: Predictions of the constant model.
        in_domain: Whether the row was near enough to the rows of the other folds.
        groups: Chemical systems.
        ids: Structure ids, or None.
        inside: Whether a label is in its interval of every level of `uncertainty.LEVELS`, (levels,
            n); of a distribution with a point mass by the randomised transform (`mixture`).
        size: What sorts easy rows from hard ones: half width of an interval.
    """

    y: FloatArray
    mean: FloatArray
    lower: FloatArray
    upper: FloatArray
    null: FloatArray
    in_domain: npt.NDArray[np.bool_]
    groups: npt.NDArray[np.str_]
    ids: npt.NDArray[np.str_] | None
    inside: npt.NDArray[np.bool_]
    size: FloatArray


def library_versions() -> dict[str, str]:
    """Return the versions of the libraries that decide a surrogate's numbers."""
    return {name: version(name) for name in ("numpy", "scipy", "scikit-learn")}


def unstated_origin(data_hash: str) -> dict[str, str]:
    """Return what a card says of training data until who hands them over says more."""
    return {"source": NOT_STATED, "version": f"sha256 {data_hash[:16]}", "licence": NOT_STATED}


def metrics(table: OutOfFold) -> dict[str, float | None]:
    """Return the scores of out-of-fold predictions, in the unit of the property.

    `coverage_90` is the share of labels in their interval, `coverage_worst_part` the lowest such
    share over deciles (thirds below 2,000 labels) of the rows sorted by width, `null_mae` the error
    of the constant model, `miscalibration_area` the mean distance of coverage from level over the
    levels 0.05 to 0.95, `mean_width` and `median_width` the sharpness, `spearman_error_width` the
    rank correlation of error and width, `winkler` the interval score. Undefined scores (no row in
    the domain, no spread) are None.
    """
    error = table.mean - table.y
    width = table.upper - table.lower
    inside = table.in_domain
    easiest_first = np.argsort(table.size, kind="stable")
    parts = np.array_split(easiest_first, 10 if len(width) >= _DECILES_FROM else 3)
    at_level = table.inside[int(np.argmin(np.abs(LEVELS - LEVEL)))]
    reached = np.mean(table.inside, axis=1)
    total = float(np.sum(np.square(table.y - table.y.mean())))
    found = {
        "mae": float(np.mean(np.abs(error))),
        "rmse": float(np.sqrt(np.mean(np.square(error)))),
        "spearman": _spearman(table.y, table.mean),
        "r2": 1.0 - float(np.sum(np.square(error))) / total if total > 0.0 else math.nan,
        "null_mae": float(np.mean(np.abs(table.null - table.y))),
        "coverage_90": coverage(table.y, table.lower, table.upper),
        "coverage_in_domain": coverage(table.y[inside], table.lower[inside], table.upper[inside]),
        "coverage_worst_part": min(float(np.mean(at_level[rows])) for rows in parts),
        "miscalibration_area": float(np.mean(np.abs(reached - LEVELS))),
        "spearman_error_width": _spearman(np.abs(error), width),
        "fraction_in_domain": float(np.mean(inside)),
        "mean_width": float(np.mean(width)),
        "median_width": float(np.median(width)),
        "winkler": winkler_score(table.y, table.lower, table.upper),
    }
    return {name: value if math.isfinite(value) else None for name, value in found.items()}


def build_card(
    name: str,
    table: OutOfFold,
    *,
    model: Mapping[str, Any],
    data: Mapping[str, Any],
    seconds: float,
    cpu_seconds: float,
) -> dict[str, Any]:
    """Return the card: plain JSON types only.

    Args:
        name: Registry name of the property.
        table: Out-of-fold predictions.
        model: What was chosen: `model`, `weights`, `fallback`, `scale`, `selection`, `threshold`,
            `label_error`, `n_splits`, `extrapolation`.
        data: What it was trained on: `labels`, `descriptor_set`, `descriptor_version`, `data_hash`,
            `seed`, `scheme`, `n_rejected`, `n_used_features`.
        seconds: Wall time of the training, s.
        cpu_seconds: Processor time of the training, s.
    """
    entry = get_property(name)
    out_of_fold: dict[str, Any] = {
        "group": table.groups.tolist(),
        "y": table.y.tolist(),
        "mean": table.mean.tolist(),
        "lower": table.lower.tolist(),
        "upper": table.upper.tolist(),
        "in_domain": table.in_domain.tolist(),
    }
    if table.ids is not None:
        out_of_fold = {"structure_id": table.ids.tolist(), **out_of_fold}
    return {
        "format": FORMAT,
        "model_id": f"{name}-{str(data['data_hash'])[:12]}",
        "property": name,
        "unit": entry.unit,
        "transform": "log10" if entry.scale == "log" else "none",
        "n_labels": len(table.y),
        "n_groups": len(np.unique(table.groups)),
        "model": model["model"],
        "members": list(model["weights"]),
        "weights": model["weights"],
        "fallback": model["fallback"],
        "metrics": metrics(table),
        "interval": {
            "level": LEVEL,
            "method": "conformal, out-of-fold residuals normalised by an expected error, in "
            "windows of it, every chemical system of equal weight",
            "expected_error": model["scale"],
            "label_error": model["label_error"],
        },
        "domain": {
            "method": "mean distance to the 5 nearest of at most 1,000 labelled rows, in a metric "
            "learned from the property; ends where errors on left-out elements grow by a quarter, "
            "95th to 99th percentile of the out-of-fold distances",
            "threshold": model["threshold"],
            "widening": WIDENING,
        },
        "extrapolation": model["extrapolation"],
        **training_part(
            data,
            split="shuffled folds grouped by chemical system",
            n_splits=model["n_splits"],
            selection=model["selection"],
            seconds=seconds,
            cpu_seconds=cpu_seconds,
        ),
        "out_of_fold": out_of_fold,
    }


def training_part(
    data: Mapping[str, Any],
    *,
    split: str,
    n_splits: int,
    selection: Mapping[str, float],
    seconds: float,
    cpu_seconds: float,
) -> dict[str, Any]:
    """Return what the cards of surrogates and classifiers say alike of their training.

    Args:
        data: As for `build_card`.
        split: How rows were held out.
        n_splits: Number of folds.
        selection: Score of each model that was tried.
        seconds: Wall time of the training, s.
        cpu_seconds: Processor time of the training, s.
    """
    given = (
        "n_rejected",
        "descriptor_set",
        "descriptor_version",
        "labels",
        "n_used_features",
        "scheme",
        "data_hash",
    )
    return {
        **{name: data[name] for name in given},
        "split": {"method": split, "n_splits": n_splits, "seed": data["seed"]},
        "selection": dict(selection),
        "training_data": unstated_origin(str(data["data_hash"])),
        "versions": library_versions(),
        "seconds": round(seconds, 3),
        "cpu_seconds": round(cpu_seconds, 3),
        "joules": round(cpu_seconds * WATTS_PER_CORE, 1),
    }


def _spearman(a: FloatArray, b: FloatArray) -> float:
    from scipy.stats import spearmanr

    if np.ptp(a) == 0.0 or np.ptp(b) == 0.0:
        return math.nan
    return float(spearmanr(a, b).statistic)
