from __future__ import annotations

import json

import numpy as np
import pytest
from scipy.stats import binom, spearmanr

from matscreen.errors import InputError
from matscreen.properties import get_property
from matscreen.surrogates import data_hash, train
from matscreen.surrogates.fitting import grouped_folds

from .conftest import LABELS, PROPERTY, make_data


def test_intervals_cover_nine_in_ten_labels_of_new_systems(surrogate):
    fresh = make_data(1000, seed=9, prefix="new")
    found = surrogate.predict(fresh.X)
    hits = int(np.sum((found.lower <= fresh.y) & (fresh.y <= found.upper)))
    # The quantile itself was estimated from 200 groups: allow for both samples.
    slack = 3 * np.sqrt(0.09 / 200)
    assert hits >= binom.ppf(0.001, 1000, 0.9 - slack)
    assert hits <= binom.ppf(0.999, 1000, 0.9 + slack)


def test_intervals_are_wide_where_labels_are_noisy(surrogate):
    fresh = make_data(1000, seed=9, prefix="new")
    found = surrogate.predict(fresh.X)
    assert spearmanr(found.upper - found.lower, fresh.sigma).statistic > 0.6
    quiet, loud = fresh.X[:, 0] < -0.5, fresh.X[:, 0] > 0.5
    for rows in (quiet, loud):
        covered = (found.lower <= fresh.y) & (fresh.y <= found.upper)
        assert 0.80 < covered[rows].mean() <= 1.0
    # The error of the model itself adds to both, so the ratio stays below that of the noise.
    assert found.std[loud].mean() > 1.6 * found.std[quiet].mean()


def test_the_mean_beats_the_constant_model_and_std_fits_the_interval(surrogate):
    fresh = make_data(500, seed=9, prefix="new")
    found = surrogate.predict(fresh.X)
    assert np.mean(np.abs(found.mean - fresh.y)) < 0.5 * np.mean(np.abs(fresh.y - 4.0))
    np.testing.assert_allclose(found.std, (found.upper - found.lower) / 3.29, rtol=1e-12)
    assert (found.lower <= found.mean).all()
    assert (found.mean <= found.upper).all()


def test_folds_keep_groups_together_and_are_shuffled():
    groups = np.array([f"{i:03d}" for i in range(100) for _ in range(3)])
    folds = grouped_folds(groups, seed=0)
    assert sorted(np.concatenate([held for _, held in folds]).tolist()) == list(range(300))
    for rows, held in folds:
        assert not set(groups[rows]) & set(groups[held])
        # A block of a sorted table would span a fifth of it.
        assert np.ptp(held) > 200
    again = grouped_folds(groups, seed=0)
    other = grouped_folds(groups, seed=1)
    assert all((a[1] == b[1]).all() for a, b in zip(folds, again, strict=True))
    assert not all(
        len(a[1]) == len(b[1]) and (a[1] == b[1]).all() for a, b in zip(folds, other, strict=True)
    )


def test_what_is_shared_within_a_system_does_not_leak():
    """Labels are pure luck of the system, features name the system: nothing can be learned."""
    rng = np.random.default_rng(0)
    system = np.repeat(np.arange(40), 4)
    X = rng.normal(size=(40, 5))[system] + 0.001 * rng.normal(size=(160, 5))
    y = rng.normal(size=40)[system]
    names = [str(s) for s in system]

    def r2(groups):
        options = {"property": PROPERTY, "labels": LABELS[:5]}
        return train(X, y, groups=groups, **options).card["metrics"]["r2"]

    assert r2(names) < 0.2
    assert r2([str(i) for i in range(160)]) > 0.8


def test_far_points_are_flagged_and_get_wide_intervals(surrogate, data):
    near = surrogate.predict(data.X[:50])
    far = surrogate.predict(data.X[:50] + 30.0)
    assert near.in_domain.mean() > 0.8
    assert not far.in_domain.any()
    width = surrogate.card["out_of_fold"]
    typical = np.mean(np.array(width["upper"]) - np.array(width["lower"]))
    assert (far.upper - far.lower > 1.5 * typical).all()
    assert np.isfinite(far.mean).all()


def test_missing_features_are_legal_but_not_all_of_them(surrogate, data):
    X = data.X[:20].copy()
    X[::2, 3] = np.nan
    X[5, 1] = np.inf
    X[7] = np.nan
    found = surrogate.predict(X)
    known = np.arange(20) != 7
    assert np.isfinite(found.mean[known]).all()
    assert np.isnan([found.mean[7], found.std[7], found.lower[7], found.upper[7]]).all()
    assert not found.in_domain[7]
    assert len(surrogate.predict(np.zeros((0, len(LABELS)))).mean) == 0


def test_training_copes_with_missing_and_empty_columns():
    rows = make_data(60, seed=4)
    X = np.column_stack([rows.X, np.full(60, np.nan), np.full(60, 7.0)])
    X[::3, 1] = np.nan
    X[:, 0] = np.where(np.arange(60) < 50, np.nan, X[:, 0])
    labels = (*LABELS, "empty", "flat")
    model = train(X, rows.y, groups=rows.groups, property=PROPERTY, labels=labels)
    assert model.card["n_used_features"] == len(LABELS)
    assert np.isfinite(model.predict(X).mean).all()


def test_a_log_property_is_modelled_in_decades_and_stays_positive():
    rng = np.random.default_rng(0)
    X = rng.uniform(-1, 1, size=(120, 4))
    y = 10.0 ** (1.5 + 1.2 * X[:, 0] + 0.1 * rng.normal(size=120))
    name = "relative_permittivity"
    y = np.clip(y, 1.0, 1e5)
    model = train(X, y, groups=[str(i) for i in range(120)], property=name, labels=LABELS[:4])
    found = model.predict(X)
    assert model.card["transform"] == "log10"
    assert (found.lower >= get_property(name).lower).all()
    # Equal steps up and down in decades, where no bound cuts.
    free = found.lower > 1.0
    up, down = found.upper[free] / found.mean[free], found.mean[free] / found.lower[free]
    np.testing.assert_allclose(up, down, rtol=1e-9)
    assert model.card["metrics"]["spearman"] > 0.9


def test_predictions_stay_within_the_physical_bounds():
    rng = np.random.default_rng(0)
    X = rng.normal(size=(120, 4))
    y = np.maximum(0.0, 0.05 * X[:, 0])
    model = train(
        X, y, groups=[str(i) for i in range(120)], property="energy_above_hull", labels=LABELS[:4]
    )
    found = model.predict(X * 3.0)
    assert found.lower.min() >= 0.0
    assert found.mean.min() >= 0.0
    assert min(model.card["out_of_fold"]["lower"]) >= 0.0


def test_wrong_shapes_are_refused(small):
    rows = make_data(20, seed=0)
    with pytest.raises(InputError, match="feature names"):
        train(rows.X, rows.y, groups=rows.groups, property=PROPERTY, labels=("a",))
    with pytest.raises(InputError, match="19 of groups"):
        train(rows.X, rows.y, groups=rows.groups[1:], property=PROPERTY, labels=LABELS)
    with pytest.raises(InputError, match="unknown property"):
        train(rows.X, rows.y, groups=rows.groups, property="colour", labels=LABELS)
    with pytest.raises(InputError, match="8 features, got 3"):
        small.predict(np.zeros((2, 3)))


def test_training_is_deterministic_and_ignores_float32_storage(small):
    rows = make_data(60, seed=2)
    stored = rows.X.astype(np.float32)
    again = train(
        stored,
        rows.y,
        groups=rows.groups,
        property=PROPERTY,
        labels=LABELS,
        descriptor_set="standard",
        descriptor_version="3",
    )
    fresh = make_data(30, seed=8)
    first, second = small.predict(fresh.X), again.predict(fresh.X.astype(np.float32))
    for name in ("mean", "std", "lower", "upper", "in_domain"):
        np.testing.assert_array_equal(getattr(first, name), getattr(second, name))
    timeless = [
        {
            key: value
            for key, value in model.card.items()
            if "seconds" not in key and key != "joules"
        }
        for model in (small, again)
    ]
    assert timeless[0] == timeless[1]


def test_the_order_of_prediction_rows_does_not_matter(small):
    fresh = make_data(30, seed=8)
    forward, backward = small.predict(fresh.X), small.predict(fresh.X[::-1])
    np.testing.assert_allclose(forward.mean, backward.mean[::-1], rtol=1e-12)


def test_a_prediction_is_never_held_better_than_a_label(small):
    rows = make_data(60, seed=2)
    options = {"groups": rows.groups, "property": PROPERTY, "labels": LABELS}
    noise = np.full(60, 0.8)
    known = train(rows.X, rows.y, noise=noise, **options)
    before, after = small.predict(rows.X), known.predict(rows.X)
    np.testing.assert_array_equal(before.mean, after.mean)
    np.testing.assert_allclose(after.std, np.hypot(before.std, 0.8), rtol=1e-6)
    assert known.card["metrics"] == small.card["metrics"]
    assert known.card["interval"]["label_error"]["floor"] == pytest.approx(0.8)


def test_unknown_noise_is_no_noise(small):
    rows = make_data(60, seed=2)
    options = {"groups": rows.groups, "property": PROPERTY, "labels": LABELS}
    unknown = train(rows.X, rows.y, noise=np.full(60, np.nan), **options)
    np.testing.assert_array_equal(unknown.predict(rows.X).upper, small.predict(rows.X).upper)


def test_the_card_tells_everything_and_is_json(surrogate, data):
    card = json.loads(json.dumps(surrogate.card, allow_nan=False))
    assert card["property"] == PROPERTY
    assert card["unit"] == "eV"
    assert (card["n_labels"], card["n_groups"]) == (400, 200)
    table = card["out_of_fold"]
    assert table["y"] == data.y.tolist()
    assert {len(column) for column in table.values()} == {400}
    y, lower, upper = (np.array(table[name]) for name in ("y", "lower", "upper"))
    metrics = card["metrics"]
    assert metrics["coverage_90"] == pytest.approx(np.mean((lower <= y) & (y <= upper)))
    assert metrics["mae"] == pytest.approx(np.mean(np.abs(np.array(table["mean"]) - y)))
    assert metrics["mae"] < metrics["null_mae"]
    assert 0.86 < metrics["coverage_90"] < 0.94
    assert card["descriptor_version"] == "3"
    assert card["versions"]["scikit-learn"]


def test_the_data_hash_is_known_before_training_and_sees_every_input(small):
    rows = make_data(60, seed=2)
    options = {
        "groups": rows.groups,
        "property": PROPERTY,
        "labels": LABELS,
        "descriptor_version": "3",
    }
    digest = data_hash(rows.X, rows.y, **options)
    assert digest == small.card["data_hash"]
    assert small.card["model_id"] == f"{PROPERTY}-{digest[:12]}"
    y = rows.y.copy()
    y[0] += 1e-9
    others = {
        data_hash(rows.X, y, **options),
        data_hash(rows.X + 1e-3, rows.y, **options),
        data_hash(rows.X, rows.y, **{**options, "descriptor_version": "4"}),
        data_hash(rows.X, rows.y, seed=1, **options),
        data_hash(rows.X, rows.y, noise=np.ones(60), **options),
    }
    assert len(others | {digest}) == 6


def test_intervals_of_other_levels_and_the_parts_of_the_deviation(surrogate):
    fresh = make_data(1000, seed=9, prefix="new")
    half, wide = surrogate.predict(fresh.X, level=0.5), surrogate.predict(fresh.X)
    assert 0.42 < np.mean((half.lower <= fresh.y) & (fresh.y <= half.upper)) < 0.60
    assert (half.upper - half.lower < wide.upper - wide.lower).all()
    parts = np.hypot(wide.std_epistemic, wide.std_aleatoric)
    np.testing.assert_allclose(parts, wide.std, rtol=1e-9)
    with pytest.raises(InputError, match=r"0\.05 to 0\.95, got 0\.99"):
        surrogate.predict(fresh.X, level=0.99)


def test_a_value_that_no_label_has_is_outside_the_domain():
    rows = make_data(60, seed=2)
    X = rows.X.copy()
    X[:, 7] = 8.0  # every labelled material is an oxide
    model = train(X, rows.y, groups=rows.groups, property=PROPERTY, labels=LABELS)
    usual = X[:5].copy()
    sulphide, unknown = usual.copy(), usual.copy()
    sulphide[:, 7], unknown[:, 7] = 16.0, np.nan
    assert model.predict(usual).in_domain.any()
    assert not model.predict(sulphide).in_domain.any()
    np.testing.assert_array_equal(model.predict(unknown).in_domain, model.predict(usual).in_domain)
    wider = model.predict(sulphide).std > 1.5 * model.predict(usual).std
    assert wider.all()


def test_the_card_tells_of_left_out_elements_and_more_labels(surrogate):
    found = surrogate.card["extrapolation"]
    assert found["held_out_elements"]["n"] > 300
    assert 0.8 < found["held_out_elements"]["covered"] <= 1.0
    assert 0.85 <= found["error_of_all_rows_over_out_of_fold"] <= 1.0
    assert 0.5 <= found["error_after_doubling_labels"] <= 1.0
    assert surrogate.card["metrics"]["miscalibration_area"] < 0.05
    assert surrogate.card["joules"] > 0


def test_an_element_that_no_label_has_is_outside_the_domain():
    rng = np.random.default_rng(0)
    A, B = rng.choice([38, 56, 20], 90), rng.choice([22, 40, 50], 90)
    X = np.column_stack([A, B, A / B, rng.normal(size=90)]).astype(float)
    labels = ("site_a_number", "site_b_number", "ratio", "other")
    y = 4.0 + 0.02 * A + 0.01 * B
    groups = [f"{a}-{b}-{i}" for i, (a, b) in enumerate(zip(A, B, strict=True))]
    model = train(X, y, groups=groups, property=PROPERTY, labels=labels)
    known, new, swapped = X[:20].copy(), X[:20].copy(), X[:20].copy()
    new[:, 0] = 47.0
    swapped[:, 0] = 40.0  # known, though on the other site: distance alone decides
    assert model.predict(known).in_domain.mean() > 0.8
    assert not model.predict(new).in_domain.any()
    assert (model.predict(new).distance >= 2.0).all()
    assert (model.predict(swapped).distance < 1e3).all()
    mixed = known.copy()
    mixed[:, 0] = 0.5 * (38 + 56) + 0.25  # a mean of two ions is no name
    assert model.predict(mixed).distance.min() < 2.0


def test_the_heaviest_element_counts_even_where_it_shares_its_site():
    rng = np.random.default_rng(0)
    heaviest = rng.choice([56.0, 57.0, 38.0], 60)
    X = np.column_stack([rng.uniform(20.3, 20.7, 60), heaviest, rng.normal(size=60)])
    labels = ("site_a_number", "magpie_maximum_number", "other")
    groups = [str(i) for i in range(60)]
    model = train(X, 0.05 * heaviest + X[:, 2], groups=groups, property=PROPERTY, labels=labels)
    new = X[:20].copy()
    new[:, 1] = 55.0
    assert not model.predict(new).in_domain.any()
    assert model.predict(X[:20]).in_domain.mean() > 0.8
