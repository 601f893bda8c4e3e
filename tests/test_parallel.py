import os

from matscreen.parallel import map_chunks, sensible_workers


def test_results_come_in_order_whatever_the_workers():
    chunks = [[i, i + 1] for i in range(9)]
    expected = [2 * i + 1 for i in range(9)]
    assert list(map_chunks(sum, chunks, workers=1)) == expected
    assert list(map_chunks(sum, chunks, workers=2)) == expected


def test_processes_keep_to_one_thread(monkeypatch):
    monkeypatch.delenv("OMP_NUM_THREADS", raising=False)
    assert list(map_chunks(os.getenv, ["OMP_NUM_THREADS"] * 3, workers=2)) == ["1"] * 3
    assert "OMP_NUM_THREADS" not in os.environ


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
