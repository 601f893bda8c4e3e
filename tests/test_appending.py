"""Tests of appending to a table that stays open while others write."""

from __future__ import annotations

import threading
from pathlib import Path

import pyarrow as pa
import pytest

from matscreen.appending import Appender
from matscreen.store import Store


@pytest.fixture
def notes(tmp_path: Path) -> Appender:
    """Keep a table of two rows open."""
    opened = Appender(Store(tmp_path), "notes")
    opened.append(rows("a"))
    opened.append(rows("b"))
    return opened


def rows(*names: str, **more: list) -> pa.Table:
    return pa.table({"name": list(names), **more})


def names(store: Store) -> list[str]:
    return sorted(store.read("notes")["name"].to_pylist())


def test_the_first_rows_make_the_table_and_others_follow(tmp_path: Path) -> None:
    store = Store(tmp_path / "store")
    notes = Appender(store, "notes")
    for name in "abc":
        notes.append(rows(name))
    assert names(store) == ["a", "b", "c"]
    assert store.version("notes") == 2


def test_rows_of_other_writers_stay(tmp_path: Path, notes: Appender) -> None:
    Store(tmp_path).append("notes", rows("other", size=[3]))
    notes.append(rows("c"))
    Store(tmp_path).upsert("notes", rows("a", size=[1]), keys=["name"])
    notes.append(rows("d", size=[4]))
    stored = {row["name"]: row["size"] for row in Store(tmp_path).read("notes").to_pylist()}
    assert stored == {"a": 1, "b": None, "c": None, "d": 4, "other": 3}


def test_the_table_may_be_replaced_meanwhile(tmp_path: Path, notes: Appender) -> None:
    Store(tmp_path).replace("notes", rows("z", weight=[0.5]))
    notes.append(rows("c"))
    assert names(Store(tmp_path)) == ["c", "z"]


def test_two_that_append_at_once_lose_nothing(tmp_path: Path) -> None:
    def work(writer: str) -> None:
        notes = Appender(Store(tmp_path), "notes")
        for number in range(12):
            notes.append(rows(f"{writer}{number:02d}"))

    Store(tmp_path).append("notes", rows("first"))
    threads = [threading.Thread(target=work, args=(writer,)) for writer in "ab"]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    wanted = ["first", *(f"{writer}{number:02d}" for writer in "ab" for number in range(12))]
    assert names(Store(tmp_path)) == sorted(wanted)
