"""A straight line through labels and the predictions of another surrogate, outliers held down."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from matscreen.structures import FloatArray

_FOLDS = 10
_HUBER = 1.35


def robust_line(x: FloatArray, y: FloatArray) -> tuple[float, float]:
    """Return slope and offset of a Huber fit (threshold 1.35 robust standard deviations).

    A constant x has slope zero and the median of y as offset.
    """
    weight = np.ones(len(x))
    slope, offset = 0.0, float(np.median(y))
    if np.ptp(x) == 0.0:
        return slope, offset
    for _ in range(100):
        before = slope, offset
        center = np.average(x, weights=weight)
        level = np.average(y, weights=weight)
        spread = float(np.sum(weight * np.square(x - center)))
        if spread <= 0.0:
            break
        slope = float(np.sum(weight * (x - center) * (y - level)) / spread)
        offset = float(level - slope * center)
        residual = np.abs(y - slope * x - offset)
        limit = _HUBER * max(1.4826 * float(np.median(residual)), 1e-12)
        weight = np.minimum(1.0, limit / np.maximum(residual, 1e-300))
        if np.allclose(before, (slope, offset), rtol=1e-9, atol=1e-12):
            break
    return slope, offset


def held_out_line(x: FloatArray, y: FloatArray, groups: Sequence[str], *, seed: int) -> FloatArray:
    """Return a x + b of each row, the line fitted to the other folds of chemical systems.

    With the line of all rows, ten labels would look closer to the source than the eleventh is.
    """
    systems = np.asarray(groups, dtype=str)
    names = np.unique(systems)
    if len(names) < 2:
        systems, names = np.arange(len(y)).astype(str), np.arange(len(y)).astype(str)
    order = np.random.default_rng(seed).permutation(len(names))
    fold = dict(zip(names[order].tolist(), (np.arange(len(names)) % _FOLDS).tolist(), strict=True))
    member = np.array([fold[name] for name in systems.tolist()])
    base = np.empty(len(y))
    for held in np.unique(member):
        inside = member == held
        slope, offset = robust_line(x[~inside], y[~inside])
        base[inside] = slope * x[inside] + offset
    return base
