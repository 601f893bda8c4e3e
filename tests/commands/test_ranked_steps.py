"""What to do after a ranking, also when nothing is feasible."""

import inspect
import json
import re
from importlib import import_module
from pathlib import Path

import pandas as pd

from matscreen.commands.ranked_steps import _RELAX, screen_steps
from matscreen.config import Constraints, Screen
from matscreen.mechanisms import MECHANISMS, Device
from tests.commands.command_line import call


def infeasible():
    """Two rows of a ranking in which nothing can work."""
    rows = {
        "rank": [pd.NA, pd.NA],
        "rank_in_mechanism": [pd.NA, pd.NA],
        "formula": ["BaTiO3", "KNbO3"],
        "structure_id": ["a", "b"],
        "mechanism": ["ferroelectric", "ferroelectric"],
        **{
            f"energy_{name}_J": [1e-15, 2e-15]
            for name in ("nominal", "lower", "upper", "floor", "ceiling")
        },
        "p_feasible": [0.0, 0.25],
        "p_top_10": [0.0, 0.0],
        "feasible": [False, False],
        "reasons": ["curie_below_retention: 300 K", "curie_below_retention: 400 K; metal: leaks"],
    }
    return pd.DataFrame(rows)


def test_steps_after_a_ranking_without_a_feasible_candidate():
    steps = dict(screen_steps("synapse", infeasible(), folder=None, store=Path(".matscreen/store")))
    assert "a copy to change" in steps["matscreen screen synapse --show-file > mine.toml"]
    assert "below retention: 2 pairs" in steps["device.retention_temperature"]
    assert "1 pair" in steps["device.minimum_band_gap"]
    nearest = next(line for line in steps if "explain KNbO3" in line)
    assert steps[nearest] == "the nearest: passes in 25 % of the draws"


def test_every_reason_of_the_mechanisms_has_an_advice():
    gates = re.compile(r'gate_at_(?:least|most)\(\s*"(\w+)"')
    named = set()
    for name in (*MECHANISMS, "ground_state", "base"):
        source = inspect.getsource(import_module(f"matscreen.mechanisms.{name}"))
        # what only warns excludes nothing
        head = re.sub(r"flags=\(.*?\n            \)", "", source, flags=re.DOTALL)
        named |= set(gates.findall(head))
    assert len(named) > 20
    assert not named - set(_RELAX)


def test_a_ranking_without_a_feasible_candidate_says_what_to_relax(here, shared_store):
    asked = (
        'name = "impossible"\napplication = "synapse"\nmechanisms = ["ferroelectric"]\n'
        "[device]\nretention_temperature = 2500\n[ranking]\nsamples = 100\n"
    )
    (here / "impossible.toml").write_text(asked)
    done = call("rank", "impossible.toml", "--store", shared_store.root, env={"COLUMNS": "200"})
    assert done.exit_code == 0, done.output
    assert "Nothing is feasible at the asked specification." in done.stdout
    assert "device.retention_temperature" in done.stdout
    assert "explain" in done.stdout
    told = call("rank", "impossible.toml", "--store", shared_store.root, "--json")
    rows = json.loads(told.stdout)["candidates"]
    assert rows
    assert not any(row["feasible"] for row in rows)


def test_every_advice_names_a_key_of_a_screen_file():
    for key, _ in _RELAX.values():
        first, *rest = key.partition(" ")[0].split(".")
        assert first in Screen.model_fields
        if first == "constraints":
            assert rest[0] in Constraints.model_fields
        if first == "device":
            part = Device()
            for name in rest:
                part = getattr(part, name)
