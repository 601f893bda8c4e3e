"""Homogeneous paths from a polar crystal through a nonpolar one to its inverted twin."""

from __future__ import annotations

from dataclasses import dataclass, replace
from math import gcd

import numpy as np

from matscreen.errors import StructureError
from matscreen.identity import analyze_symmetry
from matscreen.simulations.calculators import Potential
from matscreen.simulations.reference import Reference, centrosymmetric_references
from matscreen.simulations.relaxing import attach, energy_of, relax_cell
from matscreen.structures import Crystal, FloatArray

SCAN = (0.25, 0.5, 0.75)
"""Points between the polar crystal and its reference; with the ends, and mirrored, nine images."""


@dataclass(frozen=True, eq=False)
class Well:
    """A relaxed polar phase over its reference; energies in eV per formula unit.

    Attributes:
        crystal: The polar crystal.
        energy: Its energy.
        reference_energy: Energy of the nonpolar reference.
        highest: Highest energy on the way to the reference.
        path: Symbol of the nonpolar phase that the lowest path passes.
        reference: Symbol of the reference from which the depth is taken.
        displacements: From the reference to the crystal, (n, 3), Å.
    """

    crystal: Crystal
    energy: float
    reference_energy: float
    highest: float
    path: str
    reference: str
    displacements: FloatArray

    @property
    def volume(self) -> float:
        """Volume of one formula unit, Å³."""
        return self.crystal.volume / formula_units(self.crystal)


def formula_units(crystal: Crystal) -> int:
    """Number of reduced formula units in the cell."""
    return gcd(*crystal.counts.values())


def energy_per_unit(crystal: Crystal, potential: Potential) -> float:
    """Energy of a crystal as it is, eV per reduced formula unit."""
    return energy_of(attach(crystal.to_ase(), potential)) / formula_units(crystal)


def symbol_of(crystal: Crystal) -> str:
    """Hermann-Mauguin symbol of the space group."""
    from pymatgen.symmetry.groups import sg_symbol_from_int_number

    return str(sg_symbol_from_int_number(analyze_symmetry(crystal).number))


def find_well(crystal: Crystal, potential: Potential, *, most: int = 4) -> Well:
    """Relax the references of a polar crystal, scan the straight paths, keep the lowest one.

    A reference below the polar crystal is another polymorph that the path may pass, not the top
    of the well: the depth is taken from the lowest reference above the crystal.

    Raises:
        StructureError: ``no_reference``, or every reference failed to relax.
    """
    energy = energy_per_unit(crystal, potential)
    wells: list[Well] = []
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
        return replace(lowest, reference_energy=top.reference_energy, reference=top.reference)
    return lowest


def _path(crystal: Crystal, energy: float, reference: Reference, potential: Potential) -> Well:
    middle = attach(reference.crystal.to_ase(), potential)
    relax_cell(middle, symprec=5e-3)
    relaxed = Crystal.from_ase(middle)
    reference_energy = energy_of(middle) / formula_units(crystal)
    highest = max(reference_energy, energy)
    jump = relaxed.frac_coords - crystal.frac_coords
    jump -= np.round(jump)
    for x in SCAN:
        image = Crystal(
            (1 - x) * crystal.lattice + x * relaxed.lattice,
            crystal.atomic_numbers,
            crystal.frac_coords + x * jump,
        )
        highest = max(highest, energy_per_unit(image, potential))
    symbol = symbol_of(relaxed)
    return Well(crystal, energy, reference_energy, highest, symbol, symbol, reference.displacements)
