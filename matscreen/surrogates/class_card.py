"""The card of a classifier: what it was trained on, how it was chosen, how well it does."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from matscreen.structures import FloatArray, IntArray
from matscreen.surrogates.card import FORMAT, training_part
from matscreen.surrogates.class_calibration import log_loss
from matscreen.surrogates.class_members import indicator
from matscreen.surrogates.uncertainty import LEVEL

if TYPE_CHECKING:
    from matscreen.surrogates.class_fitting import FittedClasses
    from matscreen.surrogates.prediction import BoolArray

_BINS = 10


def class_metrics(
    p: FloatArray, classes: IntArray, sets: BoolArray, names: Sequence[str]
) -> dict[str, float | None]:
    """Return the scores of out-of-fold probabilities.

    `accuracy`, `balanced_accuracy` (mean recall of the classes), `macro_f1`, `log_loss` (mean of
    -ln p of the true class), `brier` (mean squared error of the probabilities, summed over
    classes), `calibration_error` (mean difference of the probability of the predicted class and
    the share that has it, in ten bins of equal counts), `coverage_90` (share of true classes in
    the set), `coverage_worst_class` (the lowest such share of a class), `mean_set_size`, and
    `roc_auc NAME` of each class against the rest. Undefined scores are None.

    Args:
        p: Probabilities, (n, n_classes).
        classes: Class of each row as a number, (n,).
        sets: Classes in the 90 % prediction set, (n, n_classes).
        names: Names of the classes.
    """
    from sklearn.metrics import f1_score, roc_auc_score

    hits = indicator(classes, len(names))
    predicted = p.argmax(axis=1)
    right = predicted == classes
    held = sets[np.arange(len(classes)), classes]
    present = np.flatnonzero(hits.any(axis=0))
    found = {
        "accuracy": float(right.mean()),
        "balanced_accuracy": float(np.mean([right[hits[:, k]].mean() for k in present])),
        "macro_f1": float(
            f1_score(classes, predicted, average="macro", labels=present, zero_division=0.0)
        ),
        "log_loss": log_loss(p, classes),
        "brier": float(np.mean(np.sum(np.square(p - hits), axis=1))),
        "calibration_error": calibration_error(p, classes),
        "coverage_90": float(held.mean()),
        "coverage_worst_class": float(min(held[hits[:, k]].mean() for k in present)),
        "mean_set_size": float(sets.sum(axis=1).mean()),
    }
    for k, name in enumerate(names):
        both = 0 < hits[:, k].sum() < len(classes)
        found[f"roc_auc {name}"] = float(roc_auc_score(hits[:, k], p[:, k])) if both else math.nan
    return {name: value if math.isfinite(value) else None for name, value in found.items()}


def calibration_error(p: FloatArray, classes: IntArray) -> float:
    """Return the mean distance of confidence and accuracy over bins of equal counts."""
    top = p.max(axis=1)
    right = p.argmax(axis=1) == classes
    parts = np.array_split(np.argsort(top, kind="stable"), min(_BINS, len(top)))
    each = [abs(float(top[rows].mean()) - float(right[rows].mean())) for rows in parts]
    return float(np.average(each, weights=[len(rows) for rows in parts]))


def build_class_card(
    label: str,
    names: tuple[str, ...],
    fitted: FittedClasses,
    *,
    classes: IntArray,
    groups: npt.NDArray[np.str_],
    ids: npt.NDArray[np.str_] | None,
    data: Mapping[str, Any],
    seconds: float,
    cpu_seconds: float,
) -> dict[str, Any]:
    """Return the card: plain JSON types only.

    Args:
        label: What is classified.
        names: Names of the classes.
        fitted: What was fitted.
        classes: Class of each row as a number, (n,).
        groups: Chemical system of each row.
        ids: Structure ids, or None.
        data: What it was trained on; as for `card.build_card`.
        seconds: Wall time of the training, s.
        cpu_seconds: Processor time of the training, s.
    """
    rows = fitted.out_of_fold
    inside = fitted.domain.contains(rows.distance)
    scores = class_metrics(rows.p, classes, rows.sets, names)
    out_of_fold: dict[str, Any] = {
        "group": groups.tolist(),
        "y": [names[k] for k in classes],
        "probabilities": np.round(rows.p, 6).tolist(),
        "set_size": rows.sets.sum(axis=1).tolist(),
        "in_domain": inside.tolist(),
    }
    if ids is not None:
        out_of_fold = {"structure_id": ids.tolist(), **out_of_fold}
    calibrator = fitted.calibrator
    return {
        "format": FORMAT,
        "kind": "classifier",
        "model_id": f"{label}-{str(data['data_hash'])[:12]}",
        "label": label,
        "classes": list(names),
        "class_counts": np.bincount(classes, minlength=len(names)).tolist(),
        "n_labels": len(classes),
        "n_groups": len(np.unique(groups)),
        "model": fitted.name,
        "weights": dict(fitted.weights),
        "calibration": "none" if calibrator is None else calibrator.kind,
        "fallback": fitted.fallback,
        "metrics": scores
        | {
            "null_log_loss": log_loss(rows.null, classes),
            "fraction_in_domain": float(inside.mean()),
        },
        "sets": {
            "level": LEVEL,
            "method": "adaptive prediction sets; conformal quantile of out-of-fold scores, every "
            "chemical system of equal weight; the likeliest class is always inside",
        },
        "domain": {
            "method": "mean distance to the 5 nearest of at most 1,000 labelled rows, in a metric "
            "that tells the classes apart; ends at the 95th percentile of the out-of-fold "
            "distances",
            "threshold": fitted.domain.threshold,
            "widening": "outside the domain probabilities fade into the shares of the classes, "
            "wholly so from twice the threshold on",
        },
        **training_part(
            data,
            split="shuffled folds grouped by chemical system, classes shared out evenly",
            n_splits=fitted.n_splits,
            selection=fitted.selection,
            seconds=seconds,
            cpu_seconds=cpu_seconds,
        ),
        "out_of_fold": out_of_fold,
    }
