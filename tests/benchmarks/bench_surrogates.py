"""Surrogates on published data beside a random forest on Magpie features, same folds, same run.

Sets of a mirror folder: castelli perovskites (heat of formation, eV per five-atom cell), Wolverton
ABO3 (vacancy, hull, formation energy, gap), Kumagai oxides (neutral vacancy, lowest site, grouped
by material), Petretto permittivity. Five shuffled folds. Ours is the whole of
`matscreen.surrogates.train` on each training part: choice of model, calibration and all; so the
intervals that are counted were never shown the fold. Prints a table, writes
results/bench/surrogates.json and a figure. Several minutes on one core. Run as

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_surrogates.py --mirror DIR [--only wolverton]
"""

from __future__ import annotations

import argparse
import gzip
import json
import logging
import time
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pandas as pd

from matscreen.descriptors import featurize_formulas, get_descriptor_set
from matscreen.structures import Crystal, CrystalBatch
from matscreen.surrogates import train

SEED = 18012019
PROPERTY = {False: "energy_per_atom", True: "relative_permittivity"}
"""Registry entries with bounds that hold every value: linear, and logarithmic."""


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
        groups: Chemical system or material of each row.
        log: Whether decades are natural.
        split_groups: Whether the folds keep groups together.
    """

    dataset: str
    target: str
    features: str
    X: np.ndarray
    labels: tuple[str, ...]
    magpie: np.ndarray
    y: np.ndarray
    groups: np.ndarray
    log: bool = False
    split_groups: bool = False


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
    targets = {
        "vacancy energy (eV)": "e_vac_O_eV_per_O",
        "energy above hull (eV/atom)": "e_hull_eV_per_atom",
        "formation energy (eV/atom)": "e_form_eV_per_atom",
        "band gap (eV)": "gap_pbe_eV",
    }
    tasks = []
    for target, name in targets.items():
        y = table[name].to_numpy(dtype=float)
        kept = np.isfinite(y) & (y > -10)
        tasks.append(
            Task(
                "wolverton_oxides",
                target,
                "fast",
                X[kept],
                tuple(described.labels),
                magpie[kept],
                y[kept],
                groups[kept],
            )
        )
    return tasks


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
    table = pd.read_csv(mirror / "kumagai_oxygen_vacancies.csv")
    table = table[(table["charge"] == 0) & table["Ef_coreAlign_eV"].notna()]
    lowest = table.groupby("material")["Ef_coreAlign_eV"].min()
    crystals = _structures(mirror / "kumagai_structures.json.gz", list(lowest.index))
    names = [name for name in lowest.index if name in crystals]
    return [_structured("kumagai_oxygen_vacancies", "lowest vacancy (eV)", crystals, lowest[names])]


def petretto(mirror: Path) -> list[Task]:
    table = pd.read_csv(mirror / "petretto_dielectric.csv").set_index("mpid")
    table = table[table["eps_total"] > 0]
    crystals = _structures(mirror / "petretto_structures.json.gz", list(table.index))
    names = [name for name in table.index if name in crystals]
    return [
        _structured(
            "petretto_dielectric", "permittivity", crystals, table.loc[names, "eps_total"], log=True
        )
    ]


def _structured(
    dataset: str, target: str, crystals: dict[str, Crystal], y: pd.Series, *, log: bool = False
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
        log=log,
        split_groups=True,
    )


def score(task: Task) -> dict[str, Any]:
    """Run five folds of both sides."""
    from scipy.stats import binomtest, spearmanr
    from sklearn.ensemble import RandomForestRegressor
    from sklearn.model_selection import GroupKFold, KFold

    forward = np.log10 if task.log else np.asarray
    splitter: Any = (
        GroupKFold(5, shuffle=True, random_state=SEED)
        if task.split_groups
        else KFold(5, shuffle=True, random_state=SEED)
    )
    mean, lower, upper, peer = (np.empty(len(task.y)) for _ in range(4))
    inside_domain = np.zeros(len(task.y), dtype=bool)
    spent = 0.0
    chosen = []
    for rows, held in splitter.split(task.X, groups=task.groups):
        start = time.process_time()
        model = train(
            task.X[rows],
            task.y[rows],
            groups=list(task.groups[rows]),
            property=PROPERTY[task.log],
            labels=list(task.labels),
            seed=0,
        )
        spent += time.process_time() - start
        found = model.predict(task.X[held])
        mean[held], lower[held], upper[held] = found.mean, found.lower, found.upper
        inside_domain[held] = found.in_domain
        chosen.append(f"{model.card['model']}")
        forest = RandomForestRegressor(100, random_state=0, n_jobs=1)
        peer[held] = forest.fit(task.magpie[rows], forward(task.y[rows])).predict(task.magpie[held])
    error = np.abs(forward(mean) - forward(task.y))
    covered = (task.y >= lower) & (task.y <= upper)
    width = forward(upper) - forward(lower)
    parts = 10 if len(task.y) >= 2000 else 3
    each = [
        (int(covered[part].sum()), len(part))
        for part in np.array_split(np.argsort(width, kind="stable"), parts)
    ]
    return {
        "dataset": task.dataset,
        "target": task.target + (", decades" if task.log else ""),
        "features": task.features,
        "n": len(task.y),
        "mae": float(error.mean()),
        "peer_mae": float(np.abs(peer - forward(task.y)).mean()),
        "coverage_90": float(covered.mean()),
        "coverage_p": float(binomtest(int(covered.sum()), len(covered), 0.9).pvalue),
        "min_part_coverage": min(k / n for k, n in each),
        "min_part_p_bonferroni": float(
            min(1.0, parts * min(binomtest(k, n, 0.9).pvalue for k, n in each))
        ),
        "parts": parts,
        "error_spread_rho": float(spearmanr(error, width)[0]),
        "in_domain": float(inside_domain.mean()),
        "fit_cpu_s": spent,
        "model": "; ".join(sorted(set(chosen))),
    }


def figure(records: list[dict[str, Any]], path: Path) -> None:
    """Draw both errors of every target as a share of the peer's."""
    import plotly.graph_objects as go

    names = [f"{r['dataset']}: {r['target']} ({r['features']})" for r in records]
    chart = go.Figure()
    chart.add_bar(
        y=names,
        x=[1.0] * len(names),
        orientation="h",
        name="random forest, Magpie",
        marker_color="#8aa0b5",
    )
    chart.add_bar(
        y=names,
        x=[r["mae"] / r["peer_mae"] for r in records],
        orientation="h",
        name="matscreen",
        marker_color="#c8553d",
        text=[f"{r['mae']:.3g}, coverage {100 * r['coverage_90']:.0f} %" for r in records],
    )
    chart.update_layout(
        template="plotly_white",
        title="Mean absolute error over that of a random forest on Magpie features",
        width=1100,
        height=200 + 60 * len(names),
        barmode="group",
        yaxis={"autorange": "reversed", "automargin": True},
        font={"family": "system-ui, sans-serif", "color": "#1d2733"},
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    chart.write_html(path, include_plotlyjs=True)


SETS: dict[str, Callable[[Path], list[Task]]] = {
    "castelli-sites": lambda mirror: castelli(mirror, "fast"),
    "castelli-geometry": lambda mirror: castelli(mirror, "standard"),
    "wolverton": wolverton,
    "kumagai": kumagai,
    "petretto": petretto,
}


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mirror", type=Path)
    parser.add_argument("--only", nargs="*", choices=list(SETS), default=list(SETS))
    parser.add_argument("--out", type=Path, default=Path("results/bench/surrogates.json"))
    arguments = parser.parse_args()
    if arguments.mirror is None:
        print("left out: name a folder of published data sets with --mirror")
        return
    logging.getLogger("moyo").setLevel(logging.ERROR)
    records = []
    print(f"{'':58s} {'n':>5s} {'MAE':>7s} {'peer':>7s} {'ratio':>6s} {'90 %':>6s} {'p':>6s} "
          f"{'least':>6s} {'p':>6s} {'CPU s':>6s}")  # fmt: skip
    for name in arguments.only:
        for task in SETS[name](arguments.mirror):
            record = score(task)
            records.append(record)
            title = f"{record['dataset']}: {record['target']} ({record['features']})"
            print(
                f"{title:58s} {record['n']:5d} {record['mae']:7.3f} {record['peer_mae']:7.3f} "
                f"{record['mae'] / record['peer_mae']:6.2f} {record['coverage_90']:6.3f} "
                f"{record['coverage_p']:6.3f} {record['min_part_coverage']:6.3f} "
                f"{record['min_part_p_bonferroni']:6.3f} {record['fit_cpu_s']:6.0f}",
                flush=True,
            )
            arguments.out.parent.mkdir(parents=True, exist_ok=True)
            arguments.out.write_text(json.dumps(records, indent=2) + "\n")
    figure(records, arguments.out.with_suffix(".html"))
    print(f"figure: {arguments.out.with_suffix('.html')}")


if __name__ == "__main__":
    main()
