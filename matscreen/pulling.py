"""The stage `pull`: read sources page by page; each page is in the store before the next counts.

Suitable crystals become `candidates` with `provenance` and, where the provider gives values,
`labels`, of evidence `dft` unless the source says another; everything else becomes `failures`.
"""

from __future__ import annotations

import gc
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import AbstractContextManager, contextmanager
from dataclasses import dataclass, field, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from matscreen.appending import Appender
from matscreen.errors import MatscreenError, SourceError
from matscreen.pull_cursors import Position, next_reading, read_position, write_position
from matscreen.pull_writing import Outcome, PageWriter, failure_id, only_writer
from matscreen.shipped import Progress, Pulled, quiet
from matscreen.write_behind import WriteBehind

if TYPE_CHECKING:
    from matscreen.sources import Page, Source
    from matscreen.sources.ordering import OrderingLimits
    from matscreen.sources.streams import Arrival, PageCache, RawPage, Stream
    from matscreen.store import Store

__all__ = ["Tally", "failure_id", "pull", "pull_each"]

_ALLOCATIONS = 100_000
"""Containers made before young garbage is searched for; Python's own number is 700."""


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

    with only_writer(store) as alone, _rarely_collected():
        if isinstance(source, Streaming):
            cursors = Appender(store, "cursors")
            readings = [
                _start(store, stream, cursors, refresh=refresh) for stream in source.streams()
            ]
            return _read_streams(readings, partial(_writer, store, alone, ordering), watch)
        with _writer(store, alone, ordering) as writer:
            return _read_pages(writer, source, watch)


@contextmanager
def _rarely_collected() -> Iterator[None]:
    """Search for cyclic garbage seldom, and not in what exists already.

    The documents of pages are hundreds of thousands of lists without a cycle, which start that
    search again and again; through all loaded libraries each time it costs a tenth of a pull.
    """
    usual = gc.get_threshold()
    gc.freeze()
    gc.set_threshold(_ALLOCATIONS, *usual[1:])
    try:
        yield
    finally:
        gc.set_threshold(*usual)
        gc.unfreeze()


@contextmanager
def _writer(store: Store, alone: bool, ordering: OrderingLimits | None) -> Iterator[PageWriter]:
    writer = PageWriter(store, alone, ordering)
    try:
        yield writer
    finally:
        # What an interrupted pull has stored is not new to the one that goes on.
        writer.link_hydrogen_variants()


def _read_pages(
    writer: PageWriter, source: Source, watch: Watch
) -> tuple[list[Tally], list[MatscreenError]]:
    began = time.perf_counter()
    tally = Tally(source.name, expected=source.total() if isinstance(source, _Counted) else None)
    errors: list[MatscreenError] = []

    def count(outcome: Outcome, entries: int) -> None:
        nonlocal tally
        tally = tally.with_page(outcome, entries, time.perf_counter() - began)
        watch(tally)

    try:
        with WriteBehind() as behind:
            for page in _settled_after(source.pages(), behind):
                prepared = writer.prepare(page, page.source or source.name)
                entries = len(page.items) + len(page.failures)
                behind.put(prepared.store, partial(count, prepared.outcome, entries))
    except MatscreenError as error:
        errors.append(error)
        tally = replace(tally, error=_line(error))
        writer.fail(source.name, "source_failed", _line(error))
    else:
        tally = replace(tally, finished=True)
        writer.succeed(source.name)
    watch(tally)
    return [tally], errors


def _settled_after(pages: Iterator[Page], behind: WriteBehind) -> Iterator[Page]:
    """Yield the pages, and wait for the last one before the error or the end that follows it."""
    try:
        yield from pages
    finally:
        behind.settle()


@dataclass
class _Reading:
    """One stream on its way into the store."""

    cursors: Appender
    stream: Stream
    position: Position
    tally: Tally
    cache: PageCache | None

    def prepared(self, writer: PageWriter, raw: RawPage) -> tuple[Outcome, Callable[[], None]]:
        """Convert a page; return what becomes of its entries, and what writes it."""
        page = self.stream.page(raw)
        source = page.source or self.stream.label
        prepared = writer.prepare(page, source)
        outcome = prepared.outcome
        position = self.position = self.position.after(raw, outcome.ids, outcome.failed)

        def write() -> None:
            prepared.store()
            # Only a page that is stored whole is never asked for again.
            write_position(self.cursors, position, self.stream, source, raw, outcome.ids)
            if self.cache is not None:
                self.cache.drop(raw.url)

        return outcome, write

    def count(self, outcome: Outcome, raw: RawPage, seconds: float) -> None:
        """Count a page that is stored."""
        self.tally = replace(
            self.tally.with_page(outcome, len(raw.entries), seconds),
            expected=raw.expected,
            licence=raw.licence or self.tally.licence,
        )


def _read_streams(
    readings: Sequence[_Reading],
    writing: Callable[[], AbstractContextManager[PageWriter]],
    watch: Watch,
) -> tuple[list[Tally], list[MatscreenError]]:
    from matscreen.sources.streams import Fetching

    began = time.perf_counter()
    errors: list[MatscreenError] = []

    def count(arrival: Arrival, raw: RawPage, outcome: Outcome) -> None:
        fetching.dealt_with(arrival)
        readings[arrival.index].count(outcome, raw, time.perf_counter() - began)
        watch(readings[arrival.index].tally)

    # The first pages are on their way while the store is being read.
    with (
        Fetching([reading.stream for reading in readings]) as fetching,
        writing() as writer,
        WriteBehind() as behind,
    ):
        for arrival in fetching.arrivals(idle=behind.settle):
            reading = readings[arrival.index]
            if arrival.raw is not None:
                outcome, write = reading.prepared(writer, arrival.raw)
                behind.put(write, partial(count, arrival, arrival.raw, outcome))
                continue
            behind.settle()
            if arrival.error is not None:
                error = arrival.error
                known = (
                    error if isinstance(error, MatscreenError) else SourceError(_unforeseen(error))
                )
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


def _start(store: Store, stream: Stream, cursors: Appender, *, refresh: bool) -> _Reading:
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
    return _Reading(cursors, placed, position, tally, cache)


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
