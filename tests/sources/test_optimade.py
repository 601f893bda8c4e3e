"""Tests of the source `optimade`: entries, options, the reference server, and noise."""

from __future__ import annotations

import contextlib
import json
import random

import httpx
import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matscreen.errors import InputError, SourceError
from matscreen.sources import open_source
from matscreen.sources.base import Source
from matscreen.sources.http import HostGates, Politeness
from matscreen.sources.optimade import OptimadeSource, open_optimade
from matscreen.sources.streams import RawPage
from tests.sources.optimade_data import COORDS
from tests.sources.optimade_transport import ALL, BASE, SEVEN, Database, entry, names

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
    with pytest.raises(InputError, match=r"of example\.org holds a user") as caught:
        open_source("optimade", url="https://me:secret@example.org/optimade")
    assert "secret" not in str(caught.value)
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
