"""The cubic perovskite parent and the phases seeded from it: polar shifts and octahedral tilts."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np

from matscreen.errors import StructureError
from matscreen.structures import Crystal, FloatArray, IntArray

PHASES: Mapping[str, tuple[int, tuple[int, int, int]]] = {
    "P4mm": (99, (0, 0, 1)),
    "Amm2": (38, (0, 1, 1)),
    "R3m": (160, (1, 1, 1)),
}
"""Polar phases with five atoms: space group and direction of P in the cubic axes."""

_ANIONS: Final = (7, 8, 9, 16, 17, 34, 35, 53)
_ROCKSALT = ((0, 1, 1), (1, 0, 1), (1, 1, 0))


class Tilt(NamedTuple):
    """One tilt system.

    Attributes:
        glazer: Glazer symbol.
        spacegroup: Number of the space group.
        cell: Cell vectors in those of the cubic parent.
        turns: Cubic axis and phase of each rotation: `-` alternates along its own axis as well
            (R point), `+` repeats along it (M point).
    """

    glazer: str
    spacegroup: int
    cell: tuple[tuple[int, int, int], ...]
    turns: tuple[tuple[int, str], ...]


TILTS: Mapping[str, Tilt] = {
    "R-3c": Tilt("a-a-a-", 167, _ROCKSALT, ((0, "-"), (1, "-"), (2, "-"))),
    "I4/mcm": Tilt("a0a0c-", 140, _ROCKSALT, ((2, "-"),)),
    "Imma": Tilt("a0b-b-", 74, _ROCKSALT, ((1, "-"), (2, "-"))),
    "P4/mbm": Tilt("a0a0c+", 127, ((1, -1, 0), (1, 1, 0), (0, 0, 1)), ((2, "+"),)),
    "Pnma": Tilt("a-b+a-", 62, ((1, 0, -1), (0, 2, 0), (1, 0, 1)), ((0, "-"), (1, "+"), (2, "-"))),
}
"""Tilted nonpolar phases by Hermann-Mauguin symbol (Glazer 1972; Howard and Stokes 1998)."""


class Sites(NamedTuple):
    """Which site of a five-atom perovskite is which.

    Attributes:
        a: Index of the A site.
        b: Index of the B site.
        anions: Indices of the three anions, (3,).
    """

    a: int
    b: int
    anions: IntArray


def is_cubic_perovskite(crystal: Crystal, spacegroup: int) -> bool:
    """Say whether a crystal is a cubic ABX3 perovskite in its primitive cell."""
    if spacegroup != 221 or crystal.nsites != 5:
        return False
    counts = sorted(crystal.counts.values())
    if counts != [1, 1, 3]:
        return False
    # B sits between two anions at half an edge, A at 0.7 of it: any other filling of the same
    # sites (three cations around one anion) is not a perovskite oxide.
    numbers, n = np.unique(crystal.atomic_numbers, return_counts=True)
    return bool(numbers[n == 3][0] in _ANIONS)


def perovskite_sites(cubic: Crystal) -> Sites:
    """Find A, B and the anions of a cubic perovskite: B is the cation nearest to an anion."""
    numbers, counts = np.unique(cubic.atomic_numbers, return_counts=True)
    anions = np.flatnonzero(cubic.atomic_numbers == numbers[counts == 3][0])
    cations = np.flatnonzero(cubic.atomic_numbers != numbers[counts == 3][0])

    def nearest(site: int) -> float:
        delta = cubic.frac_coords[anions] - cubic.frac_coords[site]
        delta -= np.round(delta)
        return float(np.linalg.norm(delta @ cubic.lattice, axis=1).min())

    b, a = sorted((int(site) for site in cations), key=nearest)
    return Sites(a, b, anions)


def seed(cubic: Crystal, phase: str, *, amplitude: float = 0.10) -> Crystal:
    """Displace a cubic perovskite into a polar phase with five atoms.

    Anions move against both cations along the axis of the phase, by `amplitude` Å in all, and the
    cell is strained by half a percent the same way.
    """
    return _displace(cubic, cubic, PHASES[phase][1], amplitude)


def polar_seed(tilted: Crystal, cubic: Crystal, *, amplitude: float = 0.15) -> Crystal:
    """Displace an a-a-a- phase along its threefold axis: R3c from R-3c.

    Args:
        tilted: Made by `tilt` from `cubic` (relaxed or not): its axes follow those of `cubic`.
        cubic: The parent.
        amplitude: Anions against cations, Å.
    """
    return _displace(tilted, cubic, (1, 1, 1), amplitude)


def _displace(
    crystal: Crystal, cubic: Crystal, axis: tuple[int, int, int], amplitude: float
) -> Crystal:
    along = np.array(axis, dtype=np.float64)
    direction = (along / np.linalg.norm(along)) @ _axes(cubic)
    sites = perovskite_sites(cubic)
    anion, b = cubic.atomic_numbers[sites.anions[0]], cubic.atomic_numbers[sites.b]
    shifts = np.where((crystal.atomic_numbers == anion)[:, None], -0.5, 0.5) * amplitude * direction
    shifts[crystal.atomic_numbers == b] += 0.5 * amplitude * direction
    strain = np.eye(3) + 0.005 * np.outer(direction, direction)
    coords = crystal.frac_coords + shifts @ np.linalg.inv(crystal.lattice)
    return Crystal(crystal.lattice @ strain, crystal.atomic_numbers, coords)


def tilt(cubic: Crystal, symbol: str, angle: float) -> Crystal:
    """Rotate the octahedra of a cubic perovskite without deforming them.

    An anion at B + (a/2) e_i moves by (θ × e_i) a/2, with θ = Σ_k θ_k s_k(n) e_k over the turns k
    of the tilt system and s_k = ±1 in the cell n of its B ion. Linear in the angle: the bonds grow
    by 1 / cos θ, which a relaxation takes back.

    Args:
        cubic: The parent, with five atoms.
        symbol: A key of `TILTS`.
        angle: Length of the rotation vector θ, degrees.

    Returns:
        The tilted crystal in the smallest cell of the tilt system, unstrained.
    """
    system = TILTS[symbol]
    sites = perovskite_sites(cubic)
    cells = _cells(np.array(system.cell))
    per_turn = np.radians(angle) / np.sqrt(len(system.turns))
    edges = np.linalg.norm(cubic.lattice, axis=1)
    numbers, coords = [], []
    for cell in cells:
        for site, z in enumerate(cubic.atomic_numbers):
            place = cubic.frac_coords[site] + cell
            if site in sites.anions:
                # The bond direction and the cell of the B ion on the near side of the anion.
                offset = cubic.frac_coords[site] - cubic.frac_coords[sites.b]
                bond = int(np.argmax(np.abs(offset - np.round(offset))))
                home = np.round(offset - 0.5 * np.eye(3)[bond]).astype(int) + cell
                for axis, phase in system.turns:
                    move = np.cross(np.eye(3)[axis], np.eye(3)[bond]) * per_turn / 2
                    place = place + _sign(home, axis, phase) * move * edges[bond] / edges
            numbers.append(int(z))
            coords.append(place)
    transform = np.array(system.cell, dtype=np.float64)
    fractional = np.array(coords) @ np.linalg.inv(transform)
    return Crystal(transform @ cubic.lattice, np.array(numbers), fractional % 1.0)


def tilt_angle(crystal: Crystal, cubic: Crystal) -> float:
    """Largest tilt seen at an anion of a tilted phase, half of 180° less B-X-B, degrees.

    Raises:
        StructureError: ``no_octahedra`` when an anion does not sit between two B ions.
    """
    from ase.neighborlist import neighbor_list

    sites = perovskite_sites(cubic)
    b, anion = cubic.atomic_numbers[sites.b], cubic.atomic_numbers[sites.anions[0]]
    reach = 0.65 * float((crystal.volume / (crystal.nsites / 5)) ** (1 / 3))
    first, second, vectors = neighbor_list("ijD", crystal.to_ase(), reach)
    largest = 0.0
    for site in np.flatnonzero(crystal.atomic_numbers == anion):
        bonds = vectors[(first == site) & (crystal.atomic_numbers[second] == b)]
        bonds = bonds[np.argsort(np.linalg.norm(bonds, axis=1))][:2]
        if len(bonds) < 2:
            raise StructureError("no_octahedra", f"{crystal.formula} left the perovskite network")
        cosine = bonds[0] @ bonds[1] / np.prod(np.linalg.norm(bonds, axis=1))
        largest = max(largest, 180.0 - float(np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))))
    return largest / 2.0


def _axes(cubic: Crystal) -> FloatArray:
    return np.asarray(cubic.lattice / np.linalg.norm(cubic.lattice, axis=1)[:, None])


def _cells(transform: IntArray) -> list[IntArray]:
    """Cells of the parent inside one cell of a superlattice."""
    inverse = np.linalg.inv(transform)
    found: list[IntArray] = []
    for index in np.ndindex(5, 5, 5):
        cell = np.array(index) - 2
        place = cell @ inverse
        if ((place > -1e-9) & (place < 1 - 1e-9)).all():
            found.append(cell)
    return found


def _sign(cell: IntArray, axis: int, phase: str) -> int:
    steps = cell.sum() if phase == "-" else cell.sum() - cell[axis]
    return 1 - 2 * int(steps % 2)
