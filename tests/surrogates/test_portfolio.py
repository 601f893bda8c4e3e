from __future__ import annotations

from dataclasses import asdict

import numpy as np
import pytest

from matscreen.surrogates.kernel import KernelSettings, MaternKernelRidge
from matscreen.surrogates.portfolio import (
    disagreement,
    fit_members,
    member_names,
    member_votes,
    refit_members,
    tree_spread,
)

SETTINGS = KernelSettings()
NAMES = ("gradient_boosting", "kernel", "extra_trees")
WITH_KERNEL_FEATURE = 2000


@pytest.fixture(scope="module")
def rows():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 6))
    y = np.sin(2.0 * X[:, 0]) + X[:, 1] + 0.05 * rng.normal(size=120)
    return X, y, np.repeat([f"A{i}-O" for i in range(60)], 2)


@pytest.fixture(scope="module")
def informed(rows):
    return fit_members(NAMES, *rows, settings=SETTINGS, seed=0, n_labels=WITH_KERNEL_FEATURE)


def test_a_feature_that_one_fold_lacks_altogether_is_no_obstacle(rows):
    X, _, groups = rows
    X = X.copy()
    X[:, 1] = np.nan
    fitted = fit_members(member_names(120), X, X[:, 0], groups, settings=SETTINGS, seed=0)
    assert set(fitted) == set(NAMES)
    votes = member_votes(fitted, rows[0])
    assert np.isfinite([*votes.values(), disagreement(fitted, rows[0], votes)]).all()


def test_a_fold_gets_the_trees_of_the_whole(rows):
    def leaves(n_labels: int | None) -> int:
        only = ("gradient_boosting",)
        fitted = fit_members(only, *rows, settings=SETTINGS, seed=0, n_labels=n_labels)
        last = fitted["gradient_boosting"]
        return (last[-1] if hasattr(last, "steps") else last).max_leaf_nodes

    assert leaves(None) == leaves(120) == 8
    assert leaves(4000) == 64


@pytest.mark.parametrize(("n_labels", "more"), [(1999, 0), (2000, 1), (4999, 1), (5000, 0)])
def test_trees_are_told_what_the_kernel_says_between_2000_and_5000_labels(rows, n_labels, more):
    fitted = fit_members(NAMES, *rows, settings=SETTINGS, seed=0, n_labels=n_labels)
    for name in ("gradient_boosting", "extra_trees"):
        assert fitted[name].n_features_in_ == 6 + more


def test_what_trees_are_told_of_a_row_never_saw_its_system(rows):
    X, y, groups = rows
    changed = y.copy()
    changed[:2] += 1.0  # both rows of the first system
    kernel = MaternKernelRidge(**asdict(SETTINGS) | {"rounds": 0}, seed=0)
    before, after = kernel.fit_held_out(X, y, groups), kernel.fit_held_out(X, changed, groups)
    assert np.abs(after - before)[:2].max() < 0.05
    assert (kernel.predict(X[:2]) - before[:2]).min() > 0.5


def test_votes_are_those_of_the_members_on_what_they_were_given(rows, informed):
    X = rows[0][:7] + 0.1
    votes = member_votes(informed, X)
    given = np.column_stack([X, informed["kernel"].predict(X)])
    for name in ("gradient_boosting", "extra_trees"):
        np.testing.assert_array_equal(votes[name], informed[name].predict(given))
    variance = np.var(list(votes.values()), axis=0)
    variance += np.square(tree_spread(informed["extra_trees"], given))
    np.testing.assert_allclose(disagreement(informed, X, votes), np.sqrt(variance))
    assert member_votes({}, X) == {}
    assert disagreement({}, X, {}).tolist() == [0.0] * 7


@pytest.mark.parametrize("n_labels", [120, WITH_KERNEL_FEATURE])
def test_members_fitted_again_to_the_same_rows_are_the_same(rows, n_labels):
    fitted = fit_members(NAMES, *rows, settings=SETTINGS, seed=0, n_labels=n_labels)
    again = refit_members(fitted, NAMES, *rows)
    before, after = (member_votes(each, rows[0]) for each in (fitted, again))
    for name in NAMES:
        np.testing.assert_array_equal(before[name], after[name])


def test_only_what_is_wanted_is_fitted_again_and_what_tells_it(rows, informed):
    one = ["extra_trees"]
    alone = fit_members(NAMES, *rows, settings=SETTINGS, seed=0)
    assert set(refit_members(alone, one, *rows)) == {"extra_trees"}
    assert set(refit_members(informed, one, *rows)) == {"extra_trees", "kernel"}
