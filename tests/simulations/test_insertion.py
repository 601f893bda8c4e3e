from __future__ import annotations

from typing import ClassVar

import numpy as np
import pytest
from ase.calculators.calculator import Calculator, all_changes

from matscreen.errors import StructureError
from matscreen.simulations.base import get_simulation
from matscreen.simulations.calculators import Potential
from matscreen.simulations.insertion_voltage import (
    InsertionVoltage,
    brownmillerite,
    brownmillerite_voltage,
    largest_hole,
)
from tests.simulations.conftest import perovskite


class PerAtom(Calculator):
    """Atoms that feel nothing and count by species; O2 has its own energy."""

    implemented_properties = ("energy", "forces", "stress", "free_energy")
    energies: ClassVar = {"O": -6.0, "H": -2.0, "Li": -4.0, "Ba": -1.0, "Ti": -8.0}

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        symbols = atoms.get_chemical_symbols()
        if "Li" in symbols and not self.lithium:
            raise NotImplementedError("Li is unknown")
        energy = sum(self.energies[s] for s in symbols)
        if symbols == ["O", "O"]:
            energy = -9.0
        if symbols == ["H", "H"]:
            energy = -7.0
        if symbols == ["Li"]:
            energy = -1.5
        self.results = {
            "energy": energy,
            "free_energy": energy,
            "forces": np.zeros((len(atoms), 3)),
            "stress": np.zeros(6),
        }

    lithium = True


class NoLithium(PerAtom):
    lithium = False


def test_voltages_are_energy_differences_per_electron():
    result = InsertionVoltage().run(perovskite(edge=4.0), Potential("toy", "0", PerAtom))
    voltage = {label.path: label.value for label in result.labels}
    # Oxygen gains -6 - (-4.5) = -1.5 eV on entering, with two electrons.
    assert voltage["O:vacancy"] == pytest.approx(0.75)
    assert voltage["O:A2B2O5"] == pytest.approx(0.75)
    assert voltage["H:dilute"] == pytest.approx(-1.5)
    assert voltage["Li:dilute"] == pytest.approx(2.5)


def test_the_oxide_correction_binds_oxygen_more_weakly_to_the_gas():
    corrected = Potential("toy", "0", PerAtom, oxide_correction=-0.6)
    assert brownmillerite_voltage(perovskite(edge=4.0), corrected) == pytest.approx(0.75 + 0.3)


def test_an_ion_that_the_potential_does_not_know_is_left_out():
    result = InsertionVoltage().run(perovskite(edge=4.0), Potential("toy", "0", NoLithium))
    assert "Li:dilute" not in {label.path for label in result.labels}
    assert result.notes["rejected Li:dilute"] == "calculator_failed"


def test_brownmillerite_lacks_rows_of_oxygen_in_every_second_layer():
    full, empty = brownmillerite(perovskite(edge=4.0))
    assert (full.nsites, empty.nsites) == (20, 18)
    assert empty.formula == "Ba2Ti2O5"
    atoms = empty.to_ase()
    titanium = np.flatnonzero(atoms.numbers == 22)
    oxygen = np.flatnonzero(atoms.numbers == 8)
    around = [int((atoms.get_distances(i, oxygen, mic=True) < 2.1).sum()) for i in titanium]
    assert sorted(around) == [4, 4, 6, 6]  # tetrahedra and octahedra alternate


def test_the_largest_hole_of_a_perovskite_lies_between_its_ions():
    atoms = perovskite(edge=4.0).to_ase()
    hole = largest_hole(atoms)
    atoms.append("Li")
    atoms.positions[-1] = hole
    assert atoms.get_distances(5, range(5), mic=True).min() > 1.7


def test_no_oxygen_is_a_reject():
    with pytest.raises(StructureError, match="no_oxygen"):
        get_simulation("insertion_voltage").run(
            perovskite(56, 22, 16), Potential("toy", "0", PerAtom)
        )
