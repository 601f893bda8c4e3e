"""One process at a time, by a locked file."""

import os
import signal
import subprocess
import sys
import time

import pytest

from matscreen.file_lock import lock

HOLDER = """
import sys, time
from pathlib import Path
from matscreen.file_lock import lock
with lock(Path(sys.argv[1]), patience=0) as known:
    print(known, flush=True)
    time.sleep(60)
"""


@pytest.fixture
def held(tmp_path):
    """A path that another process holds, and that process."""
    path = tmp_path / "folder" / "x.lock"
    holder = subprocess.Popen(
        [sys.executable, "-c", HOLDER, str(path)], stdout=subprocess.PIPE, text=True
    )
    assert holder.stdout.readline().strip() == "True"
    yield path, holder
    holder.kill()
    holder.wait()


def test_another_process_is_waited_for_in_vain(held):
    told = []
    began = time.monotonic()
    with (
        pytest.raises(TimeoutError),
        lock(held[0], patience=0.3, poll=0.05, waiting=lambda: told.append(1)),
    ):
        pass
    assert time.monotonic() - began >= 0.3
    assert told == [1]


def test_a_killed_process_locks_nobody_out(held):
    path, holder = held
    os.kill(holder.pid, signal.SIGKILL)
    holder.wait()
    with lock(path, patience=0) as known:
        assert known


def test_it_is_free_again_after_the_block_and_after_an_error(tmp_path):
    path = tmp_path / "x.lock"
    with pytest.raises(KeyError), lock(path, patience=0):
        raise KeyError
    with lock(path, patience=0) as known, pytest.raises(TimeoutError), lock(path, patience=0):
        assert known


def test_where_no_file_can_be_made_the_block_runs_without(tmp_path):
    (tmp_path / "file").write_text("")
    with lock(tmp_path / "file" / "x.lock", patience=0) as known:
        assert not known
