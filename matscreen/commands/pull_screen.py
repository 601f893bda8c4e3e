"""What a pull shows in the terminal: a line for each database while it runs, a table at the end."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from matscreen.commands.output import errors, manner, new_table

if TYPE_CHECKING:
    from matscreen.pulling import Tally
    from matscreen.sources.counting import Count

DASH = "–"
_LIVE = ("entries", "rate", "new", "duplicate", "failed", "error")


@contextmanager
def database_bars() -> Iterator[Callable[[Tally], None]]:
    """Yield a function that shows how each database stands; nothing when quiet."""
    if manner().quiet:
        yield lambda _tally: None
        return
    from rich.progress import BarColumn, Progress, TextColumn

    console = errors()
    columns = (
        TextColumn("{task.description}", markup=False),  # an address may hold brackets
        BarColumn(bar_width=12),
        *(TextColumn(f"{{task.fields[{name}]}}", justify="right") for name in _LIVE),
    )
    with Progress(*columns, console=console, disable=not console.is_terminal) as bars:
        tasks: dict[str, Any] = {}

        def show(tally: Tally) -> None:
            fields = _live(tally)
            if tally.name not in tasks:
                tasks[tally.name] = bars.add_task(tally.name, total=None, **fields)
            whole = tally.expected if tally.expected and tally.expected >= tally.seen else None
            done = tally.finished or tally.error is not None
            bars.update(
                tasks[tally.name],
                completed=tally.seen,
                total=max(tally.seen, 1) if done else whole,
                **fields,
            )

        yield show


def _live(tally: Tally) -> dict[str, Any]:
    of = f"/{tally.expected:,}" if tally.expected and not tally.finished else ""
    return {
        "entries": f"{tally.seen:,}{of}",
        "rate": f"{tally.rate:,.0f}/s",
        "new": f"{tally.new:,} new",
        "duplicate": f"{tally.duplicates:,} duplicate" if tally.duplicates else "",
        "failed": f"{tally.failed:,} failed" if tally.failed else "",
        "error": "[red]error[/]" if tally.error else "",
    }


def summary(tallies: Sequence[Tally]) -> Any:
    """Return the table of what a pull brought."""
    from rich.console import Group
    from rich.text import Text

    table = new_table()
    table.add_column("database", no_wrap=True)
    for name in ("entries", "new", "duplicate", "unchanged", "failed", "per second"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("state", no_wrap=True)
    for tally in tallies:
        table.add_row(
            Text(tally.name, style="bold"),
            *(
                f"{number:,}" if number else DASH
                for number in (
                    tally.entries,
                    tally.new,
                    tally.duplicates,
                    tally.unchanged,
                    tally.failed,
                    round(tally.rate),
                )
            ),
            _state(tally),
        )
    lines = [Text(note, style="dim") for tally in tallies for note in _notes(tally)]
    failed = [Text(f"{each.name}: {each.error}", style="red") for each in tallies if each.error]
    return Group(table, *lines, *failed)


def _state(tally: Tally) -> Any:
    from rich.text import Text

    if tally.error:
        return Text("failed; pull again to go on", style="red")
    if not tally.finished:
        return Text("stopped; pull again to go on", style="yellow")
    return Text("complete", style="green")


def _notes(tally: Tally) -> Iterator[str]:
    if tally.earlier:
        yield f"{tally.name}: went on after {tally.earlier:,} pages of an earlier pull."
    claimed = tally.expected
    if tally.finished and not tally.earlier and claimed is not None and claimed != tally.entries:
        yield (
            f"{tally.name}: the server announced {claimed:,} entries and sent {tally.entries:,}; "
            "what it sent is stored."
        )


def expected(counts: Sequence[Count]) -> Any:
    """Return the table of what a pull would bring."""
    from rich.console import Group
    from rich.text import Text

    table = new_table()
    table.add_column("database", no_wrap=True)
    table.add_column("matching", justify="right", no_wrap=True)
    table.add_column("of", justify="right", no_wrap=True)
    table.add_column("")
    for each in counts:
        table.add_row(
            Text(each.name, style="bold"),
            DASH if each.returned is None else f"{each.returned:,}",
            DASH if each.available is None else f"{each.available:,}",
            Text(each.error or each.url, style="red" if each.error else "dim"),
        )
    sent: dict[str, list[str]] = {}
    for each in counts:
        sent.setdefault(each.filter, []).append(each.name)
    lines = [
        Text.assemble((f"filter of {', '.join(names)}", "dim"), f"\n  {text or 'none'}")
        for text, names in sent.items()
    ]
    return Group(table, Text(""), *lines, Text("Nothing was read or stored.", style="dim"))
