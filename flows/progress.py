"""Where the progress of stages goes: to bars on a terminal, else to the log of the run."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from contextvars import ContextVar

import flows  # sets Prefect up, so it comes before prefect
from flows import artifacts
from matscreen.shipped import Progress

__all__ = ["flows", "report", "show", "showing"]

_EVERY_SECONDS = 15.0
_SHOWN: ContextVar[Progress | None] = ContextVar("shown", default=None)


@contextmanager
def showing(progress: Progress) -> Iterator[None]:
    """Send the progress of the flows called inside to a function, not to their logs."""
    token = _SHOWN.set(progress)
    try:
        yield
    finally:
        _SHOWN.reset(token)


def report() -> Progress:
    """Return what a task tells its progress: the function of `showing`, else a log and a bar."""
    return _SHOWN.get() or _Logged()


def show(text: str) -> None:
    """Say one line in the log of the run."""
    from prefect import get_run_logger
    from prefect.exceptions import MissingContextError

    try:
        get_run_logger().info(text)
    except MissingContextError:  # a task called by itself, as the tests do
        return


class _Logged:
    """Logs a stage at its end and every few seconds, and moves its bar in the Prefect UI."""

    def __init__(self) -> None:
        self._said: dict[str, float] = {}
        self._bars: dict[str, artifacts.Bar] = {}

    def __call__(self, stage: str, done: int, total: int | None) -> None:
        now = time.monotonic()
        began = self._said.setdefault(stage, now)
        finished = total is not None and done >= total
        if not finished and now - began < _EVERY_SECONDS:
            return
        if finished and total == 1:
            return
        self._said[stage] = now
        show(f"{stage}: {done:,}" + (f" of {total:,}" if total else ""))
        if total and (stage in self._bars or not finished):
            # What ends within seconds needs no bar.
            bar = self._bars.setdefault(stage, artifacts.Bar(stage))
            bar.move(100.0 * done / total)
