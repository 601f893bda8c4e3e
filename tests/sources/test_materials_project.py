"""Tests of the source `materials_project`: the real client against a server of this machine."""

from __future__ import annotations

import json
import os
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from matscreen import stages
from matscreen.errors import InputError, MissingDependencyError, SourceError
from matscreen.sources.base import Source
from matscreen.store import Store
from tests.sources import fake_materials_project as fakes
from tests.sources.fake_materials_project import opened, read

# What arrives


def test_every_document_arrives_once_with_its_crystal_and_values(fake_mp):
    fake_mp.documents["summary"] = fakes.summaries(70)
    source = opened(page_limit=16)
    assert isinstance(source, Source)
    assert source.total() == 70
    items, failures, pages = read(source)
    assert not failures
    assert [len(page.items) for page in pages] == [16, 16, 16, 16, 6]
    assert [page.cursor is None for page in pages] == [False, False, False, False, True]
    by_id = {one["material_id"]: one for one in fake_mp.documents["summary"]}
    assert Counter(item.source_id for item in items) == Counter(dict.fromkeys(by_id, 1))
    for item in items:
        document = by_id[item.source_id]
        assert item.crystal.volume == pytest.approx(document["volume"])
        np.testing.assert_allclose(item.crystal.frac_coords, fakes.PEROVSKITE)
        assert item.properties["energy_above_hull"] == document["energy_above_hull"]
        assert item.properties["band_gap"] == document["band_gap"]
        assert item.properties["volume_per_atom"] == pytest.approx(document["volume"] / 5)
        assert set(item.evidence.values()) == {"dft"}
        assert item.licence == "CC-BY-4.0"
        assert item.attributes["theoretical"] == ("yes" if document["theoretical"] else "no")
    assert len(fake_mp.requests("summary")) == 5  # a page is one request


def test_null_is_missing_and_zero_is_zero(fake_mp):
    fake_mp.documents["summary"] = [
        fakes.summary(1, energy_above_hull=None, band_gap=0.0, formation_energy_per_atom=None),
        fakes.summary(2, energy_above_hull=-0.02, band_gap=None, e_total=1e9),
        fakes.summary(3, bulk_modulus={"vrh": 170.0, "voigt": 1.0}, shear_modulus={"vrh": None}),
    ]
    items, failures, _ = read(opened())
    assert not failures
    assert items[0].properties.keys() == {"band_gap", "volume_per_atom"}
    assert items[0].properties["band_gap"] == 0.0
    assert items[1].properties["energy_above_hull"] == 0.0  # below the hull of the others: on it
    assert "band_gap" not in items[1].properties
    assert "relative_permittivity" not in items[1].properties  # beyond what is physical
    assert items[2].properties["bulk_modulus"] == 170.0
    assert "shear_modulus" not in items[2].properties


def test_dielectric_piezoelectric_and_the_functional_come_from_their_endpoints(fake_mp):
    offered = {"dielectric": True, "piezoelectric": True}
    fake_mp.documents["summary"] = [
        fakes.summary(1, has_props=offered, energy_above_hull=0.004),
        fakes.summary(2, has_props=None),
    ]
    fake_mp.documents["dielectric"] = [
        {"material_id": "mp-1", "e_total": 310.0, "e_electronic": 6.1, "e_ionic": 303.9}
    ]
    fake_mp.documents["piezoelectric"] = [{"material_id": "mp-1", "e_ij_max": 4.5}]
    energy = fake_mp.documents["summary"][0]["formation_energy_per_atom"]
    fake_mp.documents["thermo"] = [
        {"material_id": "mp-1", "thermo_type": kind, "energy_type": functional,
         "energy_above_hull": hull, "formation_energy_per_atom": energy}
        for kind, functional, hull in (
            ("GGA_GGA+U", "GGA", 0.009), ("GGA_GGA+U_R2SCAN", "r2SCAN", 0.004),
        )
    ]  # fmt: skip
    (first, second), failures, _ = read(opened())
    assert not failures
    assert first.properties["relative_permittivity"] == 310.0
    assert first.attributes["piezoelectric_modulus_C_per_m2"] == 4.5
    assert first.attributes["electronic_permittivity"] == 6.1
    assert first.method == "materials_project: hull GGA_GGA+U_R2SCAN, energy r2SCAN"
    assert second.method == "materials_project"
    assert "relative_permittivity" not in second.properties
    assert fake_mp.requests("dielectric")[0]["material_ids"] == "mp-1"  # asked only where offered


def test_queries_are_those_that_were_asked(fake_mp):
    oxide = fakes.summary(9, composition={"Sr": 1, "Ti": 1, "O": 1})
    oxide["structure"]["sites"] = oxide["structure"]["sites"][:3]
    oxide["nsites"] = 3
    fake_mp.documents["summary"] = [
        fakes.summary(1),
        fakes.summary(2, "Ba", "Zr", energy_above_hull=0.5),
        fakes.summary(3, "Ba", "Ti", batch_id="gnome_r2scan_statics",
                      builder_meta={"license": "BY-NC"}),
        fakes.summary(4, deprecated=True),
        fakes.summary(5, "Pb", "Ti"),
        oxide,
    ]  # fmt: skip

    def ids(target: str = "", **options) -> list[str]:
        return [item.source_id for item in read(opened(target, **options))[0]]

    assert ids() == ["mp-1", "mp-2", "mp-5"]
    assert ids("oxides") == ["mp-1", "mp-2", "mp-5", "mp-9"]
    assert ids(family="oxides") == ids("oxides")
    assert ids(family="simple_perovskites") == ids()
    assert ids("oxides", max_sites=4) == ["mp-9"]
    assert ids(max_hull=0.1) == ["mp-1", "mp-5"]
    assert ids(elements="Ti", exclude_elements=["Pb"]) == ["mp-1"]
    assert ids(include_gnome=True) == ["mp-1", "mp-2", "mp-3", "mp-5"]
    gnome = read(opened(include_gnome=True))[0][2]
    assert gnome.licence == "CC-BY-NC-4.0"


# What is broken


def test_one_bad_document_is_a_failure_and_not_an_end(fake_mp):
    half = fakes.summary(4)
    half["structure"]["sites"][0]["species"][0]["occu"] = 0.5
    odd = fakes.summary(5)
    odd["structure"]["sites"][1]["species"][0]["element"] = "Xx"
    flat = fakes.summary(6)
    flat["structure"]["lattice"]["matrix"][2] = [0, 0, 0]
    fake_mp.documents["summary"] = [
        fakes.summary(1), fakes.summary(2, structure=None), fakes.summary(3, nsites=4),
        half, odd, flat, fakes.summary(7, structure={"lattice": 1, "sites": 2}),
        fakes.summary(8, material_id=None), fakes.summary(9), fakes.summary(9),
    ]  # fmt: skip
    items, failures, _ = read(opened())
    assert [item.source_id for item in items] == ["mp-1", "mp-9"]
    reasons = {failure.source_id: failure.reason for failure in failures}
    assert reasons.pop("page 1, document 0") == "malformed"
    assert reasons == {
        "mp-2": "no_structure", "mp-3": "malformed", "mp-4": "disordered",
        "mp-5": "unknown_element", "mp-6": "flat_cell", "mp-7": "malformed",
        "mp-9": "duplicate_id",
    }  # fmt: skip


def test_a_document_that_the_server_stumbles_over_costs_itself_alone(fake_mp):
    fake_mp.documents["summary"] = fakes.summaries(60)
    poison = {"mp-17", "mp-44", "mp-45"}

    def fault(route, query, found):
        ids = {one["material_id"] for one in found}
        return (500, {}, "<html>oops</html>") if "_fields" in query and ids & poison else None

    fake_mp.fault = fault
    items, failures, _ = read(opened(page_limit=32))
    assert {item.source_id for item in items} == {f"mp-{n}" for n in range(1, 61)} - poison
    assert len(items) == 57
    assert [failure.reason for failure in failures] == ["server_error"] * 3


@pytest.mark.parametrize(
    "answer",
    [
        (429, {"Retry-After": "0"}, "{}"),
        (503, {}, "{}"),
        (500, {}, '{"detail": "database"}'),
        (200, {}, '{"data": [{"material_id": "mp-1", "struc'),
        (200, {"Content-Type": "text/html"}, "<html>maintenance</html>"),
        (200, {}, '{"nothing": 1}'),
    ],
)
def test_a_fault_that_passes_loses_nothing(fake_mp, answer):
    fake_mp.documents["summary"] = fakes.summaries(40)
    left = Counter({"faults": 1})

    def fault(route, query, found):
        if query.get("_page") == "2" and left["faults"] > 0:
            left["faults"] -= 1
            return answer[0], dict(answer[1]), answer[2]
        return None

    fake_mp.fault = fault
    items, failures, _ = read(opened(page_limit=16))
    assert sorted(item.source_id for item in items) == sorted(f"mp-{n}" for n in range(1, 41))
    assert not failures
    assert left["faults"] == 0


def test_a_dead_server_ends_the_reading_and_the_cursor_goes_on(fake_mp):
    fake_mp.documents["summary"] = fakes.summaries(40)
    down = False

    def fault(route, query, found):
        return (429, {"Retry-After": "3600"}, "{}") if down else None

    fake_mp.fault = fault
    pages = opened(page_limit=16, cursor=None).pages()
    first = next(pages)
    down = True
    with pytest.raises(SourceError, match="Materials Project"):
        next(pages)
    down = False
    fake_mp.asked.clear()
    items, failures, _ = read(opened(page_limit=16, cursor=first.cursor))
    assert not failures
    assert {q["_page"] for q in fake_mp.requests("summary")} == {"2", "3"}  # nothing twice
    together = [item.source_id for item in (*first.items, *items)]
    assert sorted(together) == sorted(f"mp-{n}" for n in range(1, 41))


def test_a_page_that_is_short_is_not_taken_for_the_end(fake_mp):
    fake_mp.documents["summary"] = fakes.summaries(40)
    plain = fake_mp.answer

    def answer(route, query, key):
        status, headers, body = plain(route, query, key)
        if query.get("_page") == "2":
            document = json.loads(body)
            document["data"] = document["data"][:-3]
            body = json.dumps(document)
        return status, headers, body

    fake_mp.answer = answer
    pages = opened(page_limit=16).pages()
    next(pages)
    with pytest.raises(SourceError, match="13 documents instead of 16"):
        next(pages)


def test_an_endpoint_that_fails_costs_its_values_only(fake_mp):
    fake_mp.documents["summary"] = [
        fakes.summary(1, has_props={"dielectric": True}, e_total=12.0), fakes.summary(2),
    ]  # fmt: skip

    def fault(route, query, found):
        return (404, {}, '{"detail": "gone"}') if route == "dielectric" else None

    fake_mp.fault = fault
    items, failures, _ = read(opened())
    assert [item.source_id for item in items] == ["mp-1", "mp-2"]
    assert items[0].properties["relative_permittivity"] == 12.0  # the summary has it too
    assert [(f.source_id, f.reason) for f in failures] == [
        ("dielectric, page 1", "endpoint_failed")
    ]


def test_max_items_and_cursors_lose_nothing(fake_mp):
    fake_mp.documents["summary"] = fakes.summaries(40)
    items, _, pages = read(opened(page_limit=16, max_items=20))
    assert len(items) == 20
    again, _, _ = read(opened(page_limit=16, cursor=pages[-1].cursor))
    assert {i.source_id for i in (*items, *again)} == {f"mp-{n}" for n in range(1, 41)}
    fake_mp.version = "2027.01.01"
    from mp_api.client.core.client import _Rester

    _Rester._get_heartbeat_info.cache_clear()
    assert len(read(opened(page_limit=16, cursor=pages[-1].cursor))[0]) == 40  # read anew
    _Rester._get_heartbeat_info.cache_clear()
    with pytest.raises(InputError, match="no cursor"):
        read(opened(cursor="http://elsewhere"))


def test_a_pull_stores_candidates_labels_and_provenance(fake_mp, tmp_path: Path):
    fake_mp.documents["summary"] = fakes.summaries(30)
    store = Store(tmp_path / "store")
    pulled = stages.pull(store, opened(page_limit=16))
    assert pulled.seen == 30
    assert store.read("candidates").num_rows == 30
    labels = store.read("labels").to_pandas()
    assert set(labels["evidence"]) == {"dft"}
    assert set(labels["method"]) == {"materials_project"}
    assert set(labels["property"]) == {
        "energy_above_hull", "formation_energy_per_atom", "band_gap", "volume_per_atom",
    }  # fmt: skip


def test_a_pull_that_broke_off_goes_on_where_it_was(fake_mp, tmp_path: Path):
    fake_mp.documents["summary"] = fakes.summaries(40)
    store = Store(tmp_path / "store")
    fake_mp.fault = lambda _, query, __: (502, {}, "") if query.get("_page") == "2" else None
    plain = fake_mp.answer

    def answer(route, query, key):
        # From the second page on the server is down altogether.
        down = any(one.get("_page") == "2" for one in fake_mp.requests("summary"))
        return (502, {}, "") if down else plain(route, query, key)

    fake_mp.answer = answer
    with pytest.raises(SourceError):
        stages.pull(store, opened(page_limit=16))
    assert store.read("candidates").num_rows == 16
    fake_mp.fault, fake_mp.answer = (lambda *_: None), plain
    fake_mp.asked.clear()
    stages.pull(store, opened(page_limit=16))
    assert {query["_page"] for query in fake_mp.requests("summary")} == {"2", "3"}
    assert store.read("provenance").num_rows == 40


# What the user gets wrong


@pytest.mark.parametrize(
    ("target", "options", "said"),
    [
        ("perovskite", {}, "perovskites or oxides"),
        ("", {"family": "layered_perovskites"}, "perovskites or oxides"),
        ("oxides", {"family": "perovskites"}, "two kinds"),
        ("", {"max_hull": -1.0}, "max_hull"),
        ("", {"max_sites": 0}, "max_sites"),
        ("", {"max_items": 0}, "max_items"),
        ("", {"elements": "Ti,Qq"}, "'Qq' is no element"),
        ("", {"colour": "red"}, "colour"),
    ],
)
def test_mistakes_are_named_before_anything_is_asked(fake_mp, target, options, said):
    with pytest.raises(InputError, match=said):
        opened(target, **options)
    assert not fake_mp.asked


def test_a_server_that_is_not_there_is_a_source_error(fake_mp, monkeypatch):
    monkeypatch.setenv("MP_API_ENDPOINT", "http://127.0.0.1:9/")
    with pytest.raises(SourceError, match="cannot be reached"):
        read(opened())


def test_without_the_client_the_extra_is_named(fake_mp, monkeypatch):
    monkeypatch.setattr("matscreen.sources.materials_project.find_spec", lambda _name: None)
    with pytest.raises(MissingDependencyError, match=r"matscreen\[mp\]"):
        opened()


def test_opening_is_light():
    import subprocess
    import sys

    code = (
        "import sys; from matscreen.sources import open_source;"
        "open_source('materials_project');"
        "assert 'mp_api' not in sys.modules"
    )
    environment = {**os.environ, "MP_API_KEY": fakes.KEY}
    environment.pop("MP_API_ENDPOINT", None)
    subprocess.run([sys.executable, "-c", code], check=True, env=environment)
