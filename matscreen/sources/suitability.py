"""Which crystals are worth screening: ordered, inorganic oxides of a sensible size."""

from __future__ import annotations

from typing import Final

import numpy as np

from matscreen.errors import StructureError
from matscreen.structures import Crystal

MAX_SITES: Final = 200
"""Largest cell, in sites, that is taken as a candidate."""

MIN_DISTANCE: Final = 0.6
"""Sites closer than this overlap, Å; the shortest bond in nature, H-H, is 0.74 Å long."""

MAX_PEROXIDE_BOND: Final = 1.6
"""Oxygen atoms closer than this are bonded to each other, Å; the bond of a peroxide is 1.5 Å
long, the shortest edge of a coordination polyhedron about 2.2 Å."""

VOLUME_PER_ATOM: Final = (4.0, 60.0)
"""Smallest and largest cell volume per site of a credible oxide, Å³."""

_HYDROGEN, _CARBON, _OXYGEN = 1, 6, 8

# H, C, N, O, P, S, Se, the halogens and the noble gases: an oxide of these alone is molecular.
_NONMETALS = frozenset({1, 2, 6, 7, 8, 9, 10, 15, 16, 17, 18, 34, 35, 36, 53, 54, 85, 86})


def suitability(crystal: Crystal) -> None:
    """Return quietly when a crystal is an oxide that matscreen can screen.

    The checks run from cheap to dear and the first that fails gives the reason: `too_large`,
    `no_oxygen`, `element` (oxygen alone), `organic` (C and H), `no_metal` (a molecular oxide such
    as ice), `bad_volume`, `overlapping_sites`, `peroxide` (oxygen bonded to oxygen is no O2-
    anion). Hydroxides, hydrates and salts of oxygen acids are kept.

    Args:
        crystal: Any ordered crystal.

    Raises:
        StructureError: The crystal is not suitable; its reason is one of the codes above.
    """
    elements = {int(z) for z in crystal.atomic_numbers}
    if crystal.nsites > MAX_SITES:
        raise StructureError(
            "too_large", f"{crystal.nsites} sites in the cell, at most {MAX_SITES} are taken"
        )
    if _OXYGEN not in elements:
        raise StructureError("no_oxygen", f"{crystal.formula} has no oxygen")
    if elements == {_OXYGEN}:
        raise StructureError("element", "oxygen alone is no oxide")
    if {_CARBON, _HYDROGEN} <= elements:
        raise StructureError("organic", f"{crystal.formula} holds carbon and hydrogen")
    if elements <= _NONMETALS:
        raise StructureError("no_metal", f"{crystal.formula} has no metal or metalloid")
    volume = crystal.volume / crystal.nsites
    if not VOLUME_PER_ATOM[0] <= volume <= VOLUME_PER_ATOM[1]:
        raise StructureError(
            "bad_volume",
            f"{volume:.2f} Å³ per atom, an oxide has {VOLUME_PER_ATOM[0]:g}-{VOLUME_PER_ATOM[1]:g}",
        )
    _check_distances(crystal)


def _check_distances(crystal: Crystal) -> None:
    from pymatgen.core import Lattice
    from pymatgen.optimization.neighbors import find_points_in_spheres

    # A very skewed cell would need countless images; its reduced cell has the same points.
    reduced = np.ascontiguousarray(Lattice(crystal.lattice).get_lll_reduced_lattice().matrix)
    shortest = float(np.linalg.norm(reduced, axis=1).min())
    if shortest < MIN_DISTANCE:
        raise StructureError(
            "overlapping_sites", f"a site lies {shortest:.2f} Å from its own periodic image"
        )
    positions = crystal.frac_coords @ crystal.lattice
    # The search expects points inside the cell.
    positions = np.ascontiguousarray(((positions @ np.linalg.inv(reduced)) % 1.0) @ reduced)
    first, second, _, distance = find_points_in_spheres(
        positions,
        positions,
        r=MAX_PEROXIDE_BOND,
        pbc=np.ones(3, dtype=np.int64),
        lattice=reduced,
        tol=1e-8,
    )
    # A site finds itself at distance zero.
    real = (first != second) | (distance > 1e-6)
    first, second, distance = first[real], second[real], distance[real]
    if distance.size and distance.min() < MIN_DISTANCE:
        raise StructureError(
            "overlapping_sites",
            f"two sites are {distance.min():.2f} Å apart, at least {MIN_DISTANCE:g} Å is needed",
        )
    oxygen = crystal.atomic_numbers == _OXYGEN
    bonded = distance[oxygen[first] & oxygen[second]]
    if bonded.size:
        raise StructureError("peroxide", f"two oxygen atoms are bonded, {bonded.min():.2f} Å apart")
