"""The tables: schemas with units, and clear refusals of rows that do not fit."""

from __future__ import annotations

from datetime import UTC, datetime

import pyarrow as pa
import pytest

from matscreen import tables
from matscreen.errors import StoreError


def label(**more):
    row = {
        "structure_id": "s1",
        "property": "band_gap",
        "value": 1.0,
        "unit": "eV",
        "evidence": "dft",
        "method": "PBE",
        "version": "1",
    }
    return row | more


def test_tables_of_the_design_with_their_columns():
    assert {"candidates", "provenance", "labels", "predictions", "failures"} <= set(tables.SCHEMAS)
    assert set(tables.SCHEMAS["provenance"].names) == {
        "structure_id", "source", "source_id", "retrieved_at", "licence",
    }  # fmt: skip
    assert set(tables.SCHEMAS["labels"].names) >= {
        "structure_id", "input_id", "property", "site", "charge", "path", "temperature", "value",
        "std", "unit", "evidence", "method", "version", "seconds", "joules",
    }  # fmt: skip


@pytest.mark.parametrize("name", tables.SCHEMAS)
def test_keys_are_columns(name):
    assert set(tables.KEYS[name]) <= set(tables.SCHEMAS[name].names)


@pytest.mark.parametrize(
    ("table", "column", "unit"),
    [
        ("candidates", "lattice", "Å"),
        ("labels", "temperature", "K"),
        ("labels", "joules", "J"),
        ("ledger", "seconds", "s"),
    ],
)
def test_units_travel_with_the_columns(table, column, unit):
    assert tables.SCHEMAS[table].field(column).metadata == {b"unit": unit.encode()}


def test_from_rows_fills_absent_keys_with_null():
    table = tables.from_rows("labels", [label(), label(site="O1")])
    assert table.schema == tables.SCHEMAS["labels"]
    assert table["site"].to_pylist() == [None, "O1"]
    assert tables.from_rows("labels", []).num_rows == 0


@pytest.mark.parametrize(
    ("row", "message"),
    [
        (label(vlaue=1.0), r"no column \['vlaue'\]"),
        (label(value="abc"), "does not fit table 'labels'"),
        (label(charge=1000), "does not fit table 'labels'"),
        (label(structure_id=5), "does not fit table 'labels'"),
    ],
)
def test_from_rows_refuses(row, message):
    with pytest.raises(StoreError, match=message):
        tables.from_rows("labels", [row])


def test_unknown_table():
    with pytest.raises(StoreError, match=r"unknown table 'lables'.*labels"):
        tables.from_rows("lables", [])
    with pytest.raises(StoreError, match="unknown table"):
        tables.check("lables", pa.table({}))


def test_check_restores_order_types_and_optional_columns_and_keeps_extra_ones():
    table = tables.from_rows("labels", [label(charge=2)])
    shuffled = pa.table(
        {
            "note": ["x"],
            **{name: table[name] for name in reversed(table.column_names) if name != "site"},
        }
    )
    shuffled = shuffled.set_column(
        shuffled.column_names.index("charge"), "charge", pa.array([2], pa.int64())
    )
    checked = tables.check("labels", shuffled)
    assert checked.column_names == [*tables.SCHEMAS["labels"].names, "note"]
    assert checked.select(tables.SCHEMAS["labels"].names).schema == tables.SCHEMAS["labels"]
    assert checked["charge"].to_pylist() == [2]
    assert checked["site"].to_pylist() == [None]


@pytest.mark.parametrize(
    ("change", "message"),
    [
        (lambda t: t.drop_columns(["unit"]), "lacks its column 'unit'"),
        (
            lambda t: t.set_column(t.column_names.index("value"), "value", pa.array(["abc"])),
            r"labels\.value",
        ),
        (
            lambda t: t.set_column(
                t.column_names.index("unit"), "unit", pa.array([None], pa.string())
            ),
            r"labels\.unit has 1 nulls",
        ),
        (
            lambda t: t.set_column(t.column_names.index("charge"), "charge", pa.array([1.5])),
            r"labels\.charge",
        ),
    ],
    ids=["missing", "text for a number", "null in a required column", "fraction of a charge"],
)
def test_check_refuses(change, message):
    with pytest.raises(StoreError, match=message):
        tables.check("labels", change(tables.from_rows("labels", [label()])))


def test_candidate_row_fits_its_table(srtio3):
    row = tables.candidate_row(srtio3, structure_id="s1", spacegroup=221)
    table = tables.check("candidates", tables.from_rows("candidates", [row]))
    assert table.to_pylist()[0] == row
    assert (row["formula"], row["chemsys"], row["nsites"]) == ("SrTiO3", "O-Sr-Ti", 5)
    assert (len(row["lattice"]), len(row["frac_coords"])) == (9, 15)


def test_failure_row_is_stamped_and_short():
    before = datetime.now(UTC)
    row = tables.failure_row("file.cif", "pull", "unreadable", "x" * 2000)
    assert before <= row["at"] <= datetime.now(UTC)
    assert len(row["detail"]) == 500
    assert tables.from_rows("failures", [row]).num_rows == 1
