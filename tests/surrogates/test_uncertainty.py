from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from hypothesis.extra.numpy import arrays

from matscreen.surrogates.uncertainty import (
    LEVELS,
    Calibration,
    Rows,
    Scale,
    calibrate,
    conformal_quantile,
    constant_half_width,
    fit_label_error,
    fit_parts,
    fit_scale,
    out_of_fold_half_widths,
    winkler_score,
)


@given(
    arrays(np.float64, st.integers(9, 300), elements=st.floats(0, 1e3)),
    st.sampled_from([0.5, 0.8, 0.9]),
)
def test_without_groups_the_quantile_is_the_textbook_one(scores, level):
    rank = math.ceil((len(scores) + 1) * level - 1e-9)
    expected = np.sort(scores)[rank - 1]
    assert conformal_quantile(scores, np.arange(len(scores)), level=level) == expected


def test_the_quantile_equals_that_of_mapie():
    from mapie.regression import SplitConformalRegressor
    from sklearn.dummy import DummyRegressor

    rng = np.random.default_rng(0)
    y = rng.normal(size=137)
    X = np.zeros((137, 1))
    zero = DummyRegressor(strategy="constant", constant=0.0).fit(X, y)
    theirs = SplitConformalRegressor(zero, confidence_level=0.9).conformalize(X, y)
    upper = theirs.predict_interval(X[:1])[1][0, 1, 0]
    assert conformal_quantile(np.abs(y), np.arange(137)) == pytest.approx(upper, rel=1e-12)


def test_too_few_groups_give_an_infinite_quantile():
    assert math.isinf(conformal_quantile(np.ones(40), np.repeat(np.arange(8), 5)))
    assert conformal_quantile(np.ones(45), np.repeat(np.arange(9), 5)) == 1.0


def test_a_group_counts_once_however_many_rows_it_has():
    scores = np.arange(1.0, 31.0)
    groups = np.arange(30)
    alone = conformal_quantile(scores, groups)
    crowded = conformal_quantile(
        np.concatenate([scores, np.full(1000, 1.0)]), np.concatenate([groups, np.zeros(1000)])
    )
    assert crowded == alone
    by_rows = conformal_quantile(np.concatenate([scores, np.full(1000, 1.0)]), np.arange(1030))
    assert by_rows < alone


def test_a_new_group_is_covered_as_promised():
    rng = np.random.default_rng(3)
    hits = []
    for _ in range(600):
        sizes = rng.choice([1, 12], size=26)
        # Small groups have the large errors, so counting rows would promise too much.
        score = [np.abs(rng.normal(size=m)) * (3.0 if m == 1 else 1.0) for m in sizes]
        groups = np.repeat(np.arange(25), sizes[:25])
        quantile = conformal_quantile(np.concatenate(score[:25]), groups)
        hits.append(np.mean(score[25] <= quantile))
    assert np.mean(hits) > 0.9 - 3 * np.std(hits) / np.sqrt(len(hits))


def test_rows_are_covered_as_promised_where_crowded_groups_are_the_harder_ones():
    rng = np.random.default_rng(4)
    sizes = rng.choice([1, 6], size=4000)
    score = np.abs(rng.normal(size=sizes.sum())) * np.repeat(np.where(sizes == 6, 2.0, 1.0), sizes)
    groups = np.repeat(np.arange(4000), sizes)
    known = groups < 2000
    quantile = conformal_quantile(score[known], groups[known])
    assert np.mean(score[~known] <= quantile) == pytest.approx(0.9, abs=0.012)


def test_an_interval_does_not_see_the_residuals_of_its_own_fold():
    rng = np.random.default_rng(0)
    residual = np.abs(rng.normal(size=60))
    groups = np.arange(60).astype(str)
    folds = [(np.arange(30), np.arange(30, 60)), (np.arange(30, 60), np.arange(30))]
    before = out_of_fold_half_widths(residual, np.ones(60), groups, folds)
    residual[:30] *= 100.0
    after = out_of_fold_half_widths(residual, np.ones(60), groups, folds)
    np.testing.assert_array_equal(before[:30], after[:30])
    assert (after[30:] > 10.0 * before[30:]).all()


def test_constant_half_width_has_a_value_where_the_conformal_one_has_none():
    values = np.array([1.0, 2.0, 3.0, 4.0, 2.5, 1.5, 3.5, 2.0])
    groups = np.repeat(["a", "b", "c", "d"], 2)
    residual = np.abs(values - np.median(values))
    half = constant_half_width(values, residual, groups)
    # t(0.95, 3) = 2.3534
    assert half == pytest.approx(2.3534 * np.std(values, ddof=1) * np.sqrt(1.25), rel=1e-4)
    assert half >= residual.max()


def test_winkler_score_by_hand():
    y, lower, upper = np.array([0.0, 2.0]), np.array([-1.0, 0.0]), np.array([1.0, 1.0])
    # Widths 2 and 1; the second label is missed by 1: 20 * 1 more.
    assert winkler_score(y, lower, upper) == pytest.approx((2.0 + 1.0 + 20.0) / 2.0)


def test_residual_scale_follows_the_size_of_the_error_and_stays_positive():
    rng = np.random.default_rng(0)
    X = rng.uniform(size=(400, 3))
    size = np.where(X[:, 0] > 0.5, 1.0, 0.0) * np.abs(rng.normal(size=400))
    rows = Rows(X, np.zeros(400), np.zeros(400), np.zeros(400))
    sizes = fit_scale("residual", rows, size, columns=np.arange(3), seed=0).sizes(rows)
    assert (sizes > 0).all()
    assert sizes[X[:, 0] > 0.6].mean() > 2.5 * sizes[X[:, 0] < 0.4].mean()


def test_the_label_error_finds_floor_and_slope():
    values = np.linspace(-3.0, 10.0, 50)
    std = np.hypot(0.2, 0.3 * values)
    std[::7] = 0.0
    found = fit_label_error(values, std)
    assert (found.floor, found.slope) == (pytest.approx(0.2), pytest.approx(0.3))
    assert found.half_widths(np.array([0.0]))[0] == pytest.approx(1.645 * 0.2)
    assert fit_label_error(values, np.zeros(50)).half_widths(values).max() == 0.0


def test_constant_scale_needs_nothing():
    rows = Rows(np.zeros((3, 1)), np.zeros(3), np.zeros(3), np.zeros(3))
    assert Scale("constant").sizes(rows).tolist() == [1, 1, 1]


def test_calibration_mends_a_scale_that_is_wrong_at_both_ends():
    rng = np.random.default_rng(0)
    sizes = np.exp(rng.uniform(-2.0, 2.0, size=4000))
    # The true error grows with the square root of the size only.
    residual = np.abs(rng.normal(size=4000)) * np.sqrt(sizes)
    found = calibrate(residual[:2000], sizes[:2000], np.arange(2000))
    assert len(found.centers) == 8
    fresh, width = residual[2000:], found.half_widths(sizes[2000:])
    for part in np.array_split(np.argsort(sizes[2000:]), 4):
        assert 0.85 < np.mean(fresh[part] <= width[part]) < 0.95
    one = conformal_quantile(residual[:2000] / sizes[:2000], np.arange(2000)) * sizes[2000:]
    hardest = np.argsort(sizes[2000:])[-500:]
    assert np.mean(fresh[hardest] <= one[hardest]) > 0.97


@pytest.mark.parametrize("level", [0.05, 0.5, 0.63, 0.9, 0.95])
def test_intervals_of_every_level_hold_what_they_promise(level):
    rng = np.random.default_rng(1)
    residual = np.abs(rng.standard_t(4, size=6000))
    found = calibrate(residual[:3000], np.ones(3000), np.arange(3000))
    covered = np.mean(residual[3000:] <= found.half_widths(np.ones(3000), level=level))
    assert covered == pytest.approx(level, abs=4 * np.sqrt(level * (1 - level) / 1500))


def test_half_widths_grow_with_the_level_and_scale():
    found = Calibration.of_constant(2.0)
    widths = [found.half_widths(np.ones(1), level=float(level))[0] for level in LEVELS]
    assert (np.diff(widths) > 0).all()
    assert found.half_widths(np.ones(1))[0] == pytest.approx(2.0)
    assert found.scaled(np.array([0.5])).half_widths(np.ones(1))[0] == pytest.approx(1.0)


def test_the_variance_splits_into_what_disagreement_explains_and_the_rest():
    rng = np.random.default_rng(0)
    spread = rng.uniform(0.1, 1.0, size=5000)
    residual = np.abs(rng.normal(size=5000)) * np.sqrt(0.25 + 4.0 * spread**2)
    found = fit_parts(residual, spread)
    assert found.aleatoric == pytest.approx(0.25, rel=0.3)
    assert found.epistemic == pytest.approx(4.0, rel=0.2)
    share = found.epistemic_share(np.array([0.0, 10.0]))
    assert share[0] == 0.0
    assert share[1] > 0.99
