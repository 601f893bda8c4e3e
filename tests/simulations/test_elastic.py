from __future__ import annotations

import numpy as np
import pytest
from ase.build import bulk
from ase.calculators.calculator import Calculator, all_changes
from ase.calculators.emt import EMT

from matscreen.errors import StructureError
from matscreen.properties import is_physical
from matscreen.simulations import get_potential, get_simulation, thermal
from matscreen.simulations.calculators import Potential
from matscreen.simulations.elastic import (
    Elastic,
    elastic_tensor,
    equation_of_state,
    moduli_labels,
)
from matscreen.structures import Crystal

CUBE = np.array([[0, 0, 0], [0.5, 0.5, 0.5]])
OFF_CENTRE = np.array([[0, 0, 0], [0.02, 0.03, 0.05]])


class TwoIons(Calculator):
    """Two ions in a cell: elasticity of the cell plus a spring that couples to a shear.

    With the metric strain eta = (h hᵀ / a² - 1) / 2 of a cubic cell of edge a and the
    displacement u of the second ion from the centre, in units of a,
    E = V0 [c11/2 sum eta_ii² + c12 (eta_1 eta_2 + ...) + 2 c44 (eta_23² + ...)
        + k/2 |u|² - g u_x (2 eta_23)].
    So u_x relaxes to g (2 eta_23) / k and the relaxed C44 of that shear is c44 - g² / k.
    """

    implemented_properties = ("energy", "forces", "stress", "free_energy")

    def __init__(self, c11=200.0, c12=80.0, c44=100.0, k=400.0, g=0.0, edge=4.0):
        super().__init__()
        self.par = np.array([c11, c12, c44, k, g]) / 160.21766208
        self.edge = edge

    def energy(self, cell, shift):
        c11, c12, c44, k, g = self.par
        eta = (cell @ cell.T / self.edge**2 - np.eye(3)) / 2
        d = np.diag(eta)
        normal = c11 / 2 * (d @ d) + c12 * (d[0] * d[1] + d[1] * d[2] + d[2] * d[0])
        shear = 2 * c44 * (eta[1, 2] ** 2 + eta[0, 2] ** 2 + eta[0, 1] ** 2)
        return self.edge**3 * (
            normal + shear + k / 2 * shift @ shift - 2 * g * shift[0] * eta[1, 2]
        )

    def calculate(self, atoms=None, properties=("energy",), system_changes=all_changes):
        super().calculate(atoms, properties, system_changes)
        cell = atoms.cell.array
        shift = atoms.get_scaled_positions(wrap=False)
        shift = shift[1] - shift[0] - 0.5
        h = 1e-5
        slope = np.array(
            [
                (self.energy(cell, shift + h * e) - self.energy(cell, shift - h * e)) / (2 * h)
                for e in np.eye(3)
            ]
        )
        force = -np.linalg.solve(cell, slope)
        stress = np.zeros((3, 3))
        for i in range(3):
            for j in range(3):
                e = np.zeros((3, 3))
                e[i, j] += h / 2
                e[j, i] += h / 2
                up, down = cell @ (np.eye(3) + e), cell @ (np.eye(3) - e)
                stress[i, j] = (self.energy(up, shift) - self.energy(down, shift)) / (2 * h)
        stress /= atoms.get_volume()
        energy = self.energy(cell, shift)
        self.results = {
            "energy": energy,
            "free_energy": energy,
            "forces": np.array([-force, force]),
            "stress": stress[[0, 1, 2, 1, 0, 0], [0, 1, 2, 2, 2, 1]],
        }


def two_ions(edge: float = 4.0) -> Crystal:
    return Crystal(np.eye(3) * edge, np.array([12, 8]), CUBE)


def toy(**parameters: float) -> Potential:
    return Potential("toy", "test-1", lambda: TwoIons(**parameters))


def test_the_tensor_of_a_known_solid_comes_back():
    tensor, strains = elastic_tensor(two_ions(), toy())
    expected = np.zeros((6, 6))
    expected[:3, :3] = 80.0
    expected[[0, 1, 2], [0, 1, 2]] = 200.0
    expected[[3, 4, 5], [3, 4, 5]] = 100.0
    assert tensor == pytest.approx(expected, abs=0.5)
    assert strains == 3  # cubic: +1 %, -1 % and one shear stand for all twelve


def test_ions_follow_the_strain():
    # Off its centre the ion has no symmetry that could hold it there.
    potential = toy(g=100.0)
    low = Crystal(np.eye(3) * 4.0, np.array([12, 8]), CUBE + OFF_CENTRE)
    relaxed_stress = _shear_modulus(low, potential)
    assert relaxed_stress == pytest.approx(100.0 - 100.0**2 / 400.0, abs=1.5)


def _shear_modulus(crystal: Crystal, potential: Potential) -> float:
    from matscreen.simulations.elastic import _strained_stress

    strain = np.zeros((3, 3))
    strain[1, 2] = strain[2, 1] = 0.01
    return float(_strained_stress(crystal, strain, potential)[1, 2] / 0.02)


@pytest.mark.parametrize("turn", [0.0, 0.4])
def test_moduli_do_not_depend_on_cell_or_orientation(turn):
    potential = get_potential("emt")
    primitive = bulk("Cu", "fcc", a=3.6)
    cubic = bulk("Cu", "fcc", a=3.6, cubic=True)
    primitive.rotate(np.degrees(turn), (1, 2, 3), rotate_cell=True)
    found = [
        {
            label.property: label.value
            for label in Elastic().run(Crystal.from_ase(atoms), potential).labels
        }
        for atoms in (primitive, cubic)
    ]
    assert found[0] == pytest.approx(found[1], rel=5e-3)
    # n in Slack's relation is that of the primitive cell, so this holds for it too
    assert found[0]["bulk_modulus"] == pytest.approx(134, abs=4)  # EMT copper is made to have this


def test_labels_are_physical_and_carry_their_temperature():
    result = get_simulation("elastic").run(
        Crystal.from_ase(bulk("Cu", "fcc", a=3.6)), get_potential("emt")
    )
    labels = {label.property: label for label in result.labels}
    assert set(labels) == {
        "bulk_modulus",
        "shear_modulus",
        "debye_temperature",
        "heat_capacity",
        "thermal_conductivity",
    }
    for name, label in labels.items():
        assert is_physical(name, label.value)
        assert label.std > 0
        thermal_label = name in ("heat_capacity", "thermal_conductivity")
        assert label.temperature == (300.0 if thermal_label else None)
    assert result.relaxed is None
    assert result.notes["C11_GPa"] > result.notes["C12_GPa"] > 0


def test_an_unstable_solid_is_rejected():
    # C11 - C12 < 0: stretching one axis lowers the energy, which Born's criterion forbids.
    with pytest.raises(StructureError) as caught:
        Elastic().run(two_ions(), toy(c11=100.0, c12=130.0))
    assert caught.value.reason == "elastically_unstable"
    with pytest.raises(StructureError, match="lowest eigenvalue"):
        moduli_labels(two_ions(), np.diag([1.0, 1, 1, 1, 1, -1]), {})


def test_a_strain_that_moves_an_ion_far_is_another_phase():
    with pytest.raises(StructureError) as caught:
        # The ions part by 0.02 g / k of an edge, 0.8 Å here, half of it each.
        _shear_modulus(
            Crystal(np.eye(3) * 4.0, np.array([12, 8]), CUBE + OFF_CENTRE),
            toy(g=4000.0, k=400.0, c44=80000.0),
        )
    assert caught.value.reason == "strain_transition"


class NoStress(EMT):
    implemented_properties = ("energy", "forces", "free_energy")

    def calculate(self, *args, **kwargs):
        super().calculate(*args, **kwargs)
        self.results.pop("stress", None)


def test_a_calculator_without_stress_gets_a_bulk_modulus():
    potential = Potential("emt", "test", NoStress)
    crystal = Crystal.from_ase(bulk("Cu", "fcc", a=3.61))
    result = Elastic().run(crystal, potential)
    assert [label.property for label in result.labels] == ["bulk_modulus"]
    assert result.labels[0].path == "eos"
    full = Elastic().run(crystal, get_potential("emt")).labels[0].value
    assert result.labels[0].value == pytest.approx(full, rel=0.03)
    with pytest.raises(StructureError) as caught:
        equation_of_state(Crystal.from_ase(bulk("Cu", "fcc", a=4.4)), potential)
    assert caught.value.reason == "no_minimum"


def test_magnesia_by_hand():
    # Measured single crystal: K = 163 GPa, G = 131 GPa, 3.58 g/cm³, 9.34 Å³ per atom.
    velocities = thermal.sound_velocities(163e9, 131e9, 3580.0)
    assert velocities == pytest.approx((9712, 6049), abs=15)
    velocity = thermal.mean_velocity(*velocities)
    number = 1e30 / 9.34
    debye = thermal.debye_temperature(velocity, number)
    assert debye == pytest.approx(945, abs=15)  # 940 K from measured sound velocities
    gruneisen = thermal.gruneisen_parameter(thermal.poisson_ratio(163.0, 131.0))
    assert gruneisen == pytest.approx(1.15, abs=0.1)


def test_slack_relation_with_the_inputs_of_its_authors_for_magnesia():
    # θ_a = 600 K and γ = 1.44 (Morelli and Slack 2006, recalled); 50 to 60 W/m/K are measured.
    kappa = thermal.slack_conductivity(
        600.0 * 2 ** (1 / 3), mean_mass=20.15, volume_per_atom=9.34, n_atoms=2, gruneisen=1.44
    )
    assert kappa == pytest.approx(60, rel=0.05)


def test_slack_relation_by_hand():
    # A = 2.43e-6 / (1 - 0.257 + 0.057) = 3.0375e-6 at γ = 2;
    # 3.0375e-6 * 20 * 400³ * 2 / (4 * 8^(2/3) * 300) with the Debye temperature of all modes
    expected = 3.0375e-6 * 20 * 400.0**3 * 2 / (4 * 4 * 300)
    found = thermal.slack_conductivity(
        400.0, mean_mass=20.0, volume_per_atom=8.0, n_atoms=8, gruneisen=2.0
    )
    assert found == pytest.approx(expected, rel=1e-6)
    # a supercell of an elemental solid must be reduced first: n matters
    assert found < thermal.slack_conductivity(
        400.0, mean_mass=20.0, volume_per_atom=8.0, n_atoms=1, gruneisen=2.0
    )


def test_heat_capacity_has_both_limits():
    number = 1e29
    classical = 3 * number * thermal.K_B
    assert thermal.debye_heat_capacity(300.0, 30000.0, number) == pytest.approx(classical, rel=1e-3)
    cold = 12 * np.pi**4 / 5 * number * thermal.K_B * (5.0 / 500.0) ** 3
    assert thermal.debye_heat_capacity(500.0, 5.0, number) == pytest.approx(cold, rel=1e-4)
    # D(1) = 0.9517 (tabulated Debye function of the heat capacity)
    assert thermal.debye_heat_capacity(300.0, 300.0, number) / classical == pytest.approx(
        0.9517, abs=1e-4
    )
