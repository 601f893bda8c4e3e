"""Keep a store small and quick over months: join small files, remove old ones, say what is there.

**Compaction** joins the small files that many pages of a pull leave; it changes no row, and other
processes may read and write meanwhile. **Vacuum** deletes the files that no version younger than
its retention needs; older versions cannot be read afterwards, except those it is told to keep.
"""

from __future__ import annotations

import math
from collections.abc import Collection, Iterable, Mapping, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from matscreen.errors import InputError, StoreError
from matscreen.store import KEPT, Store
from matscreen.table_files import file_system
from matscreen.table_history import Commit, commits, why_gone
from matscreen.write_lock import turn_to_write

if TYPE_CHECKING:
    from collections.abc import Iterator


RETENTION: Final = timedelta(days=30)
"""How long files stay after no version needs them any more, where nothing else is asked."""
LEAST_RETENTION: Final = timedelta(days=1)
"""No reader or writer is given less: what is open at a vacuum was opened within it."""
_ATTEMPTS: Final = 5


class BusyError(StoreError):
    """Another process is at work in the store: nothing was done, later it can be."""


@dataclass(frozen=True)
class TableState:
    """How a table lies in its store.

    Attributes:
        name: The table.
        rows: Rows of its latest version.
        files: Data files of its latest version.
        bytes: Size of those files.
        stored_files: All data files that lie there, those of older versions included.
        stored_bytes: Size of everything that lies there, the log included.
        version: Its latest version.
        oldest: The oldest version that its log names.
        changed: When the latest version was made.
    """

    name: str
    rows: int
    files: int
    bytes: int
    stored_files: int
    stored_bytes: int
    version: int
    oldest: int
    changed: datetime


@dataclass(frozen=True)
class Removal:
    """What a clean-up removes of one kind.

    Attributes:
        name: The table, `models` or `partitions`.
        files: Number of files.
        bytes: Their size.
        done: They are gone; False after a dry run.
    """

    name: str
    files: int
    bytes: int
    done: bool


def states(store: Store, names: Iterable[str] | None = None) -> list[TableState]:
    """Say how tables lie in a store.

    Args:
        store: The store.
        names: Tables; all of them by default.

    Raises:
        InputError: There is no such table.
        StoreError: A table cannot be read.
    """
    return [_state(store, name) for name in _chosen(store, names)]


def compact(store: Store, names: Iterable[str] | None = None) -> list[str]:
    """Join the small files of tables; rows and older versions stay as they are.

    Also sets, where an older program made the table, how long its log is kept, and writes a
    checkpoint, so that opening it reads one file of the log.

    Args:
        store: The store.
        names: Tables; all of them by default.

    Returns:
        The tables in which files were joined.

    Raises:
        InputError: There is no such table.
        StoreError: Other writers kept changing the same files, or the table cannot be written.
    """
    return [name for name in _chosen(store, names) if _compact(store, name)]


def vacuum(
    store: Store,
    retention: timedelta = RETENTION,
    *,
    names: Iterable[str] | None = None,
    keep: Mapping[str, Collection[int]] | None = None,
    dry_run: bool = True,
) -> list[Removal]:
    """Delete the files that no version within the retention needs, and those of killed writers.

    Args:
        store: The store.
        retention: How long files stay after they went out of use; at least a day.
        names: Tables; all of them by default.
        keep: Versions of tables whose files stay however old they are.
        dry_run: Only say what would be deleted.

    Raises:
        InputError: The retention is too short, or there is no such table.
        BusyError: A pull is at work in this store.
        StoreError: Files cannot be removed.
    """
    check_retention(retention)
    chosen = _chosen(store, names)
    hours = math.ceil(retention / timedelta(hours=1))
    with _no_pull(store):
        return [
            _vacuum(store, name, hours, sorted((keep or {}).get(name, ())), dry_run=dry_run)
            for name in chosen
        ]


def check_retention(retention: timedelta) -> None:
    """Check that a retention leaves alone what may be in use now.

    Raises:
        InputError: It is shorter than a day.
    """
    if retention < LEAST_RETENTION:
        raise InputError(
            f"a retention of {retention} is too short: readers and writers that are at work now "
            f"may need files of the last {LEAST_RETENTION.days} day; ask for a day or more"
        )


def history(store: Store, name: str) -> list[Commit]:
    """Return the versions of a table that its log names, oldest first.

    Raises:
        InputError: There is no such table.
    """
    _chosen(store, [name])
    return commits(store.uri(name))


def restore(store: Store, name: str, version: int) -> int:
    """Make a table what it was at a version, as a new version; nothing in between is lost.

    Returns:
        The new version.

    Raises:
        InputError: There is no such table or version.
        StoreError: Files of that version are gone, or another process wrote at the same moment.
    """
    from deltalake.exceptions import DeltaError

    known = [each.version for each in history(store, name)]
    if version not in known:
        raise InputError(
            f"table {name!r} has no version {version}; its log names {known[0]} to {known[-1]}"
        )
    try:
        with turn_to_write(store.root, name):
            store.opened(name).restore(version)
    except (DeltaError, OSError) as error:
        reason = why_gone(store.uri(name), version)
        message = f"table {name!r} in {store.root} cannot be restored: {error}"
        raise StoreError(reason or message) from error
    return store.version(name)


def _chosen(store: Store, names: Iterable[str] | None) -> Sequence[str]:
    there = store.names()
    chosen = there if names is None else list(names)
    unknown = sorted(set(chosen) - set(there))
    if unknown:
        raise InputError(
            f"there is no table {', '.join(unknown)} in {store.root}; it has "
            f"{', '.join(there) or 'none yet'}"
        )
    return chosen


def _state(store: Store, name: str) -> TableState:
    table = store.opened(name)
    adds = table.get_add_actions(flatten=True)
    sizes = _column(adds, "size_bytes")
    rows = _column(adds, "num_records")
    lying = _lying(store, name)
    found = commits(store.uri(name))
    return TableState(
        name=name,
        rows=sum(int(n or 0) for n in rows),
        files=len(sizes),
        bytes=sum(int(n) for n in sizes),
        stored_files=sum(path.endswith(".parquet") and "_delta_log" not in path for path in lying),
        stored_bytes=sum(lying.values()),
        version=int(table.version()),
        oldest=found[0].version,
        changed=found[-1].at,
    )


def _column(adds: Any, name: str) -> list[Any]:
    import pyarrow as pa

    table = pa.table(adds)
    return table[name].to_pylist() if name in table.column_names else []


def _lying(store: Store, name: str) -> dict[str, int]:
    """Return every file of a table, by its path in the table, with its size."""
    from pyarrow import fs

    listed = file_system(store.uri(name)).get_file_info(fs.FileSelector("", recursive=True))
    return {each.path: int(each.size or 0) for each in listed if each.type == fs.FileType.File}


def _compact(store: Store, name: str) -> bool:
    from deltalake.exceptions import CommitFailedError, DeltaError

    for attempt in range(_ATTEMPTS):
        table = store.opened(name)
        try:
            configured = table.metadata().configuration
            if any(configured.get(key) != value for key, value in KEPT.items()):
                table.alter.set_table_properties(KEPT)
            with turn_to_write(store.root, name):
                table.update_incremental()
                metrics = table.optimize.compact()
            if int(metrics["numFilesRemoved"]) == 0:
                return False
            store.opened(name).create_checkpoint()
        except CommitFailedError as error:
            # A merge changed the same files: join what is there now.
            if attempt == _ATTEMPTS - 1:
                raise StoreError(
                    f"table {name!r} could not be compacted: other writers changed its files "
                    f"{_ATTEMPTS} times in a row; try again when they are done"
                ) from error
        except (DeltaError, OSError) as error:
            message = f"table {name!r} in {store.root} cannot be compacted: {error}"
            raise StoreError(message) from error
        else:
            return True
    raise AssertionError  # the last attempt returned or raised


def _vacuum(store: Store, name: str, hours: int, keep: list[int], *, dry_run: bool) -> Removal:
    from deltalake.exceptions import DeltaError

    table = store.opened(name)
    configured = table.metadata().configuration
    known = {each.version for each in commits(store.uri(name))}
    options: dict[str, Any] = {
        "retention_hours": hours,
        "enforce_retention_duration": False,  # LEAST_RETENTION is enforced instead
        # Files that the log does not name are of killed writers, unless the log forgets early.
        "full": all(configured.get(key) == value for key, value in KEPT.items()),
        "keep_versions": [number for number in keep if number in known] or None,
    }
    try:
        lying = _lying(store, name)
        # The log still names files that an earlier vacuum took.
        gone = [path for path in table.vacuum(dry_run=True, **options) if path in lying]
        removal = Removal(name, len(gone), sum(lying[path] for path in gone), done=False)
        if dry_run or not gone:
            return removal
        table.vacuum(dry_run=False, **options)
    except (DeltaError, OSError) as error:
        raise StoreError(f"table {name!r} in {store.root} cannot be vacuumed: {error}") from error
    return Removal(name, removal.files, removal.bytes, done=True)


@contextmanager
def _no_pull(store: Store) -> Iterator[None]:
    """Keep pulls out meanwhile; refuse where one is at work."""
    from matscreen.pull_writing import only_writer

    with ExitStack() as stack:
        try:
            stack.enter_context(only_writer(store, patience=0.0))
        except StoreError:
            message = f"a pull is writing into {store.root}; vacuum when it is done"
            raise BusyError(message) from None
        yield
