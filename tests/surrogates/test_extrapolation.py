from __future__ import annotations

import numpy as np
import pytest

from matscreen.surrogates.domain import Landmarks
from matscreen.surrogates.extrapolation import Narrowing, extrapolate
from matscreen.surrogates.kernel import KernelSettings
from matscreen.surrogates.metric import learn_metric


@pytest.fixture(scope="module")
def narrowing():
    """Half of the rows are smooth, and more labels help them; the others are noise."""
    rng = np.random.default_rng(0)
    X = rng.uniform(-1.0, 1.0, size=(900, 2))
    hard = X[:, 1] > 0.0
    y = np.sin(6.0 * X[:, 0]) + np.where(hard, rng.normal(size=900), 0.0)
    X[:, 1] = np.where(hard, 30.0, -30.0) + 0.1 * X[:, 1]
    landmarks, rows = Landmarks.draw(learn_metric(X, y, rounds=0), X, seed=0)
    return extrapolate(
        X,
        y,
        np.arange(900).astype(str),
        half=np.ones(900),
        sizes=np.where(hard, 1.0, 0.05),
        landmarks=landmarks,
        landmark_rows=rows,
        settings=KernelSettings(rounds=0, noise=1e-3),
        n_splits=3,
        seed=0,
    ).narrowing


def test_easy_rows_gain_more_from_more_labels_than_hard_ones(narrowing):
    easy, hard = narrowing.at(np.log([0.05, 1.0]))
    assert easy < hard - 0.02
    assert narrowing.slope > 0.0
    assert easy <= narrowing.overall <= hard


def test_the_ratio_stays_within_its_limits():
    line = Narrowing(overall=0.93, slope=0.05, middle=-2.0)
    assert line.at(np.array([-2.0])).tolist() == [0.93]
    assert line.at(np.array([-9.0, 9.0])).tolist() == [0.85, 1.0]
    assert Narrowing().at(np.array([3.0])).tolist() == [1.0]
