"""Tests of fetching JSON from a server that has its troubles."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from matscreen.errors import InputError, SourceError
from matscreen.sources.http import (
    HostGates,
    JsonClient,
    NoAnswerError,
    Politeness,
    RefusedError,
    Retry,
)

URL = "https://example.org/v1/things?page=3"
FINE = httpx.Response(200, json={"data": [1]})


class Patience:
    """A client whose server gives the planned answers, the last one for ever."""

    def __init__(self, *answers: httpx.Response | Exception, **retry: float) -> None:
        self.answers = list(answers)
        self.waits: list[float] = []
        self.requests: list[httpx.Request] = []
        http = httpx.AsyncClient(transport=httpx.MockTransport(self._answer))
        self.client = JsonClient(
            http, Retry(**retry), HostGates(Politeness(interval=0)), self._wait
        )

    async def _wait(self, seconds: float) -> None:
        self.waits.append(seconds)

    def get(self, url: str = URL) -> dict:
        return asyncio.run(self.client.get(url))

    def _answer(self, request: httpx.Request) -> httpx.Response:
        self.requests.append(request)
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def error(self) -> SourceError:
        with pytest.raises(SourceError) as caught:
            self.get()
        assert "\n" not in str(caught.value)
        assert str(caught.value).startswith("https://example.org/v1/things ")
        return caught.value


def test_waits_grow_with_jitter_up_to_a_longest() -> None:
    patience = Patience(httpx.Response(503), attempts=8, first_wait=1.0, longest_wait=5.0)
    patience.error()
    for wait, ideal in zip(patience.waits, [1, 2, 4, 5, 5, 5, 5], strict=True):
        assert ideal / 2 <= wait <= ideal


def test_retry_after_is_honoured_in_seconds_and_as_a_date() -> None:
    later = format_datetime(datetime.now(UTC) + timedelta(seconds=40), usegmt=True)
    past = format_datetime(datetime.now(UTC) - timedelta(days=1), usegmt=True)
    told = ["7", later, past, "junk", "nan"]
    busy = [httpx.Response(429, headers={"Retry-After": text}) for text in told]
    patience = Patience(*busy, FINE)
    assert patience.get() == {"data": [1]}
    assert patience.waits[0] == 7.0
    assert 30 < patience.waits[1] <= 40
    assert patience.waits[2] == 0.0
    assert patience.waits[3] <= 8.0
    assert patience.waits[4] <= 16.0


def test_a_server_that_asks_for_an_hour_is_not_waited_for() -> None:
    patience = Patience(httpx.Response(429, headers={"Retry-After": "3600"}))
    assert "3600 s" in str(patience.error())
    assert not patience.waits


def test_the_total_of_repeated_attempts_is_limited_over_all_requests() -> None:
    patience = Patience(*[httpx.Response(503), httpx.Response(503), FINE] * 5, total=4)
    for _ in range(3):
        patience.get()
    # Each request cost two and gave one back.
    assert "2 attempts" in str(patience.error())
    assert len(patience.waits) == 7


@pytest.mark.parametrize(
    ("answer", "overloaded"),
    [
        (httpx.Response(502), True),
        (httpx.ReadTimeout("slow"), True),
        (httpx.Response(429), False),
        (httpx.ConnectError("refused"), False),
        (httpx.Response(200, content=b"{"), False),
    ],
)
def test_an_overloaded_server_is_told_from_others(
    answer: httpx.Response | Exception, overloaded: bool
) -> None:
    error = Patience(answer).error()
    assert isinstance(error, NoAnswerError)
    assert error.overloaded is overloaded


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (httpx.Response(200, json=[1, 2]), "JSON list, not an object"),
        (httpx.Response(200, json={"errors": [{"title": "Oh", "detail": "no"}]}), "error: no"),
        (httpx.Response(200, json={"errors": [{"title": "Oh"}]}), "error: Oh"),
    ],
)
def test_a_wrong_answer_is_one_clear_line(answer: httpx.Response, words: str) -> None:
    patience = Patience(answer)
    assert words in str(patience.error())
    assert not patience.waits


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (httpx.Response(200, html="<html>Welcome</html>"), "text/html that is no JSON"),
        (httpx.Response(200, content=b'{"data": ['), "no JSON"),
        (httpx.Response(200, content=b""), "no JSON"),
        (httpx.Response(200, content=b"[" * 100_000), "no JSON"),
    ],
)
def test_a_broken_document_is_asked_for_again_but_not_for_ever(
    answer: httpx.Response, words: str
) -> None:
    assert Patience(answer, FINE).get() == {"data": [1]}
    patience = Patience(answer)
    assert words in str(patience.error())
    assert len(patience.waits) == 2


class Sent(httpx.AsyncByteStream):
    """Bytes as they come from a wire, not unpacked yet."""

    def __init__(self, content: bytes) -> None:
        self.content = content

    async def __aiter__(self) -> AsyncIterator[bytes]:
        yield self.content


def test_an_answer_that_is_not_packed_as_it_says_is_asked_for_again() -> None:
    said = {"Content-Encoding": "gzip"}
    wrong = [httpx.Response(200, headers=said, stream=Sent(b"<html>busy")) for _ in range(5)]
    assert Patience(*wrong[:2], FINE).get() == {"data": [1]}
    patience = Patience(*wrong[2:])
    assert "DecodingError" in str(patience.error())
    assert len(patience.requests) == 3


def test_an_answer_without_end_is_not_read_to_its_end() -> None:
    patience = Patience(httpx.Response(200, content=b"x" * 3_000_000))
    patience.client.max_bytes = 2**20
    assert "more than 1 MB" in str(patience.error())


@pytest.mark.parametrize(
    ("answer", "status", "detail"),
    [
        (httpx.Response(404, html="gone"), 404, ""),
        (httpx.Response(400, json={"errors": [{"detail": "bad\nfilter"}]}), 400, "bad filter"),
        (httpx.Response(403, json={"errors": "no list"}), 403, ""),
        (httpx.Response(501), 501, ""),
    ],
)
def test_a_refusal_carries_status_and_words(
    answer: httpx.Response, status: int, detail: str
) -> None:
    patience = Patience(answer)
    error = patience.error()
    assert isinstance(error, RefusedError)
    assert (error.status, error.detail) == (status, detail)
    assert not patience.waits


def test_an_unreachable_server_is_given_up_soon() -> None:
    patience = Patience(httpx.ConnectError("refused"))
    assert "3 attempts: ConnectError refused" in str(patience.error())
    assert sum(patience.waits) < 4


def redirect(location: str) -> httpx.Response:
    return httpx.Response(302, headers={"Location": location})


def test_redirects_are_followed_to_an_end() -> None:
    patience = Patience(redirect("/elsewhere"), FINE)
    assert patience.get() == {"data": [1]}
    assert [str(request.url) for request in patience.requests] == [
        URL,
        "https://example.org/elsewhere",
    ]
    assert "redirects more than 5 times" in str(Patience(redirect(URL)).error())


@pytest.mark.parametrize("location", ["file:///etc/passwd", "http://example.org/v1", "ftp://x.org"])
def test_redirects_do_not_leave_https(location: str) -> None:
    patience = Patience(redirect(location), FINE)
    assert "not followed" in str(patience.error())
    assert len(patience.requests) == 1


@pytest.mark.parametrize(
    "url", ["ftp://example.org", "example.org", "http://example.org:port", "http://"]
)
def test_a_malformed_url_is_an_input_error(url: str) -> None:
    with pytest.raises(InputError):
        Patience(FINE).get(url)


def test_a_host_is_asked_at_its_pace_and_this_machine_at_any() -> None:
    async def starts(host: str) -> list[float]:
        gates = HostGates(Politeness(concurrent=2, interval=0.05))
        began = time.monotonic()
        found: list[float] = []

        async def one() -> None:
            async with gates.passing(host):
                found.append(time.monotonic() - began)

        await asyncio.gather(*(one() for _ in range(4)))
        return found

    polite = asyncio.run(starts("example.org"))
    # Turns are apart; a busy machine may come late to one, never early.
    assert all(start > 0.05 * turn - 0.01 for turn, start in enumerate(polite))
    here = asyncio.run(starts("127.0.0.1"))
    assert here[-1] < 0.14


def test_no_more_requests_at_once_than_allowed() -> None:
    async def most() -> int:
        gates, now, peak = HostGates(Politeness(concurrent=2, interval=0.0)), 0, 0

        async def one() -> None:
            nonlocal now, peak
            async with gates.passing("example.org"):
                now += 1
                peak = max(peak, now)
                await asyncio.sleep(0.01)
                now -= 1

        await asyncio.gather(*(one() for _ in range(6)))
        return peak

    assert asyncio.run(most()) == 2
