from __future__ import annotations

import numpy as np
import pytest

import matscreen as ms
from matscreen.errors import InputError
from matscreen.mechanisms import MECHANISMS


def test_mechanisms_stand_beside_a_null_model_and_devices_beside_their_measurement():
    scores = ms.validate("mechanisms")
    assert scores["mechanism"].tolist() == list(MECHANISMS)
    assert {"rmse_null", "loo_null", "spearman_null"} <= set(scores.columns)
    devices = ms.validate("devices")
    scored = devices[devices["excluded"] == ""]
    assert len(scored) == scores["n"].sum()
    figure = ms.figure(devices)
    shown = [trace for trace in figure.data if trace.marker.symbol == "diamond"]
    assert sum(len(trace.x) for trace in shown) == len(scored)


@pytest.mark.parametrize(
    ("part", "columns"),
    [
        ("known", {"formula", "literature", "bundle", "agrees"}),
        ("lattice", {"formula", "measured", "computed", "error_percent"}),
        ("corrections", {"group", "n_materials", "error"}),
    ],
)
def test_the_shipped_simulations_have_their_tables(part, columns):
    table = ms.validate(part)
    assert len(table) > 3
    assert columns <= set(table.columns)
    assert table.attrs["kind"] == part


def test_a_lattice_is_drawn_as_its_errors():
    table = ms.validate("lattice")
    bars = ms.figure(table).data[0]
    assert list(bars.x) == pytest.approx(table["error_percent"].tolist(), rel=1e-3)


def test_surrogates_are_scored_on_labels_that_they_have_not_seen(shared_store):
    scores = ms.validate("surrogates", store=shared_store).set_index("property")
    predictions = ms.validate("predictions", store=shared_store)
    for name, part in predictions.groupby("property"):
        error = (part["y"] - part["mean"]).abs().mean()
        assert scores.loc[name, "mae"] == pytest.approx(error, rel=0.02)
        assert len(part) == scores.loc[name, "n_labels"]
    assert (scores["mae"] < scores["null_mae"]).all()
    assert len(ms.figure(predictions).data) == 3 * len(scores)


@pytest.mark.parametrize(
    ("part", "match"),
    [
        ("everything", "known: mechanisms, devices"),
        ("surrogates", "needs the store"),
        ("stability", "needs the mirror"),
    ],
)
def test_what_cannot_be_validated(part, match):
    with pytest.raises(InputError, match=match):
        ms.validate(part)


def test_a_replay_ends_when_half_of_the_best_are_found():
    replay = ms.replay_learning("vacancies", seeds=(0,), strategies=("random",))
    assert replay["simulations"].tolist() == list(range(1, len(replay) + 1))
    assert replay["share_found"].is_monotonic_increasing
    half = (replay.attrs["sought"] + 1) // 2 / replay.attrs["sought"]
    assert replay["share_found"].iloc[-1] == pytest.approx(half)
    assert (replay["share_found"].iloc[:-1] < half).all()
    assert replay["best"].iloc[-1] == replay.loc[replay["value"] > 0, "value"].min()
    assert np.isfinite(ms.figure(replay).data[0].y).all()


def test_wells_are_in_the_unit_of_their_labels():
    replay = ms.replay_learning("wells", seeds=(0,), strategies=("random",))
    assert replay.attrs["unit"] == "meV/Å³"
    assert (replay["value"] > 0).all()


def test_what_cannot_be_replayed():
    with pytest.raises(InputError, match="known: wells, vacancies"):
        ms.replay_learning("gaps")
    with pytest.raises(InputError, match="unknown strategy greedy"):
        ms.replay_learning(strategies=("greedy",))
