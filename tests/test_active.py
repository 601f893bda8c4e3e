from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from matscreen import active, stages, tables
from matscreen.active import Budget, active_learning, choose
from matscreen.config import load_screen
from matscreen.errors import InputError


@pytest.mark.parametrize(
    ("text", "budget"),
    [
        ("40", Budget(simulations=40)),
        ("90min", Budget(seconds=5400)),
        ("2h", Budget(seconds=7200)),
        ("0.05kWh", Budget(joules=180_000)),
    ],
)
def test_budgets_are_counts_times_or_energies(text, budget):
    assert Budget.parse(text) == budget


@pytest.mark.parametrize("text", ["", "many", "-3", "0", "2.5", "3 days"])
def test_a_budget_that_is_none_of_these_is_refused(text):
    with pytest.raises(InputError, match="not understood"):
        Budget.parse(text)


class Tables:
    """A store of frames in memory, with what the loop needs."""

    def __init__(self, frames):
        self.frames = frames

    def exists(self, name):
        return name in self.frames

    def read(self, name, columns=None):
        rows = self.frames.get(name, [])
        table = tables.from_rows(name, rows) if name in tables.SCHEMAS else rows
        return table.select(columns) if columns else table

    def upsert(self, name, table, keys=None):
        key = keys or tables.KEYS[name]
        rows = {tuple(row[k] for k in key): row for row in self.frames.get(name, [])}
        rows |= {tuple(row[k] for k in key): row for row in table.to_pylist()}
        self.frames[name] = list(rows.values())


IDS = [f"id{i}" for i in range(6)]


def ranking(known=()):
    energy = 10.0 ** -np.array([13.0, 14.0, 15.0, 13.5, 14.5, 12.0])
    table = pd.DataFrame(
        {
            "structure_id": IDS,
            "formula": [f"F{i}" for i in range(6)],
            "mechanism": "ferroelectric",
            "energy_nominal_J": energy,
            "energy_lower_J": energy / 10,
            "energy_upper_J": energy * 10,
            "p_feasible": 0.5,
            "feasible": [True] * 6,
        }
    )
    return table.sort_values("energy_nominal_J").reset_index(drop=True)


@pytest.fixture
def store():
    import pyarrow as pa

    candidates = [
        {"structure_id": name, "formula": f"F{i}", "chemsys": "A-O", "nsites": 5}
        for i, name in enumerate(IDS)
    ]
    described = pa.table(
        {"structure_id": IDS, "version": ["1"] * 6, "x": np.arange(6.0), "y": np.ones(6)}
    )
    frames = {"candidates": candidates, "labels": [], "failures": []}
    return Tables({**frames, "descriptors_standard": described})


@pytest.fixture
def loop(monkeypatch, store):
    """Replace everything but the loop itself; count the simulations."""
    simulated = []

    def simulate(store, simulation, ids, calculator="7net-0"):
        (name,) = ids
        simulated.append(name)
        if name == "id1":
            row = tables.failure_row(name, simulation, "not_converged", "")
            store.upsert("failures", tables.from_rows("failures", [row]))
            return 0
        row = {
            "structure_id": name,
            "property": "well_depth",
            "value": 1.0,
            "unit": "meV/Å³",
            "evidence": "mlip",
            "method": f"{simulation}/{calculator}",
            "version": "1",
            "seconds": 2.0,
        }
        store.upsert("labels", tables.from_rows("labels", [row]))
        return 1

    monkeypatch.setattr(stages, "simulate", simulate)
    monkeypatch.setattr(stages, "select", lambda *_a, **_k: stages.Pulled("x", tuple(IDS), 6, 0, 0))
    monkeypatch.setattr(
        stages, "load_bundle", lambda *_a, **_k: stages.Pulled("bundle", (), 0, 0, 0)
    )
    monkeypatch.setattr(stages, "describe", lambda *_a, **_k: 0)
    monkeypatch.setattr(active, "_learn_and_rank", lambda *_a: ranking())
    return simulated


def test_the_likely_best_comes_first_and_what_is_known_is_left_out(store):
    screen = load_screen("synapse")
    picks = choose(store, screen, ranking(), batch=3)
    assert picks["structure_id"].iloc[0] == "id2"
    assert picks["acquisition"].is_monotonic_decreasing or len(picks) == 3
    row = {
        "structure_id": "id2",
        "property": "well_depth",
        "value": 1.0,
        "unit": "meV/Å³",
        "evidence": "mlip",
        "method": "double_well/7net-0",
        "version": "1",
        "seconds": 2.0,
    }
    store.upsert("labels", tables.from_rows("labels", [row]))
    again = choose(store, screen, ranking(), batch=3)
    assert "id2" not in again["structure_id"].tolist()
    # One label of 2 s for five atoms sets the expected cost of the others.
    assert again["expected_seconds"].tolist() == pytest.approx([2.0] * 3)


def test_the_loop_keeps_its_budget_and_records_every_simulation(store, loop):
    rounds = active_learning(
        store, load_screen("synapse"), Budget(simulations=3), batch=2, patience=9
    )
    assert len(loop) == 3
    assert [len(each.simulated) for each in rounds] == [2, 1]
    kept = store.frames["acquisitions"]
    assert {row["round"] for row in kept} == {1, 2}
    assert {row["outcome"] for row in kept} <= {"labelled", "rejected"}


def test_a_second_call_goes_on_and_computes_nothing_twice(store, loop):
    screen = load_screen("synapse")
    active_learning(store, screen, Budget(simulations=2), batch=2, patience=9)
    active_learning(store, screen, Budget(simulations=99), batch=2, patience=9)
    assert sorted(loop) == IDS  # the rejected one too, once
    outcome = {row["structure_id"]: row["outcome"] for row in store.frames["acquisitions"]}
    assert outcome["id1"] == "rejected"
    assert max(row["round"] for row in store.frames["acquisitions"]) == 3


def test_it_stops_when_the_best_stay_the_same(store, loop):
    rounds = active_learning(
        store, load_screen("synapse"), Budget(simulations=99), batch=1, patience=2
    )
    assert len(rounds) == 2
    assert all(each.top_k_overlap == 1.0 for each in rounds)


def test_each_mechanism_has_its_own_best_to_beat(store):
    energies = ["energy_nominal_J", "energy_lower_J", "energy_upper_J"]
    known, unsure = ranking(), ranking().assign(mechanism="valence_change")
    known["energy_lower_J"] = known["energy_nominal_J"] / 1.1
    known["energy_upper_J"] = known["energy_nominal_J"] * 1.1
    unsure[energies] *= 1e6  # its devices pay more, which says nothing about its materials
    both = pd.concat([known, unsure], ignore_index=True)
    (pick,) = choose(store, load_screen("synapse"), both, batch=1, top_k=1).to_dict("records")
    assert (pick["mechanism"], pick["structure_id"]) == ("valence_change", "id2")


def test_rounds_of_rejected_candidates_do_not_settle_the_best(store, loop, monkeypatch):
    def reject(store, simulation, ids, calculator="7net-0"):
        row = tables.failure_row(ids[0], simulation, "not_converged", "")
        store.upsert("failures", tables.from_rows("failures", [row]))
        return 0

    monkeypatch.setattr(stages, "simulate", reject)
    rounds = active_learning(
        store, load_screen("synapse"), Budget(simulations=99), batch=1, patience=2
    )
    assert len(rounds) == len(IDS)
