"""Formulas as amounts of elements, read once and remembered for a while.

An enumeration holds millions of formulas, each of which is looked at by several rules: reading one
takes microseconds here, and what is remembered does not grow with the enumeration.
"""

from __future__ import annotations

import hashlib
from functools import cache, lru_cache
from math import gcd
from typing import Final

from matscreen.descriptors.composition import parse_formula

REMEMBERED: Final = 1 << 15
"""Formulas that are remembered: a chunk of an enumeration, and the facts of the literature."""
_WHOLE: Final = 1e-8


@lru_cache(maxsize=REMEMBERED)
def reduced_amounts(formula: str) -> tuple[tuple[str, float], ...]:
    """Return the elements of a formula with their amounts, in the order of the formula.

    Whole counts are divided by what they share; with fractional ones a formula stays as it is.

    Raises:
        StructureError: It is not a formula (`bad_formula`).
    """
    amounts = parse_formula(formula)
    if len(amounts) <= 2:
        # Peroxides and molecules of the elements keep their doubled formula (Li2O2, O2).
        from pymatgen.core import Composition

        reduced = Composition(formula).reduced_composition
        return tuple((element.symbol, float(reduced[element])) for element in reduced)
    divisor = 1
    if all(abs(n - round(n)) < _WHOLE for n in amounts.values()):
        divisor = gcd(*(round(n) for n in amounts.values()))
    symbols = element_symbols()
    return tuple((symbols[z], n / divisor) for z, n in amounts.items())


@lru_cache(maxsize=REMEMBERED)
def spelling(formula: str) -> str:
    """Return one text for all formulas of a composition: elements by name, amounts reduced."""
    return " ".join(f"{symbol}{n:.6g}" for symbol, n in sorted(reduced_amounts(formula)))


def chemical_system(formula: str) -> str:
    """Return the elements of a formula in alphabetical order, such as `O-Sr-Ti`.

    Raises:
        StructureError: It is not a formula (`bad_formula`).
    """
    symbols = element_symbols()
    return "-".join(sorted(symbols[z] for z in parse_formula(formula)))


def formula_id(formula: str) -> str:
    """Return the structure id of a candidate without a cell, 16 hexadecimal digits of a hash.

    Args:
        formula: As `structures.reduced_formula` writes it.
    """
    return hashlib.sha256(f"formula|{formula}".encode()).hexdigest()[:16]


@cache
def element_symbols() -> tuple[str, ...]:
    """Return the symbol of each atomic number; the first entry is empty."""
    from pymatgen.core import Element

    return ("", *(Element.from_Z(z).symbol for z in range(1, 119)))


@cache
def atomic_mass(symbol: str) -> float:
    """Return the standard atomic mass of an element, g/mol."""
    from pymatgen.core import Element

    return float(Element(symbol).atomic_mass)
