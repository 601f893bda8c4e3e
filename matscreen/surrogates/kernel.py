"""Kernel ridge regression in a learned metric, with its held-out residuals in closed form.

The mean of a Gaussian process with a Matérn kernel. Rows left out together, a chemical system, a
fold or all rows of an element, have the residuals (K^-1)_bb^-1 (K^-1 y)_b of the model that never
saw them, so that one inversion serves every way of leaving rows out (Sundararajan and Keerthi
2001).
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass, replace
from typing import Any

import numpy as np
from sklearn.base import BaseEstimator, RegressorMixin

from matscreen.structures import FloatArray, IntArray
from matscreen.surrogates.metric import (
    LENGTH,
    MOST_ROWS,
    ROUNDS,
    Float32Array,
    Metric,
    learn_metric,
    matern,
    metric_rows,
)

_FEW = 1000
"""Rows up to which the rounds of the metric are chosen too, and longer lengths tried."""
_TUNED_FEW, _TUNED_MANY = 600, 1500
"""Rows on which settings are chosen."""
_EXACT = 2500
"""Rows up to which the system is solved in double precision."""
_NOISES_FEW = (1e-3, 1e-2, 3e-2, 1e-1, 3e-1, 1.0)
_NOISES_MANY = (1e-3, 3e-3, 1e-2)
_LENGTHS_FEW = (LENGTH, 2.0 * LENGTH)
_LENGTHS_MANY = (0.5 * LENGTH, 0.7 * LENGTH, LENGTH)
_ROUNDS_FEW = (0, 1, ROUNDS)
_SMOOTHNESSES = (1.5, 2.5)
_APART = (0.0, 0.01, 0.03)
_OUTLYING = 1.5
_OUTLIER_NOISE = 0.03
_CHUNK = 512


@dataclass(frozen=True)
class KernelSettings:
    """What is chosen before a kernel regression is fitted.

    Attributes:
        rounds: Rounds of weighing the columns; see `metric.learn_metric`.
        length: Length of the Matérn kernel, in units of the median distance.
        noise: Variance of a label, in units of the variance of the labels.
        robust: Whether rows with outlying residuals r get more noise, noise + 0.03
            ((|r| / c)^2 - 1) beyond c = 1.5 robust standard deviations: published tables hold
            broken calculations.
        smoothness: Of the kernel, 3/2 or 5/2.
        apart: Squared distance of two ions of different name on one site (0.063 against 0.071 eV on
            heats of formation of perovskites with geometry).
        ion_columns: Columns that name the ion of a site.
        metric_rows: Most rows that the metric is learned from, the same in folds as in the end.
    """

    rounds: int = ROUNDS
    length: float = LENGTH
    noise: float = 1e-3
    robust: bool = False
    smoothness: float = 1.5
    apart: float = 0.0
    ion_columns: tuple[int, ...] = ()
    metric_rows: int = MOST_ROWS


class MaternKernelRidge(RegressorMixin, BaseEstimator):  # type: ignore[misc]
    """Matérn 3/2 kernel ridge regression in a metric learned from the same rows.

    Args:
        rounds: As in `KernelSettings`.
        length: As in `KernelSettings`.
        noise: As in `KernelSettings`.
        robust: As in `KernelSettings`.
        smoothness: As in `KernelSettings`.
        apart: As in `KernelSettings`.
        ion_columns: As in `KernelSettings`.
        metric_rows: As in `KernelSettings`.
        seed: Seed of the draws of rows.
    """

    def __init__(
        self,
        *,
        rounds: int = ROUNDS,
        length: float = LENGTH,
        noise: float = 1e-3,
        robust: bool = False,
        smoothness: float = 1.5,
        apart: float = 0.0,
        ion_columns: tuple[int, ...] = (),
        metric_rows: int = MOST_ROWS,
        seed: int = 0,
    ) -> None:
        self.rounds = rounds
        self.length = length
        self.noise = noise
        self.robust = robust
        self.smoothness = smoothness
        self.apart = apart
        self.ion_columns = ion_columns
        self.metric_rows = metric_rows
        self.seed = seed

    def fit(self, X: FloatArray, y: FloatArray) -> MaternKernelRidge:
        """Fit to rows, (n, k), and labels, (n,)."""
        self._factorise(X, y)
        return self

    def fit_inverse(self, X: FloatArray, y: FloatArray) -> FloatArray:
        """Fit, and return the inverse of kernel and noise, (n, n), its lower triangle only."""
        from scipy.linalg import lapack

        factor = self._factorise(X, y)
        invert = lapack.dpotri if factor.dtype == np.float64 else lapack.spotri
        inverse, _ = invert(factor, lower=1, overwrite_c=1)
        return np.asarray(inverse)

    def fit_held_out(
        self, X: FloatArray, y: FloatArray, groups: np.ndarray[Any, Any]
    ) -> FloatArray:
        """Fit, and return what is predicted of each row when its group is left out, (n,).

        Args:
            X: Features, (n, k).
            y: Labels, (n,).
            groups: What is left out together, such as the chemical system, (n,).
        """
        inverse = self.fit_inverse(X, y)
        found = np.array(y, dtype=np.float64)
        blocks = members(groups)
        for rows, residual in zip(blocks, self.held_out(inverse, blocks), strict=True):
            found[rows] -= residual
        return found

    def _factorise(self, X: FloatArray, y: FloatArray) -> FloatArray:
        values = np.asarray(y, dtype=np.float64)
        self.center_ = float(np.median(values))
        self.spread_ = float(values.std()) or 1.0
        target = (values - self.center_) / self.spread_
        metric = learn_metric(X, target, rounds=self.rounds, rows=self.metric_rows, seed=self.seed)
        self.metric_ = metric.with_ions(X, self.ion_columns, self.apart)
        self.points_ = self.metric_.embed(X)
        noise = np.full(len(values), self.noise)
        if self.robust:
            noise = _with_outliers(noise, self._residuals_of_all(target))
        K = self._kernel(self.points_, self.points_)
        factor = _factor(np.asarray(K, dtype=np.float32 if len(K) > _EXACT else np.float64), noise)
        self.alpha_ = _solved(factor, target)
        return factor

    def _residuals_of_all(self, target: FloatArray) -> FloatArray:
        """Return residuals by a model of some rows, each of which is left out in turn."""
        rows = _drawn(len(target), _TUNED_MANY, self.seed)
        points = self.points_[rows]
        K = self._kernel(points, points).astype(np.float64)
        alpha, left_out = _solved_and_left_out(K, np.full(len(rows), self.noise), target[rows])
        alpha = alpha.astype(np.float32)
        residual = np.empty(len(target))
        for start in range(0, len(target), _CHUNK):
            part = slice(start, start + _CHUNK)
            residual[part] = target[part] - self._kernel(self.points_[part], points) @ alpha
        residual[rows] = left_out
        return residual

    def _kernel(self, A: Float32Array, B: Float32Array) -> Float32Array:
        return matern(A, B, self.length, self.smoothness)

    def predict(self, X: FloatArray) -> FloatArray:
        """Return predictions, (n,); that of a row does not depend on the rows it comes with."""
        points = self.metric_.embed(X)
        alpha = self.alpha_.astype(np.float32)
        found = np.empty(len(points))
        for start in range(0, len(points), _CHUNK):
            rows = slice(start, start + _CHUNK)
            weighted = self._kernel(points[rows], self.points_)
            weighted *= alpha
            weighted.sum(axis=1, dtype=np.float64, out=found[rows])
        return np.asarray(found * self.spread_ + self.center_)

    def held_out(self, inverse: FloatArray, blocks: Iterable[IntArray]) -> list[FloatArray]:
        """Return the signed residuals (label minus prediction) of blocks of rows left out in turn.

        The metric and the noise stay those of all rows.

        Args:
            inverse: From `fit_inverse`.
            blocks: Indices of the rows of each block.
        """
        return [found * self.spread_ for found in _block_residuals(inverse, self.alpha_, blocks)]


def choose_settings(
    X: FloatArray,
    y: FloatArray,
    groups: np.ndarray[Any, Any],
    *,
    ion_columns: Sequence[int] = (),
    seed: int,
) -> KernelSettings:
    """Return the settings with the least mean absolute error on chemical systems held out.

    First what makes two materials alike, then how far that reaches (0.568 against 0.581 eV on
    vacancies), then how much the labels are trusted; three shuffled folds of at most 1,500 rows.
    Residuals in closed form would be cheaper, but the metric and the outliers would have seen the
    rows (measured: 5 to 10 % too good).

    Part of the noise is what the rows drawn are too few to show; it falls with the root of their
    number (0.0597 against 0.0603 eV on 6,000 heats of formation).

    Args:
        X: Features, (n, k).
        y: Labels in the space of the model, (n,).
        groups: Chemical system of each row.
        ion_columns: Columns that name the ion of a site.
        seed: Seed of the draw of rows and of the folds.
    """
    from sklearn.model_selection import GroupKFold

    few = len(y) <= _FEW
    rows = _drawn(len(y), _TUNED_FEW if few else _TUNED_MANY, seed)
    features, target = X[rows], (y[rows] - np.median(y)) / (float(y.std()) or 1.0)
    splitter = GroupKFold(3, shuffle=True, random_state=seed)
    folds = list(splitter.split(features, groups=groups[rows]))
    metrics: dict[tuple[int, int], Metric] = {}

    def error(settings: KernelSettings) -> float:
        missed = 0.0
        for number, (train, test) in enumerate(folds):
            key = (number, settings.rounds)
            if key not in metrics:
                metrics[key] = learn_metric(
                    features[train], target[train], rounds=settings.rounds, seed=seed
                )
            metric = metrics[key].with_ions(features[train], settings.ion_columns, settings.apart)
            points, held = metric.embed(features[train]), metric.embed(features[test])
            K = matern(points, points, settings.length, settings.smoothness).astype(np.float64)
            noise = np.full(len(train), settings.noise)
            if settings.robust:
                noise = _with_outliers(noise, _solved_and_left_out(K, noise, target[train])[1])
            alpha = _solved(_factor(K, noise), target[train])
            found = matern(held, points, settings.length, settings.smoothness) @ alpha
            missed += float(np.abs(target[test] - found).sum())
        return missed

    start = KernelSettings(
        noise=1e-2 if few else 1e-3,
        ion_columns=tuple(ion_columns),
        metric_rows=metric_rows(len(y)),
    )
    alike = [
        replace(start, rounds=rounds, smoothness=smoothness, apart=apart)
        for rounds in (_ROUNDS_FEW if few else (ROUNDS,))
        for smoothness in _SMOOTHNESSES
        for apart in (_APART if len(ion_columns) else (0.0,))
    ]
    best = min(alike, key=error)
    if not few:
        best = min((replace(best, length=length) for length in _LENGTHS_MANY), key=error)
    trusted = [
        replace(best, length=length, noise=noise, robust=robust)
        for length in (_LENGTHS_FEW if few else (best.length,))
        for noise in (_NOISES_FEW if few else _NOISES_MANY)
        for robust in (False, True)
    ]
    chosen = min(trusted, key=error)
    return replace(chosen, noise=chosen.noise * float(np.sqrt(len(rows) / len(y))))


def members(groups: np.ndarray[Any, Any]) -> list[IntArray]:
    """Return the rows of every group."""
    _, inverse = np.unique(groups, return_inverse=True)
    order = np.argsort(inverse, kind="stable")
    return np.split(order, np.flatnonzero(np.diff(inverse[order])) + 1)


def _drawn(n: int, most: int, seed: int) -> IntArray:
    return np.sort(np.random.default_rng(seed).permutation(n)[:most])


def _with_outliers(noise: FloatArray, residual: FloatArray) -> FloatArray:
    size = np.abs(residual)
    cut = _OUTLYING * 1.4826 * max(float(np.median(size)), 1e-12)
    excess = np.maximum(np.square(size / cut) - 1.0, 0.0)
    return np.asarray(noise + np.minimum(_OUTLIER_NOISE * excess, 10.0))


def _solved_and_left_out(
    K: FloatArray, noise: FloatArray, y: FloatArray
) -> tuple[FloatArray, FloatArray]:
    """Return the weights of the rows, and the residual of each row when it is left out."""
    from scipy.linalg import lapack

    factor = _factor(K, noise)
    alpha = _solved(factor, y)
    inverse, _ = lapack.dpotri(factor, lower=1, overwrite_c=1)
    return alpha, alpha / np.diag(inverse)


def _block_residuals(
    inverse: FloatArray, alpha: FloatArray, blocks: Iterable[IntArray]
) -> list[FloatArray]:
    """Return (K^-1)_bb^-1 alpha_b; only the lower triangle of the inverse is read."""
    from scipy.linalg import solve

    found = []
    for rows in blocks:
        if len(rows) == 1:
            found.append(alpha[rows] / inverse[rows, rows])
            continue
        order = np.argsort(rows, kind="stable")
        part = inverse[np.ix_(rows[order], rows[order])].astype(np.float64)
        residual = np.empty(len(rows))
        residual[order] = solve(part, alpha[rows[order]], assume_a="pos", lower=True)
        found.append(residual)
    return found


def _factor(K: FloatArray, noise: FloatArray) -> FloatArray:
    """Return the lower Cholesky factor of K + diag(noise)."""
    from scipy.linalg import lapack

    decompose = lapack.dpotrf if K.dtype == np.float64 else lapack.spotrf
    extra = 0.0
    while True:
        given = np.array(K, order="F")
        given[np.diag_indices_from(given)] += (noise + extra).astype(K.dtype)
        factor, failed = decompose(given, lower=1, overwrite_a=1)
        if not failed:
            return np.asarray(factor)
        # Rows that are nearly the same, with little noise: a little more keeps it solvable.
        extra = max(4.0 * extra, 1e-4)


def _solved(factor: FloatArray, y: FloatArray) -> FloatArray:
    from scipy.linalg import lapack

    solve = lapack.dpotrs if factor.dtype == np.float64 else lapack.spotrs
    found, _ = solve(factor, y.astype(factor.dtype), lower=1)
    return np.asarray(found, dtype=np.float64).reshape(-1)
