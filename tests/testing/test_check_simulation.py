"""Our own simulations keep the contract, and broken ones are caught in the right clause."""

from dataclasses import replace
from typing import ClassVar

import numpy as np
import pytest

from matscreen.errors import InputError, StructureError
from matscreen.simulations import Label, Simulated
from matscreen.simulations.calculators import Potential
from matscreen.simulations.phase_energy import PhaseEnergy
from matscreen.simulations.relaxation import Relaxation
from matscreen.simulations.relaxing import attach, energy_of
from matscreen.sources import SourceItem
from matscreen.structures import Crystal
from matscreen.testing import ContractError, check_simulation, sample_crystals
from matscreen.testing.simulations import CLAUSES
from tests.simulations.conftest import Octahedra, perovskite
from tests.simulations.test_insertion import PerAtom
from tests.simulations.test_oxygen import potential as lattice_gas

COPPER = sample_crystals()["Cu"]
ALLOY = Crystal(
    np.diag([2.7, 2.7, 3.7]), np.array([29, 79]), np.array([[0.0, 0, 0], [0.5, 0.5, 0.52]])
)


class Single:
    """The energy of the crystal as it is."""

    property = "energy_per_atom"
    method = "single"
    version = "1"

    def run(self, crystal, potential, *, phases=None):
        """Compute one energy."""
        del phases
        return self.result(crystal, energy_of(attach(crystal.to_ase(), potential)))

    def result(self, crystal, energy):
        return Simulated((Label("energy_per_atom", energy / crystal.nsites, std=0.03),))


class NoSuchProperty(Single):
    """."""

    property = "energy"


class LongVersion(Single):
    """."""

    version = "1-beta"


class Labelled(Single):
    """A simulation whose first label is changed."""

    changes: ClassVar[dict] = {}

    def result(self, crystal, energy):
        found = super().result(crystal, energy)
        return Simulated((replace(found.labels[0], **self.changes),))


def labelled(**changes):
    return type("Labelled", (Labelled,), {"changes": changes, "__doc__": "."})


class Nothing(Single):
    """."""

    def result(self, crystal, energy):
        return Simulated(())


class Another(Single):
    """."""

    def result(self, crystal, energy):
        return Simulated((Label("volume_per_atom", crystal.volume / crystal.nsites),))


class TwiceTheSame(Single):
    """."""

    def result(self, crystal, energy):
        return Simulated(super().result(crystal, energy).labels * 2)


class Transmutes(Single):
    """."""

    def result(self, crystal, energy):
        gold = Crystal(crystal.lattice, np.full(crystal.nsites, 79), crystal.frac_coords)
        return replace(super().result(crystal, energy), relaxed=gold)


class OddNotes(Single):
    """."""

    def result(self, crystal, energy):
        return replace(super().result(crystal, energy), notes={"trajectory": [1, 2]})


class Thermal(Single):
    """."""

    def result(self, crystal, energy):
        return super().result(crystal, energy + 1e-4 * np.random.rand())


class Remembers(Single):
    """."""

    def __init__(self):
        self.runs = 0

    def result(self, crystal, energy):
        self.runs += 1
        return super().result(crystal, energy + 1e-4 * self.runs)


class Wavers(Single):
    """."""

    def __init__(self):
        self.runs = 0

    def result(self, crystal, energy):
        self.runs += 1
        volume = Label("volume_per_atom", crystal.volume / crystal.nsites)
        return Simulated((*super().result(crystal, energy).labels, *([volume] * (self.runs > 1))))


class Displaces(Single):
    """."""

    def run(self, crystal, potential, *, phases=None):
        """Compute one energy, and leave the crystal displaced."""
        found = super().run(crystal, potential, phases=phases)
        crystal.frac_coords[0] += 0.5
        crystal.frac_coords[0] -= 0.5
        crystal.frac_coords[1:] += 1.0
        return found


class FirstAtom(Single):
    """."""

    def result(self, crystal, energy):
        return super().result(crystal, energy + 0.01 * crystal.atomic_numbers[0])


class Oriented(Single):
    """."""

    def result(self, crystal, energy):
        return super().result(crystal, energy + crystal.lattice[0, 0])


class NanIsFine(Single):
    """."""

    def run(self, crystal, potential, *, phases=None):
        """Compute one energy."""
        del phases
        atoms = crystal.to_ase()
        atoms.calc = potential.calculator()
        return self.result(crystal, atoms.get_potential_energy())


class Crashes(Single):
    """."""

    def run(self, crystal, potential, *, phases=None):
        """Compute one energy."""
        found = NanIsFine.run(self, crystal, potential, phases=phases)
        if not np.isfinite(found.labels[0].value):
            raise StructureError("calculator_failed", "no number")
        return found


class SaysWhy(Single):
    """."""

    def run(self, crystal, potential, *, phases=None):
        """Compute one energy."""
        try:
            return super().run(crystal, potential, phases=phases)
        except StructureError as error:
            raise StructureError("Something went wrong", str(error)) from error


class Unpicklable(Single):
    """."""

    def __init__(self):
        self.rule = lambda: None


class Seeds(Single):
    """."""

    def result(self, crystal, energy):
        np.set_printoptions(precision=(np.get_printoptions()["precision"] + 1) % 17)
        return super().result(crystal, energy)


class Silent(Single):
    __doc__ = None


BROKEN = [
    (NoSuchProperty, "protocol", "its property is 'energy'"),
    (LongVersion, "protocol", "1-beta"),
    (Nothing, "labels", "no label"),
    (Another, "labels", "not its property energy_per_atom"),
    (TwiceTheSame, "labels", "two labels"),
    (labelled(property="energy"), "labels", "it labels 'energy'"),
    (labelled(value=-5e3), "labels", "check the unit"),
    (labelled(value=float("nan")), "labels", "nan"),
    (labelled(std=0.0), "labels", "std of energy_per_atom is 0.0"),
    (labelled(site="O7"), "labels", "site 'O7'"),
    (labelled(temperature=0.0), "labels", "None means static"),
    (Transmutes, "relaxed", "relaxed to Au"),
    (OddNotes, "relaxed", "trajectory"),
    (Thermal, "deterministic", "run again"),
    (Remembers, "deterministic", "run again"),
    (Wavers, "deterministic", "1 labels become 2"),
    (Displaces, "inputs_untouched", "the crystal"),
    (FirstAtom, "invariant", "energy_per_atom"),
    (Oriented, "invariant", "it may move by 0.0075"),
    (NanIsFine, "refuses", "answers NaN: it gives"),
    (Crashes, "refuses", "RuntimeError"),
    (SaysWhy, "refuses", "Something went wrong"),
    (Unpicklable, "pickles", "does not pickle"),
    (Seeds, "no_global_state", "print options"),
    (Silent, "documented", "Silent has no docstring"),
]


@pytest.fixture(autouse=True)
def print_options():
    kept = np.get_printoptions()
    yield
    np.set_printoptions(**kept)


def fresh(crystal):
    """Copy a crystal that a test may spoil."""
    arrays = (crystal.lattice, crystal.atomic_numbers, crystal.frac_coords)
    return Crystal(*(array.copy() for array in arrays))


def test_a_simulation_from_outside_passes():
    checked = check_simulation(Single, ALLOY, "emt", refuses=[perovskite()])
    assert set(checked) == set(CLAUSES) - {"registered"}


@pytest.mark.parametrize(("kind", "clause", "seen"), BROKEN)
def test_a_broken_simulation_is_caught_in_the_right_clause(kind, clause, seen):
    with pytest.raises(ContractError, match=seen) as caught:
        check_simulation(kind, fresh(ALLOY))
    assert caught.value.clause == clause


def test_every_clause_can_fail():
    assert set(CLAUSES) - {clause for _, clause, _ in BROKEN} == {"registered"}


def test_a_crystal_out_of_scope_must_be_refused():
    with pytest.raises(ContractError, match="Cu: it gives") as caught:
        check_simulation(Single, ALLOY, refuses=[COPPER])
    assert caught.value.clause == "refuses"


def springs(pull=0.0):
    return Potential("octahedra", "test-1", lambda: Octahedra(pull=pull))


@pytest.fixture(scope="module")
def unstable_parent():
    """The cubic parent of springs whose octahedra tilt and whose B ion moves off its centre."""
    return Relaxation().run(perovskite(), springs(0.9)).relaxed


@pytest.mark.parametrize("name", ["relaxation", "elastic"])
def test_simulations_of_any_crystal_keep_the_contract(name):
    assert set(check_simulation(name, COPPER, "emt")) == set(CLAUSES)


@pytest.mark.parametrize("name", ["double_well", "octahedral_tilt"])
def test_simulations_of_perovskites_keep_the_contract(name, unstable_parent):
    assert set(check_simulation(name, unstable_parent, springs(0.9))) == set(CLAUSES)


def test_simulations_of_oxygen_keep_the_contract():
    toy = Potential("toy", "0", PerAtom)
    assert check_simulation("oxygen_vacancy", perovskite(), springs(), refuses=[COPPER])
    assert check_simulation("insertion_voltage", perovskite(), toy, refuses=[COPPER])
    # The landscape of this toy hangs on the axes and the origin.
    gas, only = lattice_gas(), ("permutation",)
    assert check_simulation("oxygen_migration", perovskite(edge=3.9), gas, settings=only)


def test_a_phase_among_its_rivals_keeps_the_contract(tmp_path):
    from matscreen.simulations.bundle import export_bundle
    from matscreen.simulations.element_states import reference_items
    from matscreen.simulations.journal import Journal
    from matscreen.simulations.workers import Task, simulate

    journal, toy = Journal(tmp_path / "out"), Potential("toy", "0", PerAtom)
    salt = sample_crystals()["MgO rock salt"]
    baria = Crystal(salt.lattice * 1.3, np.array([56, 8]), salt.frac_coords)
    oxides = {"BaTiO3": perovskite(), "BaO": baria, "TiO2": sample_crystals()["TiO2 rutile"]}
    items = [SourceItem(crystal, "test", name, None) for name, crystal in oxides.items()]
    items += reference_items(["Ba", "Ti", "O"])
    journal.append_inputs(items)
    for item in items:
        task = Task(("relaxation",), item.crystal, item.crystal.content_hash)
        journal.append(simulate(task, "relaxation", toy))
    export_bundle(journal.folder, tmp_path / "bundle")
    simulation = PhaseEnergy(tmp_path / "bundle")
    assert check_simulation(simulation, perovskite(), toy, refuses=[COPPER])


def test_a_name_that_nobody_registered():
    with pytest.raises(InputError, match="unknown simulation"):
        check_simulation("magic", COPPER)
