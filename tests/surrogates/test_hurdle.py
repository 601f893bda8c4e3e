"""Properties that often lie on their bound: made-up gaps, most of which are zero."""

from __future__ import annotations

import numpy as np
import pytest

from matscreen.surrogates import load, save, train
from matscreen.surrogates.hurdle import needs_hurdle
from matscreen.surrogates.mixture import Mixture, inside_central, pit_area
from matscreen.surrogates.refit import refit
from matscreen.surrogates.space import Space
from matscreen.surrogates.uncertainty import LEVELS

LABELS = tuple(f"f{i}" for i in range(5))


def make(n, seed):
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, 5))
    metal = X[:, 0] + 0.3 * rng.normal(size=n) < 0.4
    y = np.where(metal, 0.0, np.maximum(0.3, 2.0 + X[:, 1] + 0.2 * rng.normal(size=n)))
    return X, y


@pytest.fixture(scope="module")
def model():
    X, y = make(500, 0)
    groups = [f"g{i}" for i in range(500)]
    return train(X, y, groups=groups, property="band_gap", labels=LABELS)


@pytest.fixture(scope="module")
def fresh():
    return make(1500, 1)


def test_metals_are_zero_and_others_are_near_their_gap(model, fresh):
    X, y = fresh
    found = model.predict(X)
    assert model.card["model"].startswith("hurdle, ")
    assert np.mean((found.mean == 0.0) == (y == 0.0)) > 0.85
    sure = (X[:, 0] > 1.5) & (np.abs(X[:, 1]) < 1.5)
    assert np.abs(found.mean - y)[sure].mean() < 0.4
    assert (found.lower <= found.mean).all()
    assert (found.mean <= found.upper).all()
    assert (found.upper > found.lower).all()
    assert (found.lower[X[:, 0] < -1.0] == 0.0).all()
    assert np.median(found.upper[X[:, 0] < -1.0]) < 0.2


def test_the_randomised_transform_of_new_labels_is_uniform(model, fresh):
    X, y = fresh
    pit = model.pit(X, y, seed=1)
    assert pit_area(pit) < 0.03
    inside = inside_central(pit).mean(axis=1)
    assert np.abs(inside - LEVELS).mean() < 0.03
    plain = model.predict(X)
    covered = np.mean((plain.lower <= y) & (y <= plain.upper))
    assert covered > inside[LEVELS == 0.9][0] - 0.01


def test_the_card_tells_of_the_hurdle_and_survives_saving(model, fresh, tmp_path):
    about = model.card["hurdle"]
    assert about["share_on_bound"] > 0.5
    assert about["metrics"]["balanced_accuracy"] > 0.8
    assert about["pit_area"] < 0.05
    assert 0.8 < model.card["metrics"]["coverage_worst_part"] <= 0.95
    save(model, tmp_path)
    again = load(tmp_path)
    for name in ("mean", "lower", "upper", "std_epistemic", "distance", "in_domain"):
        before, after = model.predict(fresh[0][:80]), again.predict(fresh[0][:80])
        np.testing.assert_array_equal(getattr(before, name), getattr(after, name))
    assert again.card == model.card


def test_levels_are_nested_and_hold_the_best_value(model, fresh):
    X = fresh[0][:300]
    narrow, wide = model.predict(X, level=0.5), model.predict(X, level=0.9)
    assert (narrow.lower <= narrow.mean).all()
    assert (narrow.mean <= narrow.upper).all()
    assert np.mean(wide.upper - wide.lower >= narrow.upper - narrow.lower - 1e-9) > 0.99


def test_rows_without_features_and_far_rows(model, fresh):
    X = fresh[0][:4].copy()
    X[0] = np.nan
    X[1] = 50.0
    found = model.predict(X)
    assert np.isnan(found.mean[0])
    assert not found.in_domain[:2].any()
    assert found.lower[1] == 0.0
    assert found.upper[1] > np.median(model.predict(fresh[0]).upper)


def test_the_regressors_of_a_hurdle_are_fitted_anew_on_both_sides(model):
    X, y = make(400, 3)
    predict = refit(model, X, y, np.arange(400).astype(str))
    new, truth = make(300, 4)
    found = predict(new)
    assert np.mean((found == 0.0) == (truth == 0.0)) > 0.8
    assert np.abs(found - truth).mean() < 0.6 * np.abs(truth - np.median(truth)).mean()


def test_when_there_is_a_hurdle():
    space, groups = Space.of("band_gap"), np.arange(400).astype(str)
    y = np.where(np.arange(400) < 150, 0.0, 1.0)
    assert needs_hurdle(space, y, groups)
    assert not needs_hurdle(space, np.where(np.arange(400) < 60, 0.0, 1.0), groups)
    assert not needs_hurdle(space, np.where(np.arange(400) < 350, 0.0, 1.0), groups)
    assert not needs_hurdle(space, y, np.full(400, "g"))
    assert not needs_hurdle(Space.of("relative_permittivity"), y + 1.0, groups)


def test_quantiles_and_intervals_of_a_known_mixture():
    """G is a Gaussian of deviation 1 around 5; three tenths of the chance lie on zero."""
    from scipy.special import ndtr, ndtri

    n = 3
    half = np.repeat(ndtri(0.5 + LEVELS / 2.0)[:, None], n, axis=1)
    p = np.array([0.3, 0.0, 0.95])
    mixture = Mixture(0.0, np.full(n, 5.0), half, p, np.zeros(n))
    expected = 5.0 + ndtri((0.5 - 0.3) / 0.7)
    np.testing.assert_allclose(mixture.median(), [expected, 5.0, 0.0], atol=0.02)
    lower, upper = mixture.interval(0.9)
    assert lower[0] == 0.0
    assert upper[0] == pytest.approx(5.0 + ndtri(0.6 / 0.7), abs=0.02)
    assert (lower[1], upper[1]) == pytest.approx((5.0 - 1.645, 5.0 + 1.645), abs=0.01)
    assert lower[2] == 0.0
    assert upper[2] < 0.2
    pit = mixture.pit(np.array([0.0, 6.0, 0.0]), np.array([0.5, 0.1, 1.0]))
    np.testing.assert_allclose(pit, [0.15, ndtr(1.0), 0.95], atol=0.01)
