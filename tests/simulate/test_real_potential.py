"""The shipped recipes with the real potential; needs the extra `simulate`."""

from __future__ import annotations

import numpy as np
import pytest

pytest.importorskip("sevenn")

from matscreen.simulations import get_potential, get_simulation
from matscreen.simulations.oxygen_vacancy import oxygen_chemical_potential
from matscreen.structures import Crystal

pytestmark = pytest.mark.simulate

SITES = np.array([[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])


@pytest.fixture(scope="module")
def potential():
    return get_potential("7net-0")


def cubic(a: int, b: int, edge: float) -> Crystal:
    return Crystal(np.eye(3) * edge, np.array([a, b, 8, 8, 8]), SITES)


def relaxed(crystal: Crystal, potential) -> Crystal:
    return get_simulation("relaxation").run(crystal, potential).relaxed


def test_lattice_of_cubic_barium_titanate(potential):
    assert relaxed(cubic(56, 22, 4.0), potential).lattice[0, 0] == pytest.approx(4.035, abs=0.005)


def test_barium_titanate_has_a_well_and_barium_zirconate_has_none(potential):
    wells = {}
    for name, b, edge in (("BaTiO3", 22, 4.0), ("BaZrO3", 40, 4.2)):
        parent = relaxed(cubic(56, b, edge), potential)
        result = get_simulation("double_well").run(parent, potential)
        labels = {label.property: label.value for label in result.labels}
        wells[name] = labels["well_depth"] * parent.volume  # meV per formula unit
        if name == "BaTiO3":
            assert 15 < labels["spontaneous_polarization"] < 45
            assert 0 <= labels["polar_barrier"] < labels["well_depth"]
    assert wells["BaTiO3"] == pytest.approx(65, abs=8)
    assert wells["BaZrO3"] == pytest.approx(0, abs=2)


def test_strontium_titanate_tilts_and_its_polar_phases_are_noise(potential):
    parent = relaxed(cubic(38, 22, 3.94), potential)
    result = get_simulation("double_well").run(parent, potential)
    labels = {label.property: label for label in result.labels}
    assert labels["well_depth"].value == 0.0
    assert result.notes["ground"] == "R3c"
    assert 2 < result.notes["well_below_noise"] < 10
    assert labels["tilt_energy"].path == "I4/mcm"
    assert 1 < labels["tilt_energy"].value * parent.volume < 10


def test_vacancy_and_hop_of_strontium_titanate(potential):
    parent = relaxed(cubic(38, 22, 3.94), potential)
    assert oxygen_chemical_potential(potential) == pytest.approx(-4.211, abs=0.01)
    vacancy = get_simulation("oxygen_vacancy").run(parent, potential)
    assert vacancy.labels[0].value == pytest.approx(5.62, abs=0.1)
    hop = get_simulation("oxygen_migration").run(parent, potential)
    assert hop.labels[0].value == pytest.approx(0.636, abs=0.03)
