"""`matscreen rank`: rank what the store knows, now or as of then."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from matscreen.commands.options import DEFAULT_STORE, QuietOption, StoreOption
from matscreen.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from matscreen.ranking_record import RankingRecord


def rank(
    name: Annotated[
        str | None, typer.Argument(help="A shipped screen, or the path of a .toml file.")
    ] = None,
    as_of: Annotated[
        str | None,
        typer.Option(
            "--as-of",
            metavar="RESULTS|TIME",
            help="Rank the tables as they were for these results, or at this moment (UTC).",
        ),
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(help="Rank these sources instead: store, bundle, known, files:PATH."),
    ] = None,
    output: Annotated[
        Path | None,
        typer.Option("--output", "-o", metavar="DIR", help="Write candidates.csv and .parquet."),
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    quiet: QuietOption = False,
) -> None:
    """Rank with what the store knows: nothing is described, trained or predicted.

    With --as-of and the results of a screen, that ranking is made again from the tables at the
    versions of then, and compared with it bit for bit: exit code 1 where it differs.

    Examples:
      matscreen rank synapse
      matscreen rank --as-of results/synapse
      matscreen rank synapse --as-of 2026-03-01T12:00 --source store -o results/march
    """
    from matscreen import stages
    from matscreen.commands.progress import stages_bars
    from matscreen.config import load_screen
    from matscreen.screening import rank as ranked
    from matscreen.store import Store
    from matscreen.time_travel import record_of

    if name is None and as_of is None:
        raise InputError("name a screen, or give --as-of the results of one")
    screen = load_screen(name) if name is not None else None
    opened = Store(store)
    record = None
    with stages_bars(quiet=quiet) as progress:
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
    if not quiet:
        _show(table, record, output)
    if record is not None and record.folder is not None and _differs(table, record, quiet=quiet):
        raise typer.Exit(1)


def _write(table: pd.DataFrame, folder: Path) -> None:
    from matscreen.exports import write_csv, write_parquet

    folder.mkdir(parents=True, exist_ok=True)
    write_csv(table, folder / "candidates.csv")
    write_parquet(table, folder / "candidates.parquet")


def _show(table: pd.DataFrame, record: RankingRecord | None, output: Path | None) -> None:
    from matscreen.console import terminal, top_candidates_table

    console = terminal()
    if record is not None:
        count = sum(number >= 0 for number in record.versions.values())
        console.print(f"{record.screen.name} as of {record.made}: {count} tables", style="dim")
    console.print(top_candidates_table(table))
    if output is not None:
        console.print(str(output / "candidates.csv"), style="dim")


def _differs(table: pd.DataFrame, record: RankingRecord, *, quiet: bool) -> bool:
    from matscreen.time_travel import changed_libraries, differing_rows

    rows = differing_rows(record, table)
    if rows:
        changed = ", ".join(
            f"{name} {then} is now {now}" for name, (then, now) in changed_libraries(record).items()
        )
        typer.secho(
            f"{rows} of {len(table)} rows differ from {record.folder}/candidates.parquet; "
            + (f"since then: {changed}" if changed else "the libraries are those of then"),
            fg="yellow",
            err=True,
        )
    elif not quiet:
        typer.echo(f"identical to {record.folder}/candidates.parquet, {len(table)} rows")
    return rows > 0
