"""Where rows stand among each other: ranks with ties, and the Pareto front."""

from __future__ import annotations

from typing import Any

import numpy as np

from matscreen.mechanisms.base import FloatArray


def ranks(feasible: Any, energy: Any) -> np.ndarray:
    """Rank by energy, feasible first; ties share the smaller rank."""
    import pandas as pd

    good = np.asarray(feasible, dtype=bool)
    series = pd.Series(np.asarray(energy, dtype=float))
    first = series.where(good).rank(method="min")
    second = series.where(~good).rank(method="min") + int(good.sum())
    return np.asarray(first.fillna(second).astype("int64"))


def pareto_front(
    energy: FloatArray, hull: FloatArray, p_feasible: FloatArray, feasible: np.ndarray
) -> np.ndarray:
    """Whether no feasible row is at least as good in all three and better in one."""
    result = np.zeros(len(energy), dtype=bool)
    rows = np.flatnonzero(feasible)
    costs = np.stack([energy, np.where(np.isnan(hull), np.inf, hull), -p_feasible], axis=1)
    front = np.empty((0, 3))
    # Sorted, no row is beaten by a later one: only the front so far can beat it.
    for row in rows[np.lexsort(costs[rows].T[::-1])]:
        no_worse = (front <= costs[row]).all(axis=1)
        better = (front < costs[row]).any(axis=1)
        if not (no_worse & better).any():
            result[row] = True
            front = np.vstack([front, costs[row]])
    return result
