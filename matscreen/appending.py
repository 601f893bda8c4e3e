"""Append to one table again and again.

A write to the address of a table reads its log first, and each commit makes that longer. A table
that stays open only looks at what was committed since.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

from matscreen import tables

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable

    from matscreen.store import Store


class Appender:
    """Keeps one table of a store open for rows to come; other writers may write meanwhile.

    Args:
        store: The store.
        name: The table; made by the first rows where there is none.
        since: Version of the table up to which the caller knows its rows, -1 before it was made;
            None where that is of no account.
    """

    def __init__(self, store: Store, name: str, *, since: int | None = None) -> None:
        self._store = store
        self._name = name
        self._known = since
        self._table: DeltaTable | None = None

    def append(self, rows: pa.Table) -> None:
        """Add rows in one commit.

        Raises:
            StoreError: As `Store.append`.
        """
        self._open()
        self._store.append(self._name, rows, opened=self._table)

    def add(self, rows: pa.Table) -> None:
        """Add rows that the caller knows to be new, but for those that others have added since.

        Raises:
            StoreError: As `Store.append`.
        """
        self._open()
        if self._version() != self._known:
            rows = self._without_stored(rows)
        if rows.num_rows:
            self._store.append(self._name, rows, opened=self._table)
            self._open()
        self._known = self._version()

    def _open(self) -> None:
        if self._table is None and self._store.exists(self._name):
            self._table = self._store.opened(self._name)

    def _version(self) -> int:
        from deltalake.exceptions import DeltaError

        if self._table is None:
            return -1
        try:
            self._table.update_incremental()
        except (DeltaError, OSError):
            self._table = self._store.opened(self._name)
        return int(self._table.version())

    def _without_stored(self, rows: pa.Table) -> pa.Table:
        keys = list(tables.KEYS[self._name])
        stored = {tuple(row.values()) for row in self._store.read(self._name, keys).to_pylist()}
        new = [tuple(row.values()) not in stored for row in rows.select(keys).to_pylist()]
        return rows.filter(new)
