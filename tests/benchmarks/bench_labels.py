"""Bundle labels beside independent values: `python tests/benchmarks/bench_labels.py`.

Measured values are textbook ones. Ranges are remembered from the computational literature and
say no more than "this is the right size".
"""

from __future__ import annotations

import sys
from pathlib import Path

import pandas as pd

CHECKS = (
    # formula, space group of the relaxed crystal, property, lower, upper, kind
    ("SrTiO3", 221, "volume_per_atom", 11.91, 11.91, "measured"),
    ("MgO", 225, "volume_per_atom", 9.34, 9.34, "measured"),
    ("CeO2", 225, "volume_per_atom", 13.20, 13.20, "measured"),
    ("BaZrO3", 221, "volume_per_atom", 14.75, 14.75, "measured"),
    ("BaTiO3", 99, "spontaneous_polarization", 26, 26, "measured"),
    ("PbTiO3", 99, "spontaneous_polarization", 75, 75, "measured"),
    ("KNbO3", 38, "spontaneous_polarization", 37, 41, "measured"),
    ("LiNbO3", 161, "spontaneous_polarization", 71, 71, "measured"),
    ("LiTaO3", 161, "spontaneous_polarization", 50, 50, "measured"),
    ("BiFeO3", 161, "spontaneous_polarization", 90, 100, "measured"),
    ("HfO2", 29, "spontaneous_polarization", 50, 55, "recalled"),
    ("SrTiO3", 221, "oxygen_vacancy_formation_energy", 5.5, 6.0, "recalled"),
    ("BaTiO3", 221, "oxygen_vacancy_formation_energy", 5.5, 5.5, "recalled"),
    ("BaZrO3", 221, "oxygen_vacancy_formation_energy", 6.0, 7.0, "recalled"),
    ("LaAlO3", 221, "oxygen_vacancy_formation_energy", 6.5, 8.0, "recalled"),
    ("LaMnO3", 221, "oxygen_vacancy_formation_energy", 3.5, 4.3, "recalled"),
    ("LaFeO3", 221, "oxygen_vacancy_formation_energy", 4.0, 4.5, "recalled"),
    ("LaCoO3", 221, "oxygen_vacancy_formation_energy", 2.5, 3.0, "recalled"),
    ("SrFeO3", 221, "oxygen_vacancy_formation_energy", 0.5, 1.0, "recalled"),
    ("CeO2", 225, "oxygen_vacancy_formation_energy", 2.0, 3.0, "recalled"),
    ("MgO", 225, "oxygen_vacancy_formation_energy", 7.0, 8.0, "recalled"),
    ("SrTiO3", 221, "oxygen_migration_barrier", 0.4, 0.6, "recalled"),
    ("BaTiO3", 221, "oxygen_migration_barrier", 0.5, 0.9, "recalled"),
    ("LaAlO3", 221, "oxygen_migration_barrier", 0.5, 0.7, "recalled"),
    ("BaZrO3", 221, "oxygen_migration_barrier", 0.7, 0.8, "recalled"),
    ("LaFeO3", 221, "oxygen_migration_barrier", 0.5, 0.8, "recalled"),
    ("LaMnO3", 221, "oxygen_migration_barrier", 0.7, 0.9, "recalled"),
    ("SrFeO3", 221, "oxygen_migration_barrier", 0.4, 0.4, "recalled"),
    ("CeO2", 225, "oxygen_migration_barrier", 0.5, 0.5, "recalled"),
    ("MgO", 225, "oxygen_migration_barrier", 2.4, 4.0, "recalled"),
)


def main(bundle: Path) -> None:
    read = [pd.read_parquet(p) for p in sorted(bundle.glob("candidates-*.parquet"))]
    candidates = pd.concat(read).set_index("structure_id")
    labels = pd.concat([pd.read_parquet(p) for p in sorted(bundle.glob("labels-*.parquet"))])
    labels = labels.join(candidates[["formula", "spacegroup"]], on="structure_id")
    print("| compound | property | bundle | std | independent | kind |\n|---|---|---|---|---|---|")
    for formula, spacegroup, name, low, high, kind in CHECKS:
        chosen = labels[
            (labels["formula"] == formula)
            & (labels["spacegroup"] == spacegroup)
            & (labels["property"] == name)
        ]
        if chosen.empty:
            value, std = "not yet", ""
        else:
            best = chosen.sort_values("value").iloc[0]
            value, std = f"{best['value']:.2f}", f"{best['std']:.2f}"
        expected = f"{low:g}" if low == high else f"{low:g} to {high:g}"
        print(f"| {formula} ({spacegroup}) | {name} | {value} | {std} | {expected} | {kind} |")


if __name__ == "__main__":
    root = Path(__file__).resolve().parents[2]
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else root / "data" / "bundle")
