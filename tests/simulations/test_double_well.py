from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matscreen.errors import StructureError
from matscreen.identity import analyze_symmetry
from matscreen.simulations.cubic_parent import is_cubic_perovskite, seed
from matscreen.simulations.double_well import DoubleWell
from matscreen.simulations.reference import (
    E_PER_A2,
    centrosymmetric_references,
    nominal_charges,
    polarization,
)
from matscreen.structures import Crystal
from tests.simulations.conftest import EDGE, perovskite

ALPHA, BETA, GAMMA = 4.0, 40.0, 20.0


def landau_depth(beta: float) -> float:
    return ALPHA**2 / (4 * beta)


def values(simulated):
    return {label.property: label for label in simulated.labels}


def test_cubic_parent_gets_the_depth_and_barrier_of_the_polynomial(landau, cubic):
    result = DoubleWell().run(cubic, landau(alpha=ALPHA, beta=BETA, gamma=GAMMA))
    found = values(result)
    volume = EDGE**3
    # With gamma > 0 the axis is best: depth alpha^2 / 4 beta; [011] has beta + gamma / 4.
    depth, saddle = landau_depth(BETA), landau_depth(BETA + GAMMA / 4)
    assert found["well_depth"].value == pytest.approx(1e3 * depth / volume, rel=0.02)
    assert found["polar_barrier"].value == pytest.approx(1e3 * (depth - saddle) / volume, rel=0.05)
    assert found["polar_barrier"].path == "rotation:Amm2"
    assert result.notes["ground"] == "P4mm"


def test_diagonal_ground_phase_rotates_through_amm2(landau, cubic):
    result = DoubleWell().run(cubic, landau(gamma=-20.0))
    assert result.notes["ground"] == "R3m"
    # [111]: beta + gamma / 3, [011]: beta + gamma / 4.
    depth, saddle = landau_depth(40 - 20 / 3), landau_depth(40 - 20 / 4)
    assert values(result)["polar_barrier"].value == pytest.approx(
        1e3 * (depth - saddle) / EDGE**3, rel=0.08
    )


def test_no_well_is_a_zero_label_not_a_failure(landau, cubic):
    found = values(DoubleWell().run(cubic, landau(alpha=-2.0)))
    assert [found[name].value for name in ("well_depth", "polar_barrier")] == [0.0, 0.0]
    assert found["spontaneous_polarization"].value == 0.0
    assert found["well_depth"].std > 0.1


def test_a_well_within_the_noise_is_zero_and_the_notes_keep_it(landau, cubic):
    result = DoubleWell().run(cubic, landau(alpha=1.0))
    found = values(result)
    assert [found[name].value for name in ("well_depth", "polar_barrier")] == [0.0, 0.0]
    assert found["spontaneous_polarization"].value == 0.0
    assert found["spontaneous_polarization"].std > 5.0
    # alpha^2 / 4 beta = 6.25 meV per formula unit, the floor is 10.
    assert result.notes["well_below_noise"] == pytest.approx(6.25, rel=0.05)


def test_tilts_that_cannot_be_computed_leave_the_well_alone(landau, cubic):
    # The toy knows the cell of five atoms only.
    result = DoubleWell().run(cubic, landau())
    assert result.notes["failed_tilts"] == "not_converged"
    assert "tilt_energy" not in values(result)
    assert values(result)["well_depth"].value > 0


def test_polar_phase_and_parent_agree(landau, cubic):
    potential = landau()
    parent = DoubleWell().run(cubic, potential)
    polar = Crystal(
        cubic.lattice,
        cubic.atomic_numbers,
        cubic.frac_coords + np.array([[0, 0, 0], [0, 0, 0.04], *[[0, 0, -0.0154]] * 3]),
    )
    from matscreen.simulations.relaxation import Relaxation

    relaxed = Relaxation().run(polar, potential).relaxed
    assert analyze_symmetry(relaxed).number == 99
    own = DoubleWell().run(relaxed, potential, phases={"Pm-3m": cubic, "P4mm": relaxed})
    alone = DoubleWell().run(relaxed, potential)
    for name in ("well_depth", "polar_barrier"):
        assert values(own)[name].value == pytest.approx(values(parent)[name].value, rel=0.03)
    assert values(alone)["well_depth"].value == pytest.approx(
        values(parent)["well_depth"].value, rel=0.03
    )
    # Alone it knows no rotation: the barrier is the inversion barrier.
    assert values(alone)["polar_barrier"].value == pytest.approx(
        values(alone)["well_depth"].value, rel=0.03
    )


def test_nonpolar_crystal_is_rejected(landau):
    tetragonal = Crystal(
        np.diag([4.0, 4.0, 4.2]), perovskite().atomic_numbers, perovskite().frac_coords
    )
    with pytest.raises(StructureError, match="nonpolar"):
        DoubleWell().run(tetragonal, landau())


def test_seed_has_the_symmetry_of_its_phase(cubic):
    assert is_cubic_perovskite(cubic, 221)
    numbers = {name: analyze_symmetry(seed(cubic, name)).number for name in ("P4mm", "Amm2", "R3m")}
    assert numbers == {"P4mm": 99, "Amm2": 38, "R3m": 160}


def test_antiperovskite_is_no_perovskite_oxide():
    assert not is_cubic_perovskite(perovskite(8, 14, 20), 221)


@settings(max_examples=25, deadline=None)
@given(st.lists(st.floats(-0.03, 0.03), min_size=5, max_size=5), st.floats(-0.4, 0.4))
def test_reference_is_centrosymmetric_and_nearest_for_any_polar_shift(shifts, origin):
    cubic = perovskite()
    z = np.array(shifts)
    z[3] = z[4]  # keep the fourfold axis
    moved = np.zeros((5, 3))
    moved[:, 2] = z + origin
    polar = Crystal(cubic.lattice, cubic.atomic_numbers, cubic.frac_coords + moved)
    reference = centrosymmetric_references(polar)[0]
    assert analyze_symmetry(reference.crystal, symprec=1e-3).centrosymmetric
    expected = (z - z.mean()) * EDGE
    np.testing.assert_allclose(reference.displacements[:, 2], expected, atol=1e-6)
    np.testing.assert_allclose(reference.displacements.sum(axis=0), 0.0, atol=1e-6)


def test_polarization_is_the_sum_over_charges(cubic):
    displacements = np.zeros((5, 3))
    displacements[1, 2] = 0.1
    displacements[2:, 2] = -0.05
    expected = (4 * 0.1 + 2 * 3 * 0.05) / EDGE**3 * E_PER_A2
    assert polarization(cubic, displacements) == pytest.approx(expected)
    assert nominal_charges({"Ba": 1, "Ti": 1, "O": 3}) == {56: 2.0, 22: 4.0, 8: -2.0}


def test_wurtzite_reference_is_the_layered_hexagonal_phase():
    from ase.build import bulk

    wurtzite = Crystal.from_ase(bulk("ZnO", "wurtzite", a=3.25, c=5.2, u=0.38))
    reference = centrosymmetric_references(wurtzite)[0]
    assert analyze_symmetry(reference.crystal).number == 194
