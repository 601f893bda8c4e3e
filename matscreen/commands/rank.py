"""`matscreen rank`: rank what the store knows, now or as of then."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from matscreen.commands import completion
from matscreen.commands.options import DEFAULT_STORE, SourceOption, StoreOption, output_option
from matscreen.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import RenderableType

    from matscreen.ranking_record import RankingRecord


def rank(
    name: Annotated[
        str | None,
        typer.Argument(
            help="A shipped screen, or the path of a .toml file.",
            metavar="SCREEN",
            autocompletion=completion.screens,
        ),
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as-of",
            metavar="RESULTS|TIME",
            help="Rank the tables as they were for these results, or at this moment (UTC).",
        ),
    ] = None,
    source: SourceOption = None,
    output: Annotated[Path | None, output_option("Folder for candidates.csv and .parquet.")] = None,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Rank with what the store knows: nothing is described, trained or predicted.

    With --as-of and the results of a screen, that ranking is made again from the tables at the
    versions of then, and compared with it bit for bit: exit code 1 where it differs. --json prints
    every row.

    Examples:
      matscreen rank synapse
      matscreen rank --as-of results/synapse
      matscreen rank synapse --as-of 2026-03-01T12:00 --source store -o results/march
    """
    from matscreen import stages
    from matscreen.commands.opening import open_store
    from matscreen.commands.output import next_steps, show
    from matscreen.commands.progress import stages_bars
    from matscreen.commands.ranked_steps import screen_steps
    from matscreen.config import load_screen, shipped_screens
    from matscreen.screening import rank as ranked
    from matscreen.time_travel import record_of

    if name is None and as_of is None:
        raise InputError(
            f"name a screen ({', '.join(shipped_screens())} or a .toml file), or give --as-of the "
            "results of one"
        )
    screen = load_screen(name) if name is not None else None
    opened = open_store(store, must_exist=True)
    record = None
    with stages_bars() as progress:
        if as_of is not None:
            from matscreen.time_travel import rank_again

            record = record_of(as_of, opened, screen=screen, sources=source)
            table = rank_again(record, opened, progress=progress)
        else:
            assert screen is not None
            pulled = [
                stages.select(opened, spec, progress=progress) for spec in source or screen.sources
            ]
            table = ranked(screen, opened.snapshot(), pulled, progress=progress)
    if output is not None:
        _write(table, output)
    used = record.screen if record is not None else screen
    assert used is not None
    differs = _differing(table, record)
    show(
        lambda: {
            "screen": used.name,
            "as_of": record.made if record is not None else None,
            "differing_rows": differs,
            "candidates": table,
        },
        lambda: _shown(table, record, output),
    )
    if record is not None and differs is not None:
        _compare(table, record, differs)
    asked = name or used.name
    next_steps(*screen_steps(asked, table, folder=None, store=store))


def _write(table: pd.DataFrame, folder: Path) -> None:
    from matscreen.exports import write_csv, write_parquet

    folder.mkdir(parents=True, exist_ok=True)
    write_csv(table, folder / "candidates.csv")
    write_parquet(table, folder / "candidates.parquet")


def _shown(
    table: pd.DataFrame, record: RankingRecord | None, output: Path | None
) -> RenderableType:
    from rich.console import Group
    from rich.text import Text

    from matscreen.console import ranking_summary

    parts: list[RenderableType] = []
    if record is not None:
        count = sum(number >= 0 for number in record.versions.values())
        told = f"{record.screen.name} as of {record.made}: {count} tables"
        parts.append(Text(told, style="dim"))
    parts.append(ranking_summary(table))
    if output is not None:
        parts.append(Text(str(output / "candidates.csv"), style="dim"))
    return Group(*parts)


def _differing(table: pd.DataFrame, record: RankingRecord | None) -> int | None:
    """Count the rows that differ from the kept ranking; None where there is none to compare."""
    from matscreen.time_travel import differing_rows

    if record is None or record.folder is None:
        return None
    return differing_rows(record, table)


def _compare(table: pd.DataFrame, record: RankingRecord, rows: int) -> None:
    """Say that a ranking is that of then, or fail where it differs."""
    from matscreen.commands.output import note
    from matscreen.errors import MatscreenError
    from matscreen.time_travel import changed_libraries

    if not rows:
        note(f"identical to {record.folder}/candidates.parquet, {len(table)} rows")
        return
    changed = ", ".join(
        f"{name} {then} is now {now}" for name, (then, now) in changed_libraries(record).items()
    )
    raise MatscreenError(
        f"{rows} of {len(table)} rows differ from {record.folder}/candidates.parquet; "
        + (f"since then: {changed}" if changed else "the libraries are those of then")
    )
