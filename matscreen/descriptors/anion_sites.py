"""What surrounds each anion: which cations, how near, how strongly bound.

A vacancy breaks the bonds of one site and leaves its electrons to the cations around it, so the
energy depends on the site, not only on the compound.
"""

from __future__ import annotations

from typing import Final

import numpy as np

from matscreen.descriptors.base import Column
from matscreen.descriptors.bonds import Bonds, Neighbours
from matscreen.descriptors.composition import magpie_property
from matscreen.descriptors.elements import d_electrons, element_table, has_lone_pair
from matscreen.descriptors.oxygen_affinity import oxide_energy, oxide_slopes
from matscreen.structures import FloatArray, IntArray

_LOCAL: Final[tuple[Column, ...]] = (
    ("potential", "V"),
    ("coordination", "1"),
    ("bond_min", "Å"),
    ("bond_mean", "Å"),
    ("bond_strength", "e"),
    ("bond_energy", "eV"),
    ("anion_distance", "Å"),
    ("cation_potential_mean", "V"),
    ("cation_potential_max", "V"),
)
_CATIONS: Final[tuple[Column, ...]] = (
    ("electronegativity", "1"),
    ("charge", "e"),
    ("reduction_energy", "eV"),
    ("oxidation_energy", "eV"),
    ("oxide_energy", "eV"),
    ("d_electrons", "1"),
    ("lone_pair", "1"),
    ("mendeleev_number", "1"),
    ("n_unfilled", "1"),
)
SITE_COLUMNS: Final[tuple[Column, ...]] = (
    *_LOCAL,
    *((f"{name}_{how}", unit) for name, unit in _CATIONS for how in ("mean", "min", "max")),
)
"""Columns of one site."""

COLUMNS: tuple[Column, ...] = tuple(
    (f"anion_site_{name}_{how}", unit)
    for how in ("min", "mean", "max")
    for name, unit in SITE_COLUMNS
)

_NEAR: Final = 0.25
"""Bond weight from which a cation counts for the extremes."""


def anion_site_values(
    numbers: IntArray,
    charges: FloatArray,
    potentials: FloatArray,
    neighbours: Neighbours,
    bonds: Bonds,
) -> FloatArray:
    """Describe every site as if it were an anion; rows of cations mean nothing.

    Potential of the formal charges; Σ w, shortest and w-weighted mean bond length; Pauling's bond
    strength Σ w q / N of the cations' charges over their coordination numbers; and, the same with
    the energy of a cation's binary oxide in place of q, the energy of the bonds; the nearest other
    anion; the potentials at the cations around; mean, least and largest properties of these
    cations. w is Hoppe's bond weight (Hoppe 1979), cations of more than 0.25 count for extremes.

    Args:
        numbers: Atomic number of each site, (s,).
        charges: Oxidation state of each site, (s,), e.
        potentials: Electrostatic potential of each site, (s,), V.
        neighbours: All pairs of sites.
        bonds: Bonds between cations and anions.

    Returns:
        Values in the order of `SITE_COLUMNS`, (s, 36); NaN where unknown.
    """
    cation, anion, weight = bonds.cation, bonds.anion, bonds.weight
    near = weight > _NEAR

    def mean(values: FloatArray) -> FloatArray:
        known = np.isfinite(values)
        total = bonds.sum_at(anion[known], (values * weight)[known])
        share = bonds.sum_at(anion[known], weight[known])
        return np.where(share > 0.0, total / np.where(share > 0.0, share, 1.0), np.nan)

    def extreme(values: FloatArray, function: np.ufunc) -> FloatArray:
        found = np.full(bonds.n_sites, np.nan)
        function.at(found, anion[near], values[near])
        return found

    content = np.where(charges >= 0.0, charges / 2.0, np.nan)
    energy = oxide_energy(numbers, content)
    reduction, oxidation = oxide_slopes(numbers, content)
    shared = weight / bonds.coordination[cation]
    # An anion is none that binds to itself: pairs of two anions only.
    bonded = np.zeros(bonds.n_sites, dtype=bool)
    bonded[anion] = True
    pair = bonded[neighbours.center] & bonded[neighbours.other]
    between = np.full(bonds.n_sites, np.nan)
    np.fmin.at(between, neighbours.center[pair], neighbours.distance[pair])
    columns = [
        potentials,
        bonds.sum_at(anion, weight),
        bonds.shortest,
        mean(bonds.distance),
        bonds.sum_at(anion, np.nan_to_num(shared * charges[cation])),
        bonds.sum_at(anion, np.nan_to_num(-shared * energy[cation])),
        between,
        mean(potentials[cation]),
        extreme(potentials[cation], np.fmax),
    ]
    table = element_table()
    for values in (
        table.electronegativity[numbers],
        charges,
        reduction,
        oxidation,
        energy,
        d_electrons(numbers, charges),
        has_lone_pair(numbers, charges),
        table.mendeleev[numbers],
        magpie_property("n_unfilled")[numbers],
    ):
        around = np.asarray(values, dtype=np.float64)[cation]
        columns += [mean(around), extreme(around, np.fmin), extreme(around, np.fmax)]
    return np.stack(columns, axis=1)


def anion_site_features(values: FloatArray, row: IntArray, anion: np.ndarray, n: int) -> FloatArray:
    """Take the least, mean and largest value over the anions of each structure.

    Args:
        values: From `anion_site_values`, (s, k).
        row: Structure of each site, (s,).
        anion: Which sites are anions, (s,).
        n: Number of structures.

    Returns:
        Values in the order of `COLUMNS`, (n, 3 k).
    """
    mine, owner = values[anion], row[anion]
    known = np.isfinite(mine)
    least, most = np.full((n, mine.shape[1]), np.nan), np.full((n, mine.shape[1]), np.nan)
    np.fmin.at(least, owner, mine)
    np.fmax.at(most, owner, mine)
    total, count = np.zeros_like(least), np.zeros_like(least)
    np.add.at(total, owner, np.where(known, mine, 0.0))
    np.add.at(count, owner, known)
    mean = np.where(count > 0, total / np.maximum(count, 1.0), np.nan)
    return np.hstack([least, mean, most])
