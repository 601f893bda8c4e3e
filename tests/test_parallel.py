import os
import subprocess
import sys

import pytest

from matscreen.parallel import map_chunks, meanwhile, sensible_workers


def test_results_come_in_order_whatever_the_workers():
    chunks = [[i, i + 1] for i in range(9)]
    expected = [2 * i + 1 for i in range(9)]
    assert list(map_chunks(sum, chunks, workers=1)) == expected
    assert list(map_chunks(sum, chunks, workers=2)) == expected


def test_processes_keep_to_one_thread(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert list(map_chunks(os.getenv, ["OMP_NUM_THREADS"] * 3, workers=2)) == ["1"] * 3
    assert "OMP_NUM_THREADS" not in os.environ


@pytest.mark.skipif(sys.platform != "linux", reason="processes are not forked")
def test_processes_have_what_their_server_loaded(tmp_path):
    # In a process of its own: there is one server for a process, and this one may have it already.
    script = tmp_path / "script.py"
    (tmp_path / "loaded_ahead.py").write_text("")
    script.write_text(
        "import os, sys\n"
        "from matscreen.parallel import map_chunks, start_server\n"
        "def seen(_): return 'loaded_ahead' in sys.modules, os.getenv('OMP_NUM_THREADS')\n"
        "if __name__ == '__main__':\n"
        "    start_server('loaded_ahead')\n"
        "    print(*map_chunks(seen, [0, 0], workers=2))\n"
        "    print('OMP_NUM_THREADS' in os.environ)\n"
    )
    environment = {name: text for name, text in os.environ.items() if name != "OMP_NUM_THREADS"}
    done = subprocess.run(
        [sys.executable, script], capture_output=True, text=True, check=True, env=environment
    )
    assert done.stdout.splitlines() == ["(True, '1') (True, '1')", "False"]


def test_a_call_is_made_meanwhile():
    with meanwhile(os.getpid, workers=2) as other, meanwhile(os.getpid, workers=1) as own:
        assert other() != os.getpid()
        assert other() == other()
        assert own() == os.getpid()
    with meanwhile(len, workers=2) as failing, pytest.raises(TypeError):
        failing()


def test_chunks_are_taken_as_they_are_needed():
    taken = []

    def chunks():
        for i in range(100):
            taken.append(i)
            yield [i]

    found = map_chunks(sum, chunks(), workers=1)
    next(found)
    assert len(taken) < 5


def test_few_items_start_no_process():
    assert sensible_workers(100, each=8000) == 1
    assert sensible_workers(10**9, each=8000) >= 1
