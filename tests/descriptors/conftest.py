"""Crystals whose geometry is known, built from their space group."""

from __future__ import annotations

import numpy as np
import pytest

from matscreen.structures import Crystal


def perovskite(
    a_site: int, b_site: int, *, a: float = 4.0, c: float | None = None, shift: float = 0.0
) -> Crystal:
    """Cubic or tetragonal ABO3; `shift` moves B along c, in fractions of the cell."""
    return Crystal(
        np.diag([a, a, c or a]),
        np.array([a_site, b_site, 8, 8, 8]),
        np.array([[0, 0, 0], [0.5, 0.5, 0.5 + shift], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]),
    )


@pytest.fixture(scope="session")
def make_perovskite():
    return perovskite


@pytest.fixture(scope="session")
def crystals() -> dict[str, Crystal]:
    """Oxides of many structure types, by name."""
    import moyopy
    from pymatgen.core import Lattice, Structure

    def build(group, lattice, species, coords) -> Crystal:
        full = Structure.from_spacegroup(group, lattice, species, coords)
        cell = moyopy.Cell(
            full.lattice.matrix.tolist(), full.frac_coords.tolist(), list(full.atomic_numbers)
        )
        primitive = moyopy.MoyoDataset(cell, symprec=1e-3).prim_std_cell
        return Crystal(
            np.array(primitive.basis), np.array(primitive.numbers), np.array(primitive.positions)
        )

    cubic, tetragonal = Lattice.cubic, Lattice.tetragonal
    hexagonal, orthorhombic = Lattice.hexagonal, Lattice.orthorhombic
    return {
        "BaTiO3 cubic": perovskite(56, 22, a=4.01),
        "BaTiO3 tetragonal": perovskite(56, 22, a=3.99, c=4.04, shift=0.018),
        "PbTiO3 tetragonal": Crystal(
            np.diag([3.90, 3.90, 4.15]),
            np.array([82, 22, 8, 8, 8]),
            np.array(
                [[0, 0, 0], [0.5, 0.5, 0.54], [0.5, 0.5, 0.11], [0.5, 0, 0.62], [0, 0.5, 0.62]]
            ),
        ),
        "MgO rock salt": build("Fm-3m", cubic(4.21), ["Mg", "O"], [[0, 0, 0], [0.5, 0.5, 0.5]]),
        "TiO2 rutile": build(
            "P4_2/mnm", tetragonal(4.594, 2.959), ["Ti", "O"], [[0, 0, 0], [0.305, 0.305, 0]]
        ),
        "HfO2 fluorite": build("Fm-3m", cubic(5.04), ["Hf", "O"], [[0, 0, 0], [0.25] * 3]),
        "ZnO wurtzite": build(
            "P6_3mc",
            hexagonal(3.25, 5.207),
            ["Zn", "O"],
            [[1 / 3, 2 / 3, 0], [1 / 3, 2 / 3, 0.382]],
        ),
        "Al2O3 corundum": build(
            "R-3c", hexagonal(4.76, 12.99), ["Al", "O"], [[0, 0, 0.352], [0.306, 0, 0.25]]
        ),
        "LiNbO3": build(
            "R3c",
            hexagonal(5.148, 13.863),
            ["Li", "Nb", "O"],
            [[0, 0, 0.2787], [0, 0, 0], [0.0476, 0.3433, 0.0633]],
        ),
        "MgAl2O4 spinel": build(
            "F-43m",
            cubic(8.08),
            ["Mg", "Mg", "Al", "O", "O"],
            [[0, 0, 0], [0.25] * 3, [0.625] * 3, [0.3875] * 3, [0.8625] * 3],
        ),
        "CaTiO3 Pnma": build(
            "Pnma",
            orthorhombic(5.44, 7.64, 5.38),
            ["Ca", "Ti", "O", "O"],
            [[0.036, 0.25, 0.993], [0, 0, 0.5], [0.484, 0.25, 0.071], [0.289, 0.037, 0.711]],
        ),
        "Ba2MgWO6": build(
            "Fm-3m",
            cubic(8.11),
            ["Ba", "Mg", "W", "O"],
            [[0.25] * 3, [0, 0, 0], [0.5] * 3, [0.26, 0, 0]],
        ),
    }
