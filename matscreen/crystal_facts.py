"""What the mechanisms ask of a crystal itself: symmetry, shape and formula unit."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np

from matscreen.mechanisms.base import FloatArray

if TYPE_CHECKING:
    import pandas as pd

POLAR_SPACE_GROUPS: Final = frozenset(
    number
    for first, last in (
        (1, 1),
        (3, 9),
        (25, 46),
        (75, 80),
        (99, 110),
        (143, 146),
        (156, 161),
        (168, 173),
        (183, 186),
    )
    for number in range(first, last + 1)
)
"""Space groups of the ten polar point groups 1, 2, m, mm2, 4, 4mm, 3, 3m, 6, 6mm."""

_IMPROPER: Final = {(185, (1.0, 1.0, 3.0)), (36, (2.0, 3.0, 7.0)), (42, (2.0, 3.0, 7.0))}
"""Hexagonal manganite type P6₃cm ABO3 and hybrid improper A3B2O7 (Cmc2₁ and its supergroup)."""


def crystal_facts(
    candidates: pd.DataFrame, volume_per_atom: FloatArray | None = None
) -> dict[str, FloatArray]:
    """Return the facts of `matscreen.mechanisms.base.FACTS` for each candidate.

    Args:
        candidates: Columns formula; where known spacegroup, lattice (nine numbers), nsites.
        volume_per_atom: Volume per atom where there is no lattice, Å³, (n,).

    Returns:
        polar, improper, axial_ratio and formula_unit_volume, (n,) each; NaN when unknown.
    """
    n = len(candidates)
    numbers = (
        candidates["spacegroup"].to_numpy(dtype=float, na_value=np.nan)
        if "spacegroup" in candidates
        else np.full(n, np.nan)
    )
    amounts = [_amounts(str(formula)) for formula in candidates["formula"]]
    known = ~np.isnan(numbers)
    polar = np.where(known, np.isin(numbers, list(POLAR_SPACE_GROUPS)), np.nan)
    improper = np.array(
        [
            float((int(number), counts) in _IMPROPER) if np.isfinite(number) else np.nan
            for number, counts in zip(numbers, amounts, strict=True)
        ]
    )
    per_atom = (
        np.full(n, np.nan) if volume_per_atom is None else np.asarray(volume_per_atom, float).copy()
    )
    ratio = np.full(n, np.nan)
    if "lattice" in candidates and "nsites" in candidates:
        for index, (lattice, nsites) in enumerate(
            zip(candidates["lattice"], candidates["nsites"], strict=True)
        ):
            if lattice is None or np.size(lattice) != 9:
                continue
            cell = np.asarray(lattice, dtype=float).reshape(3, 3)
            per_atom[index] = abs(np.linalg.det(cell)) / float(nsites)
            if numbers[index] == 99:
                ratio[index] = _axial_ratio(cell)
    atoms = np.array([sum(counts) for counts in amounts])
    return {
        "polar": polar.astype(float),
        "improper": improper.astype(float),
        "axial_ratio": ratio,
        "formula_unit_volume": per_atom * atoms,
    }


@cache
def _amounts(formula: str) -> tuple[float, ...]:
    from pymatgen.core import Composition

    return tuple(sorted(Composition(formula).reduced_composition.as_dict().values()))


def _axial_ratio(cell: FloatArray) -> float:
    """c/a of a primitive tetragonal cell: the odd length over the mean of the two alike."""
    lengths = np.sort(np.linalg.norm(cell, axis=1))
    if lengths[1] - lengths[0] < lengths[2] - lengths[1]:
        return float(lengths[2] / lengths[:2].mean())
    return float(lengths[0] / lengths[1:].mean())
