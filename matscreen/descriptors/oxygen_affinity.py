"""How strongly the cations hold oxygen: energies of their binary oxides.

Formation energies, hulls and vacancies of ternary oxides follow those of the binary oxides they
are made of. The energies are matscreen's own, of one machine-learned potential
(`matscreen.simulations.oxide_energies` makes them).
"""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from matscreen.data import data_path
from matscreen.descriptors.base import Column
from matscreen.descriptors.composition import Compositions
from matscreen.descriptors.oxidation import frequent_charges
from matscreen.descriptors.sites import A, B, Sites, X, role_mean
from matscreen.structures import FloatArray, IntArray

FIXED: Final = (1.0, 1.5, 2.0)
"""Oxygen per cation at which elements are compared whatever their charge."""

_ROLE_COLUMNS: Final = (
    ("oxide_energy", "eV"),
    ("reduction_energy", "eV"),
    ("oxidation_energy", "eV"),
    ("monoxide_energy", "eV"),
    ("sesquioxide_energy", "eV"),
    ("dioxide_energy", "eV"),
)
COLUMNS: tuple[Column, ...] = (
    *((f"{name}_{role}", unit) for role in "ab" for name, unit in _ROLE_COLUMNS),
    ("oxide_energy_per_atom", "eV/atom"),
    ("reduction_energy_min", "eV"),
    ("oxidation_energy_max", "eV"),
    ("decomposition_energy_per_atom", "eV/atom"),
    ("decomposition_reduction_energy", "eV"),
    ("decomposition_oxidation_energy", "eV"),
)

_TOLERANCE: Final = 1e-3  # oxygen per cation


@dataclass(frozen=True, eq=False)
class OxideHulls:
    """Stable binary oxides of every element by atomic number, (119, v) each.

    Attributes:
        oxygen: Oxygen per cation of the vertices, from 0 (the element) upwards; after the last
            one infinity.
        slope: Energy per oxygen from a vertex to the next, eV; zero after the last.
        known: Elements that have any, (119,).
    """

    oxygen: FloatArray
    slope: FloatArray
    known: np.ndarray


@cache
def oxide_hulls() -> OxideHulls:
    """Read data/reference/oxide_energies.csv."""
    from pymatgen.core import Element

    vertices: dict[int, list[tuple[float, float]]] = {}
    path = data_path("reference", "oxide_energies.csv")
    # By number, as the stand-in for pymatgen in bundles knows elements.
    numbers = {Element.from_Z(z).symbol: z for z in range(1, 119)}
    with path.open(newline="", encoding="utf-8") as file:
        for row in csv.DictReader(file):
            point = (float(row["oxygen_per_cation"]), float(row["energy_eV_per_cation"]))
            vertices.setdefault(numbers[row["element"]], [(0.0, 0.0)]).append(point)
    longest = max(map(len, vertices.values()))
    oxygen = np.full((119, longest + 1), np.inf)
    slope = np.zeros((119, longest))
    known = np.zeros(119, dtype=bool)
    for z, points in vertices.items():
        x, energy = np.array(sorted(points)).T
        oxygen[z, : len(x)] = x
        slope[z, : len(x) - 1] = np.diff(energy) / np.diff(x)
        known[z] = True
    return OxideHulls(oxygen, slope, known)


def oxide_energy(numbers: IntArray, oxygen: FloatArray) -> FloatArray:
    """Return the energy per cation of the oxides of an element at an oxygen content, eV.

    On the lower hull of element, binary oxides and O2: between two oxides their mixture, beyond
    the last one it with O2 left over.

    Args:
        numbers: Atomic numbers, any shape.
        oxygen: Oxygen per cation, the same shape; negative or NaN gives NaN.
    """
    hulls = oxide_hulls()
    start, stop = hulls.oxygen[numbers][..., :-1], hulls.oxygen[numbers][..., 1:]
    with np.errstate(invalid="ignore"):
        length = np.clip(np.minimum(oxygen[..., None], stop) - start, 0.0, None)
        usable = hulls.known[numbers] & (oxygen >= 0.0)
    length = np.where(np.isfinite(start), np.nan_to_num(length, posinf=0.0), 0.0)
    found = (hulls.slope[numbers] * length).sum(axis=-1)
    return np.asarray(np.where(usable, found, np.nan))


def oxide_slopes(numbers: IntArray, oxygen: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return the energy that an oxygen costs to leave, and gains by coming, eV each.

    The slopes of `oxide_energy` below and above an oxygen content, sign reversed: both positive,
    or zero beyond the highest oxide. Arguments are those of `oxide_energy`.
    """
    hulls = oxide_hulls()
    vertices, slope = hulls.oxygen[numbers], hulls.slope[numbers]
    last = slope.shape[-1] - 1
    with np.errstate(invalid="ignore"):
        below = (vertices < oxygen[..., None] - _TOLERANCE).sum(axis=-1) - 1
        above = (vertices <= oxygen[..., None] + _TOLERANCE).sum(axis=-1) - 1
        usable = hulls.known[numbers] & (oxygen >= 0.0)
    found = []
    for segment, allowed in ((below, usable & (oxygen > _TOLERANCE)), (above, usable)):
        index = np.clip(segment, 0, last)[..., None]
        taken = np.take_along_axis(slope, index, axis=-1)[..., 0]
        found.append(np.where(allowed, -taken, np.nan))
    return np.asarray(found[0]), np.asarray(found[1])


def oxygen_affinity_features(compositions: Compositions, sites: Sites) -> FloatArray:
    """Compute every descriptor of `COLUMNS`.

    A cation of charge q is compared with the binary oxides of its element at q / 2 oxygens. For
    the ions on A and on B: energy per cation at that content; energy per oxygen to reduce it and
    gained by oxidising it further; energy per cation at 1, 1.5 and 2 oxygens whatever the charge.
    Then the energy of the mixture of binary oxides, the least energy per oxygen at which any
    cation is reduced, and the most that any gains by oxidation. Last what the compound's own
    oxygen would make of its cations without regard to charges, see `decomposition`. NaN where a
    charge is unknown or an element has no entry.

    Returns:
        Values, (n, 18).
    """
    z, charges = compositions.numbers, sites.charges
    cation = (sites.roles == A) | (sites.roles == B)
    with np.errstate(invalid="ignore"):
        content = np.where(cation & (charges >= 0.0), charges / 2.0, np.nan)
    energy = oxide_energy(z, content)
    reduction, oxidation = oxide_slopes(z, content)
    fixed = [oxide_energy(z, np.where(cation, level, np.nan)) for level in FIXED]
    columns = [
        role_mean(sites, compositions, role, values)
        for role in (A, B)
        for values in (energy, reduction, oxidation, *fixed)
    ]
    amounts = np.where(compositions.present, compositions.amounts, 0.0)
    total = np.where(cation, energy * amounts, 0.0).sum(axis=1) / amounts.sum(axis=1)
    some = cation.any(axis=1)
    columns += [
        np.where(some, total, np.nan),
        _extreme(reduction, cation, np.fmin),
        _extreme(oxidation, cation, np.fmax),
        # Without charges no cation has a role, but what is no anion is one.
        *decomposition(compositions, compositions.present & (sites.roles != X), sites.roles == X),
    ]
    return np.stack(columns, axis=1)


def decomposition(
    compositions: Compositions, cation: np.ndarray, anion: np.ndarray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Decompose compounds into the stablest mixture of elements, binary oxides and O2.

    Oxygen goes where it gains most: the segments of all hulls, longest slopes first, until it is
    used up. Other anions count as the oxygen of the same charge.

    Args:
        compositions: Compositions, (n, m) slots.
        cation: Which slots are cations, (n, m).
        anion: Which slots are anions, (n, m).

    Returns:
        Energy of the mixture, eV/atom; energy per oxygen to take one from it; energy per oxygen
        that one more gains; (n,) each.
    """
    hulls = oxide_hulls()
    z, n = compositions.numbers, len(compositions.numbers)
    amounts = np.where(compositions.present, compositions.amounts, 0.0)
    valence = np.nan_to_num(-frequent_charges(-1))[z]
    oxygen = 0.5 * np.where(anion, amounts * valence, 0.0).sum(axis=1)
    slope = np.where(cation[..., None], hulls.slope[z], 0.0)
    with np.errstate(invalid="ignore"):
        length = np.diff(hulls.oxygen[z], axis=-1) * amounts[..., None]
    length = np.where(slope < 0.0, length, 0.0).reshape(n, -1)
    order = np.argsort(slope.reshape(n, -1), axis=1, kind="stable")
    slope = np.take_along_axis(slope.reshape(n, -1), order, axis=1)
    length = np.take_along_axis(length, order, axis=1)
    end = np.cumsum(length, axis=1)
    used = np.clip(oxygen[:, None] - (end - length), 0.0, length)
    tolerance = _TOLERANCE * np.maximum(oxygen, 1.0)[:, None]
    # The last segment that got oxygen, unless some is left over; the first that is not full.
    left_over = end[:, -1:] < oxygen[:, None] - tolerance
    started = (used > tolerance) & ~left_over
    unfilled = length - used > tolerance
    known = cation.any(axis=1) & (hulls.known[z] | ~cation).all(axis=1) & (oxygen > 0.0)
    found = (
        (slope * used).sum(axis=1) / np.maximum(amounts.sum(axis=1), 1e-12),
        -np.where(started, slope, -np.inf).max(axis=1, initial=-np.inf),
        -np.where(unfilled, slope, np.inf).min(axis=1, initial=np.inf),
    )
    energy, reduction, oxidation = (np.where(known, values, np.nan) for values in found)
    return (
        np.asarray(energy),
        np.asarray(np.where(np.isinf(reduction), 0.0, reduction)),
        np.asarray(np.where(np.isinf(oxidation), 0.0, oxidation)),
    )


def _extreme(values: FloatArray, cation: np.ndarray, extreme: np.ufunc) -> FloatArray:
    """Take the least or largest known value of the cations; NaN without one."""
    return np.asarray(extreme.reduce(np.where(cation, values, np.nan), axis=1))
