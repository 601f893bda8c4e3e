"""The pairs of label sets of `bench_transfer.py`: a source of many labels, a target of few."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np

from matscreen.data import data_path
from matscreen.dataset_training import describe_table
from matscreen.descriptors import get_descriptor_set
from matscreen.evidence import best_evidence
from matscreen.sources.dataset_tables import read_dataset
from matscreen.structures import Crystal, CrystalBatch
from matscreen.surrogates import TrainingSet
from matscreen.surrogates.source_view import reduced_formulas

FORMATION = "formation_energy_per_atom"
VACANCY = "oxygen_vacancy_formation_energy"


@dataclass(frozen=True)
class Pair:
    """Two label sets.

    Attributes:
        title: What is learned on top of what.
        source: Labels of the source.
        target: Labels of the target.
        properties: Registry names of both.
        most: Rows that the source learns from at most, those of the target's formulas first.
        known: Label of the source property of every target row, test rows too, where the source
            is cheap enough to label what is asked for; the source's rows do not count then.
    """

    title: str
    source: TrainingSet
    target: TrainingSet
    properties: tuple[str, str]
    most: int = 6000
    known: np.ndarray | None = None


def _published(mirror: Path, name: str, property_name: str) -> TrainingSet:
    table = read_dataset(name, mirror)
    values = table.values[property_name]
    chosen = [
        i
        for i in np.flatnonzero(np.isfinite(values))
        if "O" in table.groups[i].split("-") and values[i] > -10.0
    ]
    if name == "materials_project_2018":
        # Without the crystals phases of one formula look the same: the lowest speaks.
        energy = table.values[FORMATION]
        lowest: dict[str, int] = {}
        for i in chosen:
            best = lowest.setdefault(table.formulas[i], i)
            if energy[i] < energy[best]:
                lowest[table.formulas[i]] = i
        chosen = sorted(lowest.values())
    described = describe_table(table, "fast", np.array(chosen))
    rows = described.rows
    return _labelled(
        described.X, values[rows], table.groups[rows], [table.formulas[i] for i in rows]
    )


@cache
def _bundle() -> tuple[Any, Any, np.ndarray]:
    """Labels of the bundle, its labelled candidates, and their descriptors."""
    import pandas as pd

    def read(kind: str) -> Any:
        return pd.concat(
            [
                pd.read_parquet(file)
                for file in sorted(data_path("bundle").glob(f"{kind}-*.parquet"))
            ]
        )

    labels = best_evidence(read("labels").rename(columns={"value": "mean"}))
    candidates = read("candidates").drop_duplicates("structure_id")
    candidates = candidates[
        candidates["structure_id"].isin(set(labels["structure_id"])) & candidates["lattice"].notna()
    ].reset_index(drop=True)
    crystals = [
        Crystal(np.reshape(cell, (3, 3)), np.asarray(z), np.reshape(np.asarray(x), (-1, 3)))
        for cell, z, x in zip(
            candidates["lattice"],
            candidates["atomic_numbers"],
            candidates["frac_coords"],
            strict=True,
        )
    ]
    X = get_descriptor_set("fast").featurize(CrystalBatch.from_crystals(crystals)).values
    return labels, candidates, X


def _own(property_name: str) -> TrainingSet:
    labels, candidates, X = _bundle()
    values = labels[labels["property"] == property_name].set_index("structure_id")["mean"]
    y = values.reindex(candidates["structure_id"]).to_numpy(float)
    known = np.isfinite(y)
    chosen = candidates[known]
    return _labelled(X[known], y[known], chosen["chemsys"], chosen["formula"])


def _of_both(mirror: Path) -> Pair:
    """Formation energies that both the bundle and the Materials Project have, lowest phases."""
    source, target = _own(FORMATION), _published(mirror, "materials_project_2018", FORMATION)
    simulated: dict[str, float] = {}
    for formula, value in zip(reduced_formulas(source.formulas.tolist()), source.y, strict=True):
        simulated[formula] = min(value, simulated.get(formula, np.inf))
    names = reduced_formulas(target.formulas.tolist())
    known = np.array([simulated.get(name, np.nan) for name in names])
    both = np.flatnonzero(np.isfinite(known))
    return Pair(
        "formation energy: simulated label (MLIP) → Materials Project 2018 (DFT)",
        source,
        TrainingSet(
            X=target.X[both],
            y=target.y[both],
            groups=target.groups[both],
            labels=target.labels,
            formulas=target.formulas[both],
            noise=target.noise[both],
            ids=target.ids[both],
        ),
        (FORMATION, FORMATION),
        known=known[both],
    )


def _permittivities(mirror: Path) -> Pair:
    """Total permittivity from the electronic one, which costs no phonons."""
    table = read_dataset("petretto_dielectric", mirror)
    total, electronic = (
        table.values[name] for name in ("relative_permittivity", "electronic_permittivity")
    )
    assert table.crystals is not None
    has = np.array([crystal is not None for crystal in table.crystals])
    chosen = np.flatnonzero(np.isfinite(total) & np.isfinite(electronic) & has)
    described = describe_table(table, "full", chosen)
    rows = described.rows
    target = TrainingSet(
        X=described.X.astype(np.float32).astype(np.float64),
        y=total[rows],
        groups=table.groups[rows].astype(str),
        labels=described.labels,
        formulas=np.asarray([table.formulas[i] for i in rows], dtype=str),
        noise=np.full(len(rows), np.nan),
        ids=np.full(len(rows), "", dtype=str),
    )
    return Pair(
        "electronic label → total permittivity of Petretto (DFT)",
        target,
        target,
        ("electronic_permittivity", "relative_permittivity"),
        known=electronic[rows],
    )


def _labelled(X: np.ndarray, y: np.ndarray, groups: Any, formulas: Any) -> TrainingSet:
    return TrainingSet(
        X=X.astype(np.float32).astype(np.float64),
        y=np.asarray(y, dtype=float),
        groups=np.asarray(groups, dtype=str),
        labels=tuple(get_descriptor_set("fast").labels),
        formulas=np.asarray(formulas, dtype=str),
        noise=np.full(len(y), np.nan),
        ids=np.full(len(y), "", dtype=str),
    )


PAIRS: dict[str, Callable[[Path], Pair]] = {
    "formation-simulated": _of_both,
    "permittivity": _permittivities,
    "formation": lambda mirror: Pair(
        "formation energy: Materials Project 2018 (DFT) → bundle (MLIP)",
        _published(mirror, "materials_project_2018", FORMATION),
        _own(FORMATION),
        (FORMATION, FORMATION),
    ),
    "heat-capacity": lambda _mirror: Pair(
        "volume → heat capacity, bundle (MLIP)",
        _own("volume_per_atom"),
        _own("heat_capacity"),
        ("volume_per_atom", "heat_capacity"),
    ),
    "vacancy": lambda mirror: Pair(
        "oxygen vacancy: Wolverton (DFT) → bundle (MLIP)",
        _published(mirror, "wolverton_oxides", VACANCY),
        _own(VACANCY),
        (VACANCY, VACANCY),
    ),
    "gap-vacancy": lambda mirror: Pair(
        "gap of Materials Project 2018 → oxygen vacancy of Kumagai (DFT)",
        _published(mirror, "materials_project_2018", "band_gap"),
        _published(mirror, "kumagai_oxygen_vacancies", VACANCY),
        ("band_gap", VACANCY),
        most=3000,
    ),
    "vacancy-kumagai": lambda mirror: Pair(
        "oxygen vacancy: Wolverton (DFT) → Kumagai (DFT)",
        _published(mirror, "wolverton_oxides", VACANCY),
        _published(mirror, "kumagai_oxygen_vacancies", VACANCY),
        (VACANCY, VACANCY),
    ),
}
