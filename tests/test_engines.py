"""Partitions on every engine: the same results in order, whatever dies, and clear refusals."""

import importlib
import os
import signal
from functools import partial
from pathlib import Path

import pytest

from matscreen.engines import Processes, open_client, open_engine
from matscreen.errors import InputError, MatscreenError
from matscreen.parallel import map_chunks, meanwhile


def _die_once(marker: str) -> str:
    path = Path(marker)
    if path.suffix == ".once" and not path.exists():
        path.touch()
        os.kill(os.getpid(), signal.SIGKILL)
    return path.name


def _die(_item: int) -> int:
    os.kill(os.getpid(), signal.SIGKILL)
    return 0


def _die_elsewhere(pid: int) -> str:
    if os.getpid() != pid:
        os.kill(os.getpid(), signal.SIGKILL)
    return "done"


@pytest.fixture
def importable(monkeypatch):
    """Let processes find this module by its name: they take over the search path."""
    monkeypatch.syspath_prepend(str(Path(__file__).parent))
    return importlib.import_module(Path(__file__).stem)


@pytest.mark.parametrize("workers", [1, 2])
def test_processes_share_a_plan_and_keep_the_order(workers):
    found = Processes(workers).map(divmod, 10, [1, 2, 3, 4, 5])
    assert list(found) == [divmod(10, n) for n in range(1, 6)]


def test_a_process_that_is_killed_is_replaced(tmp_path, importable):
    names = [str(tmp_path / name) for name in ("a", "b", "c.once", "d", "e", "f")]
    assert list(map_chunks(importable._die_once, names, workers=2)) == [
        "a",
        "b",
        "c.once",
        "d",
        "e",
        "f",
    ]


def test_processes_that_die_every_time_end_in_a_message(importable):
    with pytest.raises(MatscreenError, match="fewer workers"):
        list(map_chunks(importable._die, [1, 2], workers=2))


def test_a_call_whose_process_is_killed_is_made_here(importable):
    with meanwhile(partial(importable._die_elsewhere, os.getpid()), workers=2) as result:
        assert result() == "done"


def test_what_is_no_scheduler_is_refused():
    with pytest.raises(InputError, match="tcp://host:8786"), open_engine("somewhere"):
        pass


def test_a_scheduler_that_does_not_answer_is_named(monkeypatch):
    monkeypatch.setattr("matscreen.engines._CONNECT_SECONDS", 0.2)
    with pytest.raises(InputError, match=r"tcp://127\.0\.0\.1:9"), open_client("tcp://127.0.0.1:9"):
        pass


def test_without_a_cluster_it_is_processes():
    with open_engine(workers=1) as engine:
        assert engine.name == "this process"
    with open_engine(workers=3) as engine:
        assert (engine.name, engine.workers) == ("3 processes", 3)
