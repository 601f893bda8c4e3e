"""The stage `pull`: read sources page by page; each page is in the store before the next counts.

Suitable crystals become `candidates` with `provenance` and, where the provider gives values,
`labels`, of evidence `dft` unless the source says another; everything else becomes `failures`.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from matscreen.errors import MatscreenError, SourceError
from matscreen.pull_cursors import Position, next_reading, read_position, write_position
from matscreen.pull_writing import Outcome, PageWriter, failure_id, only_writer
from matscreen.shipped import Progress, Pulled, quiet

if TYPE_CHECKING:
    from matscreen.sources import Source
    from matscreen.sources.ordering import OrderingLimits
    from matscreen.sources.streams import PageCache, RawPage, Stream
    from matscreen.store import Store

__all__ = ["Tally", "failure_id", "pull", "pull_each"]


@runtime_checkable
class _Counted(Protocol):
    """A source that may know how many entries it has before it reads them."""

    def total(self) -> int | None: ...


@dataclass(frozen=True)
class Tally:
    """What one source, or one database of it, has brought so far.

    Attributes:
        name: Its name.
        entries: Entries read in this run, as the source counts them: one that is ordered in
            several ways is one entry and several structures.
        new: Structures that the store did not have.
        duplicates: Entries that are a structure the store had, from another entry.
        unchanged: Entries that had been read before.
        failed: Entries that became failures.
        pages: Pages read in this run.
        expected: Entries that the query has, as the server claims; None when it does not.
        earlier: Pages of an interrupted reading that this run did not fetch again.
        seconds: Time from the start to the last page, s.
        finished: The query was read to its end.
        error: Why it was not, in one line.
        licence: Licence of its entries.
        ids: Structures that the query has brought, also in earlier runs; tallies that follow
            each other share it, because it grows long.
        seen: Entries of the query, those of an interrupted reading included.
        failed_in_all: Failures among them.
    """

    name: str
    entries: int = 0
    new: int = 0
    duplicates: int = 0
    unchanged: int = 0
    failed: int = 0
    pages: int = 0
    expected: int | None = None
    earlier: int = 0
    seconds: float = 0.0
    finished: bool = False
    error: str | None = None
    licence: str | None = None
    ids: dict[str, None] = field(default_factory=dict)
    seen: int = 0
    failed_in_all: int = 0

    @property
    def rate(self) -> float:
        """Entries a second."""
        return self.entries / self.seconds if self.seconds > 0 else 0.0

    def with_page(self, outcome: Outcome, entries: int, seconds: float) -> Tally:
        """Return the tally with one more page of so many entries."""
        self.ids.update(dict.fromkeys(outcome.ids))
        return replace(
            self,
            entries=self.entries + entries,
            new=self.new + outcome.new,
            duplicates=self.duplicates + outcome.duplicates,
            unchanged=self.unchanged + outcome.unchanged,
            failed=self.failed + outcome.failed,
            pages=self.pages + 1,
            seconds=seconds,
            seen=self.seen + entries,
            failed_in_all=self.failed_in_all + outcome.failed,
        )


Watch = Callable[[Tally], None]
"""Called after each stored page and at the end of each database."""


def pull(
    store: Store,
    source: Source,
    *,
    spec: str | None = None,
    progress: Progress = quiet,
    watch: Watch | None = None,
    refresh: bool = False,
    ordering: OrderingLimits | None = None,
) -> Pulled:
    """Read a source into the store; see the module.

    A source that can resume (`optimade`) goes on after the last stored page, and once it is
    read to its end brings only what is new or changed.

    Args:
        store: Where the tables are.
        source: What to read.
        spec: What the user called it.
        progress: Told how many entries have been read.
        watch: Told how each database stands.
        refresh: Read a finished query whole again.
        ordering: Which disordered crystals are small enough to be ordered; None skips them all.

    Raises:
        SourceError: The source, or every database of it, could not be read any further; pages
            already read are in the store.
        InputError: The source was asked for something that does not exist.
    """
    name = spec or source.name
    latest: dict[str, Tally] = {}

    def show(tally: Tally) -> None:
        latest[tally.name] = tally
        progress(f"pull {name}", sum(each.seen for each in latest.values()), None)
        if watch is not None:
            watch(tally)

    tallies, errors = _read(store, source, show, refresh=refresh, ordering=ordering)
    if errors and len(errors) == len(tallies):
        raise errors[0] if len(errors) == 1 else SourceError("; ".join(map(str, errors)))
    ids = {structure_id: None for tally in tallies for structure_id in tally.ids}
    failed = sum(tally.failed_in_all for tally in tallies)
    # A reading of changes shows fewer entries than the query has brought in all.
    seen = max(sum(tally.seen for tally in tallies), failed + len(ids))
    return Pulled(name, tuple(ids), seen, failed, seen - failed - len(ids))


def pull_each(
    store: Store,
    source: Source,
    *,
    watch: Watch | None = None,
    refresh: bool = False,
    ordering: OrderingLimits | None = None,
) -> list[Tally]:
    """Do as `pull`, but return how each database fared; an error is part of its tally."""
    quiet_watch = watch or (lambda _tally: None)
    return _read(store, source, quiet_watch, refresh=refresh, ordering=ordering)[0]


def _read(
    store: Store, source: Source, watch: Watch, *, refresh: bool, ordering: OrderingLimits | None
) -> tuple[list[Tally], list[MatscreenError]]:
    from matscreen.sources.streams import Streaming

    with only_writer(store) as alone:
        writer = PageWriter(store, alone, ordering)
        try:
            if isinstance(source, Streaming):
                return _read_streams(store, writer, source.streams(), watch, refresh=refresh)
            return _read_pages(writer, source, watch)
        finally:
            # What an interrupted pull has stored is not new to the one that goes on.
            writer.link_hydrogen_variants()


def _read_pages(
    writer: PageWriter, source: Source, watch: Watch
) -> tuple[list[Tally], list[MatscreenError]]:
    began = time.perf_counter()
    tally = Tally(source.name, expected=source.total() if isinstance(source, _Counted) else None)
    errors: list[MatscreenError] = []
    try:
        for page in source.pages():
            outcome = writer.write(page, page.source or source.name)
            entries = len(page.items) + len(page.failures)
            tally = tally.with_page(outcome, entries, time.perf_counter() - began)
            watch(tally)
    except MatscreenError as error:
        errors.append(error)
        tally = replace(tally, error=_line(error))
        writer.fail(source.name, "source_failed", _line(error))
    else:
        tally = replace(tally, finished=True)
        writer.succeed(source.name)
    watch(tally)
    return [tally], errors


@dataclass
class _Reading:
    """One stream on its way into the store."""

    stream: Stream
    position: Position
    tally: Tally
    cache: PageCache | None


def _read_streams(
    store: Store, writer: PageWriter, streams: Sequence[Stream], watch: Watch, *, refresh: bool
) -> tuple[list[Tally], list[MatscreenError]]:
    from matscreen.sources.streams import arrivals

    began = time.perf_counter()
    readings = [_start(store, stream, refresh=refresh) for stream in streams]
    errors: list[MatscreenError] = []
    for arrival in arrivals([reading.stream for reading in readings]):
        reading = readings[arrival.index]
        if arrival.raw is not None:
            _store_page(store, writer, reading, arrival.raw, time.perf_counter() - began)
        elif arrival.error is not None:
            error = arrival.error
            known = error if isinstance(error, MatscreenError) else SourceError(_unforeseen(error))
            errors.append(known)
            reading.tally = replace(reading.tally, error=_line(known))
            writer.fail(reading.tally.name, "source_failed", _line(known))
        else:
            done = reading.position.state == "finished"
            reading.tally = replace(reading.tally, finished=done)
            if done:
                writer.succeed(reading.tally.name)
        watch(reading.tally)
    return [reading.tally for reading in readings], errors


def _start(store: Store, stream: Stream, *, refresh: bool) -> _Reading:
    position = next_reading(read_position(store, stream.query), stream.query, refresh=refresh)
    cache = _page_cache(store, stream.query)
    resumed = position.pages > 0
    placed = stream.placed(
        cursor=position.cursor if resumed else None,
        since=None if resumed else position.last_modified,
        cache=cache,
    )
    tally = Tally(
        stream.label,
        earlier=position.pages,
        ids=position.ids,
        seen=position.entries,
        failed_in_all=position.failed,
    )
    return _Reading(placed, position, tally, cache)


def _store_page(
    store: Store, writer: PageWriter, reading: _Reading, raw: RawPage, seconds: float
) -> None:
    page = reading.stream.page(raw)
    source = page.source or reading.stream.label
    outcome = writer.write(page, source)
    reading.position = reading.position.after(raw, outcome.ids, outcome.failed)
    write_position(store, reading.position, reading.stream, source, raw, outcome.ids)
    if reading.cache is not None:
        reading.cache.drop(raw.url)
    reading.tally = replace(
        reading.tally.with_page(outcome, len(raw.entries), seconds),
        expected=raw.expected,
        licence=raw.licence or reading.tally.licence,
    )


def _page_cache(store: Store, query: str) -> PageCache | None:
    """Return a folder for pages on their way; a bucket gets none."""
    if "://" in store.root:
        return None
    from matscreen.sources.optimade_cache import FolderCache

    return FolderCache(Path(store.root) / "_pages" / query)


def _line(error: MatscreenError) -> str:
    return " ".join(str(error).split())


def _unforeseen(error: Exception) -> str:
    return f"{type(error).__name__}: {error}"[:300]
