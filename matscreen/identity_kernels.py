"""The inner loops of identity, compiled where numba is installed."""

from __future__ import annotations

import numpy as np

from matscreen.compiled import compiled, compiled_for_threads
from matscreen.invariant_settings import (
    ATTEMPTS,
    GROWTH,
    MOST_IMAGES,
    N_NEIGHBOURS,
    N_PAIR_NEIGHBOURS,
    OVERLAP,
)
from matscreen.structures import FloatArray, IntArray


@compiled
def largest_misfit(
    rotations: FloatArray,
    translations: FloatArray,
    lattice: FloatArray,
    numbers: IntArray,
    coords: FloatArray,
) -> float:
    """Return how far a site moved by some operations is from a site of its element, at most, Å."""
    largest = 0.0
    image = np.empty(3)
    for operation in range(len(rotations)):
        for site in range(len(numbers)):
            for i in range(3):
                image[i] = translations[operation, i]
                for j in range(3):
                    image[i] += rotations[operation, i, j] * coords[site, j]
            nearest = np.inf
            for other in range(len(numbers)):
                if numbers[other] != numbers[site]:
                    continue
                # Sites that map on each other are near: the nearest image is the rounded one.
                d0 = image[0] - coords[other, 0]
                d1 = image[1] - coords[other, 1]
                d2 = image[2] - coords[other, 2]
                d0 -= np.rint(d0)
                d1 -= np.rint(d1)
                d2 -= np.rint(d2)
                square = 0.0
                for i in range(3):
                    x = d0 * lattice[0, i] + d1 * lattice[1, i] + d2 * lattice[2, i]
                    square += x * x
                nearest = min(nearest, square)
            largest = max(largest, nearest)
    return float(np.sqrt(largest))


@compiled_for_threads
def fill(
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
        for _ in range(ATTEMPTS):
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
            radius *= GROWTH


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
    if images > MOST_IMAGES:
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
                        if square > most or square <= OVERLAP * OVERLAP:
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
