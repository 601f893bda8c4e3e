"""Targets of published data sets, described by us and for the peer, for the benchmarks."""

from __future__ import annotations

import gzip
import json
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from matscreen.descriptors import featurize_formulas, get_descriptor_set
from matscreen.descriptors.anion_sites import SITE_COLUMNS
from matscreen.descriptors.sets import Analysis
from matscreen.properties import get_property
from matscreen.structures import Crystal, CrystalBatch

OXYGEN = 8


@dataclass(frozen=True)
class Task:
    """One target of one set.

    Attributes:
        dataset: Name.
        target: What is predicted, with its unit.
        features: Name of the descriptor set.
        X: Our features, (n, k).
        labels: Their names.
        magpie: Features of the peer, (n, 132).
        y: Values.
        systems: Chemical system of each row.
        quantity: Registry entry whose scale and bounds hold every value.
        materials: Material of each row, where several rows belong to one and stay together.
    """

    dataset: str
    target: str
    features: str
    X: np.ndarray
    labels: tuple[str, ...]
    magpie: np.ndarray
    y: np.ndarray
    systems: np.ndarray
    quantity: str = "energy_per_atom"
    materials: np.ndarray | None = None

    @property
    def groups(self) -> np.ndarray:
        """Rows of what stays together when folds keep systems, or materials, whole."""
        return self.systems if self.materials is None else self.materials

    @property
    def log(self) -> bool:
        """Whether decades are natural."""
        return get_property(self.quantity).scale == "log"


def _numbers(symbols: list[str]) -> np.ndarray:
    from pymatgen.core import Element

    return np.array([Element(symbol).Z for symbol in symbols])


def _magpie(formulas: list[str]) -> np.ndarray:
    return featurize_formulas(formulas).values[:, :132]


def castelli(mirror: Path, name: str) -> list[Task]:
    table = pd.read_csv(mirror / "castelli_perov5.csv").set_index("material_id")
    table = table[table["heat_all_eV"].notna()]
    ids, crystals = [], []
    with gzip.open(mirror / "castelli_perov5_structures.jsonl.gz", "rt") as file:
        for line in file:
            row = json.loads(line)
            if row["material_id"] in table.index:
                ids.append(row["material_id"])
                crystals.append(
                    Crystal(
                        np.array(row["lattice"]),
                        _numbers(row["species"]),
                        np.array(row["frac_coords"]),
                    )
                )
    formulas = table.loc[ids, "formula"].tolist()
    described = get_descriptor_set(name)
    features = described.featurize(CrystalBatch.from_crystals(crystals))
    return [
        Task(
            "castelli_perov5",
            "heat of formation (eV/cell)",
            name,
            features.values,
            tuple(described.labels),
            _magpie(formulas),
            table.loc[ids, "heat_all_eV"].to_numpy(),
            np.array([crystal.chemsys for crystal in crystals]),
        )
    ]


def wolverton(mirror: Path) -> list[Task]:
    table = pd.read_csv(mirror / "wolverton_oxides.csv")
    table = table[(table["atom_a"] != table["atom_b"])].reset_index(drop=True)
    sites = [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
    crystals = [
        # Only who sits where is used of this cell: the edge is that of a typical perovskite.
        Crystal(np.eye(3) * 4.0, _numbers([a, b, "O", "O", "O"]), np.array(sites))
        for a, b in zip(table["atom_a"], table["atom_b"], strict=True)
    ]
    described = get_descriptor_set("fast")
    X = described.featurize(CrystalBatch.from_crystals(crystals)).values
    magpie = _magpie([f"{a}{b}O3" for a, b in zip(table["atom_a"], table["atom_b"], strict=True)])
    groups = np.array([crystal.chemsys for crystal in crystals])
    cells = _cells(table)
    targets = {
        "vacancy energy (eV)": "e_vac_O_eV_per_O",
        "energy above hull (eV/atom)": "e_hull_eV_per_atom",
        "formation energy (eV/atom)": "e_form_eV_per_atom",
        "band gap (eV)": "gap_pbe_eV",
    }
    tasks = []
    # Vacancies under -10 eV mean that the cell fell apart: all of its values are suspect.
    sound = table["e_vac_O_eV_per_O"].to_numpy(dtype=float) > BROKEN_VACANCY
    for target, name in targets.items():
        y = table[name].to_numpy(dtype=float)
        kept = np.isfinite(y) & sound
        for features, values, labels in (
            ("fast", X, described.labels),
            ("fast + cell", np.hstack([X, cells]), (*described.labels, *CELL_LABELS)),
        ):
            tasks.append(
                Task(
                    "wolverton_oxides",
                    target,
                    features,
                    values[kept],
                    tuple(labels),
                    magpie[kept],
                    y[kept],
                    groups[kept],
                    "band_gap" if "gap" in target else "energy_per_atom",
                )
            )
    return tasks


BROKEN_VACANCY = -10.0

CELL_LABELS = ("volume_per_atom", "edge", "a", "b", "c", "alpha", "beta", "gamma")


def _cells(table: pd.DataFrame) -> np.ndarray:
    """Relaxed volume per atom, Å³, its cube root, sorted edges in units of that, and angles."""
    volume = table["volume_A3_per_atom"].to_numpy(float)[:, None]
    edge = np.cbrt(volume)
    edges = np.sort(table[["a_A", "b_A", "c_A"]].to_numpy(float), axis=1) / edge
    angles = np.sort(table[["alpha_deg", "beta_deg", "gamma_deg"]].to_numpy(float), axis=1)
    return np.hstack([volume, edge, edges, angles])


def registered(mirror: Path, name: str, quantity: str) -> list[Task]:
    """A set of the registry, with crystals where it has them."""
    from matscreen.sources.dataset_tables import read_dataset

    table = read_dataset(name, mirror)
    y = table.values[quantity]
    kept = np.isfinite(y)
    crystals = table.crystals
    if crystals is None:
        described = featurize_formulas(list(table.formulas), with_sites=True)
        X, labels, features = described.values, described.labels, "fast"
    else:
        kept &= np.array([crystal is not None for crystal in crystals])
        full = get_descriptor_set("full")
        X = np.full((len(y), len(full.labels)), np.nan)
        chosen = [crystals[row] for row in np.flatnonzero(kept)]
        X[kept] = full.featurize(CrystalBatch.from_crystals(chosen)).values
        labels, features = full.labels, "full"
    magpie = _magpie(list(table.formulas))
    kept &= np.isfinite(magpie).all(axis=1)
    return [
        Task(
            name,
            f"{quantity} ({get_property(quantity).unit})",
            features,
            X[kept],
            tuple(labels),
            magpie[kept],
            y[kept],
            table.groups[kept],
            quantity,
        )
    ]


def _structures(path: Path, names: list[str]) -> dict[str, Crystal]:
    with gzip.open(path, "rt") as file:
        content = json.load(file)
    return {name: _crystal(content[name]) for name in names if name in content}


def _crystal(row: dict[str, Any]) -> Crystal:
    from pymatgen.core import Lattice

    lattice = (
        np.array(row["lattice"])
        if "lattice" in row
        else Lattice.from_parameters(*row["abc"], *row["angles"]).matrix
    )
    return Crystal(lattice, _numbers(row["species"]), np.array(row["frac_coords"]))


def kumagai(mirror: Path) -> list[Task]:
    """Neutral vacancies: the lowest of each material, and every site."""
    table = pd.read_csv(mirror / "kumagai_oxygen_vacancies.csv")
    table = table[(table["charge"] == 0) & table["Ef_coreAlign_eV"].notna()]
    lowest = table.groupby("material")["Ef_coreAlign_eV"].min()
    crystals = _structures(mirror / "kumagai_structures.json.gz", list(lowest.index))
    names = [name for name in lowest.index if name in crystals]
    whole = _structured("kumagai_oxygen_vacancies", "lowest vacancy (eV)", crystals, lowest[names])
    table = table[table["material"].isin(names)]
    row = table["material"].map({name: row for row, name in enumerate(names)}).to_numpy()
    batch = CrystalBatch.from_crystals([crystals[name] for name in names])
    site = batch.offsets[row] + table["site_index"].to_numpy()
    if (batch.atomic_numbers[site] != OXYGEN).any():
        raise ValueError("a vacancy of the table lies on a site that is no oxygen")
    around = Analysis(batch).anion_sites[site]
    return [
        whole,
        Task(
            "kumagai_oxygen_vacancies",
            "vacancy of each site (eV)",
            "full + site",
            np.hstack([whole.X[row], around]),
            (*whole.labels, *(f"site_{label}" for label, _ in SITE_COLUMNS)),
            whole.magpie[row],
            table["Ef_coreAlign_eV"].to_numpy(dtype=float),
            whole.systems[row],
            materials=np.array(names)[row],
        ),
    ]


def petretto(mirror: Path) -> list[Task]:
    table = pd.read_csv(mirror / "petretto_dielectric.csv").set_index("mpid")
    table = table[table["eps_total"] > 0]
    crystals = _structures(mirror / "petretto_structures.json.gz", list(table.index))
    names = [name for name in table.index if name in crystals]
    return [
        _structured(
            "petretto_dielectric",
            "permittivity",
            crystals,
            table.loc[names, "eps_total"],
            "relative_permittivity",
        )
    ]


def _structured(
    dataset: str,
    target: str,
    crystals: dict[str, Crystal],
    y: pd.Series,
    quantity: str = "energy_per_atom",
) -> Task:
    chosen = [crystals[str(name)] for name in y.index]
    described = get_descriptor_set("full")
    features = described.featurize(CrystalBatch.from_crystals(chosen))
    return Task(
        dataset,
        target,
        "full",
        features.values,
        tuple(described.labels),
        _magpie([crystal.formula for crystal in chosen]),
        y.to_numpy(dtype=float),
        np.array([crystal.chemsys for crystal in chosen]),
        quantity,
    )


SETS: dict[str, Callable[[Path], list[Task]]] = {
    "castelli-sites": lambda mirror: castelli(mirror, "fast"),
    "castelli-geometry": lambda mirror: castelli(mirror, "standard"),
    "wolverton": wolverton,
    "kumagai": kumagai,
    "petretto": petretto,
    "smidt": lambda mirror: registered(mirror, "smidt_ferroelectrics", "spontaneous_polarization"),
    "transitions": lambda mirror: registered(
        mirror, "mit_transition_temperatures", "transition_temperature"
    ),
}
