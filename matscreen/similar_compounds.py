"""What measured compounds of like composition say of one: a surrogate that knows how little.

Insulator-metal transitions and superconductivity are correlated states that no potential and no
semilocal functional predicts. What is left is the company that an oxide keeps: a mean over measured
compounds, weighted by likeness of their cations, with the error of leaving compounds out.
"""

from __future__ import annotations

from dataclasses import dataclass
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np

from matscreen.facts import load_facts
from matscreen.formulas import reduced_amounts
from matscreen.mechanisms.base import FloatArray

if TYPE_CHECKING:
    import pandas as pd

BACKGROUND: Final = 1.0
"""Weight of the mean over all compounds, in compounds of the same cations."""


@dataclass(frozen=True)
class SimilarCompounds:
    """Measured values of one property and the cations of the compounds they belong to.

    Attributes:
        elements: Symbols of all cations, sorted.
        fractions: Unit vectors of cation amounts, (n, elements).
        values: log10 of the measured values, (n,).
        error: Root mean square error of leaving one compound out, decades.
        constant_error: The same of the mean over all others, decades.
    """

    elements: tuple[str, ...]
    fractions: FloatArray
    values: FloatArray
    error: float
    constant_error: float

    def estimate(self, formulas: pd.Series) -> FloatArray:
        """Return the log10 of the weighted mean for each formula, (m,)."""
        rows = np.stack([_fractions(str(formula), self.elements) for formula in formulas])
        weights = (rows @ self.fractions.T) ** 2
        mean = float(self.values.mean())
        total = weights.sum(axis=1) + BACKGROUND
        return np.asarray((weights @ self.values + BACKGROUND * mean) / total)

    def likeness(self, formulas: pd.Series) -> FloatArray:
        """Return the likeness of the cations to those of the nearest compound, 0 to 1, (m,)."""
        rows = np.stack([_fractions(str(formula), self.elements) for formula in formulas])
        return np.asarray((rows @ self.fractions.T).max(axis=1))


@cache
def similar_compounds(name: str) -> SimilarCompounds:
    """Collect the measured compounds of a property; rows of low confidence are left out.

    A formula with several values counts once, with their geometric mean.
    """
    facts = load_facts()
    rows = facts[
        (facts["property"] == name) & (facts["confidence"] != "low") & (facts["value"] > 0)
    ]
    logs = np.log10(rows["value"]).groupby(rows["formula"]).mean()
    elements = tuple(sorted({symbol for formula in logs.index for symbol in _cations(formula)}))
    fractions = np.stack([_fractions(str(formula), elements) for formula in logs.index])
    values = logs.to_numpy(dtype=float)
    weights = (fractions @ fractions.T) ** 2
    np.fill_diagonal(weights, 0.0)
    others = (values.sum() - values) / (len(values) - 1)
    left_out = (weights @ values + BACKGROUND * others) / (weights.sum(axis=1) + BACKGROUND)
    return SimilarCompounds(
        elements,
        fractions,
        values,
        error=float(np.sqrt(np.mean((left_out - values) ** 2))),
        constant_error=float(np.sqrt(np.mean((others - values) ** 2))),
    )


def _cations(formula: str) -> dict[str, float]:
    return {symbol: n for symbol, n in reduced_amounts(formula) if symbol != "O"}


def _fractions(formula: str, elements: tuple[str, ...]) -> FloatArray:
    """Cation amounts as a vector of length one or less: foreign cations count in the length."""
    amounts = _cations(formula)
    length = float(np.sqrt(sum(n * n for n in amounts.values()))) or 1.0
    return np.array([amounts.get(symbol, 0.0) / length for symbol in elements])
