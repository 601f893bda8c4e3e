"""Octahedral tilts of a cubic perovskite: how far the lowest tilted phase lies under it."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from matscreen.errors import StructureError
from matscreen.identity import analyze_symmetry
from matscreen.simulations.base import Label, Simulated
from matscreen.simulations.calculators import Potential
from matscreen.simulations.cubic_parent import TILTS, is_cubic_perovskite, tilt, tilt_angle
from matscreen.simulations.relaxing import attach, energy_of, relax_cell
from matscreen.structures import Crystal

FROZEN_ANGLES: Final = (4.0, 9.0)
"""Angles of the frozen rotation modes, degrees: the first shows the curvature, the second a well
that the first is too near to the top to feel."""
SEED_ANGLE: Final = 9.0
"""Angle from which a tilted phase is relaxed, degrees."""
NOISE: Final = 2e-3
"""A tilted phase less than this below its parent, eV per formula unit, is the parent."""
NOISE_PER_FU: Final = 10.0
"""Noise floor of the potential, meV per formula unit."""
RELATIVE_STD: Final = 0.35
"""Relative error of a depth, as for polar wells: the potentials are too soft by as much."""
FMAX: Final = 0.02
"""Convergence of a tilted phase, eV/Å."""
_MODES: Final = {"R": "I4/mcm", "M": "P4/mbm"}
_BY_MODE: Final = {"R-3c": "R", "I4/mcm": "R", "Imma": "R", "P4/mbm": "M", "Pnma": "RM"}


@dataclass(frozen=True, eq=False)
class TiltedPhases:
    """Tilted nonpolar phases of one cubic parent.

    Attributes:
        modes: Energy of each frozen rotation mode (R, M) over the parent at its lower angle,
            meV per formula unit; empty when the phases were all given.
        crystals: Phases that kept a tilt, by Hermann-Mauguin symbol.
        gains: Depth of each phase that was compared under the parent, meV per formula unit.
        failures: Reason code by symbol of the phases that could not be relaxed.
    """

    modes: Mapping[str, float]
    crystals: Mapping[str, Crystal]
    gains: Mapping[str, float]
    failures: Mapping[str, str] = field(default_factory=dict)

    @property
    def lowest(self) -> str | None:
        """Symbol of the lowest tilted phase, or None when the parent is stable."""
        kept = {name: self.gains[name] for name in self.crystals}
        return max(kept, key=lambda name: kept[name]) if kept else None

    @property
    def depth(self) -> float:
        """Depth of the lowest tilted phase under the parent, meV per formula unit, or 0."""
        return self.gains[self.lowest] if self.lowest is not None else 0.0

    @property
    def unstable(self) -> frozenset[str]:
        """Rotation modes that lower the energy of the parent."""
        return frozenset(name for name, energy in self.modes.items() if energy < -1e3 * NOISE / 4)


class OctahedralTilt:
    """Depth of the lowest tilted nonpolar phase under a cubic perovskite.

    The R-point (out of phase) and M-point (in phase) rotations of rigid octahedra are frozen at
    two angles each. A mode that lowers the energy is relaxed, cell and ions, within the symmetry
    of its tilt systems: R into R-3c (a-a-a-), I4/mcm (a0a0c-) and Imma (a0b-b-), M into P4/mbm
    (a0a0c+), both into Pnma (a-b+a-), with the displacements of A that its symmetry allows. Phases
    that are given by symbol are compared without a relaxation.

    tilt_energy = (E_cubic - E_tilted) / V_cubic, zero when no rotation is unstable; the path is the
    symbol of the lowest phase.

    Not covered: tilts with longer periods (PbZrO3, the P phase of NaNbO3), and a tilt that only a
    polar or Jahn-Teller distortion makes unstable.

    std: 35 % as for polar wells of the same potentials, and 10 meV per formula unit.
    """

    property = "tilt_energy"
    method = "octahedral_tilt"
    version = "1"

    def run(
        self,
        crystal: Crystal,
        potential: Potential,
        *,
        phases: Mapping[str, Crystal] | None = None,
    ) -> Simulated:
        """Label one cubic perovskite.

        Raises:
            StructureError: ``no_cubic_parent`` for any other crystal, ``not_converged`` when no
                phase of an unstable mode could be relaxed, or the calculator failed.
        """
        symmetry = analyze_symmetry(crystal)
        if not is_cubic_perovskite(crystal, symmetry.number):
            raise StructureError(
                "no_cubic_parent", f"{crystal.formula}, space group {symmetry.number}"
            )
        found = tilted_phases(crystal, potential, phases=phases or {})
        return Simulated((tilt_label(crystal, found),), notes=tilt_notes(crystal, found))


def tilt_label(cubic: Crystal, found: TiltedPhases) -> Label:
    """Return the label tilt_energy of a cubic parent, meV/Å³.

    Raises:
        StructureError: ``not_converged`` when relaxations failed and none succeeded.
    """
    if found.failures and not found.gains:
        raise StructureError("not_converged", f"tilted phases: {dict(found.failures)}"[:200])
    depth = found.depth / cubic.volume
    std = float(np.hypot(RELATIVE_STD * depth, NOISE_PER_FU / cubic.volume))
    return Label("tilt_energy", depth, std=std, path=found.lowest or "Pm-3m")


def tilt_notes(cubic: Crystal, found: TiltedPhases) -> dict[str, float | str]:
    """Return frozen modes, depths (meV per formula unit), failures and the angle in degrees."""
    notes: dict[str, float | str] = {}
    notes |= {f"frozen_{mode}": energy for mode, energy in found.modes.items()}
    notes |= {f"tilt_gain_{name}": gain for name, gain in found.gains.items()}
    notes |= {f"failed_{name}": reason for name, reason in found.failures.items()}
    if found.lowest is not None:
        notes["tilt_ground"] = found.lowest
        notes["tilt_glazer"] = TILTS[found.lowest].glazer
        try:
            notes["tilt_angle"] = tilt_angle(found.crystals[found.lowest], cubic)
        except StructureError as error:
            notes["tilt_angle"] = error.reason
        if found.depth < NOISE_PER_FU:
            notes["tilt_below_noise"] = found.depth
    return notes


def tilted_phases(
    cubic: Crystal,
    potential: Potential,
    *,
    phases: Mapping[str, Crystal],
    quick: bool = False,
) -> TiltedPhases:
    """Compare the tilted nonpolar phases of a relaxed cubic perovskite.

    Args:
        cubic: The parent.
        potential: The potential that relaxed it.
        phases: Relaxed phases by symbol; others are seeded when their modes are unstable.
        quick: Relax only those that are lowest in practice: R-3c, with it Pnma when the M mode is
            unstable too, else I4/mcm; P4/mbm when M alone is.
    """
    parent = energy_of(attach(cubic.to_ase(), potential))
    modes = {mode: _frozen(cubic, parent, symbol, potential) for mode, symbol in _MODES.items()}
    unstable = TiltedPhases(modes, {}, {}).unstable
    crystals: dict[str, Crystal] = {}
    gains: dict[str, float] = {}
    failures: dict[str, str] = {}
    for symbol in TILTS:
        crystal = phases.get(symbol)
        try:
            if crystal is None:
                if symbol not in _wanted(unstable, quick=quick):
                    continue
                crystal = _relaxed(cubic, symbol, potential)
            units = crystal.nsites / 5
            energy = energy_of(attach(crystal.to_ase(), potential)) / units
        except StructureError as error:
            failures[symbol] = error.reason
            continue
        gains[symbol] = 1e3 * (parent - energy)
        if gains[symbol] > 1e3 * NOISE and not analyze_symmetry(crystal).polar:
            crystals[symbol] = crystal
    return TiltedPhases(modes, crystals, gains, failures)


def _wanted(unstable: Iterable[str], *, quick: bool) -> set[str]:
    """Symbols of the phases worth a relaxation."""
    modes = set(unstable)
    wanted = {symbol for symbol, needed in _BY_MODE.items() if set(needed) <= modes}
    if quick:
        # Where both are unstable the phase with both is the lowest one in practice, and a-a-a-
        # its only rival (Woodward 1997, Lufaso and Woodward 2001).
        wanted -= {"Imma", *(("I4/mcm", "P4/mbm") if "Pnma" in wanted else ())}
    return wanted


def _frozen(cubic: Crystal, parent: float, symbol: str, potential: Potential) -> float:
    """Lowest energy of a frozen rotation over the parent, meV per formula unit."""
    energies = []
    for angle in FROZEN_ANGLES:
        crystal = tilt(cubic, symbol, angle)
        energy = energy_of(attach(crystal.to_ase(), potential))
        energies.append(1e3 * (energy / (crystal.nsites / 5) - parent))
    return min(energies)


def _relaxed(cubic: Crystal, symbol: str, potential: Potential) -> Crystal:
    atoms = attach(tilt(cubic, symbol, SEED_ANGLE).to_ase(), potential)
    relax_cell(atoms, fmax=FMAX)
    return Crystal.from_ase(atoms)
