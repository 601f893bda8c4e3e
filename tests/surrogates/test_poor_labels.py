"""Labels that are few, alike, unusable or of one chemical system: a wide model or a refusal."""

from __future__ import annotations

import numpy as np
import pytest

from matscreen.errors import ModelError
from matscreen.surrogates import train

from .conftest import LABELS, PROPERTY, make_data


def test_few_systems_fall_back_to_a_wide_constant():
    rng = np.random.default_rng(0)
    X, y = rng.normal(size=(30, 4)), rng.normal(4.0, 1.0, size=30)
    groups = [f"g{i // 3}" for i in range(30)]
    model = train(X, y, groups=groups, property=PROPERTY, labels=LABELS[:4])
    assert model.card["fallback"] == "few_chemical_systems"
    assert model.card["model"] == "constant"
    found = model.predict(X)
    assert (found.mean == np.median(y)).all()
    assert (found.upper - found.lower > 2.0 * np.std(y)).all()
    assert model.card["metrics"]["coverage_90"] >= 0.85
    # One system has no other to be compared with; it must still give an answer.
    alone = train(X[:9], y[:9], groups=["a"] * 9, property=PROPERTY, labels=LABELS[:4])
    assert alone.card["fallback"] == "one_chemical_system"
    assert np.isfinite(alone.predict(X).upper).all()
    assert (alone.predict(X).upper - alone.predict(X).lower > 2.0 * np.std(y[:9])).all()


def test_too_few_labels_are_an_error_with_the_count():
    X = np.zeros((9, 2))
    X[:, 0] = np.arange(9)
    y = np.arange(9.0)
    y[:2] = [np.nan, 99.0]
    with pytest.raises(ModelError, match="7 usable labels"):
        train(X, y, groups=list("abcdefghi"), property=PROPERTY, labels=("a", "b"))


def test_unusable_rows_are_left_out_and_counted():
    rows = make_data(60, seed=5)
    X, y = rows.X.copy(), rows.y.copy()
    y[3], y[4], X[5] = np.nan, 1e6, np.nan
    ids = [f"s{i}" for i in range(60)]
    model = train(X, y, groups=rows.groups, property=PROPERTY, labels=LABELS, ids=ids)
    assert model.card["n_rejected"] == 3
    assert model.card["n_labels"] == 57
    assert not {"s3", "s4", "s5"} & set(model.card["out_of_fold"]["structure_id"])


def test_equal_labels_give_a_constant_that_is_not_held_exact():
    rows = make_data(60, seed=2)
    noise = np.full(60, 0.1)
    model = train(
        rows.X,
        np.full(60, 4.0),
        groups=rows.groups,
        property=PROPERTY,
        labels=LABELS,
        noise=noise,
    )
    assert model.card["fallback"] == "constant_labels"
    found = model.predict(rows.X)
    assert (found.mean == 4.0).all()
    np.testing.assert_allclose(found.std, 0.1, rtol=1e-6)


def test_ten_labels_give_a_wide_but_usable_model():
    rows = make_data(10, seed=2)
    model = train(rows.X, rows.y, groups=rows.groups, property=PROPERTY, labels=LABELS)
    found = model.predict(make_data(200, seed=3).X)
    assert np.isfinite(found.mean).all()
    fresh = make_data(200, seed=3)
    assert np.mean((found.lower <= fresh.y) & (fresh.y <= found.upper)) > 0.9


def test_a_property_that_is_mostly_zero_gets_intervals_of_some_width():
    """Gaps of oxides, most of which are metals: nearly all errors are exactly zero."""
    rng = np.random.default_rng(0)
    X = rng.normal(size=(600, 5))
    y = np.maximum(0.0, 2.0 * (X[:, 0] - 1.2) + 0.1 * rng.normal(size=600))
    groups = [str(i) for i in range(600)]
    model = train(X, y, groups=groups, property="band_gap", labels=LABELS[:5])
    fresh = rng.normal(size=(600, 5))
    truth = np.maximum(0.0, 2.0 * (fresh[:, 0] - 1.2) + 0.1 * rng.normal(size=600))
    found = model.predict(fresh)
    assert np.isfinite(found.upper).all()
    assert (found.upper > found.lower).all()
    assert np.mean((found.lower <= truth) & (truth <= found.upper)) > 0.87
