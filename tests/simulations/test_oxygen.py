from __future__ import annotations

import numpy as np
import pytest
from ase.calculators.calculator import Calculator, all_changes

from matscreen.errors import StructureError
from matscreen.simulations import oxygen_migration
from matscreen.simulations.calculators import Potential
from matscreen.simulations.oxygen_migration import OxygenMigration, distinct_hops
from matscreen.simulations.oxygen_vacancy import (
    OxygenVacancy,
    oxygen_chemical_potential,
    site_vacancies,
)
from matscreen.simulations.supercells import GroundState, defect_repeats, ground_state
from matscreen.structures import Crystal
from tests.simulations.conftest import perovskite

FCC = np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])
MOLECULE = -9.0
SITE = -6.0
BARRIER = 0.8


class LatticeGas(Calculator):
    """Oxygens in a cosine landscape with wells at the perovskite sites, cations on springs.

    Each oxygen at a lattice site gains `SITE`; half way between two of them it is `BARRIER`
    higher. Two oxygens in one cell of 12 Å without cations are a molecule.
    """

    implemented_properties = ("energy", "forces", "free_energy")

    def __init__(self, edge=3.9, barrier=BARRIER, site=SITE):
        super().__init__()
        self.edge, self.barrier, self.site = edge, barrier, site

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        forces = np.zeros((len(atoms), 3))
        if set(atoms.numbers) == {8} and len(atoms) == 2:
            bond = atoms.positions[1] - atoms.positions[0]
            length = np.linalg.norm(bond)
            energy = MOLECULE + 20 * (length - 1.23) ** 2
            forces[0] = 40 * (length - 1.23) * bond / length
            forces[1] = -forces[0]
        else:
            energy = 0.0
            for i, (z, r) in enumerate(zip(atoms.numbers, atoms.positions, strict=True)):
                if z == 8:
                    value, gradient = self._well(r)
                else:
                    home = np.round(r / self.edge * 2) * self.edge / 2
                    value, gradient = 5 * ((r - home) ** 2).sum(), 10 * (r - home)
                energy += value
                forces[i] = -gradient
        self.results = {"energy": energy, "free_energy": energy, "forces": forces}

    def _well(self, r):
        # Oxygen sites are the face centres: wells along the line between two of them.
        x = r / self.edge
        offsets = np.array([[0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
        delta = x - offsets
        delta -= np.round(delta)
        k = 2.0
        distance2 = (delta**2).sum(axis=1) * self.edge**2
        # Soft minimum over harmonic wells: a saddle half way between neighbours.
        half = self.edge * np.sqrt(0.5) / 2
        scale = self.barrier / (half**2)
        weights = np.exp(-12 * k * (distance2 - distance2.min()))
        weights /= weights.sum()
        energy = scale * (weights * distance2).sum()
        step, gradient = 1e-5, np.zeros(3)
        if not getattr(self, "_inner", False):
            self._inner = True
            for axis in range(3):
                for sign in (1, -1):
                    shift = np.zeros(3)
                    shift[axis] = sign * step
                    gradient[axis] += sign * (self._well(r + shift)[0]) / (2 * step)
            self._inner = False
        return self.site + energy, gradient


def potential(**parameters) -> Potential:
    correction = parameters.pop("oxide_correction", 0.0)
    return Potential("gas", "0", lambda: LatticeGas(**parameters), oxide_correction=correction)


def test_vacancy_energy_is_the_site_energy_against_half_a_molecule():
    result = OxygenVacancy().run(perovskite(edge=3.9), potential())
    (label,) = result.labels
    assert label.value == pytest.approx(-SITE + MOLECULE / 2, abs=3e-2)
    assert (label.charge, result.notes["cell_atoms"]) == (0, 40.0)
    assert label.site in ("O2", "O3", "O4")


def test_the_oxide_correction_raises_the_reservoir():
    corrected = potential(oxide_correction=-0.687)
    assert oxygen_chemical_potential(corrected) == pytest.approx(MOLECULE / 2 + 0.687, abs=1e-3)


def test_barrier_is_the_saddle_between_neighbours():
    result = OxygenMigration().run(perovskite(edge=3.9), potential())
    (label,) = result.labels
    assert label.value == pytest.approx(BARRIER, rel=0.05)
    assert result.notes["hop_length"] == pytest.approx(3.9 / np.sqrt(2), rel=1e-3)
    assert result.notes["ends_differ"] < 1e-2


def test_flat_landscape_is_rejected():
    with pytest.raises(StructureError, match="barrier_too_low"):
        OxygenMigration().run(perovskite(edge=3.9), potential(barrier=0.02))


def test_no_oxygen_and_absurd_energies_are_rejected():
    with pytest.raises(StructureError, match="no_oxygen"):
        OxygenVacancy().run(perovskite(56, 22, 16, edge=3.9), potential())
    with pytest.raises(StructureError, match="out_of_range"):
        OxygenVacancy().run(perovskite(edge=3.9), potential(site=-40.0))


def test_ground_state_is_searched_once_per_crystal_and_keeps_the_parent_when_it_gains_nothing():
    crystal, gas = perovskite(edge=3.9), potential()
    base = ground_state(crystal, gas)
    assert base is ground_state(crystal, gas)
    assert not base.broken
    assert len(base.orbits) == len(base.atoms) == 40


@pytest.mark.parametrize(
    ("lattice", "sites", "repeats"),
    [
        (np.eye(3) * 3.9, 5, (2, 2, 2)),
        (np.eye(3) * 3.7, 5, (2, 2, 2)),
        (FCC * 4.25, 2, (3, 3, 3)),
        (FCC * 5.57, 2, (3, 3, 3)),
        (FCC * 5.46, 3, (3, 3, 3)),
        (np.diag([8.0, 8.0, 8.0]), 40, (1, 1, 1)),
        (np.diag([4.65, 4.65, 2.97]), 6, (2, 2, 3)),
    ],
)
def test_defect_cells_are_even_and_large_enough(lattice, sites, repeats):
    crystal = Crystal(lattice, [8] * sites, np.linspace(0, 0.9, 3 * sites).reshape(sites, 3))
    assert defect_repeats(crystal) == repeats


def test_too_large_cells_are_refused():
    big = Crystal(np.eye(3) * 5.0, [8] * 30, np.linspace(0, 0.97, 90).reshape(30, 3))
    with pytest.raises(StructureError, match="cell_too_large"):
        OxygenVacancy().run(big, potential())


def test_hops_are_told_apart_by_symmetry_and_the_nearest_come_first():
    cubic, gas = perovskite(edge=3.9), potential()
    ((target, length),) = distinct_hops(cubic, ground_state(cubic, gas), 2)
    assert length == pytest.approx(3.9 / np.sqrt(2), rel=1e-6)
    assert target != 2

    rutile = Crystal(
        np.diag([4.65, 4.65, 2.97]),
        [22, 22, 8, 8, 8, 8],
        [
            [0, 0, 0],
            [0.5, 0.5, 0.5],
            [0.305, 0.305, 0],
            [0.695, 0.695, 0],
            [0.195, 0.805, 0.5],
            [0.805, 0.195, 0.5],
        ],
    )
    base = GroundState(
        rutile.to_ase().repeat((2, 2, 3)), 0.0, np.tile([0, 0, 1, 1, 1, 1], 12), False, 0.0
    )
    lengths = [length for _, length in distinct_hops(rutile, base, 2)]
    a, c, x = 4.65, 2.97, 0.305
    shared_edge = 2 * np.sqrt(2) * (0.5 - x) * a
    between_chains = np.sqrt(((0.5 - 2 * x + 0.5 - 0.5) * a) ** 2 + (a / 2) ** 2 + (c / 2) ** 2)
    assert lengths == pytest.approx([shared_edge, between_chains, c], abs=1e-3)


def test_a_midpoint_that_is_no_saddle_is_handed_to_the_elastic_band(monkeypatch):
    monkeypatch.setattr(oxygen_migration, "PARALLEL_FORCE", -1.0)
    result = OxygenMigration().run(perovskite(edge=3.9), potential())
    assert result.notes["saddle"] == "neb"
    assert result.labels[0].value == pytest.approx(BARRIER, rel=0.05)


def test_vacancies_of_chosen_sites_are_returned_and_cations_refused():
    crystal, gas = perovskite(edge=3.9), potential()
    _, found = site_vacancies(crystal, gas, sites=[4, 2])
    assert [vacancy.site for vacancy in found] == [4, 2]
    assert found[0].energy == pytest.approx(found[1].energy, abs=5e-3)  # forces under 0.05 eV/Å
    with pytest.raises(StructureError, match="no_oxygen"):
        site_vacancies(crystal, gas, sites=[1])
