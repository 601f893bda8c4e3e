"""What a command says and where: results on stdout, everything else on stderr.

A command is asked for one of three ways of speaking: text for people, JSON for programs
(`--json`), or nothing but errors (`--quiet`). It says what it found once, by `show`, and this
module picks the form.
"""

from __future__ import annotations

import json
import logging
import math
import shutil
import sys
import warnings
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import asdict, dataclass, is_dataclass, replace
from datetime import date
from os import PathLike, fspath
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Any, Final

if TYPE_CHECKING:
    from rich.console import Console, RenderableType
    from rich.table import Table

Step = tuple[str, str]
"""A command line to go on with, and what it is for."""


@dataclass(frozen=True)
class Manner:
    """How a command was asked to speak.

    Attributes:
        quiet: Errors only.
        verbose: Also warnings, the logs of libraries, and the time of each stage.
        debug: Errors with their traceback.
        json: Results as JSON.
    """

    quiet: bool = False
    verbose: bool = False
    debug: bool = False
    json: bool = False


_MANNER: ContextVar[Manner] = ContextVar("manner", default=Manner())  # noqa: B039 - frozen


def manner() -> Manner:
    """Return how the running command was asked to speak."""
    return _MANNER.get()


@contextmanager
def speaking(**asked: bool) -> Iterator[Manner]:
    """Speak as asked until the end of the block; what was asked outside it stays asked."""
    outer = _MANNER.get()
    now = replace(outer, **{name: value or getattr(outer, name) for name, value in asked.items()})
    token = _MANNER.set(now)
    try:
        with _libraries(verbose=now.verbose):
            yield now
    finally:
        _MANNER.reset(token)


@contextmanager
def _libraries(*, verbose: bool) -> Iterator[None]:
    """Silence other libraries' warnings about a user's files, which become failure rows."""
    with warnings.catch_warnings():
        if not verbose:
            warnings.simplefilter("ignore")
            yield
            return
        warnings.simplefilter("default")
        # What libraries will change some day is their developers' matter.
        warnings.simplefilter("ignore", DeprecationWarning)
        heard = logging.StreamHandler(sys.stderr)
        heard.setFormatter(logging.Formatter("%(name)s: %(message)s"))
        root = logging.getLogger()
        before = root.level
        root.addHandler(heard)
        root.setLevel(logging.INFO)
        try:
            yield
        finally:
            root.removeHandler(heard)
            root.setLevel(before)


def show(data: Callable[[], Any], *text: Callable[[], RenderableType]) -> None:
    """Show a result: JSON where it was asked for, nothing when quiet, else text.

    Args:
        data: Makes what programs read; see `plain` for the types.
        *text: Make what people read, one after the other.
    """
    asked = manner()
    if asked.json:
        print_json(data())
    elif not asked.quiet:
        from matscreen.commands.narrow_tables import fitted
        from matscreen.console import terminal

        console = terminal()
        for part in text:
            made = fitted(part(), console)
            # rich heeds the wish of a text not to be wrapped only when it is told once more.
            console.print(made, soft_wrap=bool(getattr(made, "no_wrap", None)))


def new_table(title: str | None = None, *, space: int = 2) -> Table:
    """Return an empty table as every command shows one: no box, a quiet header.

    Args:
        title: Title above it.
        space: Columns of space between two columns.
    """
    from rich.table import Table as Empty

    return Empty(
        title=title,
        title_justify="left",
        box=None,
        pad_edge=False,
        padding=(0, space, 0, 0),
        header_style="dim",
    )


def print_json(content: Any) -> None:
    """Print one JSON document on stdout."""
    text = json.dumps(plain(content), indent=2, ensure_ascii=False, allow_nan=False)
    sys.stdout.write(text + "\n")


def next_steps(*steps: Step) -> None:
    """Say which commands go on from here; only to people."""
    asked = manner()
    if not steps or asked.quiet or asked.json:
        return
    from rich.table import Table
    from rich.text import Text

    from matscreen.console import terminal

    steps = tuple((_runnable(command), why) for command, why in steps)
    console = terminal()
    console.print("\nNext", style="bold")
    # A command line is for copying: it may go on in the next line, never be shortened.
    wide = max(len(command) for command, _ in steps) + max(len(why) for _, why in steps) + 6
    if wide <= console.width:
        table = Table.grid(padding=(0, 3, 0, 0))
        table.add_column(no_wrap=True)
        table.add_column(style="dim")
        for command, why in steps:
            table.add_row(Text(f"  {command}", style="cyan"), Text(why))
        console.print(table)
        return
    for command, why in steps:
        console.print(Text(f"  {command}", style="cyan"), soft_wrap=True)
        console.print(Text(f"      {why}", style="dim"))


def _runnable(command: str) -> str:
    """Name matscreen so that a shell finds it: after `make screen` it is in no folder of PATH."""
    beside = Path(sys.executable).with_name("matscreen")
    if not command.startswith("matscreen ") or shutil.which("matscreen") or not beside.is_file():
        return command
    here = Path.cwd()
    place = beside.relative_to(here) if beside.is_relative_to(here) else beside
    return quote(str(place)) + command.removeprefix("matscreen")


def note(text: str) -> None:
    """Say something beside the result, on stderr; nothing when quiet."""
    if not manner().quiet:
        errors().print(text, style="dim", soft_wrap=True)


def warn(text: str) -> None:
    """Say on stderr what a user should know before acting on the result; nothing when quiet."""
    if not manner().quiet:
        errors().print(text, style="yellow", soft_wrap=True)


def errors() -> Console:
    """Return a console on stderr that shows text as it is."""
    from rich.console import Console as OnStderr

    return OnStderr(stderr=True, markup=False, emoji=False, highlight=False)


_ROWS: Final = "records"


def plain(value: Any) -> Any:
    """Return nested values as JSON has them.

    Frames become a list of rows, dataclasses and mappings objects, arrays lists, paths and moments
    text; NaN and infinity, for which JSON has no number, become null.
    """
    if value is None or isinstance(value, str | bool | int):
        return value
    if isinstance(value, float):
        return value if math.isfinite(value) else None
    if isinstance(value, Mapping):
        return {str(key): plain(part) for key, part in value.items()}
    if isinstance(value, list | tuple):
        return [plain(part) for part in value]
    if isinstance(value, set | frozenset):
        return sorted(plain(part) for part in value)
    if is_dataclass(value) and not isinstance(value, type):
        return plain(asdict(value))
    if isinstance(value, date):
        return value.isoformat()
    if isinstance(value, PathLike):
        return fspath(value)
    return _foreign(value)


def _foreign(value: Any) -> Any:
    """Turn what pandas and numpy bring into plain values without importing either."""
    if hasattr(value, "to_dict"):
        is_frame = hasattr(value, "columns")
        return plain(value.to_dict(_ROWS) if is_frame else value.to_dict())
    if hasattr(value, "tolist"):  # arrays and scalars of numpy
        return plain(value.tolist())
    text = str(value)
    return None if text in {"<NA>", "NaT"} else text
