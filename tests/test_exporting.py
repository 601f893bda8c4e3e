from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import ase.io
import numpy as np
import pandas as pd
import pytest
from pymatgen.core import Structure

import matscreen as ms
from matscreen import tables
from matscreen.errors import InputError
from matscreen.export_formats import FORMATS
from matscreen.exporting import default_targets, export_screen, format_of, select_rows
from matscreen.finished_screens import FinishedScreen, read_finished
from matscreen.identity import structure_id
from matscreen.sources import open_source
from matscreen.store import Store
from matscreen.structures import Crystal
from tests.exports.small_screen import make_screen


@pytest.fixture
def made(tmp_path):
    return make_screen(tmp_path)


@pytest.fixture
def out(tmp_path) -> Path:
    return tmp_path / "out"


def _export(made, formats, out, **options):
    options.setdefault("store", made.store)
    targets = default_targets(formats.split(","), out)
    return export_screen(read_finished(made.results), targets, **options)


def _files(folder: Path) -> set[str]:
    return {str(p.relative_to(folder)) for p in folder.rglob("*") if p.is_file()}


def test_every_format_is_written_where_it_says(made, out):
    exported = _export(made, ",".join(FORMATS), out, top=1)
    for each in FORMATS.values():
        assert (out / each.target).exists(), each.name
    assert all(path.exists() for path in exported.paths)
    assert not list(out.rglob(".*")), "nothing half-written stays"


def test_the_best_material_with_a_crystal_is_taken_and_the_others_are_told(made, out):
    exported = _export(made, "poscar", out, top=1)
    assert [path.name for path in exported.paths] == ["002_BaTiO3_aa11.POSCAR.vasp"]
    assert exported.notes == ("passed over, known by composition only: VO2 (dd44)",)
    again = Crystal.from_pymatgen(Structure.from_file(exported.paths[0]))
    original = made.crystals["aa11"]
    np.testing.assert_allclose(again.frac_coords, original.frac_coords, atol=1e-12)
    np.testing.assert_allclose(again.lattice, original.lattice)
    assert again.atomic_numbers.tolist() == original.atomic_numbers.tolist()


@pytest.mark.parametrize("name", ["cif", "poscar", "extxyz", "ase", "optimade", "pymatgen"])
def test_another_screen_can_rank_what_was_exported(made, out, name):
    _export(made, name, out)
    pages = list(open_source(f"files:{out}").pages())
    assert not [failure for page in pages for failure in page.failures]
    read = [structure_id(item.crystal) for page in pages for item in page.items]
    assert sorted(read) == sorted(structure_id(made.crystals[one]) for one in ("aa11", "bb22"))


def test_infeasible_materials_come_only_when_asked_for(made, out):
    assert len(_export(made, "cif", out).paths) == 2
    exported = _export(made, "cif", out, infeasible=True, force=True)
    assert [path.name[:10] for path in exported.paths] == ["002_BaTiO3", "003_SrTiO3", "004_BaZrO3"]


def test_a_table_holds_every_row_unless_the_best_are_asked_for(made, out):
    _export(made, "csv,parquet", out, store=None)
    whole = pd.read_csv(out / "candidates.csv")
    assert whole["rank"].tolist() == [1, 2, 3, 4, 5]
    _export(made, "csv", out, top=2, store=None, force=True)
    best = pd.read_csv(out / "candidates.csv")
    assert best["structure_id"].tolist() == ["dd44", "aa11", "aa11"], "all rows of two materials"


def test_tables_and_crystals_together_choose_each_their_own(made, out):
    _export(made, "csv,extxyz", out)
    assert len(pd.read_csv(out / "candidates.csv")) == 5
    images = ase.io.read(out / "candidates.extxyz", index=":")
    assert [atoms.info["structure_id"] for atoms in images] == ["aa11", "bb22"]
    assert images[0].info["energy_nominal_J"] == 1.23456789012345e-17


def test_one_mechanism_alone(made, out):
    _export(made, "csv", out, mechanism="ferroelectric")
    assert set(pd.read_csv(out / "candidates.csv")["mechanism"]) == {"ferroelectric"}
    with pytest.raises(InputError, match="'josephson'; ranked: ferroelectric, valence_change"):
        select_rows(made.ranking, mechanism="josephson")


def test_the_crystal_is_the_one_that_was_ranked_not_a_later_one(made, out):
    later = tables.candidate_row(made.crystals["bb22"], structure_id="aa11", spacegroup=99)
    made.store.upsert("candidates", tables.from_rows("candidates", [later]))
    exported = _export(made, "poscar", out, top=1)
    assert "Ba" in Structure.from_file(exported.paths[0]).symbol_set


def test_a_store_that_lost_its_history_gives_the_crystals_of_now(made, out, tmp_path):
    other = Store(tmp_path / "other")
    other.upsert("candidates", made.store.read("candidates"))
    assert len(_export(made, "cif", out, store=other).paths) == 2


def test_a_store_without_the_crystals_is_told(made, out, tmp_path):
    with pytest.raises(InputError, match=r"crystal of BaTiO3 \(aa11\) and 1 others are not in"):
        _export(made, "cif", out, store=Store(tmp_path / "empty"))
    assert not out.exists()
    with pytest.raises(InputError, match="store that was ranked"):
        _export(made, "cif", out, store=None)


def test_nothing_feasible_says_why_and_what_to_do(made, out):
    none = made.ranking.assign(feasible=False)
    screen = FinishedScreen(none.iloc[1:], {})
    with pytest.raises(InputError, match=r"most common reasons: .*nonpolar \(1\).*--infeasible"):
        export_screen(screen, default_targets(["poscar"], out), store=made.store)
    export_screen(screen, default_targets(["csv"], out))
    taken = export_screen(
        screen, default_targets(["poscar"], out), store=made.store, infeasible=True
    )
    assert len(taken.paths) == 3


def test_compositions_have_no_crystals_to_export(made, out):
    screen = FinishedScreen(made.ranking.iloc[:1], {})
    with pytest.raises(InputError, match="known by composition only; export a table"):
        export_screen(screen, default_targets(["cif"], out), store=made.store)


def test_what_is_there_is_kept_unless_forced(made, out):
    _export(made, "xlsx", out)
    before = (out / "candidates.xlsx").read_bytes()
    with pytest.raises(InputError, match=r"candidates.xlsx is there already; .*--force"):
        _export(made, "json,xlsx", out)
    assert _files(out) == {"candidates.xlsx"}
    assert (out / "candidates.xlsx").read_bytes() == before
    _export(made, "json,xlsx", out, force=True)
    assert _files(out) == {"candidates.xlsx", "candidates.json"}


def test_a_forced_export_keeps_the_results_of_others_and_drops_stale_files(made, out):
    _export(made, "poscar,gpaw", out)
    computed = out / "gpaw/002_BaTiO3_aa11/relax/gpaw.txt"
    computed.write_text("hours of work")
    _export(made, "poscar,gpaw", out, top=1, force=True)
    assert computed.read_text() == "hours of work"
    assert {path.name for path in (out / "poscar").iterdir()} == {"002_BaTiO3_aa11.POSCAR.vasp"}


def test_one_format_that_fails_leaves_none(made, out, monkeypatch):
    def broken(*_arguments, **_options):
        raise OSError("disk full")

    monkeypatch.setitem(FORMATS, "ase", replace(FORMATS["ase"], write=broken))
    with pytest.raises(OSError, match="disk full"):
        _export(made, "csv,cif,ase", out)
    assert not out.exists()


@pytest.mark.parametrize(
    ("code", "files"),
    [
        ("vasp", {"INCAR", "KPOINTS", "POSCAR", "POTCAR.spec"}),
        ("espresso", {"pw.in"}),
        ("gpaw", {"run.py", "structure.xyz"}),
    ],
)
def test_inputs_hold_the_crystals_that_were_ranked(made, out, code, files, monkeypatch):
    from pymatgen.core import SETTINGS

    monkeypatch.delitem(SETTINGS, "PMG_VASP_PSP_DIR", raising=False)
    exported = _export(made, code, out, top=1)
    (folder,) = exported.paths
    assert folder == out / code / "002_BaTiO3_aa11" / "relax"
    assert {path.name for path in folder.iterdir()} == files
    name = {"vasp": "POSCAR", "espresso": "pw.in", "gpaw": "structure.xyz"}[code]
    kind = {"espresso": "espresso-in"}.get(code)
    again = Crystal.from_ase(ase.io.read(folder / name, format=kind))
    original = made.crystals["aa11"]
    assert sorted(again.atomic_numbers) == sorted(original.atomic_numbers)
    np.testing.assert_allclose(again.lattice, original.lattice, atol=1e-8)
    apart = again.frac_coords[again.atomic_numbers == 22] - original.frac_coords[1]
    assert np.abs(apart).max() < 1e-8


def test_a_task_that_some_crystals_cannot_do_is_told_beside_the_others(made, out):
    exported = _export(made, "gpaw", out, task="double_well")
    assert {path.name for path in exported.paths} == {"polar", "nonpolar"}
    assert any(note.startswith("003_SrTiO3_bb22: nonpolar") for note in exported.notes)
    polar_is_bare = {"store": _without(made, "aa11"), "mechanism": "ferroelectric"}
    with pytest.raises(InputError, match=r"no double_well input could be written: .*--task"):
        _export(made, "gpaw", out / "b", task="double_well", **polar_is_bare)


def test_a_crystal_that_a_set_of_inputs_does_not_know_stops_no_other(made, out, monkeypatch):
    from pymatgen.io.vasp.sets import MPRelaxSet

    write = MPRelaxSet.write_input

    def strict(self, place, **options):
        write(self, place, **options)
        if "Sr" in self.structure.symbol_set:
            raise KeyError("Sr")

    monkeypatch.setattr(MPRelaxSet, "write_input", strict)
    exported = _export(made, "vasp", out)
    assert [path.parent.name for path in exported.paths] == ["002_BaTiO3_aa11"]
    assert "003_SrTiO3_bb22: unexpected: KeyError: 'Sr'" in exported.notes
    assert not (out / "vasp/003_SrTiO3_bb22").exists()


def _without(made, name: str) -> Store:
    """Return a store in which a crystal is known by its composition only."""
    table = made.store.read("candidates").to_pylist()
    for row in table:
        if row["structure_id"] == name:
            row.update(lattice=None, atomic_numbers=None, frac_coords=None)
    other = Store(Path(made.store.root).parent / "without")
    other.upsert("candidates", tables.from_rows("candidates", table))
    return other


def test_the_citation_names_source_and_licence(made, out):
    _export(made, "citation", out)
    text = (out / "citations.bib").read_text()
    assert "Structure files of the user" in text
    assert "license = {CC0-1.0}" in text


def test_unknown_formats_and_numbers_are_refused(made, out):
    with pytest.raises(InputError, match="unknown format 'xslx'; did you mean 'xlsx'"):
        _export(made, "xslx", out)
    with pytest.raises(InputError, match="name a format: csv"):
        default_targets([], out)
    with pytest.raises(InputError, match="top is 0"):
        _export(made, "csv", out, top=0)
    assert not out.exists()


@pytest.mark.parametrize(
    ("name", "expected"),
    [("a.csv", "csv"), ("a.pymatgen.json", "pymatgen"), ("a.json", "json"), ("a.db", "ase")],
)
def test_a_suffix_means_a_format(name, expected):
    assert format_of(Path(name)) == expected


def test_the_notebook_way_in_takes_a_ranking_or_a_folder(made, tmp_path):
    path = ms.export(made.ranking, tmp_path / "c.xlsx")
    assert pd.read_excel(path)["rank"].tolist() == [1, 2, 3, 4, 5]
    assert ms.export(made.results, tmp_path / "c.xlsx", top=1) == path
    assert pd.read_excel(path)["structure_id"].tolist() == ["dd44"]
    folder = ms.export(made.ranking, tmp_path / "p", format="poscar", store=made.store, top=1)
    assert _files(folder) == {"002_BaTiO3_aa11.POSCAR.vasp"}
    with pytest.raises(InputError, match=r"cannot tell a format from 'c\.docx'"):
        ms.export(made.ranking, tmp_path / "c.docx")
