import json
import math

import numpy as np
import pytest
from typer.testing import CliRunner

from matscreen.cli import app
from matscreen.edge import compare, comparison_figure, comparison_table, get_variants, make_task
from matscreen.edge.augmentation import between, substituted
from matscreen.edge.forests import boost
from matscreen.edge.networks import fit_network
from matscreen.edge.student import Landmarks, fit_standardiser, place_landmarks
from matscreen.errors import InputError, ModelError
from matscreen.surrogates import TrainingSet, save, save_training_set, train

from .conftest import CARD, fit_ridge


def test_students_learn_what_their_teacher_knows(compression):
    """The label varies by 0.35; its noise is 0.1, so an error of 0.08 is the least possible."""
    spread = float(np.std(compression.task.y))
    for graded in compression.graded:
        assert graded.metrics["mae"] < 0.5 * spread, graded.variant.name
    networks = [g for g in compression.graded if g.variant.hidden]
    assert min(g.metrics["mae"] for g in networks) < 1.3 * compression.teacher["mae"]


def test_intervals_are_calibrated_on_unseen_labels(compression):
    n = len(compression.task.y)
    slack = 3.0 * math.sqrt(0.09 / n)
    for graded in compression.graded:
        assert 0.9 - slack < graded.metrics["coverage_90"] <= 1.0, graded.variant.name


def test_figures_do_not_come_from_labels_that_a_teacher_saw(task, rows):
    """Labels are noise: an honest error is the spread, a dishonest one would be smaller."""
    from dataclasses import replace

    from matscreen.edge import compress

    noise = np.random.default_rng(3).normal(2.0, 0.5, len(task.y))
    found = compress(
        fit_ridge(task.X, noise, task.groups),
        replace(task, y=noise),
        get_variants(["network-64"]),
        fit_ridge,
        n_extra=200,
    )
    metrics = found.graded[0].metrics
    assert metrics["rmse"] > 0.95 * noise.std()
    assert metrics["coverage_90"] > 0.8


def test_quantised_networks_say_nearly_the_same(compression):
    by_name = {graded.variant.name: graded.student for graded in compression.graded}
    full = by_name["network-128-float16"].center(compression.task.F)
    eight_bits = by_name["network-128-int8"].center(compression.task.F)
    spread = np.std(full)
    assert 0.0 < np.abs(full - eight_bits).max() < 0.1 * spread


def test_a_forest_equals_the_boosting_it_came_from():
    from sklearn.ensemble import HistGradientBoostingRegressor

    from matscreen.edge.forests import from_boosting

    rng = np.random.default_rng(0)
    X = rng.normal(size=(500, 6)).astype(np.float32).astype(np.float64)
    X[rng.random(X.shape) < 0.1] = np.nan
    y = np.nan_to_num(X[:, 0]) + np.nan_to_num(X[:, 1]) ** 2
    model = HistGradientBoostingRegressor(max_iter=30, max_leaf_nodes=8).fit(X, y)
    forest = from_boosting(model)
    np.testing.assert_allclose(forest.predict(X), model.predict(X), atol=1e-5)
    staged = list(model.staged_predict(X))
    np.testing.assert_allclose(forest.first(10).predict(X), staged[9], atol=1e-5)
    assert len(forest.first(10).leaves) < len(forest.leaves)


def test_boosting_without_anything_to_split_is_its_base():
    forest = boost(np.zeros((30, 2)), np.full(30, 4.0), n_trees=5, n_leaves=4)
    assert len(forest.roots) == 0
    np.testing.assert_allclose(forest.predict(np.zeros((3, 2))), 4.0)


def test_a_network_learns_a_curve():
    x = np.linspace(-2, 2, 400, dtype=np.float32)[:, None]
    y = np.sin(2 * x[:, 0]).astype(np.float32)
    network = fit_network(x, y, hidden=(32,), epochs=100, weight=np.ones(400, np.float32), seed=0)
    assert np.abs(network.predict(x) - y).mean() < 0.1


def test_unknown_and_constant_features_do_not_matter():
    X = np.array([[1.0, 5.0, np.nan], [2.0, 5.0, np.nan], [4.0, 5.0, np.nan], [np.nan, 5.0, 7.0]])
    Z = fit_standardiser(X).transform(np.vstack([X, [[100.0, 9.0, 3.0]]]))
    assert np.isfinite(Z).all()
    assert (Z[:, 1:] == 0.0).all()
    assert Z[3, 0] == 0.0
    assert Z[4, 0] == Z[2, 0]  # held within the range that was taught


def test_intervals_widen_with_the_distance():
    domain = Landmarks(
        projection=np.eye(2, dtype=np.float32),
        centres=np.zeros((1, 2)),
        low=np.zeros(2, np.float32),
        high=np.zeros(2, np.float32),
        weight=np.ones(2, np.float32),
        threshold=1.0,
        constant_half=0.5,
    )
    half = domain.widen(np.full(4, 0.2), np.array([0.0, 1.0, 1.5, 9.0]))
    np.testing.assert_allclose(half, [0.2, 0.2, 0.45, 0.7])


def test_landmarks_are_near_what_was_taught():
    rng = np.random.default_rng(0)
    Z = rng.normal(size=(200, 5)).astype(np.float32)
    Z[:, 4] = 0.5
    domain = place_landmarks(Z, fit_standardiser(Z + np.linspace(-1, 1, 200)[:, None]))
    assert domain.distance(Z).max() < domain.distance(Z + 8.0).min()
    other = Z.copy()
    other[:, 4] = 0.6  # what all labelled rows share, changed
    assert domain.distance(Z).max() < domain.distance(other).min()


def test_substituted_compounds_keep_elements_and_amounts(task):
    made = substituted(task.compositions, 300, seed=4)
    known = set(np.unique(task.compositions.numbers))
    assert set(np.unique(made.numbers)) <= known
    np.testing.assert_allclose(made.amounts.sum(axis=1), 5.0)
    assert (made.present.sum(axis=1) > 3).any()
    assert not np.array_equal(made.numbers[:50], task.compositions.numbers[:50])


def test_rows_between_stay_between():
    X = np.random.default_rng(0).normal(size=(40, 3))
    X[0, 1] = np.nan
    made = between(X, 100, seed=0)
    assert (made >= np.nanmin(X, axis=0))[np.isfinite(made)].all()
    assert (made <= np.nanmax(X, axis=0))[np.isfinite(made)].all()


@pytest.mark.parametrize(
    ("change", "message"),
    [
        ({"model": "constant", "fallback": "few_chemical_systems"}, "nothing to compress"),
        ({"descriptor_set": "mine"}, "a bundle can compute composition, fast, standard, full"),
    ],
)
def test_what_cannot_be_compressed_is_refused(rows, change, message):
    with pytest.raises(ModelError, match=message):
        make_task("band_gap", {**CARD, **change}, rows)


def test_rows_without_formulas_are_refused(rows):
    from dataclasses import replace

    bare = replace(rows, formulas=np.full(len(rows.y), "", dtype="U1"))
    with pytest.raises(ModelError, match="the formula of every row"):
        make_task("band_gap", CARD, bare)


def test_an_unknown_variant_is_refused():
    with pytest.raises(InputError, match="unknown variant 'huge'"):
        get_variants(["huge"])


def test_the_comparison_names_a_choice_within_the_size(compression, task):
    teacher = fit_ridge(task.X, task.y, task.groups)
    found = compare(compression, teacher, CARD, 5_000_000)
    chosen = next(row for row in found.rows if row.name == found.chosen)
    assert chosen.size_bytes <= 500_000
    assert chosen.metrics["winkler"] == min(row.metrics["winkler"] for row in found.rows[1:])
    for row in found.rows:
        assert row.speed.one_row_us > 0.0
        assert row.speed.joules_per_1000 > 0.0
    plain = json.loads(json.dumps(found.to_dict()))
    assert plain["rows"][0]["name"] == "surrogate"
    assert len(comparison_table(found).rows) == len(found.rows)
    assert found.chosen in comparison_figure(found).layout.title.text


def test_the_command_exports_a_stored_surrogate(rows, tmp_path, monkeypatch):
    # Training anew for every fold is tested where training is.
    monkeypatch.setattr("matscreen.edge.fit_like", lambda *_, **__: fit_ridge)
    kept = np.arange(0, len(rows.y), 4)
    fewer = TrainingSet(
        X=rows.X[kept],
        y=rows.y[kept],
        groups=rows.groups[kept],
        labels=rows.labels,
        formulas=rows.formulas[kept],
        noise=rows.noise[kept],
        ids=rows.ids[kept],
    )
    surrogate = train(
        fewer.X,
        fewer.y,
        groups=fewer.groups.tolist(),
        property="band_gap",
        labels=fewer.labels,
        descriptor_set="fast",
        descriptor_version="1",
    )
    save(surrogate, tmp_path / "model")
    save_training_set(fewer, tmp_path / "model")
    arguments = ["edge", "export", str(tmp_path / "model"), "-o", str(tmp_path / "bundle")]
    done = CliRunner().invoke(app, [*arguments, "--variants", "network-64"])
    if surrogate.card["model"] == "constant":
        assert done.exit_code == 1
        return
    assert done.exit_code == 0, done.output
    assert (tmp_path / "bundle" / "model.onnx").is_file()
    comparison = json.loads((tmp_path / "bundle-comparison.json").read_text())
    assert comparison["chosen"] == "network-64"
