"""The lean descriptor: what a formula says about its ions, cheap enough for an ONNX graph.

The sets of `matscreen.descriptors` balance charges first, which costs milliseconds for one row.
Here everything is a table look-up by element, a comparison and a weighted mean, so that
`lean_graph` computes the same numbers inside the runtime. Sites are guessed as in
`descriptors.sites`: the larger cations are A, the smaller ones B.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from matscreen.descriptors.composition import Compositions, magpie_property
from matscreen.descriptors.elements import (
    d_electrons,
    element_table,
    f_electrons,
    has_lone_pair,
    ionic_radius,
    ionization_energy,
)
from matscreen.descriptors.oxidation import frequent_charges
from matscreen.structures import FloatArray

VERSION: Final = "1"
"""Bumped whenever a change moves values."""

ROLES: Final = ("a", "b", "x", "all")
ANION_WINDOW: Final = 1.0
"""Anion formers within this electronegativity (Pauling) of the highest one are anions: O with N, F
or S, but not O with P."""
ABSENT: Final = 1e-12
"""Weight of an element in a role that it does not have: a role without an element (the cations of
pure oxygen) thus takes the average of the whole compound."""
GRID: Final = 2.0**20
"""Features are rounded to multiples of 1 / GRID, so that sums in another order give the same."""
SMALL_SHARE: Final = 0.01
"""Added to the share of a role before the unbalanced charge is divided by it."""
MAX_EXCESS: Final = 8.0
"""Largest unbalanced charge per ion, e."""

_ANION_FORMERS: Final = (7, 8, 9, 16, 17, 34, 35, 52, 53)
_NO_ANION: Final = -100.0
_FROM_MAGPIE: Final = (
    ("mendeleev_number", 100.0),
    ("column", 10.0),
    ("row", 1.0),
    ("electronegativity", 1.0),
    ("covalent_radius", 100.0),
    ("melting_t", 1000.0),
    ("gs_volume_pa", 10.0),
    ("gs_bandgap", 1.0),
    ("gs_magmom", 1.0),
    ("np_valence", 1.0),
    ("nd_valence", 10.0),
    ("nf_valence", 10.0),
    ("n_valence", 10.0),
    ("nd_unfilled", 10.0),
    ("n_unfilled", 10.0),
)
"""Column of the Magpie table and the number that it is divided by, to be of order one."""
_OWN: Final = (
    "cation_charge",
    "anion_charge",
    "ionic_radius",
    "first_ionization_energy",
    "last_ionization_energy",
    "d_electrons",
    "f_electrons",
    "lone_pair",
)
PROPERTIES: Final = (*(name for name, _ in _FROM_MAGPIE), *_OWN)
LABELS: Final = (
    *(f"lean_{role}_{name}" for role in ROLES for name in PROPERTIES),
    *(f"lean_{role}_variance_{name}" for role in ROLES for name in PROPERTIES),
    *(f"lean_{end}_{name}" for end in ("max", "min") for name in PROPERTIES),
    *(f"lean_{role}_fraction" for role in ROLES),
    *(f"lean_{role}_excess_charge" for role in ROLES),
)
"""Name of each column, (k,)."""


@dataclass(frozen=True, eq=False)
class LeanTables:
    """Everything that the lean descriptor looks up, by atomic number.

    Attributes:
        anion: Electronegativity of an element that forms anions, else a large negative number.
        size: Ionic radius that sorts the cations, Å, (119,).
        properties: Element properties in the order of `PROPERTIES`, scaled to order one, (119, k).
        charge: Coefficients of the excess charge: the sums of the properties by role, flattened,
            times this is the total charge per atom, (4 k,).
    """

    anion: FloatArray
    size: FloatArray
    properties: FloatArray
    charge: FloatArray


@cache
def lean_tables() -> LeanTables:
    """Build the tables; an element without a value takes the mean of those that have one."""
    numbers = np.arange(119)
    table = element_table()
    cation, anion = frequent_charges(1), frequent_charges(-1)
    six = np.full(119, 6.0)
    radius = ionic_radius(numbers, cation, six)
    charged = np.nan_to_num(cation)
    own = (
        charged,
        np.nan_to_num(anion),
        radius,
        table.ionization[:, 1] / 10.0,
        ionization_energy(numbers, cation) / 10.0,
        d_electrons(numbers, charged) / 10.0,
        f_electrons(numbers, charged) / 10.0,
        has_lone_pair(numbers, charged),
    )
    columns = [*(magpie_property(name) / unit for name, unit in _FROM_MAGPIE), *own]
    properties = np.stack([_filled(column) for column in columns], axis=1)
    former = np.isin(numbers, _ANION_FORMERS)
    size = _filled(np.where(np.isfinite(radius), radius, magpie_property("covalent_radius") / 150))
    charge = np.zeros((len(ROLES), len(PROPERTIES)))
    # Everything as a cation, then the anions corrected.
    charge[ROLES.index("all"), PROPERTIES.index("cation_charge")] = 1.0
    charge[ROLES.index("x"), PROPERTIES.index("cation_charge")] = -1.0
    charge[ROLES.index("x"), PROPERTIES.index("anion_charge")] = 1.0
    return LeanTables(
        anion=np.where(former, table.electronegativity, _NO_ANION),
        size=size,
        properties=properties,
        charge=charge.ravel(),
    )


def role_weights(compositions: Compositions) -> FloatArray:
    """Return what share of the compound each element is in each role, (n, 4, m).

    Anions are the most electronegative former of anions and those near it. Of the cations, those
    of at least the middle between the largest and the smallest radius are A, those of at most
    that are B: a single cation is both.
    """
    tables = lean_tables()
    affinity = tables.anion[compositions.numbers]
    size = tables.size[compositions.numbers]
    anion = affinity >= affinity.max(axis=1, keepdims=True) - ANION_WINDOW
    largest = np.where(anion, -np.inf, size).max(axis=1, keepdims=True)
    smallest = np.where(anion, np.inf, size).min(axis=1, keepdims=True)
    with np.errstate(invalid="ignore"):
        middle = (largest + smallest) * 0.5
    cation = np.where(anion, np.nan, size)
    masks = (cation >= middle, cation <= middle, anion, np.ones_like(anion))
    return np.asarray((np.stack(masks, axis=1) + ABSENT) * compositions.fractions[:, None, :])


def lean_features(compositions: Compositions) -> FloatArray:
    """Describe compositions by element properties averaged over sites.

    For each role (A, B, X, all) the mean and the variance of each property, the extremes over all
    elements, the share of the role in the compound, and the charge per ion of the role that the
    usual charges of the elements leave unbalanced.

    Returns:
        Values in the order of `LABELS`, (n, 10 k + 8), exact in float32.
    """
    tables = lean_tables()
    count = len(PROPERTIES)
    weights = role_weights(compositions)
    share = weights.sum(axis=2)
    found = tables.properties[compositions.numbers]
    sums = weights @ np.concatenate([found, np.square(found)], axis=2)
    means = sums / share[:, :, None]
    variance = means[:, :, count:] - np.square(means[:, :, :count])
    total = (sums[:, :, :count].reshape(len(sums), -1) @ tables.charge)[:, None]
    excess = np.clip(total / (share + SMALL_SHARE), -MAX_EXCESS, MAX_EXCESS)
    columns = (
        means[:, :, :count].reshape(len(sums), -1),
        variance.reshape(len(sums), -1),
        found.max(axis=1),
        found.min(axis=1),
        share,
        excess,
    )
    rounded = np.rint(np.concatenate(columns, axis=1) * GRID) / GRID
    return rounded.astype(np.float32).astype(np.float64)


def _filled(column: FloatArray) -> FloatArray:
    return np.where(np.isfinite(column), column, np.nanmean(column[1:]))
