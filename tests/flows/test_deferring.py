"""Deferrable work becomes runs of a deployment in the clean hours."""

from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import numpy as np
import pytest
from rich.console import Console

from flows import deferring
from flows.server import ServerError
from matscreen.errors import InputError
from matscreen.power.jobs import Job
from matscreen.power.planner import plan
from matscreen.power.traces import Trace

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


@pytest.fixture
def made():
    values = np.array([9.0, 1.0, 1.0, 9.0, 9.0, 1.0, 9.0, 9.0])
    trace = Trace(START, HOUR, values, "gCO2/kWh", "carbon", "made up")
    job = Job(work_s=3 * 3600.0, deadline=START + 8 * HOUR, power_W=20.0, name="simulate")
    return plan(job, trace, now=START)


@pytest.fixture
def submitted(monkeypatch):
    """Stand in for a server with two deployments; what is submitted to it comes into the list."""
    there = [("simulate/simulate", "simulate"), ("train/train", "train")]
    known = [(full, SimpleNamespace(name=name)) for full, name in there]
    monkeypatch.setattr(deferring, "on_server", lambda _client: known)
    monkeypatch.setattr(deferring.server, "healthy", lambda _url: True)
    return []


def test_simulations_get_the_length_of_each_window(made, submitted):
    runs = deferring.defer(
        "simulate", made, {"name": "neuron"}, submit=lambda **each: submitted.append(each)
    )
    assert [each["name"] for each in submitted] == ["simulate/simulate"] * 2
    assert [each["scheduled_time"] for each in submitted] == [START + HOUR, START + 5 * HOUR]
    assert [each["parameters"] for each in submitted] == [
        {"name": "neuron", "budget": "120min"},
        {"name": "neuron", "budget": "60min"},
    ]
    console = Console(width=100, record=True)
    console.print(deferring.runs_table(runs))
    shown = console.export_text()
    assert "simulate 1 of 2" in shown
    assert "budget=60min" in shown


def test_other_work_keeps_its_parameters(made, submitted):
    deferring.defer("train", made, {}, submit=lambda **each: submitted.append(each))
    assert all(each["parameters"] == {} for each in submitted)
    assert deferring.divisible("simulate")
    assert not deferring.divisible("train")


def test_a_deployment_that_is_not_there(made, submitted):
    with pytest.raises(InputError, match="no deployment 'rank'; it has simulate, train"):
        deferring.defer("rank", made, {}, submit=lambda **each: submitted.append(each))
    assert not submitted


def test_no_server_at_all(made, monkeypatch):
    monkeypatch.setattr(deferring.server, "healthy", lambda _url: False)
    with pytest.raises(ServerError, match="no Prefect server answers"):
        deferring.defer("train", made, {})


def test_parameters_are_json_or_text():
    given = ["name=neuron", "seed=3", 'sources=["bundle"]', "store=s3://a/b=c"]
    assert deferring.read_parameters(given) == {
        "name": "neuron",
        "seed": 3,
        "sources": ["bundle"],
        "store": "s3://a/b=c",
    }
    with pytest.raises(InputError, match="name=value"):
        deferring.read_parameters(["neuron"])
