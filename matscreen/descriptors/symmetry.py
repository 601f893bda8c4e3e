"""Descriptors of the symmetry, through moyo."""

from __future__ import annotations

from functools import cache

import numpy as np

from matscreen.descriptors.base import Column
from matscreen.identity import analyze_symmetry
from matscreen.structures import CrystalBatch, FloatArray

COLUMNS: tuple[Column, ...] = (
    ("spacegroup_number", "1"),
    ("crystal_system", "1"),
    ("point_group_order", "1"),
    ("is_polar", "1"),
    ("is_centrosymmetric", "1"),
    ("n_wyckoff_orbits", "1"),
    ("n_primitive_sites", "1"),
    ("orbit_fraction", "1"),
)

# Last space group of each system: triclinic, monoclinic, orthorhombic, tetragonal, trigonal,
# hexagonal, cubic.
_SYSTEM_ENDS = np.array([2, 15, 74, 142, 167, 194, 230])


@cache
def point_group(number: int) -> tuple[int, bool, bool]:
    """Say what the point group of a space group allows.

    A point group is polar when the mean of its rotation matrices is not zero: the mean projects
    on the vectors that every operation leaves alone. Taken from the number alone, because the
    operations that fit an odd-shaped supercell are only part of the group.

    Returns:
        Order of the point group, whether it is polar, whether it holds the inversion.
    """
    import moyopy

    rotations = np.array(moyopy.operations_from_number(number).rotations).reshape(-1, 3, 3)
    rotations = np.unique(rotations, axis=0)
    polar = bool(np.abs(rotations.mean(axis=0)).max() > 1e-8)
    inversion = bool((rotations == -np.eye(3, dtype=rotations.dtype)).all(axis=(1, 2)).any())
    return len(rotations), polar, inversion


def symmetry_features(batch: CrystalBatch) -> FloatArray:
    """Describe space group, what it allows, and how many sites are distinct.

    The crystal system counts from 1 (triclinic) to 7 (cubic); `orbit_fraction` is the number of
    symmetry-distinct sites over the sites of the primitive cell.

    Returns:
        Values in the order of `COLUMNS`, (n, 8).

    Raises:
        StructureError: The symmetry of a structure cannot be determined.
    """
    rows = np.empty((len(batch), len(COLUMNS)))
    for i, crystal in enumerate(batch):
        found = analyze_symmetry(crystal)
        rows[i] = (
            found.number,
            np.searchsorted(_SYSTEM_ENDS, found.number) + 1,
            *point_group(found.number),
            found.n_orbits,
            found.n_primitive,
            found.n_orbits / found.n_primitive,
        )
    return rows
