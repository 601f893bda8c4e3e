"""Elements without a label are told apart by what a row holds, not only by its descriptors."""

from __future__ import annotations

import numpy as np
import pytest

from matscreen.errors import InputError
from matscreen.surrogates import load, save, train
from matscreen.surrogates.elements import (
    elements_of_systems,
    holds_unlabelled,
    labelled_elements,
)

from .conftest import PROPERTY, make_data


@pytest.fixture(scope="module")
def oxides():
    rows = make_data(60, seed=3)
    cations = ["Al-Ba", "Ba-Ti", "Sr-Ti", "Ca-Ti", "Al-Sr", "Al-Ca"]
    groups = [f"{cations[i % 6]}-O-{('F', 'N', 'S', 'Cl')[i % 4]}" for i in range(60)]
    return rows, groups


@pytest.fixture(scope="module")
def model(oxides):
    rows, groups = oxides
    return train(rows.X, rows.y, groups=groups, property=PROPERTY, labels=[*map(str, range(8))])


def test_chemical_systems_are_read_and_other_names_are_not():
    assert elements_of_systems(["Ba-O-Ti", "Ba-O-Ti", "mp-149", "g7"]) == [
        frozenset({8, 22, 56}), frozenset({8, 22, 56}), frozenset(), frozenset()
    ]  # fmt: skip
    assert labelled_elements(["Ba-O", "O-Ti"]).tolist() == [8, 22, 56]
    assert labelled_elements(["Ba-O", "material 7"]).tolist() == []


def test_a_row_with_an_unlabelled_element_is_outside_and_wider(model, oxides):
    rows, groups = oxides
    known = elements_of_systems(groups)
    plain, told = model.predict(rows.X), model.predict(rows.X, elements=known)
    np.testing.assert_array_equal(plain.distance, told.distance)
    zinc = [row | {30} for row in known]
    found = model.predict(rows.X, elements=zinc)
    assert not found.in_domain.any()
    assert (found.distance >= 2.0).all()
    np.testing.assert_array_equal(found.mean, plain.mean)
    assert (found.upper - found.lower >= plain.upper - plain.lower).all()
    assert np.median((found.upper - found.mean) / (plain.upper - plain.mean)) > 1.9


def test_only_the_row_that_holds_it_is_flagged(model, oxides):
    rows, groups = oxides
    given = elements_of_systems(groups)
    given[5] = frozenset({8, 30})
    found = model.predict(rows.X, elements=given)
    assert found.distance[5] >= 2.0
    assert found.in_domain[np.arange(60) != 5].mean() > 0.8


def test_the_elements_are_kept_with_the_model(model, oxides, tmp_path):
    save(model, tmp_path)
    again = load(tmp_path)
    assert again.familiar.elements.tolist() == [7, 8, 9, 13, 16, 17, 20, 22, 38, 56]
    rows, _ = oxides
    assert not again.predict(rows.X[:2], elements=[{30}, {8, 92}]).in_domain.any()


def test_nothing_is_told_without_chemical_systems_and_lengths_must_agree(model, oxides):
    rows, _ = oxides
    assert not holds_unlabelled([{30}, {8}], np.zeros(0, np.int64), 2).any()
    with pytest.raises(InputError, match="60 rows of features but the elements of 2"):
        model.predict(rows.X, elements=[{8}, {8}])
