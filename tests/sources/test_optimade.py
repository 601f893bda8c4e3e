"""Tests of the source `optimade`, against recorded answers and the reference server."""

from __future__ import annotations

import contextlib
import json
import random
from collections.abc import Callable

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matscreen.errors import InputError, SourceError
from matscreen.sources import open_source
from matscreen.sources.base import Source
from matscreen.sources.http import HostGates, Politeness, Retry
from matscreen.sources.optimade import OptimadeSource, open_optimade
from matscreen.sources.streams import RawPage

BASE = "https://example.org/optimade"
COORDS = np.array([[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])


def entry(name: str, a: str = "Ba", b: str = "Ti", **attributes) -> dict:
    edge = 3.8 + 0.01 * len(name)
    elements = sorted([a, b, "O"])
    return {
        "id": name,
        "type": "structures",
        "attributes": {
            "elements": elements,
            "nelements": 3,
            "elements_ratios": [0.6 if e == "O" else 0.2 for e in elements],
            "chemical_formula_reduced": "".join(e + ("3" if e == "O" else "") for e in elements),
            "chemical_formula_descriptive": f"{a}{b}O3",
            "chemical_formula_anonymous": "A3BC",
            "dimension_types": [1, 1, 1],
            "nperiodic_dimensions": 3,
            "lattice_vectors": (np.eye(3) * edge).tolist(),
            "cartesian_site_positions": (COORDS * edge).tolist(),
            "nsites": 5,
            "species": [
                {"name": e, "chemical_symbols": [e], "concentration": [1.0]} for e in elements
            ],
            "species_at_sites": [a, b, "O", "O", "O"],
            "structure_features": [],
            "last_modified": "2026-01-01T00:00:00Z",
            **attributes,
        },
    }


class Database:
    """A tiny OPTIMADE server in a transport, with faults planted by request number."""

    def __init__(self, entries: list[dict], *, faults: dict[int, list] | None = None, **options):
        self.entries = entries
        self.faults = {page: list(answers) for page, answers in (faults or {}).items()}
        self.limit_max = options.pop("limit_max", 500)
        self.info = options.pop("info", {})
        self.properties = options.pop("properties", {})
        self.link = options.pop("link", lambda url: url)
        self.more = options.pop("more", None)
        self.prefix = options.pop("prefix", "exmpl")
        assert not options
        self.requests: list[httpx.URL] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path, query = request.url.path, request.url.params
        if path == "/optimade/v1/info":
            return httpx.Response(200, json={"data": {"attributes": self.info}})
        if path == "/optimade/v1/info/structures":
            return httpx.Response(200, json={"data": {"properties": self.properties}})
        if path != "/optimade/v1/structures":
            return httpx.Response(404, json={"errors": [{"detail": "no such page"}]})
        self.requests.append(request.url)
        limit, offset = int(query["page_limit"]), int(query.get("page_offset", 0))
        if limit > self.limit_max:
            detail = f"Max allowed page_limit is {self.limit_max}, you requested {limit}"
            return httpx.Response(403, json={"errors": [{"detail": detail}]})
        planted = self.faults.get(offset // limit)
        if planted:
            answer = planted[0] if planted[-1] == "forever" else planted.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        rows = self.entries[offset : offset + limit]
        more = offset + limit < len(self.entries)
        following = request.url.copy_set_param("page_offset", offset + limit)
        return httpx.Response(
            200,
            json={
                "data": rows,
                "links": {"next": self.link(str(following)) if more else None},
                "meta": {
                    "more_data_available": more if self.more is None else self.more,
                    "provider": {"prefix": self.prefix},
                },
            },
        )


@pytest.fixture
def waits() -> list[float]:
    return []


@pytest.fixture
def source(waits: list[float]) -> Callable[..., OptimadeSource]:
    def make(database: Callable[[httpx.Request], httpx.Response], **options) -> OptimadeSource:
        async def sleep(seconds: float) -> None:
            waits.append(seconds)

        client = httpx.AsyncClient(transport=httpx.MockTransport(database))
        options.setdefault("page_limit", 2)
        gates = HostGates(Politeness(interval=0.0))
        return OptimadeSource(BASE, client=client, sleep=sleep, gates=gates, **options)

    return make


def names(pages) -> list[str]:
    return [item.source_id for page in pages for item in page.items]


def until_error(source: OptimadeSource) -> tuple[list, SourceError]:
    pages = []
    with pytest.raises(SourceError) as caught:
        pages.extend(source.pages())
    assert "\n" not in str(caught.value)
    return pages, caught.value


SEVEN = [entry(f"s{i}") for i in range(7)]
ALL = [f"s{i}" for i in range(7)]


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


# ---------------------------------------------------------------- entries


def test_entries_that_are_no_entries_are_counted_too(source) -> None:
    rows = [None, "text", {}, {"id": "x"}, {"id": "y", "attributes": []}, entry("a"), entry("a")]
    (page,) = source(Database(rows), page_limit=10).pages()
    assert len(page.items) + len(page.failures) == len(rows)
    assert [f.reason for f in page.failures] == ["malformed"] * 5 + ["duplicate_id"]


def test_provider_fields_are_asked_for_where_offered(source) -> None:
    rows = [entry("null", _alexandria_hull_distance=None), entry("set", _xyz_licence="CC0-1.0")]
    rows[1]["attributes"]["_alexandria_hull_distance"] = 0.03
    offered = ("_alexandria_hull_distance", "_xyz_licence", "_xyz_other")
    database = Database(rows, properties={name: {} for name in offered})
    items = [item for page in source(database).pages() for item in page.items]
    assert [dict(item.properties) for item in items] == [{}, {"energy_above_hull": 0.03}]
    assert [item.licence for item in items] == [None, "CC0-1.0"]
    asked = database.requests[0].params["response_fields"].split(",")
    assert {name for name in asked if name.startswith("_")} == set(offered[:2])


def test_a_server_without_info_is_read_all_the_same(source) -> None:
    database = Database(SEVEN)

    def bare(request: httpx.Request) -> httpx.Response:
        if "/info" in request.url.path:
            return httpx.Response(404, html="nothing here")
        return database(request)

    assert names(source(bare).pages()) == ALL


# ---------------------------------------------------------------- options


@pytest.mark.parametrize(
    "url", ["", "/", "/v1", "/v1/", "/v1/structures", "/structures", "//"], ids=str
)
def test_base_url_is_found_whatever_is_pasted(url: str) -> None:
    assert OptimadeSource(BASE + url).base_url == f"{BASE}/v1"


def test_versions_in_the_url_are_kept() -> None:
    assert OptimadeSource(f"{BASE}/v1.2").base_url == f"{BASE}/v1.2"


def test_wrong_options_are_input_errors() -> None:
    for url in ("example.org", "ftp://x.org", "http://", "http://[bad", "http://x:port"):
        with pytest.raises(InputError, match="no http or https address"):
            open_source("optimade", url=url)
    with pytest.raises(InputError, match="page_limit is 0"):
        open_source("optimade", url=BASE, page_limit=0)
    with pytest.raises(InputError, match="needs a database"):
        open_source("optimade")
    with pytest.raises(InputError, match="two URLs"):
        open_optimade(BASE, url="https://other.org")
    assert isinstance(open_source(f"optimade:{BASE}"), Source)


def test_an_empty_filter_asks_for_everything(source) -> None:
    database = Database(SEVEN)
    list(source(database, filter="").pages())
    assert "filter" not in database.requests[0].params


# ---------------------------------------------------------------- the reference server


def test_the_reference_server_is_read_whole(serve_optimade) -> None:
    rng = random.Random(1)
    pairs = [(a, b) for a in ("Ca", "Sr", "Ba", "Pb") for b in ("Ti", "Zr", "Hf", "Sn", "Ge")]
    rows = [entry(f"{a}{b}O3", a, b, _exmpl_licence="CC0-1.0") for a, b in pairs]
    disordered = entry("mixed", structure_features=["disorder"])
    disordered["attributes"]["species"][0] |= {
        "chemical_symbols": ["Ba", "Sr"],
        "concentration": [0.5, 0.5],
    }
    rock_salt = entry("other-chemistry", "Ba", "Ti", chemical_formula_anonymous="ABC")
    rows += [disordered, rock_salt]
    rng.shuffle(rows)
    url = serve_optimade(rows, page_limit_max=6, fields=("_exmpl_licence",))

    source = open_source("optimade", url=url, page_limit=100)
    pages = list(source.pages())

    items = [item for page in pages for item in page.items]
    failures = [failure for page in pages for failure in page.failures]
    assert len(pages) == 4
    assert {item.source_id for item in items} == {f"{a}{b}O3" for a, b in pairs}
    assert [(f.source_id, f.reason) for f in failures] == [("mixed", "disordered")]
    assert {(i.source, i.licence) for i in items} == {("optimade:exmpl", "CC0-1.0")}
    for item in items:
        symbols = {item.source_id[:2], item.source_id[2:4], "O"}
        assert item.crystal.counts == {symbol: 3 if symbol == "O" else 1 for symbol in symbols}
        np.testing.assert_allclose(item.crystal.frac_coords, COORDS, atol=1e-9)

    resumed = list(open_source("optimade", url=url, cursor=pages[1].cursor).pages())
    assert names(resumed) == names(pages[2:])
    with pytest.raises(InputError, match="its own fields are _exmpl_licence"):
        list(open_source("optimade", url=url, filter="_exmpl_hull<0.1").pages())
    everything = open_source("optimade", url=url, filter='elements HAS "O"', page_limit=6)
    assert sum(len(p.items) + len(p.failures) for p in everything.pages()) == len(rows)


# ---------------------------------------------------------------- fuzzing

JSON = st.recursive(
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.sampled_from(["O", "Ba", "vacancy", "X", "disorder", "../../etc/passwd", "\x00"]),
    lambda inner: (
        st.lists(inner, max_size=4)
        | st.dictionaries(st.sampled_from(["name", "chemical_symbols", "concentration"]), inner)
    ),
    max_leaves=8,
)
FIELDS = sorted(entry("s")["attributes"])


@given(st.dictionaries(st.sampled_from(FIELDS), JSON, min_size=1), st.one_of(st.just("s"), JSON))
def test_any_entry_is_an_item_or_a_failure(changes: dict, name: object) -> None:
    broken = entry("s", **changes) | {"id": name}
    page = OptimadeSource(BASE).page(RawPage(BASE, 1, [broken, entry("good"), changes, name]))
    assert len(page.items) + len(page.failures) == 4
    assert "good" in {item.source_id for item in page.items}


@given(JSON, JSON)
def test_any_frame_of_a_page_is_read_or_refused(links: object, meta: object) -> None:
    def server(request: httpx.Request) -> httpx.Response:
        body = json.dumps({"data": [entry("s")], "links": {"next": links}, "meta": meta})
        return httpx.Response(200, content=body)

    client = httpx.AsyncClient(transport=httpx.MockTransport(server))
    source = OptimadeSource(BASE, client=client, gates=HostGates(Politeness(interval=0.0)))
    found = []
    with contextlib.suppress(SourceError):
        found.extend(source.pages())
    assert [item.source_id for page in found for item in page.items] == ["s"]
