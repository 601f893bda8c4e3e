"""Tests of the table of OPTIMADE providers, and of opening them by name."""

from __future__ import annotations

from pathlib import Path

import pytest

from matscreen.errors import InputError
from matscreen.sources import open_source
from matscreen.sources.optimade import OptimadeSource, OptimadeSources
from matscreen.sources.optimade_providers import (
    get_provider,
    list_providers,
    load_providers,
    provider_at,
)
from matscreen.sources.optimade_query import FAMILIES
from matscreen.sources.streams import RawPage
from tests.sources.optimade_data import perovskites

GOOD = """
[provider.one]
title = "One"
url = "https://one.org/optimade"
home = "https://one.org"
licence = "CC0-1.0"
citation = "Somebody 2020"
kind = "computed"
method = "PBE"
"""


def table(folder: Path, text: str) -> Path:
    path = folder / "providers.toml"
    path.write_text(text)
    return path


def test_the_shipped_table_names_the_databases_that_matter() -> None:
    names = {provider.name for provider in list_providers()}
    assert {"mp", "alexandria-pbe", "alexandria-pbesol", "oqmd", "jarvis", "aflow"} <= names
    assert {"cod", "nomad", "odbx", "gnome", "twodmatpedia"} <= names
    assert get_provider("cod").kind == "experimental"
    for provider in list_providers():
        assert OptimadeSource(provider.url).provider == provider
        assert provider_at(f"{provider.url}/v1/") == provider


@pytest.mark.parametrize(
    "change",
    [
        ('kind = "computed"', 'kind = "guessed"'),
        ('url = "https://one.org/optimade"', 'url = "ftp://one.org"'),
        ('method = "PBE"\n', ""),
        ('method = "PBE"', 'method = "PBE"\nprefix = "one"'),
        ('method = "PBE"', 'method = "PBE"\nhull_field = "hull"'),
        ("[provider.one]", "[provider.One]"),
        ("[provider.one]", "[provider.one"),
    ],
)
def test_a_wrong_table_is_refused(tmp_path: Path, change: tuple[str, str]) -> None:
    assert load_providers(table(tmp_path, GOOD))[0]["one"].method == "PBE"
    with pytest.raises(InputError, match=r"providers\.toml is wrong"):
        load_providers(table(tmp_path, GOOD.replace(*change)))


def test_one_address_under_two_names_is_refused(tmp_path: Path) -> None:
    with pytest.raises(InputError, match="names a database twice"):
        load_providers(table(tmp_path, GOOD + GOOD.replace("provider.one", "provider.two")))


def test_providers_are_opened_by_name_alone_or_together() -> None:
    one = open_source("optimade:alexandria-pbe", max_hull=0.1)
    assert isinstance(one, OptimadeSource)
    assert one.label == "optimade:alexandria-pbe"
    assert "_alexandria_hull_distance<=0.1" in one.filter
    several = open_source("optimade:mp, oqmd,mp,https://example.org/x", family="oxides")
    assert isinstance(several, OptimadeSources)
    labels = [member.label for member in several.members]
    assert labels == ["optimade:mp", "optimade:oqmd", "optimade:example.org"]
    everything = open_source("optimade:all")
    assert len(everything.streams()) == len(list_providers())
    assert len({stream.query for stream in everything.streams()}) == len(list_providers())


@pytest.mark.parametrize(
    ("target", "words"),
    [
        ("mpds", "sold by subscription"),
        ("alexandria", "did you mean 'alexandria-pbe"),
        ("nobody", "unknown OPTIMADE provider 'nobody'"),
        (",", "needs a database"),
    ],
)
def test_what_cannot_be_opened_is_said(target: str, words: str) -> None:
    with pytest.raises(InputError, match=words):
        open_source(f"optimade:{target}")


def test_a_query_is_either_raw_or_friendly() -> None:
    with pytest.raises(InputError, match="not both"):
        open_source("optimade:mp", filter="nsites<5", family="oxides")
    with pytest.raises(InputError, match="wrong at character 8"):
        open_source("optimade:mp", filter="nsites<<5")
    with pytest.raises(InputError, match="cursor belongs to one"):
        open_source("optimade:mp,cod", cursor="https://x.org")


def test_perovskites_are_asked_for_unless_something_else_is() -> None:
    asked = open_source("optimade:mp", elements="Ba,Ti", exclude_elements=["H"]).filter
    assert asked == (
        f'{FAMILIES["perovskites"]} AND elements HAS ALL "Ba","Ti" AND NOT elements HAS ANY "H"'
    )
    assert "anonymous" not in open_source("optimade:mp", family="oxides").filter
    assert open_source("optimade:mp", anonymous="AB2O4").filter.endswith('"A4B2C"')
    assert open_source("optimade:mp", filter="").filter == ""


def test_values_of_a_known_provider_say_how_they_were_made() -> None:
    entry = perovskites(1)[0]
    entry["attributes"]["_alexandria_hull_distance"] = 0.02
    source = open_source("optimade:alexandria-pbesol")
    page = source.page(RawPage("https://x.org", 1, [entry], provider="alexandria"))
    (item,) = page.items
    assert item.source == "optimade:alexandria-pbesol"
    assert item.method == "provider:optimade:alexandria-pbesol (PBEsol)"
    assert item.licence == "CC-BY-4.0"
    assert item.properties == {"energy_above_hull": 0.02}


def test_stability_is_checked_where_the_database_cannot_filter_by_it() -> None:
    entries = perovskites(3)
    entries[0]["attributes"]["_mp_stability"] = {"gga_gga+u": {"energy_above_hull": 0.01}}
    entries[1]["attributes"]["_mp_stability"] = {"gga_gga+u": {"energy_above_hull": 0.3}}
    source = open_source("optimade:mp", max_hull=0.1)
    assert "hull" not in source.filter
    page = source.page(RawPage("https://x.org", 1, entries))
    assert [item.source_id for item in page.items] == [entries[0]["id"]]
    assert [failure.reason for failure in page.failures] == ["above_hull"] * 2
    assert "gives no energy" in page.failures[1].detail
