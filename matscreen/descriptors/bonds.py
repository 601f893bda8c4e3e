"""Neighbour lists of a whole batch as flat arrays, and the bonds of its cations.

A bond is weighted, never cut off: a coordination number then changes continuously with the
positions. Hoppe's effective coordination number (Hoppe 1979) needs no radii, so it says how a site
is surrounded before anyone knows which ion sits there.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

from matscreen.errors import StructureError
from matscreen.structures import CrystalBatch, FloatArray, IntArray

CUTOFF = 6.0
"""Radius of the neighbour lists, Å."""
OVERLAP = 0.5
"""Atoms closer than this are an error of the input, Å."""

# A neighbour counts fully up to the first and not at all from the second multiple of the mean bond
# length. In perovskites the next shell begins at 1.7 for A and 2.2 for B.
_SHELL_INNER = 1.25
_SHELL_OUTER = 1.6
# Neighbours beyond this multiple of the shortest bond carry no weight. It avoids √3, 2 and √5, the
# ratios at which the shells of high-symmetry crystals lie.
_REACH = 2.18


@dataclass(frozen=True, eq=False)
class Neighbours:
    """Ordered pairs of sites within `CUTOFF`, each pair in both directions.

    Attributes:
        center: First site of each pair, index into the sites of the batch, (p,).
        other: Second site of each pair, (p,).
        vector: From the first to the second, (p, 3), Å.
        distance: Length of it, (p,), Å.
        owner: Structure of each site of the batch, (s,).
    """

    center: IntArray
    other: IntArray
    vector: FloatArray
    distance: FloatArray
    owner: IntArray

    @property
    def n_sites(self) -> int:
        """Number of sites of the batch."""
        return len(self.owner)


def find_neighbours(batch: CrystalBatch) -> Neighbours:
    """Find the neighbours of every site of a batch.

    Raises:
        StructureError: Two atoms lie on each other (`overlapping_atoms`).
    """
    from pymatgen.optimization.neighbors import find_points_in_spheres

    periodic = np.ones(3, dtype=np.int64)
    owner = np.repeat(np.arange(len(batch)), np.diff(batch.offsets))
    wrapped = batch.frac_coords - np.floor(batch.frac_coords)
    positions = np.einsum("si,sij->sj", wrapped, batch.lattices[owner])
    centers, others, images, distances = [], [], [], []
    for i, lattice in enumerate(np.ascontiguousarray(batch.lattices)):
        start, stop = int(batch.offsets[i]), int(batch.offsets[i + 1])
        sites = positions[start:stop]
        center, other, image, distance = find_points_in_spheres(
            sites, sites, r=CUTOFF, pbc=periodic, lattice=lattice, tol=1e-8
        )
        centers.append(center + start)
        others.append(other + start)
        images.append(image)
        distances.append(distance)
    center, other = np.concatenate(centers), np.concatenate(others)
    image, distance = np.concatenate(images), np.concatenate(distances)
    itself = (center == other) & (distance < 1e-6)
    keep = ~itself
    center, other, image, distance = center[keep], other[keep], image[keep], distance[keep]
    if distance.min(initial=np.inf) < OVERLAP:
        raise StructureError(
            "overlapping_atoms", f"two atoms are {distance.min():.3f} Å from each other"
        )
    shift = np.einsum("pi,pij->pj", image, batch.lattices[owner[center]])
    return Neighbours(center, other, positions[other] - positions[center] + shift, distance, owner)


@dataclass(frozen=True, eq=False)
class Bonds:
    """Bonds from cations to anions with their weights.

    Attributes:
        cation: Site of the cation, (b,).
        anion: Site of the anion, (b,).
        vector: From cation to anion, (b, 3), Å.
        distance: Bond length, (b,), Å.
        n_sites: Number of sites of the batch.
    """

    cation: IntArray
    anion: IntArray
    vector: FloatArray
    distance: FloatArray
    n_sites: int

    @classmethod
    def between(cls, neighbours: Neighbours, cation: np.ndarray, anion: np.ndarray) -> Bonds:
        """Take the pairs from a cation to an anion within reach of its shortest bond.

        Args:
            neighbours: All pairs.
            cation: Which sites are cations, (s,).
            anion: Which sites are anions, (s,).
        """
        pairs = np.flatnonzero(cation[neighbours.center] & anion[neighbours.other])
        center, distance = neighbours.center[pairs], neighbours.distance[pairs]
        shortest = np.full(neighbours.n_sites, np.inf)
        np.minimum.at(shortest, center, distance)
        near = distance <= _REACH * shortest[center]
        pairs = pairs[near]
        return cls(
            neighbours.center[pairs],
            neighbours.other[pairs],
            neighbours.vector[pairs],
            neighbours.distance[pairs],
            neighbours.n_sites,
        )

    def sum_at(self, sites: IntArray, values: FloatArray) -> FloatArray:
        """Add one value a bond at a site of each, (s,)."""
        return np.asarray(np.bincount(sites, values, minlength=self.n_sites), dtype=np.float64)

    @cached_property
    def shortest(self) -> FloatArray:
        """Shortest bond of each site, cation or anion, (s,), Å; NaN without bonds."""
        result = np.full(self.n_sites, np.inf)
        np.minimum.at(result, self.cation, self.distance)
        np.minimum.at(result, self.anion, self.distance)
        return np.where(np.isfinite(result), result, np.nan)

    @cached_property
    def mean_length(self) -> FloatArray:
        """Hoppe's weighted mean bond length of each cation, (s,), Å; NaN without bonds.

        Σ d w / Σ w with w = exp(1 - (d / shortest)⁶) (Hoppe 1979).
        """
        weight = np.exp(1 - (self.distance / self.shortest[self.cation]) ** 6)
        return _ratio(
            self.sum_at(self.cation, weight * self.distance), self.sum_at(self.cation, weight)
        )

    @cached_property
    def weight(self) -> FloatArray:
        """Hoppe's bond weight exp(1 - (d / mean length)⁶), (b,) (Hoppe 1979)."""
        return np.asarray(np.exp(1 - (self.distance / self.mean_length[self.cation]) ** 6))

    @cached_property
    def coordination(self) -> FloatArray:
        """Effective coordination number of each cation, Σ weight, (s,); NaN without bonds."""
        total = self.sum_at(self.cation, self.weight)
        return np.where(np.isnan(self.mean_length), np.nan, total)

    @cached_property
    def shell(self) -> FloatArray:
        """Membership of the anion in the first shell of the cation, 0 to 1 and smooth, (b,)."""
        x = self.distance / self.mean_length[self.cation]
        x = np.clip((x - _SHELL_INNER) / (_SHELL_OUTER - _SHELL_INNER), 0.0, 1.0)
        return np.asarray(1 - x * x * (3 - 2 * x))

    @cached_property
    def shell_size(self) -> FloatArray:
        """Number of anions in the first shell of each cation, Σ membership, (s,)."""
        return self.sum_at(self.cation, self.shell)

    @cached_property
    def offset(self) -> FloatArray:
        """From each cation to the centre of its anion shell, (s, 3), Å; NaN without bonds."""
        moments = [self.sum_at(self.cation, self.shell * v) for v in self.vector.T]
        return _ratio(np.stack(moments, axis=1), self.shell_size[:, None])

    def pairs_at(self, sites: IntArray, keep: np.ndarray) -> tuple[IntArray, IntArray]:
        """List all ordered pairs of kept bonds that share a site, self-pairs included.

        Args:
            sites: The site at which bonds meet: `cation` or `anion`, (b,).
            keep: Which bonds take part, (b,).

        Returns:
            First and second bond of each pair.
        """
        bonds = np.flatnonzero(keep)
        bonds = bonds[np.argsort(sites[bonds], kind="stable")]
        degree = np.bincount(sites[bonds], minlength=self.n_sites)
        start = np.concatenate([[0], np.cumsum(degree)[:-1]])
        partners = degree[sites[bonds]]
        first = np.repeat(np.arange(len(bonds)), partners)
        rank = np.arange(len(first)) - np.repeat(np.cumsum(partners) - partners, partners)
        second = start[sites[bonds[first]]] + rank
        return bonds[first], bonds[second]


def _ratio(top: FloatArray, bottom: FloatArray) -> FloatArray:
    safe = np.where(bottom > 0, bottom, 1.0)
    return np.asarray(np.where(bottom > 0, top / safe, np.nan))
