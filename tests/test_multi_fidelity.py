"""Labels of several fidelities in a store: made-up levels, of which the truth is known."""

from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pyarrow as pa
import pytest

from matscreen import multi_fidelity, training
from matscreen.errors import ModelError
from matscreen.store import Store
from matscreen.surrogates import Surrogate, data_hash, load_training_set
from matscreen.surrogates.transferred import Transferred

VACANCY = "oxygen_vacancy_formation_energy"
N = 160


def _X():
    return np.random.default_rng(0).uniform(-1.0, 1.0, size=(N, 5)).astype(np.float32)


def _simulated(X):
    return 4.0 + np.sin(3.0 * X[:, 0]) + np.sin(3.0 * X[:, 1]) + X[:, 2] * X[:, 3]


def _real(X):
    return 1.2 * _simulated(X) + 1.0 + 0.1 * X[:, 4]


def _label(i, value, evidence):
    return {
        "structure_id": f"s{i:03d}", "property": VACANCY, "value": float(value), "std": 0.05,
        "unit": "eV", "evidence": evidence, "method": f"made-up/{evidence}", "version": "1",
    }  # fmt: skip


def _store(folder, labels):
    X = _X()
    store = Store(folder)
    ids = [f"s{i:03d}" for i in range(N)]
    features = {"structure_id": ids, "version": ["1"] * N}
    features |= {f"f{k}": X[:, k] for k in range(X.shape[1])}
    store.replace("descriptors_toy", pa.table(features))
    candidates = {
        "structure_id": ids,
        "formula": [f"Ti{i + 1}O{2 * i + 3}" for i in range(N)],
        "chemsys": [f"g{i}" for i in range(N)],
    }
    store.replace("candidates", pa.table(candidates))
    store.replace("labels", pa.Table.from_pylist(labels))
    return store


def _frame(**counts):
    """So many labels of each evidence; all start at the first structure."""
    rows = [
        {"structure_id": f"s{i}", "property": VACANCY, "mean": float(i), "evidence": kind}
        for kind, count in counts.items()
        for i in range(count)
    ]
    return pd.DataFrame(rows)


@pytest.mark.parametrize(
    ("counts", "expected"),
    [
        ({"mlip": 50}, [{"mlip": 50}]),
        ({"mlip": 50, "dft": 10}, [{"mlip": 50}, {"dft": 10}]),
        ({"mlip": 50, "dft": 9}, [{"dft": 9, "mlip": 41}]),
        ({"mlip": 20, "dft": 30}, [{"dft": 30}]),
        ({"mlip": 50, "dft": 20, "measured": 12}, [{"mlip": 50}, {"dft": 20}, {"measured": 12}]),
        ({"mlip": 50, "dft": 20, "measured": 3}, [{"mlip": 50}, {"measured": 3, "dft": 17}]),
    ],
)
def test_which_evidence_is_a_level(counts, expected):
    assert [level.counts for level in multi_fidelity.levels(_frame(**counts))] == expected


def test_the_best_value_of_a_structure_counts_within_a_level():
    labels = _frame(mlip=50, dft=3).assign(std=0.1)
    labels.loc[labels["evidence"] == "dft", "mean"] = 99.0
    (level,) = multi_fidelity.levels(labels)
    assert level.values.set_index("structure_id").loc["s1", "mean"] == 99.0
    assert len(level.values) == 50


@pytest.fixture(scope="module")
def both(tmp_path_factory):
    """Every structure simulated, every eighth one of DFT too."""
    X = _X()
    labels = [_label(i, _simulated(X)[i], "mlip") for i in range(N)]
    labels += [_label(i, _real(X)[i], "dft") for i in range(0, N, 8)]
    return _store(tmp_path_factory.mktemp("store"), labels)


def test_few_dft_labels_correct_many_simulated_ones(both):
    model = training.property_model(both, VACANCY, "toy")
    assert isinstance(model, Transferred)
    about = model.card["transfer"]
    assert model.card["evidence"]["levels"] == [{"mlip": N}, {"dft": 20}]
    assert about["source"]["n_labels"] == N
    assert about["n_known_to_source"] == 20
    assert about["saved_score"] > 0.2
    assert model.card["n_labels"] == 20
    X = _X().astype(float)
    unlabelled = np.arange(N) % 8 != 0
    error = np.abs(model.predict(X).mean - _real(X))[unlabelled]
    assert error.mean() < 0.5 * np.abs(_simulated(X) - _real(X))[unlabelled].mean()


def test_what_has_not_changed_is_not_trained_anew(both, monkeypatch):
    before = training.property_model(both, VACANCY, "toy")
    place = training.card_folder(both, before.card)
    assert load_training_set(place).ids.tolist() == [f"s{i:03d}" for i in range(0, N, 8)]

    def refuse(*_args, **_options):
        raise AssertionError("trained again")

    monkeypatch.setattr("matscreen.surrogates.train", refuse)
    monkeypatch.setattr("matscreen.surrogates.transfer.transfer", refuse)
    again = training.property_model(both, VACANCY, "toy")
    X = _X().astype(float)
    np.testing.assert_array_equal(again.predict(X).mean, before.predict(X).mean)
    assert again.card == before.card


def test_a_card_is_read_without_its_surrogate(both, monkeypatch):
    model = training.property_model(both, VACANCY, "toy")
    levels = list((training.card_folder(both, model.card).parent).glob("*/card.json"))
    assert len(levels) == 2  # the simulated labels have a surrogate of their own
    for card in levels:
        os.utime(card, (0, 0))

    def refuse(*_args, **_options):
        raise AssertionError("read")

    monkeypatch.setattr("matscreen.surrogates.transfer_files.load_any", refuse)
    card, error = training.trained_card(VACANCY, store=both, descriptor_set="toy", seed=0)
    assert (card, error) == (model.card, "")
    # Both are in use, so no clearing of old models takes one.
    assert all(card.stat().st_mtime > 0 for card in levels)


def test_a_damaged_surrogate_is_trained_anew(tmp_path):
    X = _X()
    store = _store(tmp_path, [_label(i, _simulated(X)[i], "mlip") for i in range(60)])
    before = training.property_model(store, VACANCY, "toy")
    (fitted,) = training.card_folder(store, before.card).glob("model-*.skops")
    fitted.write_bytes(b"half")
    card, _ = training.trained_card(VACANCY, store=store, descriptor_set="toy", seed=0)
    assert card["data_hash"] == before.card["data_hash"]
    again = training.property_model(store, VACANCY, "toy")
    np.testing.assert_array_equal(again.predict(X).mean, before.predict(X).mean)


def test_predictions_of_the_store_are_those_of_the_transferred_model(both):
    table = training.predict_property(both, VACANCY, "toy")
    model = training.property_model(both, VACANCY, "toy")
    assert table["mean"].to_pylist() == model.predict(_X().astype(float)).mean.tolist()
    assert set(table["model_id"].to_pylist()) == {model.card["model_id"]}
    parts = np.hypot(table["std_epistemic"].to_numpy(), table["std_aleatoric"].to_numpy())
    np.testing.assert_allclose(parts, table["std"].to_numpy(), rtol=1e-9)


def test_predictions_are_made_anew_only_where_something_changed(both, monkeypatch):
    made = training.predict_property(both, VACANCY, "toy")

    def refuse(*_args, **_options):
        raise AssertionError("read")

    with monkeypatch.context() as without:
        without.setattr("matscreen.surrogates.transfer_files.load_any", refuse)
        again = training.predict_property(both, VACANCY, "toy", known=made)
        assert again.equals(made)
        without.setattr("matscreen.training.code_hash", lambda: "other")
        with pytest.raises(AssertionError, match="read"):
            training.predict_property(both, VACANCY, "toy", known=made)
    spoilt = made.set_column(2, "mean", pa.array([0.0] * N))
    fewer = spoilt.slice(1)
    assert training.predict_property(both, VACANCY, "toy", known=fewer)["mean"] == made["mean"]
    foreign = spoilt.set_column(9, "model_id", pa.array(["another"] * N))
    assert training.predict_property(both, VACANCY, "toy", known=foreign)["mean"] == made["mean"]


def test_a_candidate_with_an_element_of_no_label_is_outside(tmp_path):
    store = _store(tmp_path, [_label(i, _simulated(_X())[i], "mlip") for i in range(60)])
    candidates = store.read("candidates").to_pandas()
    candidates["chemsys"] = [("Ba-O-Ti", "O-Sr-Ti")[i % 2] for i in range(N)]
    candidates.loc[70:79, "chemsys"] = "O-Ti-Zn"
    store.replace("candidates", pa.Table.from_pandas(candidates, preserve_index=False))
    table = training.predict_property(store, VACANCY, "toy").to_pandas()
    assert not table["in_domain"][70:80].any()
    assert table["in_domain"].mean() > 0.8
    width = table["upper"] - table["lower"]
    assert width[70:80].min() > 1.2 * width[:70].median()


def test_labels_keep_their_evidence(both):
    kinds = both.read("labels")["evidence"].to_pylist()
    assert (kinds.count("mlip"), kinds.count("dft")) == (N, 20)


def test_one_evidence_is_learned_as_ever(tmp_path):
    X = _X()
    store = _store(tmp_path, [_label(i, _simulated(X)[i], "mlip") for i in range(60)])
    model = training.property_model(store, VACANCY, "toy")
    assert isinstance(model, Surrogate)
    assert "evidence" not in model.card
    assert "transfer" not in model.card
    rows = load_training_set(training.card_folder(store, model.card))
    expected = data_hash(
        rows.X, rows.y, groups=rows.groups.tolist(), property=VACANCY,
        labels=list(rows.labels), noise=rows.noise, descriptor_version="1",
    )  # fmt: skip
    assert model.card["data_hash"] == expected


def test_no_label_at_all_is_said(tmp_path):
    X = _X()
    store = _store(tmp_path, [_label(0, _simulated(X)[0], "mlip") | {"property": "band_gap"}])
    with pytest.raises(ModelError, match="none of the described candidates"):
        training.property_model(store, VACANCY, "toy")
