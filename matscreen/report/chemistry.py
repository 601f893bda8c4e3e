"""Which elements the feasible candidates are made of: the periodic table, and pairs of sites."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cache
from typing import Final

from matscreen.errors import StructureError
from matscreen.formulas import reduced_amounts
from matscreen.report.result import Candidate, ScreenResult

MAX_LABELS: Final = 60
"""Elements on a side of the pair map; beyond it the rarest are left out."""
_ANION: Final = "O"


@dataclass
class Tally:
    """What was found of some candidates.

    Attributes:
        ranked: Materials that were ranked.
        feasible: Materials that can work under some mechanism.
        best: The feasible row of least energy; None where there is none.
    """

    ranked: set[str] = field(default_factory=set)
    feasible: set[str] = field(default_factory=set)
    best: Candidate | None = None

    def add(self, row: Candidate) -> None:
        """Count one row of the ranking."""
        self.ranked.add(row.structure_id)
        if not row.feasible:
            return
        self.feasible.add(row.structure_id)
        if self.best is None or row.nominal < self.best.nominal:
            self.best = row


@dataclass(frozen=True)
class PairMap:
    """Ternary oxides of one mechanism by their two cations.

    Attributes:
        mechanism: The mechanism.
        a: Elements of the larger cation, by atomic number.
        b: Elements of the smaller cation, by atomic number.
        cells: What was found of each pair (a, b).
        hidden: Pairs with a feasible material whose elements found no room.
    """

    mechanism: str
    a: tuple[str, ...]
    b: tuple[str, ...]
    cells: Mapping[tuple[str, str], Tally]
    hidden: int


def element_tallies(result: ScreenResult) -> dict[str, Tally]:
    """Count the candidates that each element is in, oxygen left out."""
    found: dict[str, Tally] = {}
    for row in result.candidates:
        for symbol in cations(row.formula):
            found.setdefault(symbol, Tally()).add(row)
    return found


def pair_maps(result: ScreenResult) -> tuple[PairMap, ...]:
    """Return a map for each mechanism that has feasible oxides of two cations.

    A is the cation with the larger ion where the radii tell them apart, as in a perovskite. Rows
    and columns are elements with a feasible pair.
    """
    sites = _sites({row.formula for row in result.candidates})
    found = []
    for name in result.mechanisms:
        cells: dict[tuple[str, str], Tally] = {}
        for row in result.candidates:
            if row.mechanism == name and row.formula in sites:
                cells.setdefault(sites[row.formula], Tally()).add(row)
        good = [pair for pair, tally in cells.items() if tally.feasible]
        if not good:
            continue
        a = _frequent(pair[0] for pair in good)
        b = _frequent(pair[1] for pair in good)
        hidden = sum(pair[0] not in a or pair[1] not in b for pair in good)
        found.append(PairMap(name, a, b, cells, hidden))
    return tuple(found)


@cache
def cations(formula: str) -> tuple[str, ...]:
    """Return the elements of a formula but oxygen; none where it is no formula."""
    try:
        return tuple(symbol for symbol, _ in reduced_amounts(formula) if symbol != _ANION)
    except StructureError:
        return ()


def _sites(formulas: Iterable[str]) -> dict[str, tuple[str, str]]:
    """Return the A and B cation of each oxide of two cations."""
    from matscreen.descriptors.composition import Compositions, parse_formula
    from matscreen.descriptors.oxidation import anion_mask, oxidation_states
    from matscreen.descriptors.sites import A, B, assign_sites_by_radius
    from matscreen.formulas import element_symbols

    chosen = sorted(each for each in formulas if len(cations(each)) == 2)
    if not chosen:
        return {}
    compositions = Compositions.from_amounts([parse_formula(each) for each in chosen])
    charges = oxidation_states(compositions)
    roles = assign_sites_by_radius(compositions, charges, anion_mask(compositions, charges)).roles
    symbols = element_symbols()
    found = {}
    for formula, numbers, mine in zip(chosen, compositions.numbers, roles, strict=True):
        a = [symbols[z] for z, role in zip(numbers, mine, strict=True) if role == A]
        b = [symbols[z] for z, role in zip(numbers, mine, strict=True) if role == B]
        if len(a) == len(b) == 1:
            found[formula] = (a[0], b[0])
    return found


def _frequent(symbols: Iterable[str]) -> tuple[str, ...]:
    from matscreen.formulas import element_symbols

    order: Sequence[str] = element_symbols()
    kept = [symbol for symbol, _ in Counter(symbols).most_common(MAX_LABELS)]
    return tuple(sorted(kept, key=order.index))


def log_energy(tally: Tally) -> float:
    """Return log10 of the least feasible energy, J; not a number where nothing is feasible."""
    return math.log10(tally.best.nominal) if tally.best and tally.best.nominal > 0.0 else math.nan
