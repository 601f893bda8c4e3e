"""What a screen says in the terminal: its best candidates, its failures, where its files are."""

from __future__ import annotations

from collections.abc import Sequence
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING

from rich.console import Console, Group, RenderableType
from rich.table import Table
from rich.text import Text

from matscreen.report.formatting import (
    DASH,
    format_energy,
    format_interval,
    format_percent,
    formula_text,
    plural,
    spacegroup_symbol,
    words,
)
from matscreen.report.result import Candidate, ScreenResult, read_candidates
from matscreen.report.verdict import common_reasons

if TYPE_CHECKING:
    import pandas as pd

_REASONS = 4


def top_candidates_table(ranking: pd.DataFrame, n: int = 8) -> Table:
    """Return the best candidates of a ranking as a table for the terminal.

    With several mechanisms each gets its share of the rows: the class of device sets the decades,
    so the pooled order alone would hide all but one.

    Args:
        ranking: Columns of `candidates.csv`.
        n: Rows to show.

    Returns:
        Rank, formula, mechanism, energy with its 90 % interval, probability of the top ten and
        evidence. Feasible rows only, unless there is none.

    Raises:
        StoreError: A required column is missing.
    """
    return _table(read_candidates(ranking), n)


def screen_summary(
    result: ScreenResult, *, n: int = 8, folder: str | Path | None = None
) -> RenderableType:
    """Return what a screen found, in about twenty lines of at most 100 columns.

    Args:
        result: The finished screen.
        n: Candidates to show.
        folder: Where the files of the result are; their paths are shown from here.
    """
    screen = result.screen
    title = Text.assemble((screen.name, "bold"), f"  {screen.title}" if screen.title else "")
    return Group(
        title,
        Text(_tally(result), style="dim"),
        Text(""),
        _table(result.feasible, n) if result.feasible else _nothing(result.candidates),
        *_failures(result),
        *_paths(result, folder),
    )


def ranking_summary(ranking: pd.DataFrame, n: int = 8) -> RenderableType:
    """Return the best candidates of a ranking, or why there is none.

    Args:
        ranking: Columns of `candidates.csv`.
        n: Rows to show.

    Raises:
        StoreError: A required column is missing.
    """
    rows = read_candidates(ranking)
    feasible = [row for row in rows if row.feasible]
    if feasible:
        return _table(feasible, n)
    if not rows:
        return _nothing(rows)
    # energies of switches that would fail are for orientation only
    all_the_same = Text("Lowest energies all the same:", style="dim")
    return Group(_nothing(rows), all_the_same, _table(rows, n))


def _table(rows: Sequence[Candidate], n: int) -> Table:
    groups: dict[str, list[Candidate]] = {}
    for row in [row for row in rows if row.feasible] or rows:
        groups.setdefault(row.mechanism, []).append(row)
    share = max(1, n // max(1, len(groups)))
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("#", justify="right")
    table.add_column("material", no_wrap=True)
    table.add_column("mechanism", no_wrap=True)
    table.add_column("energy", justify="right", no_wrap=True)
    table.add_column("90 % interval", justify="right", no_wrap=True)
    table.add_column("top 10", justify="right", no_wrap=True)
    table.add_column("evidence", no_wrap=True)
    for members in groups.values():
        if table.row_count:
            table.add_row()
        for row in members[:share]:
            table.add_row(*_cells(row), style=None if row.feasible else "dim")
    return table


def _cells(row: Candidate) -> tuple[RenderableType, ...]:
    return (
        DASH if row.rank is None else str(row.rank),
        _material(row),
        Text(words(row.mechanism)),
        Text(format_energy(row.nominal), style="bold"),
        Text(format_interval(row.lower, row.upper)),
        Text(format_percent(row.p_top_10)),
        Text(row.evidence + (", outside domain" if row.in_domain is False else "")),
    )


def _material(row: Candidate) -> Text:
    return Text.assemble(
        (formula_text(row.formula), "bold"), (f" {spacegroup_symbol(row.spacegroup)}", "dim")
    )


def _tally(result: ScreenResult) -> str:
    counts = result.counts
    parts = [
        f"{counts[key]:,} {label}"
        for key, label in (
            ("seen", "structures seen"),
            ("candidates", "candidates"),
            ("ranked", "pairs ranked"),
            ("feasible", "feasible"),
        )
        if key in counts
    ]
    return ", ".join(parts)


def _nothing(rows: Sequence[Candidate]) -> Text:
    # energies of switches that would fail do not belong under the heading of the best
    if not rows:
        return Text("Nothing could be ranked.", style="bold yellow")
    reasons = common_reasons(rows)[:_REASONS]
    text = ", ".join(f"{words(code)} ({count:,})" for code, count in reasons)
    return Text.assemble(
        ("Nothing is feasible at the asked specification.", "bold yellow"),
        f" Most common reasons: {text}." if text else "",
    )


def _failures(result: ScreenResult) -> tuple[Text, ...]:
    if result.failures.empty:
        return ()
    counts = result.failures["reason"].astype(str).value_counts()
    ordered = sorted(counts.items(), key=lambda item: (-int(item[1]), str(item[0])))
    named = [f"{words(str(reason))} {count:,}" for reason, count in ordered[:_REASONS]]
    rest = sum(int(count) for _, count in ordered[_REASONS:])
    if rest:
        named.append(f"other {rest:,}")
    total = plural(len(result.failures), "failure")
    return (Text(""), Text(f"{total}: {', '.join(named)}", style="dim"))


def _paths(result: ScreenResult, folder: str | Path | None) -> tuple[RenderableType, ...]:
    place = Path(folder) if folder is not None else Path()
    # the report is written after the result that it shows, so it is not among the files
    files = {"report": "report.html"} if folder is not None else {}
    files |= {label: path for label, path in result.files.items() if label not in files}
    if not files:
        return ()
    table = Table.grid(padding=(0, 2, 0, 0))
    table.add_column(style="dim", no_wrap=True)
    # a path is for copying: it may go on in the next line, never be shortened
    table.add_column(overflow="fold")
    for label, path in files.items():
        table.add_row(Text(label), Text(str(place / path)))
    return (Text(""), table)


def terminal() -> Console:
    """Return a console on stdout; piped output gets 120 columns, so that no number is cut.

    It shows text as it is: formulas, paths and what servers say hold square brackets and colons,
    which rich would take for markup and emoji. Styles are given by `style` and `rich.text.Text`.
    """
    console = partial(Console, markup=False, emoji=False, highlight=False)
    found = console()
    return found if found.is_terminal else console(width=120)
