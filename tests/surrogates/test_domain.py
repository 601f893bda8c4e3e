from __future__ import annotations

import numpy as np
import pytest

from matscreen.surrogates.domain import fit_domain
from matscreen.surrogates.fitting import grouped_folds


@pytest.fixture(scope="module")
def fitted():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 6))
    groups = np.array([f"g{i // 2}" for i in range(200)])
    domain, distance = fit_domain(X, grouped_folds(groups, seed=0), constant_half=2.0)
    return X, domain, distance


def test_the_flag_flips_along_a_ray(fitted):
    X, domain, _ = fitted
    rays = np.linspace(0.0, 20.0, 60)[:, None] * np.full((1, X.shape[1]), 1.0)
    inside = domain.contains(domain.distance(rays))
    assert inside[0]
    assert not inside[-1]
    assert np.count_nonzero(np.diff(inside.astype(int))) == 1


def test_about_a_twentieth_of_the_labelled_rows_is_remote(fitted):
    _, domain, distance = fitted
    assert 0.03 <= np.mean(~domain.contains(distance)) <= 0.07


def test_unknown_features_count_as_typical(fitted):
    X, domain, _ = fitted
    row = np.full((1, X.shape[1]), np.nan)
    assert domain.contains(domain.distance(row))[0]


def test_widening_is_continuous_monotone_and_ends_above_the_constant_model(fitted):
    _, domain, _ = fitted
    distance = np.linspace(0.0, 4.0, 401) * domain.threshold
    half = domain.widen(np.full(401, 0.5), distance)
    assert (half[distance <= domain.threshold] == 0.5).all()
    assert (np.diff(half) >= -1e-12).all()
    assert np.max(np.diff(half)) < 0.03
    assert half[-1] == pytest.approx(0.5 + 2.0)
    wide = domain.widen(np.full(401, 3.0), distance)
    assert wide[-1] == pytest.approx(6.0)


def test_identical_rows_have_a_domain():
    X = np.ones((40, 3))
    X[:, 0] = np.repeat([0.0, 1.0], 20)
    groups = np.arange(40).astype(str)
    domain, _ = fit_domain(X, grouped_folds(groups, seed=0), constant_half=1.0)
    far = np.array([[5.0, 1.0, 1.0]])
    assert domain.contains(domain.distance(X)).all()
    assert not domain.contains(domain.distance(far))[0]
    assert np.isfinite(domain.widen(np.ones(1), domain.distance(far))).all()
