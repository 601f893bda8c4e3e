"""Prediction intervals from grouped out-of-fold residuals: normalised conformal prediction.

The half width of an interval is `quantile * scale(x)`. The scores that give the quantile are
absolute out-of-fold residuals over their scale, each from models that never saw the chemical
system of the row.

MAPIE 1.6 supplies the scores of intervals here, not the intervals: its cross-conformal regressor
refuses `ResidualNormalisedScore` ("only with split and prefit methods"), and its quantile counts
rows, while rows of one chemical system are not exchangeable with rows of another.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from matscreen.structures import FloatArray, IntArray
from matscreen.surrogates.portfolio import EXTRA_TREES, fit_residual_size, tree_spread

LEVEL = 0.90
"""Nominal coverage of every interval."""

SIGMAS = 3.29
"""Width of a Gaussian 90 % interval in standard deviations: std = (upper - lower) / 3.29."""

Folds = Sequence[tuple[IntArray, IntArray]]

_RESIDUAL_MIN = 200
_FLOOR = 0.2
_TINY = 1e-12


@dataclass(frozen=True, eq=False)
class Scale:
    """The size of the error to expect at a row, up to a factor that calibration fixes.

    Attributes:
        kind: `constant`; `spread`, the disagreement of the trees of a forest; or `residual`, a
            model of the absolute out-of-fold residual.
        floor: Added to the size, so that no row is held to be exact.
        regressor: The residual model, else None.
    """

    kind: str
    floor: float = 0.0
    regressor: Any = None

    @property
    def needs_forest(self) -> bool:
        """Whether `spread` must be given to `sizes`."""
        return self.kind != "constant"

    def sizes(self, X: FloatArray, mean: FloatArray, spread: FloatArray) -> FloatArray:
        """Return the expected error of each row, (n,)."""
        if self.kind == "constant":
            return np.ones(len(mean))
        if self.kind == "spread":
            return spread + self.floor
        found = self.regressor.predict(np.column_stack([X, mean, spread]))
        return np.asarray(found, dtype=np.float64) + self.floor


def scale_kinds(n_labels: int, *, forest: bool) -> tuple[str, ...]:
    """Return the scales worth trying: a residual model needs labels, the others almost none."""
    if not forest:
        return ("constant",)
    return (
        ("constant", "spread", "residual") if n_labels >= _RESIDUAL_MIN else ("constant", "spread")
    )


@dataclass(frozen=True, eq=False)
class Residuals:
    """Out-of-fold errors of one model, (n,) each; the material from which a scale is fitted.

    Attributes:
        X: Features, (n, k).
        mean: Predictions, transformed space.
        spread: Standard deviations of the trees of the forest.
        size: Absolute residuals.
    """

    X: FloatArray
    mean: FloatArray
    spread: FloatArray
    size: FloatArray

    def take(self, rows: IntArray) -> Residuals:
        """Return the chosen rows."""
        return Residuals(self.X[rows], self.mean[rows], self.spread[rows], self.size[rows])


def fit_scale(kind: str, rows: Residuals, *, seed: int) -> Scale:
    """Fit a scale to out-of-fold errors."""
    if kind == "spread":
        return Scale(kind, _FLOOR * float(np.median(rows.spread)) + _TINY)
    if kind == "residual":
        inputs = np.column_stack([rows.X, rows.mean, rows.spread])
        regressor = fit_residual_size(inputs, rows.size, seed=seed)
        return Scale(kind, _FLOOR * float(np.median(rows.size)) + _TINY, regressor)
    return Scale("constant")


def out_of_fold_sizes(kind: str, rows: Residuals, folds: Folds, *, seed: int) -> FloatArray:
    """Return the size of each row from a scale fitted without the fold of that row, (n,)."""
    sizes = np.empty(len(rows.mean))
    for train, test in folds:
        held = rows.take(test)
        scale = fit_scale(kind, rows.take(train), seed=seed)
        sizes[test] = scale.sizes(held.X, held.mean, held.spread)
    return sizes


@dataclass(frozen=True)
class LabelError:
    """Standard deviation of a label as a function of its value, transformed space.

    Attributes:
        floor: Deviation of a label of value zero.
        slope: Growth with the value: deviation^2 = floor^2 + (slope value)^2.
    """

    floor: float = 0.0
    slope: float = 0.0

    def half_widths(self, values: FloatArray) -> FloatArray:
        """Return the half widths of Gaussian 90 % intervals around values, (n,)."""
        return np.asarray(0.5 * SIGMAS * np.hypot(self.floor, self.slope * values))


def fit_label_error(values: FloatArray, std: FloatArray) -> LabelError:
    """Fit how the stated deviation of labels grows with their value.

    Least squares on the relative error of the variance, both coefficients non-negative.

    Args:
        values: Transformed labels, (n,).
        std: Their deviations, (n,); rows without a positive one are left out.
    """
    from scipy.optimize import nnls

    known = std > 0.0
    if not known.any():
        return LabelError()
    variance = np.square(std[known])
    inputs = np.stack([np.ones(len(variance)), np.square(values[known])], axis=1)
    found, _ = nnls(inputs / variance[:, None], np.ones(len(variance)))
    return LabelError(math.sqrt(found[0]), math.sqrt(found[1]))


def conformal_quantile(
    scores: FloatArray, groups: Sequence[Any] | np.ndarray[Any, Any], *, level: float = LEVEL
) -> float:
    """Return the score that covers a row of a new group with probability `level`.

    Hierarchical conformal prediction (Lee, Barber, Willett 2023): the G groups and the new one are
    exchangeable, rows are so only within their group. A row of a group of size m weighs
    1 / (m (G + 1)) and infinity weighs 1 / (G + 1). With groups of one row this is the usual
    ceil((n + 1) level)-th smallest score.

    Returns:
        The quantile, infinite when there are too few groups for the level.
    """
    _, member, size = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    weight = 1.0 / (size[member] * (len(size) + 1.0))
    order = np.argsort(scores, kind="stable")
    reached = np.cumsum(weight[order])
    # The tolerance keeps sums of thirds and tenths from skipping one score.
    position = int(np.searchsorted(reached, level - 1e-9))
    return float(scores[order[position]]) if position < len(scores) else math.inf


def out_of_fold_half_widths(
    residual: FloatArray, sizes: FloatArray, groups: np.ndarray[Any, Any], folds: Folds
) -> FloatArray:
    """Return honest half widths, (n,): the quantile for a fold comes from the other folds only."""
    scores = residual / sizes
    half = np.empty(len(residual))
    for train, test in folds:
        half[test] = conformal_quantile(scores[train], groups[train]) * sizes[test]
    return half


def constant_half_width(
    values: FloatArray, residual: FloatArray, groups: np.ndarray[Any, Any]
) -> float:
    """Return the half width of the model that predicts a constant.

    The conformal quantile of the residuals where there are groups enough for it. Below that the
    Gaussian prediction interval t(G - 1) s sqrt(1 + 1 / G) of a new group, s the standard
    deviation of the values and at least the largest residual.

    Args:
        values: Transformed labels, (n,).
        residual: Absolute distance of each label from the median of the other groups, (n,).
        groups: Group of each label, (n,).
    """
    found = conformal_quantile(residual, groups)
    if math.isfinite(found):
        return found
    from scipy.stats import t

    count = max(2, len(np.unique(groups)))
    factor = float(t.ppf(0.5 + LEVEL / 2.0, count - 1)) * math.sqrt(1.0 + 1.0 / count)
    deviation = float(np.std(values, ddof=1)) if len(values) > 1 else 0.0
    return max(factor * deviation, float(residual.max()))


def winkler_score(
    y: FloatArray, lower: FloatArray, upper: FloatArray, *, level: float = LEVEL
) -> float:
    """Return the mean interval score (Winkler 1972): width plus 2/(1 - level) times any miss."""
    from mapie.metrics.regression import regression_mwi_score

    return float(regression_mwi_score(y, np.stack([lower, upper], axis=1)[:, :, None], level))


def coverage(y: FloatArray, lower: FloatArray, upper: FloatArray) -> float:
    """Return the share of labels inside their interval; NaN without labels."""
    return float(np.mean((lower <= y) & (y <= upper))) if len(y) else math.nan


def spread_of(estimators: Any, X: FloatArray) -> FloatArray:
    """Return the tree spread of the forest among fitted members, (n,); zeros without a forest."""
    forest = estimators.get(EXTRA_TREES)
    return np.zeros(len(X)) if forest is None else tree_spread(forest, X)
