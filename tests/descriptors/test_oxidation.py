"""Oxidation states are neutral and those a chemist would write."""

import numpy as np
import pytest

from matscreen.descriptors.composition import Compositions, parse_formula
from matscreen.descriptors.oxidation import (
    COLUMNS,
    anion_mask,
    charge_features,
    oxidation_states,
)

KNOWN = {
    "BaTiO3": {56: 2, 22: 4, 8: -2},
    "KNbO3": {19: 1, 41: 5, 8: -2},
    "LaAlO3": {57: 3, 13: 3, 8: -2},
    "PbTiO3": {82: 2, 22: 4, 8: -2},
    "BiFeO3": {83: 3, 26: 3, 8: -2},
    "FeTiO3": {26: 2, 22: 4, 8: -2},
    "SrFeO3": {38: 2, 26: 4, 8: -2},
    "NdNiO3": {60: 3, 28: 3, 8: -2},
    "Fe3O4": {26: 8 / 3, 8: -2},
    "Ti4O7": {22: 3.5, 8: -2},
    "YBa2Cu3O7": {39: 3, 56: 2, 29: 7 / 3, 8: -2},
    "La0.7Sr0.3MnO3": {57: 3, 38: 2, 25: 3.3, 8: -2},
    "BaO2": {56: 2, 8: -1},
    "KH2PO4": {19: 1, 1: 1, 15: 5, 8: -2},
    "Ba2MgWO6": {56: 2, 12: 2, 74: 6, 8: -2},
    "CsPbI3": {55: 1, 82: 2, 53: -1},
    "LaFeAsO": {57: 3, 26: 2, 33: -3, 8: -2},
    "PtO2": {78: 4, 8: -2},
}


def solve(formulas):
    compositions = Compositions.from_amounts([parse_formula(f) for f in formulas])
    return compositions, oxidation_states(compositions)


@pytest.mark.parametrize("formula", KNOWN)
def test_known_states(formula):
    compositions, charges = solve([formula])
    found = dict(zip(compositions.numbers[0].tolist(), charges[0].tolist(), strict=True))
    assert found == pytest.approx(KNOWN[formula], abs=1e-6)


def test_assignments_are_neutral_or_missing():
    symbols = ["Li", "K", "Ba", "Pb", "La", "Bi", "Ti", "Mn", "Fe", "Cu", "Nb", "W", "Ge", "Au"]
    formulas = [f"{a}{b}O{n}" for a in symbols for b in symbols if a != b for n in (2, 3, 4)]
    compositions, charges = solve(formulas)
    total = (np.nan_to_num(charges) * compositions.amounts).sum(axis=1)
    solved = np.isfinite(charges).all(axis=1)
    assert solved.mean() > 0.7
    np.testing.assert_allclose(total[solved], 0, atol=1e-6)
    assert (charges[solved].min(axis=1) < 0).all()


def test_a_compound_does_not_depend_on_its_batch():
    formulas = list(KNOWN)
    _, together = solve(formulas)
    for row, formula in zip(together, formulas, strict=True):
        alone = solve([formula])[1][0]
        np.testing.assert_array_equal(row[: len(alone)], alone)


@pytest.mark.parametrize("formula", ["Fe", "Cu3Au", "HeNe", "KO2"])
def test_no_neutral_assignment_is_nan(formula):
    _, charges = solve([formula])
    assert np.isnan(charges).all()


def test_anions_without_charges():
    compositions, charges = solve(["KO2", "Cu3Au"])
    assert np.isnan(charges).all()
    mask = anion_mask(compositions, charges)
    assert compositions.numbers[mask].tolist() == [8]


def test_features():
    compositions, charges = solve(["SrTiO3", "Fe3O4", "Cu3Au"])
    values = charge_features(compositions, charges)
    table = {label: values[:, i] for i, (label, _) in enumerate(COLUMNS)}
    assert values.shape == (3, len(COLUMNS))
    assert table["charge_balanced"].tolist() == [1, 1, 0]
    assert table["charge_mixed_valence"][:2].tolist() == [0, 1]
    assert table["charge_cation_mean"][0] == pytest.approx(3)
    assert table["radius_cation_max"][0] == pytest.approx(1.18)
    assert table["radius_ratio_anion"][0] == pytest.approx(0.605 / 1.40)
    assert table["cation_anion_ratio"][0] == pytest.approx(2 / 3)
    assert np.isnan(table["radius_cation_max"][2])
