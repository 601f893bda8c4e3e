"""Descriptors of where the atoms are: bonds, shells, off-centring, angles, valence sums, hops."""

from __future__ import annotations

import numpy as np

from matscreen.descriptors.base import Column
from matscreen.descriptors.bonds import Bonds, Neighbours
from matscreen.descriptors.composition import Compositions
from matscreen.descriptors.elements import (
    BOND_VALENCE_SOFTNESS,
    bond_valence_parameters,
    element_table,
)
from matscreen.descriptors.sites import A, B, Sites, X, role_mean
from matscreen.structures import CrystalBatch, FloatArray, IntArray

_DENSITY = 1.66053906660  # u/Å³ in g/cm³
_POLARIZATION = 1602.176634  # e/Å² in µC/cm²
_MIN_MEMBERSHIP = 0.02
_BOND_NAMES = ("bond_min", "bond_mean", "bond_std", "coordination", "off_centre", "off_centre_max")

_CELL: tuple[Column, ...] = (
    ("volume_per_atom", "Å³"),
    ("volume_per_anion", "Å³"),
    ("density", "g/cm³"),
    ("packing_fraction", "1"),
)
_BONDS: tuple[Column, ...] = tuple(
    (f"{name}_{role}", "1" if name == "coordination" else "Å")
    for role in ("a", "b", "cation")
    for name in _BOND_NAMES
)
_SHELLS: tuple[Column, ...] = (
    ("bond_misfit_a", "Å"),
    ("bond_misfit_b", "Å"),
    ("observed_tolerance_factor", "1"),
    ("nominal_polarization", "µC/cm²"),
    ("order_q4_a", "1"),
    ("order_q6_a", "1"),
    ("order_q4_b", "1"),
    ("order_q6_b", "1"),
    ("coordination_x", "1"),
    ("coordination_x_by_b", "1"),
    ("angle_bxb_mean", "degree"),
    ("angle_bxb_std", "degree"),
    ("angle_bxb_max", "degree"),
)
_VALENCE: tuple[Column, ...] = (
    ("bond_valence_sum_a", "e"),
    ("bond_valence_sum_b", "e"),
    ("bond_valence_sum_x", "e"),
    ("bond_valence_vector_a", "e"),
    ("bond_valence_vector_b", "e"),
    ("bond_valence_vector_x", "e"),
    ("global_instability_index", "e"),
)
_DISTANCES: tuple[Column, ...] = (
    ("distance_aa_min", "Å"),
    ("distance_ab_min", "Å"),
    ("distance_bb_min", "Å"),
    ("hop_xx_min", "Å"),
    ("hop_xx_mean", "Å"),
    ("hop_xx_std", "Å"),
    ("hop_clearance", "Å"),
)
COLUMNS = _CELL + _BONDS + _SHELLS + _VALENCE + _DISTANCES


def geometry_features(
    batch: CrystalBatch,
    compositions: Compositions,
    sites: Sites,
    neighbours: Neighbours,
    bonds: Bonds,
    slot: IntArray,
) -> FloatArray:
    """Compute every descriptor of `COLUMNS`.

    Args:
        batch: The structures.
        compositions: Their compositions.
        sites: Roles and ions.
        neighbours: All pairs of sites within the cutoff.
        bonds: Cation-anion bonds.
        slot: Slot of the element of each site, (s,).

    Returns:
        Values, (n, 50).
    """
    geometry = _Geometry(batch, compositions, sites, neighbours, bonds, slot)
    return np.hstack(
        [
            geometry.cell(),
            geometry.bond_lengths(),
            geometry.shells(),
            geometry.bond_valences(),
            geometry.distances(),
        ]
    )


class _Geometry:
    """The arrays that the groups of descriptors share."""

    def __init__(
        self,
        batch: CrystalBatch,
        compositions: Compositions,
        sites: Sites,
        neighbours: Neighbours,
        bonds: Bonds,
        slot: IntArray,
    ) -> None:
        self.n = len(batch)
        self.compositions, self.sites = compositions, sites
        self.neighbours, self.bonds = neighbours, bonds
        self.owner = neighbours.owner
        self.volume = np.abs(np.linalg.det(batch.lattices))
        self.numbers = batch.atomic_numbers
        self.role = sites.roles[self.owner, slot]
        self.charge = sites.charges[self.owner, slot]
        self.radius = sites.radii[self.owner, slot]

    def mean(self, values: FloatArray, *roles: int) -> FloatArray:
        """Average a value over the sites of some roles that have one, (n,)."""
        keep = np.isin(self.role, roles) & np.isfinite(values)
        count = np.bincount(self.owner[keep], minlength=self.n)
        total = np.bincount(self.owner[keep], values[keep], minlength=self.n)
        return np.asarray(np.where(count > 0, total / np.maximum(count, 1), np.nan))

    def extreme(self, owner: IntArray, values: FloatArray, sign: float = -1.0) -> FloatArray:
        """Smallest (or with sign 1 largest) value of each structure, (n,)."""
        result = np.full(self.n, -np.inf)
        known = np.isfinite(values)
        np.maximum.at(result, owner[known], sign * values[known])
        return np.where(np.isfinite(result), sign * result, np.nan)

    def cell(self) -> FloatArray:
        """Volumes, density, and the share of space inside ionic spheres."""
        n_sites = np.bincount(self.owner, minlength=self.n)
        n_anions = np.bincount(self.owner[self.role == X], minlength=self.n)
        mass = np.bincount(self.owner, element_table().mass[self.numbers], minlength=self.n)
        spheres = 4 / 3 * np.pi * np.maximum(self.radius, 0.0) ** 3
        filled = np.bincount(self.owner, spheres, minlength=self.n)
        return np.stack(
            [
                self.volume / n_sites,
                np.where(n_anions > 0, self.volume / np.maximum(n_anions, 1), np.nan),
                _DENSITY * mass / self.volume,
                filled / self.volume,
            ],
            axis=1,
        )

    def bond_lengths(self) -> FloatArray:
        """Shortest, mean and spread of the bonds, coordination and off-centring by role."""
        bonds = self.bonds
        # Spread inside the first shell of each cation, by membership.
        size = np.where(bonds.shell_size > 0, bonds.shell_size, np.nan)
        centre = bonds.sum_at(bonds.cation, bonds.shell * bonds.distance) / size
        square = (bonds.distance - centre[bonds.cation]) ** 2
        spread = np.sqrt(bonds.sum_at(bonds.cation, bonds.shell * square) / size)
        off_centre = np.linalg.norm(bonds.offset, axis=1)
        columns = []
        for roles in ((A,), (B,), (A, B)):
            mine = np.isin(self.role, roles)
            owner = self.owner[mine]
            columns += [
                self.extreme(owner, bonds.shortest[mine]),
                self.mean(bonds.mean_length, *roles),
                self.mean(spread, *roles),
                self.mean(bonds.coordination, *roles),
                self.mean(off_centre, *roles),
                self.extreme(owner, off_centre[mine], 1.0),
            ]
        return np.stack(columns, axis=1)

    def shells(self) -> FloatArray:
        """Misfit with the radii, polar displacement, shape of the polyhedra and their links."""
        bonds = self.bonds
        r_x = role_mean(self.sites, self.compositions, X, self.sites.radii)
        length_a, length_b = self.mean(bonds.mean_length, A), self.mean(bonds.mean_length, B)
        misfit_a = length_a - self.mean(self.radius, A) - r_x
        misfit_b = length_b - self.mean(self.radius, B) - r_x
        # Cations move against their shells: dipole -Σ q offset over the cell.
        dipole = np.stack(
            [
                np.bincount(self.owner, np.nan_to_num(self.charge * component), minlength=self.n)
                for component in bonds.offset.T
            ],
            axis=1,
        )
        dipole[np.isnan(self.mean(self.charge, A, B))] = np.nan
        polarization = _POLARIZATION * np.linalg.norm(dipole, axis=1) / self.volume
        order = _steinhardt(bonds)
        by_b = self.role[bonds.cation] == B
        anion_total = bonds.sum_at(bonds.anion, bonds.shell)
        anion_by_b = bonds.sum_at(bonds.anion, bonds.shell * by_b)
        columns = [
            misfit_a,
            misfit_b,
            length_a / (np.sqrt(2) * length_b),
            polarization,
            *(self.mean(q, role) for role in (A, B) for q in order),
            self.mean(anion_total, X),
            self.mean(anion_by_b, X),
            *self._angles(by_b),
        ]
        return np.stack(columns, axis=1)

    def _angles(self, by_b: np.ndarray) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Weighted mean, spread and maximum of the angles B-X-B."""
        bonds = self.bonds
        first, second = bonds.pairs_at(bonds.anion, by_b & (bonds.shell > _MIN_MEMBERSHIP))
        once = first < second
        first, second = first[once], second[once]
        cosine = np.einsum("pi,pi->p", bonds.vector[first], bonds.vector[second])
        cosine /= bonds.distance[first] * bonds.distance[second]
        angle = np.degrees(np.arccos(np.clip(cosine, -1.0, 1.0)))
        weight = bonds.shell[first] * bonds.shell[second]
        owner = self.owner[bonds.anion[first]]
        total = np.bincount(owner, weight, minlength=self.n)
        total = np.where(total > 0, total, np.nan)
        mean = np.bincount(owner, weight * angle, minlength=self.n) / total
        square = np.bincount(owner, weight * (angle - mean[owner]) ** 2, minlength=self.n)
        solid = weight > 0.5
        return mean, np.sqrt(square / total), self.extreme(owner[solid], angle[solid], 1.0)

    def bond_valences(self) -> FloatArray:
        """Bond valence sums and vectors, and the global instability index.

        s = exp((R - d) / b) (O'Keeffe and Brese 1991); the vector sum of s over the bonds of a
        site vanishes where it is symmetric (Harvey et al. 2006); the index is the root mean
        square of sum minus |charge| over all sites (Salinas-Sanchez et al. 1992).
        """
        bonds = self.bonds
        R = bond_valence_parameters()[self.numbers[bonds.cation], self.numbers[bonds.anion]]
        valence = np.exp((R - bonds.distance) / BOND_VALENCE_SOFTNESS)
        total = bonds.sum_at(bonds.cation, valence) + bonds.sum_at(bonds.anion, valence)
        unit = bonds.vector / bonds.distance[:, None]
        vector = np.stack(
            [
                bonds.sum_at(bonds.cation, valence * v) - bonds.sum_at(bonds.anion, valence * v)
                for v in unit.T
            ],
            axis=1,
        )
        length = np.linalg.norm(vector, axis=1)
        bonded = np.isfinite(bonds.shortest)
        total, length = np.where(bonded, total, np.nan), np.where(bonded, length, np.nan)
        error = np.where(self.role == 0, 0.0, (total - np.abs(self.charge)) ** 2)
        count = np.bincount(self.owner[self.role != 0], minlength=self.n)
        index = np.sqrt(
            np.bincount(self.owner, error, minlength=self.n) / np.where(count > 0, count, np.nan)
        )
        columns = [self.mean(total, role) for role in (A, B, X)]
        columns += [self.mean(length, role) for role in (A, B, X)]
        return np.stack([*columns, index], axis=1)

    def distances(self) -> FloatArray:
        """Shortest distances by pair of roles, and the hops of an anion to the next site."""
        pairs = self.neighbours
        first, second = self.role[pairs.center], self.role[pairs.other]
        columns = []
        for one, two in ((A, A), (A, B), (B, B)):
            kept = (first == one) & (second == two)
            columns.append(self.extreme(self.owner[pairs.center[kept]], pairs.distance[kept]))
        hops = np.flatnonzero((first == X) & (second == X))
        center, distance = pairs.center[hops], pairs.distance[hops]
        nearest = np.full(pairs.n_sites, np.inf)
        np.minimum.at(nearest, center, distance)
        nearest = np.where(np.isfinite(nearest), nearest, np.nan)
        mean = self.mean(nearest, X)
        columns += [
            self.extreme(self.owner, nearest),
            mean,
            np.sqrt(self.mean((nearest - mean[self.owner]) ** 2, X)),
            self._clearance(hops[distance <= 1.1 * nearest[center]]),
        ]
        return np.stack(columns, axis=1)

    def _clearance(self, hops: IntArray) -> FloatArray:
        """Widest way out of each anion site: from the middle of a hop to the nearest cation.

        Averaged over the anions. The middle of a straight hop stands for its saddle point.
        """
        bonds, pairs = self.bonds, self.neighbours
        # Bonds by anion; every hop meets all the bonds of the anion it starts from.
        order = np.argsort(bonds.anion, kind="stable")
        degree = np.bincount(bonds.anion, minlength=bonds.n_sites)
        start = np.concatenate([[0], np.cumsum(degree)[:-1]])
        partners = degree[pairs.center[hops]]
        hop = np.repeat(np.arange(len(hops)), partners)
        rank = np.arange(len(hop)) - np.repeat(np.cumsum(partners) - partners, partners)
        bond = order[start[pairs.center[hops[hop]]] + rank]
        middle = 0.5 * pairs.vector[hops[hop]] + bonds.vector[bond]
        gap = np.full(len(hops), np.inf)
        np.minimum.at(gap, hop, np.linalg.norm(middle, axis=1))
        widest = np.full(bonds.n_sites, -np.inf)
        known = np.isfinite(gap)
        np.maximum.at(widest, pairs.center[hops[known]], gap[known])
        return self.mean(np.where(np.isfinite(widest), widest, np.nan), X)


def _steinhardt(bonds: Bonds) -> tuple[FloatArray, FloatArray]:
    """Bond-orientational order q4 and q6 of each cation (Steinhardt, Nelson and Ronchetti 1983).

    q_l² = Σ_ij w_i w_j P_l(cos θ_ij) / (Σ w)², the addition theorem in place of harmonics, with
    the shell membership as weight.
    """
    first, second = bonds.pairs_at(bonds.cation, bonds.shell > _MIN_MEMBERSHIP)
    once = first <= second
    first, second = first[once], second[once]
    cosine = np.einsum("pi,pi->p", bonds.vector[first], bonds.vector[second])
    square = (cosine / (bonds.distance[first] * bonds.distance[second])) ** 2
    weight = bonds.shell[first] * bonds.shell[second] * np.where(first == second, 1.0, 2.0)
    site = bonds.cation[first]
    total = bonds.sum_at(site, weight)
    total = np.where(total > 0, total, np.nan)
    p4 = (35 * square**2 - 30 * square + 3) / 8
    p6 = (231 * square**3 - 315 * square**2 + 105 * square - 5) / 16
    q4, q6 = (bonds.sum_at(site, weight * p) / total for p in (p4, p6))
    return np.sqrt(np.maximum(q4, 0.0)), np.sqrt(np.maximum(q6, 0.0))
