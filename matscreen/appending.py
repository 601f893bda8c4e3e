"""Append to one table again and again.

A write to the address of a table reads its log first, and each commit makes that longer. A table
that stays open only looks at what was committed since.
"""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pyarrow as pa
    from deltalake import DeltaTable

    from matscreen.store import Store


class Appender:
    """Keeps one table of a store open for rows to come; other writers may write meanwhile.

    Args:
        store: The store.
        name: The table; made by the first rows where there is none.
    """

    def __init__(self, store: Store, name: str) -> None:
        self._store = store
        self._name = name
        self._table: DeltaTable | None = None

    def append(self, rows: pa.Table) -> None:
        """Add rows in one commit.

        Raises:
            StoreError: As `Store.append`.
        """
        if self._table is None and self._store.exists(self._name):
            self._table = self._store.opened(self._name)
        self._store.append(self._name, rows, opened=self._table)
