"""Tests of the source `files` and its readers."""

from __future__ import annotations

import gzip
import json
import logging
import os
import warnings
from pathlib import Path

import numpy as np
import pytest
from ase import Atoms
from ase.db import connect
from ase.io import write
from pymatgen.core import Structure
from pymatgen.io.cif import CifWriter

from matscreen.errors import InputError
from matscreen.sources import open_source
from matscreen.sources.base import Failure, Page, Source
from matscreen.sources.files import FilesSource, open_files
from matscreen.structures import Crystal

A = 4.0
NUMBERS = np.array([56, 22, 8, 8, 8])
COORDS = np.array([[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
BATIO3 = Crystal(np.eye(3) * A, NUMBERS, COORDS)


def cif(*, occupancy: float = 1.0, extra: str = "") -> str:
    species = ["Ba", {"Ti": occupancy}, "O", "O", "O"]
    text = CifWriter(Structure(np.eye(3) * A, species, COORDS))
    return f"{text}{extra}\n"


def read(path: Path, **options: int) -> tuple[list, list[Failure], list[Page]]:
    pages = list(FilesSource(path, **options).pages())
    items = [item for page in pages for item in page.items]
    return items, [failure for page in pages for failure in page.failures], pages


def reason_of(tmp_path: Path, name: str, content: str | bytes) -> str:
    path = tmp_path / name
    path.write_bytes(content.encode() if isinstance(content, str) else content)
    items, failures, _ = read(path)
    assert not items
    assert len(failures) == 1
    assert failures[0].source_id == name
    assert "\n" not in failures[0].detail
    return failures[0].reason


def assert_same(crystal: Crystal) -> None:
    assert crystal.formula == "BaTiO3"
    assert crystal.nsites == 5
    np.testing.assert_allclose(np.sort(np.linalg.norm(crystal.lattice, axis=1)), A, atol=1e-6)
    order = np.lexsort((*(crystal.frac_coords % 1).T, crystal.atomic_numbers))
    expected = np.lexsort((*COORDS.T, NUMBERS))
    np.testing.assert_array_equal(crystal.atomic_numbers[order], NUMBERS[expected])
    np.testing.assert_allclose((crystal.frac_coords % 1)[order], COORDS[expected], atol=1e-6)


# ---------------------------------------------------------------- every format


def write_kind(kind: str, path: Path) -> None:
    structure, atoms = BATIO3.to_pymatgen(), BATIO3.to_ase()
    entry = {
        "id": "x",
        "type": "structures",
        "attributes": {
            "lattice_vectors": (np.eye(3) * A).tolist(),
            "cartesian_site_positions": (COORDS * A).tolist(),
            "species": [{"name": s, "chemical_symbols": [s]} for s in ("Ba", "Ti", "O")],
            "species_at_sites": ["Ba", "Ti", "O", "O", "O"],
        },
    }
    header = {"x-optimade": {"meta": {}}}
    text = {
        "cif": cif,
        "poscar": lambda: structure.to(fmt="poscar"),
        "json": lambda: json.dumps(structure.as_dict()),
        "entry": lambda: json.dumps([{"entry_id": 1, "structure": structure.as_dict()}]),
        "mapping": lambda: json.dumps({"a": structure.as_dict()}),
        "response": lambda: json.dumps({"data": [entry], "meta": {}}),
        "jsonl": lambda: f"{json.dumps(header)}\n{json.dumps(entry)}\n\n",
    }
    if kind in text:
        opener = gzip.open if path.suffix == ".gz" else open
        with opener(path, "wt") as file:
            file.write(text[kind]())
    else:
        write(path, atoms, format=kind)


@pytest.mark.parametrize(
    ("name", "kind"),
    [
        ("a.cif", "cif"),
        ("a.cif.gz", "cif"),
        ("POSCAR", "poscar"),
        ("CONTCAR_relaxed", "poscar"),
        ("a.vasp", "poscar"),
        ("a.xyz", "extxyz"),
        ("a.extxyz", "extxyz"),
        ("a.db", "db"),
        ("a.json", "json"),
        ("a.json.gz", "json"),
        ("entries.json", "entry"),
        ("mapping.json", "mapping"),
        ("response.json", "response"),
        ("a.jsonl", "jsonl"),
        ("a.jsonl.gz", "jsonl"),
    ],
)
def test_every_format_gives_the_same_crystal(tmp_path: Path, name: str, kind: str) -> None:
    write_kind(kind, tmp_path / name)
    items, failures, _ = read(tmp_path)
    assert not failures
    assert len(items) == 1
    assert items[0].source == "files"
    assert items[0].source_id == ("x" if kind in {"jsonl", "response"} else name)
    assert items[0].retrieved_at is not None
    assert_same(items[0].crystal)


# ---------------------------------------------------------------- folders and counts


def test_a_mixed_folder_is_read_whole_in_order_and_adds_up(tmp_path: Path) -> None:
    (tmp_path / "b").mkdir()
    (tmp_path / ".hidden").mkdir()
    (tmp_path / "a.cif").write_text(cif())
    (tmp_path / "b" / "bad.cif").write_text("not a crystal")
    (tmp_path / "b" / "disordered.cif").write_text(cif(occupancy=0.5))
    (tmp_path / "b" / "empty.cif").write_text("")
    (tmp_path / "b" / "POSCAR").write_text("Elements unknown\n")
    (tmp_path / "c.xyz").write_text("")
    (tmp_path / ".hidden" / "d.cif").write_text(cif())
    (tmp_path / "notes.txt").write_text("nothing to see")
    (tmp_path / "broken.cif").symlink_to(tmp_path / "nowhere")

    items, failures, _ = read(tmp_path)

    assert [item.source_id for item in items] == ["a.cif"]
    assert {f.source_id: f.reason for f in failures} == {
        "b/POSCAR": "unreadable",
        "b/bad.cif": "unreadable",
        "b/disordered.cif": "disordered",
        "b/empty.cif": "unreadable",
        "broken.cif": "unreadable",
        "c.xyz": "unreadable",
    }
    assert len(items) + len(failures) == len(FilesSource(tmp_path).files())
    assert [f.source_id for f in failures] == sorted(f.source_id for f in failures)


def test_a_file_of_several_structures_counts_every_one(tmp_path: Path) -> None:
    good = BATIO3.to_ase()
    molecule = Atoms("H2O", positions=[[0, 0, 0], [1, 0, 0], [0, 1, 0]])
    write(tmp_path / "many.xyz", [good, molecule, good], format="extxyz")
    items, failures, _ = read(tmp_path)
    assert [item.source_id for item in items] == ["many.xyz#0", "many.xyz#2"]
    assert failures == [Failure("many.xyz#1", "not_periodic", failures[0].detail)]


def test_database_rows_and_json_lines_fail_one_by_one(tmp_path: Path) -> None:
    with connect(tmp_path / "a.db") as base:
        base.write(BATIO3.to_ase())
        base.write(Atoms("O2", positions=[[0, 0, 0], [0, 0, 1.2]]))
    write_kind("jsonl", tmp_path / "b.jsonl")
    with (tmp_path / "b.jsonl").open("a") as file:
        file.write('{"id": "y", "type": "structures", "attributes": {}}\n{broken\n')
        file.write('{"id": "r", "type": "references", "attributes": {}}\n')
    before = (tmp_path / "a.db").read_bytes()
    items, failures, _ = read(tmp_path)
    assert [item.source_id for item in items] == ["a.db#0", "x"]
    assert [(f.source_id, f.reason) for f in failures] == [
        ("a.db#1", "not_periodic"),
        ("b.jsonl#1", "not_periodic"),
        ("b.jsonl#2", "unreadable"),
    ]
    assert (tmp_path / "a.db").read_bytes() == before


def test_a_broken_frame_keeps_the_frames_before_it(tmp_path: Path) -> None:
    path = tmp_path / "cut.xyz"
    write(path, [BATIO3.to_ase(), BATIO3.to_ase()], format="extxyz")
    path.write_text("\n".join(path.read_text().splitlines()[:-2]))
    items, failures, _ = read(path)
    assert [item.source_id for item in items] == ["cut.xyz#0"]
    assert [f.source_id for f in failures] == ["cut.xyz#1"]


def test_pages_are_bounded_and_lose_nothing(tmp_path: Path) -> None:
    write(tmp_path / "many.xyz", [BATIO3.to_ase()] * 230, format="extxyz")
    items, _, pages = read(tmp_path)
    assert [len(page.items) for page in pages] == [100, 100, 30]
    assert len({item.source_id for item in items}) == 230


def test_database_numbers_name_items_once(tmp_path: Path) -> None:
    for name in ("a.cif", "b.cif"):
        (tmp_path / name).write_text(cif(extra="_cod_database_code 1234567"))
    items, _, _ = read(tmp_path)
    assert [item.source_id for item in items] == ["cod:1234567", "b.cif"]
    assert items[0].licence == "public domain (COD)"
    assert items[0].attributes["path"] == "a.cif"


# ---------------------------------------------------------------- other broken files


def test_a_line_nested_without_end_does_not_hide_the_lines_after_it(tmp_path: Path) -> None:
    write_kind("jsonl", tmp_path / "b.jsonl")
    good = (tmp_path / "b.jsonl").read_text()
    (tmp_path / "b.jsonl").write_text("[" * 100_000 + "\n" + good)
    items, failures, _ = read(tmp_path / "b.jsonl")
    assert len(items) == 1
    assert [(each.source_id, each.reason) for each in failures] == [("b.jsonl#0", "unreadable")]


@pytest.mark.parametrize(
    ("name", "content", "reason"),
    [
        ("POSCAR", "x\n1\n4 0 0\n0 4 0\n0 0 4\n1 1\nDirect\n0 0 0\n.5 .5 .5\n", "unknown_element"),
        ("POSCAR", "x\n1\n4 0 0\n0 4 0\n0 0 4\nBa O\n1 1\nDirect\n0 0 0\n", "unreadable"),
        ("a.db", "", "unreadable"),
        ("Thumbs.db", b"\xd0\xcf\x11\xe0" * 100, "unreadable"),
        ("a.json", '{"name": "package", "version": 1}', "unreadable"),
        ("a.json", "[1, 2]", "unreadable"),
        ("a.json", '"text"', "unreadable"),
        ("a.json", "{", "unreadable"),
        ("a.jsonl", '{"x-optimade": {}}\n', "unreadable"),
        ("a.jsonl", '{"lattice": 1}\n', "malformed"),
        ("a.cif.gz", b"no gzip", "unreadable"),
        ("a.xyz", "2\ncomment\nH 0 0 0\nH 0 0 1\n", "not_periodic"),
    ],
)
def test_broken_files_fail_with_a_reason(
    tmp_path: Path, name: str, content: str | bytes, reason: str
) -> None:
    assert reason_of(tmp_path, name, content) == reason


def test_json_never_imports_what_a_file_names(tmp_path: Path) -> None:
    document = BATIO3.to_pymatgen().as_dict() | {"@module": "antigravity", "@class": "Nothing"}
    (tmp_path / "a.json").write_text(json.dumps(document))
    items, _, _ = read(tmp_path)
    assert_same(items[0].crystal)


def test_large_cells_of_any_format_are_too_large(tmp_path: Path) -> None:
    write(tmp_path / "a.xyz", BATIO3.to_ase().repeat((2, 2, 2)), format="extxyz")
    _, failures, _ = read(tmp_path, max_sites=39)
    assert [f.reason for f in failures] == ["too_large"]
    assert len(read(tmp_path, max_sites=40)[0]) == 1


def test_reading_is_silent(
    tmp_path: Path, capfd: pytest.CaptureFixture[str], caplog: pytest.LogCaptureFixture
) -> None:
    (tmp_path / "a.cif").write_text(cif().replace("_symmetry_equiv_pos_as_xyz", "_unknown_tag"))
    (tmp_path / "b.cif").write_text(cif(occupancy=0.5))
    (tmp_path / "POSCAR").write_text("x\n1\n4 0 0\n0 4 0\n0 0 4\n1\nDirect\n0 0 0\n")
    with warnings.catch_warnings(record=True) as noise:
        warnings.simplefilter("always")
        read(tmp_path)
    assert not noise
    assert capfd.readouterr() == ("", "")
    assert not caplog.records
    assert logging.root.manager.disable == logging.NOTSET


# ---------------------------------------------------------------- what the user gets wrong


def test_missing_path_empty_folder_and_unknown_kind_are_input_errors(tmp_path: Path) -> None:
    (tmp_path / "empty").mkdir()
    (tmp_path / "notes.txt").write_text("x")
    for spec, words in [
        (tmp_path / "nowhere", "no such file or folder"),
        (tmp_path / "empty", "no structure file"),
        (tmp_path / "notes.txt", "by its name"),
        ("", "needs a path"),
    ]:
        with pytest.raises(InputError, match=words) as caught:
            open_source(f"files:{spec}")
        assert "\n" not in str(caught.value)


def test_it_is_a_source(tmp_path: Path) -> None:
    (tmp_path / "a.cif").write_text(cif())
    source = open_files(os.fspath(tmp_path))
    assert isinstance(source, Source)
    assert [len(page.items) for page in source.pages()] == [1]
