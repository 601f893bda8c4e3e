"""How wide the gap of an oxide probably is, and whether it is a metal, from its cations alone.

Mean gap and share of metals over the oxides that hold each ion (element and charge) in the
Materials Project, and two regressions on the narrowest and the mean ion of a compound. Semilocal
gaps: narrower than measured ones by a third and more.
"""

from __future__ import annotations

import csv
from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache
from typing import Final

import numpy as np

from matscreen.data import data_path
from matscreen.structures import FloatArray

METAL: Final = 0.1
"""Gap under which a compound counts as a metal, eV."""
SHRINKAGE: Final = 5.0
"""Compounds of the element that an ion's own compounds are weighed against."""
_SPREAD = (0.3, 1.2)  # eV, of the gap of a compound that is no metal
_OXYGEN = 8


@dataclass(frozen=True)
class GapEstimate:
    """Gap of each formula, (n,).

    Attributes:
        mean: Most probable gap, eV; zero where a metal is more probable than not.
        sigma: Deviation such that a normal gap, negative ones being metals, has `metal` as its
            share under 0.1 eV, eV; of an insulator between 0.3 and 1.2 eV, so that a wide gap has
            a smaller share of metals than `metal` says.
        metal: Probability of a metal.
    """

    mean: FloatArray
    sigma: FloatArray
    metal: FloatArray


def estimate_gaps(formulas: Sequence[str]) -> GapEstimate:
    """Estimate the gap of oxides from their formulas; unreadable ones get the mean of all."""
    from scipy.special import expit, ndtri

    statistics, fit = _tables()
    distinct = list(dict.fromkeys(formulas))
    features = ion_features(distinct, statistics)
    gap = features @ fit[0, 1:] + fit[0, 0]
    metal = np.clip(expit(features @ fit[1, 1:] + fit[1, 0]), 0.01, 0.99)
    insulator = metal < 0.5
    # Where a metal is likelier, zero is the best value, and the rest of the chance lies over it.
    mean = np.where(insulator, np.maximum(gap, 2 * METAL), 0.0)
    with np.errstate(divide="ignore", invalid="ignore"):
        wide = np.clip((mean - METAL) / ndtri(1.0 - metal), *_SPREAD)
        narrow = METAL / np.maximum(ndtri(metal), 0.05)
    sigma = np.where(insulator, wide, narrow)
    place = {formula: row for row, formula in enumerate(distinct)}
    rows = np.array([place[formula] for formula in formulas], dtype=np.int64)
    return GapEstimate(mean[rows], sigma[rows], metal[rows])


def ion_features(
    formulas: Sequence[str], statistics: dict[tuple[int, int | None], tuple[float, float, float]]
) -> FloatArray:
    """Return narrowest and mean gap, largest and mean share of metals over the cations, (n, 4).

    Args:
        formulas: Formulas.
        statistics: Mean gap, share of metals and count by (element, charge); charge None holds the
            element whatever its charge, (0, None) all oxides.
    """
    from matscreen.descriptors.composition import Compositions, parse_formula
    from matscreen.descriptors.oxidation import oxidation_states
    from matscreen.errors import StructureError

    amounts = []
    for formula in formulas:
        try:
            amounts.append(parse_formula(formula))
        except StructureError:
            amounts.append({_OXYGEN: 1.0})
    packed = Compositions.from_amounts(amounts)
    charges = oxidation_states(packed)
    everything = statistics[0, None]
    known_ions: dict[tuple[int, float], tuple[float, float]] = {}
    found = np.empty((len(formulas), 4))
    for row in range(len(formulas)):
        ions = []
        for slot in np.flatnonzero(packed.present[row] & (packed.numbers[row] != _OXYGEN)):
            element, charge = int(packed.numbers[row, slot]), float(charges[row, slot])
            ion = element, round(charge) if np.isfinite(charge) else np.inf
            if ion not in known_ions:
                wide = _shrunk(statistics.get((element, None)), everything[:2])
                known = statistics.get((element, int(ion[1]))) if np.isfinite(ion[1]) else None
                known_ions[ion] = _shrunk(known, wide)
            ions.append(known_ions[ion])
        gaps, metals = zip(*(ions or [everything[:2]]), strict=True)
        found[row] = min(gaps), np.mean(gaps), max(metals), np.mean(metals)
    return found


def _shrunk(
    own: tuple[float, float, float] | None, wider: tuple[float, float]
) -> tuple[float, float]:
    if own is None:
        return wider
    gap, metal, count = own
    total = count + SHRINKAGE
    return (gap * count + wider[0] * SHRINKAGE) / total, (
        metal * count + wider[1] * SHRINKAGE
    ) / total


@cache
def _tables() -> tuple[dict[tuple[int, int | None], tuple[float, float, float]], FloatArray]:
    statistics: dict[tuple[int, int | None], tuple[float, float, float]] = {}
    fit = np.zeros((2, 5))
    terms = ("intercept", "gap_min", "gap_mean", "metal_max", "metal_mean")
    with data_path("reference", "band_gap_cations.csv").open(encoding="utf-8", newline="") as file:
        for row in csv.DictReader(file):
            values = float(row["mean_gap_eV"]), float(row["metal_share"]), float(row["n"])
            if row["ion"] in terms:
                fit[:, terms.index(row["ion"])] = values[:2]
            else:
                charge = int(row["charge"]) if row["charge"] else None
                statistics[int(row["atomic_number"]), charge] = values
    return statistics, fit
