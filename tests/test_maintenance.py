"""Maintenance: fewer files and the same rows, retention kept, pinned rankings, several processes."""

from __future__ import annotations

import importlib.util
import json
import os
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest
from typer.testing import CliRunner

from matscreen import maintenance, tables
from matscreen.cli import app
from matscreen.errors import InputError, StoreError
from matscreen.pull_writing import only_writer
from matscreen.ranking_record import pinned_versions
from matscreen.store import KEPT, Store

DAY = timedelta(days=1)


def failures(*names):
    return tables.from_rows("failures", [tables.failure_row(n, "s", "r") for n in names])


@pytest.fixture
def store(tmp_path):
    """Return a store whose table `failures` has five versions of one file each."""
    store = Store(tmp_path / "store")
    for name in "abcde":
        store.append("failures", failures(name))
    return store


def age(store, name, **by):
    """Make everything that has happened to a table as much older."""
    earlier = int(timedelta(**by) / timedelta(milliseconds=1))
    folder = Path(store.uri(name)) / "_delta_log"
    for checkpoint in (*folder.glob("*.checkpoint.parquet"), *folder.glob("_last_checkpoint")):
        checkpoint.unlink()
    for log in folder.glob("*.json"):
        entries = [json.loads(line) for line in log.read_text().splitlines()]
        for entry in entries:
            for action in entry.values():
                for key in ("deletionTimestamp", "modificationTime", "timestamp"):
                    if key in action:
                        action[key] -= earlier
        log.write_text("".join(json.dumps(entry) + "\n" for entry in entries))
    for file in Path(store.uri(name)).rglob("*.parquet"):
        os.utime(file, (time.time() - earlier / 1000,) * 2)


def rewritten(store):
    """Replace all rows, so that the files of before are out of use, two days ago."""
    store.replace("failures", failures("z"))
    age(store, "failures", days=2)
    return store


def names(store):
    return sorted(store.read("failures")["structure_id"].to_pylist())


def test_the_state_of_a_table(store):
    (state,) = maintenance.states(store)
    assert (state.name, state.rows, state.files, state.stored_files) == ("failures", 5, 5, 5)
    assert (state.oldest, state.version) == (0, 4)
    assert 0 < state.bytes < state.stored_bytes
    assert maintenance.states(store, []) == []
    with pytest.raises(InputError, match=r"no table labels in .*; it has failures"):
        maintenance.states(store, ["labels"])


def test_compaction_joins_files_and_changes_no_row_and_no_version(store):
    assert maintenance.compact(store) == ["failures"]
    (state,) = maintenance.states(store)
    assert (state.rows, state.files, state.stored_files) == (5, 1, 6)
    assert names(store) == list("abcde")
    assert names(store.at({"failures": 2})) == list("abc")
    assert maintenance.compact(store) == []  # nothing is left to join


def test_compaction_makes_the_log_of_an_older_table_last(tmp_path):
    from deltalake import DeltaTable, write_deltalake

    uri = str(tmp_path / "store" / "old")
    write_deltalake(uri, pa.table({"a": [1]}))
    assert not DeltaTable(uri).metadata().configuration
    maintenance.compact(Store(tmp_path / "store"))
    assert DeltaTable(uri).metadata().configuration == KEPT
    Store(tmp_path / "store").append("new", pa.table({"a": [1]}))
    assert DeltaTable(str(tmp_path / "store" / "new")).metadata().configuration == KEPT


def test_vacuum_says_first_and_deletes_only_what_is_older_than_the_retention(store):
    rewritten(store)
    assert maintenance.vacuum(store, 3 * DAY, dry_run=False)[0].files == 0
    (said,) = maintenance.vacuum(store, DAY)
    assert (said.files, said.done) == (5, False)
    assert names(store.at({"failures": 4})) == list("abcde")
    (done,) = maintenance.vacuum(store, DAY, dry_run=False)
    assert (done.files, done.bytes, done.done) == (5, said.bytes, True)
    assert names(store) == ["z"]
    with pytest.raises(StoreError, match="longer than its retention of 1 days"):
        store.at({"failures": 4}).read("failures")


def test_vacuum_keeps_versions_that_a_ranking_was_made_of(store, tmp_path):
    rewritten(store)
    for number, version in (("one", 1), ("two", 99)):  # 99: of another store
        folder = tmp_path / "results" / number
        folder.mkdir(parents=True)
        provenance = {
            "store_versions": {"failures": version, "labels": -1},
            "identifiers": {"run_id": "r"},
        }
        summary = {"screen": {}, "provenance": provenance}
        (folder / "screen.json").write_text(json.dumps(summary))
    keep = pinned_versions([tmp_path / "results"])
    assert keep == {"failures": {1, 99}}
    (done,) = maintenance.vacuum(store, DAY, keep=keep, dry_run=False)
    assert done.files == 3
    assert names(store.at({"failures": 1})) == ["a", "b"]
    (tmp_path / "results" / "one" / "screen.json").write_text("{")
    with pytest.raises(InputError, match="not the summary of a screen"):
        pinned_versions([tmp_path / "results"])
    with pytest.raises(InputError, match="is no folder"):
        pinned_versions([tmp_path / "absent"])


def test_vacuum_takes_files_of_killed_writers_once_they_are_old(store):
    orphan = Path(store.uri("failures")) / "part-00000-killed.parquet"
    orphan.write_bytes(b"half")
    assert maintenance.vacuum(store, DAY, dry_run=False)[0].files == 0  # it may be at work
    os.utime(orphan, (time.time() - 2 * 86400,) * 2)
    assert maintenance.vacuum(store, DAY, dry_run=False)[0].files == 1
    assert not orphan.exists()
    assert names(store) == list("abcde")


def test_vacuum_refuses_a_short_retention_and_a_pull_at_work(store):
    with pytest.raises(InputError, match="too short"):
        maintenance.vacuum(store, timedelta(hours=23))
    with only_writer(store), pytest.raises(StoreError, match="a pull is writing"):
        maintenance.vacuum(store, DAY)
    maintenance.vacuum(store, DAY)


def test_older_rows_come_back_as_a_new_version(store):
    store.replace("failures", failures("z"))
    assert maintenance.restore(store, "failures", 2) == 6
    assert names(store) == ["a", "b", "c"]
    assert names(store.at({"failures": 5})) == ["z"]
    with pytest.raises(InputError, match="no version 9; its log names 0 to 6"):
        maintenance.restore(store, "failures", 9)


def test_rows_whose_files_are_gone_do_not_come_back(store):
    rewritten(store)
    maintenance.vacuum(store, DAY, dry_run=False)
    with pytest.raises(StoreError, match="version 3 of table 'failures' is gone: the vacuum of "):
        maintenance.restore(store, "failures", 3)
    assert names(store) == ["z"]


def test_columns_come_back_as_they_were(store):
    store.replace("old", pa.table({"a": [1]}))
    store.replace("old", pa.table({"b": ["x"]}))
    assert maintenance.restore(store, "old", 0) == 2
    assert store.read("old") == pa.table({"a": [1]})


def test_the_history_says_what_made_each_version(store):
    maintenance.compact(store)
    found = maintenance.history(store, "failures")
    assert [each.version for each in found] == list(range(6))
    assert [each.operation for each in found] == ["WRITE"] * 5 + ["OPTIMIZE"]


def command(store, *words):
    done = CliRunner().invoke(app, ["store", *words, "--store", store.root])
    assert done.exit_code == 0, done.output
    return " ".join(done.output.split())


def test_the_commands(store, tmp_path, monkeypatch):
    monkeypatch.chdir(tmp_path)
    (tmp_path / "none").mkdir()
    assert "holds no table yet" in command(Store(tmp_path / "none"), "info")
    assert "failures 5 5" in command(store, "info")
    assert "5 -> 1" in command(store, "compact")
    assert command(store, "compact") == "nothing to join"
    assert "no file has been out of use for 30 days" in command(store, "vacuum")
    age(store, "failures", days=31)
    said = command(store, "vacuum")
    assert "failures: 5 files" in said
    assert "Nothing was deleted" in said
    assert "Nothing was deleted" not in command(store, "vacuum", "--delete")
    assert "no file has been" in command(store, "vacuum")
    history = command(store, "history", "failures", "--last", "2")
    assert "vacuum start" in history
    assert "optimize" not in history


def test_no_step_leads_to_an_empty_table(store):
    filled = Store(Path(store.root) / "of a merge")
    filled.upsert("failures", failures("a"))
    assert [each.version for each in maintenance.history(filled, "failures")] == [0, 1]
    assert "restore" not in command(filled, "history", "failures")
    assert "store restore failures 3" in command(store, "history", "failures")


def stress_script(repo):
    return repo / "tests" / "benchmarks" / "stress_store.py"


def test_writers_a_reader_and_a_compactor_at_once(repo, tmp_path):
    script = [sys.executable, str(stress_script(repo)), "--minutes", "0.12"]
    script += ["--store", str(tmp_path / "store")]
    done = subprocess.run(script, capture_output=True, text=True, timeout=300, check=False)
    found = json.loads(done.stdout)
    assert found["wrong"] == []
    assert done.returncode == 0
    assert min(found["turns"].values()) > 0
    assert found["reads_with_news"] > 1
    assert found["compactions"] > 0


def test_the_stress_test_would_see_a_torn_a_doubled_and_a_lost_write(repo):
    spec = importlib.util.spec_from_file_location("stress_store", stress_script(repo))
    stress = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(stress)
    shared = [f"shared-{k}" for k in range(stress.SHARED)]
    whole = [f"a-0-{k}" for k in range(stress.OWN)]
    good = stress.rows([*whole, *shared], "a", 0, "merge")
    assert list(stress.troubles(good, set())) == []
    assert "writes in part" in next(stress.troubles(good.slice(1), set()))
    assert "keys twice" in next(stress.troubles(pa.concat_tables([good, good]), set()))
    other = stress.rows(shared[:3], "b", 1, "merge")
    mixed = pa.concat_tables([good.slice(0, good.num_rows - 3), other])
    assert any("shared rows of 2 writes" in line for line in stress.troubles(mixed, set()))
    assert "seen before are gone" in next(stress.troubles(good, {("append", "b/7")}))
