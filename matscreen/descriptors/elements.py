"""Element and ion properties as numpy tables indexed by atomic number.

Everything is read once from pymatgen and `data/reference` and then only looked up. Row 0 is
empty, so that atomic numbers index directly; NaN marks what is not tabulated.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache

import numpy as np

from matscreen.data import data_path
from matscreen.structures import FloatArray

N_ELEMENTS = 118
MAX_CHARGE = 8
MIN_CHARGE = -4
MAX_COORDINATION = 14
BOND_VALENCE_SOFTNESS = 0.37
"""Universal constant b of the bond-valence relation exp((R - d) / b), Å."""

_ROMAN = {
    "I": 1, "II": 2, "III": 3, "IIIPY": 3, "IV": 4, "IVPY": 4, "IVSQ": 4, "V": 5, "VI": 6,
    "VII": 7, "VIII": 8, "IX": 9, "X": 10, "XI": 11, "XII": 12, "XIV": 14,
}  # fmt: skip
_LONE_PAIRS = {(31, 1), (32, 2), (33, 3), (34, 4), (49, 1), (50, 2), (51, 3), (52, 4),
               (81, 1), (82, 2), (83, 3)}  # fmt: skip


@dataclass(frozen=True, eq=False)
class ElementTable:
    """Properties of the elements, each (119,) and indexed by atomic number.

    Attributes:
        mass: Atomic mass, u.
        group: Group of the periodic table, 1 to 18.
        row: Row of the periodic table.
        electronegativity: Pauling electronegativity.
        mendeleev: Mendeleev number of Pettifor as tabulated by pymatgen.
        ionization: Successive ionisation energies, (119, 9): column q removes the q-th
            electron; column 0 is zero. eV.
        d_block: The element has a d shell in its valence, groups 3 to 12 without f elements.
    """

    mass: FloatArray
    group: FloatArray
    row: FloatArray
    electronegativity: FloatArray
    mendeleev: FloatArray
    ionization: FloatArray
    d_block: np.ndarray


@cache
def element_table() -> ElementTable:
    """Read the element properties that the site descriptors use from pymatgen."""
    from pymatgen.core import Element

    columns = np.full((5, N_ELEMENTS + 1), np.nan)
    ionization = np.full((N_ELEMENTS + 1, MAX_CHARGE + 1), np.nan)
    ionization[:, 0] = 0.0
    for z in range(1, N_ELEMENTS + 1):
        element = Element.from_Z(z)
        # `data` instead of the attribute: the attribute warns for each missing value.
        fields = (
            element.atomic_mass,
            element.group,
            element.row,
            element.data.get("X"),
            element.data.get("Mendeleev no"),
        )
        columns[:, z] = [_number(value) for value in fields]
        energies = [_number(e) for e in element.data.get("Ionization energies") or []]
        energies = energies[:MAX_CHARGE]
        ionization[z, 1 : len(energies) + 1] = energies
    d_block = np.zeros(N_ELEMENTS + 1, dtype=bool)
    for first, last in ((21, 30), (39, 48), (72, 80), (104, 112)):
        d_block[first : last + 1] = True
    mass, group, row, electronegativity, mendeleev = columns
    return ElementTable(
        mass, group, row, electronegativity, mendeleev, ionization=ionization, d_block=d_block
    )


def _number(value: object) -> float:
    try:
        return float(value)  # type: ignore[arg-type]
    except (TypeError, ValueError):
        return float("nan")


@cache
def shannon_table() -> FloatArray:
    """Ionic radii on a grid of charge and coordination.

    Shannon (1976) lists radii at some charges and coordinations; between listed ones the grid is
    linear, beyond them it keeps the nearest. Three-dimensional d metals are taken in high spin.

    Returns:
        Radius of element z at charge q and coordination c: (119, 13, 15), index
        [z, q - MIN_CHARGE, c], Å. NaN where the element has no radius of this sign of charge.
    """
    from pymatgen.core import Element

    charges = np.arange(MIN_CHARGE, MAX_CHARGE + 1)
    coordinations = np.arange(MAX_COORDINATION + 1)
    grid = np.full((N_ELEMENTS + 1, len(charges), len(coordinations)), np.nan)
    for z in range(1, N_ELEMENTS + 1):
        listed = Element.from_Z(z).data.get("Shannon radii") or {}
        rows: dict[int, FloatArray] = {}
        for charge, by_coordination in listed.items():
            points: dict[int, float] = {}
            # The plain polyhedron comes after its planar variants and overwrites them.
            for roman in sorted(by_coordination, key=len, reverse=True):
                spins = by_coordination[roman]
                chosen = next((s for s in ("", "High Spin") if s in spins), next(iter(spins)))
                points[_ROMAN[roman]] = float(spins[chosen]["ionic_radius"])
            known = sorted(points)
            if not charge or not points:
                continue
            rows[int(charge)] = np.interp(coordinations, known, [points[c] for c in known])
        for sign in (-1, 1):
            known = sorted(q for q in rows if q * sign > 0)
            if not known:
                continue
            of_sign = np.flatnonzero(charges * sign > 0)
            for c in coordinations:
                listed_radii = [rows[q][c] for q in known]
                grid[z, of_sign, c] = np.interp(charges[of_sign], known, listed_radii)
    return grid


def ionic_radius(numbers: np.ndarray, charges: FloatArray, coordination: FloatArray) -> FloatArray:
    """Interpolate Shannon's ionic radii (Shannon 1976) at any charge and coordination.

    Args:
        numbers: Atomic numbers.
        charges: Oxidation states, e; mixed valences may be fractional.
        coordination: Coordination numbers; may be fractional.

    Returns:
        Radii, Å; NaN where charge or coordination is NaN or nothing is tabulated.
    """
    numbers, charges, coordination = np.broadcast_arrays(numbers, charges, coordination)
    known = np.isfinite(charges) & np.isfinite(coordination) & (charges != 0)
    # A fractional charge next to zero must not be mixed with the empty column of charge zero.
    magnitude = np.clip(np.where(known, np.abs(charges), 1.0), 1.0, MAX_CHARGE)
    charge = np.clip(np.where(charges < 0, -magnitude, magnitude), MIN_CHARGE, MAX_CHARGE)
    place = np.clip(np.where(known, coordination, 6.0), 1.0, MAX_COORDINATION)
    q0 = np.minimum(np.floor(charge), MAX_CHARGE - 1).astype(int)
    q0 = np.where(q0 == -1, -2, q0)
    c0 = np.minimum(np.floor(place), MAX_COORDINATION - 1).astype(int)
    fq, fc = charge - q0, place - c0
    table = shannon_table()
    q0 = q0 - MIN_CHARGE
    low = (1 - fc) * table[numbers, q0, c0] + fc * table[numbers, q0, c0 + 1]
    high = (1 - fc) * table[numbers, q0 + 1, c0] + fc * table[numbers, q0 + 1, c0 + 1]
    radius = np.where(fq == 0, low, np.where(fq == 1, high, (1 - fq) * low + fq * high))
    return np.asarray(np.where(known, radius, np.nan))


def ionization_energy(numbers: np.ndarray, charges: FloatArray) -> FloatArray:
    """Ionisation energy that led to a cation: of its last removed electron.

    Returns:
        Energy to go from charge q - 1 to q, linear between integers, eV; NaN for anions.
    """
    known = np.isfinite(charges) & (charges > 0)
    charge = np.clip(np.where(known, charges, 1.0), 1.0, MAX_CHARGE)
    q0 = np.minimum(np.floor(charge), MAX_CHARGE - 1).astype(int)
    fraction = charge - q0
    table = element_table().ionization
    low, high = table[numbers, q0], table[numbers, q0 + 1]
    energy = np.where(fraction == 0, low, (1 - fraction) * low + fraction * high)
    return np.asarray(np.where(known, energy, np.nan))


def d_electrons(numbers: np.ndarray, charges: FloatArray) -> FloatArray:
    """Number of valence d electrons of an ion: group minus charge for the d block, else zero."""
    table = element_table()
    count = np.clip(table.group[numbers] - charges, 0.0, 10.0)
    count = np.where(table.d_block[numbers], count, 0.0)
    return np.asarray(np.where(np.isfinite(charges), count, np.nan))


def f_electrons(numbers: np.ndarray, charges: FloatArray) -> FloatArray:
    """Number of f electrons of a lanthanide or actinide ion; zero for all other elements."""
    lanthanide = (numbers >= 57) & (numbers <= 71)
    actinide = (numbers >= 89) & (numbers <= 103)
    core = np.where(lanthanide, 54, 86)
    count = np.where(lanthanide | actinide, np.clip(numbers - core - charges, 0.0, 14.0), 0.0)
    return np.asarray(np.where(np.isfinite(charges), count, np.nan))


def has_lone_pair(numbers: np.ndarray, charges: FloatArray) -> FloatArray:
    """Say 1 for an ion with a stereochemically active s² pair (Pb2+, Bi3+, Sn2+, Tl+...)."""
    found = np.zeros(np.shape(numbers))
    for z, q in _LONE_PAIRS:
        found = np.where((numbers == z) & (charges == q), 1.0, found)
    return np.asarray(np.where(np.isfinite(charges), found, np.nan))


@cache
def bond_valence_parameters() -> FloatArray:
    """Bond-valence lengths of all element pairs (O'Keeffe and Brese 1991).

    R = r1 + r2 - r1 r2 (√c1 - √c2)² / (c1 r1 + c2 r2), with the published r and c of each
    element.

    Returns:
        Lengths, (119, 119), Å; NaN where an element is not tabulated.
    """
    from pymatgen.analysis.bond_valence import BV_PARAMS

    r = np.full(N_ELEMENTS + 1, np.nan)
    c = np.full(N_ELEMENTS + 1, np.nan)
    for element, parameters in BV_PARAMS.items():
        r[element.Z], c[element.Z] = parameters["r"], parameters["c"]
    r1, r2, c1, c2 = r[:, None], r[None, :], c[:, None], c[None, :]
    return np.asarray(r1 + r2 - r1 * r2 * (np.sqrt(c1) - np.sqrt(c2)) ** 2 / (c1 * r1 + c2 * r2))


@cache
def magpie_table() -> FloatArray:
    """Read the 22 element properties of the Magpie statistics (Ward et al. 2016).

    A missing entry takes the mean of the property over the elements that have it, as matminer
    does by default.

    Returns:
        Properties, (22, 119).
    """
    path = data_path("reference", "magpie_elements.csv")
    raw = np.genfromtxt(path, delimiter=",", skip_header=1, usecols=range(2, 24))
    filled = np.where(np.isnan(raw), np.nanmean(raw, axis=0), raw)
    return np.ascontiguousarray(np.vstack([filled[:1], filled]).T)
