"""A distance between materials, learned for one property.

Columns that move the property count, the others fade: the columns of the standardised features
are weighed by the mean squared gradient of a kernel regression, found in a few rounds. This is the
diagonal form of the recursive feature machine of Radhakrishnan, Beaglehole, Pandit and Belkin
(2024). Ions that are not the same can be a little apart whatever their properties say. Kernel
regression, the applicability domain and the choice of columns for boosting share the metric.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace

import numpy as np
import numpy.typing as npt

from matscreen.structures import FloatArray, IntArray

Float32Array = npt.NDArray[np.float32]

MOST_ROWS = 2000
"""Rows that a metric of many labels is learned from."""
_ALL_UP_TO = 5000
"""Rows up to which all count: 0.562 against 0.570 eV on vacancies. From more labels a metric
changes little, and costs n^3."""

ROUNDS = 2
LENGTH = 1.5
"""Length of the Matérn kernel, in units of the median distance of two rows."""

_NOISE = 1e-3
_POWER = 0.4
_FLOOR = 1e-4
_CLIP = 5.0
_PAIRS = 300
_CHUNK = 512
_BLOCK = 64


@dataclass(frozen=True, eq=False)
class Metric:
    """An embedding in which Euclidean distance is what matters for a property.

    Attributes:
        median: Stands for unknown features, (k,).
        center: Mean of each feature, (k,).
        weight: Weight over standard deviation, (k,); zero for a feature that does not vary.
        reach: Largest standardised deviation that counts, times the weight, (k,).
        ion_columns: Columns that name an ion, one entry a known ion, (j,).
        ions: Its value in that column, (j,).
        apart: Squared distance of two rows with different ions in one such column.
    """

    median: FloatArray
    center: FloatArray
    weight: FloatArray
    reach: FloatArray
    ion_columns: IntArray = field(default_factory=lambda: np.zeros(0, dtype=np.int64))
    ions: FloatArray = field(default_factory=lambda: np.zeros(0))
    apart: float = 0.0

    def with_ions(self, X: FloatArray, columns: Sequence[int], apart: float) -> Metric:
        """Return the metric in which ions of different name are apart, whatever they are like.

        Args:
            X: Features, (n, k).
            columns: Columns that name an ion, such as the atomic number of the A site.
            apart: Squared distance for each column that differs.
        """
        known, ions = [], []
        for column in columns if apart > 0.0 else ():
            values, counts = np.unique(X[:, column], return_counts=True)
            found = values[(counts > 1) & np.isfinite(values)]
            known += [column] * len(found)
            ions += found.tolist()
        return replace(
            self, ion_columns=np.array(known, dtype=np.int64), ions=np.array(ions), apart=apart
        )

    def embed(self, X: FloatArray) -> Float32Array:
        """Return the rows in the metric, (n, k'), float32; only columns that count are kept."""
        used = np.flatnonzero(self.weight)
        given = X[:, used]
        filled = np.where(np.isfinite(given), given, self.median[used])
        moved = (filled - self.center[used]) * self.weight[used]
        reach = self.reach[used]
        parts = [np.clip(moved, -reach, reach).astype(np.float32)]
        if len(self.ions):
            same = X[:, self.ion_columns] == self.ions
            parts.append(same.astype(np.float32) * np.float32(np.sqrt(0.5 * self.apart)))
        return np.ascontiguousarray(np.hstack(parts))

    def leading(self, count: int) -> IntArray:
        """Return the columns that count most, in ascending order of their index."""
        return np.sort(np.argsort(-self.reach, kind="stable")[:count])


def metric_rows(n_labels: int) -> int:
    """Return the rows that the metric of a property is learned from, in its folds as in the end."""
    return n_labels if n_labels < _ALL_UP_TO else MOST_ROWS


def learn_metric(
    X: FloatArray, y: FloatArray, *, rounds: int = ROUNDS, rows: int | None = None, seed: int = 0
) -> Metric:
    """Learn the metric of a property.

    Args:
        X: Features, (n, k); NaN is legal.
        y: Labels in the space of the model, (n,).
        rounds: Rounds of weighing; without any, all columns count alike.
        rows: Most rows to learn from; `metric_rows` of their number by default.
        seed: Seed of the draw of rows.
    """
    known = np.isfinite(X)
    count = np.maximum(known.sum(axis=0), 1)
    middle = _medians(X, known)
    filled = np.where(known, X, middle)
    center, spread = filled.mean(axis=0), filled.std(axis=0)
    varies = (spread > 1e-9 * np.maximum(np.abs(center), 1.0)) & (count > 1)
    safe = np.where(varies, spread, 1.0)
    Z = np.clip((filled - center) / safe, -_CLIP, _CLIP)
    Z[:, ~varies] = 0.0
    rng = np.random.default_rng(seed)
    drawn = rng.permutation(len(X))[: metric_rows(len(X)) if rows is None else rows]
    deviation = float(y.std())
    target = (y[drawn] - y.mean()) / (deviation if deviation > 0.0 else 1.0)
    weight = varies.astype(np.float64)
    for _ in range(rounds if deviation > 0.0 else 0):
        weight = _reweigh(Z[drawn].astype(np.float32), target, weight * _unit(Z[drawn], weight))
        weight[~varies] = 0.0
    weight = weight * _unit(Z[drawn], weight)
    return Metric(middle, center, weight / safe, weight * _CLIP)


def squared_distances(A: Float32Array, B: Float32Array) -> Float32Array:
    """Return the squared Euclidean distances between rows, (n, m).

    Rows are padded to whole blocks: matrix products round the rows of a block cut short in another
    way, and the distances of a row must not depend on what other rows it comes with.
    """
    padded = np.zeros((-(-len(A) // _BLOCK) * _BLOCK, A.shape[1]), dtype=np.float32)
    padded[: len(A)] = A
    found: Float32Array = (padded @ B.T)[: len(A)]
    found *= -2.0
    found += np.square(A).sum(axis=1)[:, None]
    found += np.square(B).sum(axis=1)[None, :]
    np.maximum(found, 0.0, out=found)
    return found


def matern(
    A: Float32Array, B: Float32Array, length: float, smoothness: float = 1.5
) -> Float32Array:
    """Return the Matérn kernel, (n, m), in chunks of rows that stay in cache.

    Smoothness 3/2: (1 + r) exp(-r), r = sqrt(3) d / length; smoothness 5/2: (1 + r + r^2 / 3)
    exp(-r), r = sqrt(5) d / length.
    """
    K = np.empty((len(A), len(B)), dtype=np.float32)
    for start in range(0, len(A), _CHUNK):
        r = squared_distances(A[start : start + _CHUNK], B)
        np.sqrt(r, out=r)
        r *= np.float32(np.sqrt(2.0 * smoothness) / length)
        part = K[start : start + _CHUNK]
        np.negative(r, out=part)
        np.exp(part, out=part)
        if smoothness > 2.0:
            part *= 1.0 + r * (1.0 + r / 3.0)
        else:
            r += 1.0
            part *= r
    return K


def _medians(X: FloatArray, known: np.ndarray) -> FloatArray:
    """Return the median of the known values of each column; zero where none is known."""
    given = np.where(known, X, np.nan)
    found = np.zeros(X.shape[1])
    some = known.any(axis=0)
    found[some] = np.nanmedian(given[:, some], axis=0)
    return found


def _unit(Z: FloatArray, weight: FloatArray) -> float:
    """Return the factor that makes the median distance of two rows one."""
    moved = (Z[: 2 * _PAIRS] * weight).astype(np.float32)
    half = len(moved) // 2
    found = float(np.median(squared_distances(moved[:half], moved[half:]))) if half else 0.0
    return 1.0 / np.sqrt(found) if found > 1e-12 else 1.0


def _reweigh(Z: Float32Array, y: FloatArray, weight: FloatArray) -> FloatArray:
    """Fit a kernel regression and weigh each column by the mean square of its derivative."""
    from scipy.linalg import cho_factor, cho_solve

    W = weight.astype(np.float32)
    moved = Z * W
    K = matern(moved, moved, LENGTH)
    K[np.diag_indices_from(K)] += _NOISE
    alpha = cho_solve(cho_factor(K, lower=True), y.astype(np.float32))
    slope = np.sqrt(squared_distances(moved, moved))
    slope *= np.float32(-np.sqrt(3.0) / LENGTH)
    np.exp(slope, out=slope)
    slope *= (3.0 / LENGTH**2) * alpha[None, :]
    gradient = (slope @ moved - moved * slope.sum(axis=1)[:, None]) * W
    square = np.mean(np.square(gradient, dtype=np.float64), axis=0)
    top = float(square.max())
    return np.power(square / top + _FLOOR, _POWER) if top > 0.0 else weight
