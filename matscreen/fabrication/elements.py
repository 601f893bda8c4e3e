"""What the elements of a compound mean for those who would make it."""

from __future__ import annotations

from functools import cache
from typing import Final

TOXIC: Final = frozenset({"As", "Be", "Cd", "Hg", "Tl"})
"""Acutely toxic or carcinogenic as oxides, and kept out of semiconductor plants.

Cadmium and mercury are restricted by RoHS (Directive 2011/65/EU); arsenic, beryllium and thallium
oxides are in the highest classes of acute toxicity or carcinogenicity (CLP Regulation 1272/2008).
"""
RESTRICTED: Final = frozenset({"Pb"})
"""Restricted by RoHS with an exemption for ferroelectric ceramics: a warning, no exclusion."""


@cache
def hazards(formula: str) -> tuple[str, ...]:
    """Return why a compound should not be made, one sentence a hazardous element.

    Toxic elements (`TOXIC`), and those without a stable isotope as pymatgen lists them.
    """
    from pymatgen.core import Composition

    found = []
    for element in sorted(Composition(formula).elements):
        if element.symbol in TOXIC:
            found.append(f"toxic: holds {element.symbol}")
        if element.is_radioactive:
            found.append(f"radioactive: holds {element.symbol}")
    return tuple(found)


@cache
def restricted(formula: str) -> tuple[str, ...]:
    """Return the restricted elements of a compound as sentences."""
    from pymatgen.core import Composition

    symbols = sorted(element.symbol for element in Composition(formula).elements)
    return tuple(f"restricted: holds {symbol} (RoHS)" for symbol in symbols if symbol in RESTRICTED)


@cache
def supply_concentration(formula: str) -> tuple[float, float]:
    """Return the Herfindahl-Hirschman index of production and of reserves, 0 to 10,000.

    The sum of squared market shares of the countries that mine an element, weighted by mass over
    the compound; over 2,500 a market counts as concentrated (Gaultois et al. 2013). NaN where the
    table lacks an element.
    """
    from pymatgen.analysis.hhi import HHIModel
    from pymatgen.core import Composition

    production, reserve = HHIModel().get_hhi(Composition(formula))
    missing = float("nan")
    return (
        missing if production is None else float(production),
        missing if reserve is None else float(reserve),
    )
