from __future__ import annotations

import numpy as np
import pytest

from matscreen.descriptors import DESCRIPTOR_SETS
from matscreen.errors import InputError
from matscreen.surrogates.importance import permutation_importance
from matscreen.surrogates.meaning import GROUPS, OTHER, group_columns, group_of


@pytest.mark.parametrize("name", sorted(DESCRIPTOR_SETS))
def test_every_shipped_column_has_a_meaning(name):
    labels = DESCRIPTOR_SETS[name].labels
    groups = group_columns(labels)
    assert OTHER not in groups
    assert sorted(at for positions in groups.values() for at in positions) == list(
        range(len(labels))
    )


def test_the_groups_are_few_and_all_of_them_are_used():
    used = set(group_columns(DESCRIPTOR_SETS["full"].labels))
    assert used == set(GROUPS) - {OTHER}
    assert 12 <= len(used) <= 20


@pytest.mark.parametrize(
    ("column", "group"),
    [
        ("magpie_avg_dev_electronegativity", "electronegativity and bonding"),
        ("site_electronegativity_difference_ax", "electronegativity and bonding"),
        ("site_ratio_a_b", "ionic size and tolerance"),
        ("site_b_d_electrons", "B-site ion"),
        ("magpie_mean_nd_unfilled", "d and f electrons, magnetism"),
        ("magpie_mean_np_unfilled", "s and p electrons, valence"),
        ("bond_valence_vector_a", "off-centring and polarization"),
        ("bond_valence_sum_a", "bond lengths and strain"),
        ("tilt_angle_mean", "octahedral tilts"),
        ("rdf_9.5_10.0", "neighbour shells"),
        ("site_potential_difference", "electrostatics"),
    ],
)
def test_columns_go_where_their_meaning_is(column, group):
    assert group_of(column) == group


@pytest.mark.parametrize(
    "column", ["MagpieData mean Number", "my_density", "density_of_states", ""]
)
def test_columns_of_a_stranger_are_other(column):
    assert group_of(column) == OTHER


def rows(n: int = 150, *, seed: int = 1) -> tuple[np.ndarray, np.ndarray]:
    X = np.random.default_rng(seed).normal(size=(n, 6))
    return X, 3.0 * X[:, 0] - X[:, 1]


def exact(X: np.ndarray) -> np.ndarray:
    return 3.0 * X[:, 0] - X[:, 1]


def test_only_the_columns_that_the_model_uses_matter():
    X, y = rows()
    found = permutation_importance(exact, X, y, {"signal": (0, 1), "noise": (2, 3), "more": (4, 5)})
    assert found.names == ("signal", "noise", "more")
    assert found.baseline == 0.0
    np.testing.assert_array_equal(found.importances[1:], 0.0)
    # The difference of two independent Gaussians of variance 10 has a mean size of 3.57.
    expected = 2.0 * np.sqrt(10.0 / np.pi)
    assert found.importances_mean[0] == pytest.approx(expected, rel=0.15)
    assert 0.0 < found.standard_errors[0] < 0.4


def test_columns_of_a_group_move_together():
    X, _ = rows()
    X[:, 1] = X[:, 0]

    def difference(some: np.ndarray) -> np.ndarray:
        return some[:, 0] - some[:, 1]

    y = np.zeros(len(X))
    together = permutation_importance(difference, X, y, {"both": (0, 1)})
    alone = permutation_importance(difference, X, y, {"one": (0,), "two": (1,)})
    assert together.importances_mean[0] == 0.0
    assert (alone.importances_mean > 0.5).all()


def test_the_same_seed_gives_the_same_and_another_one_another():
    X, y = rows()
    first, again, other = (
        permutation_importance(exact, X, y, {"signal": (0,)}, random_state=seed).importances
        for seed in (0, 0, 1)
    )
    np.testing.assert_array_equal(first, again)
    assert (first != other).any()


def test_batches_do_not_change_the_result(monkeypatch):
    X, y = rows()
    groups = {f"c{i}": (i,) for i in range(6)}
    whole = permutation_importance(exact, X, y, groups)
    monkeypatch.setattr("matscreen.surrogates.importance._BATCH_ROWS", 1)
    parts = permutation_importance(exact, X, y, groups)
    np.testing.assert_array_equal(whole.importances, parts.importances)


def test_the_features_are_left_as_they_were():
    X, y = rows()
    before = X.copy()
    permutation_importance(exact, X, y, {"signal": (0, 1)})
    np.testing.assert_array_equal(X, before)


def test_too_little_is_refused():
    X, y = rows()
    with pytest.raises(InputError, match="150 rows and 149 labels"):
        permutation_importance(exact, X, y[:-1], {"a": (0,)})
    with pytest.raises(InputError, match="two rows"):
        permutation_importance(exact, X[:1], y[:1], {"a": (0,)})
    with pytest.raises(InputError, match="two repeats, got 1"):
        permutation_importance(exact, X, y, {"a": (0,)}, n_repeats=1)
