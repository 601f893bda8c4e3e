"""Tests of the table of published data sets: usable, unique, safe."""

from __future__ import annotations

import re

import pytest

from matscreen.errors import InputError
from matscreen.properties import PROPERTIES
from matscreen.sources.dataset_registry import get_dataset, list_datasets, parse_registry
from matscreen.sources.dataset_tables import read_dataset

pytestmark = pytest.mark.usefixtures("no_mirror_and_own_cache")


def test_every_set_is_usable_and_says_where_it_comes_from():
    for dataset in list_datasets():
        assert dataset.title
        assert dataset.licence
        assert 1990 < dataset.year < 2030
        assert dataset.home_page.startswith("https://")
        assert dataset.doi is None or re.fullmatch(r"10\.\d{4,}/\S+", dataset.doi)
        assert dataset.targets or dataset.classes or dataset.has_structures
        for layout in dataset.layouts.values():
            assert layout.url is None or layout.url.startswith("https://")
            assert layout.sha256 is None or re.fullmatch(r"[0-9a-f]{64}", layout.sha256)
            assert layout.sha256 is None or layout.origin  # a hash comes from somewhere
            assert layout.name == "home" or layout.url is None
        for target in dataset.targets:
            assert target.property in PROPERTIES
            assert target.columns
            assert target.evidence in {"dft", "measured"}


def test_names_and_aliases_are_unique():
    names = [name for d in list_datasets() for name in (d.name, *d.aliases)]
    assert len(names) == len(set(names))
    assert get_dataset("castelli_perovskites") is get_dataset("castelli_perov5")


@pytest.mark.parametrize("name", ["wolverton", "../wolverton_oxides", "/etc/passwd", ""])
def test_only_names_of_the_registry_are_taken(name):
    with pytest.raises(InputError, match="unknown data set"):
        read_dataset(name)


@pytest.mark.parametrize(
    ("change", "said"),
    [
        ({"url": "http://example.org/a.csv"}, "not an https address"),
        ({"url": "file:///etc/passwd"}, "not an https address"),
        ({"file": "../a.csv"}, "no plain file name"),
        ({"file": ".hidden"}, "no plain file name"),
        ({"format": "pickle"}, "unknown format"),
        ({"structures": {"file": "/a.json", "key": "id"}}, "no plain file name"),
        ({"colour": "red"}, "colour"),
        ({"formula": ""}, "needs a column `formula`"),
        ({"format": "structures"}, "have none"),
    ],
)
def test_an_unsafe_or_misspelt_entry_is_refused(change, said):
    layout = {"file": "a.csv", "format": "csv", "formula": "formula", **change}
    entry = {
        "title": "t", "authors": "a", "year": 2000, "journal": "j", "licence": "l",
        "home_page": "h", "home": layout,
    }  # fmt: skip
    with pytest.raises(InputError, match=said):
        parse_registry({"mine": entry})
