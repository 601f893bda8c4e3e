"""Defect cells: how large, and in which ground state."""

from __future__ import annotations

from dataclasses import dataclass
from functools import lru_cache
from itertools import product
from math import prod
from typing import TYPE_CHECKING

import numpy as np

from matscreen.errors import StructureError
from matscreen.simulations.calculators import Potential
from matscreen.simulations.relaxing import attach, energy_of, relax_positions
from matscreen.structures import Crystal, FloatArray, IntArray

if TYPE_CHECKING:
    from ase import Atoms

CELL_SIDE = 7.0
"""Shortest accepted distance between a defect and its image, Å (2x2x2 perovskites: 7.0 to 8.6)."""
CELL_VOLUME = 340.0
"""Smallest accepted defect cell, Å³ (a 2x2x2 perovskite has 340 to 620)."""
CELL_ATOMS = 36
"""Fewest atoms of a defect cell: below, one vacancy is a new composition."""
RATTLE = 0.05
"""Standard deviation of the displacements that free the ground state, Å."""
BROKEN = 0.005
"""Energy gain per formula unit of five atoms, eV, above which the parent symmetry is broken."""
SEED = 7


@dataclass(frozen=True, eq=False)
class GroundState:
    """A relaxed defect-free supercell.

    Attributes:
        atoms: Relaxed atoms, with a calculator.
        energy: Their energy, eV.
        orbits: Symmetry class of each atom in the parent crystal, (n,).
        broken: The supercell left the symmetry of its parent.
        gain: Energy won by leaving it, eV per atom.
    """

    atoms: Atoms
    energy: float
    orbits: IntArray
    broken: bool
    gain: float


def defect_repeats(crystal: Crystal, *, side: float = CELL_SIDE) -> tuple[int, int, int]:
    """Return the smallest diagonal supercell with images `side` Å apart, 340 Å³ and 36 atoms.

    A cell of three equal edges is repeated equally: elongated cells of 36, 48 and 54 atoms put
    the vacancy of CeO2 0.6, 0.4 and 0.2 eV above that of the even one of 81 (7net-0).
    """
    lattice = crystal.lattice
    by_size = sorted(product(range(1, 5), repeat=3), key=prod)
    edges = np.linalg.norm(lattice, axis=1)
    if edges.max() < 1.02 * edges.min():
        by_size = [(n, n, n) for n in range(1, 5)]
    for a, b, c in by_size:
        number = a * b * c
        large = number * crystal.volume >= CELL_VOLUME and number * crystal.nsites >= CELL_ATOMS
        if large and _shortest(np.array([[a], [b], [c]]) * lattice) >= side:
            return a, b, c
    return 4, 4, 4


def _shortest(lattice: FloatArray) -> float:
    steps = np.array([s for s in product((-2, -1, 0, 1, 2), repeat=3) if any(s)])
    return float(np.linalg.norm(steps @ lattice, axis=1).min())


def ground_state(crystal: Crystal, potential: Potential) -> GroundState:
    """Build the defect cell and search its ground state.

    The perfect supercell is displaced at random (0.05 Å) and relaxed at fixed cell. Without this
    step a hidden tilt is released by the defect instead, and barriers come out negative.

    Raises:
        StructureError: ``cell_too_large``, or the relaxation failed.
    """
    return _ground_state(crystal.content_hash, potential, _Unkeyed(crystal))


@dataclass(frozen=True)
class _Unkeyed:
    """Carries a crystal past the cache, which knows it by its hash; equal to all of its kind."""

    crystal: Crystal

    def __hash__(self) -> int:
        return 0

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Unkeyed)


@lru_cache(maxsize=2)
def _ground_state(_hash: str, potential: Potential, unkeyed: _Unkeyed) -> GroundState:
    crystal = unkeyed.crystal
    repeats = defect_repeats(crystal)
    size = crystal.nsites * int(np.prod(repeats))
    if size > max(potential.max_atoms, 100):
        raise StructureError("cell_too_large", f"the defect cell would hold {size} atoms")
    perfect = attach(crystal.to_ase().repeat(repeats), potential)
    symmetric = energy_of(perfect)
    rattled = perfect.copy()
    rattled.rattle(RATTLE, seed=SEED)
    attach(rattled, potential)
    relax_positions(rattled)
    gain = symmetric - energy_of(rattled)
    orbits = np.tile(site_orbits(crystal), int(np.prod(repeats)))
    broken = gain > BROKEN * size / 5
    atoms, energy = (rattled, symmetric - gain) if broken else (perfect, symmetric)
    return GroundState(atoms, energy, orbits, broken, gain / size)


def site_orbits(crystal: Crystal, *, symprec: float = 0.01) -> IntArray:
    """Return the symmetry class of each site, (n,).

    Raises:
        StructureError: No symmetry could be determined.
    """
    import moyopy

    cell = moyopy.Cell(
        crystal.lattice.tolist(), crystal.frac_coords.tolist(), crystal.atomic_numbers.tolist()
    )
    try:
        return np.array(moyopy.MoyoDataset(cell, symprec=symprec).orbits, dtype=np.int64)
    except Exception as error:  # moyopy raises bare exceptions of its own
        raise StructureError("no_symmetry", f"moyopy: {error}") from error
