"""The double well of a polar crystal: depth, lowest homogeneous barrier, polarization."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Final
from weakref import WeakKeyDictionary

import numpy as np

from matscreen.errors import StructureError
from matscreen.identity import analyze_symmetry
from matscreen.simulations.base import Label, Simulated
from matscreen.simulations.calculators import Potential
from matscreen.simulations.cubic_parent import PHASES, is_cubic_perovskite, polar_seed, seed, tilt
from matscreen.simulations.double_well_paths import Well, energy_per_unit, find_well, formula_units
from matscreen.simulations.reference import polarization
from matscreen.simulations.relaxing import attach, relax_cell
from matscreen.simulations.tilts import (
    FMAX,
    NOISE,
    NOISE_PER_FU,
    RELATIVE_STD,
    SEED_ANGLE,
    TiltedPhases,
    tilt_label,
    tilt_notes,
    tilted_phases,
)
from matscreen.structures import Crystal

_ROTATIONS: Final = {
    "R3m": ("Amm2", "P4mm"),
    "P4mm": ("Amm2", "R3m"),
    "Amm2": ("R3m", "P4mm"),
    "R3c": (),
}
_MEMO: WeakKeyDictionary[Potential, dict[tuple[str, ...], _Tilted]] = WeakKeyDictionary()
_MEMO_SIZE: Final = 8


class DoubleWell:
    """Well depth, lowest homogeneous barrier and polarization of a polar crystal.

    The nonpolar reference is the midpoint between the crystal and its inverted twin, relaxed
    within its own symmetry. Along the straight path (positions and cell) from the crystal to the
    reference, three more energies are taken: the highest is the inversion barrier. Up to four
    ways to pair the crystal with its twin are followed and the lowest barrier is kept.

    For a perovskite with five atoms the family of polar phases is compared: P4mm, Amm2, R3m, and,
    when the octahedra tilt out of phase, the LiNbO3 type R3c (a-a-a- with P along [111]). Those
    missing from `phases` are seeded from the cubic parent. Then

    - well_depth = (E_nonpolar - E_ground) / V_ground with the most stable polar phase; nonpolar is
      the cubic parent, for R3c it is R-3c, through which P reverses
      while the tilt stays;
    - polar_barrier is the lower of the inversion barrier of the ground phase and of the barrier
      of rotating P through another polar phase, whose relaxed energy is the saddle; the path
      taken is recorded (``Pm-3m``, ``R-3c``, ``rotation:Amm2``). Rotations of P at a fixed tilt
      are not followed: the barrier of R3c is an upper bound.
    - tilt_energy, for the cubic parent only: how deep the lowest tilted nonpolar phase lies under
      it. Where it exceeds the well, the oxide is antiferrodistortive (`simulations.tilts`).

    A cubic parent gets the values of its family; a family without a well gets zeros, which are
    results, not failures. A well under 10 meV per formula unit is noise of the potential: depth,
    barrier and polarization are zero with the noise as error, and the notes keep its size
    (``well_below_noise``).

    std: 7net-0 finds wells of LiNbO3 and BiFeO3 half as deep as density functional theory does,
    and titanate curves differ by 5 to 13 meV per cell: 35 % and the noise floor, in quadrature.
    Polarization uses nominal charges (low by up to a factor of two for d0 cations): 50 %.
    """

    property = "polar_barrier"
    method = "double_well"
    version = "2"

    def run(
        self,
        crystal: Crystal,
        potential: Potential,
        *,
        phases: Mapping[str, Crystal] | None = None,
    ) -> Simulated:
        """Label one polar crystal, or the cubic parent of a perovskite family.

        Args:
            crystal: The crystal.
            potential: The potential that relaxed it.
            phases: Relaxed perovskite phases of the same compound by symbol; with ``Pm-3m`` among
                them a polar phase with five atoms gets the values of the family.

        Raises:
            StructureError: ``nonpolar`` for a nonpolar crystal that is no cubic perovskite,
                ``no_reference``, or a relaxation failed.
        """
        symmetry = analyze_symmetry(crystal)
        if is_cubic_perovskite(crystal, symmetry.number):
            return _family(crystal, None, potential, phases or {})
        if not symmetry.polar:
            raise StructureError("nonpolar", f"space group {symmetry.number} has no polar axis")
        if phases and "Pm-3m" in phases and _belongs(crystal, symmetry.number):
            return _family(phases["Pm-3m"], crystal, potential, phases)
        well = find_well(crystal, potential)
        return Simulated(tuple(_labels(well, well, well.highest, well.path)), notes=_noise(well))


def _belongs(crystal: Crystal, spacegroup: int) -> bool:
    """Say whether a polar crystal is a member of a perovskite family."""
    return crystal.nsites == 5 or (spacegroup == 161 and crystal.nsites == 10)


@dataclass(frozen=True, eq=False)
class _Tilted:
    """Tilted phases of a parent and the LiNbO3-type phase grown from a-a-a-, if any."""

    nonpolar: TiltedPhases
    polar: Crystal | None
    failure: str | None = None


def _family(
    cubic: Crystal, asked: Crystal | None, potential: Potential, phases: Mapping[str, Crystal]
) -> Simulated:
    """Compare the polar phases of a cubic perovskite."""
    parent = energy_per_unit(cubic, potential)
    notes: dict[str, float | str] = {}
    members = _members(cubic, parent, potential, phases, notes)
    tilted = _tilted(cubic, potential, phases)
    if tilted.failure is not None:
        notes["failed_R3c"] = tilted.failure
    if tilted.polar is not None:
        _admit("R3c", tilted.polar, parent, potential, members, notes)
    extra: list[Label] = []
    if asked is None:
        notes |= tilt_notes(cubic, tilted.nonpolar)
        try:
            extra.append(tilt_label(cubic, tilted.nonpolar))
        except StructureError as error:
            notes["failed_tilts"] = error.reason
    if not members:
        if sum(f"failed_{name}" in notes for name in PHASES) > 1:
            raise StructureError("not_converged", "no polar phase of the family could be relaxed")
        return Simulated((*_zeros(cubic, "Pm-3m", 0.0), *extra), notes=notes)
    ground = min(members, key=lambda name: members[name][1])
    well = find_well(members[ground][0], potential, most=1)
    well, lowest, path = _lowest_path(ground, well, parent, members)
    own = well
    if asked is not None and asked is not members[ground][0]:
        own = find_well(asked, potential, most=1)
    notes["ground"] = ground
    return Simulated((*_labels(own, well, lowest, path), *extra), notes=notes | _noise(well))


def _members(
    cubic: Crystal,
    parent: float,
    potential: Potential,
    phases: Mapping[str, Crystal],
    notes: dict[str, float | str],
) -> dict[str, tuple[Crystal, float]]:
    """Polar phases with five atoms below the parent, with energies in eV per formula unit."""
    members: dict[str, tuple[Crystal, float]] = {}
    for name in PHASES:
        crystal = phases.get(name)
        if crystal is None and name == "Amm2" and not members:
            continue  # neither [001] nor [111] is unstable: [011] lies between them
        try:
            if crystal is None:
                atoms = attach(seed(cubic, name).to_ase(), potential)
                relax_cell(atoms)
                crystal = Crystal.from_ase(atoms)
        except StructureError as error:
            notes[f"failed_{name}"] = error.reason
            continue
        _admit(name, crystal, parent, potential, members, notes)
    return members


def _admit(
    name: str,
    crystal: Crystal,
    parent: float,
    potential: Potential,
    members: dict[str, tuple[Crystal, float]],
    notes: dict[str, float | str],
) -> None:
    try:
        energy = energy_per_unit(crystal, potential)
    except StructureError as error:
        notes[f"failed_{name}"] = error.reason
        return
    notes[f"gain_{name}"] = 1e3 * (parent - energy)
    if energy < parent - NOISE and analyze_symmetry(crystal).polar:
        members[name] = (crystal, energy)


def _lowest_path(
    ground: str, well: Well, parent: float, members: Mapping[str, tuple[Crystal, float]]
) -> tuple[Well, float, str]:
    """Return the ground phase over the family's reference, the lowest barrier top and its path."""
    if ground == "R3c":
        lowest, path = well.highest, well.path
    else:
        if abs(well.reference_energy - parent) < NOISE:
            well = replace(well, path="Pm-3m", reference="Pm-3m")
        lowest, path = max(well.highest, parent), "Pm-3m"
        if well.highest < lowest:
            lowest, path = well.highest, well.path
        well = replace(well, reference_energy=max(parent, well.reference_energy))
    for other in _ROTATIONS[ground]:
        if other in members and members[other][1] < lowest:
            # The paths to the other phases of the sphere of P pass it: it is the saddle, or the
            # rotation meets nothing higher than the ground phase itself.
            lowest, path = max(members[other][1], well.energy), f"rotation:{other}"
            break
    return well, lowest, path


def _tilted(cubic: Crystal, potential: Potential, phases: Mapping[str, Crystal]) -> _Tilted:
    """Tilted phases of a parent; kept for the other polar phases of the same compound."""
    memo = _MEMO.setdefault(potential, {})
    given = sorted((name, crystal.content_hash) for name, crystal in phases.items())
    key = (cubic.content_hash, *(text for pair in given for text in pair))
    if key not in memo:
        while len(memo) >= _MEMO_SIZE:
            memo.pop(next(iter(memo)))
        memo[key] = _relax_tilted(cubic, potential, phases)
    return memo[key]


def _relax_tilted(cubic: Crystal, potential: Potential, phases: Mapping[str, Crystal]) -> _Tilted:
    try:
        nonpolar = tilted_phases(cubic, potential, phases=phases, quick=True)
    except StructureError as error:  # the wells of the other phases stand without the tilts
        return _Tilted(TiltedPhases({}, {}, {}, {"modes": error.reason}), None)
    if "R3c" in phases:
        return _Tilted(nonpolar, phases["R3c"])
    if "R" not in nonpolar.unstable:
        return _Tilted(nonpolar, None)
    # A phase that was handed in may be set along other axes than the parent: then start over.
    start = nonpolar.crystals.get("R-3c")
    if start is None or "R-3c" in phases:
        start = tilt(cubic, "R-3c", SEED_ANGLE)
    atoms = attach(polar_seed(start, cubic).to_ase(), potential)
    try:
        relax_cell(atoms, fmax=FMAX)
    except StructureError as error:
        return _Tilted(nonpolar, None, error.reason)
    return _Tilted(nonpolar, Crystal.from_ase(atoms))


def _labels(own: Well, ground: Well, highest: float, path: str) -> list[Label]:
    gain = 1e3 * (ground.reference_energy - ground.energy)
    moment = polarization(own.crystal, own.displacements)
    if gain < NOISE_PER_FU:
        return _zeros(ground.crystal, ground.reference, moment)
    floor = NOISE_PER_FU / ground.volume
    depth = gain / ground.volume
    barrier = max(0.0, 1e3 * (highest - ground.energy) / ground.volume)
    labels = [
        Label("well_depth", depth, std=_std(depth, floor), path=ground.reference),
        Label("polar_barrier", barrier, std=_std(barrier, floor), path=path),
    ]
    if moment is not None:
        labels.append(
            Label("spontaneous_polarization", moment, std=float(np.hypot(0.5 * moment, 5.0)))
        )
    return labels


def _zeros(crystal: Crystal, path: str, moment: float | None) -> list[Label]:
    """Labels of a phase without a well; `moment` is what a well within the noise would have."""
    floor = NOISE_PER_FU * formula_units(crystal) / crystal.volume
    labels = [
        Label("well_depth", 0.0, std=floor, path=path),
        Label("polar_barrier", 0.0, std=floor, path=path),
    ]
    if moment is not None:
        labels.append(
            Label("spontaneous_polarization", 0.0, std=float(np.hypot(0.5 * moment, 5.0)))
        )
    return labels


def _noise(well: Well) -> dict[str, float | str]:
    gain = 1e3 * (well.reference_energy - well.energy)
    return {"well_below_noise": gain} if gain < NOISE_PER_FU else {}


def _std(value: float, floor: float) -> float:
    return float(np.hypot(RELATIVE_STD * value, floor))
