"""GET JSON from a public database: patient with a busy server, never endlessly so."""

from __future__ import annotations

import math
import random
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from datetime import UTC, datetime
from email.utils import parsedate_to_datetime
from http import HTTPStatus
from typing import Any, Final

import httpx

from matscreen.errors import InputError, SourceError

_PERMANENT_5XX = frozenset({HTTPStatus.NOT_IMPLEMENTED, HTTPStatus.HTTP_VERSION_NOT_SUPPORTED})
_TEMPORARY_4XX = frozenset({HTTPStatus.REQUEST_TIMEOUT, HTTPStatus.TOO_MANY_REQUESTS})

# A server that cannot be reached at all is more likely misspelt than busy.
_CONNECT_ATTEMPTS: Final = 3


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


@dataclass(frozen=True)
class Retry:
    """How long to insist.

    Attributes:
        attempts: Most attempts of one request.
        total: Most repeated attempts over the life of a client.
        first_wait: Wait before the second attempt, s; doubled each time.
        longest_wait: Longest single wait, s; a server that asks for more ends the run.
    """

    attempts: int = 6
    total: int = 60
    first_wait: float = 1.0
    longest_wait: float = 60.0


@dataclass
class JsonClient:
    """Fetches JSON documents, repeating after timeouts, 429 and 5xx with growing waits.

    Attributes:
        client: The HTTP client that does the work.
        retry: How long to insist.
        sleep: Called with seconds to wait.
    """

    client: httpx.Client
    retry: Retry = field(default_factory=Retry)
    sleep: Callable[[float], None] = time.sleep
    _repeated: int = 0

    def get(
        self, url: str, params: Mapping[str, str] | None = None, *, attempts: int | None = None
    ) -> dict[str, Any]:
        """Return the JSON object at a URL.

        Args:
            url: Absolute URL.
            params: Query to add; a URL that has one already is sent as it is.
            attempts: Most attempts; the client's own number by default.

        Raises:
            RefusedError: A 4xx that repeating cannot heal.
            SourceError: No usable answer after all attempts, or an answer that is no JSON object.
            InputError: The URL is malformed.
        """
        most = attempts or self.retry.attempts
        shown = short_url(url)
        for attempt in range(1, most + 1):
            asked: float | None = None
            try:
                response = self.client.get(url, params=dict(params) if params else None)
            except (httpx.UnsupportedProtocol, httpx.InvalidURL) as error:
                raise InputError(f"{url!r} is no http or https address: {error}") from error
            except httpx.TransportError as error:
                trouble = f"{type(error).__name__} {error}".strip()
                if isinstance(error, httpx.ConnectError):
                    most = min(most, _CONNECT_ATTEMPTS)
            except httpx.HTTPError as error:
                raise SourceError(f"{shown}: {error}") from error
            else:
                if not _is_temporary(response.status_code):
                    return _document(response)
                trouble = f"status {response.status_code}"
                asked = _retry_after(response)
            if attempt >= most or self._repeated >= self.retry.total:
                raise SourceError(f"{shown} gave no answer in {attempt} attempts: {trouble}")
            if asked is not None and asked > self.retry.longest_wait:
                raise SourceError(f"{shown} asks to come back in {asked:.0f} s ({trouble})")
            self._repeated += 1
            self.sleep(asked if asked is not None else self._wait(attempt))
        raise SourceError(f"{shown} was not asked: attempts is {most}")

    def _wait(self, attempt: int) -> float:
        wait = min(self.retry.first_wait * 2.0 ** (attempt - 1), self.retry.longest_wait)
        # Jitter keeps many clients from returning all at once.
        return wait * random.uniform(0.5, 1.0)


def short_url(url: str) -> str:
    """Return a URL without its query, for messages of one line."""
    return url.partition("?")[0]


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
        document = response.json()
    except ValueError:
        document = None
    detail = _detail(document)
    if response.status_code >= 400:
        raise RefusedError(url, response.status_code, detail)
    if document is None:
        kind = response.headers.get("Content-Type", "something").split(";")[0]
        raise SourceError(f"{shown} answered {response.status_code} with {kind} that is no JSON")
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
