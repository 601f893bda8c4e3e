"""The double well of a polar crystal: depth, lowest homogeneous barrier, polarization."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np

from matscreen.errors import StructureError
from matscreen.identity import analyze_symmetry
from matscreen.simulations.base import Label, Simulated
from matscreen.simulations.calculators import Potential
from matscreen.simulations.reference import (
    Reference,
    centrosymmetric_references,
    polarization,
)
from matscreen.simulations.relaxing import attach, energy_of, relax_cell
from matscreen.structures import Crystal, FloatArray

PHASES: Mapping[str, tuple[int, tuple[int, int, int]]] = {
    "P4mm": (99, (0, 0, 1)),
    "Amm2": (38, (0, 1, 1)),
    "R3m": (160, (1, 1, 1)),
}
"""Polar phases of a cubic perovskite: space group and direction of P."""
_ROTATIONS = {"R3m": ("Amm2", "P4mm"), "P4mm": ("Amm2", "R3m"), "Amm2": ("R3m", "P4mm")}
SCAN = (0.25, 0.5, 0.75)
"""Points between the polar crystal and its reference; with the ends, and mirrored, nine images."""
NOISE = 2e-3
"""A polar phase less than this below the nonpolar one, eV per cell, is the same phase."""
_RELATIVE_STD = 0.35
_NOISE_PER_FU = 10.0  # meV per formula unit, the potential's noise floor


@dataclass(frozen=True, eq=False)
class _Well:
    """A relaxed polar phase over its reference; energies in eV per cell of the crystal."""

    crystal: Crystal
    energy: float
    reference_energy: float
    highest: float
    reference_symbol: str
    top_symbol: str
    displacements: FloatArray


class DoubleWell:
    """Well depth, lowest homogeneous barrier and polarization of a polar crystal.

    The nonpolar reference is the midpoint between the crystal and its inverted twin, relaxed
    within its own symmetry. Along the straight path (positions and cell) from the crystal to the
    reference, three more energies are taken: the highest is the inversion barrier. Up to four
    ways to pair the crystal with its twin are followed and the lowest barrier is kept.

    For a perovskite with five atoms the family of P4mm, Amm2 and R3m phases is compared, those
    missing from `phases` being seeded from the cubic parent. Then

    - well_depth = (E_nonpolar - E_ground) / V_ground with the most stable polar phase,
    - polar_barrier is the lower of the inversion barrier of the ground phase and of the barrier
      of rotating P through another polar phase, whose relaxed energy is the saddle; the path
      taken is recorded (``Pm-3m``, ``rotation:Amm2``).

    A cubic parent gets the values of its family; a family without a well gets zeros, which are
    results, not failures. Values under about 10 meV per formula unit are noise of the potential.

    std: 7net-0 finds wells of LiNbO3 and BiFeO3 half as deep as density functional theory does,
    and titanate curves differ by 5 to 13 meV per cell: 35 % and the noise floor, in quadrature.
    Polarization uses nominal charges (low by up to a factor of two for d0 cations): 50 %.
    """

    property = "polar_barrier"
    method = "double_well"
    version = "1"

    def run(
        self,
        crystal: Crystal,
        potential: Potential,
        *,
        phases: Mapping[str, Crystal] | None = None,
    ) -> Simulated:
        """Label one polar crystal, or the cubic parent of a perovskite family.

        Raises:
            StructureError: ``nonpolar`` for a nonpolar crystal that is no cubic perovskite,
                ``no_reference``, or a relaxation failed.
        """
        symmetry = analyze_symmetry(crystal)
        if is_cubic_perovskite(crystal, symmetry.number):
            return _family(crystal, None, potential, phases or {})
        if not symmetry.polar:
            raise StructureError("nonpolar", f"space group {symmetry.number} has no polar axis")
        if phases and "Pm-3m" in phases and crystal.nsites == 5:
            return _family(phases["Pm-3m"], crystal, potential, phases)
        well = _well(crystal, potential)
        return _labels(well, well, well.highest, well.reference_symbol, {})


def is_cubic_perovskite(crystal: Crystal, spacegroup: int) -> bool:
    """Say whether a crystal is a cubic ABX3 perovskite in its primitive cell."""
    if spacegroup != 221 or crystal.nsites != 5:
        return False
    counts = sorted(crystal.counts.values())
    if counts != [1, 1, 3]:
        return False
    # B sits between two anions at half an edge, A at 0.7 of it: any other filling of the same
    # sites (three cations around one anion) is not a perovskite oxide.
    numbers, n = np.unique(crystal.atomic_numbers, return_counts=True)
    return bool(numbers[n == 3][0] in (7, 8, 9, 16, 17, 34, 35, 53))


def seed(cubic: Crystal, phase: str, *, amplitude: float = 0.10) -> Crystal:
    """Displace a cubic perovskite into a polar phase.

    Anions move against both cations along the axis of the phase, by `amplitude` Å in all, and the
    cell is strained by half a percent the same way.
    """
    axis = np.array(PHASES[phase][1], dtype=np.float64)
    axis /= np.linalg.norm(axis)
    directions = cubic.lattice / np.linalg.norm(cubic.lattice, axis=1)[:, None]
    direction = axis @ directions
    numbers, counts = np.unique(cubic.atomic_numbers, return_counts=True)
    anions = cubic.atomic_numbers == numbers[counts == 3][0]
    shifts = np.where(anions[:, None], -0.5, 0.5) * amplitude * direction
    b_site = _b_site(cubic)
    shifts[b_site] += 0.5 * amplitude * direction
    strain = np.eye(3) + 0.005 * np.outer(direction, direction)
    coords = cubic.frac_coords + shifts @ np.linalg.inv(cubic.lattice)
    return Crystal(cubic.lattice @ strain, cubic.atomic_numbers, coords)


def _b_site(cubic: Crystal) -> int:
    numbers, counts = np.unique(cubic.atomic_numbers, return_counts=True)
    anions = np.flatnonzero(cubic.atomic_numbers == numbers[counts == 3][0])
    cations = np.flatnonzero(cubic.atomic_numbers != numbers[counts == 3][0])

    def nearest(site: int) -> float:
        delta = cubic.frac_coords[anions] - cubic.frac_coords[site]
        delta -= np.round(delta)
        return float(np.linalg.norm(delta @ cubic.lattice, axis=1).min())

    return min((int(site) for site in cations), key=nearest)


def _well(crystal: Crystal, potential: Potential, *, most: int = 4) -> _Well:
    """Relax the references of a polar crystal, scan the straight paths, keep the lowest one.

    A reference below the polar crystal is another polymorph that the path may pass, not the top
    of the well: the depth is taken from the lowest reference above the crystal.
    """
    energy = energy_of(attach(crystal.to_ase(), potential))
    wells: list[_Well] = []
    failure: StructureError | None = None
    for reference in centrosymmetric_references(crystal, most=most):
        try:
            wells.append(_path(crystal, energy, reference, potential))
        except StructureError as error:
            failure = error
    if not wells:
        raise failure or StructureError("no_reference", crystal.formula)
    lowest = min(wells, key=lambda well: well.highest)
    tops = [well for well in wells if well.reference_energy > energy]
    if lowest.reference_energy <= energy and tops:
        top = min(tops, key=lambda well: well.reference_energy)
        return replace(lowest, reference_energy=top.reference_energy, top_symbol=top.top_symbol)
    return lowest


def _path(crystal: Crystal, energy: float, reference: Reference, potential: Potential) -> _Well:
    middle = attach(reference.crystal.to_ase(), potential)
    relax_cell(middle, symprec=5e-3)
    reference_energy = energy_of(middle)
    relaxed = Crystal.from_ase(middle)
    highest = max(reference_energy, energy)
    jump = relaxed.frac_coords - crystal.frac_coords
    jump -= np.round(jump)
    for x in SCAN:
        image = Crystal(
            (1 - x) * crystal.lattice + x * relaxed.lattice,
            crystal.atomic_numbers,
            crystal.frac_coords + x * jump,
        )
        highest = max(highest, energy_of(attach(image.to_ase(), potential)))
    symbol = _symbol(relaxed)
    return _Well(
        crystal, energy, reference_energy, highest, symbol, symbol, reference.displacements
    )


def _family(
    cubic: Crystal, asked: Crystal | None, potential: Potential, phases: Mapping[str, Crystal]
) -> Simulated:
    """Compare the polar phases of a cubic perovskite."""
    parent = energy_of(attach(cubic.to_ase(), potential))
    members: dict[str, tuple[Crystal, float]] = {}
    notes: dict[str, float | str] = {}
    for name in PHASES:
        crystal = phases.get(name)
        if crystal is None and name == "Amm2" and not members:
            continue  # neither [001] nor [111] is unstable: [011] lies between them
        try:
            if crystal is None:
                atoms = attach(seed(cubic, name).to_ase(), potential)
                relax_cell(atoms)
                crystal = Crystal.from_ase(atoms)
            energy = energy_of(attach(crystal.to_ase(), potential))
        except StructureError as error:
            notes[f"failed_{name}"] = error.reason
            continue
        notes[f"gain_{name}"] = 1e3 * (parent - energy)
        if energy < parent - NOISE and analyze_symmetry(crystal).polar:
            members[name] = (crystal, energy)
    if not members and len([k for k in notes if k.startswith("failed_")]) > 1:
        raise StructureError("not_converged", "no polar phase of the family could be relaxed")
    if not members:
        return Simulated(
            (
                Label("well_depth", 0.0, std=_floor(cubic), path="Pm-3m"),
                Label("polar_barrier", 0.0, std=_floor(cubic), path="Pm-3m"),
                Label("spontaneous_polarization", 0.0, std=5.0),
            ),
            notes=notes,
        )
    ground = min(members, key=lambda name: members[name][1])
    well = _well(members[ground][0], potential, most=1)
    if abs(well.reference_energy - parent) < NOISE:
        well = replace(well, reference_symbol="Pm-3m", top_symbol="Pm-3m")
    lowest, path = max(well.highest, parent), "Pm-3m"
    if well.highest < lowest:
        lowest, path = well.highest, well.reference_symbol
    for other in _ROTATIONS[ground]:
        if other in members and members[other][1] < lowest:
            # The paths to the other phases of the sphere of P pass it: it is the saddle, or the
            # rotation meets nothing higher than the ground phase itself.
            lowest, path = max(members[other][1], well.energy), f"rotation:{other}"
            break
    notes["ground"] = ground
    own = well
    if asked is not None and asked is not members[ground][0]:
        own = _well(asked, potential, most=1)
    deep = replace(well, reference_energy=max(parent, well.reference_energy))
    return _labels(own, deep, lowest, path, notes)


def _labels(
    own: _Well,
    ground: _Well,
    highest: float,
    path: str,
    notes: Mapping[str, float | str],
) -> Simulated:
    volume = ground.crystal.volume
    depth = max(0.0, 1e3 * (ground.reference_energy - ground.energy) / volume)
    barrier = max(0.0, 1e3 * (highest - ground.energy) / volume)
    floor = _floor(ground.crystal)
    labels = [
        Label(
            "well_depth",
            depth,
            std=float(np.hypot(_RELATIVE_STD * depth, floor)),
            path=ground.top_symbol,
        ),
        Label(
            "polar_barrier",
            barrier,
            std=float(np.hypot(_RELATIVE_STD * barrier, floor)),
            path=path,
        ),
    ]
    value = polarization(own.crystal, own.displacements)
    if value is not None:
        labels.append(
            Label("spontaneous_polarization", value, std=float(np.hypot(0.5 * value, 5.0)))
        )
    return Simulated(tuple(labels), notes=notes)


def _floor(crystal: Crystal) -> float:
    """Noise floor of an energy difference, meV/Å³."""
    from math import gcd

    units = gcd(*crystal.counts.values())
    return _NOISE_PER_FU * units / crystal.volume


def _symbol(crystal: Crystal) -> str:
    from pymatgen.symmetry.groups import sg_symbol_from_int_number

    return str(sg_symbol_from_int_number(analyze_symmetry(crystal).number))
