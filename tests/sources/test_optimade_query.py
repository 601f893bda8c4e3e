"""Tests of filters from friendly queries, and of the check of raw ones."""

from __future__ import annotations

from datetime import UTC, datetime

import pytest

from matscreen.errors import InputError
from matscreen.sources import optimade_query
from matscreen.sources.optimade_query import (
    FAMILIES,
    Query,
    anonymous_formula,
    changed_since,
    provider_fields,
    validate,
)


@pytest.mark.parametrize(
    ("given", "formula", "oxygen"),
    [
        ("ABO3", "A3BC", True),
        ("ABC3", "A3BC", False),
        ("A3BC", "A3BC", False),
        ("SrTiO3", "A3BC", True),
        ("A2BB'O6", "A6B2CD", True),
        ("AA'BB'O6", "A6BCDE", True),
        ("A2B2O6", "A3BC", True),
        ("A3B2O7", "A7B3C2", True),
        ("ABCDEFGHIJKLMNO2", "A2BCDEFGHIJKLMNO", False),
    ],
)
def test_formula_types_take_the_order_of_the_standard(
    given: str, formula: str, oxygen: bool
) -> None:
    assert anonymous_formula(given) == (formula, oxygen)


@pytest.mark.parametrize("given", ["", "abo3", "AB-O3", "A0BO3", "3", "ABO3 "])
def test_what_is_no_formula_type_is_refused(given: str) -> None:
    with pytest.raises(InputError, match="no formula type"):
        anonymous_formula(given)


def test_every_part_narrows_the_query() -> None:
    query = Query(
        family="oxides",
        elements=("Ba", "Ti"),
        any_of=("Zr", "Hf"),
        without=("H",),
        anonymous="ABO3",
        max_sites=20,
        max_hull=0.05,
    )
    text = query.to_filter("_alexandria_hull_distance")
    assert text == (
        'elements HAS "O" AND nelements>=2 AND elements HAS ALL "Ba","Ti" AND '
        'elements HAS ANY "Zr","Hf" AND NOT elements HAS ANY "H" AND elements HAS "O" AND '
        'chemical_formula_anonymous="A3BC" AND nsites<=20 AND _alexandria_hull_distance<=0.05'
    )
    validate(text)
    assert "hull" not in query.to_filter()
    assert Query().to_filter() == ""


@pytest.mark.parametrize("family", FAMILIES)
def test_families_are_filters_that_parse(family: str) -> None:
    validate(Query(family=family, without=("F",)).to_filter())


@pytest.mark.parametrize(
    ("parts", "words"),
    [
        ({"family": "perovskite"}, "unknown family"),
        ({"elements": ("Xx",)}, "'Xx' is no element"),
        ({"without": ('O" OR "',)}, "is no element"),
        ({"elements": ("O",), "without": ("O",)}, "both asked for and excluded"),
        ({"max_sites": 0}, "max_sites is 0"),
        ({"max_hull": -0.1}, "below the hull"),
        ({"max_hull": float("nan")}, "below the hull"),
    ],
)
def test_a_query_that_cannot_be_is_refused(parts: dict, words: str) -> None:
    with pytest.raises(InputError, match=words):
        Query(**parts)


@pytest.mark.parametrize(
    ("text", "place"),
    [
        ('elements HAZ "O"', 10),
        ('elements HAS "O" AND', None),
        ('elements HAS "O" AND (nsites<5', None),
        ("nsites<<5", 8),
    ],
)
def test_a_wrong_filter_is_pointed_at(text: str, place: int | None) -> None:
    with pytest.raises(InputError) as caught:
        validate(text)
    _, shown, pointer = str(caught.value).split("\n")
    assert shown.strip() == text
    assert pointer.index("^") - 2 == (len(text) if place is None else place - 1)
    assert ("ends too early" if place is None else f"character {place}") in str(caught.value)


@pytest.mark.parametrize("text", ['elements HAS "O', "(nsites<5", "nsites<5)"])
def test_without_the_grammar_quotes_and_brackets_are_checked(
    text: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(optimade_query, "_parser", lambda: None)
    validate('(elements HAS "O") AND chemical_formula_descriptive CONTAINS ")("')
    with pytest.raises(InputError, match=r"\^"):
        validate(text)


def test_fields_of_providers_are_found_outside_of_text() -> None:
    text = '_mp_gap>1 AND _oqmd_a.b<2 AND x CONTAINS "_no_field" AND elements_ratios LENGTH 3'
    assert provider_fields(text) == ("_mp_gap", "_oqmd_a")


def test_changes_are_asked_for_in_the_words_of_the_standard() -> None:
    moment = datetime(2026, 1, 2, 3, 4, 5, tzinfo=UTC)
    text = changed_since("nsites<5 OR nsites>9", moment)
    assert text == '(nsites<5 OR nsites>9) AND last_modified>"2026-01-02T03:04:05Z"'
    validate(text)
    validate(changed_since("", moment))


@pytest.mark.parametrize("moment", ["2026-03-29T03:30:00+02:00", "2026-03-29T01:30:00"])
def test_a_moment_of_any_zone_is_asked_for_in_utc(moment: str) -> None:
    assert changed_since("", datetime.fromisoformat(moment)) == (
        'last_modified>"2026-03-29T01:30:00Z"'
    )
