"""Geometry agrees with what one works out by hand, and changes continuously."""

import numpy as np
import pytest

from matscreen.descriptors import get_descriptor_set
from matscreen.structures import Crystal, CrystalBatch


def table(*crystals):
    described = get_descriptor_set("standard")
    found = described.featurize(CrystalBatch.from_crystals(crystals))
    assert not found.failures
    return dict(zip(described.labels, found.values.T, strict=True))


def test_cubic_perovskite(make_perovskite):
    a = 4.0
    values = {label: column[0] for label, column in table(make_perovskite(56, 22, a=a)).items()}
    expected = {
        "volume_per_atom": a**3 / 5,
        "volume_per_anion": a**3 / 3,
        "density": 1.66053906660 * (137.327 + 47.867 + 3 * 15.9994) / a**3,
        "bond_min_a": a / np.sqrt(2),
        "bond_mean_a": a / np.sqrt(2),
        "bond_mean_b": a / 2,
        "bond_std_b": 0,
        "coordination_a": 12,
        "coordination_b": 6,
        "coordination_x": 6,
        "coordination_x_by_b": 2,
        "off_centre_b": 0,
        "observed_tolerance_factor": 1,
        "nominal_polarization": 0,
        "angle_bxb_mean": 180,
        "angle_bxb_std": 0,
        "distance_aa_min": a,
        "distance_bb_min": a,
        "distance_ab_min": a * np.sqrt(3) / 2,
        "hop_xx_min": a / np.sqrt(2),
        "hop_clearance": a * np.sqrt(2) / 4,
        # Octahedron and cuboctahedron (Steinhardt, Nelson and Ronchetti 1983).
        "order_q4_b": 0.7637626,
        "order_q6_b": 0.3535534,
        "order_q4_a": 0.1909407,
        "order_q6_a": 0.5745243,
        "bond_valence_vector_b": 0,
        "bond_misfit_b": a / 2 - 0.605 - 1.40,
    }
    for label, value in expected.items():
        assert values[label] == pytest.approx(value, abs=2e-4), label


def test_displaced_b_cation(make_perovskite):
    shift, a = 0.02, 4.0
    values = table(make_perovskite(56, 22, a=a, shift=shift))
    displacement = shift * a
    assert values["off_centre_b"][0] == pytest.approx(displacement, rel=0.01)
    assert values["off_centre_a"][0] == pytest.approx(0, abs=1e-9)
    expected = 1602.176634 * 4 * displacement / a**3
    assert values["nominal_polarization"][0] == pytest.approx(expected, rel=0.01)
    assert values["bond_min_b"][0] == pytest.approx(a / 2 - displacement)
    # Only two of twelve angles bend: tan of half the angle is half the cell over the offset.
    assert 170 < values["angle_bxb_mean"][0] < 180
    assert values["bond_valence_vector_b"][0] > 0.05
    assert values["is_polar"][0] == 1


def test_antipolar_shifts_cancel(make_perovskite):
    one = make_perovskite(56, 22, shift=0.02)
    coords = np.vstack([one.frac_coords, one.frac_coords]) / [2, 1, 1]
    coords[5:, 0] += 0.5
    coords[6, 2] = 0.48
    doubled = Crystal(one.lattice * [[2], [1], [1]], np.tile(one.atomic_numbers, 2), coords)
    values = table(one, doubled)
    assert values["nominal_polarization"][1] == pytest.approx(0, abs=1e-6)
    assert values["off_centre_b"][1] == pytest.approx(values["off_centre_b"][0], rel=1e-6)


def test_coordination_of_structure_types(crystals):
    names = ["MgO rock salt", "TiO2 rutile", "HfO2 fluorite", "ZnO wurtzite"]
    values = table(*(crystals[name] for name in names))
    assert values["coordination_b"] == pytest.approx([6, 6, 8, 4], abs=0.1)
    assert values["coordination_x"] == pytest.approx([6, 3, 4, 4], abs=0.1)
    assert values["bond_mean_b"] == pytest.approx([2.105, 1.96, 2.182, 1.98], abs=0.01)


def test_bond_valence_sums(crystals):
    names = ["MgO rock salt", "TiO2 rutile", "Al2O3 corundum"]
    values = table(*(crystals[name] for name in names))
    # The element-pair parameters are known to run high for small hard cations.
    assert values["bond_valence_sum_b"] == pytest.approx([2, 4, 3], rel=0.18)
    sums = np.stack([values["bond_valence_sum_b"] - [2, 4, 3], values["bond_valence_sum_x"] - 2])
    weights = np.array([[1 / 2, 1 / 3, 2 / 5], [1 / 2, 2 / 3, 3 / 5]])
    index = np.sqrt((weights * sums**2).sum(axis=0))
    assert values["global_instability_index"] == pytest.approx(index, abs=1e-4)
    assert np.isnan(values["bond_valence_sum_a"]).all()


def test_tilts_bend_the_angle(crystals):
    values = table(crystals["CaTiO3 Pnma"], crystals["BaTiO3 cubic"])
    assert 150 < values["angle_bxb_mean"][0] < 162
    assert values["angle_bxb_mean"][1] == pytest.approx(180, abs=1e-4)
    assert values["coordination_a"][0] < 9


def test_polar_phases(crystals):
    names = ["BaTiO3 tetragonal", "PbTiO3 tetragonal", "LiNbO3", "CaTiO3 Pnma", "TiO2 rutile"]
    values = table(*(crystals[name] for name in names))
    polarization = values["nominal_polarization"]
    assert polarization[1] > polarization[0] > 5
    assert polarization[2] > 20
    np.testing.assert_allclose(polarization[3:], 0, atol=0.01)
    assert values["is_polar"].tolist() == [1, 1, 1, 0, 0]


@pytest.mark.parametrize("name", ["BaTiO3 tetragonal", "CaTiO3 Pnma", "LiNbO3", "Ba2MgWO6"])
def test_small_displacements_change_little(crystals, name):
    crystal = crystals[name]
    noise = np.random.default_rng(1).normal(size=crystal.frac_coords.shape) * 1e-5
    moved = Crystal(crystal.lattice, crystal.atomic_numbers, crystal.frac_coords + noise)
    values = table(crystal, moved)
    for label, (before, after) in values.items():
        if label == "nominal_polarization" or label.startswith("angle"):
            # Straight angles bend in first order, so their spread is of first order too.
            assert after == pytest.approx(before, abs=0.1), label
        else:
            assert after == pytest.approx(before, rel=2e-3, abs=2e-3, nan_ok=True), label


def test_a_lonely_atom_has_no_bonds():
    # Neighbours beyond the cutoff: distances are undefined, the row is still described.
    far = Crystal(np.eye(3) * 20, np.array([12, 8]), np.array([[0, 0, 0], [0.5, 0.5, 0.5]]))
    values = table(far)
    assert np.isnan(values["bond_mean_b"][0])
    assert np.isnan(values["hop_xx_min"][0])
    assert values["volume_per_atom"][0] == pytest.approx(4000)
