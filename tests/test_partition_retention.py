"""Partitions that no screen uses go; those of a screen that goes on, or of a minute ago, stay."""

from __future__ import annotations

import os
import time
from datetime import timedelta
from pathlib import Path

import pyarrow as pa
import pytest

from matscreen.cleaning import clean
from matscreen.errors import InputError
from matscreen.part_files import FOLDER, PartFolder
from matscreen.partition_retention import remove_unused_partitions
from matscreen.store import Store


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def keep_parts(store, question, *, days):
    """Write two partitions of a question, the first of them some days ago."""
    folder = PartFolder(f"{store.root}/{FOLDER}/{question}")
    for name in ("one", "two"):
        folder.write(f"{name}.parquet", pa.table({"a": [1, 2]}))
        (path,) = Path(folder.uri).glob(f"{name}*")
        os.utime(path, (time.time() - days * 86400,) * 2)
    return folder


def test_only_partitions_out_of_use_go(store):
    assert remove_unused_partitions(store, dry_run=False).files == 0
    old, young, resumed = (
        keep_parts(store, name, days=days)
        for name, days in {"old": 31, "young": 2, "resumed": 90}.items()
    )
    resumed.mark_used()
    assert resumed.names() == {"one.parquet", "two.parquet"}  # the mark is no partition
    said = remove_unused_partitions(store)
    assert (said.name, said.files, said.done) == ("partitions", 2, False)
    assert said.bytes == sum(file.stat().st_size for file in Path(old.uri).iterdir())
    assert Path(old.uri).is_dir()
    done = remove_unused_partitions(store, dry_run=False)
    assert (done.files, done.bytes, done.done) == (2, said.bytes, True)
    assert not Path(old.uri).exists()
    assert resumed.names() == young.names() == {"one.parquet", "two.parquet"}
    with pytest.raises(InputError, match="too short"):
        remove_unused_partitions(store, timedelta(hours=1))


def test_a_bucket_that_does_not_say_how_old_files_are_keeps_them():
    class Bucket:
        root = "memory://matscreen-partition-retention"

    folder = PartFolder(f"{Bucket.root}/{FOLDER}/question")
    folder.write("one.parquet", pa.table({"a": [1]}))
    assert remove_unused_partitions(Bucket, timedelta(days=1), dry_run=False).files == 0
    assert folder.names() == {"one.parquet"}


def test_a_clean_up_takes_them_too_unless_tables_are_named(store):
    old = keep_parts(store, "old", days=31)
    store.append("failures", store.read("failures"))
    assert [each.name for each in clean(store, names=["failures"])] == ["failures"]
    found = clean(store, dry_run=False)
    assert [(each.name, each.files) for each in found] == [
        ("failures", 0),
        ("models", 0),
        ("partitions", 2),
    ]
    assert not Path(old.uri).exists()
