from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest
from ase.calculators.lj import LennardJones

from matscreen.errors import InputError, MissingDependencyError, StructureError
from matscreen.simulations import get_potential
from matscreen.simulations.base import Label, Simulated, Simulation, get_simulation
from matscreen.simulations.calculators import Potential
from matscreen.simulations.disagreement import Disagreement
from matscreen.simulations.double_well import DoubleWell, seed
from matscreen.structures import Crystal
from matscreen.tables import recipe_order
from tests.simulations.conftest import perovskite


def argon() -> Crystal:
    cell = 0.81 * (np.ones((3, 3)) - np.eye(3))
    return Crystal(cell, np.array([18]), np.zeros((1, 3)))


def values(result: Simulated) -> dict[str, Label]:
    return {label.property: label for label in result.labels}


class Asked:
    """Answers by the name of the potential."""

    property, method, version = "oxygen_vacancy_formation_energy", "asked", "3"

    def __init__(self, answers):
        self.answers = answers
        self.seen = []

    def run(self, crystal, potential, *, phases=None):
        self.seen.append((potential.name, crystal, phases))
        return Simulated(self.answers[potential.name])


def vacancy(value, **rest):
    return Label("oxygen_vacancy_formation_energy", value, **{"std": 0.3, "charge": 0, **rest})


def test_two_ase_calculators_disagree_and_the_value_stays_the_first_ones():
    recipe, lj = get_simulation("relaxation"), get_potential("lj")
    strong = Potential("strong", "1", lambda: LennardJones(epsilon=1.2))
    plain = values(recipe.run(argon(), lj))
    agreeing = values(get_simulation("relaxation~lj").run(argon(), lj))
    wider = values(Disagreement(recipe, "strong", load=lambda _: strong).run(argon(), lj))
    for name, label in plain.items():
        assert agreeing[name].std == pytest.approx(label.std, rel=1e-4)
        assert agreeing[name].value == wider[name].value == label.value
    # The energy is proportional to epsilon, the volume does not depend on it.
    gap = 0.2 * plain["energy_per_atom"].value
    assert wider["energy_per_atom"].std == pytest.approx(np.hypot(0.03, gap / 2**0.5), rel=1e-3)
    assert wider["volume_per_atom"].std == pytest.approx(plain["volume_per_atom"].std, rel=1e-3)


def test_the_disagreement_of_two_wells_is_added_in_quadrature(landau):
    deep, shallow = landau(alpha=4.0), landau(alpha=3.0)
    recipe = DoubleWell()
    cubic = perovskite()
    both = Disagreement(recipe, "shallow", load=lambda _: shallow).run(cubic, deep)
    a, b = values(recipe.run(cubic, deep)), values(recipe.run(cubic, shallow))
    assert a["well_depth"].value > b["well_depth"].value + 0.1
    for name, label in values(both).items():
        assert label.value == a[name].value
        gap = (a[name].value - b[name].value) / 2**0.5
        assert label.std == pytest.approx(np.hypot(a[name].std, gap))
    assert both.notes["shallow well_depth Pm-3m"] == pytest.approx(b["well_depth"].value)


def test_the_second_potential_judges_its_own_relaxed_cells(landau):
    small, large = landau(), landau(edge=4.2)
    recipe = DoubleWell()
    crystal = seed(perovskite(), "P4mm")
    phases = {"Pm-3m": perovskite(), "P4mm": crystal}
    same = Disagreement(recipe, "large", load=lambda _: large).run(
        perovskite(), small, phases={"Pm-3m": perovskite()}
    )
    # Both have the same well per cell, at another volume: 5 % of the edge is 15 % of meV/Å³.
    depth = values(recipe.run(perovskite(), small))["well_depth"].value
    note = same.notes["large well_depth Pm-3m"]
    assert note == pytest.approx(depth * (4.0 / 4.2) ** 3, rel=0.01)
    asked = Asked({"landau": (vacancy(1.0),)})
    Disagreement(asked, "large", load=lambda _: large).run(crystal, small, phases=phases)
    (_, first, given), (_, second, own) = asked.seen
    assert first is crystal
    assert given is phases
    assert set(own) == set(phases)
    assert own["Pm-3m"].lattice[0, 0] == pytest.approx(4.2, abs=1e-3)
    assert second.volume > 1.1 * crystal.volume


def test_labels_are_paired_by_charge_and_temperature_and_site_where_there_are_many(landau):
    first = (
        vacancy(3.0, site="O0"),
        vacancy(5.0, charge=2),
        Label("heat_capacity", 3e6, std=1e5, temperature=300.0),
        Label("well_depth", 1.0),
        Label("oxygen_migration_barrier", 1.0, std=0.1),
    )
    second = (
        vacancy(3.4, site="O3"),
        vacancy(5.0, charge=2),
        Label("heat_capacity", 1e6, temperature=100.0),
        Label("well_depth", 1.5, path="Pm-3m"),
        Label("oxygen_migration_barrier", 0.2, path="a"),
        Label("oxygen_migration_barrier", 0.3, path="b"),
    )
    asked = Asked({"landau": first, "other": second})
    other = replace(landau(), name="other")
    result = Disagreement(asked, "other", load=lambda _: other).run(perovskite(), landau())
    assert [label.value for label in result.labels] == [label.value for label in first]
    assert [label.std for label in result.labels] == pytest.approx(
        [np.hypot(0.3, 0.4 / 2**0.5), 0.3, 1e5, 0.5 / 2**0.5, 0.1]
    )


def test_a_reject_of_the_second_rejects_and_names_it(landau):
    flat = landau(k=float("nan"))
    with pytest.raises(StructureError, match="flat: ") as caught:
        Disagreement(DoubleWell(), "flat", load=lambda _: flat).run(perovskite(), landau())
    assert caught.value.reason in {"calculator_failed", "collapsed"}


def test_second_opinions_are_asked_for_by_name(monkeypatch):
    simulation = get_simulation("double_well~emt")
    assert isinstance(simulation, Simulation)
    assert simulation.method == "double_well~emt"
    plain = get_simulation("double_well").version
    assert simulation.version.startswith(f"{plain}~ase-")
    assert recipe_order(f"{simulation.version}+sevenn-0.13.0") == recipe_order(plain)
    with pytest.raises(InputError, match="unknown simulation 'wishes'"):
        get_simulation("wishes~emt")


def test_a_second_potential_that_is_not_installed_says_so(monkeypatch):
    from importlib.metadata import PackageNotFoundError

    def absent(name):
        raise PackageNotFoundError(name)

    monkeypatch.setattr("matscreen.simulations.calculators.version", absent)
    with pytest.raises(MissingDependencyError, match=r"matscreen\[second-opinion\]"):
        get_simulation("double_well~chgnet")
