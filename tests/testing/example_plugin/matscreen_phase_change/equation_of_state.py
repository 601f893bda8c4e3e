"""A simulation: bulk modulus from energies at a few volumes."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np

from matscreen.errors import StructureError
from matscreen.simulations import Label, Potential, Simulated
from matscreen.simulations.relaxing import attach, energy_of, relax_cell
from matscreen.structures import Crystal

STRAINS = np.linspace(-0.02, 0.02, 7)
"""Linear strains of the relaxed cell."""


class EquationOfState:
    """Bulk modulus of the relaxed crystal, from a Birch-Murnaghan fit to seven volumes.

    Internal positions are not relaxed again at each volume, which is exact where symmetry fixes
    them and an upper bound elsewhere; std: 10 %.
    """

    property = "bulk_modulus"
    method = "equation_of_state"
    version = "1"

    def run(
        self,
        crystal: Crystal,
        potential: Potential,
        *,
        phases: Mapping[str, Crystal] | None = None,
    ) -> Simulated:
        """Label one crystal.

        Raises:
            StructureError: `no_minimum` when the energies have none, or what a relaxation raises.
        """
        del phases  # part of the protocol
        from ase.eos import EquationOfState as Fit
        from ase.units import GPa

        atoms = attach(crystal.to_ase(), potential)
        relax_cell(atoms)
        cell = atoms.cell.array.copy()
        volumes, energies = [], []
        for strain in STRAINS:
            atoms.set_cell(cell * (1.0 + strain), scale_atoms=True)
            volumes.append(atoms.get_volume())
            energies.append(energy_of(atoms))
        try:
            _, _, modulus = Fit(volumes, energies, eos="birchmurnaghan").fit(warn=False)
        except (RuntimeError, ValueError) as error:
            raise StructureError("no_minimum", str(error)) from error
        value = float(modulus / GPa)
        if not np.isfinite(value) or value <= 1.0:
            raise StructureError("no_minimum", f"the fit gives {value:.3g} GPa")
        return Simulated((Label(self.property, value, std=0.1 * value),))
