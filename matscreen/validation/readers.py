"""Published data sets in a mirror folder, read into tables and crystals."""

from __future__ import annotations

import gzip
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from matscreen.errors import InputError
from matscreen.structures import Crystal

VACANCIES, VACANCY_CELLS = "kumagai_oxygen_vacancies.csv", "kumagai_structures.json.gz"
WELLS, WELL_CELLS = "smidt_ferroelectrics.csv", "smidt_structure_pairs.json.gz"


def mirror_file(mirror: Path, name: str) -> Path:
    """Return the path of a mirrored file.

    Raises:
        InputError: The mirror lacks it.
    """
    path = mirror / name
    if not path.is_file():
        raise InputError(
            f"the mirror {mirror} holds no {name}; fetch the published data set there, or give "
            "another folder with --mirror"
        )
    return path


def read_vacancies(mirror: Path, *, max_atoms: int = 20) -> tuple[pd.DataFrame, dict[str, Crystal]]:
    """Read neutral oxygen vacancies of density functional theory (Kumagai et al. 2021).

    Args:
        mirror: Folder with the two Kumagai files.
        max_atoms: Largest cell.

    Returns:
        Columns material, site, site_index, published (eV), perturbed; and the cells by material.

    Raises:
        InputError: A file is missing.
    """
    cells = _read_json(mirror_file(mirror, VACANCY_CELLS))
    table = pd.read_csv(mirror_file(mirror, VACANCIES))
    small = table["material"].map(
        lambda name: name in cells and len(cells[name]["species"]) <= max_atoms
    )
    table = table[(table["charge"] == 0) & small & table["Ef_coreAlign_eV"].notna()]
    table = table.rename(
        columns={"Ef_coreAlign_eV": "published", "has_perturbed_host_state": "perturbed"}
    )
    columns = ["material", "site", "site_index", "published", "perturbed"]
    crystals = {name: _crystal(cells[name]) for name in table["material"].unique()}
    return table[columns].reset_index(drop=True), crystals


def read_wells(
    mirror: Path, *, max_atoms: int = 24
) -> tuple[pd.DataFrame, dict[str, tuple[Crystal, Crystal]]]:
    """Read polar and nonpolar structures of ferroelectrics (Smidt et al. 2020), smooth ones only.

    Args:
        mirror: Folder with the two Smidt files.
        max_atoms: Largest polar cell.

    Returns:
        Columns pair, formula, published (polar minus nonpolar, eV/atom), published_polarization
        (µC/cm²), oxide; and the crystals (polar, nonpolar in the polar setting) by pair.

    Raises:
        InputError: A file is missing.
    """
    cells = _read_json(mirror_file(mirror, WELL_CELLS))
    table = pd.read_csv(mirror_file(mirror, WELLS))
    table["pair"] = table["polar_mpid"] + "|" + table["nonpolar_mpid"]
    fits = table["pair"].map(
        lambda name: name in cells and len(cells[name]["polar"]["species"]) <= max_atoms
    )
    energy = "E_polar_minus_nonpolar_eV_per_atom"
    table = table[(table["category"] == "smooth") & fits & table[energy].notna()]
    table = table.drop_duplicates("pair").rename(
        columns={energy: "published", "polarization_uC_cm2": "published_polarization"}
    )
    crystals = {
        name: (_crystal(cells[name]["polar"]), _crystal(cells[name]["nonpolar_in_polar_setting"]))
        for name in table["pair"]
    }
    table["oxide"] = [
        8 in pair[0].atomic_numbers for pair in (crystals[name] for name in table["pair"])
    ]
    columns = ["pair", "formula", "published", "published_polarization", "oxide"]
    return table[columns].reset_index(drop=True), crystals


def _read_json(path: Path) -> dict[str, Any]:
    with gzip.open(path, "rt", encoding="utf-8") as file:
        content: dict[str, Any] = json.load(file)
    return content


def _crystal(cell: Mapping[str, Any]) -> Crystal:
    from pymatgen.core import Element

    numbers = np.array([Element(symbol).Z for symbol in cell["species"]], dtype=np.int64)
    return Crystal(cell["lattice"], numbers, cell["frac_coords"])
