"""The same structures through OPTIMADE, files and a data set of a mirror are one candidate each."""

from __future__ import annotations

import gzip
import json
import os
from collections import defaultdict
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from ase.data import chemical_symbols
from ase.io import write as write_ase

from matscreen import stages
from matscreen.shipped import load_bundle
from matscreen.sources import open_source
from matscreen.sources.optimade_entries import parse
from matscreen.store import Store
from matscreen.structures import Crystal, CrystalBatch

MIRROR = os.environ.get("MATSCREEN_MIRROR")
ABO3 = "optimade_abo3_structures.jsonl.gz"

Entry = dict[str, object]


def as_entry(name: str, crystal: Crystal) -> Entry:
    """Write a crystal as an OPTIMADE entry."""
    symbols = [chemical_symbols[z] for z in crystal.atomic_numbers]
    elements = sorted(set(symbols))
    counts = sorted((symbols.count(element) for element in elements), reverse=True)
    shortest = np.gcd.reduce(counts)
    anonymous = "".join(
        letter + (str(n // shortest) if n > shortest else "")
        for letter, n in zip("ABCDEFGH", counts, strict=False)
    )
    return {
        "type": "structures",
        "id": name,
        "attributes": {
            "elements": elements,
            "nelements": len(elements),
            "chemical_formula_anonymous": anonymous,
            "dimension_types": [1, 1, 1],
            "lattice_vectors": crystal.lattice.tolist(),
            "cartesian_site_positions": (crystal.frac_coords @ crystal.lattice).tolist(),
            "nsites": crystal.nsites,
            "species": [
                {"name": e, "chemical_symbols": [e], "concentration": [1.0]} for e in elements
            ],
            "species_at_sites": symbols,
            "structure_features": [],
            "last_modified": "2026-01-01T00:00:00Z",
        },
    }


def write_files(crystals: dict[str, Crystal], folder: Path) -> dict[str, str]:
    """Write a third each as CIF, POSCAR and extended XYZ; return the file name of each."""
    folder.mkdir()
    names = {}
    for number, (name, crystal) in enumerate(crystals.items()):
        ending, form = ((".cif", "cif"), (".vasp", "vasp"), (".extxyz", "extxyz"))[number % 3]
        names[name] = f"{number:03d}{ending}"
        target = folder / names[name]
        if form == "cif":
            crystal.to_pymatgen().to(filename=str(target), fmt="cif")
        elif form == "vasp":
            crystal.to_pymatgen().to(filename=str(target), fmt="poscar")
        else:
            write_ase(target, crystal.to_ase(), format="extxyz")
    return names


def write_mirror(crystals: dict[str, Crystal], folder: Path) -> dict[str, str]:
    """Write the crystals in the layout of a published set; return the identifier of each."""
    folder.mkdir()
    names = {name: str(number) for number, name in enumerate(crystals)}
    lines = [
        json.dumps(
            {
                "material_id": int(names[name]),
                "lattice": crystal.lattice.tolist(),
                "species": [chemical_symbols[z] for z in crystal.atomic_numbers],
                "frac_coords": crystal.frac_coords.tolist(),
            }
        )
        for name, crystal in crystals.items()
    ]
    packed = gzip.compress("\n".join(lines).encode(), mtime=0)
    (folder / "castelli_perov5_structures.jsonl.gz").write_bytes(packed)
    rows = [f"{names[name]},{crystal.formula},0.5,2.0" for name, crystal in crystals.items()]
    header = "material_id,formula,heat_all_eV,gap_gllbsc_indirect_eV"
    (folder / "castelli_perov5.csv").write_text("\n".join([header, *rows]) + "\n")
    return names


def pull_three_ways(
    entries: list[Entry], tmp_path: Path, serve_optimade: Callable[..., str]
) -> tuple[Store, dict[str, dict[str, str]]]:
    """Pull the entries from three sources; return the structure ids by source and entry."""
    crystals = {str(entry["id"]): parse(entry).crystal for entry in entries}
    store = Store(tmp_path / "store")
    names = {
        "optimade": {name: name for name in crystals},
        "files": write_files(crystals, tmp_path / "files"),
        "dataset": write_mirror(crystals, tmp_path / "mirror"),
    }
    sources = {
        "optimade": open_source("optimade", url=serve_optimade(entries), filter=""),
        "files": open_source(f"files:{tmp_path / 'files'}"),
        "dataset": open_source("dataset:castelli_perov5", mirror=tmp_path / "mirror"),
    }
    for source in sources.values():
        pulled = stages.pull(store, source)
        assert pulled.failed == 0, store.read("failures").to_pylist()[:5]
        assert pulled.seen == len(entries)
    found: dict[str, dict[str, str]] = defaultdict(dict)
    for row in store.read("provenance").to_pylist():
        found[row["source"].partition(":")[0]][row["source_id"]] = row["structure_id"]
    return store, {
        source: {name: found[source][identifier] for name, identifier in names[source].items()}
        for source in names
    }


def check(entries: list[Entry], store: Store, ids: dict[str, dict[str, str]]) -> None:
    """Check that each entry is one candidate with a provenance row from each source."""
    assert ids["optimade"] == ids["files"] == ids["dataset"]
    candidates = store.read("candidates")["structure_id"].to_pylist()
    assert sorted(candidates) == sorted(set(ids["optimade"].values()))
    provenance = store.read("provenance")
    assert provenance.num_rows == 3 * len(entries)


def bundle_entries(tmp_path: Path, wanted: int) -> list[Entry]:
    """Take structures of the bundle that differ: every 60th one."""
    shipped = Store(tmp_path / "bundle")
    load_bundle(shipped)
    table = shipped.read("candidates")
    batch = CrystalBatch.from_arrow(table.take(list(range(0, 60 * wanted, 60))))
    return [
        as_entry(f"bundle/{name}", crystal) for name, crystal in zip(batch.ids, batch, strict=True)
    ]


def test_structures_of_the_bundle_are_one_candidate_each(
    tmp_path: Path, serve_optimade: Callable[..., str]
) -> None:
    entries = bundle_entries(tmp_path, 36)
    store, ids = pull_three_ways(entries, tmp_path, serve_optimade)
    check(entries, store, ids)
    # They differ from each other in the bundle, so they do here.
    assert ids["optimade"] == {str(e["id"]): str(e["id"]).partition("/")[2] for e in entries}


@pytest.mark.skipif(MIRROR is None, reason="MATSCREEN_MIRROR names no folder of published sets")
def test_real_perovskites_are_one_candidate_each(
    tmp_path: Path, serve_optimade: Callable[..., str]
) -> None:
    path = Path(str(MIRROR)) / ABO3
    if not path.exists():
        pytest.skip(f"{path} is not there")
    with gzip.open(path, "rt") as lines:
        documents = [json.loads(line) for line in lines]
    entries = [document for document in documents if document.get("type") == "structures"]
    assert len(entries) == 342
    store, ids = pull_three_ways(entries, tmp_path, serve_optimade)
    check(entries, store, ids)
