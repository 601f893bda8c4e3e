"""`matscreen store`: what lies in the store, and keeping it small and quick."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from matscreen.commands import completion
from matscreen.commands.application import Application
from matscreen.commands.opening import open_store, store_words
from matscreen.commands.options import DEFAULT_STORE, StoreOption
from matscreen.commands.output import new_table, next_steps, show

if TYPE_CHECKING:
    from rich.table import Table

    from matscreen.maintenance import TableState
    from matscreen.table_history import Commit

app = Application("Say what lies in the store, and keep it small and quick over months.")

TablesOption = Annotated[
    list[str] | None,
    typer.Option(
        "--table",
        help="Only this table; may be repeated.",
        metavar="NAME",
        autocompletion=completion.tables,
    ),
]
TableArgument = Annotated[
    str, typer.Argument(help="Table.", metavar="TABLE", autocompletion=completion.tables)
]
RESULTS: Path = Path("results")


@app.verb()
def info(store: StoreOption = DEFAULT_STORE, table: TablesOption = None) -> None:
    """Show rows, files, sizes and versions of every table.

    Examples:
      matscreen store info
      matscreen store info --store s3://bucket/store      # keys come from the environment
    """
    from matscreen.maintenance import states

    opened = open_store(store, must_exist=True)
    found = states(opened, table)
    show(
        lambda: {"store": opened.root, "tables": found},
        lambda: _states_table(found) if found else f"{opened.root} holds no table yet",
    )
    if not found:
        next_steps((f"matscreen screen synapse{store_words(store)}", "a first screen fills it"))


@app.verb()
def compact(store: StoreOption = DEFAULT_STORE, table: TablesOption = None) -> None:
    """Join the small files that many pages leave; rows and older versions stay.

    Safe while others read and write.

    Examples:
      matscreen store compact
      matscreen store compact --table candidates --table provenance
    """
    from matscreen.maintenance import compact as join
    from matscreen.maintenance import states

    opened = open_store(store, must_exist=True)
    before = {each.name: each for each in states(opened, table)}
    joined = join(opened, table)
    after = states(opened, joined) if joined else []
    show(
        lambda: {"joined": joined, "before": [before[name] for name in joined], "after": after},
        lambda: _states_table(after, before) if joined else "nothing to join",
    )
    if joined:
        step = f"matscreen store vacuum{store_words(store)}"
        next_steps((step, "what older versions still take"))


@app.verb()
def vacuum(
    store: StoreOption = DEFAULT_STORE,
    table: TablesOption = None,
    days: Annotated[
        float,
        typer.Option(
            help="Files stay this long after they went out of use.", min=1.0, metavar="DAYS"
        ),
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
        open_store(store, must_exist=True),
        timedelta(days=days),
        names=table,
        keep=folders,
        dry_run=not delete,
    )
    lines = [f"{each.name}: {each.files:,} files, {_size(each.bytes)}" for each in removed]
    lines = [line for line, each in zip(lines, removed, strict=True) if each.files]
    total = sum(each.files for each in removed)
    if not total:
        lines.append(f"no file has been out of use for {days:g} days")
    elif not delete:
        lines.append(f"Nothing was deleted. To delete these {total:,} files, add --delete")
    show(lambda: {"deleted": delete, "files": total, "tables": removed}, lambda: "\n".join(lines))


@app.verb()
def history(
    table: TableArgument,
    store: StoreOption = DEFAULT_STORE,
    last: Annotated[int, typer.Option(help="Show this many versions.", min=1, metavar="N")] = 20,
) -> None:
    """Show the latest versions of a table: when, and by what.

    Examples:
      matscreen store history labels
      matscreen store history candidates --last 5
    """
    from matscreen.maintenance import history as versions

    found = versions(open_store(store, must_exist=True), table)[-last:]
    show(lambda: found, lambda: _history_table(found))
    # The first version of most tables is empty: to bring it back would clear the table.
    earlier = [each.version for each in found[:-1] if each.version > 0]
    if earlier:
        step = f"matscreen store restore {table} {earlier[-1]}{store_words(store)}"
        next_steps((step, "bring the rows of the version before back"))


def _history_table(found: Sequence[Commit]) -> Table:
    from rich.table import Table

    shown = Table(box=None, pad_edge=False, header_style="dim")
    for title in ("version", "at (UTC)", "by", "rows", "files"):
        shown.add_column(title, justify="left" if title in {"at (UTC)", "by"} else "right")
    for each in found:
        added, files = (each.metrics.get(key, "") for key in ("num_added_rows", "num_added_files"))
        if each.operation == "MERGE":
            added = each.metrics.get("num_target_rows_inserted", "")
            files = each.metrics.get("num_target_files_added", "")
        when = each.at.strftime("%Y-%m-%d %H:%M:%S")
        shown.add_row(str(each.version), when, each.operation.lower(), str(added), str(files))
    return shown


@app.verb()
def restore(
    table: TableArgument,
    version: Annotated[
        int, typer.Argument(help="Version whose rows come back.", min=0, metavar="VERSION")
    ],
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Bring the rows of an older version back, as a new version.

    Examples:
      matscreen store restore labels 12
    """
    from matscreen.maintenance import restore as bring_back

    number = bring_back(open_store(store, must_exist=True), table, version)
    show(
        lambda: {"table": table, "version": number, "rows_of": version},
        lambda: f"{table}: version {number} holds the rows of version {version}",
    )


def _states_table(
    found: Sequence[TableState], before: dict[str, TableState] | None = None
) -> Table:

    # Narrow enough for 80 columns: a number is never cut.
    shown = new_table(space=1)
    shown.add_column("\ntable", no_wrap=True)
    for title in ("\nrows", "\nfiles", "\nsize", "with old\nversions"):
        shown.add_column(title, justify="right", no_wrap=True)
    if before is None:
        shown.add_column("\nversions", justify="right", no_wrap=True)
        shown.add_column("\nchanged (UTC)", no_wrap=True)
    for each in found:
        old = (before or {}).get(each.name)
        about = (f"{each.oldest} to {each.version}", each.changed.strftime("%Y-%m-%d %H:%M"))
        shown.add_row(
            each.name,
            f"{each.rows:,}",
            _change(f"{old.files:,}" if old else None, f"{each.files:,}"),
            _change(_size(old.bytes) if old else None, _size(each.bytes)),
            _change(_size(old.stored_bytes) if old else None, _size(each.stored_bytes)),
            *(about if before is None else ()),
        )
    return shown


def _change(old: str | None, new: str) -> str:
    return new if old is None else f"{old} -> {new}"


def _size(number: int) -> str:
    for unit, scale in (("GB", 1e9), ("MB", 1e6)):
        if number >= scale:
            return f"{number / scale:.1f} {unit}"
    return f"{number / 1e3:.0f} kB"
