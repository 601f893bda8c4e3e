"""Classifiers of made-up labels whose true probabilities are known."""

from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest
from scipy.special import softmax
from scipy.stats import binom

from matscreen.errors import InputError, ModelError
from matscreen.surrogates import load
from matscreen.surrogates.class_calibration import (
    ISOTONIC,
    PLATT,
    calibrator_of,
    calibrator_parts,
    fit_calibrator,
    log_loss,
    power_of_all_labels,
    prediction_sets,
    set_quantiles,
    set_scores,
)
from matscreen.surrogates.class_card import calibration_error, class_metrics
from matscreen.surrogates.class_files import load_classifier, save_classifier
from matscreen.surrogates.class_fitting import stratified_folds
from matscreen.surrogates.classification import class_hash, train_classifier

NAMES = np.array(["insulator", "metal", "switching"])
LABELS = tuple(f"f{i}" for i in range(6))


def make(n, seed, *, sharp=2.5):
    """Three classes by a noisy linear rule; two rows a chemical system."""
    rng = np.random.default_rng(seed)
    X = rng.normal(size=(n, len(LABELS)))
    p = softmax(sharp * np.stack([X[:, 0], X[:, 1], X[:, 2] - 0.7], axis=1), axis=1)
    drawn = (rng.uniform(size=(n, 1)) > np.cumsum(p, axis=1)).sum(axis=1)
    return X, NAMES[drawn], [f"g{seed}-{i // 2}" for i in range(n)], p


@pytest.fixture(scope="module")
def rows():
    return make(300, 1)


@pytest.fixture(scope="module")
def model(rows):
    X, y, groups, _ = rows
    return train_classifier(
        X, y, groups=groups, label="electronic_class", labels=LABELS,
        ids=[f"s{i}" for i in range(len(y))], descriptor_set="fast", descriptor_version="3",
    )  # fmt: skip


@pytest.fixture(scope="module")
def fresh():
    return make(1500, 2)


def test_it_tells_the_classes_of_new_systems_apart(model, fresh):
    X, y, _, truth = fresh
    found = model.predict(X)
    best = np.mean(NAMES[truth.argmax(axis=1)] == y)
    assert np.mean(found.predicted == y) > 0.85 * best
    classes = np.searchsorted(NAMES, y)
    assert log_loss(found.probabilities, classes) < 0.75 * model.card["metrics"]["null_log_loss"]
    np.testing.assert_allclose(found.probabilities.sum(axis=1), 1.0)
    assert found.classes == tuple(NAMES)
    np.testing.assert_array_equal(found.probability("metal"), found.probabilities[:, 1])
    with pytest.raises(InputError, match="no class 'glass'"):
        found.probability("glass")


def test_probabilities_mean_what_they_say(model, fresh):
    X, y, _, _ = fresh
    found = model.predict(X)
    assert calibration_error(found.probabilities, np.searchsorted(NAMES, y)) < 0.08


@pytest.mark.parametrize("level", [0.9, 0.7])
def test_sets_hold_the_class_as_often_as_promised(model, fresh, level):
    X, y, _, _ = fresh
    found = model.predict(X, level=level)
    held = int(found.sets[np.arange(len(y)), np.searchsorted(NAMES, y)].sum())
    # The quantile itself was estimated from 150 systems: allow for both samples.
    slack = 3 * np.sqrt(level * (1 - level) / 150)
    assert held >= binom.ppf(0.001, len(y), level - slack)
    assert held <= binom.ppf(0.999, len(y), min(level + slack, 0.999))
    assert found.sets[np.arange(len(y)), found.probabilities.argmax(axis=1)].all()


def test_sets_are_larger_where_classes_are_alike(model, fresh):
    found = model.predict(fresh[0])
    top = found.probabilities.max(axis=1)
    size = found.sets.sum(axis=1)
    assert size[top > 0.95].mean() < 1.2
    assert size[top < 0.5].mean() > 1.8


def test_far_and_strange_rows_fade_into_the_shares(model, rows):
    X = rows[0][:5] + 40.0
    far = model.predict(X)
    assert not far.in_domain.any()
    np.testing.assert_allclose(far.probabilities, np.tile(model.prior, (5, 1)))
    near = model.predict(rows[0])
    assert near.in_domain.mean() > 0.9
    empty = model.predict(np.full((1, len(LABELS)), np.nan))
    assert empty.sets.all()
    assert not empty.in_domain[0]


def test_an_element_that_no_label_has_is_outside():
    X, y, _, _ = make(80, 3)
    groups = [
        ("Ba-O-Ti", "O-Sr-Ti", "Ca-O-Zr", "La-Mn-O")[i % 4] + f"-{_cation(i)}" for i in range(80)
    ]
    model = train_classifier(X, y, groups=groups, label="x", labels=LABELS)
    known = [{8, 22}] * 80
    assert model.predict(X, elements=known).in_domain.mean() > 0.9
    assert not model.predict(X, elements=[{8, 92}] * 80).in_domain.any()


def _cation(i):
    return ("Al", "Ga", "In", "Y", "Sc", "Fe", "Co", "Ni", "Cu", "Zn", "Nb", "Ta")[i % 12]


def test_the_card_tells_everything_and_is_json(model, rows):
    card = json.loads(json.dumps(model.card, allow_nan=False))
    assert (card["n_labels"], card["n_groups"]) == (300, 150)
    assert card["classes"] == NAMES.tolist()
    assert sum(card["class_counts"]) == 300
    metrics = card["metrics"]
    assert metrics["log_loss"] < metrics["null_log_loss"]
    assert 0.85 < metrics["coverage_90"] < 0.95
    p = np.array(card["out_of_fold"]["probabilities"])
    hit = NAMES[p.argmax(axis=1)] == rows[1]
    assert metrics["accuracy"] == pytest.approx(hit.mean())
    recalls = [hit[rows[1] == name].mean() for name in NAMES]
    assert metrics["balanced_accuracy"] == pytest.approx(np.mean(recalls))
    assert card["selection"]["blend, platt"] >= metrics["log_loss"] - 1e-9
    assert metrics["log_loss"] == pytest.approx(min(card["selection"].values()))


def test_saving_and_loading_give_equal_predictions(model, fresh, tmp_path):
    save_classifier(model, tmp_path)
    again = load_classifier(tmp_path, descriptor_version="3")
    before, after = model.predict(fresh[0][:50]), again.predict(fresh[0][:50])
    np.testing.assert_array_equal(before.probabilities, after.probabilities)
    np.testing.assert_array_equal(before.sets, after.sets)
    np.testing.assert_array_equal(before.distance, after.distance)
    assert again.card == model.card
    with pytest.raises(ModelError, match="no surrogate of a property"):
        load(tmp_path)
    with pytest.raises(ModelError, match=r"'3'.*'4'.*train again"):
        load_classifier(tmp_path, descriptor_version="4")


def test_every_classifier_can_be_saved(model, rows, tmp_path):
    """Whatever wins, what it is made of must be on the list of trusted types."""
    from matscreen.surrogates.class_members import fit_members, member_names, models

    classes = np.searchsorted(NAMES, rows[1])
    names = member_names(300)
    assert len(names) == 3
    fitted = fit_members(names, rows[0], classes, seed=0)
    isotonic = fit_calibrator(ISOTONIC, np.full((300, 3), 1 / 3) + 0.1 * rows[0][:, :3], classes)
    whole = replace(model, estimators=fitted, weights=models(names)["blend"], calibrator=isotonic)
    save_classifier(whole, tmp_path)
    np.testing.assert_array_equal(
        load_classifier(tmp_path).predict(rows[0]).probabilities,
        whole.predict(rows[0]).probabilities,
    )


def test_labels_of_pure_luck_give_the_shares(rows):
    y = NAMES[np.random.default_rng(5).integers(0, 3, 300)]
    model = train_classifier(rows[0], y, groups=rows[2], label="x", labels=LABELS)
    metrics = model.card["metrics"]
    assert metrics["log_loss"] < metrics["null_log_loss"] + 0.02
    assert np.ptp(model.predict(rows[0]).probabilities[:, 0]) < 0.4
    assert model.predict(rows[0]).sets.mean() > 0.6


def test_few_systems_give_the_shares_and_every_class(rows):
    X, y, _, _ = rows
    groups = [f"g{i % 6}" for i in range(40)]
    model = train_classifier(X[:40], y[:40], groups=groups, label="x", labels=LABELS)
    assert model.card["fallback"] == "few_chemical_systems"
    assert model.card["model"] == "prior"
    assert model.predict(X[:3]).sets.all()


def test_unusable_labels_are_refused_with_what_was_seen(rows):
    X, y, groups, _ = rows
    options = {"label": "x", "labels": LABELS}
    with pytest.raises(ModelError, match="5 usable labels, at least 8"):
        train_classifier(X[:5], y[:5], groups=groups[:5], **options)
    with pytest.raises(ModelError, match="every label is 'metal'"):
        train_classifier(X, np.full(300, "metal"), groups=groups, **options)
    with pytest.raises(InputError, match="6 features but 5 feature names"):
        train_classifier(X, y, groups=groups, label="x", labels=LABELS[:5])
    some = y.copy()
    some[:30] = ""
    assert train_classifier(X, some, groups=groups, **options).card["n_rejected"] == 30


def test_wrong_questions_are_refused(model):
    with pytest.raises(InputError, match="knows 6 features, got 5"):
        model.predict(np.zeros((2, 5)))
    with pytest.raises(InputError, match=r"level of 0\.05"):
        model.predict(np.zeros((2, 6)), level=0.91)


def test_the_hash_is_that_of_the_card_and_sees_the_labels(model, rows):
    X, y, groups, _ = rows
    options = {"groups": groups, "label": "electronic_class", "labels": LABELS}
    digest = class_hash(X, y, **options, descriptor_version="3")
    assert digest == model.card["data_hash"]
    assert class_hash(X, y[::-1], **options, descriptor_version="3") != digest


def test_folds_keep_systems_together_and_share_classes_out():
    rng = np.random.default_rng(0)
    groups = np.repeat([f"g{i}" for i in range(100)], 3)
    classes = (rng.uniform(size=300) < 0.1).astype(int)
    folds = stratified_folds(classes, groups, seed=0)
    assert sorted(np.concatenate([held for _, held in folds]).tolist()) == list(range(300))
    for rows, held in folds:
        assert not set(groups[rows]) & set(groups[held])
        assert classes[held].sum() > 0


def test_scores_of_sets_are_middles_of_the_sums():
    p = np.array([[0.5, 0.3, 0.2], [0.1, 0.1, 0.8]])
    np.testing.assert_allclose(set_scores(p), [[0.25, 0.65, 0.9], [0.85, 0.95, 0.4]])
    assert prediction_sets(p, 0.65).tolist() == [[True, True, False], [False, False, True]]
    assert prediction_sets(p, 0.1).tolist() == [[True, False, False], [False, False, True]]
    few = set_quantiles(p, np.array([0, 2]), np.array(["a", "b"]))
    assert np.isinf(few[-1])


@pytest.mark.parametrize("kind", [PLATT, ISOTONIC])
def test_calibration_undoes_overconfidence(kind):
    rng = np.random.default_rng(0)
    logits = rng.normal(size=(3000, 2)) * 1.5
    truth = softmax(logits, axis=1)
    classes = (rng.uniform(size=3000) < truth[:, 1]).astype(int)
    boasting = softmax(3.0 * logits, axis=1)
    fitted = fit_calibrator(kind, boasting[:1500], classes[:1500])
    found = calibrator_of(calibrator_parts(fitted)).apply(boasting[1500:])
    assert calibration_error(boasting[1500:], classes[1500:]) > 0.09
    assert calibration_error(found, classes[1500:]) < 0.055
    assert log_loss(found, classes[1500:]) < log_loss(boasting[1500:], classes[1500:])
    assert log_loss(found, classes[1500:]) == pytest.approx(
        log_loss(truth[1500:], classes[1500:]), abs=0.02
    )


def _drawn_together(slope):
    """Classes with the log-odds x, and a model that says `slope` times as much."""
    rng = np.random.default_rng(4)
    x = rng.normal(scale=2.0, size=20_000)
    classes = (rng.uniform(size=len(x)) < 1.0 / (1.0 + np.exp(-x))).astype(int)
    return softmax(np.stack([np.zeros(len(x)), slope * x], axis=1), axis=1), classes


def test_probabilities_of_all_labels_follow_the_line_through_the_folds():
    half, classes = _drawn_together(1.0 / 0.6)
    most, _ = _drawn_together(1.0 / 0.7)
    power = power_of_all_labels(most, half, classes, n_splits=5)
    # Slopes 0.6 with a half and 0.7 with four fifths: 0.1 ln 1.25 / ln 1.6 more with all.
    assert power == pytest.approx(1.0 + 0.1 * np.log(1.25) / np.log(1.6) / 0.7, abs=0.01)
    assert power_of_all_labels(half, most, classes, n_splits=5) == 1.0  # luck sharpens nothing
    assert power_of_all_labels(most, _drawn_together(20.0)[0], classes, n_splits=5) == 1.25


def test_a_power_sharpens_calibrated_probabilities():
    given, classes = _drawn_together(1.0)
    plain = fit_calibrator(PLATT, given, classes)
    before, after = plain.apply(given), replace(plain, power=1.2).apply(given)
    odds = np.log(before[:, 1] / before[:, 0])
    inner = np.abs(odds) < 6.0  # the floor holds the others
    np.testing.assert_allclose(
        np.log(after[:, 1] / after[:, 0])[inner], 1.2 * odds[inner], rtol=1e-3
    )


def test_a_calibration_of_many_labels_is_drawn_to_all_of_them():
    X, y, groups, _ = make(600, 7)
    few = train_classifier(X[:480], y[:480], groups=groups[:480], label="class", labels=LABELS)
    many = train_classifier(X, y, groups=groups, label="class", labels=LABELS)
    assert few.calibrator.power == 1.0
    assert 1.0 <= many.calibrator.power <= 1.25
    assert calibrator_of(calibrator_parts(many.calibrator)).power == many.calibrator.power


def test_metrics_of_a_class_that_is_absent_are_none():
    p = np.array([[0.7, 0.2, 0.1], [0.2, 0.7, 0.1], [0.6, 0.3, 0.1]])
    sets = np.array([[True, False, False], [True, True, False], [True, True, False]])
    found = class_metrics(p, np.array([0, 1, 1]), sets, NAMES)
    assert found["roc_auc switching"] is None
    assert found["accuracy"] == pytest.approx(2 / 3)
    assert found["balanced_accuracy"] == pytest.approx(0.75)
    assert found["coverage_90"] == 1.0
    assert found["mean_set_size"] == pytest.approx(5 / 3)
