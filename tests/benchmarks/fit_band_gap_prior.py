"""Make data/reference/band_gap_cations.csv and say how well it predicts compounds left out.

Needs materials_project_2018.csv.gz of a mirror of published data sets (Materials Project, CC BY
4.0). Only means over all oxides that hold an ion are kept. Five folds keep a chemical system
together. Run as

    python tests/benchmarks/fit_band_gap_prior.py --mirror DIR [--write]
"""

from __future__ import annotations

import argparse
import csv
from collections import defaultdict
from pathlib import Path

import numpy as np
import pandas as pd

from matscreen.band_gaps import METAL, ion_features
from matscreen.data import data_path
from matscreen.descriptors.composition import Compositions, parse_formula
from matscreen.descriptors.oxidation import oxidation_states
from matscreen.errors import StructureError

OTHER_ANIONS = frozenset({1, 6, 7, 9, 15, 16, 17, 33, 34, 35, 52, 53})
HULL = 0.1

Statistics = dict[tuple[int, int | None], tuple[float, float, float]]


def load(mirror: Path) -> tuple[list[str], np.ndarray, np.ndarray]:
    """Return formulas, gaps and chemical systems of oxides without other anions near the hull."""
    table = pd.read_csv(mirror / "materials_project_2018.csv.gz")
    table = table[(table["e_hull_eV_per_atom"] <= HULL) & table["gap_pbe_eV"].notna()]
    formulas, gaps, systems = [], [], []
    for formula, gap in zip(table["formula"], table["gap_pbe_eV"], strict=True):
        try:
            held = set(parse_formula(str(formula)))
        except StructureError:
            continue
        if 8 in held and len(held) > 1 and not held & OTHER_ANIONS:
            formulas.append(str(formula))
            gaps.append(float(gap))
            systems.append("-".join(map(str, sorted(held))))
    return formulas, np.array(gaps), np.array(systems)


def count_ions(formulas: list[str], gaps: np.ndarray) -> Statistics:
    """Mean gap, share of metals and number of compounds of each ion, element and of all."""
    packed = Compositions.from_amounts([parse_formula(formula) for formula in formulas])
    charges = oxidation_states(packed)
    held: dict[tuple[int, int | None], list[float]] = defaultdict(list)
    for row, gap in enumerate(gaps):
        held[0, None].append(gap)
        for slot in np.flatnonzero(packed.present[row] & (packed.numbers[row] != 8)):
            element = int(packed.numbers[row, slot])
            held[element, None].append(gap)
            if np.isfinite(charges[row, slot]):
                held[element, round(charges[row, slot])].append(gap)
    return {
        ion: (float(np.mean(found)), float(np.mean(np.array(found) < METAL)), float(len(found)))
        for ion, found in held.items()
    }


def regress(X: np.ndarray, gaps: np.ndarray) -> np.ndarray:
    """Fit the gap linearly and the log odds of a metal; intercept first, (2, 5)."""
    from sklearn.linear_model import LinearRegression, LogisticRegression

    linear = LinearRegression().fit(X, gaps)
    logistic = LogisticRegression(C=10.0, max_iter=1000).fit(X, gaps < METAL)
    return np.array(
        [
            [linear.intercept_, *linear.coef_],
            [logistic.intercept_[0], *logistic.coef_[0]],
        ]
    )


def main() -> None:
    from sklearn.metrics import roc_auc_score
    from sklearn.model_selection import GroupKFold

    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mirror", type=Path)
    parser.add_argument("--write", action="store_true")
    arguments = parser.parse_args()
    if arguments.mirror is None:
        print("left out: name a folder of published data sets with --mirror")
        return
    formulas, gaps, systems = load(arguments.mirror)
    names = np.array(formulas)
    predicted, odds = np.empty(len(gaps)), np.empty(len(gaps))
    splitter = GroupKFold(5, shuffle=True, random_state=0)
    for rows, held in splitter.split(gaps, groups=systems):
        statistics = count_ions(list(names[rows]), gaps[rows])
        fit = regress(ion_features(list(names[rows]), statistics), gaps[rows])
        X = ion_features(list(names[held]), statistics)
        predicted[held] = np.maximum(X @ fit[0, 1:] + fit[0, 0], 0.0)
        odds[held] = X @ fit[1, 1:] + fit[1, 0]
    metal, chance = gaps < METAL, 1.0 / (1.0 + np.exp(-odds))
    constant = np.abs(gaps - np.median(gaps)).mean()
    print(f"{len(gaps):,} oxides, {100 * metal.mean():.0f} % metals")
    print(f"gap: MAE {np.abs(predicted - gaps).mean():.2f} eV, constant {constant:.2f} eV")
    print(f"metal or not: area under the curve {roc_auc_score(metal, chance):.2f}")
    for low, high in ((0.0, 0.1), (0.1, 0.3), (0.3, 0.5), (0.5, 0.7), (0.7, 0.9), (0.9, 1.01)):
        part = (chance >= low) & (chance < high)
        print(f"  said {low:.1f} to {high:.1f}: {part.sum():5d}, metals {metal[part].mean():.2f}")
    if not arguments.write:
        return
    from pymatgen.core import Element

    statistics = count_ions(formulas, gaps)
    fit = regress(ion_features(formulas, statistics), gaps)
    path = data_path("reference") / "band_gap_cations.csv"
    with path.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(["ion", "atomic_number", "charge", "mean_gap_eV", "metal_share", "n"])
        terms = ("intercept", "gap_min", "gap_mean", "metal_max", "metal_mean")
        for term, (gap, share) in zip(terms, fit.T, strict=True):
            writer.writerow([term, "", "", f"{gap:.4f}", f"{share:.4f}", len(gaps)])
        for (element, charge), (gap, share, n) in sorted(
            statistics.items(),
            key=lambda item: (item[0][0], item[0][1] is not None, item[0][1] or 0),
        ):
            name = Element.from_Z(element).symbol if element else "all"
            shown = "" if charge is None else charge
            writer.writerow([name, element, shown, f"{gap:.3f}", f"{share:.3f}", int(n)])
    print(f"written to {path}")


if __name__ == "__main__":
    main()
