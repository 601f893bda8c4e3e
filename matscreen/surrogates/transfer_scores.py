"""Scores of transferred surrogates on held-out rows, and the choice between them."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any, Final

import numpy as np
import numpy.typing as npt

from matscreen.structures import FloatArray
from matscreen.surrogates.space import Space
from matscreen.surrogates.uncertainty import LEVEL, coverage, winkler_score

NONE: Final = "none"
_ERRORS: Final = 1.5


def choose(found: Mapping[str, Mapping[str, Any]], name: str) -> tuple[str, dict[str, Any]]:
    """Choose between cards of the same rows by their out-of-fold interval scores.

    A source is used only where it beats the labels alone by more than luck, since the best of
    several useless candidates beats nothing by luck. It does when its mean interval score is lower
    by more than one standard error of the difference over chemical systems; or when the scores tie
    (few labels: one miss decides them) and its mean absolute error is lower by more than one and a
    half standard errors. Among those that do, the best interval score wins.

    Args:
        found: Card of each mode, `none` among them; rows of their out-of-fold tables agree.
        name: Registry name of the property.

    Returns:
        The mode, and the scores that it was chosen by.
    """
    scores = {mode: interval_scores(card, name) for mode, card in found.items()}
    errors = {mode: absolute_errors(card, name) for mode, card in found.items()}
    systems = np.asarray(found[NONE]["out_of_fold"]["group"], dtype=str)
    gains: dict[str, dict[str, float]] = {}
    better = []
    for mode in (key for key in found if key != NONE):
        score, score_error = paired_gain(scores[NONE] - scores[mode], systems)
        error, error_error = paired_gain(errors[NONE] - errors[mode], systems)
        gains[mode] = {
            "score": score,
            "score_standard_error": score_error,
            "absolute_error": error,
            "absolute_error_standard_error": error_error,
        }
        tie = score > -score_error
        if score > score_error or (tie and error > _ERRORS * error_error):
            better.append(mode)
    mode = min(better, key=lambda key: scores[key].mean(), default=NONE)
    return mode, {
        "score": "mean interval score of out-of-fold predictions, in the space of the property; "
        "gains are those over the labels alone, standard errors over chemical systems",
        "scores": {key: float(score.mean()) for key, score in scores.items()},
        "gains": gains,
        "mae": {key: card["metrics"]["mae"] for key, card in found.items()},
        "coverage_90": {key: card["metrics"]["coverage_90"] for key, card in found.items()},
        "saved_score": 1.0 - float(scores[mode].mean() / scores[NONE].mean()),
    }


def absolute_errors(card: Mapping[str, Any], name: str) -> FloatArray:
    """Return the absolute error of each out-of-fold row in the space of the property, (n,)."""
    table = card["out_of_fold"]
    forward = Space.of(name).forward
    mean, y = (forward(np.asarray(table[key], dtype=np.float64)) for key in ("mean", "y"))
    return np.asarray(np.abs(mean - y))


def interval_scores(card: Mapping[str, Any], name: str) -> FloatArray:
    """Return the interval score of each out-of-fold row, (n,): width + 2 / (1 - level) misses.

    In the space of the property (decades of a logarithmic one); Winkler (1972).
    """
    table = card["out_of_fold"]
    forward = Space.of(name).forward
    y, lower, upper = (
        forward(np.asarray(table[key], dtype=np.float64)) for key in ("y", "lower", "upper")
    )
    miss = np.maximum(lower - y, 0.0) + np.maximum(y - upper, 0.0)
    return np.asarray(upper - lower + 2.0 / (1.0 - LEVEL) * miss)


def paired_gain(gain: FloatArray, systems: npt.NDArray[np.str_]) -> tuple[float, float]:
    """Return the mean of a difference over rows and its standard error over chemical systems."""
    _, member = np.unique(systems, return_inverse=True)
    count = int(member.max()) + 1
    mean = float(gain.mean())
    if count < 2:
        return mean, float(gain.std(ddof=1) / math.sqrt(len(gain)))
    sums = np.bincount(member, weights=gain - mean, minlength=count)
    variance = count / (count - 1.0) * float(np.sum(np.square(sums))) / len(gain) ** 2
    return mean, math.sqrt(variance)


def transferred_metrics(
    target: Mapping[str, Any],
    table: Mapping[str, Any],
    groups: Sequence[str],
) -> dict[str, Any]:
    """Return the metrics of a card for predictions that a source had a part in.

    Args:
        target: Metrics of the target surrogate; those that neither unit nor domain touch are kept.
        table: Out-of-fold rows in the unit of the property: y, mean, lower, upper, in_domain.
        groups: Chemical system of each row.
    """
    from scipy.stats import spearmanr

    y, mean, lower, upper = (np.asarray(table[key]) for key in ("y", "mean", "lower", "upper"))
    inside = np.asarray(table["in_domain"], dtype=bool)
    error, width = np.abs(mean - y), upper - lower

    def spearman(a: FloatArray, b: FloatArray) -> float:
        return float(spearmanr(a, b).statistic) if np.ptp(a) > 0.0 and np.ptp(b) > 0.0 else math.nan

    total = float(np.sum(np.square(y - y.mean())))
    found = {
        "mae": float(error.mean()),
        "rmse": float(np.sqrt(np.mean(np.square(error)))),
        "spearman": spearman(y, mean),
        "r2": 1.0 - float(np.sum(np.square(error))) / total if total > 0.0 else math.nan,
        "null_mae": float(np.mean(np.abs(_held_out_medians(y, groups) - y))),
        "coverage_90": coverage(y, lower, upper),
        "coverage_in_domain": coverage(y[inside], lower[inside], upper[inside]),
        "spearman_error_width": spearman(error, width),
        "fraction_in_domain": float(np.mean(inside)),
        "mean_width": float(width.mean()),
        "median_width": float(np.median(width)),
        "winkler": winkler_score(y, lower, upper),
    }
    known = {name: value if math.isfinite(value) else None for name, value in found.items()}
    return {**target, **known}


def _held_out_medians(y: FloatArray, groups: Sequence[str]) -> FloatArray:
    """Return for each row the median of the labels of other chemical systems, (n,)."""
    systems = np.asarray(groups, dtype=str)
    names = np.unique(systems)
    if len(names) < 2:
        return np.full(len(y), float(np.median(y)))
    null = np.empty(len(y))
    for name in names:
        inside = systems == name
        null[inside] = np.median(y[~inside])
    return null
