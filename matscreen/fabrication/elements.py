"""What the elements of a compound mean for those who would make it."""

from __future__ import annotations

from functools import cache, lru_cache
from typing import Any, Final

from matscreen.formulas import REMEMBERED, atomic_mass, reduced_amounts

TOXIC: Final = frozenset({"As", "Be", "Cd", "Hg", "Tl"})
"""Acutely toxic or carcinogenic as oxides, and kept out of semiconductor plants.

Cadmium and mercury are restricted by RoHS (Directive 2011/65/EU); arsenic, beryllium and thallium
oxides are in the highest classes of acute toxicity or carcinogenicity (CLP Regulation 1272/2008).
"""
RESTRICTED: Final = frozenset({"Pb"})
"""Restricted by RoHS with an exemption for ferroelectric ceramics: a warning, no exclusion."""


@lru_cache(maxsize=REMEMBERED)
def hazards(formula: str) -> tuple[str, ...]:
    """Return why a compound should not be made, one sentence a hazardous element.

    Toxic elements (`TOXIC`), and those without a stable isotope as pymatgen lists them.
    """
    return tuple(
        sentence
        for symbol in sorted((s for s, _ in reduced_amounts(formula)), key=_element)
        for sentence in _hazards_of(symbol)
    )


@lru_cache(maxsize=REMEMBERED)
def restricted(formula: str) -> tuple[str, ...]:
    """Return the restricted elements of a compound as sentences."""
    symbols = sorted(symbol for symbol, _ in reduced_amounts(formula))
    return tuple(f"restricted: holds {symbol} (RoHS)" for symbol in symbols if symbol in RESTRICTED)


@lru_cache(maxsize=REMEMBERED)
def supply_concentration(formula: str) -> tuple[float, float]:
    """Return the Herfindahl-Hirschman index of production and of reserves, 0 to 10,000.

    The sum of squared market shares of the countries that mine an element, weighted by mass over
    the compound; over 2,500 a market counts as concentrated (Gaultois et al. 2013). NaN where the
    table lacks an element.
    """
    masses = {symbol: n * atomic_mass(symbol) for symbol, n in reduced_amounts(formula)}
    total = sum(masses.values())
    markets = {symbol: _market(symbol) for symbol in masses}
    production, reserve = (
        sum(mass / total * markets[symbol][which] for symbol, mass in masses.items())
        for which in (0, 1)
    )
    return production, reserve


@cache
def _hazards_of(symbol: str) -> tuple[str, ...]:
    from pymatgen.core import Element

    toxic = (f"toxic: holds {symbol}",) if symbol in TOXIC else ()
    radioactive = Element(symbol).is_radioactive
    return (*toxic, f"radioactive: holds {symbol}") if radioactive else toxic


@cache
def _element(symbol: str) -> Any:
    from pymatgen.core import Element

    return Element(symbol)


@cache
def _market(symbol: str) -> tuple[float, float]:
    """Concentration of production and reserves of one element; NaN where it is not known."""
    from pymatgen.analysis.hhi import HHIModel
    from pymatgen.core import Composition

    production, reserve = HHIModel().get_hhi(Composition(symbol))
    missing = float("nan")
    return (
        missing if production is None else float(production),
        missing if reserve is None else float(reserve),
    )
