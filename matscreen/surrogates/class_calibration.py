"""Calibrated class probabilities and conformal prediction sets, out of fold.

Platt scaling in its form for many classes (Guo, Pleiss, Sun, Weinberger 2017: a slope and a bias
for each class on the logarithm of the probability) serves few labels; from 1,000 labels isotonic
regression, one class against the rest (Zadrozny and Elkan 2002), competes with it.

Sets are adaptive prediction sets (Romano, Sesia, Candès 2020): the probable classes until their
sum reaches a conformal quantile. The score of a class is the sum of the more probable ones plus
half of its own probability: the mid-point of the random score of the paper, so that a set does not
depend on a draw and still covers as many labels as promised. MAPIE has the sets, but its conformal
classifiers count rows, while rows of one chemical system are not exchangeable with those of
another; the quantile here gives every system the same weight.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

import numpy as np

from matscreen.structures import FloatArray, IntArray
from matscreen.surrogates.prediction import BoolArray
from matscreen.surrogates.uncertainty import LEVELS, Folds, conformal_quantiles

PLATT: Final = "platt"
ISOTONIC: Final = "isotonic"

ISOTONIC_FROM: Final = 1000
"""Labels from which isotonic regression competes: it follows luck where they are few."""

_PENALTY = 1.0
_MOST_POWER = 1.25
_TIE = 1e-9


@dataclass(frozen=True, eq=False)
class Calibrator:
    """From the probabilities of a model to calibrated ones.

    Attributes:
        kind: `platt` or `isotonic`.
        floor: Smallest probability of a class.
        slope: Of the logarithm; Platt scaling only.
        bias: Added to it, (n_classes,); Platt scaling only.
        knots: Probabilities of the model and the calibrated ones of each class; isotonic only.
        power: Power of the calibrated probabilities; see `power_of_all_labels`.
    """

    kind: str
    floor: float
    slope: float
    bias: FloatArray
    knots: tuple[tuple[FloatArray, FloatArray], ...] = ()
    power: float = 1.0

    def apply(self, p: FloatArray) -> FloatArray:
        """Return calibrated probabilities of rows, (n, n_classes); each row adds up to one."""
        given = _held(p, self.floor)
        if self.kind == PLATT:
            logits = self.slope * np.log(given) + self.bias
            logits -= logits.max(axis=1, keepdims=True)
            found = np.exp(logits)
        else:
            columns = zip(given.T, self.knots, strict=True)
            found = np.stack([np.interp(column, x, y) for column, (x, y) in columns], axis=1)
        return _held(np.power(_held(found, self.floor), self.power), self.floor)


def calibrator_kinds(n_labels: int) -> tuple[str, ...]:
    """Return the calibrations worth trying at a number of labels."""
    return (PLATT, ISOTONIC) if n_labels >= ISOTONIC_FROM else (PLATT,)


def fit_calibrator(kind: str, p: FloatArray, classes: IntArray) -> Calibrator:
    """Fit a calibration to out-of-fold probabilities.

    Args:
        kind: `platt` or `isotonic`.
        p: Out-of-fold probabilities, (n, n_classes).
        classes: Class of each row as a number, (n,).
    """
    floor = 1.0 / (len(p) + 2.0 * p.shape[1])
    given = _held(p, floor)
    if kind == PLATT:
        slope, bias = _platt(np.log(given), classes)
        return Calibrator(kind, floor, slope, bias)
    knots = tuple(_isotonic(given[:, k], classes == k) for k in range(p.shape[1]))
    return Calibrator(kind, floor, 1.0, np.zeros(p.shape[1]), knots)


def power_of_all_labels(
    p: FloatArray, of_half: FloatArray, classes: IntArray, *, n_splits: int
) -> float:
    """Return the power that calibrated probabilities of a classifier of all labels deserve.

    The fewer labels a classifier has, the more its probabilities must be drawn together: their
    slope in Platt scaling grows with the logarithm of the number (0.63, 0.69, 0.73, 0.76 with 50,
    67, 80 and 90 % of 3,700 oxides with and without gap). The line through two of them, drawn to
    all labels, gives the power: at least one, at most 1.25.

    Args:
        p: Out-of-fold probabilities of the model, not calibrated, (n, n_classes).
        of_half: The same where each model had half of the labels.
        classes: Class of each row as a number, (n,).
        n_splits: Number of folds of `p`, more than two.
    """
    floor = 1.0 / (len(p) + 2.0 * p.shape[1])
    slope, less = (_platt(np.log(_held(each, floor)), classes)[0] for each in (p, of_half))
    share = 1.0 - 1.0 / n_splits
    grown = slope + (slope - less) * np.log(1.0 / share) / np.log(share / 0.5)
    return float(np.clip(grown / slope, 1.0, _MOST_POWER))


def cross_calibrated(kind: str, p: FloatArray, classes: IntArray, folds: Folds) -> FloatArray:
    """Return probabilities calibrated on the other folds only, (n, n_classes)."""
    found = np.empty_like(p)
    for rows, held in folds:
        found[held] = fit_calibrator(kind, p[rows], classes[rows]).apply(p[held])
    return found


def log_loss(p: FloatArray, classes: IntArray) -> float:
    """Return the mean negative logarithm of the probability of the class that a row has."""
    own = p[np.arange(len(classes)), classes]
    return float(-np.mean(np.log(np.maximum(own, 1e-15))))


def set_scores(p: FloatArray) -> FloatArray:
    """Return the score of every class, (n, n_classes): more probable ones plus half of its own."""
    order = np.argsort(-p, axis=1, kind="stable")
    ordered = np.take_along_axis(p, order, axis=1)
    scores = np.empty_like(p)
    middle = np.cumsum(ordered, axis=1) - 0.5 * ordered
    np.put_along_axis(scores, order, middle, axis=1)
    return scores


def set_quantiles(p: FloatArray, classes: IntArray, groups: np.ndarray[Any, Any]) -> FloatArray:
    """Return the largest score of a class in the set, at every level of `uncertainty.LEVELS`.

    Infinite where there are too few chemical systems for a level: then every class is in the set.
    """
    own = set_scores(p)[np.arange(len(classes)), classes]
    return conformal_quantiles(own, groups, LEVELS)


def prediction_sets(p: FloatArray, quantile: float) -> BoolArray:
    """Return which classes are in the set of each row, (n, n_classes); the likeliest always is."""
    inside: BoolArray = set_scores(p) <= quantile + _TIE
    inside[np.arange(len(p)), p.argmax(axis=1)] = True
    return inside


def out_of_fold_sets(
    p: FloatArray, classes: IntArray, groups: np.ndarray[Any, Any], folds: Folds, *, level: int
) -> BoolArray:
    """Return honest sets, (n, n_classes): the quantile of a fold comes from the others only."""
    found = np.zeros(p.shape, dtype=bool)
    for rows, held in folds:
        quantile = set_quantiles(p[rows], classes[rows], groups[rows])[level]
        found[held] = prediction_sets(p[held], float(quantile))
    return found


def calibrator_parts(calibrator: Calibrator) -> dict[str, Any]:
    """Return what `calibrator_of` reads."""
    return {
        "kind": calibrator.kind,
        "floor": calibrator.floor,
        "slope": calibrator.slope,
        "bias": calibrator.bias,
        "knots": [list(pair) for pair in calibrator.knots],
        "power": calibrator.power,
    }


def calibrator_of(parts: Mapping[str, Any]) -> Calibrator:
    """Return what `calibrator_parts` was given."""
    return Calibrator(
        kind=str(parts["kind"]),
        floor=float(parts["floor"]),
        slope=float(parts["slope"]),
        bias=np.asarray(parts["bias"], dtype=np.float64),
        knots=tuple((np.asarray(x), np.asarray(y)) for x, y in parts["knots"]),
        power=float(parts["power"]),
    )


def _held(p: FloatArray, floor: float) -> FloatArray:
    """Return probabilities of at least a floor whose sum is one."""
    held = np.maximum(p, floor)
    return np.asarray(held / held.sum(axis=1, keepdims=True))


def _platt(logs: FloatArray, classes: IntArray) -> tuple[float, FloatArray]:
    """Return slope and biases of the greatest likelihood, held near one and zero by a prior."""
    from scipy.optimize import minimize
    from scipy.special import logsumexp

    n, n_classes = logs.shape
    hits = np.arange(n)

    def loss(theta: FloatArray) -> float:
        logits = np.exp(theta[0]) * logs + theta[1:]
        fit = np.sum(logsumexp(logits, axis=1) - logits[hits, classes])
        return float(fit + 0.5 * _PENALTY * np.sum(np.square(theta)))

    found = minimize(loss, np.zeros(1 + n_classes), method="L-BFGS-B").x
    return float(np.exp(found[0])), np.asarray(found[1:])


def _isotonic(p: FloatArray, hit: BoolArray) -> tuple[FloatArray, FloatArray]:
    from sklearn.isotonic import IsotonicRegression

    fitted = IsotonicRegression(out_of_bounds="clip").fit(p, hit.astype(np.float64))
    return np.asarray(fitted.X_thresholds_), np.asarray(fitted.y_thresholds_)
