"""From what a scientist asks for to an OPTIMADE filter, checked before anything is sent."""

from __future__ import annotations

import re
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import UTC, datetime
from functools import cache, reduce
from math import gcd
from typing import Any, Final

from matscreen.errors import InputError
from matscreen.sources.element_lists import check_elements

FAMILIES: Final[dict[str, str]] = {
    "perovskites": (
        'elements HAS "O" AND (chemical_formula_anonymous="A3BC" OR '
        'chemical_formula_anonymous="A6B2CD" OR chemical_formula_anonymous="A6BCDE")'
    ),
    "simple_perovskites": (
        'elements HAS "O" AND nelements=3 AND chemical_formula_anonymous="A3BC"'
    ),
    "double_perovskites": (
        'elements HAS "O" AND (chemical_formula_anonymous="A6B2CD" OR '
        'chemical_formula_anonymous="A6BCDE")'
    ),
    "layered_perovskites": (
        'elements HAS "O" AND (chemical_formula_anonymous="A4B2C" OR '
        'chemical_formula_anonymous="A7B3C2" OR chemical_formula_anonymous="A10B4C3")'
    ),
    "oxides": 'elements HAS "O" AND nelements>=2',
}
"""Named families. The standard orders counts from large to small, so ABO3 is `A3BC`, A2BB'O6 and
AA'B2O6 are `A6B2CD`, AA'BB'O6 is `A6BCDE`, and the Ruddlesden-Popper series A2BO4, A3B2O7, A4B3O10
is `A4B2C`, `A7B3C2`, `A10B4C3`. A formula is no structure: CaCO3 is `A3BC` too."""

_SYMBOL = re.compile(r"([A-Z][a-z]?'*)(\d*)")
_STRING = re.compile(r'"(?:[^"\\]|\\.)*"')
_PROVIDER_FIELD = re.compile(r"(?<![\w.])_[a-z0-9]+_[a-z0-9_]+")
_IDENTIFIER = re.compile(r"_[a-z0-9]+_[a-z0-9_]+(\.[a-z0-9_]+)*")


@dataclass(frozen=True)
class Query:
    """What is asked for; every part narrows it.

    Attributes:
        family: One of `FAMILIES`; None takes every formula.
        elements: All of these are present.
        any_of: At least one of these is present.
        without: None of these is present.
        anonymous: Formula type in any order, such as `ABO3` or `A3BC`; a letter O is oxygen.
        max_sites: Largest cell, in sites.
        max_hull: Largest energy above the hull, eV/atom.
    """

    family: str | None = None
    elements: tuple[str, ...] = ()
    any_of: tuple[str, ...] = ()
    without: tuple[str, ...] = ()
    anonymous: str | None = None
    max_sites: int | None = None
    max_hull: float | None = None

    def __post_init__(self) -> None:
        if self.family is not None and self.family not in FAMILIES:
            raise InputError(f"unknown family {self.family!r}; known: {', '.join(FAMILIES)}")
        check_elements((*self.elements, *self.any_of, *self.without))
        both = {*self.elements, *self.any_of} & set(self.without)
        if both:
            raise InputError(f"{', '.join(sorted(both))} is both asked for and excluded")
        if self.max_sites is not None and self.max_sites < 1:
            raise InputError(f"max_sites is {self.max_sites}, it must be at least 1")
        if self.max_hull is not None and not self.max_hull >= 0:
            raise InputError(f"max_hull is {self.max_hull} eV/atom, it cannot be below the hull")

    def to_filter(self, hull_field: str | None = None) -> str:
        """Return the OPTIMADE filter.

        Args:
            hull_field: The database's own field of the energy above the hull; without one,
                `max_hull` is not part of the filter.

        Raises:
            InputError: The formula type or the field name cannot be read.
        """
        parts = [FAMILIES[self.family]] if self.family else []
        if self.elements:
            parts.append(f"elements HAS ALL {_quoted(self.elements)}")
        if self.any_of:
            parts.append(f"elements HAS ANY {_quoted(self.any_of)}")
        if self.without:
            parts.append(f"NOT elements HAS ANY {_quoted(self.without)}")
        if self.anonymous:
            formula, holds_oxygen = anonymous_formula(self.anonymous)
            if holds_oxygen:
                parts.append('elements HAS "O"')
            parts.append(f'chemical_formula_anonymous="{formula}"')
        if self.max_sites is not None:
            parts.append(f"nsites<={self.max_sites}")
        if self.max_hull is not None and hull_field is not None:
            if not _IDENTIFIER.fullmatch(hull_field):
                raise InputError(f"{hull_field!r} is no field that a filter can name")
            parts.append(f"{hull_field}<={self.max_hull:g}")
        return " AND ".join(parts)


def anonymous_formula(text: str) -> tuple[str, bool]:
    """Bring a formula type into the standard's order: letters by falling count, reduced.

    Args:
        text: Such as `ABO3`, `ABC3`, `A2BB'O6` or `SrTiO3`.

    Returns:
        The formula, such as `A3BC`, and whether a letter O stood for oxygen.

    Raises:
        InputError: The text is no formula.
    """
    found = _SYMBOL.findall(text)
    if not found or "".join(symbol + count for symbol, count in found) != text:
        raise InputError(f"{text!r} is no formula type; write it like ABO3 or A3BC")
    totals: dict[str, int] = {}
    for symbol, count in found:
        totals[symbol] = totals.get(symbol, 0) + int(count or 1)
    # The standard's own order is alphabetical: in A15...O1 an O is a letter like the others.
    letters = [chr(ord("A") + index) for index in range(len(totals))]
    if min(totals.values()) < 1 or len(totals) > len(letters) or len(totals) > 26:
        raise InputError(f"{text!r} is no formula type: counts start at 1, of at most 26 kinds")
    divisor = reduce(gcd, totals.values())
    counts = sorted((count // divisor for count in totals.values()), reverse=True)
    formula = "".join(
        letter + (str(count) if count > 1 else "")
        for letter, count in zip(letters, counts, strict=True)
    )
    return formula, "O" in totals and list(totals) != letters


def validate(text: str) -> None:
    """Check a raw filter by the grammar of the standard, as the package `optimade` has it.

    Without that package (extra `optimade`) only quotes and brackets are checked; the server then
    judges the rest.

    Raises:
        InputError: The filter does not parse; the message marks the place.
    """
    if not text.strip():
        return
    parser = _parser()
    if parser is None:
        _check_balance(text)
        return
    try:
        parser.parse(text)
    except Exception as error:  # optimade wraps the errors of its parser in one of its own
        cause = error.__cause__ or error.__context__
        place = getattr(cause, "pos_in_stream", None)
        raise _wrong(text, place if isinstance(place, int) and place >= 0 else len(text)) from None


def provider_fields(text: str) -> tuple[str, ...]:
    """List the provider's own fields (`_prefix_name`) that a filter names."""
    bare = _STRING.sub('""', text)
    return tuple(dict.fromkeys(_PROVIDER_FIELD.findall(bare)))


def changed_since(text: str, moment: datetime) -> str:
    """Narrow a filter to entries that changed after a moment, UTC where it names no zone."""
    known = moment.astimezone(UTC) if moment.tzinfo else moment
    stamp = known.strftime("%Y-%m-%dT%H:%M:%SZ")
    change = f'last_modified>"{stamp}"'
    return f"({text}) AND {change}" if text.strip() else change


def _wrong(text: str, place: int) -> InputError:
    start, end = max(0, place - 40), min(len(text), place + 40)
    shown = text[start:end].replace("\n", " ").replace("\t", " ")
    what = "ends too early" if place >= len(text) else f"is wrong at character {place + 1}"
    return InputError(f"the OPTIMADE filter {what}:\n  {shown}\n  {' ' * (place - start)}^")


def _check_balance(text: str) -> None:
    bare = _STRING.sub(lambda match: "_" * len(match[0]), text)
    if '"' in bare:
        raise _wrong(text, bare.index('"'))
    depth = 0
    for place, letter in enumerate(bare):
        depth += {"(": 1, ")": -1}.get(letter, 0)
        if depth < 0:
            raise _wrong(text, place)
    if depth:
        raise _wrong(text, len(text))


@cache
def _parser() -> Any:
    try:
        from optimade.filterparser import LarkParser
    except ImportError:
        return None
    return LarkParser()


def _quoted(symbols: Iterable[str]) -> str:
    return ",".join(f'"{symbol}"' for symbol in symbols)
