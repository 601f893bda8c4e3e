from __future__ import annotations

import numpy as np
import pytest

from matscreen.errors import InputError
from matscreen.surrogates.partial_dependence import partial_dependence
from matscreen.surrogates.prediction import Prediction

LABELS = ("slope", "flag", "rare", "empty", "loose")
LINEAR, LOG = "oxygen_vacancy_formation_energy", "oxygen_migration_barrier"


def rows(n: int = 400) -> np.ndarray:
    rng = np.random.default_rng(3)
    X = rng.uniform(-1.0, 1.0, size=(n, 5))
    X[:, 1] = rng.integers(0, 2, n)
    X[::2, 2] = np.nan
    X[:, 3] = np.nan
    return X


def predict(X: np.ndarray) -> Prediction:
    mean = 5.0 + 1.5 * X[:, 0] + X[:, 1] * X[:, 4]
    one = np.ones(len(X))
    return Prediction(mean, one, mean - 1.0, mean + 2.0, X[:, 0] < 0.5, one, one, one)


def dependence(columns, function=predict, name=LINEAR, **options):
    return partial_dependence(function, rows(), columns, labels=LABELS, property=name, **options)


def test_a_linear_effect_is_a_straight_line_of_its_slope():
    found = dependence(["slope"])
    grid = found.grid_values[0]
    np.testing.assert_allclose(np.diff(found.average) / np.diff(grid), 1.5)
    np.testing.assert_allclose(np.diff(found.individual, axis=1) / np.diff(grid), 1.5)
    np.testing.assert_allclose(found.average - found.lower, 1.0)
    np.testing.assert_allclose(found.upper - found.average, 2.0)
    np.testing.assert_array_equal(found.in_domain, (grid < 0.5).astype(float))


def test_the_grid_runs_between_the_percentiles_of_the_rows():
    (grid,) = dependence(["slope"], grid_resolution=7, percentiles=(0.1, 0.8)).grid_values
    ends = np.quantile(rows()[:, 0], [0.1, 0.8])
    np.testing.assert_allclose(grid, np.linspace(*ends, 7))


def test_a_column_of_few_values_keeps_them():
    np.testing.assert_array_equal(dependence(["flag"]).grid_values[0], [0.0, 1.0])


def test_an_interaction_shows_in_the_single_rows_and_hides_in_the_average():
    found = dependence(["flag"], max_rows=400)
    steps = np.diff(found.individual, axis=1)
    assert steps.std() > 0.5
    assert abs(float(np.diff(found.average)[0])) < 0.1


def test_a_pair_gives_a_plane():
    found = dependence(["slope", "flag"], grid_resolution=5, max_rows=30)
    assert found.average.shape == (5, 2)
    assert found.individual.shape == (30, 5, 2)
    np.testing.assert_allclose(np.diff(found.average[:, 0]) / np.diff(found.grid_values[0]), 1.5)


def test_averages_of_a_log_property_are_geometric():
    def decades(X: np.ndarray) -> Prediction:
        mean = np.where(X[:, 1] > 0, 2.0, 0.5)
        return Prediction(mean, mean, mean, mean, np.ones(len(X), bool), mean, mean, mean)

    found = dependence(["slope"], decades, LOG, max_rows=400)
    share = rows()[:, 1].mean()
    np.testing.assert_allclose(found.average, 2.0**share * 0.5 ** (1.0 - share))


def test_rows_without_the_column_have_no_say():
    found = dependence(["rare"], max_rows=1000)
    assert len(found.individual) == len(found.observed[0]) == 200


def test_it_is_the_same_every_time():
    first, again = (dependence(["slope"], max_rows=20).average for _ in range(2))
    np.testing.assert_array_equal(first, again)


@pytest.mark.parametrize(
    ("columns", "message"),
    [
        (["slop"], "did you mean slope"),
        (["nothing like it"], "card"),
        (["slope", "slope"], "two different ones"),
        ([], "one column"),
        (["empty"], "no training row has a value of empty"),
    ],
)
def test_a_wrong_column_says_what_to_do(columns, message):
    with pytest.raises(InputError, match=message):
        dependence(columns)
