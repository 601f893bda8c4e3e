"""Tests of the source `dataset:NAME`."""

from __future__ import annotations

import bz2
import gzip
import json
import os
from pathlib import Path

import numpy as np
import pytest

from matscreen.errors import InputError
from matscreen.properties import is_physical
from matscreen.sources import open_source
from matscreen.sources.base import Source
from matscreen.sources.dataset_registry import get_dataset
from matscreen.sources.dataset_tables import read_dataset
from tests import dataset_mirror as make

REAL = os.environ.get("MATSCREEN_MIRROR")
pytestmark = pytest.mark.usefixtures("no_mirror_and_own_cache")


# Tables with crystals


def test_the_source_gives_candidates_with_their_values(tmp_path):
    make.castelli(tmp_path)
    source = open_source("dataset:castelli_perov5", mirror=tmp_path)
    assert isinstance(source, Source)
    (page,) = source.pages()
    assert [item.source_id for item in page.items] == ["1", "2", "3", "4"]
    first = page.items[0]
    assert first.source == "dataset:castelli_perov5"
    assert first.licence == get_dataset("castelli_perov5").licence
    assert first.properties == pytest.approx({"energy_above_hull": 0.1, "band_gap": 2.0})
    assert all(is_physical(name, value) for name, value in first.properties.items())
    assert page.items[3].properties == {}
    assert [f.source_id for f in page.failures] == ["5"]


def test_pulled_labels_carry_evidence_and_the_name_of_the_set(tmp_path):
    from matscreen import stages
    from matscreen.store import Store

    make.kumagai(tmp_path)
    store = Store(tmp_path / "store")
    source = open_source("dataset:kumagai_oxygen_vacancies", mirror=tmp_path)
    pulled = stages.pull(store, source)
    assert len(pulled.ids) == 2
    assert pulled.failed == 2  # a bad formula, and an oxide without a crystal
    labels = store.read("labels").to_pandas()
    assert set(labels["method"]) == {"dataset:kumagai_oxygen_vacancies"}
    assert set(labels["evidence"]) == {"dft"}
    provenance = store.read("provenance").to_pandas()
    assert set(provenance["licence"]) == {"CC-BY-4.0"}
    assert set(provenance["source_id"]) == {"MgO", "BaTiO3"}


def test_one_crystal_from_a_set_and_from_a_file_is_one_candidate(tmp_path):
    from matscreen import stages
    from matscreen.store import Store

    make.castelli(tmp_path)
    folder = tmp_path / "files"
    folder.mkdir()
    for name, crystal in zip(
        "abcd", read_dataset("castelli_perov5", tmp_path).crystals, strict=False
    ):
        crystal.to_pymatgen().to(filename=str(folder / f"{name}.cif"))
    store = Store(tmp_path / "store")
    stages.pull(store, open_source("dataset:castelli_perov5", mirror=tmp_path))
    stages.pull(store, open_source(f"files:{folder}"))
    assert store.read("candidates").num_rows == 4
    found = store.read("provenance").to_pandas().groupby("structure_id")["source"].agg(set)
    assert all(sources == {"dataset:castelli_perov5", "files"} for sources in found)


@pytest.mark.parametrize(
    ("target", "said"),
    [
        ("", "needs the name"),
        ("absent", "unknown data set"),
        ("expt_gap", "matscreen train --dataset expt_gap"),
    ],
)
def test_a_set_that_cannot_be_pulled(target, said):
    with pytest.raises(InputError, match=said):
        open_source(f"dataset:{target}")


def test_a_part_of_alexandria_is_read_by_its_number(tmp_path):
    entry = {
        "data": {"mat_id": "agm1", "formula": "SrTiO3", "e_above_hull": 0.02, "band_gap_ind": 1.7},
        "entry_id": "x", "structure": make.structure("Sr", "Ti"), "energy": -1.0,
    }  # fmt: skip
    for part in (0, 7):
        document = {"entries": [{**entry, "data": {**entry["data"], "mat_id": f"agm{part}"}}]}
        path = tmp_path / f"alexandria_{part:03d}.json.bz2"
        path.write_bytes(bz2.compress(json.dumps(document).encode()))
    for name, expected in (("alexandria_pbe", "agm0"), ("alexandria_pbe/7", "agm7")):
        (page,) = open_source(f"dataset:{name}", mirror=tmp_path).pages()
        (item,) = page.items
        assert item.source == "dataset:alexandria_pbe"
        assert item.source_id == expected
        assert item.properties == pytest.approx({"energy_above_hull": 0.02, "band_gap": 1.7})
    url = get_dataset("alexandria_pbe/49").layouts["home"].url
    assert url.endswith("/alexandria_049.json.bz2")
    for wrong in ("alexandria_pbe/50", "alexandria_pbe/-1", "alexandria_pbe/x", "alexandria_pbe/"):
        with pytest.raises(InputError, match="has the parts 0 to 49"):
            get_dataset(wrong)
    with pytest.raises(InputError, match="has no parts"):
        get_dataset("expt_gap/1")


# Sets of structure files


def optimade_lines(path: Path) -> Path:
    attributes = {
        "lattice_vectors": (np.eye(3) * 4).tolist(),
        "cartesian_site_positions": (np.array(make.PEROVSKITE) * 4).tolist(),
        "species": [{"name": s, "chemical_symbols": [s]} for s in ("Sr", "Ti", "O")],
        "species_at_sites": ["Sr", "Ti", "O", "O", "O"],
    }
    entries = [
        {"id": "a", "type": "structures", "attributes": {**attributes, "_exmpl_licence": "CC0"}},
        {"id": "b", "type": "structures", "attributes": attributes},
        {"id": "c", "type": "structures", "attributes": {}},
    ]
    path.write_bytes(gzip.compress("\n".join(map(json.dumps, entries)).encode()))
    return path


def test_a_file_of_optimade_entries_is_pulled_as_a_set(tmp_path):
    optimade_lines(tmp_path / "optimade_abo3_structures.jsonl.gz")
    source = open_source("dataset:optimade_abo3_structures", mirror=tmp_path)
    assert isinstance(source, Source)
    (page,) = source.pages()
    assert [item.source_id for item in page.items] == ["a", "b"]
    assert {item.source for item in page.items} == {"dataset:optimade_abo3_structures"}
    assert [item.licence for item in page.items] == [
        "CC0", get_dataset("optimade_abo3_structures").licence,
    ]  # fmt: skip
    assert [failure.reason for failure in page.failures] == ["not_periodic"]
    with pytest.raises(InputError, match="matscreen pull dataset:optimade_abo3_structures"):
        read_dataset("optimade_abo3_structures", tmp_path)
    with pytest.raises(InputError, match="--mirror"):
        open_source("dataset:optimade_abo3_structures")


def test_a_folder_of_files_is_pulled_as_a_set(tmp_path):
    from pymatgen.core import Structure

    folder = tmp_path / "cod_cif" / "oxides"
    folder.mkdir(parents=True)
    Structure.from_dict(make.structure("Ba", "Ti")).to(filename=str(folder / "a.cif"))
    (folder / "b.cif").write_text("not a crystal")
    source = open_source("dataset:cod_cif", mirror=tmp_path)
    assert source.total() == 2
    (page,) = source.pages()
    assert [item.source_id for item in page.items] == ["oxides/a.cif"]
    assert [failure.source_id for failure in page.failures] == ["oxides/b.cif"]
    assert page.items[0].licence == page.failures[0].licence == "public domain"


@pytest.mark.skipif(REAL is None, reason="MATSCREEN_MIRROR names no folder of published sets")
@pytest.mark.parametrize(("name", "least"), [("optimade_abo3_structures", 342), ("cod_cif", 300)])
def test_real_structure_files_are_pulled(name, least):
    layout = get_dataset(name).layouts["mirror"]
    if not (Path(REAL) / layout.file).exists():
        pytest.skip("not in this mirror")
    pages = list(open_source(f"dataset:{name}", mirror=REAL).pages())
    assert sum(len(page.items) for page in pages) >= least
