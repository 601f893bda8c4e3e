"""Tests of fetching JSON from a server that has its troubles."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import httpx
import pytest

from matscreen.errors import InputError, SourceError
from matscreen.sources.http import JsonClient, RefusedError, Retry

URL = "https://example.org/v1/things?page=3"
FINE = httpx.Response(200, json={"data": [1]})


class Patience:
    """A client whose server gives the planned answers, the last one for ever."""

    def __init__(self, *answers: httpx.Response | Exception, **retry: float) -> None:
        self.answers = list(answers)
        self.waits: list[float] = []
        http = httpx.Client(transport=httpx.MockTransport(self._answer), follow_redirects=True)
        self.client = JsonClient(http, Retry(**retry), self.waits.append)

    def _answer(self, request: httpx.Request) -> httpx.Response:
        answer = self.answers.pop(0) if len(self.answers) > 1 else self.answers[0]
        if isinstance(answer, Exception):
            raise answer
        return answer

    def error(self) -> SourceError:
        with pytest.raises(SourceError) as caught:
            self.client.get(URL)
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
    assert patience.client.get(URL) == {"data": [1]}
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
    patience = Patience(*[httpx.Response(503), FINE] * 5, total=3)
    for _ in range(3):
        patience.client.get(URL)
    patience.error()
    assert len(patience.waits) == 3


@pytest.mark.parametrize(
    ("answer", "words"),
    [
        (httpx.Response(200, html="<html>Welcome</html>"), "text/html that is no JSON"),
        (httpx.Response(200, json=[1, 2]), "JSON list, not an object"),
        (httpx.Response(200, json={"errors": [{"title": "Oh", "detail": "no"}]}), "error: no"),
        (httpx.Response(200, json={"errors": [{"title": "Oh"}]}), "error: Oh"),
        (httpx.Response(200, content=b'{"data": ['), "no JSON"),
        (httpx.Response(200, content=b""), "no JSON"),
    ],
)
def test_a_wrong_answer_is_one_clear_line(answer: httpx.Response, words: str) -> None:
    patience = Patience(answer)
    assert words in str(patience.error())
    assert not patience.waits


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


def test_redirects_without_end_end() -> None:
    patience = Patience(httpx.Response(302, headers={"Location": URL}))
    with pytest.raises(SourceError, match="redirect"):
        patience.client.get(URL)


@pytest.mark.parametrize("url", ["ftp://example.org", "example.org", "http://example.org:port"])
def test_a_malformed_url_is_an_input_error(url: str) -> None:
    with pytest.raises(InputError):
        JsonClient(httpx.Client()).get(url)
