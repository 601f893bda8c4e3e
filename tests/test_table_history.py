"""A store as it was: views of old versions, and why one cannot be read."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest
from deltalake import DeltaTable

from matscreen import tables
from matscreen.errors import StoreError
from matscreen.store import Store
from matscreen.table_history import commits, version_at
from tests.label_rows import label, labels


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def test_a_view_reads_what_was_there_and_never_writes(store):
    store.append("labels", labels(label("a")))
    then = store.versions()
    view = store.snapshot()
    store.append("labels", labels(label("b")))
    store.append("ledger", tables.SCHEMAS["ledger"].empty_table())
    assert store.names() == ["labels", "ledger"]
    assert store.versions() == {"labels": 1, "ledger": 0}
    for past in (view, store.at(then), store.at({"labels": 0, "ledger": -1})):
        assert past.read("labels")["structure_id"].to_pylist() == ["a"]
        assert (past.version("labels"), past.version("ledger")) == (0, -1)
        assert past.names() == ["labels"]
        assert past.read("ledger").num_rows == 0
        for write in (past.append, past.upsert, past.replace, past.remove):
            with pytest.raises(StoreError, match="opened at version 0 of it, for reading only"):
                write("labels", labels(label("c")))
    assert store.read("labels").num_rows == 2


def test_a_version_that_never_was_is_told_apart_from_one_that_is_gone(store):
    store.append("labels", labels(label("a")))
    with pytest.raises(StoreError, match="has no version 7, the latest is 0"):
        store.at({"labels": 7}).read("labels")


def test_a_version_without_its_files_names_the_vacuum_and_its_retention(store):
    store.append("labels", labels(label("a")))
    store.replace("labels", labels(label("b")))
    DeltaTable(store.uri("labels")).vacuum(0, dry_run=False, enforce_retention_duration=False)
    assert store.read("labels").num_rows == 1
    with pytest.raises(StoreError, match=r"version 0 of table 'labels' is gone: the vacuum of "):
        store.at({"labels": 0}).read("labels")
    with pytest.raises(StoreError, match="its retention of 0 hours"):
        store.at({"labels": 0}).read("labels", ["value"])


def test_a_clock_that_was_set_back_keeps_the_order_of_versions(store):
    for value in (1.0, 2.0, 3.0):
        store.append("labels", labels(label(value=value)))
    log = Path(store.uri("labels")) / "_delta_log" / f"{2:020d}.json"
    stamp = int(commits(store.uri("labels"))[2].at.timestamp() * 1000)
    text = log.read_text()
    assert str(stamp) in text
    log.write_text(text.replace(str(stamp), str(stamp - 3_600_000)))  # one hour back
    found = commits(store.uri("labels"))
    assert [each.version for each in found] == [0, 1, 2]
    assert [each.at for each in found] == sorted(each.at for each in found)
    assert version_at(found, datetime.now(UTC)) == 2
    assert version_at(found, found[0].at - timedelta(seconds=1)) is None
