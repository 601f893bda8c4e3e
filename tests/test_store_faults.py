"""What a store does when the disk gives out or may not be written."""

from __future__ import annotations

import resource
import subprocess
import sys

import pytest

from matscreen import tables
from matscreen.errors import StoreError
from matscreen.store import Store

FILL = """
import resource, sys
from matscreen import tables
from matscreen.errors import StoreError
from matscreen.store import Store

store, written = Store(sys.argv[1]), 0
resource.setrlimit(resource.RLIMIT_FSIZE, (40_000, 40_000))
try:
    for turn in range(40):
        name = f"{turn:04d}"
        rows = [
            tables.failure_row(f"{name}-{row}", "pull", "reason", str(hash((turn, row))))
            for row in range(1 + 100 * turn)
        ]
        store.append("failures", tables.from_rows("failures", rows))
        written += len(rows)
except StoreError as error:
    print(written)
    print(error)
"""


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def row(name):
    return tables.from_rows("failures", [tables.failure_row(name, "pull", "reason")])


def test_a_disk_that_gives_out_loses_nothing_that_was_written(store):
    # A limit on the size of a file stops a write in its middle, as a full disk does.
    done = subprocess.run(
        [sys.executable, "-c", FILL, store.root], capture_output=True, text=True, check=True
    )
    written, message = done.stdout.splitlines()
    assert int(written) > 100
    assert message.startswith(f"cannot write table 'failures' in {store.root}: ")
    assert message.endswith(
        "raise the limit on the size of files, or give a store elsewhere (--store). "
        "What was written before is whole"
    )
    assert resource.getrlimit(resource.RLIMIT_FSIZE)[0] != 40_000
    assert store.read("failures").num_rows == int(written)
    store.append("failures", row("after"))
    assert store.read("failures").num_rows == int(written) + 1


@pytest.mark.parametrize(
    ("number", "text", "advice"),
    [
        (28, "No space left on device", "free some space (`matscreen store vacuum`"),
        (30, "Read-only file system", "give a store that may be written (--store)"),
    ],
)
def test_a_full_or_closed_disk_says_what_to_do(store, monkeypatch, number, text, advice):
    store.append("failures", row("first"))

    def fail(*_arguments, **_options):
        raise OSError(f"Generic LocalFileSystem error: {text} (os error {number})")

    with monkeypatch.context() as broken:
        broken.setattr("deltalake.write_deltalake", fail)
        with pytest.raises(StoreError) as caught:
            store.append("failures", row("second"))
    assert text in str(caught.value)
    assert advice in str(caught.value)
    assert store.read("failures")["structure_id"].to_pylist() == ["first"]
