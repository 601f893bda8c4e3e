"""`matscreen store`: what lies in the store, and keeping it small and quick."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from matscreen.commands.options import DEFAULT_STORE, StoreOption

if TYPE_CHECKING:
    from rich.table import Table

    from matscreen.maintenance import TableState
    from matscreen.store import Store

app = typer.Typer(
    help="Say what lies in the store, and keep it small and quick over months.",
    no_args_is_help=True,
)

TablesOption = Annotated[
    list[str] | None, typer.Option("--table", help="Only this table; may be repeated.")
]
RESULTS: Path = Path("results")


@app.command()
def info(store: StoreOption = DEFAULT_STORE, table: TablesOption = None) -> None:
    """Show rows, files, sizes and versions of every table.

    Examples:
      matscreen store info
      matscreen store info --store s3://bucket/store      # keys come from the environment
    """
    from matscreen.console import terminal
    from matscreen.maintenance import states

    opened = _opened(store)
    found = states(opened, table)
    if found:
        terminal().print(_states_table(found))
    else:
        typer.echo(f"{opened.root} holds no table yet")


@app.command()
def compact(store: StoreOption = DEFAULT_STORE, table: TablesOption = None) -> None:
    """Join the small files that many pages leave; rows and older versions stay.

    Safe while others read and write.
    """
    from matscreen.console import terminal
    from matscreen.maintenance import compact as join
    from matscreen.maintenance import states

    opened = _opened(store)
    before = {each.name: each for each in states(opened, table)}
    joined = join(opened, table)
    if not joined:
        typer.echo("nothing to join")
        return
    terminal().print(_states_table(states(opened, joined), before))
    typer.echo("Older versions keep their files until `matscreen store vacuum --delete`.")


@app.command()
def vacuum(
    store: StoreOption = DEFAULT_STORE,
    table: TablesOption = None,
    days: Annotated[
        float, typer.Option(help="Files stay this long after they went out of use.", min=1.0)
    ] = 30.0,
    keep: Annotated[
        list[Path] | None,
        typer.Option(
            metavar="RESULTS",
            help="Keep what the rankings under this folder were made of; may be repeated. "
            "`results`, where there is one, by default.",
        ),
    ] = None,
    delete: Annotated[
        bool, typer.Option("--delete", help="Really delete; otherwise only say what would be.")
    ] = False,
) -> None:
    """Remove files that only versions older than the retention need, and what nothing uses.

    Surrogates and finished partitions of compositions go where nothing has used them that long.

    Rankings of older versions cannot be made again afterwards, except those under --keep. Refuses
    while a pull is at work.

    Examples:
      matscreen store vacuum
      matscreen store vacuum --days 14 --keep results --keep archive --delete
    """
    from matscreen.cleaning import clean

    folders = keep if keep is not None else [RESULTS] if RESULTS.is_dir() else []
    removed = clean(
        _opened(store), timedelta(days=days), names=table, keep=folders, dry_run=not delete
    )
    for each in removed:
        if each.files:
            typer.echo(f"{each.name}: {each.files:,} files, {_size(each.bytes)}")
    total = sum(each.files for each in removed)
    if not total:
        typer.echo(f"no file has been out of use for {days:g} days")
    elif not delete:
        typer.echo(f"Nothing was deleted. To delete these {total:,} files, add --delete")


@app.command()
def history(
    name: Annotated[str, typer.Argument(help="Table.")],
    store: StoreOption = DEFAULT_STORE,
    last: Annotated[int, typer.Option(help="Show this many versions.", min=1)] = 20,
) -> None:
    """Show the latest versions of a table: when, and by what."""
    from rich.table import Table

    from matscreen.console import terminal
    from matscreen.maintenance import history as versions

    shown = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("version", "at (UTC)", "by", "rows", "files"):
        shown.add_column(title, justify="left" if title in {"at (UTC)", "by"} else "right")
    for each in versions(_opened(store), name)[-last:]:
        added, files = (each.metrics.get(key, "") for key in ("num_added_rows", "num_added_files"))
        if each.operation == "MERGE":
            added = each.metrics.get("num_target_rows_inserted", "")
            files = each.metrics.get("num_target_files_added", "")
        when = each.at.strftime("%Y-%m-%d %H:%M:%S")
        shown.add_row(str(each.version), when, each.operation.lower(), str(added), str(files))
    terminal().print(shown)


@app.command()
def restore(
    name: Annotated[str, typer.Argument(help="Table.")],
    version: Annotated[int, typer.Argument(help="Version whose rows come back.", min=0)],
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Bring the rows of an older version back, as a new version.

    Example:
      matscreen store restore labels 12
    """
    from matscreen.maintenance import restore as bring_back

    number = bring_back(_opened(store), name, version)
    typer.echo(f"{name}: version {number} holds the rows of version {version}")


def _states_table(
    found: Sequence[TableState], before: dict[str, TableState] | None = None
) -> Table:
    from rich.table import Table

    shown = Table(box=None, pad_edge=False, header_style="dim")
    shown.add_column("table", no_wrap=True)
    for title in ("rows", "files", "size", "with old versions", "versions"):
        shown.add_column(title, justify="right", no_wrap=True)
    shown.add_column("changed (UTC)", no_wrap=True)
    for each in found:
        old = (before or {}).get(each.name)
        shown.add_row(
            each.name,
            f"{each.rows:,}",
            _change(f"{old.files:,}" if old else None, f"{each.files:,}"),
            _change(_size(old.bytes) if old else None, _size(each.bytes)),
            _change(_size(old.stored_bytes) if old else None, _size(each.stored_bytes)),
            f"{each.oldest} to {each.version}",
            each.changed.strftime("%Y-%m-%d %H:%M"),
        )
    return shown


def _change(old: str | None, new: str) -> str:
    return new if old is None else f"{old} -> {new}"


def _size(number: int) -> str:
    for unit, scale in (("GB", 1e9), ("MB", 1e6)):
        if number >= scale:
            return f"{number / scale:.1f} {unit}"
    return f"{number / 1e3:.0f} kB"


def _opened(store: Path) -> Store:
    from matscreen.store import Store

    return Store(store)
