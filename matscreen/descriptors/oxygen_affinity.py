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
from matscreen.descriptors.sites import A, B, Sites, role_mean
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
    cation is reduced, and the most that any gains by oxidation. NaN where a charge is unknown or
    an element has no entry.

    Returns:
        Values, (n, 15).
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
    ]
    return np.stack(columns, axis=1)


def _extreme(values: FloatArray, cation: np.ndarray, extreme: np.ufunc) -> FloatArray:
    """Take the least or largest known value of the cations; NaN without one."""
    return np.asarray(extreme.reduce(np.where(cation, values, np.nan), axis=1))
