"""Make tiny synthetic files in the layouts of the published data sets; no row is a real one."""

from __future__ import annotations

import gzip
import hashlib
import json
from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
from pymatgen.core import Lattice, Structure

from matscreen.sources.dataset_registry import get_dataset

PEROVSKITE = [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
A_SITES = ("Ca", "Sr", "Ba", "La", "Y", "K", "Na", "Pb", "Bi", "Nd")
B_SITES = ("Ti", "Zr", "Sn", "Fe", "Mn", "Nb", "Al", "Co")


def wolverton(folder: Path, *, rows: int = 80) -> Path:
    """Write `wolverton_oxides.csv` with made-up smooth values; the first row is unstable."""
    header = (
        "formula,atom_a,atom_b,e_form_eV_per_atom,e_hull_eV_per_atom,volume_A3_per_atom,"
        "gap_pbe_eV,e_vac_O_eV_per_O"
    )
    lines = [header]
    pairs = [(a, b) for a in A_SITES for b in B_SITES][:rows]
    for n, (a, b) in enumerate(pairs):
        x, y = A_SITES.index(a), B_SITES.index(b)
        vacancy = -17.0 if n == 0 else 2.0 + 0.3 * x - 0.2 * y
        hull = -0.05 if n == 1 else 0.02 * (x + y)
        lines.append(
            f"{a}{b}O3,{a},{b},{-2 - 0.1 * x:.3f},{hull:.3f},{11 + 0.2 * x:.3f},0.0,{vacancy:.3f}"
        )
    return _write(folder / "wolverton_oxides.csv", "\n".join(lines) + "\n")


def castelli(folder: Path) -> Path:
    """Write the Castelli table and its crystals: 3 good rows, one without energies, one bare."""
    table = (
        "material_id,formula,heat_all_eV,gap_gllbsc_indirect_eV\n"
        "1,SrTiO3,0.5,2.0\n2,TiSrO3,10.0,0.0\n3,BaZrO3,-0.1,5.0\n4,CaSnO3,,\n5,KNbO3,1.0,3.0\n"
    )
    pairs = [("Sr", "Ti"), ("Ti", "Sr"), ("Ba", "Zr"), ("Ca", "Sn")]
    lines = [
        json.dumps(
            {
                "material_id": number,
                "lattice": (np.eye(3) * 4.1).tolist(),
                "species": [a, b, "O", "O", "O"],
                "frac_coords": PEROVSKITE,
            }
        )
        for number, (a, b) in enumerate(pairs, start=1)
    ]
    _pack(folder / "castelli_perov5_structures.jsonl.gz", "\n".join(lines) + "\n")
    return _write(folder / "castelli_perov5.csv", table)


def kumagai(folder: Path) -> Path:
    """Write two oxides with several sites and charges; the lowest neutral sites are 4 and 6 eV."""
    table = (
        "material,site,site_index,charge,Ef_coreAlign_eV\n"
        "MgO,O1,0,0,6.0\nMgO,O1,0,2,1.0\n"
        "BaTiO3,O1,2,0,5.0\nBaTiO3,O2,3,0,4.0\nBaTiO3,O2,3,1,0.5\n"
        "Qq2O,O1,0,0,3.0\nCaO,O1,0,2,2.0\n"
    )
    cell = {"lattice": (np.eye(3) * 4).tolist(), "species": ["Ba", "Ti", "O", "O", "O"]}
    cells = {
        "BaTiO3": {**cell, "frac_coords": PEROVSKITE},
        "MgO": {
            "abc": [4.2, 4.2, 4.2],
            "angles": [90, 90, 90],
            "species": ["Mg"] * 4 + ["O"] * 4,
            "frac_coords": [
                [0, 0, 0], [0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0],
                [0.5, 0, 0], [0, 0.5, 0], [0, 0, 0.5], [0.5, 0.5, 0.5],
            ],
        },
    }  # fmt: skip
    _pack(folder / "kumagai_structures.json.gz", json.dumps(cells))
    return _write(folder / "kumagai_oxygen_vacancies.csv", table)


def smidt(folder: Path) -> Path:
    """Write one trusted pair twice, and one that is not smooth."""
    table = (
        "workflow_id,formula,polar_mpid,nonpolar_mpid,category,polarization_uC_cm2,"
        "E_polar_minus_nonpolar_eV_per_atom\n"
        "w1,BaTiO3,p1,n1,static_only,,-0.5\nw2,BaTiO3,p1,n1,smooth,30.0,-0.004\n"
        "w3,PbTiO3,p2,n2,not_smooth,999.0,-0.02\n"
    )
    cell = {
        "lattice": np.diag([4.0, 4.0, 4.1]).tolist(),
        "species": ["Ba", "Ti", "O", "O", "O"],
        "frac_coords": PEROVSKITE,
    }
    pairs = {"p1|n1": {"polar": cell, "nonpolar": cell}, "p2|n2": {"polar": {"lattice": 1}}}
    _pack(folder / "smidt_structure_pairs.json.gz", json.dumps(pairs))
    return _write(folder / "smidt_ferroelectrics.csv", table)


def frame(path: Path, columns: dict[str, list]) -> Path:
    """Write a table as matminer publishes it: pandas `split`, JSON, gzip."""
    data = [list(row) for row in zip(*columns.values(), strict=True)]
    document = {"columns": list(columns), "index": list(range(len(data))), "data": data}
    return _pack(path, json.dumps(document))


def structure(a: str, b: str, *, edge: float = 4.0) -> dict:
    """Return a cubic perovskite as pymatgen writes it."""
    return Structure(Lattice.cubic(edge), [a, b, "O", "O", "O"], PEROVSKITE).as_dict()


def _write(path: Path, text: str) -> Path:
    path.write_text(text, encoding="utf-8")
    return path


def _pack(path: Path, text: str) -> Path:
    path.write_bytes(gzip.compress(text.encode(), mtime=0))
    return path


def trust(monkeypatch: pytest.MonkeyPatch, name: str, path: Path) -> None:
    """Let the registry know the hash of a synthetic file."""
    dataset = get_dataset(name)
    home = replace(dataset.layouts["home"], sha256=hashlib.sha256(path.read_bytes()).hexdigest())
    changed = replace(dataset, layouts={**dataset.layouts, "home": home})
    for module in ("dataset_tables", "datasets"):
        monkeypatch.setattr(
            f"matscreen.sources.{module}.get_dataset",
            lambda asked, known=get_dataset: changed if asked == name else known(asked),
        )
