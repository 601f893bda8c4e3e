"""Tests of matscreen.sources.hydrogen."""

from __future__ import annotations

import numpy as np
import pyarrow as pa

from matscreen import tables
from matscreen.sources.hydrogen import hydrogen_variants, with_variants
from matscreen.structures import Crystal

# Portlandite, P-3m1: layers of Ca(OH)2.
LATTICE = np.array([[3.59, 0, 0], [-1.795, 3.59 * 0.75**0.5, 0], [0, 0, 4.91]])
HEAVY = np.array([[0, 0, 0], [1 / 3, 2 / 3, 0.234], [2 / 3, 1 / 3, -0.234]])
HYDROGEN = np.array([[1 / 3, 2 / 3, 0.427], [2 / 3, 1 / 3, -0.427]])


def portlandite(*, hydrogen: bool = True, strain: float = 1.0) -> Crystal:
    coords = np.vstack([HEAVY, HYDROGEN]) if hydrogen else HEAVY
    numbers = [20, 8, 8, 1, 1][: len(coords)]
    return Crystal(LATTICE * strain, np.array(numbers), coords)


def candidates(**crystals: Crystal) -> pa.Table:
    rows = [
        tables.candidate_row(crystal, structure_id=name, flags=[])
        for name, crystal in crystals.items()
    ]
    return tables.from_rows("candidates", rows)


def fluorite(*, element: int = 20) -> Crystal:
    coords = [[0, 0, 0], [0.25, 0.25, 0.25], [0.75, 0.75, 0.75]]
    lattice = (np.ones((3, 3)) - np.eye(3)) * 2.7
    return Crystal(lattice, np.array([element, 8, 8]), np.array(coords))


def test_the_same_atoms_without_hydrogen_are_a_variant() -> None:
    table = candidates(
        located=portlandite(),
        missing=portlandite(hydrogen=False, strain=1.01),
        other_phase=fluorite(),
        other_element=fluorite(element=38),
    )
    assert hydrogen_variants(table) == {"located": ("missing",), "missing": ("located",)}
    assert hydrogen_variants(table, among={"other_phase"}) == {}
    assert set(hydrogen_variants(table, among={"missing"})) == {"located", "missing"}


def test_phases_of_one_formula_are_no_variants() -> None:
    assert hydrogen_variants(candidates(a=portlandite(), b=portlandite(strain=1.02))) == {}
    assert hydrogen_variants(candidates(a=fluorite())) == {}
    assert hydrogen_variants(tables.SCHEMAS["candidates"].empty_table()) == {}


def test_both_are_flagged_once() -> None:
    table = candidates(located=portlandite(), missing=portlandite(hydrogen=False), no=fluorite())
    variants = hydrogen_variants(table)
    rows = with_variants(table, variants)
    assert {row["structure_id"]: row["flags"] for row in rows.to_pylist()} == {
        "located": ["hydrogen_variant: but for hydrogen, missing"],
        "missing": ["hydrogen_variant: but for hydrogen, located"],
    }
    assert with_variants(rows, variants).num_rows == 0
    assert with_variants(table, {}).num_rows == 0
