"""The flow that maintains a store, called by itself: no server is needed for that."""

import os
import time
from pathlib import Path

from flows.maintain import maintain
from matscreen import tables
from matscreen.pull_writing import only_writer
from matscreen.store import Store


def test_it_compacts_and_deletes_what_is_old_and_waits_for_a_pull(tmp_path):
    store = Store(tmp_path / "store")
    for name in "abc":
        row = tables.failure_row(name, "stage", "reason")
        store.append("failures", tables.from_rows("failures", [row]))
    orphan = Path(store.uri("failures")) / "part-00000-killed.parquet"
    orphan.write_bytes(b"half")
    os.utime(orphan, (time.time() - 40 * 86400,) * 2)
    absent = [str(tmp_path / "no results yet")]
    with only_writer(store):
        ended = maintain.fn(store.root, absent)
    assert ended.message == "1 tables compacted, 0 files (0.0 MB) deleted"
    assert orphan.exists()
    ended = maintain.fn(store.root, absent, delete=False)
    assert ended.message == "0 tables compacted, 1 files (0.0 MB) to delete"
    assert orphan.exists()
    ended = maintain.fn(store.root, absent)
    assert ended.message == "0 tables compacted, 1 files (0.0 MB) deleted"
    assert not orphan.exists()
    assert store.read("failures").num_rows == 3


def test_a_table_that_another_process_makes_meanwhile_is_no_trouble(tmp_path, monkeypatch):
    store = Store(tmp_path / "store")
    row = tables.failure_row("a", "stage", "reason")
    store.append("failures", tables.from_rows("failures", [row]))
    noted = []

    def compact(opened):
        opened.append("candidates", tables.SCHEMAS["candidates"].empty_table())
        return []

    monkeypatch.setattr("flows.maintain.compact", compact)
    monkeypatch.setattr("flows.maintain.artifacts.note", lambda _name, text: noted.append(text))
    assert maintain.fn(store.root, []).is_completed()
    assert "| candidates | 0 | new → " in noted[0]
    assert "| failures | 1 | 1 → 1 |" in noted[0]
