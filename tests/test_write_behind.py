"""Tests of the thread that writes pages behind their maker."""

from __future__ import annotations

import threading

import pytest

from matscreen.errors import StoreError
from matscreen.write_behind import WriteBehind


def test_the_next_page_is_made_while_one_is_written() -> None:
    made, order = threading.Event(), []

    def write() -> None:
        assert made.wait(10), "nobody made the next page meanwhile"
        order.append("written")

    with WriteBehind() as behind:
        behind.put(write, lambda: order.append("told"))
        order.append("made")
        made.set()
    assert order == ["made", "written", "told"]


def test_pages_are_written_one_by_one_in_their_order() -> None:
    running, most, written, told = [], [], [], []

    def write(page: int) -> None:
        running.append(page)
        most.append(len(running))
        written.append(page)
        running.remove(page)

    with WriteBehind() as behind:
        for page in range(20):
            behind.put(lambda page=page: write(page), lambda page=page: told.append(page))
            assert told == list(range(page))
    assert written == told == list(range(20))
    assert set(most) == {1}


def test_an_error_stops_the_next_page_and_is_told_once() -> None:
    written, told = [], []

    def fail() -> None:
        raise StoreError("the disk is full")

    behind = WriteBehind()
    behind.put(fail, lambda: told.append("failed"))
    with pytest.raises(StoreError, match="full"):
        behind.put(lambda: written.append("next"), lambda: told.append("next"))
    behind.settle()
    assert written == told == []
    with pytest.raises(StoreError, match="full"), behind:
        behind.put(fail, lambda: told.append("failed"))
    assert told == []


def test_what_is_begun_is_written_also_when_the_maker_fails() -> None:
    go, written = threading.Event(), []

    def write() -> None:
        go.wait(10)
        written.append("page")

    def make() -> None:
        with WriteBehind() as behind:
            behind.put(write, lambda: None)
            threading.Timer(0.05, go.set).start()
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        make()
    assert written == ["page"]
