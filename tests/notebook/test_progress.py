from __future__ import annotations

import sys
from types import SimpleNamespace

import pytest

from matscreen.notebook import progress


class Handle:
    def __init__(self):
        self.seen = []

    def update(self, shown):
        self.seen.append(shown)


@pytest.fixture
def kernel(monkeypatch):
    """Stand for the kernel of a notebook; returns what was displayed."""
    handle = Handle()

    def display(shown, *, display_id):
        assert display_id
        handle.seen.append(shown)
        return handle

    shell = SimpleNamespace(kernel=object())
    shown = SimpleNamespace(display=display)
    fake = SimpleNamespace(get_ipython=lambda: shell, display=shown)
    monkeypatch.setitem(sys.modules, "IPython", fake)
    monkeypatch.setattr(progress, "_LEAST_PAUSE", 0.0)
    return handle


def test_a_notebook_sees_bars_and_then_one_line(kernel):
    with progress.bars() as show:
        show("describe", 1, 2000)
        show("describe", 2000, 2000)
        show("<train>", 3, None)
    running, last = kernel.seen[0]._repr_html_(), kernel.seen[-1]._repr_html_()
    assert "<progress value='1' max='2000'>" in running
    assert "describe 1 of 2,000" in running
    assert "describe 2,000, &lt;train&gt; 3" in last
    assert "<progress" not in last


def test_work_that_fails_leaves_no_bar_running(kernel):
    def fail():
        with progress.bars() as show:
            show("describe", 1, 2)
            raise ValueError("no")

    with pytest.raises(ValueError, match="no"):
        fail()
    assert "<progress" not in kernel.seen[-1]._repr_html_()


def test_work_that_reports_nothing_shows_nothing(kernel):
    with progress.bars():
        pass
    assert kernel.seen == []


def test_outside_of_a_notebook_nothing_is_shown(monkeypatch):
    monkeypatch.delitem(sys.modules, "IPython", raising=False)
    assert not progress.in_notebook()
    with progress.bars() as show:
        show("describe", 1, 2)
    assert "IPython" not in sys.modules


def test_bars_are_not_drawn_more_often_than_they_can_be_seen(kernel, monkeypatch):
    monkeypatch.setattr(progress, "_LEAST_PAUSE", 3600.0)
    with progress.bars() as show:
        for done in range(1, 101):
            show("describe", done, 100)
    assert len(kernel.seen) <= 3
