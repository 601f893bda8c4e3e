from __future__ import annotations

import json

import numpy as np
import pytest
from typer.testing import CliRunner

from matscreen import tables
from matscreen.commands.export import CRYSTALS, INPUTS, TABLES, app
from matscreen.export_formats import FORMATS
from matscreen.store import Store
from matscreen.structures import Crystal
from tests.exports.small_screen import make_screen

PEROVSKITE = np.array([[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A store with a relaxed and an unrelaxed polar crystal of one formula."""
    monkeypatch.setattr("matscreen.stages.load_bundle", lambda _store: None)
    folder = tmp_path / "store"
    opened = Store(folder)
    rows = []
    for name, b, shift in (("aa11", 22, 0.02), ("bb22", 22, 0.03), ("cc33", 40, 0.0)):
        coords = PEROVSKITE + shift * np.outer(np.arange(5) == 1, [0, 0, 1])  # B along c
        crystal = Crystal(np.eye(3) * 4.0, np.array([56, b, 8, 8, 8]), coords)
        rows.append(tables.candidate_row(crystal, structure_id=name))
    opened.upsert("candidates", tables.from_rows("candidates", rows))
    label = {
        "structure_id": "aa11",
        "property": "energy_per_atom",
        "value": -8.0,
        "unit": "eV/atom",
        "evidence": "mlip",
        "method": "relaxation/emt",
        "version": "1",
    }
    opened.upsert("labels", tables.from_rows("labels", [label]))
    return folder


def run(store, *arguments):
    return CliRunner().invoke(app, ["dft", *arguments, "--store", str(store)])


def test_a_formula_in_any_order_takes_the_relaxed_phases(store, tmp_path):
    out = tmp_path / "out"
    result = run(store, "TiBaO3", "--code", "gpaw", "--task", "double_well", "-o", str(out))
    assert result.exit_code == 0, result.output
    assert {path.name for path in out.iterdir()} == {"BaTiO3-aa11"}
    assert {path.name for path in (out / "BaTiO3-aa11").iterdir()} == {
        "about.json",
        "nonpolar",
        "polar",
    }
    assert str(out / "BaTiO3-aa11" / "polar") in result.output


def test_an_id_takes_that_structure(store, tmp_path):
    assert run(store, "bb22", "-o", str(tmp_path / "out")).exit_code == 0
    assert (tmp_path / "out/BaTiO3-bb22/relax/INCAR").exists()


def test_every_unknown_name_is_a_mistake(store, tmp_path):
    for wrong in ("LaAlO3", "no-such"):
        result = run(store, "BaTiO3", wrong, "-o", str(tmp_path / "out"))
        assert result.exit_code == 2
        assert wrong in result.stderr
    assert not (tmp_path / "out").exists()


def test_what_has_no_input_is_told_beside_what_has(store, tmp_path):
    arguments = ("--task", "double_well", "-o", str(tmp_path / "out"))
    result = run(store, "BaTiO3", "BaZrO3", *arguments)
    assert result.exit_code == 0
    assert "BaZrO3-cc33: nonpolar: space group 221 has no polar axis" in result.output
    result = run(store, "BaZrO3", "--task", "double_well", "-o", str(tmp_path / "none"))
    assert result.exit_code == 2
    assert "no double_well input could be written: BaZrO3-cc33: nonpolar" in result.stderr
    assert not (tmp_path / "none").exists()


@pytest.fixture
def made(tmp_path):
    return make_screen(tmp_path / "made")


def export(made, *arguments):
    place = ["--store", made.store.root]
    return CliRunner().invoke(app, [arguments[0], str(made.results), *arguments[1:], *place])


def test_every_format_is_a_command():
    assert {**TABLES, **CRYSTALS, **INPUTS}.keys() == FORMATS.keys()
    named = {command.name for command in app.registered_commands}
    assert FORMATS.keys() < named
    assert {name for name, each in FORMATS.items() if each.needs_crystals} == {*CRYSTALS, *INPUTS}


def test_one_command_leads_from_results_to_the_poscar_of_the_best(made):
    from pymatgen.core import Structure

    result = export(made, "poscar", "--top", "1")
    assert result.exit_code == 0, result.output
    (path,) = result.stdout.split()
    assert path == str(made.results / "exports/poscar/002_BaTiO3_aa11.POSCAR.vasp")
    assert Structure.from_file(path).reduced_formula == "BaTiO3"
    assert "passed over, known by composition only: VO2" in result.stderr


def test_several_formats_at_once(made, tmp_path):
    out = tmp_path / "handover"
    result = export(made, "ranking", "--format", "xlsx, optimade,extxyz", "-o", str(out))
    assert result.exit_code == 0, result.output
    assert result.stdout.split() == [
        str(out / name)
        for name in ("candidates.xlsx", "candidates.optimade.jsonl", "candidates.extxyz")
    ]


def test_programs_read_the_paths_as_json(made):
    result = export(made, "gpaw", "--task", "double_well", "--json")
    told = json.loads(result.stdout)
    assert [path.rsplit("/", 1)[-1] for path in told["paths"]] == ["nonpolar", "polar"]
    assert any("003_SrTiO3_bb22: nonpolar" in each for each in told["left_out"])


def test_columns_are_explained_to_people_and_programs(made):
    result = CliRunner().invoke(app, ["columns", str(made.results)])
    assert "energy_above_hull  eV/atom" in result.stdout
    told = json.loads(CliRunner().invoke(app, ["columns", str(made.results), "--json"]).stdout)
    assert [each["name"] for each in told] == list(made.ranking.columns)
    assert told[5] == {
        "name": "energy_nominal_J",
        "unit": "J",
        "meaning": "Realistic wall-plug energy of one event at the best property values",
    }


def test_tables_need_no_store(made, tmp_path):
    result = CliRunner().invoke(
        app, ["citation", str(made.results), "--store", str(tmp_path / "nowhere")]
    )
    assert result.exit_code == 0, result.output
    assert (made.results / "exports/citations.bib").exists()
    assert not (tmp_path / "nowhere").exists()


@pytest.mark.parametrize(
    ("arguments", "told"),
    [
        (("ranking", "--format", "xslx"), "did you mean 'xlsx'?"),
        (("poscar", "--mechanism", "josephson"), "ranked: ferroelectric, valence_change"),
        (("poscar", "--top", "0"), "greater than or equal to 1"),
        (("vasp", "--task", "melt"), "'melt' is not one of"),
    ],
)
def test_a_wrong_request_says_what_is_right(made, arguments, told):
    result = export(made, *arguments)
    assert result.exit_code == 2
    assert told in " ".join(result.stderr.replace("│", " ").split())
    assert not (made.results / "exports").exists()


def test_a_missing_store_or_folder_names_the_way_out(made, tmp_path):
    absent = str(tmp_path / "absent")
    result = CliRunner().invoke(app, ["cif", str(made.results), "--store", absent])
    assert result.exit_code == 2
    assert "there is no store" in result.stderr
    result = CliRunner().invoke(app, ["cif", absent])
    assert result.exit_code == 2
    assert "matscreen screen synapse -o" in result.stderr


def test_a_second_export_is_refused_until_it_is_forced(made):
    assert export(made, "csv").exit_code == 0
    again = export(made, "csv")
    assert again.exit_code == 2
    assert "--force" in again.stderr
    assert export(made, "csv", "--force").exit_code == 0
