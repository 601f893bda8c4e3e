"""The structure says who is A and B; the ions then have the published radii and factors."""

import numpy as np
import pytest

from matscreen.descriptors import get_descriptor_set
from matscreen.descriptors.sets import Analysis
from matscreen.descriptors.sites import A, B, X, bartel_factor, tolerance_factor
from matscreen.structures import Crystal, CrystalBatch


def roles(crystal):
    analysis = Analysis(CrystalBatch.from_crystals([crystal]))
    numbers = analysis.compositions.numbers[0]
    found = analysis.sites.roles[0]
    return {role: set(numbers[found == role].tolist()) for role in (A, B, X)}


def table(*crystals):
    described = get_descriptor_set("fast")
    values = described.featurize(CrystalBatch.from_crystals(crystals)).values
    return dict(zip(described.labels, values.T, strict=True))


@pytest.mark.parametrize(
    ("name", "a", "b"),
    [
        ("BaTiO3 cubic", {56}, {22}),
        ("PbTiO3 tetragonal", {82}, {22}),
        ("CaTiO3 Pnma", {20}, {22}),
        ("LiNbO3", {3}, {41}),
        ("MgAl2O4 spinel", {12}, {13}),
        ("Ba2MgWO6", {56}, {12, 74}),
        ("TiO2 rutile", set(), {22}),
    ],
)
def test_roles(crystals, name, a, b):
    assert roles(crystals[name]) == {A: a, B: b, X: {8}}


def test_exchanged_cations_are_another_compound(make_perovskite):
    right, wrong = make_perovskite(56, 22), make_perovskite(22, 56)
    assert roles(wrong) == {A: {22}, B: {56}, X: {8}}
    values = table(right, wrong)
    assert values["site_a_number"].tolist() == [56, 22]
    assert values["site_b_number"].tolist() == [22, 56]
    assert values["magpie_mean_number"][0] == values["magpie_mean_number"][1]


def test_factors_of_strontium_titanate(make_perovskite):
    values = table(make_perovskite(38, 22, a=3.905))
    assert values["tolerance_factor"][0] == pytest.approx(
        (1.44 + 1.40) / (np.sqrt(2) * (0.605 + 1.40)), abs=1e-9
    )
    assert values["octahedral_factor"][0] == pytest.approx(0.605 / 1.40)
    ratio = 1.44 / 0.605
    expected = 1.40 / 0.605 - 2 * (2 - ratio / np.log(ratio))
    assert values["tolerance_factor_bartel"][0] == pytest.approx(expected)
    assert values["site_ratio_a_b"][0] == 1
    assert values["site_ratio_cation_x"][0] == pytest.approx(2 / 3)


def test_ions_of_lead_titanate(crystals):
    values = table(crystals["PbTiO3 tetragonal"], crystals["BaTiO3 cubic"])
    assert values["site_a_lone_pair"].tolist() == [1, 0]
    assert values["site_b_d0"].tolist() == [1, 1]
    assert values["site_a_oxidation_state"].tolist() == [2, 2]
    assert values["site_b_d_electrons"].tolist() == [0, 0]


def test_binary_oxide_has_no_a(crystals):
    values = table(crystals["TiO2 rutile"])
    undefined = [label for label, column in values.items() if label.startswith("site_a_")]
    assert len(undefined) == 19
    assert all(np.isnan(values[label][0]) for label in undefined)
    assert np.isnan(values["tolerance_factor"][0])
    assert values["site_b_number"][0] == 22
    assert values["site_b_oxidation_state"][0] == 4


def test_mixed_b_site_is_averaged(crystals):
    values = table(crystals["Ba2MgWO6"])
    assert values["site_b_number"][0] == pytest.approx((12 + 74) / 2)
    assert values["site_b_oxidation_state"][0] == pytest.approx(4)
    assert values["site_b_d0"][0] == pytest.approx(0.5)


def test_alloy_without_anions_has_no_sites():
    alloy = Crystal(np.eye(3) * 3.0, np.array([29, 79]), np.array([[0, 0, 0], [0.5, 0.5, 0.5]]))
    values = table(alloy)
    assert np.isfinite(values["magpie_mean_number"][0])
    assert np.isnan(values["site_b_number"][0])
    assert np.isnan(values["site_x_number"][0])


def test_proton_is_not_b():
    # KOH-like arrangement: K far, H near its oxygen.
    crystal = Crystal(
        np.diag([4.0, 4.0, 5.0]),
        np.array([19, 8, 1]),
        np.array([[0, 0, 0], [0.5, 0.5, 0.3], [0.5, 0.5, 0.5]]),
    )
    assert roles(crystal) == {A: set(), B: {19}, X: {8}}


def test_bartel_needs_a_larger_than_b():
    r = np.array([0.6, 0.605, 1.4])
    factor = bartel_factor(r, np.full(3, 0.605), np.full(3, 1.4), np.full(3, 2.0))
    assert np.isnan(factor[:2]).all()
    assert np.isfinite(factor[2])
    ideal = tolerance_factor(np.array([1.4]), np.array([1.4 * np.sqrt(2) - 1.4]), np.array([1.4]))
    assert ideal[0] == pytest.approx(1)
