from __future__ import annotations

import json
from dataclasses import replace

import numpy as np
import pytest

from matscreen.errors import ModelError
from matscreen.surrogates import TrainingSet, save, save_training_set, train
from matscreen.surrogates.explaining import explain
from matscreen.surrogates.explanation_file import FILE, explanation_of
from matscreen.surrogates.refit import refit

PROPERTY = "oxygen_vacancy_formation_energy"
LABELS = ("tolerance_factor", "octahedral_factor", "charge_cation_max", "density", "mine")


def training_set(n: int = 120) -> TrainingSet:
    """A straight line in the tolerance factor; everything else says nothing."""
    rng = np.random.default_rng(5)
    X = rng.uniform(0.8, 1.1, size=(n, len(LABELS)))
    return TrainingSet(
        X=X,
        y=4.0 + 8.0 * (X[:, 0] - 0.95) + 0.02 * rng.normal(size=n),
        groups=np.array([f"g{i // 2}" for i in range(n)]),
        labels=LABELS,
        formulas=np.array([""] * n),
        noise=np.full(n, np.nan),
        ids=np.array([f"s{i}" for i in range(n)]),
    )


@pytest.fixture(scope="module")
def rows():
    return training_set()


@pytest.fixture(scope="module")
def surrogate(rows):
    return train(
        rows.X, rows.y, groups=rows.groups, property=PROPERTY, labels=LABELS, descriptor_set="fast"
    )


@pytest.fixture(scope="module")
def explanation(surrogate, rows):
    return explain(surrogate, rows)


def test_the_informative_group_leads_by_far(explanation):
    first, *others = explanation["groups"]
    assert first["group"] == "ionic size and tolerance"
    assert first["n_columns"] == 2
    assert first["importance"] > 5.0 * first["standard_error"]
    assert all(abs(row["importance"]) < 0.1 * first["importance"] for row in others)
    assert explanation["columns"][0]["column"] == "tolerance_factor"
    assert {row["group"] for row in others} == {
        "stoichiometry and charges",
        "volume and packing",
        "other",
    }


def test_the_rise_is_measured_on_systems_that_were_held_out(explanation, rows):
    assert explanation["n_fitted"] + explanation["n_held"] == len(rows.y)
    assert explanation["n_held"] == pytest.approx(0.2 * len(rows.y), abs=2)
    spread = float(np.abs(rows.y - np.median(rows.y)).mean())
    assert 0.0 < explanation["mae_held"] < 0.5 * spread


def test_partial_dependence_follows_the_line(explanation):
    curve = explanation["partial_dependence"][0]
    assert (curve["column"], curve["column_unit"]) == ("tolerance_factor", "1")
    slope = np.polyfit(curve["grid_values"], curve["average"], 1)[0]
    assert slope == pytest.approx(8.0, rel=0.25)
    assert all(
        low <= mean <= high
        for low, mean, high in zip(curve["lower"], curve["average"], curve["upper"], strict=True)
    )


def test_it_is_the_same_every_time(explanation, surrogate, rows):
    again = explain(surrogate, rows)
    assert {**again, "cpu_seconds": 0} == {**explanation, "cpu_seconds": 0}


def test_a_constant_looks_at_nothing(rows):
    few = replace(rows, groups=np.array([f"g{i % 4}" for i in range(len(rows.y))]))
    model = train(few.X, few.y, groups=few.groups, property=PROPERTY, labels=LABELS)
    assert model.card["model"] == "constant"
    found = explain(model, few)
    assert found["groups"] == found["columns"] == found["partial_dependence"] == []
    assert found["mae_held"] is None


def test_rows_of_another_model_are_refused(surrogate, rows):
    other = replace(rows, labels=("a", *LABELS[1:]))
    with pytest.raises(ModelError, match="train again"):
        explain(surrogate, other)


def test_rows_that_training_rejects_change_nothing(explanation, surrogate, rows):
    bad = replace(
        rows,
        X=np.vstack([rows.X, rows.X[:2]]),
        y=np.append(rows.y, [np.nan, 1e9]),
        groups=np.append(rows.groups, ["g0", "g1"]),
    )
    assert explain(surrogate, bad)["groups"] == explanation["groups"]


def test_refitted_regressors_predict_unseen_rows(surrogate, rows):
    half = len(rows.y) // 2
    predict = refit(surrogate, rows.X[:half], rows.y[:half], rows.groups[:half])
    error = np.abs(predict(rows.X[half:]) - rows.y[half:]).mean()
    assert error < 0.3 * np.abs(rows.y[half:] - rows.y[:half].mean()).mean()


def test_an_explanation_is_made_once(tmp_path, surrogate, rows, explanation, monkeypatch):
    save(surrogate, tmp_path)
    with pytest.raises(ModelError, match="train again"):
        explanation_of(tmp_path)
    save_training_set(rows, tmp_path)
    made = explanation_of(tmp_path)
    assert made["groups"] == explanation["groups"]
    assert json.loads((tmp_path / FILE).read_text(encoding="utf-8")) == made

    def never(*_arguments, **_options):
        raise AssertionError("explained twice")

    monkeypatch.setattr("matscreen.surrogates.explanation_file.explain", never)
    assert explanation_of(tmp_path) == made
    # Other data, a damaged file: made anew.
    for text in (json.dumps({**made, "data_hash": "other"}), "{", "[]"):
        (tmp_path / FILE).write_text(text, encoding="utf-8")
        with pytest.raises(AssertionError, match="explained twice"):
            explanation_of(tmp_path)
