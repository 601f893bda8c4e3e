"""The main job on the shipped data, run once and looked at from every side."""

import json
import math

import numpy as np
import pandas as pd
import pytest
from pymatgen.core import Structure

from matscreen import stages
from matscreen.config import load_screen
from matscreen.identity import Registry
from matscreen.screening import run_screen
from matscreen.store import Store
from matscreen.structures import Crystal

COLUMNS = [
    "rank",
    "rank_in_mechanism",
    "formula",
    "structure_id",
    "mechanism",
    "energy_nominal_J",
    "energy_lower_J",
    "energy_upper_J",
    "energy_floor_J",
    "energy_ceiling_J",
    "p_feasible",
    "p_top_10",
    "feasible",
    "reasons",
    "pareto",
    "energy_above_hull",
    "in_domain",
    "evidence",
    "source",
    "source_id",
]


@pytest.fixture(scope="module", params=["synapse", "logic"])
def finished(request, shared_store, tmp_path_factory):
    folder = tmp_path_factory.mktemp(request.param)
    return run_screen(load_screen(request.param), shared_store, folder / "results")


@pytest.fixture(scope="module")
def table(finished):
    return pd.read_csv(finished.folder / "candidates.csv")


def test_columns_begin_as_documented(table):
    assert list(table.columns[: len(COLUMNS)]) == COLUMNS


def test_hundreds_are_ranked_and_dozens_feasible(table):
    assert len(table) >= 500
    assert table["feasible"].sum() >= 30


def test_energies_are_finite_and_ordered(table):
    names = [c for c in table.columns if c.startswith("energy_") and c.endswith("_J")]
    assert np.isfinite(table[names]).all(axis=None)
    assert (table[names] > 0).all(axis=None)
    assert (table["energy_floor_J"] <= table["energy_nominal_J"]).all()
    assert (table["energy_nominal_J"] <= table["energy_ceiling_J"]).all()
    assert (table["energy_lower_J"] <= table["energy_nominal_J"]).all()
    assert (table["energy_nominal_J"] <= table["energy_upper_J"]).all()


def test_no_feasible_row_stands_behind_an_infeasible_one(table):
    assert table["feasible"].is_monotonic_decreasing
    assert table["rank"].is_monotonic_increasing


def test_infeasible_rows_say_why(table):
    assert table.loc[~table["feasible"], "reasons"].str.len().min() > 0


@pytest.mark.parametrize("formula", ["BaTiO3", "PbTiO3", "KNbO3", "LiNbO3", "BiFeO3"])
def test_known_ferroelectrics_are_feasible(table, formula):
    rows = table[(table["formula"] == formula) & (table["mechanism"] == "ferroelectric")]
    assert rows["feasible"].any()


@pytest.mark.parametrize(
    "formula", ["SrTiO3", "BaZrO3", "LaAlO3", "CaTiO3", "LaFeO3", "LaMnO3", "LaCrO3"]
)
def test_known_paraelectrics_and_antiferrodistortive_oxides_are_not(table, formula):
    rows = table[(table["formula"] == formula) & (table["mechanism"] == "ferroelectric")]
    assert len(rows)
    assert not rows["feasible"].any()


def test_exported_cifs_read_back_to_the_same_structure(finished, shared_store):
    files = sorted((finished.folder / "structures").glob("*.cif"))
    assert len(files) >= 10
    registry = Registry.from_candidates(shared_store.read("candidates"))
    known = set(finished.ranking["structure_id"])
    for file in files:
        crystal = Crystal.from_pymatgen(Structure.from_file(file))
        identity = registry.assign(crystal)
        assert not identity.is_new
        assert identity.structure_id in known
        assert identity.structure_id[:8] in file.name


def test_report_is_one_small_file(finished):
    report = finished.folder / "report.html"
    assert report.stat().st_size < 8e6


def test_summary_adds_up(finished):
    content = json.loads((finished.folder / "screen.json").read_text())
    counts = content["counts"]
    assert counts["ranked"] == len(finished.ranking)
    assert counts["feasible"] == int(finished.ranking["feasible"].sum())
    assert all(math.isfinite(s) for s in content["provenance"]["seconds"].values())


def test_a_second_run_gives_the_same_bytes(finished, shared_store, tmp_path):
    again = run_screen(load_screen(finished.result.screen.name), shared_store, tmp_path)
    for file in sorted(finished.folder.rglob("*")):
        if file.name == "candidates.csv" or file.suffix == ".cif":
            other = again.folder / file.relative_to(finished.folder)
            assert other.read_bytes() == file.read_bytes(), file.name


def test_another_store_gives_the_same_ranking(finished, tmp_path):
    if finished.result.screen.name != "synapse":
        return
    fresh = run_screen(load_screen("synapse"), Store(tmp_path / "store"), tmp_path / "out")
    assert (fresh.folder / "candidates.csv").read_bytes() == (
        finished.folder / "candidates.csv"
    ).read_bytes()


def test_a_neuron_is_made_of_what_was_seen_to_switch(shared_store, tmp_path):
    neuron = run_screen(load_screen("neuron"), shared_store, tmp_path).ranking
    best = neuron[neuron["feasible"]]
    assert set(best["mechanism"]) == {"insulator_metal", "josephson"}
    assert set(best["evidence"]) == {"measured"}
    spots = best[best["mechanism"] == "insulator_metal"]
    assert "VO2" in set(spots["formula"])
    unseen = neuron[~neuron["feasible"] & (neuron["mechanism"] == "josephson")]
    assert unseen["reasons"].str.contains("no_known_superconductor").any()


def test_every_surrogate_is_explained_and_only_once(finished, shared_store, tmp_path, monkeypatch):
    result = finished.result
    explained = {found["model_id"]: found for found in result.explanations}
    assert set(explained) == {card["model_id"] for card in result.model_cards}
    assert all(found["groups"][0]["importance"] > 0.0 for found in result.explanations)
    assert "What the surrogates look at" in (finished.folder / "report.html").read_text("utf-8")

    def never(*_arguments, **_options):
        raise AssertionError("explained twice")

    monkeypatch.setattr("matscreen.surrogates.explanation_file.explain", never)
    again = stages.explain_models(shared_store, result.model_cards)
    assert again == list(result.explanations)
