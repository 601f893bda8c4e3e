"""Where each query to a database stands: a row of `cursors` after every stored page.

The row of a page is written after everything else of it. A crash in between makes the page come
again, and its rows, known by their keys, are not written twice.
"""

from __future__ import annotations

from dataclasses import dataclass, field, replace
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final, Literal

from matscreen import tables

if TYPE_CHECKING:
    from matscreen.appending import Appender
    from matscreen.sources.streams import RawPage, Stream
    from matscreen.store import Store

# An entry changed while it was being read may carry the time of its page or a little earlier.
_SETTLED: Final = timedelta(minutes=1)


@dataclass(frozen=True)
class Position:
    """Where a query stands.

    Attributes:
        query: Identifier of the query.
        snapshot: When this reading of it began.
        pages: Pages stored in this reading.
        entries: Entries on them.
        failed: Entries that became failures.
        state: `running` until its last page is stored.
        cursor: The page to go on with; None at the end or before the beginning.
        last_modified: Latest change among the entries; None when not every entry states one.
        ids: Structures that the query has brought, in all readings; positions that follow each
            other share it, because it grows long.
    """

    query: str
    snapshot: datetime
    pages: int = 0
    entries: int = 0
    failed: int = 0
    state: Literal["running", "finished"] = "running"
    cursor: str | None = None
    last_modified: datetime | None = None
    ids: dict[str, None] = field(default_factory=dict)

    @property
    def changed_after(self) -> datetime | None:
        """Moment after which a finished query must ask for changes; None asks for everything."""
        if self.last_modified is None:
            return None
        return min(self.last_modified, self.snapshot - _SETTLED)

    def after(self, raw: RawPage, ids: tuple[str, ...], failed: int) -> Position:
        """Return the position after a stored page."""
        self.ids.update(dict.fromkeys(ids))
        # A page without entries says nothing about changes; one with undated entries says that
        # changes cannot be known.
        undated = bool(raw.entries) and raw.modified is None
        spoilt = self.entries > 0 and self.last_modified is None
        dates = [date for date in (self.last_modified, raw.modified) if date is not None]
        return replace(
            self,
            pages=self.pages + 1,
            entries=self.entries + len(raw.entries),
            failed=self.failed + failed,
            state="finished" if raw.following is None else "running",
            cursor=raw.following,
            last_modified=None if undated or spoilt or not dates else max(dates),
        )


def read_position(store: Store, query: str) -> Position | None:
    """Read where a query stands; None when it was never asked."""
    import pyarrow.compute as pc

    table = store.read("cursors")
    rows = table.filter(pc.equal(table["query"], query)).to_pylist()
    if not rows:
        return None
    rows.sort(key=lambda row: (row["snapshot"], row["pages"]))
    last = rows[-1]
    return Position(
        query=query,
        snapshot=last["snapshot"],
        pages=last["pages"],
        entries=last["entries"],
        failed=last["failed"],
        state=last["state"],
        cursor=last["cursor"],
        last_modified=last["last_modified"],
        ids={name: None for row in rows for name in row["structure_ids"] or ()},
    )


def next_reading(stored: Position | None, query: str, *, refresh: bool = False) -> Position:
    """Return the position from which a query goes on.

    An unfinished reading goes on after its last stored page. A finished one begins a new reading,
    of changes where it knows the latest change it has seen.

    Args:
        stored: Where the query stands.
        query: Its identifier.
        refresh: Read everything again.
    """
    now = datetime.now(UTC)
    if stored is None:
        return Position(query, now)
    # Readings are told apart by their begin, also where a clock was set back or goes after another.
    now = max(now, stored.snapshot + timedelta(microseconds=1))
    if refresh:
        return Position(query, now, ids=stored.ids)
    if stored.state == "running":
        return stored
    return Position(query, now, last_modified=stored.changed_after, ids=stored.ids)


def write_position(
    cursors: Appender,
    position: Position,
    stream: Stream,
    source: str,
    raw: RawPage,
    ids: tuple[str, ...],
) -> None:
    """Write the row that says a page is stored.

    Args:
        cursors: Adds to the table `cursors`.
        position: Where the query stands after the page.
        stream: The query.
        source: Name of the database.
        raw: The page.
        ids: Structures on it.
    """
    row: dict[str, Any] = {
        "query": position.query,
        "source": source,
        "url": stream.url,
        "filter": stream.filter,
        "snapshot": position.snapshot,
        "pages": position.pages,
        "entries": position.entries,
        "failed": position.failed,
        "state": position.state,
        "cursor": position.cursor,
        "last_modified": position.last_modified,
        "licence": raw.licence,
        "structure_ids": list(dict.fromkeys(ids)),
        "at": datetime.now(UTC),
    }
    cursors.append(tables.from_rows("cursors", [row]))
