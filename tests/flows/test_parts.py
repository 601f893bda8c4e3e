"""The parts of the flows that need no server."""

import io
import subprocess
import sys
from datetime import UTC, datetime, timedelta
from types import SimpleNamespace

import pytest
from rich.console import Console

import flows  # noqa: F401 - sets Prefect up before it is imported
from flows import artifacts, budgets, hooks, server, status, tasks
from flows.describe import describe_missing
from flows.locks import only_run
from matscreen import tables
from matscreen.errors import InputError, SourceError, StoreError
from matscreen.stages import undescribed
from matscreen.store import Store

NOW = datetime(2026, 5, 1, 12, tzinfo=UTC)


def test_a_budget_that_is_kept_says_nothing():
    budgets.check("pull", failed=9, total=10, limit=0.9, reasons={"disordered": 9})
    budgets.check("pull", failed=0, total=0, limit=0.0, reasons={})


def test_a_budget_that_is_broken_shows_the_reasons():
    with pytest.raises(budgets.FailureBudgetError) as caught:
        budgets.check("pull x", failed=6, total=10, limit=0.5, reasons={"no_oxygen": 1, "bad": 5})
    headline, *rows = str(caught.value).splitlines()
    assert "pull x: 6 of 10 failed, 60 %; the budget is 50 %" in headline
    assert [row.split() for row in rows] == [["bad", "5"], ["no_oxygen", "1"]]


def test_reasons_are_counted_by_stage_time_and_source(tmp_path):
    store = Store(tmp_path)
    rows = [
        {"structure_id": name, "stage": stage, "reason": reason, "at": NOW + timedelta(hours=hour)}
        for name, stage, reason, hour in [
            ("files:a", "pull", "disordered", 0),
            ("files:b", "pull", "disordered", 2),
            ("cod:c", "pull", "no_oxygen", 2),
            ("d", "describe fast", "no_neighbours", 2),
        ]
    ]
    store.upsert("failures", tables.from_rows("failures", rows))
    assert budgets.reasons(store, stage="pull") == {"disordered": 2, "no_oxygen": 1}
    assert budgets.reasons(store, stage="pull", prefix="files:") == {"disordered": 2}
    since = NOW + timedelta(hours=1)
    assert budgets.reasons(store, stage="pull", since=since) == {"disordered": 1, "no_oxygen": 1}


HOLD = """
import sys, time
from pathlib import Path
from flows.locks import only_run
with only_run(Path(sys.argv[1])):
    print("held", flush=True)
    time.sleep(60)
"""


def test_a_second_run_waits_and_a_killed_one_locks_nobody_out(tmp_path, repo):
    command = [sys.executable, "-c", HOLD, str(tmp_path)]
    holder = subprocess.Popen(command, cwd=repo, stdout=subprocess.PIPE, text=True)
    try:
        assert holder.stdout.readline() == "held\n"
        with (
            pytest.raises(StoreError, match="another run has been ranking"),
            only_run(tmp_path, patience=0.3),
        ):
            pass
    finally:
        holder.kill()
        holder.communicate()
    with only_run(tmp_path, patience=0):
        pass


@pytest.mark.parametrize(
    ("error", "again"),
    [
        (SourceError("down"), True),
        (OSError("full"), True),
        (InputError("no such source"), False),
        (budgets.FailureBudgetError("too many"), False),
    ],
)
def test_only_what_may_pass_is_tried_again(error, again):
    def result():
        raise error

    assert tasks.may_pass(None, None, SimpleNamespace(result=result)) is again


@pytest.fixture
def half_described(tmp_path, cubic_perovskite):
    """Return a store of three candidates with a cell, one of them described, and one without."""
    from matscreen import stages

    store = Store(tmp_path / "store")
    rows = [
        tables.candidate_row(cubic_perovskite(38, b), structure_id=f"s{b}") for b in (22, 40, 72)
    ]
    rows.append({"structure_id": "f", "formula": "VO2", "chemsys": "O-V", "nsites": 0})
    store.upsert("candidates", tables.from_rows("candidates", rows))
    stages.describe(store, "fast", ["s22"])
    return store


def test_what_lacks_descriptors(half_described):
    assert undescribed(half_described, "fast") == ["s40", "s72"]
    assert undescribed(half_described, "fast", ["s22", "s72", "f"]) == ["s72"]
    assert undescribed(half_described, "composition") == ["s22", "s40", "s72"]


def test_one_task_a_partition_and_none_where_nothing_lacks(half_described, monkeypatch):
    calls = []

    def describe(store, name, ids, part, parts):
        calls.append((tuple(ids), part, parts))
        return tasks.describe.fn(store, name, ids, part, parts)

    monkeypatch.setattr("flows.describe.tasks", SimpleNamespace(describe=describe))
    assert describe_missing(half_described.root, "fast", partition=1) == 2
    assert calls == [(("s40",), 1, 2), (("s72",), 2, 2)]
    assert describe_missing(half_described.root, "fast", partition=1) == 0
    assert len(calls) == 2


def test_keys_of_artifacts():
    assert artifacts.key("ranking", "My_screen 2!") == "ranking-my-screen-2"
    assert artifacts.key("π") == "unnamed"


def run(parent=None):
    return SimpleNamespace(name="bold-lynx", id="id", parent_task_run_id=parent)


def test_a_failed_run_tells_the_webhook_and_its_children_do_not(monkeypatch):
    sent = []
    monkeypatch.setenv("MATSCREEN_WEBHOOK", "http://127.0.0.1:9/hook")
    monkeypatch.setattr(hooks.notifications, "send", lambda url, body: sent.append((url, body)))
    flow, state = SimpleNamespace(name="nightly"), SimpleNamespace(name="Failed", message="why")
    hooks.tell_failed(flow, run(parent="parent"), state)
    assert sent == []
    hooks.tell_failed(flow, run(), state)
    ((url, body),) = sent
    assert url == "http://127.0.0.1:9/hook"
    assert (body["event"], body["flow"], body["message"]) == ("failed", "nightly", "why")


def test_a_run_says_that_the_named_server_is_down():
    from prefect.settings import PREFECT_API_URL, temporary_settings

    assert server.named_server() is None
    with (
        temporary_settings({PREFECT_API_URL: "http://127.0.0.1:9/api"}),
        pytest.raises(server.ServerError, match=r"ConnectError.*unset PREFECT_API_URL"),
    ):
        server.named_server()


def test_a_server_elsewhere_is_not_started_here():
    assert not server.healthy("http://127.0.0.1:9/api")
    with (
        pytest.raises(server.ServerError, match="start it there"),
        server.running_server("http://127.0.0.2:9/api"),
    ):
        pass


def test_the_status_is_a_table():
    def ran(minutes, state, kind, message):
        began = NOW - timedelta(minutes=minutes)
        return status.Ran(began, state, kind, timedelta(seconds=42), message)

    found = [
        status.DeploymentStatus(
            "nightly/nightly",
            (ran(5, "Completed", "COMPLETED", "nothing new"), ran(4000, "Crashed", "CRASHED", "")),
            NOW + timedelta(hours=14, minutes=30),
            False,
        ),
        status.DeploymentStatus("train/train", (), None, False),
        status.DeploymentStatus("pull/pull", (), NOW, True),
    ]
    console = Console(width=120, record=True, file=io.StringIO())
    console.print(status.status_table(found, now=NOW))
    lines = console.export_text().splitlines()
    assert "in 14 h 30 min" in lines[1]
    assert "5 min ago" in lines[1]
    assert "42 s" in lines[1]
    assert "nothing new" in lines[1]
    assert "Crashed" in lines[2]
    assert "2026-04-2" in lines[2]
    assert lines[3].split()[:4] == ["train/train", "by", "hand", "never"]
    assert lines[4].split()[:3] == ["pull/pull", "paused", "never"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [
        (0.4, "0 s"),
        (59, "59 s"),
        (59.7, "1 min"),
        (600, "10 min"),
        (3590, "1 h"),
        (7200, "2 h"),
        (5400, "1 h 30 min"),
    ],
)
def test_durations(seconds, text):
    assert status.length(timedelta(seconds=seconds)) == text


def test_an_address_that_is_none_has_no_server():
    from prefect.settings import PREFECT_API_URL, temporary_settings

    wrong = "http://127.0.0.1:port/api"
    assert not server.healthy(wrong)
    with (
        temporary_settings({PREFECT_API_URL: wrong}),
        pytest.raises(server.ServerError, match="no Prefect server answers at http"),
    ):
        server.named_server()
