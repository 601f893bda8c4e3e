from __future__ import annotations

import numpy as np
import pytest

from matscreen.errors import InputError
from matscreen.surrogates.acquisition import (
    diverse_batch,
    expected_improvement,
    kth_best,
    overlap,
    per_second,
    settled,
)


def test_expected_improvement_is_that_of_normal_samples():
    rng = np.random.default_rng(0)
    mean, std, best = np.array([-16.0, -15.2, -14.0]), np.array([0.3, 1.0, 0.5]), -15.0
    samples = rng.normal(mean, std, size=(400_000, 3))
    assert expected_improvement(mean, std, best) == pytest.approx(
        np.maximum(best - samples, 0.0).mean(axis=0), rel=0.02, abs=2e-3
    )


def test_the_kth_best_is_the_highest_while_fewer_are_known():
    assert kth_best([3.0, 1.0, 2.0], 2) == 2.0
    assert kth_best([3.0, 1.0], 5) == 3.0
    with pytest.raises(InputError, match="k-th best"):
        kth_best([], 1)


def test_without_uncertainty_only_a_better_mean_improves():
    assert expected_improvement([-16.0, -14.0], [0.0, 0.0], -15.0).tolist() == [1.0, 0.0]
    assert expected_improvement([-14.0], [1e-9], -15.0)[0] == pytest.approx(0.0, abs=1e-12)


def test_the_cheap_and_the_feasible_come_first():
    assert per_second([1.0, 1.0, 1.0], [1.0, 0.5, 1.0], [10.0, 10.0, 40.0]).tolist() == [
        0.1,
        0.05,
        0.025,
    ]
    with pytest.raises(InputError, match="must be positive"):
        per_second([1.0], [1.0], [0.0])


def test_a_batch_avoids_the_same_formula_and_its_neighbours():
    features = np.array([[0.0], [0.01], [5.0], [5.0], [10.0]])
    scores = [1.0, 0.99, 0.8, 0.7, 0.0]
    picks = diverse_batch(scores, features, ["a", "b", "c", "c", "d"], 4, length=0.5)
    assert picks[:2] == [0, 2]
    assert 3 not in picks  # its formula was taken
    assert 4 not in picks  # it promises nothing


def test_the_best_few_settle_after_patient_rounds():
    assert overlap(["a", "b"], ["b", "c"]) == 0.5
    assert overlap([], []) == 0.0
    tops = [["a", "b"], ["b", "c"], ["c", "b"]]
    assert not settled(tops, patience=2)
    assert settled([*tops, ["b", "c"]], patience=2)


def test_polymorphs_of_one_name_count_once():
    assert overlap(["a", "a", "b"], ["a", "a"]) == 1.0
    assert overlap(["b"], ["a", "a", "b"]) == 0.5
