"""Progress on the error stream, so that a piped stdout holds results only."""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager

from matscreen.commands.output import errors, manner


@contextmanager
def bar(name: str) -> Iterator[Callable[[int, int], None]]:
    """Yield a function of (done, total) that moves one bar; it does nothing when quiet."""
    with stages_bars() as show:
        yield lambda done, total: show(name, done, total)


@contextmanager
def stages_bars() -> Iterator[Callable[[str, int, int | None], None]]:
    """Show the progress of stages as one bar each; nothing when quiet.

    With `--verbose` the stages and their seconds are said once more at the end.
    """
    asked = manner()
    if asked.quiet:
        yield lambda _stage, _done, _total: None
        return
    from rich.progress import (
        BarColumn,
        MofNCompleteColumn,
        Progress,
        TextColumn,
        TimeElapsedColumn,
        TimeRemainingColumn,
    )

    console = errors()
    columns = (
        TextColumn("{task.description:<16}", markup=False),
        BarColumn(),
        MofNCompleteColumn(),
        TimeElapsedColumn(),
        TimeRemainingColumn(elapsed_when_finished=False, compact=True),
    )
    times: dict[str, tuple[float, float, int]] = {}
    # Bars are for eyes: a file that catches stderr gets the errors only.
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        tasks = {}

        def show(stage: str, done: int, total: int | None) -> None:
            if stage not in tasks:
                tasks[stage] = bars.add_task(stage, total=total)
            bars.update(tasks[stage], completed=done, total=total)
            now = time.monotonic()
            times[stage] = (times.get(stage, (now,))[0], now, done)

        yield show
    if asked.verbose:
        for stage, (began, ended, done) in times.items():
            console.print(f"{stage}: {done:,} in {ended - began:.1f} s", style="dim")
