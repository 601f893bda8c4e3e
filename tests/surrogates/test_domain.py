from __future__ import annotations

import numpy as np
import pytest

from matscreen.surrogates.domain import (
    GROWTH,
    Landmarks,
    LeftOut,
    constant_domain,
    elements_of,
    fit_domain,
    held_out_elements,
)
from matscreen.surrogates.extrapolation import extrapolate
from matscreen.surrogates.kernel import KernelSettings
from matscreen.surrogates.metric import learn_metric


@pytest.fixture(scope="module")
def landmarks():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(200, 6))
    found, rows = Landmarks.draw(learn_metric(X, X[:, 0], rounds=0), X, seed=0)
    barred = np.eye(200, dtype=bool)[:, rows]
    return X, found, found.distance(X, barred=barred)


@pytest.fixture(scope="module")
def domain(landmarks):
    _, found, distance = landmarks
    rng = np.random.default_rng(1)
    far = rng.uniform(0.0, 5.0, size=3000)
    # Errors grow in proportion to the distance beyond 0.8.
    score = np.abs(rng.normal(size=3000)) / 1.645 * np.maximum(1.0, far / 0.8)
    return fit_domain(found, distance, LeftOut(far, score), constant_half=2.0)


def test_the_flag_flips_along_a_ray(landmarks, domain):
    X, _, _ = landmarks
    rays = np.linspace(0.0, 20.0, 60)[:, None] * np.full((1, X.shape[1]), 1.0)
    inside = domain.contains(domain.distance(rays))
    assert inside[0]
    assert not inside[-1]
    assert np.count_nonzero(np.diff(inside.astype(int))) == 1


def test_the_domain_ends_where_errors_grow(landmarks, domain):
    _, found, distance = landmarks
    low, high = np.quantile(distance, [0.95, 0.99])
    assert low <= domain.threshold <= high
    assert domain.growth[0] == pytest.approx(1.0, abs=0.25)
    grown = domain.knots[domain.growth > GROWTH]
    assert grown.min() > 0.8
    # Where errors do not grow, nearly everything is inside.
    rng = np.random.default_rng(1)
    flat = LeftOut(rng.uniform(0.0, 5.0, 3000), np.abs(rng.normal(size=3000)) / 2.0)
    assert fit_domain(found, distance, flat, constant_half=2.0).threshold == pytest.approx(high)


def test_unknown_features_count_as_typical(landmarks, domain):
    X, _, _ = landmarks
    row = np.full((1, X.shape[1]), np.nan)
    assert domain.contains(domain.distance(row))[0]


@pytest.mark.filterwarnings("error")
def test_an_interval_without_end_stays_without_end(domain):
    distance = np.array([0.0, 0.5, 1.5, 5.0]) * domain.threshold
    assert np.isinf(domain.widen(np.full(4, np.inf), distance)).all()


def test_widening_is_monotone_and_ends_above_the_constant_model(domain):
    distance = np.linspace(0.0, 4.0, 401) * domain.threshold
    half = domain.widen(np.full(401, 0.5), distance)
    assert (half[distance <= domain.threshold] == 0.5).all()
    assert (np.diff(half) >= -1e-12).all()
    assert half[-1] >= 0.5 + 2.0
    wide = domain.widen(np.full(401, 3.0), distance)
    assert wide[-1] >= 6.0


def test_few_left_out_rows_leave_the_usual_percentile(landmarks):
    _, found, distance = landmarks
    domain = fit_domain(found, distance, LeftOut(np.ones(3), np.ones(3)), constant_half=1.0)
    assert domain.threshold == pytest.approx(np.quantile(distance, 0.95))
    assert held_out_elements(domain, LeftOut(np.zeros(0), np.zeros(0)))["covered"] is None


def test_identical_rows_have_a_domain():
    X = np.ones((40, 3))
    X[:, 0] = np.repeat([0.0, 1.0], 20)
    found, _ = Landmarks.draw(learn_metric(X, X[:, 0], rounds=0), X, seed=0)
    domain = constant_domain(found, found.distance(X), constant_half=1.0)
    far = np.array([[5.0, 1.0, 1.0]])
    assert domain.contains(domain.distance(X)).all()
    assert not domain.contains(domain.distance(far))[0]
    assert np.isfinite(domain.widen(np.ones(1), domain.distance(far))).all()


def test_elements_are_read_from_chemical_systems():
    found = elements_of(np.array(["Ba-O-Ti", "O-Sr-Ti", "Mg-O"]))
    assert found["Ti"].tolist() == [True, True, False]
    assert found["O"].all()
    assert sorted(found) == ["Ba", "Mg", "O", "Sr", "Ti"]


def test_elements_unlike_all_others_are_found_out():
    """One element sits apart and follows another law: errors there are many times larger."""
    rng = np.random.default_rng(0)
    names = [f"E{i}" for i in range(15)]
    own = rng.normal(size=(15, 4))
    own[14] += 6.0
    pairs = [(i, j) for i in range(15) for j in range(i)]
    X = np.array([np.concatenate([own[i] + own[j], own[i] * own[j]]) for i, j in pairs])
    y = X[:, 0] + np.array([5.0 * (14 in pair) * rng.normal() for pair in pairs])
    groups = np.array(["-".join(sorted((names[i], names[j]))) for i, j in pairs])
    landmarks, rows = Landmarks.draw(learn_metric(X, y, rounds=0), X, seed=0)
    found = extrapolate(
        X,
        y,
        groups,
        half=np.full(len(y), 1.0),
        sizes=np.full(len(y), 1.0),
        landmarks=landmarks,
        landmark_rows=rows,
        settings=KernelSettings(rounds=0, noise=0.01),
        n_splits=5,
        seed=0,
    )
    # Every row once for each of its two elements.
    assert len(found.left_out.score) == 2 * len(y)
    far = found.left_out.distance > np.quantile(found.left_out.distance, 0.93)
    assert found.left_out.score[far].mean() > 3.0 * found.left_out.score[~far].mean()
    assert 0.85 <= found.narrowing.overall <= 1.0
