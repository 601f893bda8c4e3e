from pathlib import Path

import numpy as np
import pytest

from matscreen.descriptors.composition import Compositions, parse_formula
from matscreen.edge import lean
from matscreen.edge.lean import LABELS, lean_features, lean_tables, role_weights

GOLDEN = Path(__file__).parent / "data" / "golden_lean_v1.csv"
FORMULAS = (
    "BaTiO3",
    "La0.7Sr0.3MnO3",
    "Sr2FeMoO6",
    "Fe2O3",
    "BaTaO2N",
    "Li7La3Zr2O12",
    "NaCl",
    "FeAl",
    "O2",
)


def compositions(*formulas):
    return Compositions.from_amounts([parse_formula(formula) for formula in formulas])


def column(features, label):
    return features[:, LABELS.index(label)]


def test_golden_values():
    """Another value under the same version breaks every stored bundle: bump `lean.VERSION`."""
    found = lean_features(compositions(*FORMULAS))
    table = np.genfromtxt(GOLDEN, delimiter=",", skip_header=1, usecols=range(1, len(FORMULAS) + 1))
    names = [line.split(",")[0] for line in GOLDEN.read_text().splitlines()[1:]]
    assert names == list(LABELS)
    np.testing.assert_allclose(found.T, table, rtol=0, atol=2e-6)


def test_sites_of_a_perovskite():
    features = lean_features(compositions("BaTiO3"))
    assert column(features, "lean_a_cation_charge")[0] == 2.0
    assert column(features, "lean_b_cation_charge")[0] == 4.0
    assert column(features, "lean_x_anion_charge")[0] == -2.0
    assert column(features, "lean_a_fraction")[0] == pytest.approx(0.2)
    assert column(features, "lean_b_excess_charge")[0] == 0.0


def test_a_mixed_site_is_averaged_and_its_variance_seen():
    features = lean_features(compositions("Sr2FeMoO6"))
    size = lean_tables().properties[:, lean.PROPERTIES.index("cation_charge")]
    assert column(features, "lean_b_cation_charge")[0] == (size[26] + size[42]) / 2
    assert column(features, "lean_b_variance_cation_charge")[0] == pytest.approx(
        ((size[26] - size[42]) / 2) ** 2
    )


def test_a_single_cation_is_on_both_sites():
    weights = role_weights(compositions("Fe2O3"))[0]
    np.testing.assert_allclose(weights[0], weights[1])


def test_a_role_that_nothing_has_takes_the_average_of_all():
    features = lean_features(compositions("FeAl"))
    for name in lean.PROPERTIES:
        every = column(features, f"lean_all_{name}")
        np.testing.assert_allclose(column(features, f"lean_x_{name}"), every, atol=1e-6)


def test_unbalanced_charges_of_a_strange_compound_are_seen():
    features = lean_features(compositions("SrTiO3", "LaTiO3", "BaBiO3"))
    excess = column(features, "lean_b_excess_charge")
    assert excess[0] == 0.0
    assert excess[1] == pytest.approx(1.0 * 0.2 / 0.21, abs=1e-4)


def test_neither_order_nor_scale_matters():
    one = lean_features(compositions("La0.7Sr0.3MnO3", "Sr2FeMoO6"))
    other = lean_features(compositions("O30Mn10Sr3La7", "O3Mo0.5Fe0.5Sr"))
    np.testing.assert_array_equal(one, other)


def test_features_are_finite_for_every_element():
    from pymatgen.core import Element

    alone = [Element.from_Z(z).symbol for z in range(1, 119)]
    oxides = [f"{symbol}2O3" for symbol in alone]
    assert np.isfinite(lean_features(compositions(*alone, *oxides))).all()


def test_features_are_exact_in_float32():
    features = lean_features(compositions(*FORMULAS))
    np.testing.assert_array_equal(features, features.astype(np.float32).astype(np.float64))
