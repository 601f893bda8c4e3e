from __future__ import annotations

import numpy as np
import pytest
from sklearn.base import clone

from matscreen.surrogates.kernel import (
    KernelSettings,
    MaternKernelRidge,
    choose_settings,
    members,
)
from matscreen.surrogates.metric import learn_metric, matern, metric_rows, squared_distances


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(300, 12))
    X[rng.uniform(size=X.shape) < 0.05] = np.nan
    filled = np.nan_to_num(X)
    y = np.sin(2.0 * filled[:, 0]) + 0.5 * filled[:, 1] + 0.05 * rng.normal(size=300)
    return X, y


def test_the_metric_finds_the_columns_that_matter(rows):
    X, y = rows
    metric = learn_metric(X, y)
    assert set(metric.leading(2).tolist()) == {0, 1}
    assert metric.reach[0] > 3.0 * metric.reach[5]


def test_a_column_that_does_not_vary_counts_for_nothing(rows):
    X, y = rows
    wide = np.column_stack([X, np.ones(len(X)), np.full(len(X), np.nan)])
    metric = learn_metric(wide, y)
    assert metric.weight[-2:].tolist() == [0.0, 0.0]
    np.testing.assert_array_equal(metric.embed(wide), learn_metric(X, y).embed(X))


def test_units_do_not_matter(rows):
    X, y = rows
    scaled = X * 10.0 ** np.arange(-6, 6)
    first, second = learn_metric(X, y).embed(X), learn_metric(scaled, 7.0 * y + 3.0).embed(scaled)
    np.testing.assert_allclose(first, second, atol=1e-4)


@pytest.mark.parametrize("smoothness", [1.5, 2.5])
def test_the_kernel_is_that_of_scikit_learn(smoothness):
    from sklearn.gaussian_process.kernels import Matern

    rng = np.random.default_rng(0)
    A, B = rng.normal(size=(600, 4)), rng.normal(size=(20, 4))
    found = matern(A.astype(np.float32), B.astype(np.float32), 1.3, smoothness)
    np.testing.assert_allclose(found, Matern(1.3, nu=smoothness)(A, B), atol=2e-6)


def test_ions_of_different_name_are_apart(rows):
    X, y = rows
    X = np.column_stack([np.tile([56.0, 38.0, 20.0], 100), X])
    metric = learn_metric(X, y, rounds=0)
    same, other = X[:1].copy(), X[:1].copy()
    other[0, 0] = 38.0
    named = metric.with_ions(X, (0,), 0.5)
    plain = squared_distances(metric.embed(same), metric.embed(other))[0, 0]
    apart = squared_distances(named.embed(same), named.embed(other))[0, 0]
    assert apart - plain == pytest.approx(0.5, rel=1e-4)


@pytest.mark.parametrize("n", [120, 300])
def test_residuals_in_closed_form_are_those_of_a_model_without_the_rows(rows, n):
    """With the metric and the scale of the labels held, which the closed form keeps."""
    X, y = rows[0][:n], rows[1][:n]
    model = MaternKernelRidge(rounds=0, noise=0.01)
    inverse = model.fit_inverse(X, y)
    block = np.array([17, 3, 44, 80])
    (found,) = model.held_out(inverse, [block])
    rest = np.setdiff1d(np.arange(n), block)
    K = matern(model.points_, model.points_, model.length).astype(float)
    t = (y - model.center_) / model.spread_
    alpha = np.linalg.solve(K[np.ix_(rest, rest)] + 0.01 * np.eye(len(rest)), t[rest])
    expected = (t[block] - K[np.ix_(block, rest)] @ alpha) * model.spread_
    # The kernel itself is single precision: its two triangles differ by a rounding.
    np.testing.assert_allclose(found, expected, atol=2e-5)


def test_large_systems_in_single_precision_agree_with_double():
    rng = np.random.default_rng(1)
    X = rng.normal(size=(2600, 5))
    y = X[:, 0] ** 2 + 0.1 * rng.normal(size=2600)
    model = MaternKernelRidge(noise=1e-3).fit(X, y)
    K = matern(model.points_, model.points_, model.length).astype(float)
    t = (y - model.center_) / model.spread_
    alpha = np.linalg.solve(K + 1e-3 * np.eye(len(t)), t)
    fresh = rng.normal(size=(200, 5))
    exact = matern(model.metric_.embed(fresh), model.points_, model.length) @ alpha
    found = model.predict(fresh)
    # A twentieth of the scatter of the labels.
    np.testing.assert_allclose(found, exact * model.spread_ + model.center_, rtol=0, atol=5e-3)


def test_duplicate_rows_are_no_obstacle(rows):
    X, y = np.vstack([rows[0]] * 2), np.concatenate([rows[1], rows[1] + 0.1])
    model = MaternKernelRidge(noise=1e-9).fit(X, y)
    assert np.isfinite(model.predict(X)).all()


def test_outliers_are_trusted_less_where_that_pays():
    rng = np.random.default_rng(2)
    X = rng.normal(size=(500, 6))
    truth = X[:, 0] + 0.5 * X[:, 1]
    y = truth.copy()
    broken = rng.choice(500, 40, replace=False)
    y[broken] += rng.choice([-8.0, 8.0], 40)
    groups = np.arange(500).astype(str)
    settings = choose_settings(X, y, groups, seed=0)
    assert settings.robust
    fresh = rng.normal(size=(300, 6))
    best = fresh[:, 0] + 0.5 * fresh[:, 1]

    def error(robust: bool) -> float:
        model = MaternKernelRidge(noise=settings.noise, robust=robust).fit(X, y)
        return float(np.abs(model.predict(fresh) - best).mean())

    assert error(True) < 0.8 * error(False)


def test_settings_are_deterministic_and_a_clone_fits_the_same(rows):
    X, y = rows
    groups = np.repeat(np.arange(100), 3).astype(str)
    settings = choose_settings(X, y, groups, seed=0)
    assert settings == choose_settings(X, y, groups, seed=0)
    assert isinstance(settings, KernelSettings)
    model = MaternKernelRidge(noise=settings.noise).fit(X, y)
    np.testing.assert_array_equal(model.predict(X), clone(model).fit(X, y).predict(X))


def test_the_metric_of_a_fold_is_learned_as_that_of_the_whole(rows):
    X, y = rows
    assert (metric_rows(4999), metric_rows(5000)) == (4999, 2000)
    few = MaternKernelRidge(metric_rows=100).fit(X, y).metric_
    np.testing.assert_array_equal(few.reach, learn_metric(X, y, rows=100).reach)
    assert (few.reach != MaternKernelRidge().fit(X, y).metric_.reach).any()
    assert choose_settings(X, y, np.arange(300).astype(str), seed=0).metric_rows == 300


def test_members_lists_every_row_once():
    groups = np.array(["b", "a", "b", "c"])
    assert [part.tolist() for part in members(groups)] == [[1], [0, 2], [3]]


def test_a_prediction_does_not_depend_on_the_rows_it_comes_with(rows):
    X, y = rows
    model = MaternKernelRidge(apart=0.01, ion_columns=(0,)).fit(X, y)
    together = model.predict(np.vstack([X] * 3))
    np.testing.assert_array_equal(together[:300], together[300:600])
    for part in (slice(0, 1), slice(7, 50), slice(None, None, -1)):
        np.testing.assert_array_equal(model.predict(X[part]), together[:300][part])
