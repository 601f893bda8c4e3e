from __future__ import annotations

import pytest

from matscreen.errors import InputError, StructureError
from matscreen.simulations.base import Label, Simulated, Simulation, get_simulation
from matscreen.simulations.calculators import Potential
from matscreen.simulations.disagreement import Disagreement
from tests.simulations.conftest import perovskite

ANSWERS = {"one": 3.0, "two": 3.4}


class Asked:
    property, method, version = "oxygen_vacancy_formation_energy", "asked", "3"

    def run(self, crystal, potential, *, phases=None):
        del crystal, phases
        if potential.name == "broken":
            raise StructureError("not_converged", "")
        value = ANSWERS[potential.name]
        other = (Label("well_depth", 1.0, std=0.1),) if potential.name == "one" else ()
        return Simulated((Label(self.property, value, std=0.3, path="O0"), *other))


def named(name):
    return Potential(name, "0", lambda: None)


def test_the_disagreement_widens_the_error_and_keeps_the_value():
    result = Disagreement(Asked(), "two", load=named).run(perovskite(), named("one"))
    energy, depth = result.labels
    assert energy.value == 3.0
    assert energy.std == pytest.approx((0.3**2 + 0.4**2 / 2) ** 0.5)
    assert (depth.value, depth.std) == (1.0, 0.1)  # the other one had no opinion
    assert result.notes == {"two oxygen_vacancy_formation_energy O0": 3.4}


def test_a_reject_of_either_rejects():
    with pytest.raises(StructureError, match="not_converged"):
        Disagreement(Asked(), "broken", load=named).run(perovskite(), named("one"))


def test_second_opinions_are_asked_for_by_name():
    simulation = get_simulation("double_well~chgnet")
    assert isinstance(simulation, Simulation)
    assert simulation.method == "double_well~chgnet"
    with pytest.raises(InputError, match="unknown simulation 'wishes'"):
        get_simulation("wishes~chgnet")
