"""Descriptors of the symmetry, through moyo."""

from __future__ import annotations

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
            found.n_operations,
            found.polar,
            found.centrosymmetric,
            found.n_orbits,
            found.n_primitive,
            found.n_orbits / found.n_primitive,
        )
    return rows
