from __future__ import annotations

import asyncio
import json
import math
import os
from datetime import UTC, datetime

import httpx
import numpy as np
import pytest

from matscreen.exports import write_optimade
from matscreen.exports.optimade_file import property_name
from matscreen.identity import structure_id
from matscreen.sources.optimade import OptimadeSource

MADE = datetime(2026, 3, 1, 12, 30, tzinfo=UTC)


@pytest.fixture
def path(awkward, crystals, tmp_path):
    return write_optimade(awkward, crystals, tmp_path / "c.optimade.jsonl", made_at=MADE)


@pytest.fixture
def lines(path):
    return [json.loads(line) for line in path.read_text(encoding="utf-8").splitlines()]


@pytest.fixture
def server(path, tmp_path, monkeypatch):
    """Return the reference server in memory, with the written file in it."""
    pytest.importorskip("optimade.server", reason="needs the extra optimade")
    settings = tmp_path / "optimade.json"
    settings.write_text("{}")
    monkeypatch.setenv("OPTIMADE_CONFIG_FILE", str(settings))
    monkeypatch.setenv("OPTIMADE_LOG_DIR", str(tmp_path))
    from optimade.server.config import ServerConfig
    from optimade.server.create_app import create_app

    fields = [
        {"name": name, "type": facts["type"], **_described(facts)}
        for name, facts in _info(path)["properties"].items()
    ]
    provider = {"prefix": "matscreen", "name": "matscreen", "description": "a ranking"}
    return create_app(
        ServerConfig(
            provider=provider,
            provider_fields={"structures": fields},
            insert_test_data=False,
            insert_from_jsonl=path,
            database_backend="mongomock",
            log_level="critical",
        )
    )


def _described(facts: dict) -> dict:
    return {key: facts[key] for key in ("description", "unit") if key in facts}


def _info(path) -> dict:
    return json.loads(path.read_text(encoding="utf-8").splitlines()[1])


def _get(server, query: str) -> dict:
    async def ask() -> httpx.Response:
        transport = httpx.ASGITransport(app=server)
        async with httpx.AsyncClient(transport=transport, base_url="http://ranking") as client:
            return await client.get(query)

    answer = asyncio.run(ask())
    assert answer.status_code == 200, answer.text
    return answer.json()


def test_every_entry_is_valid_by_the_models_of_optimade(lines, best):
    models = pytest.importorskip("optimade.models", reason="needs the extra optimade")
    assert lines[0] == {"x-optimade": {"meta": {"api_version": "1.2.0"}}}
    entries = lines[2:]
    assert [entry["id"] for entry in entries] == list(best)
    for entry in entries:
        read = models.StructureResource(**entry)
        assert read.attributes.last_modified == MADE
    for facts in lines[1]["properties"].values():
        models.EntryInfoProperty(**facts)


def test_the_ranking_is_in_prefixed_properties_with_unit_and_type(lines, awkward, best):
    described = lines[1]["properties"]
    assert described["_matscreen_energy_nominal_j"]["unit"] == "J"
    assert described["_matscreen_energy_above_hull"]["unit"] == "eV/{atom}"
    kinds = {name: facts["type"] for name, facts in described.items()}
    assert kinds["_matscreen_rank"] == "integer"
    assert kinds["_matscreen_spacegroup"] == "integer"
    assert kinds["_matscreen_feasible"] == "boolean"
    assert kinds["_matscreen_energy_lower_j"] == "float"
    assert kinds["_matscreen_evidence"] == "string"
    for entry in lines[2:]:
        own = {k: v for k, v in entry["attributes"].items() if k.startswith("_")}
        assert own.keys() == described.keys()
        assert all(name == name.lower() for name in own)
        expected = best[entry["id"]]
        for column in ("rank", "mechanism", "energy_nominal_J", "energy_lower_J", "evidence"):
            value = expected[column]
            unknown = isinstance(value, float) and not math.isfinite(value)
            assert own[property_name(column)] == (None if unknown else value)


@pytest.mark.parametrize(
    ("unit", "code"),
    [("µC/cm²", "uC/cm2"), ("meV/Å³", "meV/Ao3"), ("W/m/K", "W/m/K"), ("%", "%"), ("J", "J")],
)
def test_units_are_written_in_ucum_as_the_standard_asks_for(
    awkward, crystals, tmp_path, unit, code
):
    awkward.attrs = {"units": {"band_gap": unit}}
    path = write_optimade(awkward, crystals, tmp_path / "u.jsonl", top_k=1)
    assert _info(path)["properties"]["_matscreen_band_gap"]["unit"] == code


def test_the_reference_server_serves_and_filters_it(server, best):
    first = next(iter(best))
    found = _get(
        server,
        "/v1/structures?response_fields=_matscreen_energy_nominal_j,_matscreen_rank"
        '&filter=_matscreen_energy_nominal_j<1e-17 AND elements HAS "Ba"',
    )
    assert [entry["id"] for entry in found["data"]] == [first]
    assert found["data"][0]["attributes"] == {
        "_matscreen_energy_nominal_j": best[first]["energy_nominal_J"],
        "_matscreen_rank": 1,
    }
    info = _get(server, "/v1/info/structures")["data"]["properties"]
    assert info["_matscreen_energy_nominal_j"]["unit"] == "J"


def test_our_own_source_pulls_the_same_crystals_back(server, crystals, best):
    async def pull() -> list:
        transport = httpx.ASGITransport(app=server)
        async with httpx.AsyncClient(transport=transport) as client:
            source = OptimadeSource("http://ranking.test", filter='elements HAS "O"', client=client)
            return [source.page(raw) async for raw in source.documents()]

    pages = asyncio.run(pull())
    items = [item for page in pages for item in page.items]
    assert not [failure for page in pages for failure in page.failures]
    assert {item.source_id for item in items} == set(best)
    for item in items:
        original = crystals[item.source_id]
        assert structure_id(item.crystal) == item.source_id
        assert item.crystal.atomic_numbers.tolist() == original.atomic_numbers.tolist()
        np.testing.assert_allclose(item.crystal.lattice, original.lattice, atol=1e-14)
        np.testing.assert_allclose(item.crystal.frac_coords, original.frac_coords, atol=1e-13)


def test_an_empty_selection_is_a_header_and_a_description(awkward, tmp_path):
    path = write_optimade(awkward, {}, tmp_path / "c.jsonl")
    kinds = [json.loads(line).get("type") for line in path.read_text().splitlines()]
    assert kinds == [None, "info"]


def test_the_same_ranking_gives_the_same_bytes(path, awkward, crystals, tmp_path):
    again = write_optimade(awkward, crystals, tmp_path / "d.jsonl", made_at=MADE)
    assert again.read_bytes() == path.read_bytes()
    assert os.listdir(tmp_path).count("d.jsonl") == 1
