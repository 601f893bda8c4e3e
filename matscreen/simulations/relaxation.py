"""Relaxation of cell and positions with the symmetry kept."""

from __future__ import annotations

from collections.abc import Mapping

from matscreen.simulations.base import Label, Simulated
from matscreen.simulations.calculators import Potential
from matscreen.simulations.relaxing import attach, energy_of, relax_cell
from matscreen.structures import Crystal


class Relaxation:
    """Relax a crystal inside its space group; labels energy_per_atom and volume_per_atom.

    Cell (Frechet derivative of its exponential) and positions move together until the largest
    force is below 0.01 eV/Å. The symmetry found at 1e-3 Å is kept, so a polar seed must be
    displaced on input; it may still relax to a higher symmetry, which the space group of the
    relaxed crystal shows.

    The energy is the potential's own total energy. 7net-0 reproduces uncorrected GGA / GGA+U
    energies; `matscreen.simulations.stability` makes formation energies of them.
    """

    property = "energy_per_atom"
    method = "relaxation"
    version = "1"

    def run(
        self,
        crystal: Crystal,
        potential: Potential,
        *,
        phases: Mapping[str, Crystal] | None = None,
    ) -> Simulated:
        """Relax one crystal.

        Raises:
            StructureError: ``not_converged``, ``exploded_volume``, ``collapsed``,
                ``unsupported_element``, ``calculator_failed`` or ``symmetry_failed``.
        """
        del phases  # part of the protocol; one crystal is enough here
        atoms = attach(crystal.to_ase(), potential)
        steps = relax_cell(atoms)
        n = len(atoms)
        return Simulated(
            (
                # std: 7net-0 against its own functional, and PBE against measured volumes.
                Label("energy_per_atom", energy_of(atoms) / n, std=0.03),
                Label("volume_per_atom", atoms.get_volume() / n, std=0.03 * atoms.get_volume() / n),
            ),
            Crystal.from_ase(atoms),
            {"steps": float(steps)},
        )
