"""Space groups of crystals through moyo, and what they allow."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Any, Final

import numpy as np

from matscreen.errors import StructureError
from matscreen.structures import Crystal

SYMPREC = 0.01
"""Distance within which two sites are taken for images of each other, Å."""
_PICKED: Final = 6


@dataclass(frozen=True)
class Symmetry:
    """Symmetry of a crystal at `SYMPREC` Å.

    Attributes:
        number: Space group number, 1 to 230.
        polar: Some direction is invariant under every operation, so a polarization may exist.
        centrosymmetric: The point group holds the inversion.
        n_operations: Order of the point group.
        n_orbits: Number of symmetry-distinct sites.
        n_primitive: Number of sites in the primitive cell.
    """

    number: int
    polar: bool
    centrosymmetric: bool
    n_operations: int
    n_orbits: int
    n_primitive: int


def analyze_symmetry(crystal: Crystal, *, symprec: float = SYMPREC) -> Symmetry:
    """Find the space group with moyo and what it allows.

    A point group is polar when the mean of its rotation matrices is not zero: the mean projects
    on the vectors that every operation leaves alone.

    Raises:
        StructureError: No symmetry could be determined.
    """
    return _symmetry(_dataset(crystal, symprec))


def symmetry_and_misfit(crystal: Crystal) -> tuple[Symmetry, float]:
    """Find the space group, and how far sites lie from the images that it maps them on.

    Returns:
        The symmetry at `SYMPREC`, and the largest distance of a site, moved by a few of the
        operations, from the nearest site of its element, Å: far below 0.001 in a crystal that was
        relaxed or refined in its group, near `SYMPREC` in one with noise on its sites.

    Raises:
        StructureError: No symmetry could be determined.
    """
    from matscreen.identity_kernels import largest_misfit  # numba takes half a second to import

    dataset = _dataset(crystal, SYMPREC)
    operations = dataset.operations
    rotations, translations = operations.rotations, operations.translations
    picked = range(0, len(rotations), max(1, len(rotations) // _PICKED))
    misfit = largest_misfit(
        np.array([rotations[i] for i in picked], dtype=np.float64),
        np.array([translations[i] for i in picked], dtype=np.float64),
        crystal.lattice,
        crystal.atomic_numbers,
        crystal.frac_coords,
    )
    return _symmetry(dataset), float(misfit)


def _dataset(crystal: Crystal, symprec: float) -> Any:
    import moyopy

    cell = moyopy.Cell(
        crystal.lattice.tolist(), crystal.frac_coords.tolist(), crystal.atomic_numbers.tolist()
    )
    try:
        return moyopy.MoyoDataset(cell, symprec=symprec)
    except Exception as error:  # moyopy raises bare exceptions of its own
        raise StructureError("no_symmetry", f"moyopy: {error}") from error


def _symmetry(dataset: Any) -> Symmetry:
    number = int(dataset.number)
    # The group's own operations, not the dataset's: those leave out what a supercell breaks.
    polar, centrosymmetric, order = _point_group(number)
    return Symmetry(
        number=number,
        polar=polar,
        centrosymmetric=centrosymmetric,
        n_operations=order,
        n_orbits=len(set(dataset.orbits)),
        n_primitive=len(dataset.prim_std_cell.numbers),
    )


@cache
def _point_group(number: int) -> tuple[bool, bool, int]:
    import moyopy

    rotations = np.unique(np.array(moyopy.operations_from_number(number).rotations), axis=0)
    polar = bool(np.abs(rotations.mean(axis=0)).max() > 1e-8)
    inversion = -np.eye(3, dtype=rotations.dtype)
    return polar, bool((rotations == inversion).all((1, 2)).any()), len(rotations)
