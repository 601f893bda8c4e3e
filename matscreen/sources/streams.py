"""Sources that fetch their pages asynchronously, read side by side into one writer.

The network runs in one thread of its own; pages are converted and stored in the caller's thread.
Each stream is at most one page ahead of what is stored, so a slow writer slows the servers down
instead of filling the memory.
"""

from __future__ import annotations

import asyncio
import queue
import threading
from collections.abc import AsyncIterator, Callable, Iterator, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Final, Protocol, Self, runtime_checkable

from matscreen.sources.base import Page

AHEAD: Final = 2
"""Pages of a stream that are on their way: one being stored, the next being fetched."""


@dataclass(frozen=True)
class RawPage:
    """One page as the server sent it.

    Attributes:
        url: Where it was read.
        number: Its place in this reading, from 1.
        entries: Its entries, whatever they are.
        repeated: Places of entries whose id came before in this reading.
        provider: Prefix by which the server names itself, or None.
        licence: Licence of all entries, where the server states one.
        following: Where the next page is; None at the end.
        expected: Entries that the whole query has, as the server claims; None when it does not.
        modified: Latest change among the entries; None when the server does not say.
    """

    url: str
    number: int
    entries: Sequence[Any]
    repeated: frozenset[int] = frozenset()
    provider: str | None = None
    licence: str | None = None
    following: str | None = None
    expected: int | None = None
    modified: datetime | None = None


class PageCache(Protocol):
    """Keeps pages that arrived until they are stored, so that a crash fetches none twice."""

    def get(self, url: str) -> Mapping[str, Any] | None:
        """Return the document that was kept for a URL."""
        ...

    def put(self, url: str, content: bytes) -> None:
        """Keep a document, as the JSON that came."""
        ...

    def drop(self, url: str) -> None:
        """Forget a document that is stored."""
        ...


class Stream(Protocol):
    """One query to one database.

    Attributes:
        label: Name for people, such as `optimade:mp`.
        url: Base URL.
        filter: What is asked for.
        query: Identifier of the query: database and filter.
    """

    @property
    def label(self) -> str:
        """Name for people, such as `optimade:mp`."""
        ...

    @property
    def url(self) -> str:
        """Base URL."""
        ...

    @property
    def filter(self) -> str:
        """What is asked for."""
        ...

    @property
    def query(self) -> str:
        """Identifier of the query: database and filter."""
        ...

    def documents(self) -> AsyncIterator[RawPage]:
        """Fetch page after page.

        Raises:
            SourceError: The server cannot be read any further; pages already given are good.
        """
        ...

    def page(self, raw: RawPage) -> Page:
        """Convert a page; every entry becomes an item or a failure."""
        ...

    def placed(
        self, *, cursor: str | None, since: datetime | None, cache: PageCache | None
    ) -> Self:
        """Return the same query from a cursor on, or for what changed since a moment."""
        ...


@runtime_checkable
class Streaming(Protocol):
    """A source made of queries that can be read side by side and resumed."""

    def streams(self) -> Sequence[Stream]:
        """Return the queries."""
        ...


@dataclass(frozen=True)
class Arrival:
    """What happened next: a page of a stream, its error, or (with neither) its end.

    Attributes:
        index: Which stream.
        raw: The page.
        error: Why the stream ended early.
    """

    index: int
    raw: RawPage | None = None
    error: Exception | None = None


def arrivals(streams: Sequence[Stream], *, ahead: int = AHEAD) -> Iterator[Arrival]:
    """Read streams side by side and yield what arrives, pages of one stream in their order.

    An error of one stream ends that stream only. Asking for the next arrival says that the one
    before is dealt with.

    Args:
        streams: What to read.
        ahead: Pages of a stream that may be on their way at the same time.
    """
    with Fetching(streams, ahead=ahead) as fetching:
        for arrival in fetching.arrivals():
            yield arrival
            fetching.dealt_with(arrival)


class Fetching:
    """Streams that are read side by side from the moment that the context is entered.

    The caller says when a page is dealt with; only then is another one of its stream fetched.

    Args:
        streams: What to read.
        ahead: Pages of a stream that may be on their way at the same time.
    """

    def __init__(self, streams: Sequence[Stream], *, ahead: int = AHEAD) -> None:
        self._streams = streams
        self._arrived: queue.SimpleQueue[Arrival] = queue.SimpleQueue()
        self._loop = asyncio.new_event_loop()
        self._permits = [asyncio.Semaphore(ahead) for _ in streams]
        self._task = self._loop.create_task(self._read_all())
        self._thread = threading.Thread(target=self._run, name="matscreen-fetch", daemon=True)

    def __enter__(self) -> Self:
        self._thread.start()
        return self

    def __exit__(self, *_: object) -> None:
        _tell(self._loop, self._task.cancel)
        self._thread.join()

    def arrivals(self, idle: Callable[[], object] | None = None) -> Iterator[Arrival]:
        """Yield what arrives, until all streams have ended.

        Args:
            idle: Called whenever nothing has arrived yet, before waiting for it.
        """
        open_streams = len(self._streams)
        while open_streams:
            if idle is not None and self._arrived.empty():
                idle()
            arrival = self._arrived.get()
            open_streams -= arrival.raw is None
            yield arrival

    def dealt_with(self, arrival: Arrival) -> None:
        """Say that a page takes no more room, so that its stream may fetch another one."""
        if arrival.raw is not None:
            _tell(self._loop, self._permits[arrival.index].release)

    async def _read(self, index: int) -> None:
        documents = self._streams[index].documents()
        try:
            while True:
                await self._permits[index].acquire()
                self._arrived.put(Arrival(index, await anext(documents)))
        except StopAsyncIteration:
            self._arrived.put(Arrival(index))
        except Exception as error:  # whatever one server provokes must not end the others
            self._arrived.put(Arrival(index, error=error))

    async def _read_all(self) -> None:
        await asyncio.gather(*(self._read(index) for index in range(len(self._streams))))

    def _run(self) -> None:
        asyncio.set_event_loop(self._loop)
        try:
            self._loop.run_until_complete(self._task)
        except asyncio.CancelledError:
            pass
        finally:
            self._loop.run_until_complete(self._loop.shutdown_asyncgens())
            self._loop.close()


def _tell(loop: asyncio.AbstractEventLoop, what: Callable[[], object]) -> None:
    """Call a function in the loop, unless that has just come to its end."""
    with suppress(RuntimeError):
        loop.call_soon_threadsafe(what)
