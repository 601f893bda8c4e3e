"""Bundle labels beside independent values: `python tests/benchmarks/bench_labels.py [BUNDLE]`.

Measured values are textbook ones. Ranges are remembered from the computational literature and
say no more than "this is the right size". Heat capacities and thermal conductivities are those of
`data/reference/facts.csv` with their confidence; all other elastic values are recalled from
textbook tables of single crystals (Voigt-Reuss-Hill averages) and were not read again.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
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

ELASTIC = (
    # formula, space group, bulk modulus GPa, shear modulus GPa, Debye temperature K; all measured,
    # all recalled. None: not remembered well enough to write down.
    ("MgO", 225, 163, 131, 945),
    ("CaO", 225, 113, 81, 670),
    ("SrO", 225, 88, 59, None),
    ("BaO", 225, 70, 36, None),
    ("SrTiO3", 221, 174, 117, 690),
    ("Al2O3", 167, 252, 163, 1040),
    ("TiO2", 136, 212, 113, 780),
    ("CeO2", 225, 204, 88, 480),
    ("ZnO", 186, 143, 46, 420),
    ("MgAl2O4", 227, 196, 108, 870),
    ("ZrO2", 14, 187, 93, None),
    ("LaAlO3", 167, 190, None, None),
)
PLACES = ("bulk_modulus", "shear_modulus", "debye_temperature")
NOT_CRYSTALS = ("HfO2", "ZrO2", "WO3", "NbO2", "LaCoO3")
"""Conductivities that facts.csv says were measured on ceramics or films."""


def read(bundle: Path) -> pd.DataFrame:
    parts = [pd.read_parquet(p) for p in sorted(bundle.glob("candidates-*.parquet"))]
    candidates = pd.concat(parts).set_index("structure_id")
    labels = pd.concat([pd.read_parquet(p) for p in sorted(bundle.glob("labels-*.parquet"))])
    return labels.join(candidates[["formula", "spacegroup"]], on="structure_id")


def values(labels: pd.DataFrame, formula: str, spacegroup: int, name: str) -> pd.DataFrame:
    return labels[
        (labels["formula"] == formula)
        & (labels["spacegroup"] == spacegroup)
        & (labels["property"] == name)
    ].sort_values("value")


def check_table(labels: pd.DataFrame) -> None:
    print("| compound | property | bundle | std | independent | kind |\n|---|---|---|---|---|---|")
    for formula, spacegroup, name, low, high, kind in CHECKS:
        chosen = values(labels, formula, spacegroup, name)
        value, std = "not yet", ""
        if not chosen.empty:
            best = chosen.iloc[0]
            value, std = f"{best['value']:.2f}", f"{best['std']:.2f}"
        expected = f"{low:g}" if low == high else f"{low:g} to {high:g}"
        print(f"| {formula} ({spacegroup}) | {name} | {value} | {std} | {expected} | {kind} |")


def elastic_table(labels: pd.DataFrame) -> None:
    print("\n| compound | " + " | ".join(PLACES) + " |\n|---|---|---|---|")
    logs: dict[str, list[float]] = {name: [] for name in PLACES}
    for formula, spacegroup, *measured in ELASTIC:
        cells = []
        for name, known in zip(PLACES, measured, strict=True):
            chosen = values(labels, formula, spacegroup, name)
            value = None if chosen.empty else float(chosen.iloc[0]["value"])
            if value is not None and known is not None:
                logs[name].append(value / known - 1.0)
            cells.append(f"{'not yet' if value is None else f'{value:.0f}'} ({known or '-'})")
        print(f"| {formula} ({spacegroup}) | " + " | ".join(cells) + " |")
    for name, errors in logs.items():
        if errors:
            rms = np.sqrt(np.mean(np.square(errors)))
            print(
                f"{name}: n = {len(errors)}, mean {np.mean(errors):+.0%}, rms {rms:.0%} of measured"
            )


def thermal_table(labels: pd.DataFrame, facts: pd.DataFrame) -> None:
    from scipy.stats import spearmanr

    energy = labels[labels["property"] == "energy_per_atom"]
    ground = set(energy.sort_values("value").drop_duplicates("formula")["structure_id"])
    for name in ("heat_capacity", "thermal_conductivity"):
        ours = labels[(labels["property"] == name) & labels["structure_id"].isin(ground)]
        ours = ours.groupby("formula")["value"].first()
        known = facts[facts["property"] == name].groupby("formula")["value"].mean()
        both = pd.concat({"ours": ours, "measured": known}, axis=1).dropna()
        if both.empty:
            print(f"\n{name}: not yet")
            continue
        print(f"\n| {name}, lowest phase | bundle | measured | log10 ratio |\n|---|---|---|---|")
        both["dex"] = np.log10(both["ours"] / both["measured"])
        for formula, row in both.sort_values("dex").iterrows():
            note = " (ceramic or film)" if formula in NOT_CRYSTALS and "cond" in name else ""
            print(
                f"| {formula}{note} | {row['ours']:.3g} | {row['measured']:.3g} | {row['dex']:+.2f} |"
            )
        single = both[~both.index.isin(NOT_CRYSTALS)] if "cond" in name else both
        for what, part in (("all", both), ("without ceramics and films", single)):
            if what != "all" and len(part) == len(both):
                continue
            rms = np.sqrt((part["dex"] ** 2).mean())
            rank = spearmanr(part["ours"], part["measured"]).statistic if len(part) > 2 else np.nan
            null = (np.log10(part["measured"]) - np.log10(part["measured"]).mean()).std()
            print(
                f"{name}, {what}: n = {len(part)}, bias {part['dex'].mean():+.2f}, "
                f"rms {rms:.2f} dex (a constant: {null:.2f}), Spearman {rank:.2f}"
            )


def main(bundle: Path) -> None:
    labels = read(bundle)
    check_table(labels)
    elastic_table(labels)
    facts = Path(__file__).resolve().parents[2] / "data" / "reference" / "facts.csv"
    thermal_table(labels, pd.read_csv(facts, comment="#"))


if __name__ == "__main__":
    root = Path(__file__).resolve().parents[2]
    main(Path(sys.argv[1]) if len(sys.argv) > 1 else root / "data" / "bundle")
