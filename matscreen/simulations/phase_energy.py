"""Stability of one crystal against the phases that ship with matscreen."""

from __future__ import annotations

from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path

from matscreen.data import data_path
from matscreen.errors import InputError, StructureError
from matscreen.simulations.base import Simulated
from matscreen.simulations.bundle_reading import (
    element_energies,
    read_table,
    stored_entries,
    stored_references,
)
from matscreen.simulations.calculators import Potential
from matscreen.simulations.relaxing import attach, energy_of, relax_cell
from matscreen.simulations.stability import Entry, PhaseSpace
from matscreen.structures import Crystal

OWN = ""
"""Identifier of the crystal under test: no stored phase has it."""


class PhaseEnergy:
    """Relax a crystal and place it among the relaxed phases of the bundle.

    Labels formation_energy_per_atom, energy_above_hull and energy_above_polymorphs, with the
    corrections of the MP2020 scheme (`matscreen.simulations.stability.PhaseSpace`). The rivals
    are those that the bundle holds for the same potential and the elements, so the distances are
    lower bounds, and say so in their path. The distance to the hull is left out when a cation has
    no binary oxide there, that to the polymorphs when the formula is new.

    Args:
        bundle_dir: Bundle with the competing phases; None takes the one that is shipped.
    """

    property = "energy_above_hull"
    method = "phase_energy"
    version = "1"

    def __init__(self, bundle_dir: Path | None = None) -> None:
        self._bundle_dir = bundle_dir

    def run(
        self,
        crystal: Crystal,
        potential: Potential,
        *,
        phases: Mapping[str, Crystal] | None = None,
    ) -> Simulated:
        """Relax one crystal and compare its energy.

        Raises:
            StructureError: ``no_reference_energy`` when an element has no relaxed reference by
                this potential, or what a relaxation may raise: ``not_converged``,
                ``exploded_volume``, ``collapsed``, ``unsupported_element``,
                ``calculator_failed``, ``symmetry_failed``.
            InputError: There is no bundle.
        """
        del phases  # part of the protocol; the rivals come from the bundle
        space = phase_space(
            self._bundle_dir or data_path("bundle"), potential.name, potential.oxide_correction
        )
        atoms = attach(crystal.to_ase(), potential)
        steps = relax_cell(atoms)
        energy = energy_of(atoms) / len(atoms)
        return place(space, crystal.counts, energy, potential, steps=float(steps))


def place(
    space: PhaseSpace,
    counts: Mapping[str, int],
    energy_per_atom: float,
    potential: Potential,
    **notes: float,
) -> Simulated:
    """Label one energy against a phase space.

    Raises:
        StructureError: ``no_reference_energy``.
    """
    entry = Entry(OWN, None, counts, energy_per_atom, potential.name, potential.version)
    labels = space.labels(entry)
    if not any(label.property == "formation_energy_per_atom" for label in labels):
        raise StructureError(
            "no_reference_energy",
            f"{potential.name} has no reference energy of one of {', '.join(sorted(counts))}",
        )
    above, over = space.above_hull(entry), space.above_polymorphs(entry)
    found: dict[str, float | str] = {"energy_per_atom": energy_per_atom, **notes}
    # A phase below all that is known is at 0 in its label; how far below is worth keeping.
    if above is not None and above < 0.0:
        found["below_hull"] = -above
    if over is not None and over < 0.0:
        found["below_polymorphs"] = -over
    return Simulated(tuple(labels), notes=found)


@lru_cache(maxsize=4)
def phase_space(bundle_dir: Path, calculator: str, oxide_correction: float) -> PhaseSpace:
    """Read the phase space of one potential from a bundle.

    Raises:
        InputError: The bundle has no candidates or labels.
    """
    candidates = read_table(bundle_dir, "candidates")
    labels = read_table(bundle_dir, "labels", derived=False)
    if candidates is None or labels is None:
        raise InputError(f"{bundle_dir} is no bundle of relaxed phases")
    return PhaseSpace(
        [entry for entry in stored_entries(candidates, labels) if entry.calculator == calculator],
        element_energies(stored_references(bundle_dir), calculator),
        oxide_correction=oxide_correction,
    )
