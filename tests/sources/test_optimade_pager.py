"""Tests of reading page after page of an OPTIMADE database, whatever its server does."""

from __future__ import annotations

import httpx
import numpy as np
import pytest

from matscreen.errors import SourceError
from matscreen.sources.http import Retry
from matscreen.sources.optimade import OptimadeSource
from tests.sources.optimade_data import COORDS
from tests.sources.optimade_transport import ALL, BASE, SEVEN, Database, names


def until_error(source: OptimadeSource) -> tuple[list, SourceError]:
    pages = []
    with pytest.raises(SourceError) as caught:
        pages.extend(source.pages())
    assert "\n" not in str(caught.value)
    return pages, caught.value


# ---------------------------------------------------------------- paging


def test_all_pages_arrive_with_what_is_needed(source) -> None:
    database = Database(SEVEN, info={"available_licenses": ["CC-BY-4.0"]})
    pages = list(source(database).pages())
    assert [len(page.items) for page in pages] == [2, 2, 2, 1]
    assert names(pages) == ALL
    assert all(page.cursor for page in pages[:-1])
    assert pages[-1].cursor is None
    item = pages[0].items[0]
    assert (item.source, item.licence) == ("optimade:exmpl", "CC-BY-4.0")
    assert item.crystal.formula == "BaTiO3"
    np.testing.assert_allclose(item.crystal.frac_coords, COORDS, atol=1e-12)
    query = database.requests[0].params
    assert 'chemical_formula_anonymous="A3BC"' in query["filter"]
    assert "cartesian_site_positions" in query["response_fields"]


@pytest.mark.parametrize(
    "link",
    [
        lambda url: {"href": url, "meta": {}},
        lambda url: url.replace("https://example.org", ""),
        lambda url: url.replace("https:", "http:"),
    ],
)
def test_next_links_of_every_form_are_followed(source, link) -> None:
    database = Database(SEVEN, link=link)
    assert names(source(database).pages()) == ALL
    assert {url.scheme for url in database.requests} == {"https"}


def test_reading_resumes_after_any_page(source) -> None:
    database = Database(SEVEN)
    pages = list(source(database).pages())
    for index, page in enumerate(pages[:-1]):
        rest = list(source(database, cursor=page.cursor).pages())
        assert names(pages[: index + 1]) + names(rest) == ALL


def test_limits_stop_early_and_say_where_to_go_on(source) -> None:
    database = Database(SEVEN)
    assert names(source(database, max_pages=2).pages()) == ALL[:4]
    before = len(database.requests)
    pages = list(source(database, max_items=2).pages())
    assert (names(pages), len(database.requests) - before) == (ALL[:2], 1)
    # A page is never cut: what it brings is kept.
    pages = list(source(database, max_items=3).pages())
    assert names(pages) == ALL[:4]
    assert names(source(database, cursor=pages[-1].cursor).pages()) == ALL[4:]


@pytest.mark.parametrize("told", [True, False])
def test_page_limit_is_lowered_until_the_server_agrees(source, told: bool) -> None:
    database = Database(SEVEN, limit_max=5)

    def silent(request: httpx.Request) -> httpx.Response:
        answer = database(request)
        return answer if told or answer.status_code == 200 else httpx.Response(403)

    assert names(source(silent, page_limit=300).pages()) == ALL
    tried = [int(url.params["page_limit"]) for url in database.requests]
    assert tried == ([300, 5, 5] if told else [300, 200, 100, 50, 20, 10, *[1] * 7])


def test_a_server_that_breaks_down_under_large_pages_gets_small_ones(source, waits) -> None:
    database = Database(SEVEN)

    def weak(request: httpx.Request) -> httpx.Response:
        answer = database(request)
        if int(request.url.params.get("page_limit", 0)) > 20:
            raise httpx.ReadTimeout("too much")
        return answer

    assert names(source(weak, page_limit=500).pages()) == ALL
    tried = [int(url.params["page_limit"]) for url in database.requests]
    assert tried == [500] * 3 + [100] * 3 + [20]
    assert len(waits) == 4


# ---------------------------------------------------------------- trouble that passes


@pytest.mark.parametrize(
    "trouble",
    [
        httpx.Response(429),
        httpx.Response(502, text="<html>"),
        httpx.Response(503),
        httpx.ReadTimeout("slow"),
        httpx.RemoteProtocolError("cut"),
        httpx.Response(200, html="<html>Down for a moment</html>"),
        httpx.Response(200, content=b'{"data": [{"id": "s4", "attrib'),
    ],
)
def test_passing_trouble_on_page_3_loses_nothing(source, waits, trouble) -> None:
    database = Database(SEVEN, faults={2: [trouble, trouble]})
    assert names(source(database).pages()) == ALL
    assert len(waits) == 2
    assert 0.5 <= waits[0] <= 1.0
    assert 1.0 <= waits[1] <= 2.0


# ---------------------------------------------------------------- trouble that stays


@pytest.mark.parametrize("status", [429, 502])
def test_trouble_without_end_ends_and_keeps_the_pages_before(source, waits, status) -> None:
    database = Database(SEVEN, faults={2: [httpx.Response(status), "forever"]})
    pages, error = until_error(source(database, retry=Retry(attempts=4, longest_wait=3.0)))
    assert names(pages) == ALL[:4]
    assert BASE in str(error)
    assert f"status {status}" in str(error)
    assert "4 structures" in str(error)
    assert len(waits) == 3
    assert max(waits) <= 3.0
    assert names(source(Database(SEVEN), cursor=pages[-1].cursor).pages()) == ALL[4:]


@pytest.mark.parametrize(
    "answer",
    [
        httpx.Response(200, json={"data": {"id": "s"}}),
        httpx.Response(200, json={"data": None}),
        httpx.Response(404, html="gone"),
    ],
)
def test_a_wrong_answer_names_the_url_and_keeps_the_pages_before(source, waits, answer) -> None:
    for page in (0, 1):
        database = Database(SEVEN, faults={page: [answer, "forever"]})
        pages, error = until_error(source(database))
        assert names(pages) == ALL[: 2 * page]
        assert f"{BASE}/v1/structures" in str(error)
    assert not waits


def test_circles_and_repeats_end(source) -> None:
    circle = Database(SEVEN, link=lambda url: url.replace("page_offset=4", "page_offset=2"))
    pages, error = until_error(source(circle))
    assert names(pages) == ALL[:4]
    assert "leads back" in str(error)

    deaf = Database(SEVEN)

    def ignores_offset(request: httpx.Request) -> httpx.Response:
        if "page_offset" not in request.url.params:
            return deaf(request)
        answer = deaf(httpx.Request("GET", request.url.copy_set_param("page_offset", 0))).json()
        offset = int(request.url.params["page_offset"]) + 2
        answer["links"]["next"] = str(request.url.copy_set_param("page_offset", offset))
        return httpx.Response(200, json=answer)

    pages, error = until_error(source(ignores_offset))
    assert names(pages) == ALL[:2]
    assert "repeats" in str(error)


def test_empty_pages_without_end_end(source) -> None:
    def empty(request: httpx.Request) -> httpx.Response:
        offset = int(request.url.params.get("page_offset", 0)) + 2
        following = str(request.url.copy_set_param("page_offset", offset))
        return httpx.Response(200, json={"data": [], "links": {"next": following}})

    _, error = until_error(source(empty))
    assert "without an entry" in str(error)


def test_more_data_without_a_link_is_no_silent_end(source) -> None:
    database = Database(SEVEN, link=lambda url: None, more=True)
    pages, error = until_error(source(database))
    assert names(pages) == ALL[:2]
    assert "more data" in str(error)


def test_no_more_data_ends_whatever_the_link_says(source) -> None:
    assert names(source(Database(SEVEN, more=False)).pages()) == ALL[:2]
