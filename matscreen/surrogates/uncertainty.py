"""Prediction intervals from grouped out-of-fold residuals: normalised conformal prediction.

The half width of an interval is `factor * scale(x)`, the factor a conformal quantile that depends
gently on the scale. The scores that give it are absolute out-of-fold residuals over their scale,
each from models that never saw the chemical system of the row.

MAPIE 1.6 supplies the scores of intervals here, not the intervals: its cross-conformal regressor
refuses `ResidualNormalisedScore` ("only with split and prefit methods"), and its quantile counts
rows, while rows of one chemical system are not exchangeable with rows of another.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Any

import numpy as np

from matscreen.structures import FloatArray, IntArray
from matscreen.surrogates.portfolio import fit_residual_size, typical_size

LEVEL = 0.90
"""Nominal coverage of every interval."""

SIGMAS = 3.29
"""Width of a Gaussian 90 % interval in standard deviations: std = (upper - lower) / 3.29."""

Folds = Sequence[tuple[IntArray, IntArray]]

LEVELS = np.round(np.arange(0.05, 0.96, 0.05), 2)
"""Levels at which intervals are calibrated."""

_RESIDUAL_MIN = 200
_FLOOR = 0.2
_TINY = 1e-12
_GROUPS_PER_WINDOW = 150
_MOST_WINDOWS = 8
_LEAST_SHARE = 0.05


@dataclass(frozen=True, eq=False)
class Scale:
    """The size of the error to expect at a row, up to a factor that calibration fixes.

    Attributes:
        kind: `constant`; `spread`, the disagreement of the members and of the trees of a forest; or
            `residual`, a model of the absolute out-of-fold residual.
        floor: Added to the size, so that no row is held to be exact.
        regressor: The residual model, else None.
        columns: Features that the residual model takes.
    """

    kind: str
    floor: float = 0.0
    regressor: Any = None
    columns: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))

    def sizes(self, rows: Rows) -> FloatArray:
        """Return the expected error of each row, (n,)."""
        if self.kind == "constant":
            return np.ones(len(rows.mean))
        if self.kind == "spread":
            return rows.spread + self.floor
        found = self.regressor.predict(rows.inputs(self.columns))
        return np.asarray(found, dtype=np.float64) + self.floor


@dataclass(frozen=True, eq=False)
class Rows:
    """What is known of rows when the size of their error is asked, (n,) each.

    Attributes:
        X: Features, (n, k).
        mean: Predictions, transformed space.
        spread: Disagreement of the members.
        distance: Distance to the labelled rows.
    """

    X: FloatArray
    mean: FloatArray
    spread: FloatArray
    distance: FloatArray

    def inputs(self, columns: IntArray) -> FloatArray:
        """Return the features of the residual model."""
        return np.column_stack([self.X[:, columns], self.mean, self.spread, self.distance])

    def take(self, rows: IntArray) -> Rows:
        """Return the chosen rows."""
        return Rows(self.X[rows], self.mean[rows], self.spread[rows], self.distance[rows])


def scale_kinds(n_labels: int) -> tuple[str, ...]:
    """Return the scales worth trying: a residual model needs labels, the others almost none."""
    return (
        ("constant", "spread", "residual") if n_labels >= _RESIDUAL_MIN else ("constant", "spread")
    )


def fit_scale(kind: str, rows: Rows, size: FloatArray, *, columns: IntArray, seed: int) -> Scale:
    """Fit a scale to the absolute out-of-fold residuals `size`, (n,)."""
    if kind == "spread":
        return Scale(kind, _FLOOR * float(np.median(rows.spread)) + _TINY)
    if kind == "residual":
        regressor = fit_residual_size(rows.inputs(columns), size, seed=seed)
        return Scale(kind, _FLOOR * typical_size(size) + _TINY, regressor, columns)
    return Scale("constant")


def out_of_fold_sizes(
    kind: str, rows: Rows, size: FloatArray, folds: Folds, *, columns: IntArray, seed: int
) -> FloatArray:
    """Return the expected error of each row from a scale fitted without the fold of that row."""
    sizes = np.empty(len(rows.mean))
    for train, test in folds:
        scale = fit_scale(kind, rows.take(train), size[train], columns=columns, seed=seed)
        sizes[test] = scale.sizes(rows.take(test))
    return sizes


@dataclass(frozen=True, eq=False)
class Calibration:
    """Half width over expected error, as a function of level and expected error.

    One conformal quantile a window of expected errors: the errors of hard rows need not be those of
    easy rows scaled up. Between the centres of the windows it is interpolated.

    Attributes:
        centers: Logarithm of the expected error at the centre of each window, (w,).
        factors: Half width over expected error, (levels, w).
    """

    centers: FloatArray
    factors: FloatArray

    def half_widths(self, sizes: FloatArray, *, level: float = LEVEL) -> FloatArray:
        """Return the half widths of intervals, (n,).

        Args:
            sizes: Expected errors, (n,).
            level: Nominal coverage, 0.05 to 0.95; between the calibrated levels it is interpolated.
        """
        at = float(np.clip(level, LEVELS[0], LEVELS[-1]))
        right = min(int(np.searchsorted(LEVELS, at - 1e-9)), len(LEVELS) - 1)
        left = max(right - 1, 0) if LEVELS[right] - at > 1e-9 else right
        share = 0.0 if left == right else (at - LEVELS[left]) / (LEVELS[right] - LEVELS[left])
        factor = self.factors[left]
        if share > 0.0:  # zero times an infinite factor, of few systems, would be no number
            factor = (1.0 - share) * factor + share * self.factors[right]
        return np.asarray(np.interp(np.log(sizes), self.centers, factor) * sizes)

    def scaled(self, by: FloatArray) -> Calibration:
        """Return a calibration of wider or narrower intervals, by one factor a window, (w,)."""
        return replace(self, factors=self.factors * by)

    @classmethod
    def of_constant(cls, half: float) -> Calibration:
        """Return the calibration of a constant model with this 90 % half width.

        The other levels are those of a Gaussian of the same width.
        """
        from scipy.special import ndtri

        shape = ndtri(0.5 + LEVELS / 2.0) / ndtri(0.5 + LEVEL / 2.0)
        return cls(np.zeros(1), np.asarray(half * shape)[:, None])


def calibrate(residual: FloatArray, sizes: FloatArray, groups: np.ndarray[Any, Any]) -> Calibration:
    """Calibrate half widths on absolute out-of-fold residuals, (n,) each."""
    scores, log_size = residual / sizes, np.log(sizes)
    order = np.argsort(log_size, kind="stable")
    n, n_groups = len(order), len(np.unique(groups))
    varies = float(np.ptp(log_size)) > 1e-9
    windows = int(np.clip(n_groups // _GROUPS_PER_WINDOW, 1, _MOST_WINDOWS)) if varies else 1
    centers, factors = [], []
    everywhere = conformal_quantiles(scores, groups, LEVELS)
    for index in range(windows):
        # Twice as wide as their spacing, so that neighbours share half of their rows.
        middle, half = (index + 0.5) * n / windows, n / windows
        rows = order[max(0, int(middle - half)) : min(n, int(middle + half))]
        found = (
            everywhere if windows == 1 else conformal_quantiles(scores[rows], groups[rows], LEVELS)
        )
        centers.append(float(np.median(log_size[rows])))
        # Where nearly all errors are zero (metals among gaps) an interval still has a width.
        found = np.maximum(found, _LEAST_SHARE * everywhere)
        factors.append(np.where(np.isfinite(found), found, everywhere))
    return Calibration(np.array(centers), np.array(factors).T)


def out_of_fold_calibrated(
    residual: FloatArray, sizes: FloatArray, groups: np.ndarray[Any, Any], folds: Folds
) -> FloatArray:
    """Return honest half widths at every level, (levels, n), calibrated on the other folds only."""
    half = np.empty((len(LEVELS), len(residual)))
    for train, test in folds:
        found = calibrate(residual[train], sizes[train], groups[train])
        for row, level in enumerate(LEVELS):
            half[row, test] = found.half_widths(sizes[test], level=float(level))
    return half


@dataclass(frozen=True)
class Parts:
    """How the variance of an error splits: r^2 = aleatoric + epistemic spread^2 on average.

    What grows with the disagreement of models is lack of knowledge (epistemic): more labels there
    would shrink it. The rest is scatter of the labels at given features (aleatoric).

    Attributes:
        aleatoric: Variance without any disagreement, transformed space.
        epistemic: Growth with the squared disagreement.
    """

    aleatoric: float = 1.0
    epistemic: float = 0.0

    def epistemic_share(self, spread: FloatArray) -> FloatArray:
        """Return the epistemic share of the variance of each row, 0 to 1, (n,)."""
        grown = self.epistemic * np.square(spread)
        total = self.aleatoric + grown
        return np.asarray(grown / np.where(total > 0.0, total, 1.0))


def fit_parts(residual: FloatArray, spread: FloatArray) -> Parts:
    """Split the squared out-of-fold residuals, (n,), by their disagreement; both parts >= 0."""
    from scipy.optimize import nnls

    inputs = np.stack([np.ones(len(residual)), np.square(spread)], axis=1)
    # Relative errors count: otherwise a few large residuals decide.
    weight = 1.0 / (np.square(spread) + np.median(np.square(residual)) + _TINY)
    found, _ = nnls(inputs * weight[:, None], np.square(residual) * weight)
    return Parts(float(found[0]), float(found[1])) if found.any() else Parts()


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
    """Return the score that covers a new row with probability `level`, by groups and by rows.

    Hierarchical conformal prediction (Lee, Barber, Willett 2023): the G groups and the new one are
    exchangeable, rows are so only within their group. A row of a group of size m weighs
    1 / (m (G + 1)) and infinity weighs 1 / (G + 1). With groups of one row this is the usual
    ceil((n + 1) level)-th smallest score.

    That promise is about groups: if those of many rows are the harder ones, fewer than `level` of
    all rows are covered. So the quantile is at least that of rows that weigh alike,
    G / (n (G + 1)).

    Args:
        scores: Score of each row, (n,).
        groups: Group of each row, (n,).
        level: Probability that is asked for, 0 to 1.

    Returns:
        The quantile, infinite when there are too few groups for the level.
    """
    return float(conformal_quantiles(scores, groups, np.array([level]))[0])


def conformal_quantiles(
    scores: FloatArray, groups: Sequence[Any] | np.ndarray[Any, Any], levels: FloatArray
) -> FloatArray:
    """Return `conformal_quantile` at several levels, (levels,); infinite where groups are few."""
    _, member, size = np.unique(np.asarray(groups), return_inverse=True, return_counts=True)
    weight = 1.0 / (size[member] * (len(size) + 1.0))
    order = np.argsort(scores, kind="stable")
    by_rows = np.arange(1, len(scores) + 1) * (len(size) / (len(size) + 1.0) / len(scores))
    reached = np.minimum(np.cumsum(weight[order]), by_rows)
    # The tolerance keeps sums of thirds and tenths from skipping one score.
    positions = np.searchsorted(reached, levels - 1e-9)
    return np.append(scores[order], math.inf)[np.minimum(positions, len(scores))]


def out_of_fold_half_widths(
    residual: FloatArray, sizes: FloatArray, groups: np.ndarray[Any, Any], folds: Folds
) -> FloatArray:
    """Return honest half widths, (n,): the quantile for a fold comes from the other folds only.

    Args:
        residual: Absolute error of each row when it was left out, (n,).
        sizes: Expected size of it, (n,), in the same unit.
        groups: Group of each row, (n,).
        folds: Rows to learn from and rows to cover, by turns.
    """
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
    """Return the mean interval score (Winkler 1972): width plus 2/(1 - level) times any miss.

    Args:
        y: Labels, (n,).
        lower: Lower ends of their intervals, (n,), in the same unit.
        upper: Upper ends, (n,).
        level: Probability that the intervals claim.

    Examples:
        >>> ends = np.array([1.0, 1.0]), np.array([2.0, 2.0])
        >>> score = winkler_score(np.array([1.5, 2.5]), *ends)
        >>> round(score, 6)  # 1, and half of the time 2 / 0.1 times a miss by 0.5
        6.0
    """
    from mapie.metrics.regression import regression_mwi_score

    return float(regression_mwi_score(y, np.stack([lower, upper], axis=1)[:, :, None], level))


def coverage(y: FloatArray, lower: FloatArray, upper: FloatArray) -> float:
    """Return the share of labels inside their interval; NaN without labels.

    Args:
        y: Labels, (n,).
        lower: Lower ends of their intervals, (n,), in the same unit.
        upper: Upper ends, (n,).
    """
    return float(np.mean((lower <= y) & (y <= upper))) if len(y) else math.nan
