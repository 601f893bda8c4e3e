"""The Magpie statistics are matminer's, and nothing depends on how much material there is."""

import csv
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matscreen.descriptors.composition import (
    COLUMNS,
    MAGPIE_COLUMNS,
    MATMINER_LABELS,
    Compositions,
    composition_features,
    magpie_statistics,
    parse_formula,
)
from matscreen.descriptors.elements import magpie_table
from matscreen.errors import StructureError
from matscreen.structures import Crystal, CrystalBatch

GOLDEN = Path(__file__).parent / "data" / "magpie_golden.csv"


def read_golden():
    with GOLDEN.open() as file:
        header, *rows = csv.reader(file)
    values = np.array([[float(x) for x in row[1:]] for row in rows])
    return header[1:], [row[0] for row in rows], values


def compositions_of(formulas):
    return Compositions.from_amounts([parse_formula(formula) for formula in formulas])


def test_values_equal_matminer():
    labels, formulas, expected = read_golden()
    assert len(formulas) >= 60
    values = composition_features(compositions_of(formulas))
    assert [MATMINER_LABELS[label] for label, _ in COLUMNS] == labels
    np.testing.assert_allclose(values, expected, rtol=0, atol=1e-10)


def test_labels_are_slugs_and_unique():
    labels = [label for label, _ in COLUMNS]
    assert len(MAGPIE_COLUMNS) == 132
    assert len(set(labels)) == len(labels) == 148
    assert "magpie_mean_number" in labels
    assert all(label.replace("_", "a").isalnum() and label.islower() for label in labels)


def test_element_table_has_every_element():
    table = magpie_table()
    assert table.shape == (22, 119)
    assert np.isfinite(table).all()
    assert table[0, 1:113].tolist() == list(range(1, 113))


def test_long_batches_equal_short_ones():
    _, formulas, expected = read_golden()
    repeats = 40
    values = magpie_statistics(compositions_of(formulas * repeats))
    np.testing.assert_allclose(values, np.tile(expected[:, :132], (repeats, 1)), atol=1e-10)


def test_mode_of_a_tie_is_the_smallest():
    values = magpie_statistics(compositions_of(["NaCl", "SrTiO3"]))
    column = [label for label, _ in MAGPIE_COLUMNS].index("magpie_mode_number")
    assert values[:, column].tolist() == [11.0, 8.0]


@settings(max_examples=60, deadline=None)
@given(
    st.dictionaries(st.integers(1, 112), st.integers(1, 20), min_size=1, max_size=6),
    st.integers(1, 7),
)
def test_scale_does_not_matter(amounts, factor):
    scaled = {z: n * factor for z, n in amounts.items()}
    one, other = composition_features(Compositions.from_amounts([amounts, scaled]))
    np.testing.assert_allclose(one, other, rtol=1e-12, atol=1e-12)


@settings(max_examples=60, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(["Ba", "Ti", "O", "H", "Fe", "U"]), st.integers(1, 99)),
        min_size=1,
        max_size=5,
    )
)
def test_plain_formulas_are_read_as_pymatgen_does(terms):
    from pymatgen.core import Composition

    formula = "".join(f"{symbol}{'' if n == 1 else n}" for symbol, n in terms)
    expected = {e.Z: n for e, n in Composition(formula).items()}
    assert parse_formula(formula) == expected


def test_brackets_and_fractions():
    assert parse_formula("Ca3(PO4)2") == {20: 3, 15: 2, 8: 8}
    assert parse_formula("Ba(Zr0.25Ti0.75)O3") == {56: 1, 40: 0.25, 22: 0.75, 8: 3}


@pytest.mark.parametrize("formula", ["", "Foo", "Xx2O3", "ba tio", "O0", "BaTiO3!"])
def test_bad_formula(formula):
    with pytest.raises(StructureError) as error:
        parse_formula(formula)
    assert error.value.reason == "bad_formula"


def test_batch_counts_sites():
    crystals = [
        Crystal(
            np.eye(3) * 5, np.array([8, 56, 8, 22, 8]), np.random.default_rng(0).random((5, 3))
        ),
        Crystal(np.eye(3) * 5, np.array([29]), np.zeros((1, 3))),
    ]
    compositions, slot = Compositions.from_batch(CrystalBatch.from_crystals(crystals))
    assert compositions.numbers.tolist() == [[8, 22, 56], [29, 29, 29]]
    assert compositions.amounts.tolist() == [[3, 1, 1], [1, 0, 0]]
    assert slot.tolist() == [0, 2, 0, 1, 0, 0]
