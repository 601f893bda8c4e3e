"""The continuous invariant that decides identity: averaged sorted distances to neighbours.

Compiled where numba is installed; the same numbers come from pymatgen's neighbour search without.
"""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from matscreen.compiled import COMPILED, compiled
from matscreen.errors import StructureError
from matscreen.structures import Crystal, CrystalBatch, FloatArray, IntArray

N_NEIGHBOURS = 60
N_PAIR_NEIGHBOURS = 12
_ATTEMPTS = 12
_GROWTH = 1.25
_OVERLAP = 1e-6
_MOST_IMAGES = 4_000_000
"""Translations looked at for one pair of sites; a cell that needs more is a needle or a sheet."""


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
    sizes = N_NEIGHBOURS * counts + N_PAIR_NEIGHBOURS * counts**2
    ends = np.concatenate([[0], np.cumsum(sizes)])
    values = np.zeros(ends[-1])
    good = np.zeros(len(crystals), dtype=np.bool_)
    _fill(batch.lattices, species, counts, coords, batch.offsets, radii, ends, values, good)
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
    far = radius * _GROWTH ** (_ATTEMPTS - 1)
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
    for _ in range(_ATTEMPTS):
        if _images(crystal, reach) > _MOST_IMAGES:
            break
        found = _sorted_distances(crystal.lattice, coords, numbers, elements, reach)
        if found is not None:
            return found
        reach *= _GROWTH
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
    keep = distance > _OVERLAP
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


@compiled
def _fill(
    lattices: FloatArray,
    species: IntArray,
    kinds: IntArray,
    coords: FloatArray,
    offsets: IntArray,
    radii: FloatArray,
    ends: IntArray,
    values: FloatArray,
    good: np.ndarray,
) -> None:
    """Write the invariants of all structures into `values`, one after another."""
    for i in range(len(radii)):
        first, last = offsets[i], offsets[i + 1]
        radius = radii[i]
        for _ in range(_ATTEMPTS):
            state = _fill_one(
                lattices[i],
                species[first:last],
                kinds[i],
                coords[first:last],
                radius,
                values[ends[i] : ends[i + 1]],
            )
            if state >= 0:
                good[i] = state == 1
                break
            radius *= _GROWTH


@compiled
def _fill_one(
    lattice: FloatArray,
    species: IntArray,
    m: int,
    coords: FloatArray,
    radius: float,
    out: FloatArray,
) -> int:
    """Write one invariant; 1 when done, -1 when the radius is too small, 0 when out of reach."""
    n = len(species)
    members = np.zeros(m)
    for site in range(n):
        members[species[site]] += 1.0
    reach = np.empty(3)
    cell = 0.0
    images = 1.0
    for axis in range(3):
        one, two = lattice[(axis + 1) % 3], lattice[(axis + 2) % 3]
        c0 = one[1] * two[2] - one[2] * two[1]
        c1 = one[2] * two[0] - one[0] * two[2]
        c2 = one[0] * two[1] - one[1] * two[0]
        cell = abs(lattice[axis, 0] * c0 + lattice[axis, 1] * c1 + lattice[axis, 2] * c2)
        reach[axis] = radius * np.sqrt(c0 * c0 + c1 * c1 + c2 * c2) / cell
        images *= 2.0 * reach[axis] + 1.0
    if images > _MOST_IMAGES:
        return 0
    out[:] = 0.0
    found = np.empty((m, 256))
    everything = np.empty(256 * m)
    counts = np.empty(m, np.int64)
    most = radius * radius
    for center in range(n):
        counts[:] = 0
        for other in range(n):
            kind = species[other]
            d0 = coords[other, 0] - coords[center, 0]
            d1 = coords[other, 1] - coords[center, 1]
            d2 = coords[other, 2] - coords[center, 2]
            for i in range(int(np.ceil(-reach[0] - d0)), int(np.floor(reach[0] - d0)) + 1):
                ax = (d0 + i) * lattice[0, 0]
                ay = (d0 + i) * lattice[0, 1]
                az = (d0 + i) * lattice[0, 2]
                for j in range(int(np.ceil(-reach[1] - d1)), int(np.floor(reach[1] - d1)) + 1):
                    bx = ax + (d1 + j) * lattice[1, 0]
                    by = ay + (d1 + j) * lattice[1, 1]
                    bz = az + (d1 + j) * lattice[1, 2]
                    for k in range(int(np.ceil(-reach[2] - d2)), int(np.floor(reach[2] - d2)) + 1):
                        x = bx + (d2 + k) * lattice[2, 0]
                        y = by + (d2 + k) * lattice[2, 1]
                        z = bz + (d2 + k) * lattice[2, 2]
                        square = x * x + y * y + z * z
                        if square > most or square <= _OVERLAP * _OVERLAP:
                            continue
                        if counts[kind] == found.shape[1]:
                            wider = np.empty((m, 2 * found.shape[1]))
                            wider[:, : found.shape[1]] = found
                            found = wider
                            everything = np.empty(m * found.shape[1])
                        found[kind, counts[kind]] = square
                        counts[kind] += 1
        total = 0
        for kind in range(m):
            if counts[kind] < N_PAIR_NEIGHBOURS:
                return -1
            everything[total : total + counts[kind]] = found[kind, : counts[kind]]
            total += counts[kind]
        if total < N_NEIGHBOURS:
            return -1
        here = species[center]
        near = np.sort(everything[:total])
        for k in range(N_NEIGHBOURS):
            out[here * N_NEIGHBOURS + k] += np.sqrt(near[k])
        for kind in range(m):
            start = m * N_NEIGHBOURS + (kind * m + here) * N_PAIR_NEIGHBOURS
            near = np.sort(found[kind, : counts[kind]])
            for k in range(N_PAIR_NEIGHBOURS):
                out[start + k] += np.sqrt(near[k])
    for kind in range(m):
        for k in range(N_NEIGHBOURS):
            out[kind * N_NEIGHBOURS + k] /= members[kind]
        for other in range(m):
            start = m * N_NEIGHBOURS + (other * m + kind) * N_PAIR_NEIGHBOURS
            for k in range(N_PAIR_NEIGHBOURS):
                out[start + k] /= members[kind]
    return 1
