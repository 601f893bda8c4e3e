from __future__ import annotations

import re

import bibtexparser
import pandas as pd
import pytest

from matscreen.data import data_path
from matscreen.exports import write_citations
from matscreen.exports.citations import bibtex, ranked_sources
from matscreen.exports.references import Reference


@pytest.fixture
def rows() -> pd.DataFrame:
    return pd.DataFrame(
        {
            "structure_id": ["a", "b", "c"],
            "formula": ["BaTiO3", "VO2", "SrTiO3"],
            "spacegroup": [99.0, 136.0, 221.0],
            "mechanism": ["ferroelectric", "insulator_metal", "valence_change"],
            "evidence": ["mlip", "measured", "prior"],
            "source": ["relaxation;dataset:wolverton_oxides", "known", "optimade:mp"],
            "source_id": ["optimade:oqmd:123;BaTiO3", "VO2", "mp-5229"],
            "transition_temperature_evidence": [None, "measured", None],
            "band_gap_evidence": ["surrogate", None, "prior"],
        }
    )


@pytest.fixture
def entries(rows, tmp_path) -> dict[str, dict]:
    path = write_citations(
        rows,
        tmp_path / "c.bib",
        licences={"optimade:mp": "CC-BY-4.0 (own)"},
        descriptor_set="standard",
        versions={"matscreen": "9.9", "pymatgen": "1.2"},
    )
    parser = bibtexparser.bparser.BibTexParser(ignore_nonstandard_types=False)
    read = bibtexparser.loads(path.read_text(encoding="utf-8"), parser)
    return {entry["ID"]: entry for entry in read.entries}


def test_every_entry_is_read_by_a_bibtex_parser(rows, tmp_path, entries):
    text = write_citations(rows, tmp_path / "d.bib", descriptor_set="standard").read_text()
    assert len(re.findall(r"^@\w+{", text, re.MULTILINE)) == len(entries)


def test_the_software_is_cited_in_the_version_that_ranked(entries):
    assert entries["matscreen"]["version"] == "9.9"
    assert entries["matscreen"]["license"] == "BSD-3-Clause"
    assert entries["pymatgen"]["version"] == "1.2"


def test_sources_come_with_their_licence(entries):
    assert entries["source_optimade_mp"]["license"] == "CC-BY-4.0 (own)"
    assert "Jain" in entries["source_optimade_mp"]["howpublished"]
    assert entries["dataset_wolverton_oxides"]["doi"] == "10.1038/sdata.2017.153"
    assert "not stated" in entries["dataset_wolverton_oxides"]["license"]


def test_what_a_crystal_was_relaxed_from_is_cited_too(rows, entries):
    assert ranked_sources(rows) == [
        "relaxation",
        "dataset:wolverton_oxides",
        "optimade:oqmd",
        "known",
        "optimade:mp",
    ]
    assert "Saal" in entries["source_optimade_oqmd"]["howpublished"]


def test_methods_follow_what_was_ranked(rows, entries, tmp_path):
    assert {"merz1954", "oka2003", "menzel2011", "landauer1961", "wang2021"} <= set(entries)
    assert "ambegaokar1963" not in entries
    assert any("Ward et al., npj" in e.get("howpublished", "") for e in entries.values())
    alone = write_citations(rows.iloc[1:2], tmp_path / "e.bib").read_text()
    assert "oka2003" in alone
    assert "merz1954" not in alone
    assert "sevennet" not in alone


def test_the_source_of_a_measured_value_is_cited(entries):
    from matscreen.facts import load_facts

    facts = load_facts()
    mine = facts[(facts["formula"] == "VO2") & (facts["property"] == "transition_temperature")]
    cited = [entry["howpublished"] for key, entry in entries.items() if key.startswith("fact_")]
    assert cited
    assert set(cited) <= set(mine["source"].str.replace("&", r"\&").str.replace("_", r"\_"))


def test_no_doi_is_there_that_no_table_has(entries):
    tables = "".join(
        path.read_text(encoding="utf-8")
        for path in data_path("reference").iterdir()
        if path.suffix in {".csv", ".toml"}
    )
    landauer = "10.1147/rd.53.0183"  # computed, not tabulated: matscreen.mechanisms.references
    for entry in entries.values():
        assert entry.get("doi", landauer) in tables + landauer


def test_special_letters_are_escaped_but_not_in_addresses():
    fields = {"title": "A & B_c: 5 %", "url": "https://x.org/a_b", "doi": "", "note": "n"}
    text = bibtex(Reference("k", "misc", fields))
    hostile = bibtex(Reference("k", "misc", {"license": "}\n}\n@misc{evil,"}))
    assert hostile == "@misc{k,\n  license = {@miscevil,}\n}\n"
    assert r"title = {A \& B\_c: 5 \%}" in text
    assert "url = {https://x.org/a_b}" in text
    assert "doi" not in text
