"""Which crystals are worth screening: inorganic oxides of a sensible size."""

from __future__ import annotations

from functools import lru_cache
from typing import Final

from matscreen.errors import StructureError
from matscreen.structures import Crystal

MAX_SITES: Final = 200
"""Largest cell, in sites, that is taken as a candidate."""

_HYDROGEN, _CARBON, _OXYGEN = 1, 6, 8

# H, C, N, O, P, S, Se, the halogens and the noble gases: an oxide of these alone is molecular.
_NONMETALS = frozenset({1, 2, 6, 7, 8, 9, 10, 15, 16, 17, 18, 34, 35, 36, 53, 54, 85, 86})


def check_scope(crystal: Crystal) -> None:
    """Return quietly when a crystal is of the kind that matscreen screens.

    The first of these that fails gives the reason: `too_large`, `no_oxygen`, `element` (oxygen
    alone), `organic` (C and H), `no_metal` (a molecular oxide such as ice). Hydroxides, hydrates
    and salts of oxygen acids are kept.

    Args:
        crystal: Any ordered crystal.

    Raises:
        StructureError: The crystal is out of scope; its reason is one of the codes above.
    """
    if crystal.nsites > MAX_SITES:
        raise StructureError(
            "too_large", f"{crystal.nsites} sites in the cell, at most {MAX_SITES} are taken"
        )
    reason = out_of_scope(frozenset(crystal.atomic_numbers.tolist()))
    if reason is not None:
        code, text = reason
        raise StructureError(code, f"{crystal.formula} {text}")


@lru_cache(maxsize=100_000)
def out_of_scope(elements: frozenset[int]) -> tuple[str, str] | None:
    """Return reason and detail when compounds of these elements are not screened, else None."""
    if _OXYGEN not in elements:
        return "no_oxygen", "has no oxygen"
    if elements == {_OXYGEN}:
        return "element", "is oxygen alone, no oxide"
    if {_CARBON, _HYDROGEN} <= elements:
        return "organic", "holds carbon and hydrogen"
    if elements <= _NONMETALS:
        return "no_metal", "has no metal or metalloid"
    return None
