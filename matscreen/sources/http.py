"""GET JSON from a public database: patient with a busy server, never endlessly so, and polite."""

from __future__ import annotations

import asyncio
import ipaddress
import json
import math
import random
import ssl
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from functools import cache
from http import HTTPStatus
from typing import Any, Final

import httpx

from matscreen.errors import InputError, SourceError

_PERMANENT_5XX = frozenset({HTTPStatus.NOT_IMPLEMENTED, HTTPStatus.HTTP_VERSION_NOT_SUPPORTED})
_TEMPORARY_4XX = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})

# A server that cannot be reached at all is more likely misspelt than busy, and one that goes on
# sending web pages is more likely a portal than a database with a bad moment.
_CONNECT_ATTEMPTS: Final = 3
_BROKEN_ATTEMPTS: Final = 3
_MOST_REDIRECTS: Final = 5
MAX_BYTES: Final = 256 * 2**20
"""Longest answer that is read, bytes after unpacking; a page of 500 entries has about 1 MB."""


class RefusedError(SourceError):
    """The server understood the request and refuses it; repeating it is of no use.

    Attributes:
        status: HTTP status.
        detail: The server's own words, or an empty string.
    """

    def __init__(self, url: str, status: int, detail: str) -> None:
        self.status = status
        self.detail = detail
        super().__init__(f"{short_url(url)} answered {status}{f': {detail}' if detail else ''}")


class NoAnswerError(SourceError):
    """No usable answer came in all attempts.

    Attributes:
        overloaded: The last attempt ended in a timeout or a 5xx: less at once may help.
    """

    def __init__(self, message: str, *, overloaded: bool) -> None:
        self.overloaded = overloaded
        super().__init__(message)


@dataclass(frozen=True)
class Retry:
    """How long to insist.

    Attributes:
        attempts: Most attempts of one request.
        total: Most repeated attempts over the life of a client, less one for each answer.
        first_wait: Wait before the second attempt, s; doubled each time.
        longest_wait: Longest single wait, s; a server that asks for more ends the run.
    """

    attempts: int = 6
    total: int = 60
    first_wait: float = 1.0
    longest_wait: float = 60.0


@dataclass(frozen=True)
class Politeness:
    """How hard one host may be pressed.

    Attributes:
        concurrent: Most requests at the same time.
        interval: Least time between the starts of two requests, s; none on this machine.
    """

    concurrent: int = 2
    interval: float = 0.1


class HostGates:
    """Lets requests to each host through one by one, as its politeness asks.

    Clients that share the gates share the limits, also where two databases live on one host.
    """

    def __init__(self, politeness: Politeness | None = None) -> None:
        self._politeness = politeness or Politeness()
        # A semaphore belongs to the event loop in which somebody first waited for it.
        self._slots: dict[tuple[asyncio.AbstractEventLoop, str], asyncio.Semaphore] = {}
        self._next: dict[str, float] = {}

    @asynccontextmanager
    async def passing(self, host: str) -> AsyncIterator[None]:
        """Hold one of the places of a host; waits until there is one and its turn has come."""
        key = asyncio.get_running_loop(), host
        slots = self._slots.setdefault(key, asyncio.Semaphore(self._politeness.concurrent))
        async with slots:
            now = time.monotonic()
            turn = max(now, self._next.get(host, now))
            interval = 0.0 if _is_this_machine(host) else self._politeness.interval
            self._next[host] = turn + interval
            if turn > now:
                await asyncio.sleep(turn - now)
            yield


@dataclass(frozen=True)
class Answer:
    """A JSON object as it came.

    Attributes:
        document: The object.
        content: Its text.
    """

    document: dict[str, Any]
    content: bytes


@dataclass
class JsonClient:
    """Fetches JSON documents, repeating with growing waits what may heal by itself.

    Repeated are timeouts and cut connections, 408, 429, 5xx, and answers that should be JSON but
    are not (a page of a proxy, a document cut short, one that is not packed as it says).
    `Retry-After` is honoured.

    Attributes:
        client: The HTTP client that does the work.
        retry: How long to insist.
        gates: Limits for each host.
        sleep: Called with seconds to wait.
        max_bytes: Longest answer that is read.
    """

    client: httpx.AsyncClient
    retry: Retry = field(default_factory=Retry)
    gates: HostGates = field(default_factory=HostGates)
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep
    max_bytes: int = MAX_BYTES
    _repeated: int = 0

    async def get(
        self, url: str, params: Mapping[str, str] | None = None, *, attempts: int | None = None
    ) -> dict[str, Any]:
        """Return the JSON object at a URL; see `fetch`."""
        return (await self.fetch(url, params, attempts=attempts)).document

    async def fetch(
        self, url: str, params: Mapping[str, str] | None = None, *, attempts: int | None = None
    ) -> Answer:
        """Fetch the JSON object at a URL.

        Args:
            url: Absolute URL.
            params: Query to add; a URL that has one already is sent as it is.
            attempts: Most attempts; the client's own number by default.

        Raises:
            RefusedError: A 4xx that repeating cannot heal.
            SourceError: No usable answer after all attempts, an answer that is no JSON object or
                too long, or a redirect away from http, from https to http, or without end.
            InputError: The URL is malformed.
        """
        most = attempts or self.retry.attempts
        shown = short_url(url)
        for attempt in range(1, most + 1):
            asked: float | None = None
            overloaded = False
            try:
                response = await self._send(url, params)
            except httpx.TransportError as error:
                trouble = f"{type(error).__name__} {error}".strip()
                overloaded = isinstance(error, httpx.ReadTimeout)
                if isinstance(error, httpx.ConnectError):
                    most = min(most, _CONNECT_ATTEMPTS)
            except httpx.DecodingError as error:
                trouble = f"DecodingError {error}"
                most = min(most, _BROKEN_ATTEMPTS)
            except httpx.HTTPError as error:
                raise SourceError(f"{shown}: {error}") from error
            else:
                if not _is_temporary(response.status_code):
                    try:
                        document = _document(response)
                    except _BrokenError as error:
                        trouble = str(error)
                        most = min(most, _BROKEN_ATTEMPTS)
                    else:
                        # A pull of days meets many passing troubles; only a run of them ends it.
                        self._repeated = max(self._repeated - 1, 0)
                        return Answer(document, response.content)
                else:
                    trouble = f"status {response.status_code}"
                    overloaded = response.status_code >= 500
                    asked = _retry_after(response)
            if attempt >= most or self._repeated >= self.retry.total:
                raise NoAnswerError(
                    f"{shown} gave no answer in {attempt} attempts: {trouble}",
                    overloaded=overloaded,
                )
            if asked is not None and asked > self.retry.longest_wait:
                raise SourceError(f"{shown} asks to come back in {asked:.0f} s ({trouble})")
            self._repeated += 1
            await self.sleep(asked if asked is not None else self._wait(attempt))
        raise SourceError(f"{shown} was not asked: attempts is {most}")

    async def _send(self, url: str, params: Mapping[str, str] | None) -> httpx.Response:
        """Send one request, follow its redirects by hand, and read the answer up to the limit."""
        try:
            request = self.client.build_request("GET", url, params=dict(params) if params else None)
        except httpx.InvalidURL as error:
            raise InputError(f"{url!r} is no http or https address: {error}") from error
        if request.url.scheme not in {"http", "https"} or not request.url.host:
            raise InputError(f"{url!r} is no http or https address")
        async with self.gates.passing(request.url.host):
            for _ in range(_MOST_REDIRECTS):
                response = await self.client.send(request, stream=True, follow_redirects=False)
                try:
                    if response.next_request is None:
                        return await self._read(response)
                finally:
                    await response.aclose()
                following = response.next_request
                if not _may_follow(request.url, following.url):
                    raise SourceError(
                        f"{short_url(url)} redirects to {short_url(str(following.url))}, "
                        "which is not followed"
                    )
                request = following
        raise SourceError(f"{short_url(url)} redirects more than {_MOST_REDIRECTS} times")

    async def _read(self, response: httpx.Response) -> httpx.Response:
        parts, size = [], 0
        async for part in response.aiter_bytes():
            size += len(part)
            if size > self.max_bytes:
                raise SourceError(
                    f"{short_url(str(response.request.url))} sends more than "
                    f"{self.max_bytes / 2**20:g} MB at once; ask for smaller pages"
                )
            parts.append(part)
        headers = httpx.Headers(
            [
                (name, value)
                for name, value in response.headers.multi_items()
                if name not in {"content-encoding", "content-length", "transfer-encoding"}
            ]
        )
        return httpx.Response(
            response.status_code,
            headers=headers,
            content=b"".join(parts),
            request=response.request,
        )

    def _wait(self, attempt: int) -> float:
        wait = min(self.retry.first_wait * 2.0 ** (attempt - 1), self.retry.longest_wait)
        # Jitter keeps many clients from returning all at once.
        return wait * random.uniform(0.5, 1.0)


class _BrokenError(Exception):
    """An answer that should be JSON and is not."""


@cache
def certificates() -> ssl.SSLContext:
    """Return what servers prove themselves by; reading it anew for each client takes 20 ms."""
    return httpx.create_ssl_context()


def short_url(url: str) -> str:
    """Return a URL without its query, for messages of one line."""
    return url.partition("?")[0]


def _is_this_machine(host: str) -> bool:
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return host == "localhost"


def _may_follow(here: httpx.URL, there: httpx.URL) -> bool:
    return there.scheme == "https" or (there.scheme == "http" and here.scheme == "http")


def _is_temporary(status: int) -> bool:
    return status in _TEMPORARY_4XX or (status >= 500 and status not in _PERMANENT_5XX)


def _retry_after(response: httpx.Response) -> float | None:
    """Read Retry-After, seconds or a date, as seconds from now."""
    text = response.headers.get("Retry-After", "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        try:
            when = parsedate_to_datetime(text)
        except ValueError:
            return None
        if when.tzinfo is None:
            when = when.replace(tzinfo=UTC)
        seconds = (when - datetime.now(UTC)).total_seconds()
    return max(seconds, 0.0) if math.isfinite(seconds) else None


def _document(response: httpx.Response) -> dict[str, Any]:
    url = str(response.request.url)
    shown = short_url(url)
    try:
        document = json.loads(response.content)
    except (ValueError, RecursionError):
        document = None
    detail = _detail(document)
    if response.status_code >= 400:
        raise RefusedError(url, response.status_code, detail)
    if document is None:
        kind = response.headers.get("Content-Type", "something").split(";")[0]
        raise _BrokenError(f"status {response.status_code} with {kind} that is no JSON")
    if not isinstance(document, dict):
        raise SourceError(f"{shown} answered with a JSON {type(document).__name__}, not an object")
    if detail and not document.get("data"):
        raise SourceError(f"{shown} answered with an error: {detail}")
    return document


def _detail(document: object) -> str:
    """Join the messages of a JSON:API error document into one line."""
    errors = document.get("errors") if isinstance(document, dict) else None
    words = [
        str(error.get("detail") or error.get("title") or "")
        for error in (errors if isinstance(errors, list) else [])
        if isinstance(error, dict)
    ]
    return " ".join(" ".join(filter(None, words)).split())[:300]
