"""Tests of the stage `pull` against the reference OPTIMADE server, through a proxy with faults."""

from __future__ import annotations

import subprocess
import sys
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import numpy as np
import pytest

from matscreen.errors import InputError, SourceError
from matscreen.pulling import Tally, pull, pull_each
from matscreen.sources import open_source
from matscreen.sources.http import Politeness, Retry
from matscreen.store import Store
from tests.sources.fault_proxy import CUT, HTML, TRUNCATED, Fault, FaultProxy, busy, slow, status
from tests.sources.optimade_data import FIRST_CHANGE, perovskites, stamp
from tests.sources.servers import start_optimade

PAGE = 10
QUICK = Retry(attempts=5, first_wait=0.01, longest_wait=2.0)
POLITE = Politeness(interval=0.0)
ENTRIES = perovskites(60)
IDS = {entry["id"] for entry in ENTRIES}
HULL = "_exmpl_hull_distance"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    with start_optimade(ENTRIES, tmp_path_factory.mktemp("server"), fields=(HULL,)) as url:
        yield url


@pytest.fixture
def proxy(server: str) -> Iterator[FaultProxy]:
    with FaultProxy(server) as running:
        yield running


def source(url: str, **options: object):
    options = {"page_limit": PAGE, "retry": QUICK, "politeness": POLITE, **options}
    return open_source("optimade", url=url, **options)


def content(store: Store, name: str, *, without: tuple[str, ...] = ()) -> list[dict]:
    """Rows of a table in a fixed order, without what depends on the clock."""
    left_out = {"retrieved_at", "at", "snapshot", *without}
    table = store.read(name)
    rows = table.drop_columns([c for c in table.column_names if c in left_out]).to_pylist()
    return sorted(rows, key=repr)


def same_store(first: Store, second: Store) -> None:
    for name in ("candidates", "provenance", "labels", "failures"):
        assert content(first, name) == content(second, name), name


def source_ids(store: Store) -> list[str]:
    return sorted(store.read("provenance")["source_id"].to_pylist())


# ---------------------------------------------------------------- everything arrives once


@pytest.fixture(scope="module")
def undisturbed(server: str, tmp_path_factory: pytest.TempPathFactory) -> Store:
    store = Store(tmp_path_factory.mktemp("undisturbed"))
    pulled = pull(store, source(server))
    assert (pulled.seen, len(pulled.ids), pulled.failed) == (60, 60, 0)
    return store


def test_what_arrives_is_what_was_loaded(undisturbed: Store) -> None:
    assert source_ids(undisturbed) == sorted(IDS)
    rows = undisturbed.read("candidates").to_pylist()
    place = {row["structure_id"]: row for row in rows}
    for row in undisturbed.read("provenance").to_pylist():
        loaded = next(e["attributes"] for e in ENTRIES if e["id"] == row["source_id"])
        stored = place[row["structure_id"]]
        lattice = np.array(stored["lattice"]).reshape(3, 3)
        np.testing.assert_allclose(lattice, loaded["lattice_vectors"], atol=1e-9)
        np.testing.assert_allclose(
            np.array(stored["frac_coords"]).reshape(-1, 3) @ lattice,
            loaded["cartesian_site_positions"],
            atol=1e-9,
        )


@pytest.mark.parametrize(
    "fault",
    [
        [busy()],
        [busy("1"), busy()],
        [status(500)],
        [status(502), status(502), status(503)],
        [TRUNCATED],
        [HTML, HTML],
        [CUT],
        [slow(0.5)],
    ],
    ids=["429", "retry-after", "500", "502", "truncated", "html", "cut", "slow"],
)
def test_every_entry_arrives_once_whatever_page_3_suffers(
    proxy: FaultProxy, undisturbed: Store, tmp_path: Path, fault: list[Fault]
) -> None:
    n_failed = sum(each.delay == 0 for each in fault)
    proxy.faults = {2: list(fault)}
    store = Store(tmp_path / "store")
    began = time.monotonic()
    pull(store, source(proxy.url))
    assert proxy.asked[2] == 1 + n_failed
    assert dict(proxy.delivered) == dict.fromkeys(range(6), 1)
    if fault[0] == busy("1"):
        assert time.monotonic() - began > 1.0
    same_store(store, undisturbed)
    assert not list((tmp_path / "store" / "_pages").rglob("*.json"))


def test_a_timeout_is_asked_again(proxy: FaultProxy, undisturbed: Store, tmp_path: Path) -> None:
    import httpx

    proxy.faults = {1: [slow(1.5)]}
    store = Store(tmp_path)
    pull(store, source(proxy.url, client=httpx.AsyncClient(timeout=0.5)))
    assert proxy.asked[1] == 2
    same_store(store, undisturbed)


def test_bad_entries_and_wrong_counts_cost_no_good_entry(proxy: FaultProxy, tmp_path: Path) -> None:
    def spoil(page: int, document: dict) -> None:
        document["meta"]["data_returned"] = 7
        document["meta"]["data_available"] = "many"
        rows = document["data"]
        if page == 1:
            rows[0]["attributes"] = None
            rows[1]["attributes"]["lattice_vectors"] = [[1, 0, 0], ["x", 1, 0], [0, 0, 1]]
            rows[2]["attributes"]["species_at_sites"] = ["Qq"] * 5
            rows.insert(3, None)
            rows.insert(5, {"id": "nothing"})
        if page == 3:
            rows.append(rows[0])

    proxy.always = spoil
    store = Store(tmp_path)
    pulled = pull(store, source(proxy.url))
    failures = {r["structure_id"].split(":")[-1]: r["reason"] for r in content(store, "failures")}
    bad = [entry["id"] for entry in ENTRIES[10:13]]
    repeated = ENTRIES[30]["id"]
    assert failures == {
        **dict.fromkeys(bad[:2], "malformed"),
        bad[2]: "unknown_element",
        "page 2 entry 3": "malformed",
        "nothing": "malformed",
        repeated: "duplicate_id",
    }
    assert source_ids(store) == sorted(IDS - set(bad))
    assert (pulled.seen, pulled.failed, len(pulled.ids)) == (63, 6, 57)


# ---------------------------------------------------------------- going on


def test_a_broken_pull_goes_on_after_its_last_page(
    proxy: FaultProxy, undisturbed: Store, tmp_path: Path
) -> None:
    proxy.faults = {3: [status(502)] * 5}
    store = Store(tmp_path)
    with pytest.raises(SourceError, match="502"):
        pull(store, source(proxy.url))
    assert len(source_ids(store)) == 30
    (failure,) = content(store, "failures")
    assert failure["reason"] == "source_failed"
    pulled = pull(store, source(proxy.url))
    assert dict(proxy.delivered) == dict.fromkeys(range(6), 1)
    assert (pulled.seen, len(pulled.ids)) == (60, 60)
    # The trouble that has passed is no failure any more.
    same_store(store, undisturbed)


def test_a_cursor_that_the_server_forgot_starts_anew(
    proxy: FaultProxy, undisturbed: Store, tmp_path: Path
) -> None:
    store = Store(tmp_path)
    pull(store, source(proxy.url, max_pages=2))
    proxy.faults = {2: [Fault(410, body=b"{}")]}
    pull(store, source(proxy.url))
    assert dict(proxy.delivered) == {0: 2, 1: 2, 2: 1, 3: 1, 4: 1, 5: 1}
    same_store(store, undisturbed)


KILLED = """
import sys
from matscreen.pulling import pull
from matscreen.sources import open_source
from matscreen.sources.http import Politeness
from matscreen.store import Store
source = open_source("optimade", url=sys.argv[1], page_limit=10, politeness=Politeness(interval=0))
pull(Store(sys.argv[2]), source)
"""


@pytest.mark.parametrize("page", [0, 2, 3])
def test_a_killed_pull_loses_and_doubles_nothing(
    proxy: FaultProxy, undisturbed: Store, tmp_path: Path, page: int
) -> None:
    command = [sys.executable, "-c", KILLED, proxy.url, str(tmp_path / "store")]
    killed = []

    def kill(delivered: int) -> None:
        # A little later, while that page is being stored and the next is being fetched.
        if delivered == page and not killed:
            time.sleep(0.05)
            child.kill()
            killed.append(delivered)

    proxy.after = kill
    child = subprocess.Popen(command)
    assert child.wait(60) == -9
    assert sum(proxy.delivered.values()) < 6
    before = proxy.delivered.copy()
    subprocess.run(command, check=True, timeout=60)
    twice = [number for number, times in proxy.delivered.items() if times > 1]
    assert set(proxy.delivered) == set(range(6))
    assert len(twice) <= 1
    assert max(proxy.delivered.values()) <= 2
    assert set(twice) <= {max(before)}
    same_store(Store(tmp_path / "store"), undisturbed)


def test_a_finished_pull_brings_only_what_changed(tmp_path: Path) -> None:
    entries = perovskites(20)
    store = Store(tmp_path / "store")
    (tmp_path / "first").mkdir()
    (tmp_path / "second").mkdir()
    with start_optimade(entries[:15], tmp_path / "first") as url, FaultProxy(url) as proxy:
        address = proxy.url
        first = pull(store, source(address))
        again = pull(store, source(address))
        port = int(address.rsplit(":", 1)[1])
        # Two pages, one question whether dates can be compared, and a page without entries.
        assert sum(proxy.delivered.values()) == 4
        assert "last_modified>" in proxy.filters[-1]
        assert (first.ids, first.seen) == (again.ids, again.seen)
        position = max(store.read("cursors").to_pylist(), key=lambda row: row["at"])
        assert (position["state"], position["entries"]) == ("finished", 0)
    for late in entries[15:]:
        late["attributes"]["last_modified"] = stamp(FIRST_CHANGE + timedelta(days=9))
    moved = entries[3]["attributes"]
    moved["last_modified"] = stamp(FIRST_CHANGE + timedelta(days=9))
    moved["lattice_vectors"] = (np.array(moved["lattice_vectors"]) * 1.02).tolist()
    sites = np.array(moved["cartesian_site_positions"]) * 1.02
    moved["cartesian_site_positions"] = sites.tolist()
    with start_optimade(entries, tmp_path / "second", port=port) as url:
        assert url == address
        tallies: list[Tally] = []
        later = pull(store, source(url), watch=tallies.append)
    assert tallies[-1].entries == 6
    assert tallies[-1].new == 6
    assert len(later.ids) == 21
    assert len(source_ids(store)) == 21


def test_dates_that_the_server_cannot_compare_hide_no_change(tmp_path: Path) -> None:
    with (
        start_optimade(perovskites(12), tmp_path, dates_as_text=True) as url,
        FaultProxy(url) as proxy,
    ):
        store = Store(tmp_path / "store")
        pull(store, source(proxy.url))
        (tally,) = pull_each(store, source(proxy.url))
    assert (tally.entries, tally.unchanged) == (12, 12)


def test_an_entry_that_was_mended_is_no_failure_any_more(
    proxy: FaultProxy, undisturbed: Store, tmp_path: Path
) -> None:
    def spoil(page: int, document: dict) -> None:
        if page == 1:
            document["data"][4]["attributes"]["lattice_vectors"] = None

    proxy.always = spoil
    store = Store(tmp_path)
    assert pull(store, source(proxy.url)).failed == 1
    proxy.always = None
    pull(store, source(proxy.url), refresh=True)
    same_store(store, undisturbed)


def test_a_refresh_reads_everything_and_writes_nothing(proxy: FaultProxy, tmp_path: Path) -> None:
    store = Store(tmp_path)
    pull(store, source(proxy.url))
    names = ("candidates", "provenance", "labels", "failures")
    before = [store.version(name) for name in names]
    (tally,) = pull_each(store, source(proxy.url), refresh=True)
    assert (tally.entries, tally.unchanged, tally.new) == (60, 60, 0)
    assert [store.version(name) for name in names] == before


# ---------------------------------------------------------------- several databases


def test_a_dead_database_does_not_hurt_the_others(
    proxy: FaultProxy, server: str, tmp_path: Path
) -> None:
    dead = "http://127.0.0.1:1/optimade"
    proxy.faults = {page: [status(500)] * 5 for page in range(1, 6)}
    store = Store(tmp_path)
    several = source(f"{dead},{server},{proxy.url}")
    tallies = {tally.name: tally for tally in pull_each(store, several)}
    dead_one, good, ill = tallies.values()
    assert "ConnectError" in dead_one.error
    assert (good.error, good.finished, good.entries) == (None, True, 60)
    assert "500" in ill.error
    assert (ill.entries, ill.finished) == (10, False)
    assert source_ids(store) == sorted(IDS)
    reasons = [row["reason"] for row in content(store, "failures")]
    assert reasons == ["source_failed", "source_failed"]


def test_only_when_all_fail_does_the_pull_fail(server: str, tmp_path: Path) -> None:
    dead = "http://127.0.0.1:1/a", "http://127.0.0.1:1/b"
    with pytest.raises(SourceError, match="ConnectError"):
        pull(Store(tmp_path), source(",".join(dead)))
    pulled = pull(Store(tmp_path), source(f"{dead[0]},{server}"))
    assert len(pulled.ids) == 60


def test_fields_that_the_server_lacks_are_refused_before_any_entry(
    proxy: FaultProxy, tmp_path: Path
) -> None:
    with pytest.raises(InputError, match=f"no field _exmpl_gap.*{HULL}"):
        pull(Store(tmp_path), source(proxy.url, filter="_exmpl_gap>1"))
    assert not proxy.asked


def test_the_progress_of_each_database_is_told(server: str, tmp_path: Path) -> None:
    seen: list[Tally] = []
    totals: list[int] = []
    pull(
        Store(tmp_path),
        source(server),
        progress=lambda _stage, done, _total: totals.append(done),
        watch=seen.append,
    )
    assert totals == [10, 20, 30, 40, 50, 60, 60]
    assert [tally.expected for tally in seen] == [60] * 7
    assert seen[-1].finished
    assert seen[-1].rate > 0


def test_two_pulls_at_once_store_each_entry_once(
    server: str, undisturbed: Store, tmp_path: Path
) -> None:
    command = [sys.executable, "-c", KILLED, server, str(tmp_path / "store")]
    both = [subprocess.Popen(command) for _ in range(2)]
    assert [child.wait(60) for child in both] == [0, 0]
    same_store(Store(tmp_path / "store"), undisturbed)


def test_labels_are_not_lost_to_a_page_that_repeats_them(tmp_path: Path) -> None:
    from matscreen.pull_writing import KeyedTable

    store = Store(tmp_path)
    row = {
        "structure_id": "s",
        "property": "band_gap",
        "value": 1.0,
        "unit": "eV",
        "evidence": "dft",
        "method": "m",
        "version": "",
    }
    table = KeyedTable(store, "labels", ("value",), alone=True)
    table.write([row, row | {"value": 2.0}])
    table.write([row | {"value": 2.0}])
    assert store.version("labels") == 0
    table.write([row | {"value": 3.0}])
    fresh = KeyedTable(store, "labels", ("value",), alone=True)
    fresh.learn("method", "m")
    fresh.write([row | {"value": 3.0}])
    assert store.read("labels")["value"].to_pylist() == [3.0]
