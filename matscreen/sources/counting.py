"""Ask databases how much a query would bring, without reading it."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Protocol, runtime_checkable

from matscreen.errors import InputError, MatscreenError
from matscreen.sources.streams import Stream, Streaming

if TYPE_CHECKING:
    from matscreen.sources.base import Source


@runtime_checkable
class _Counts(Protocol):
    async def count(self) -> tuple[int | None, int | None]: ...


@runtime_checkable
class _Totals(Protocol):
    def total(self) -> int: ...


@dataclass(frozen=True)
class Count:
    """What a database says of a query.

    Attributes:
        name: Its name.
        url: Its base URL.
        filter: The filter that would be sent.
        returned: Entries that match; None when it does not say.
        available: Entries that it has; None when it does not say.
        error: Why it could not be asked, in one line.
    """

    name: str
    url: str
    filter: str
    returned: int | None = None
    available: int | None = None
    error: str | None = None


def count(source: Source) -> list[Count]:
    """Ask every database of a source at the same time; an error of one is part of its count.

    Raises:
        InputError: The source cannot say how much it holds.
    """
    streams = source.streams() if isinstance(source, Streaming) else ()
    if not streams:
        raise InputError(f"the source {source.name!r} cannot be counted without reading it")

    async def everything() -> list[Count]:
        return await asyncio.gather(*map(_count, streams))

    return asyncio.run(everything())


async def _count(stream: Stream) -> Count:
    returned = available = error = None
    try:
        if isinstance(stream, _Counts):
            returned, available = await stream.count()
        elif isinstance(stream, _Totals):
            returned = await asyncio.to_thread(stream.total)
        else:
            error = "cannot be counted without reading it"
    except MatscreenError as trouble:
        error = " ".join(str(trouble).split())
    return Count(stream.label, stream.url, stream.filter, returned, available, error)
