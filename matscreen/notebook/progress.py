"""Progress bars of the stages in a notebook; nothing anywhere else."""

from __future__ import annotations

import html
import sys
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from typing import Any, Final

from matscreen.shipped import Progress, quiet

_LEAST_PAUSE: Final = 0.2
"""Seconds between two drawings of a bar that is not full: each one is a message to the browser."""


@contextmanager
def bars() -> Iterator[Progress]:
    """Yield a function of (stage, done, total) that shows one bar a stage in a notebook.

    When the work ends, a line that counts what each stage did takes the place of the bars. Outside
    of a notebook nothing is shown.
    """
    if not in_notebook():
        yield quiet
        return
    from IPython import display as ipython

    display: Callable[..., Any] = ipython.display
    stages: dict[str, tuple[int, int | None]] = {}
    handle: Any = None
    drawn = 0.0

    def show(stage: str, done: int, total: int | None) -> None:
        nonlocal handle, drawn
        stages[stage] = (done, total)
        now = time.monotonic()
        if done != total and now - drawn < _LEAST_PAUSE:
            return
        drawn = now
        if handle is None:
            handle = display(_Bars(stages, running=True), display_id=True)
        else:
            handle.update(_Bars(stages, running=True))

    try:
        yield show
    finally:
        if handle is not None:
            handle.update(_Bars(stages, running=False))


def in_notebook() -> bool:
    """Say whether this process is the kernel of a notebook."""
    if "IPython" not in sys.modules:  # a kernel has imported it; nobody else should have to
        return False
    from IPython import get_ipython

    shell = get_ipython()
    return shell is not None and getattr(shell, "kernel", None) is not None


class _Bars:
    """The bars at one moment, or the line that is left of them."""

    def __init__(self, stages: dict[str, tuple[int, int | None]], *, running: bool) -> None:
        self.stages = dict(stages)
        self.running = running

    def __repr__(self) -> str:
        return ", ".join(
            f"{stage} {done:,}" if not self.running or total is None else f"{stage} {done}/{total}"
            for stage, (done, total) in self.stages.items()
        )

    def _repr_html_(self) -> str:
        if not self.running:
            return f"<small>{html.escape(repr(self))}</small>"
        return "<br>".join(
            f"<progress value='{done}' max='{total or max(done, 1)}'></progress> "
            f"{html.escape(stage)} {done:,}" + (f" of {total:,}" if total is not None else "")
            for stage, (done, total) in self.stages.items()
        )
