"""Features as a surrogate takes them."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import numpy as np
import numpy.typing as npt

from matscreen.errors import InputError
from matscreen.structures import FloatArray


def clean_features(X: FloatArray) -> FloatArray:
    """Return float64 features as a table of float32 would give them back; infinity becomes NaN.

    Raises:
        InputError: The features are no table.
    """
    given = np.asarray(X)
    if given.ndim != 2:
        raise InputError(f"features must have two dimensions, got {given.ndim}")
    with np.errstate(over="ignore"):
        rounded = given.astype(np.float32).astype(np.float64)
    rounded[~np.isfinite(rounded)] = np.nan
    return rounded


def informative(X: FloatArray) -> npt.NDArray[np.int64]:
    """Return the columns that hold at least two different values (one column when none does)."""
    known = np.isfinite(X)
    lowest = np.where(known, X, np.inf).min(axis=0)
    highest = np.where(known, X, -np.inf).max(axis=0)
    varying = np.flatnonzero(highest > lowest)
    return varying if len(varying) else np.flatnonzero(known.any(axis=0))[:1]


def shared_values(X: FloatArray) -> FloatArray:
    """Return the value of each column that every row shares, (k,); NaN for the other columns."""
    first = X[0]
    same = np.isfinite(X).all(axis=0) & (first == X).all(axis=0)
    return np.where(same, first, np.nan)


def check_lengths(n_rows: int, columns: Mapping[str, Any]) -> None:
    """Refuse columns that are not as long as the features.

    Raises:
        InputError: One is of another length.
    """
    for name, item in columns.items():
        if item is not None and len(item) != n_rows:
            raise InputError(f"{n_rows} rows of features but {len(item)} of {name}")
