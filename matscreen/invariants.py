"""The continuous invariant that decides identity: averaged sorted distances to neighbours.

Compiled where numba is installed; the same numbers come from pymatgen's neighbour search without.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from matscreen.compiled import COMPILED
from matscreen.errors import StructureError
from matscreen.invariant_settings import (
    ATTEMPTS,
    GROWTH,
    MOST_IMAGES,
    N_NEIGHBOURS,
    N_PAIR_NEIGHBOURS,
    OVERLAP,
)
from matscreen.structures import Crystal, CrystalBatch, FloatArray, IntArray


def distance_invariant(crystal: Crystal) -> FloatArray:
    """Compute the continuous invariant that decides identity.

    For each element, the mean over its atoms of the sorted distances to the 60 nearest
    neighbours; then, for each ordered pair of elements, the same with the 12 nearest neighbours
    of the second element. It does not change with the cell, the origin, the order of sites or
    the orientation, and changes continuously with the positions (after the pointwise distance
    distributions of Widdowson and Kurlin 2022).

    Returns:
        Distances, (60 m + 12 m²,) for m elements, Å.

    Raises:
        StructureError: So few neighbours lie in any reasonable distance that there is none.
    """
    (found,) = distance_invariants([crystal])
    if isinstance(found, StructureError):
        raise found
    return found


def distance_invariants(crystals: Sequence[Crystal]) -> list[FloatArray | StructureError]:
    """Compute `distance_invariant` of many crystals, the same numbers as one by one.

    Returns:
        One invariant for each crystal, or the error that it would raise.
    """
    if not crystals:
        return []
    batch = CrystalBatch.from_crystals(crystals)
    coords = _snapped(batch.frac_coords)
    species, counts, rarest = _species(batch)
    volumes = np.abs(np.linalg.det(batch.lattices))
    radii = _first_radii(volumes / np.diff(batch.offsets), rarest)
    if not COMPILED:
        parts = np.split(coords, batch.offsets[1:-1])
        return [_searched(*each) for each in zip(crystals, parts, radii, strict=True)]
    from matscreen.identity_kernels import fill  # numba takes half a second to import

    sizes = N_NEIGHBOURS * counts + N_PAIR_NEIGHBOURS * counts**2
    ends = np.concatenate([[0], np.cumsum(sizes)])
    values = np.zeros(ends[-1])
    good = np.zeros(len(crystals), dtype=np.bool_)
    fill(batch.lattices, species, counts, coords, batch.offsets, radii, ends, values, good)
    return [
        values[ends[i] : ends[i + 1]] if good[i] else _too_few(radii[i])
        for i in range(len(crystals))
    ]


def _species(batch: CrystalBatch) -> tuple[IntArray, IntArray, FloatArray]:
    """Number the elements of each crystal from 0, by atomic number.

    Returns:
        Element of each site, (total sites,); number of elements of each crystal, (n,); and the
        share of its rarest element, (n,).
    """
    sites = np.diff(batch.offsets)
    owner = np.repeat(np.arange(len(batch)), sites)
    pairs, place, members = np.unique(
        owner * 128 + batch.atomic_numbers, return_inverse=True, return_counts=True
    )
    counts = np.bincount(pairs // 128, minlength=len(batch))
    first = np.cumsum(counts) - counts
    return place - first[owner], counts, np.minimum.reduceat(members, first) / sites


def _first_radii(volumes_per_atom: FloatArray, rarest: FloatArray) -> FloatArray:
    """Return distances within which the neighbours lie where the density is even, Å.

    The rarest element sets how far one must look for 12 of its atoms.
    """
    wanted = np.maximum(N_NEIGHBOURS, N_PAIR_NEIGHBOURS / rarest)
    return np.asarray(1.12 * (0.75 / np.pi * wanted * volumes_per_atom) ** (1 / 3) + 0.5)


def _too_few(radius: float) -> StructureError:
    far = radius * GROWTH ** (ATTEMPTS - 1)
    return StructureError("no_invariant", f"fewer than {N_NEIGHBOURS} neighbours in {far:.0f} Å")


def _snapped(coords: FloatArray) -> FloatArray:
    """Move coordinates next to 1/3 and 2/3 onto them, as CIF readers do."""
    result = coords - np.floor(coords)
    for third in (1 / 3, 2 / 3):
        result[np.abs(1 - result / third) < 1e-4] = third
    return np.asarray(result)


def _searched(crystal: Crystal, coords: FloatArray, radius: float) -> FloatArray | StructureError:
    """Compute the invariant without numba, through pymatgen's neighbour search."""
    numbers = crystal.atomic_numbers
    elements = np.unique(numbers)
    reach = radius
    for _ in range(ATTEMPTS):
        if _images(crystal, reach) > MOST_IMAGES:
            break
        found = _sorted_distances(crystal.lattice, coords, numbers, elements, reach)
        if found is not None:
            return found
        reach *= GROWTH
    return _too_few(radius)


def _images(crystal: Crystal, radius: float) -> float:
    spacings = crystal.volume / np.linalg.norm(
        np.cross(np.roll(crystal.lattice, -1, axis=0), np.roll(crystal.lattice, -2, axis=0)), axis=1
    )
    return float(np.prod(2 * radius / spacings + 1))


def _sorted_distances(
    lattice: FloatArray, coords: FloatArray, numbers: IntArray, elements: IntArray, radius: float
) -> FloatArray | None:
    from pymatgen.optimization.neighbors import find_points_in_spheres

    positions = np.ascontiguousarray(coords @ lattice)
    center, other, _, distance = find_points_in_spheres(
        positions,
        positions,
        r=radius,
        pbc=np.array([1, 1, 1], dtype=np.int64),
        lattice=np.ascontiguousarray(lattice),
        tol=1e-8,
    )
    keep = distance > OVERLAP
    center, other, distance = center[keep], other[keep], distance[keep]
    order = np.lexsort((distance, center))
    center, distance, species = center[order], distance[order], numbers[other[order]]

    def nearest(mask: np.ndarray | slice, k: int) -> FloatArray | None:
        owner, values = center[mask], distance[mask]
        counts = np.bincount(owner, minlength=len(numbers))
        if counts.min() < k:
            return None
        starts = np.concatenate([[0], np.cumsum(counts)[:-1]])
        return np.asarray(values[starts[:, None] + np.arange(k)])

    parts: list[FloatArray] = []
    everything = nearest(slice(None), N_NEIGHBOURS)
    if everything is None:
        return None
    parts += [everything[numbers == z].mean(axis=0) for z in elements]
    for second in elements:
        of_pair = nearest(species == second, N_PAIR_NEIGHBOURS)
        if of_pair is None:
            return None
        parts += [of_pair[numbers == z].mean(axis=0) for z in elements]
    return np.concatenate(parts)
