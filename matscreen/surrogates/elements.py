"""Which elements a surrogate has labels of, and which rows hold others."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from functools import cache

import numpy as np

from matscreen.errors import InputError
from matscreen.structures import IntArray
from matscreen.surrogates.prediction import BoolArray

Elements = Sequence[Collection[int]]
"""Atomic numbers of the elements of each row."""


def elements_of_systems(systems: Sequence[str]) -> list[frozenset[int]]:
    """Return the atomic numbers of chemical systems such as `Ba-O-Ti`; empty for other names."""
    symbols = _atomic_numbers()
    known: dict[str, frozenset[int]] = {}
    for system in systems:
        if system not in known:
            parts = system.split("-")
            named = all(part in symbols for part in parts)
            known[system] = frozenset(symbols[part] for part in parts) if named else frozenset()
    return [known[system] for system in systems]


def labelled_elements(groups: Sequence[str]) -> IntArray:
    """Return the atomic numbers that labelled rows hold, ascending.

    Args:
        groups: Chemical system of each labelled row; where one is no chemical system, what the
            rows hold is not known, and the result is empty.
    """
    found = elements_of_systems(list(dict.fromkeys(str(group) for group in groups)))
    if not all(found):
        return np.zeros(0, dtype=np.int64)
    return np.array(sorted(frozenset().union(*found)), dtype=np.int64)


def holds_unlabelled(elements: Elements | None, labelled: IntArray, n_rows: int) -> BoolArray:
    """Say which rows hold an element that no labelled row has, (n,).

    Args:
        elements: Atomic numbers of each row; None when they are not known, so that none is told.
        labelled: As `labelled_elements` gives it; nothing is told where it is empty.
        n_rows: How many rows are predicted.

    Raises:
        InputError: `elements` is of another length.
    """
    if elements is None:
        return np.zeros(n_rows, dtype=bool)
    if len(elements) != n_rows:
        raise InputError(f"{n_rows} rows of features but the elements of {len(elements)}")
    known = set(labelled.tolist())
    if not known:
        return np.zeros(n_rows, dtype=bool)
    return np.array([not known.issuperset(row) for row in elements], dtype=bool)


@cache
def _atomic_numbers() -> dict[str, int]:
    from pymatgen.core import Element

    return {Element.from_Z(number).symbol: number for number in range(1, 119)}
