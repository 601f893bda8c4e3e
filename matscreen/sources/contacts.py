"""Which atoms of many crystals touch, and in how many directions their bonds run on for ever."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from matscreen.structures import CrystalBatch, FloatArray, IntArray

REACH: Final = 3.6
"""Radius of the search for neighbours, Å; no bond that holds a crystal together is longer."""

# Cells flatter than this, in product of lengths over volume, are reduced before the search: it
# would need countless images of them.
_SKEWED: Final = 5.0


@dataclass(frozen=True, eq=False)
class Contacts:
    """Pairs of sites within `REACH`, each in both directions.

    Attributes:
        batch: The crystals.
        owner: Crystal of each site, (s,).
        first: Site of each pair, (p,).
        second: The other site, (p,).
        image: Cell in which the other site lies, (p, 3).
        distance: Between the two, (p,), Å.
        ratio: Distance over the sum of their covalent radii, (p,).
    """

    batch: CrystalBatch
    owner: IntArray
    first: IntArray
    second: IntArray
    image: IntArray
    distance: FloatArray
    ratio: FloatArray


def find_contacts(batch: CrystalBatch) -> Contacts:
    """Find the pairs of neighbouring sites of every crystal; sites may lie on each other.

    Args:
        batch: Crystals as `reduced` returns them.
    """
    from pymatgen.optimization.neighbors import find_points_in_spheres

    owner = np.repeat(np.arange(len(batch)), np.diff(batch.offsets))
    positions = np.einsum("si,sij->sj", batch.frac_coords, batch.lattices[owner])
    periodic = np.ones(3, dtype=np.int64)
    found: list[tuple[np.ndarray, ...]] = []
    for i, lattice in enumerate(batch.lattices):
        start, stop = int(batch.offsets[i]), int(batch.offsets[i + 1])
        sites = positions[start:stop]
        first, second, image, distance = find_points_in_spheres(
            sites, sites, r=REACH, pbc=periodic, lattice=lattice, tol=1e-8
        )
        found.append((first + start, second + start, image, distance))
    if not found:
        found.append((np.zeros(0), np.zeros(0), np.zeros((0, 3)), np.zeros(0)))
    pairs = [np.concatenate(part) for part in zip(*found, strict=True)]
    first, second = pairs[0].astype(np.int64), pairs[1].astype(np.int64)
    image, distance = np.rint(pairs[2]).astype(np.int64), pairs[3]
    # A site finds itself, in its own cell, at distance zero.
    keep = (first != second) | image.any(axis=1)
    first, second, image, distance = first[keep], second[keep], image[keep], distance[keep]
    radius = covalent_radii()[batch.atomic_numbers]
    ratio = distance / (radius[first] + radius[second])
    return Contacts(batch, owner, first, second, image, distance, ratio)


@dataclass(frozen=True, eq=False)
class Networks:
    """Atoms joined by bonds.

    Attributes:
        network: Network of each site, (s,).
        dimension: Number of directions in which each network runs on without end: 3 for a crystal,
            2 for a layer, 1 for a chain, 0 for a molecule or a lone atom.
        size: Number of sites of each network in the cell.
    """

    network: IntArray
    dimension: IntArray
    size: IntArray


def find_networks(contacts: Contacts, bonded: np.ndarray) -> Networks:
    """Find what is joined by bonds, and in how many directions it runs on.

    A walk along bonds that comes back to an image of its starting atom gives a lattice vector; the
    rank of all of them is the dimension of the network (Larsen et al. 2019).

    Args:
        contacts: Pairs of sites.
        bonded: Which pairs are bonds, (p,).
    """
    from scipy.sparse import coo_array
    from scipy.sparse.csgraph import breadth_first_order, connected_components

    n = len(contacts.owner)
    first, second = contacts.first[bonded], contacts.second[bonded]
    image = contacts.image[bonded]
    graph = coo_array((np.ones(len(first), dtype=np.int8), (first, second)), shape=(n, n))
    count, network = connected_components(graph, directed=False)
    # One root that is joined to a site of each network makes one tree of all the trees.
    _, seeds = np.unique(network, return_index=True)
    rooted = coo_array(
        (
            np.ones(len(first) + count, dtype=np.int8),
            (np.append(first, np.full(count, n)), np.append(second, seeds)),
        ),
        shape=(n + 1, n + 1),
    ).tocsr()
    order, before = (
        part.astype(np.int64) for part in breadth_first_order(rooted, n, directed=True)
    )
    cell = _cells_along_tree(order, before, first, second, image)
    # In the cells that the tree gives, a bond outside it ends a lattice vector away.
    loop = cell[first] + image - cell[second]
    products = (loop[:, :, None] * loop[:, None, :]).reshape(-1, 9)
    gram = np.stack(
        [np.bincount(network[first], column, minlength=count) for column in products.T], axis=1
    )
    rank = np.linalg.matrix_rank(gram.reshape(count, 3, 3), hermitian=True)
    return Networks(network.astype(np.int64), rank, np.bincount(network, minlength=count))


def _cells_along_tree(
    order: IntArray, before: IntArray, first: IntArray, second: IntArray, image: IntArray
) -> IntArray:
    """Give each site the cell in which a walk from the root of its tree meets it, (s, 3)."""
    n = len(before) - 1
    site = order[1:]
    parent = before[site]
    key = first * n + second
    by_key = np.argsort(key, kind="stable")
    inner = parent < n
    place = np.searchsorted(key[by_key], parent[inner] * n + site[inner])
    step = np.zeros((n, 3), dtype=np.int64)
    step[site[inner]] = image[by_key[place]]
    # Pointer jumping: after k rounds each site has summed the steps of 2^k ancestors.
    ancestor = np.arange(n)
    ancestor[site[inner]] = parent[inner]
    while True:
        following = ancestor[ancestor]
        if (following == ancestor).all():
            return step
        # A root has no step, so a site that has reached its root adds nothing more.
        step = step + step[ancestor]
        ancestor = following


@cache
def covalent_radii() -> FloatArray:
    """Return the covalent radii by atomic number (Cordero et al. 2008), (119,), Å."""
    from ase.data import covalent_radii as radii

    table = np.full(119, np.nan)
    table[: len(radii)] = radii[:119]
    # 0.2 stands for "not tabulated" there; Cm has the last radius.
    return np.where(np.isnan(table) | (table <= 0.2), 1.69, table)


def reduced(batch: CrystalBatch) -> CrystalBatch:
    """Wrap the coordinates into the cells, and reduce the cells that are very skewed."""
    from pymatgen.core import Lattice

    lattices = np.array(batch.lattices, dtype=np.float64)
    coords = np.array(batch.frac_coords, dtype=np.float64)
    volumes = np.abs(np.linalg.det(lattices))
    skewed = np.linalg.norm(lattices, axis=2).prod(axis=1) > _SKEWED * volumes
    for i in np.flatnonzero(skewed):
        sites = slice(int(batch.offsets[i]), int(batch.offsets[i + 1]))
        reduced = Lattice(lattices[i]).get_lll_reduced_lattice().matrix
        coords[sites] = coords[sites] @ lattices[i] @ np.linalg.inv(reduced)
        lattices[i] = reduced
    coords -= np.floor(coords)
    return CrystalBatch(lattices, batch.atomic_numbers, coords, batch.offsets, batch.ids)
