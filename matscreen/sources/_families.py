"""What a family of oxides is: a structure type and the ions that may take its roles."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from typing import Final

from matscreen.sources._ions import Ion, cations, radius
from matscreen.sources._templates import Template, from_aflow, from_pymatgen, from_wyckoff


@dataclass(frozen=True, slots=True)
class Family:
    """A structure type and the ions that may take its roles.

    Attributes:
        name: Name of the family, part of every source_id.
        make: Function that builds the template.
        charges: Sets of charges of the roles A, B, C in this order.
        ranges: Allowed Shannon radii of each role: coordination, lower and upper bound in Å.
        anions: Number of oxygens in the formula.
        counts: Number of each cation role in the formula.
        cost: Handicap in the enumeration's order.
        misfit: Largest root mean square misfit of the cations' valence sums, valence units.
        first: Elements that may take role A where electrons, not size, make the type; None for
            any of the right size.
    """

    name: str
    make: Callable[[], Template]
    charges: tuple[tuple[int, ...], ...]
    ranges: tuple[tuple[int, float, float], ...]
    anions: int
    counts: tuple[int, ...] = (1,)
    cost: float = 0.0
    misfit: float = math.inf
    first: frozenset[str] | None = None

    def assignments(self) -> Iterator[Mapping[str, Ion]]:
        """Yield every charge-balanced choice of ions whose radii fit."""
        for charges in self.charges:
            for ions in product(*(cations(charge) for charge in charges)):
                if self.first is not None and ions[0].symbol not in self.first:
                    continue
                if len({ion.symbol for ion in ions}) == len(ions) and self._fits(ions):
                    yield dict(zip("ABC", ions, strict=False))

    def _fits(self, ions: tuple[Ion, ...]) -> bool:
        return all(
            lower <= radius(ion.symbol, ion.charge, number) <= upper
            for ion, (number, lower, upper) in zip(ions, self.ranges, strict=True)
        )


COINAGE: Final = frozenset({"Cu", "Ag"})
"""Elements whose d10 cations bind two oxygens in a line."""

HEXAGONAL: Final = (90.0, 90.0, 120.0)
RIGHT: Final = (90.0, 90.0, 90.0)


@cache
def template(family: Family) -> Template:
    """Return the template of a family, built once."""
    return family.make()


def aflow(name: str, group: int, label: str, **roles: str) -> Callable[[], Template]:
    """Defer ``from_aflow``: the AFLOW library takes seconds to load."""
    return lambda: from_aflow(name, group, label, roles)


def wyckoff(
    name: str,
    group: int,
    cell: tuple[float, ...],
    *sites: tuple[str, tuple[float, float, float]],
    setting: int = 1,
) -> Callable[[], Template]:
    """Defer ``from_wyckoff``."""
    return lambda: from_wyckoff(name, group, cell, sites, setting=setting)


def cubic(name: str, group: int, kind: str, roles: str, edge: float) -> Callable[[], Template]:
    """Defer ``from_pymatgen``."""
    return lambda: from_pymatgen(name, group, kind, roles, edge)
