"""The flow `maintain`: join the small files of the store and delete those out of use."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import timedelta
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.states import Completed

import flows  # sets Prefect up, so it comes before prefect
from flows import artifacts, hooks
from flows.defaults import RESULTS, STORE
from flows.progress import show
from matscreen.cleaning import clean
from matscreen.maintenance import BusyError, TableState, compact, states
from matscreen.store import Store

__all__ = ["flows", "maintain"]


@flow(
    name="maintain",
    flow_run_name="maintain",
    **hooks.OPTIONS,
)
def maintain(
    store: str = STORE,
    keep: list[str] = [RESULTS],  # noqa: B006 - Prefect shows it, nobody changes it
    days: float = 30.0,
    delete: bool = True,
) -> Any:
    """Keep the store small and quick; no row and no kept ranking is lost.

    While a pull is at work nothing is deleted; the next run does it.

    Args:
        store: Folder or URL of the tables.
        keep: Folders whose rankings stay reproducible, however old; one that is absent holds none.
        days: Files that went out of use earlier are deleted.
        delete: Delete; otherwise only say what would be.
    """
    opened = Store(store)
    before = states(opened)
    joined = compact(opened)
    folders = [folder for folder in keep if Path(folder).is_dir()]
    try:
        removed = clean(opened, timedelta(days=days), keep=folders, dry_run=not delete)
    except BusyError as error:
        removed = []
        show(f"nothing was deleted: {error}")
    files = sum(each.files for each in removed)
    megabytes = sum(each.bytes for each in removed) / 1e6
    verb = "deleted" if delete else "to delete"
    message = f"{len(joined)} tables compacted, {files:,} files ({megabytes:.1f} MB) {verb}"
    artifacts.note("maintenance", f"{message}\n\n{_before_and_after(before, states(opened))}")
    show(message)
    return Completed(message=message, data=removed)


def _before_and_after(before: Sequence[TableState], after: Sequence[TableState]) -> str:
    # A pull that goes on meanwhile may have made a table.
    earlier = {state.name: state for state in before}
    lines = [
        "| table | rows | files | with old versions (MB) | version |",
        "|---|---|---|---|---|",
    ]
    for new in after:
        old = earlier.get(new.name)
        files, size = ("new", "new") if old is None else (f"{old.files:,}", _megabytes(old))
        lines.append(
            f"| {new.name} | {new.rows:,} | {files} → {new.files:,} | "
            f"{size} → {_megabytes(new)} | {new.version} |"
        )
    return "\n".join(lines)


def _megabytes(state: TableState) -> str:
    return f"{state.stored_bytes / 1e6:.2f}"
