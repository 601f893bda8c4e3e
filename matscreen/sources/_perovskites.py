"""ABO3 phases: which pairs of cations, in which phases, with which starting distortions."""

from __future__ import annotations

import math
from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from matscreen.sources._ions import TAU_LIMIT, Ion, bartel_tau, cations, goldschmidt, radius
from matscreen.sources._templates import Template, from_aflow, from_wyckoff
from matscreen.structures import FloatArray

FAMILIES: Final = (
    "perovskite-Pm-3m",
    "perovskite-P4mm",
    "perovskite-R3m",
    "perovskite-Amm2",
    "perovskite-R3c",
    "perovskite-Pnma",
    "perovskite-R-3c",
    "perovskite-I4mcm",
    "linbo3-R3c",
    "ilmenite-R-3",
)

_EDGE: Final = 3.95
_CUBIC_SITES: Final = (
    ("A", (0.0, 0.0, 0.0)),
    ("B", (0.5, 0.5, 0.5)),
    ("O", (0.0, 0.5, 0.5)),
    ("O", (0.5, 0.0, 0.5)),
    ("O", (0.5, 0.5, 0.0)),
)

_POLAR_AXES: Final = {"P4mm": (99, (0, 0, 1)), "R3m": (160, (1, 1, 1)), "Amm2": (38, (0, 1, 1))}


@dataclass(frozen=True, slots=True)
class Pair:
    """An ABO3 composition with its tolerance factors.

    Attributes:
        a: Larger cation.
        b: Octahedral cation.
        t: Goldschmidt tolerance factor.
        tau: Bartel's tolerance factor; infinite where its formula does not hold.
    """

    a: Ion
    b: Ion
    t: float
    tau: float

    @property
    def active(self) -> bool:
        """Whether either cation drives a polar distortion by its electrons."""
        return self.b.is_d0 or self.a.has_lone_pair

    @property
    def cost(self) -> float:
        """Order in the enumeration: common ions and stable perovskites first."""
        strain = 0.0 if self.tau < TAU_LIMIT else min(2.0 * (self.tau - TAU_LIMIT), 3.0)
        return self.a.cost + self.b.cost + strain - (1.0 if self.active else 0.0)


@cache
def pairs() -> tuple[Pair, ...]:
    """Return every charge-balanced ABO3 whose A cation is the larger one."""
    found = []
    for charge in (1, 2, 3):
        for a in cations(charge):
            for b in cations(6 - charge):
                # Octahedra need a cation of some size: P5+ and Si4+ at the lower end live in
                # tetrahedra at ambient pressure; Si4+ is kept, its perovskites are the mantle.
                if a.symbol == b.symbol or not 0.40 <= radius(b.symbol, b.charge, 6) <= 0.95:
                    continue
                if charge == 3 and radius(a.symbol, 3, 6) <= radius(b.symbol, 3, 6):
                    continue
                found.append(Pair(a, b, goldschmidt(a, b), bartel_tau(a, b)))
    return tuple(found)


def phases(pair: Pair) -> Iterator[tuple[str, float]]:
    """Yield the phases worth trying for a pair: the family and its starting amplitude.

    Cubic and polar phases go to pairs that can be perovskites at all (tau within reach of 4.18,
    t near one), polar ones first of all to pairs with a d0 or lone-pair cation or with t above
    one; tilted phases follow t (Glazer tilts grow as t falls below one); LiNbO3 and ilmenite
    types take the small A cations.
    """
    t, tau, active = pair.t, pair.tau, pair.active
    six = radius(pair.a.symbol, pair.a.charge, 6)
    # Rare earths of ordinary size are never six-coordinate next to a smaller cation.
    small = six <= (0.90 if pair.a.charge == 3 else 1.03) and t < 0.97
    perovskite = tau < 4.9 and t > 0.80
    lone_pair = pair.a.has_lone_pair
    if perovskite and 0.85 <= t <= 1.12:
        yield "perovskite-Pm-3m", 0.0
        if (active and t >= 0.86) or t >= 1.01:
            yield "perovskite-P4mm", 1.5 if lone_pair else 1.0
        if active and t >= 0.94:
            yield "perovskite-R3m", 1.5 if lone_pair else 1.0
            yield "perovskite-Amm2", 1.5 if lone_pair else 1.0
    if perovskite and ((active and t <= 1.01) or t <= 0.87 or lone_pair) and six > 0.85:
        yield "perovskite-R3c", 1.0
    if perovskite and t <= 1.0:
        yield "perovskite-Pnma", min(max(1.0 + 4.5 * (0.966 - t), 0.6), 1.7)
    # LaAlO3 and its like tilt although t reaches one: twelve-coordinate radii of A3+ are generous.
    if perovskite and 0.89 <= t <= (1.02 if pair.a.charge == 3 else 1.0):
        yield "perovskite-R-3c", min(max(1.0 + 12.0 * (1.0 - t), 0.6), 2.2)
    if perovskite and 0.94 <= t <= 1.01 and pair.a.charge < 3:
        yield "perovskite-I4mcm", min(max(1.0 + 20.0 * (1.0 - t), 0.7), 2.2)
    if small and not (perovskite and six > 0.85 and t > 0.94):
        if not (perovskite and six > 0.85 and (active or t <= 0.87)):
            yield "linbo3-R3c", 1.0
        if six <= 0.97:
            yield "ilmenite-R-3", 1.0


@cache
def template(family: str, amplitude: float, lone_pair: bool) -> Template:
    """Return the template of a phase.

    Args:
        family: Member of ``FAMILIES``.
        amplitude: Size of the distortion relative to the archetype's.
        lone_pair: Whether the A cation leads the polar displacement (as in PbTiO3) rather than
            the B cation (as in BaTiO3).
    """
    phase = family.partition("-")[2]
    if phase in _POLAR_AXES:
        return _polar(family, phase, amplitude, lone_pair)
    if family == "perovskite-Pm-3m":
        return _cell(family, 221, np.eye(3) * _EDGE, np.zeros((5, 3)))
    if family == "perovskite-Pnma":
        return _pnma(family, amplitude)
    if family == "perovskite-R-3c":
        x = 0.5 + 0.0225 * amplitude
        sites = (("A", (0.0, 0.0, 0.25)), ("B", (0.0, 0.0, 0.0)), ("O", (x, 0.0, 0.25)))
        return from_wyckoff(family, 167, (5.50, 5.50, 13.35, 90, 90, 120), sites)
    if family == "perovskite-I4mcm":
        x = 0.25 - 0.011 * amplitude
        octahedra = (
            ("A", (0.0, 0.5, 0.25)),
            ("B", (0.0, 0.0, 0.0)),
            ("O", (0.0, 0.0, 0.25)),
            ("O", (x, x + 0.5, 0.0)),
        )
        return from_wyckoff(family, 140, (5.50, 5.50, 7.82, 90, 90, 90), octahedra)
    if family == "perovskite-R3c":
        # BiFeO3 (Kubel and Schmid 1990).
        sites = (
            ("A", (0.0, 0.0, 0.0)),
            ("B", (0.0, 0.0, 0.2212)),
            ("O", (0.443, 0.012, 0.9543)),
        )
        return from_wyckoff(family, 161, (5.579, 5.579, 13.869, 90, 90, 120), sites)
    if family == "linbo3-R3c":
        # LiNbO3 (Abrahams et al. 1966).
        sites = (
            ("A", (0.0, 0.0, 0.2787)),
            ("B", (0.0, 0.0, 0.0)),
            ("O", (0.0492, 0.3446, 0.0647)),
        )
        return from_wyckoff(family, 161, (5.148, 5.148, 13.863, 90, 90, 120), sites)
    if family == "ilmenite-R-3":
        return from_aflow(family, 148, "AB3C_hR10_148_c_f_c", {"Fe": "A", "Ti": "B", "O": "O"})
    raise KeyError(family)


def _polar(family: str, phase: str, amplitude: float, lone_pair: bool) -> Template:
    """Displace the cubic cell along one axis and strain it the same way.

    An oxygen moves differently along its B-O chain than across it, so its displacement has the
    components axis_i * (along or across). A is at rest; numbers are fractions of the cell edge
    for the tetragonal phases of BaTiO3 and PbTiO3.
    """
    spacegroup, axis = _POLAR_AXES[phase]
    direction = np.array(axis, np.float64)
    direction /= np.linalg.norm(direction)
    if lone_pair:
        shift_b, along, across, strain = 0.025, 0.070, 0.075, 0.030
    else:
        shift_b, along, across, strain = 0.016, -0.022, -0.013, 0.010
    shifts = np.zeros((5, 3))
    shifts[1] = direction * shift_b
    for row, chain in ((2, 0), (3, 1), (4, 2)):
        part = np.where(np.arange(3) == chain, along, across)
        shifts[row] = direction * part
    strained = np.eye(3) + strain * amplitude * (np.outer(direction, direction) - np.eye(3) / 3.0)
    return _cell(family, spacegroup, strained * _EDGE, shifts * amplitude)


def _cell(family: str, spacegroup: int, lattice: FloatArray, shifts: FloatArray) -> Template:
    ideal = np.array([position for _, position in _CUBIC_SITES])
    return Template(
        family,
        spacegroup,
        tuple(role for role, _ in _CUBIC_SITES),
        np.round(lattice, 8),
        np.round(ideal + shifts, 8) % 1.0,
    )


def _pnma(family: str, amplitude: float) -> Template:
    """Scale the displacements of CaTiO3 from the cubic positions, which are quarters."""
    archetype = from_aflow(family, 62, "AB3C_oP20_62_c_cd_a", {"Ca": "A", "Ti": "B", "O": "O"})
    ideal = np.round(archetype.frac_coords * 4.0) / 4.0
    shifted = ideal + amplitude * (archetype.frac_coords - ideal)
    return Template(family, 62, archetype.roles, archetype.lattice, np.round(shifted, 8) % 1.0)


def rounded(amplitude: float) -> float:
    """Round an amplitude so that templates are shared between similar pairs."""
    return round(math.floor(amplitude * 10.0 + 0.5) / 10.0, 1)
