"""A source: monoxides in the rock-salt structure, built from ionic radii."""

from __future__ import annotations

from collections.abc import Iterator

import numpy as np

from matscreen.sources import Failure, Page, SourceItem
from matscreen.structures import Crystal

OXIDE_RADIUS = 1.40
"""Radius of O2- between six cations, Å (Shannon 1976)."""


class Monoxides:
    """Rock-salt crystals with edges a = 2 (r + 1.40 Å), r the Shannon radius of the cation.

    Failures: `no_monoxide` for a formula that is not a metal and one oxygen, `no_radius` for a
    cation that has no radius as a 2+ ion between six oxygens.
    """

    name = "monoxides"

    def __init__(self, formulas: tuple[str, ...]) -> None:
        self.formulas = formulas

    def pages(self) -> Iterator[Page]:
        """Give one page with an entry for each formula, in their order."""
        items: list[SourceItem] = []
        failures: list[Failure] = []
        for formula in self.formulas:
            radius = _radius(formula)
            if isinstance(radius, Failure):
                failures.append(radius)
                continue
            half = radius + OXIDE_RADIUS
            lattice = np.array([[0.0, half, half], [half, 0.0, half], [half, half, 0.0]])
            crystal = Crystal(
                lattice, np.array([_number(formula), 8]), np.array([[0.0] * 3, [0.5] * 3])
            )
            items.append(
                SourceItem(crystal, self.name, formula, licence="CC0-1.0", prototype="rocksalt")
            )
        yield Page(tuple(items), tuple(failures))

    def total(self) -> int:
        """Say how many entries there are."""
        return len(self.formulas)


def open_monoxides(target: str | None = None) -> Monoxides:
    """Open `monoxides:MgO,CaO`; without formulas, those of the alkaline earths.

    Args:
        target: Formulas, separated by commas.
    """
    return Monoxides(tuple((target or "MgO,CaO,SrO,BaO").split(",")))


def _number(formula: str) -> int:
    from pymatgen.core import Element

    return int(Element(formula.removesuffix("O")).Z)


def _radius(formula: str) -> float | Failure:
    from pymatgen.core import Element

    symbol = formula.removesuffix("O")
    if symbol == formula or not Element.is_valid_symbol(symbol):
        return Failure(formula, "no_monoxide", f"{formula} is not a metal and one oxygen")
    spins = (Element(symbol).data.get("Shannon radii") or {}).get("2", {}).get("VI", {})
    if not spins:
        return Failure(formula, "no_radius", f"{symbol}2+ has no sixfold Shannon radius")
    return max(float(spin["ionic_radius"]) for spin in spins.values())
