"""Delta Lake tables in a folder or a bucket; nothing is ever half-written.

A bucket is any URL that delta-rs understands; its settings and keys come from the environment
(`AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`, `AWS_REGION`, `AWS_ENDPOINT_URL`, ...), never from
the URL, so that none is ever shown.
"""

from __future__ import annotations

import random
import re
import time
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Final
from urllib.parse import unquote, urlsplit

import pyarrow as pa

from matscreen import table_files, tables
from matscreen.errors import StoreError
from matscreen.store_faults import advice_to_read, brief, cannot_write
from matscreen.write_lock import turn_to_write

if TYPE_CHECKING:
    from deltalake import DeltaTable

_ATTEMPTS = 30
_READ_ATTEMPTS = 4
# delta-rs reads a local path as a URL: it takes % for an escape and panics at the others.
_REFUSED = "%[\\]^|"
_CONTAINER_AT = ("abfs", "abfss")
"""Schemes of Azure, where the container stands before the @."""
KEPT: Final = {
    "delta.logRetentionDuration": "interval 365 days",
    "delta.deletedFileRetentionDuration": "interval 365 days",
}
"""Properties of every table: for a year its log says what a version held and when a file went out
of use. Delta forgets by itself after 30 and 7 days, before the retention of a vacuum."""


class Store:
    """A folder (or object-store URL) with one Delta table for each kind of row.

    Every write is one Delta commit: a reader sees all of it or nothing, also after a crash.
    Two writers that collide re-read and try again.

    Args:
        root: Folder, created when absent, or a URL that delta-rs understands (`s3://...`). A
            `file://` URL is its folder.

    Raises:
        StoreError: No store can lie there, or the URL holds a user or a password.

    Examples:
        >>> import tempfile
        >>> store = Store(tempfile.mkdtemp())
        >>> store.append("notes", pa.table({"formula": ["BaTiO3"], "grown": [True]}))
        >>> store.names(), store.read("notes", ["formula"]).to_pylist()
        (['notes'], [{'formula': 'BaTiO3'}])
        >>> store.read("candidates").num_rows
        0
    """

    def __init__(self, root: str | Path) -> None:
        root = _place(str(root))
        self.root = root
        self._local = "://" not in self.root
        if self._local:
            path = Path(root).expanduser().resolve()
            if path.exists() and not path.is_dir():
                raise StoreError(f"the store {path} is a file; give a folder")
            refused = sorted(set(path.as_posix()) & set(_REFUSED))
            if refused:
                raise StoreError(
                    f"the store {path} cannot lie there: Delta tables take no {' '.join(refused)} "
                    "in a path"
                )
            self.root = str(path)

    def __repr__(self) -> str:
        return f"Store({self.root!r})"

    def uri(self, name: str) -> str:
        """Return where a table lies."""
        return f"{self.root.rstrip('/')}/{name}"

    def exists(self, name: str) -> bool:
        """Say whether a table has been written.

        Raises:
            StoreError: The place cannot be looked at.
        """
        from deltalake import DeltaTable
        from deltalake.exceptions import DeltaError

        try:
            return bool(DeltaTable.is_deltatable(self.uri(name)))
        except (DeltaError, OSError) as error:
            raise StoreError(f"cannot look at the store {self.root}: {brief(error)}") from error

    def names(self) -> list[str]:
        """Return the names of the tables that have been written, sorted."""
        if self._local:
            # A writer that was killed may leave a log without an entry.
            found = (log.parent.name for log in Path(self.root).glob("*/_delta_log"))
            return sorted(name for name in found if self.exists(name))
        from pyarrow import fs

        try:
            listed = table_files.file_system(self.root).get_file_info(
                fs.FileSelector("", allow_not_found=True)
            )
        except OSError as error:
            raise StoreError(f"cannot look at the store {self.root}: {brief(error)}") from error
        folders = (each.base_name for each in listed if each.type == fs.FileType.Directory)
        return sorted(name for name in folders if self.exists(name))

    def versions(self) -> dict[str, int]:
        """Return the Delta version of every table that has been written."""
        return {name: self.version(name) for name in self.names()}

    def at(self, versions: Mapping[str, int]) -> StoreView:
        """Return the store as it was at some versions of its tables, for reading only.

        Args:
            versions: Table to Delta version; a table that is absent, or at -1, reads as one that
                was never written.
        """
        return StoreView(self.root, versions)

    def snapshot(self) -> StoreView:
        """Return the store as it is now, for reading only: later writes do not show in it."""
        return self.at(self.versions())

    def read(self, name: str, columns: Sequence[str] | None = None) -> pa.Table:
        """Read a table; one that was never written is empty.

        Raises:
            StoreError: The table is unknown to the schema and was never written, it has no such
                column, or its files are damaged.
        """
        from deltalake.exceptions import DeltaError

        for attempt in range(_READ_ATTEMPTS):
            try:
                return self._read(name, columns)
            except FileNotFoundError as error:
                # A vacuum took files of the version that was opened; there is a later one by now.
                if attempt == _READ_ATTEMPTS - 1:
                    raise self._unreadable(name, error) from error
            except (DeltaError, OSError, pa.ArrowInvalid) as error:
                raise self._unreadable(name, error) from error
        raise AssertionError  # the last attempt returned or raised

    def _read(self, name: str, columns: Sequence[str] | None) -> pa.Table:
        if self.exists(name):
            stored = self._open(name)
            known = [field.name for field in stored.schema().fields]
        elif name in tables.SCHEMAS:
            stored = None
            known = tables.SCHEMAS[name].names
        else:
            raise StoreError(f"there is no table {name!r} in {self.root}")
        selected = list(columns) if columns is not None else None
        unknown = sorted(set(selected or ()) - set(known))
        if unknown:
            raise StoreError(f"table {name!r} has no column {unknown}; it has {known}")
        if stored is None:
            empty = tables.SCHEMAS[name].empty_table()
            return empty.select(selected) if selected is not None else empty
        table = table_files.rows(stored, self.uri(name), selected)
        return tables.check(name, table) if name in tables.SCHEMAS and selected is None else table

    def version(self, name: str) -> int:
        """Return the Delta version of a table, -1 when it was never written."""
        return int(self.opened(name).version()) if self.exists(name) else -1

    def append(self, name: str, table: pa.Table, *, opened: DeltaTable | None = None) -> None:
        """Add rows; new columns are added to the table.

        Args:
            name: Table.
            table: New rows.
            opened: The table as `opened` gave it: only what was committed since is looked at.
        """
        self._write(name, table, "append", opened)

    def opened(self, name: str) -> DeltaTable:
        """Open a table that has been written.

        Raises:
            StoreError: It cannot be opened.
        """
        from deltalake.exceptions import DeltaError

        try:
            return self._open(name)
        except (DeltaError, OSError) as error:
            raise self._unreadable(name, error) from error

    def replace(self, name: str, table: pa.Table) -> None:
        """Replace the whole table, schema included."""
        self._write(name, table, "overwrite")

    def upsert(self, name: str, table: pa.Table, *, keys: Sequence[str] | None = None) -> None:
        """Update the rows whose keys are there, insert the others.

        Args:
            name: Table.
            table: New rows, at most one for each key.
            keys: Key columns; those of the schema when not given. Null equals null.

        Raises:
            StoreError: Rows do not fit, two have the same keys, or other writers kept winning.
        """
        columns = tuple(keys or tables.KEYS.get(name, ()))
        if not columns:
            raise StoreError(f"upsert into {name!r} needs keys")
        rows = self._checked(name, table)
        if rows.num_rows == 0:
            return
        distinct = rows.select(columns).group_by(list(columns)).aggregate([]).num_rows
        if distinct < rows.num_rows:
            raise StoreError(
                f"{rows.num_rows - distinct} of {rows.num_rows} rows for {name!r} repeat the keys "
                f"({', '.join(columns)}) of another"
            )
        # An empty table first: of two writers that both find none, each would insert its rows.
        self._create(name, rows.schema)
        predicate = _same(columns)

        def merge() -> None:
            (
                self._open(name)
                .merge(rows, predicate, source_alias="s", target_alias="t", merge_schema=True)
                .when_matched_update_all()
                .when_not_matched_insert_all()
                .execute()
            )

        self._retry(merge, name)

    def remove(self, name: str, table: pa.Table) -> None:
        """Remove the rows that have the keys of these, where there are such rows.

        Args:
            name: Table.
            table: The key columns of the schema; others do not matter.

        Raises:
            StoreError: The table has no keys, or other writers kept winning.
        """
        columns = tables.KEYS.get(name, ())
        if not columns:
            raise StoreError(f"removing from {name!r} needs keys")
        if table.num_rows == 0 or not self.exists(name):
            return
        keys = table.select(columns)

        def merge() -> None:
            (
                self._open(name)
                .merge(keys, _same(columns), source_alias="s", target_alias="t")
                .when_matched_delete()
                .execute()
            )

        self._retry(merge, name)

    def _open(self, name: str) -> DeltaTable:
        from deltalake import DeltaTable

        return DeltaTable(self.uri(name))

    def _unreadable(self, name: str, error: Exception) -> StoreError:
        return StoreError(
            f"table {name!r} in {self.root} cannot be read ({advice_to_read(error)}): "
            f"{brief(error)}"
        )

    def _checked(self, name: str, table: pa.Table) -> pa.Table:
        return tables.check(name, table) if name in tables.SCHEMAS else table

    def _write(
        self, name: str, table: pa.Table, mode: str, opened: DeltaTable | None = None
    ) -> None:
        from deltalake import write_deltalake

        rows = self._checked(name, table)
        if self._local:
            Path(self.root).mkdir(parents=True, exist_ok=True)
        schema_mode = {"append": "merge", "overwrite": "overwrite"}.get(mode)

        def write() -> None:
            if opened is not None:
                opened.update_incremental()
                write_deltalake(opened, rows, mode=mode, schema_mode=schema_mode)
                return
            write_deltalake(
                self.uri(name), rows, mode=mode, schema_mode=schema_mode, configuration=KEPT
            )

        self._retry(write, name)

    def _create(self, name: str, schema: pa.Schema) -> None:
        if not self.exists(name):
            self._write(name, schema.empty_table(), "ignore")

    def _retry(self, write: Callable[[], None], name: str) -> None:
        from deltalake.exceptions import CommitFailedError, DeltaError

        for attempt in range(_ATTEMPTS):
            try:
                with turn_to_write(self.root, name):
                    write()
            except CommitFailedError as error:
                if attempt == _ATTEMPTS - 1:
                    message = (
                        f"{name}: other writers won {_ATTEMPTS} times in a row; {brief(error)}"
                    )
                    raise StoreError(message) from error
                time.sleep(random.uniform(0.02, 0.1) * 2 ** min(attempt, 4))
            except (DeltaError, OSError) as error:
                raise cannot_write(name, self.root, error) from error
            else:
                return


class StoreView(Store):
    """A store at fixed versions of its tables: it reads what was there then, and never writes.

    Args:
        root: Where the store lies.
        versions: Table to Delta version; absent or -1 where it had not been written.
    """

    def __init__(self, root: str | Path, versions: Mapping[str, int]) -> None:
        super().__init__(root)
        self._versions = {name: int(number) for name, number in versions.items()}

    def exists(self, name: str) -> bool:
        """Say whether a table had been written."""
        return self._versions.get(name, -1) >= 0

    def names(self) -> list[str]:
        """Return the names of the tables that had been written, sorted."""
        return sorted(name for name in self._versions if self.exists(name))

    def version(self, name: str) -> int:
        """Return the version at which a table is read, -1 when it had not been written."""
        return max(self._versions.get(name, -1), -1)

    def _open(self, name: str) -> DeltaTable:
        from deltalake import DeltaTable

        return DeltaTable(self.uri(name), version=self._versions[name])

    def _unreadable(self, name: str, error: Exception) -> StoreError:
        from matscreen.table_history import why_gone

        reason = why_gone(self.uri(name), self._versions[name])
        return super()._unreadable(name, error) if reason is None else StoreError(reason)

    def _retry(self, write: Callable[[], None], name: str) -> None:
        del write
        raise StoreError(
            f"table {name!r} cannot be written: {self.root} was opened at version "
            f"{self.version(name)} of it, for reading only"
        )


def _place(root: str) -> str:
    """Return the URL of a bucket as it is, and the folder of a `file://` URL.

    Raises:
        StoreError: A URL holds a user or a password.
    """
    # A path made of `s3://bucket` has lost a slash.
    lost = re.match(r"([a-z][a-z0-9+.-]+):/+(.+)", root, re.IGNORECASE)
    if lost is None:
        return root
    scheme, rest = lost[1].lower(), lost[2]
    parts = urlsplit(f"{scheme}://{'/' if scheme == 'file' else ''}{rest}")
    if parts.password or (parts.username and scheme not in _CONTAINER_AT):
        place = f"{parts.scheme}://{parts.hostname or ''}{parts.path}"
        raise StoreError(
            f"the address of the store {place} holds a user or a password, which would be shown "
            "in reports and logs; give them through the environment (AWS_ACCESS_KEY_ID, ...)"
        )
    return unquote(parts.path) if scheme == "file" else parts.geturl()


def _same(keys: Sequence[str]) -> str:
    """Return the predicate of a merge that finds rows by their keys; null equals null."""
    return " AND ".join(f"(t.{key} IS NOT DISTINCT FROM s.{key})" for key in keys)
