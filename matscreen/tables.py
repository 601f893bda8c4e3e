"""Schemas of the tables that the stages exchange; units travel in the field metadata."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import UTC, datetime
from typing import Any

import pyarrow as pa

from matscreen.errors import StoreError
from matscreen.structures import Crystal

WATTS_PER_CORE = 10.0
"""Assumed power of one busy core with its share of the machine, W. A model, not a reading.

The `joules` columns of labels and model cards are processor time times this number: an order of
magnitude. The ledger reads counters where the machine has some and says which way it went.
"""


def _field(name: str, kind: pa.DataType, unit: str = "", *, nullable: bool = True) -> pa.Field:
    return pa.field(name, kind, nullable, {"unit": unit} if unit else None)


_ID = _field("structure_id", pa.string(), nullable=False)
_TIME = pa.timestamp("us", tz="UTC")

SCHEMAS: dict[str, pa.Schema] = {
    "candidates": pa.schema(
        [
            _ID,
            _field("material_id", pa.string()),
            _field("input_id", pa.string()),
            _field("formula", pa.string(), nullable=False),
            _field("chemsys", pa.string(), nullable=False),
            _field("nsites", pa.int32(), "1"),
            _field("spacegroup", pa.int16(), "1"),
            _field("prototype", pa.string()),
            _field("flags", pa.list_(pa.string())),
            _field("lattice", pa.list_(pa.float64()), "Å"),
            _field("atomic_numbers", pa.list_(pa.int16())),
            _field("frac_coords", pa.list_(pa.float64()), "1"),
        ]
    ),
    "leaders": pa.schema(
        [
            _ID,
            _field("material_id", pa.string()),
            _field("formula", pa.string(), nullable=False),
            _field("spacegroup", pa.int16(), "1"),
            _field("primitive_nsites", pa.int32(), "1"),
            _field("phase_spacegroup", pa.int16(), "1"),
            _field("phase_nsites", pa.int32(), "1"),
            _field("length", pa.float64(), "Å"),
            _field("invariant", pa.list_(pa.float32()), "Å"),
            _field("scheme", pa.string(), nullable=False),
            _field("symprec", pa.float64(), "Å"),
            _field("same_structure", pa.float64(), "Å"),
            _field("same_material", pa.float64(), "1"),
        ]
    ),
    "provenance": pa.schema(
        [
            _ID,
            _field("source", pa.string(), nullable=False),
            _field("source_id", pa.string(), nullable=False),
            _field("retrieved_at", _TIME),
            _field("licence", pa.string()),
        ]
    ),
    "labels": pa.schema(
        [
            _ID,
            _field("input_id", pa.string()),
            _field("property", pa.string(), nullable=False),
            _field("site", pa.string()),
            _field("charge", pa.int8(), "e"),
            _field("path", pa.string()),
            _field("temperature", pa.float64(), "K"),
            _field("value", pa.float64(), nullable=False),
            _field("std", pa.float64()),
            _field("unit", pa.string(), nullable=False),
            _field("evidence", pa.string(), nullable=False),
            _field("method", pa.string(), nullable=False),
            _field("version", pa.string(), nullable=False),
            _field("seconds", pa.float64(), "s"),
            _field("joules", pa.float64(), "J"),
        ]
    ),
    "predictions": pa.schema(
        [
            _ID,
            _field("property", pa.string(), nullable=False),
            _field("mean", pa.float64()),
            _field("std", pa.float64()),
            _field("std_epistemic", pa.float64()),
            _field("std_aleatoric", pa.float64()),
            _field("lower", pa.float64()),
            _field("upper", pa.float64()),
            _field("in_domain", pa.bool_()),
            _field("model_id", pa.string(), nullable=False),
            _field("code", pa.string()),
        ]
    ),
    "failures": pa.schema(
        [
            _field("structure_id", pa.string(), nullable=False),
            _field("stage", pa.string(), nullable=False),
            _field("reason", pa.string(), nullable=False),
            _field("detail", pa.string()),
            _field("at", _TIME),
        ]
    ),
    "ledger": pa.schema(
        [
            _field("run_id", pa.string(), nullable=False),
            _field("task", pa.string()),
            _field("stage", pa.string(), nullable=False),
            _field("items", pa.int64(), "1"),
            _field("seconds", pa.float64(), "s"),
            _field("cpu_seconds", pa.float64(), "s"),
            _field("joules", pa.float64(), "J"),
            _field("method", pa.string()),
            _field("grams_CO2", pa.float64(), "g"),
            _field("region", pa.string()),
            _field("carbon_source", pa.string()),
            _field("at", _TIME),
        ]
    ),
    "cursors": pa.schema(
        [
            _field("query", pa.string(), nullable=False),
            _field("source", pa.string(), nullable=False),
            _field("url", pa.string(), nullable=False),
            _field("filter", pa.string(), nullable=False),
            _field("snapshot", _TIME, nullable=False),
            _field("pages", pa.int64(), "1", nullable=False),
            _field("entries", pa.int64(), "1", nullable=False),
            _field("failed", pa.int64(), "1", nullable=False),
            _field("state", pa.string(), nullable=False),
            _field("cursor", pa.string()),
            _field("last_modified", _TIME),
            _field("licence", pa.string()),
            _field("structure_ids", pa.list_(pa.string())),
            _field("at", _TIME),
        ]
    ),
    "acquisitions": pa.schema(
        [
            _field("round", pa.int32(), "1", nullable=False),
            _ID,
            _field("mechanism", pa.string()),
            _field("simulation", pa.string(), nullable=False),
            _field("acquisition", pa.float64(), "1/s"),
            _field("expected_seconds", pa.float64(), "s"),
            _field("seconds", pa.float64(), "s"),
            _field("joules", pa.float64(), "J"),
            _field("outcome", pa.string()),
            _field("best_energy", pa.float64(), "J"),
            _field("top_k_overlap", pa.float64(), "1"),
            _field("at", _TIME),
        ]
    ),
}
"""Schema of every fixed table. `descriptors_<set>` tables add one column per label."""

KEYS: dict[str, tuple[str, ...]] = {
    "candidates": ("structure_id",),
    "leaders": ("structure_id", "scheme"),
    "provenance": ("structure_id", "source", "source_id"),
    "labels": ("structure_id", "property", "site", "charge", "path", "temperature", "method"),
    "predictions": ("structure_id", "property"),
    "failures": ("structure_id", "stage"),
    "ledger": ("run_id", "stage"),
    "cursors": ("query", "snapshot", "pages"),
    "acquisitions": ("round", "structure_id", "simulation"),
}
"""Columns that identify a row when a table is upserted."""


def recipe_order(version: str) -> tuple[int, ...]:
    """Return a sort key of the version of a label, `RECIPE+CALCULATOR`: that of its recipe.

    What follows ``~`` in it is the version of a second potential.
    """
    recipe = version.partition("+")[0].partition("~")[0]
    return tuple(int(part) if part.isdigit() else 0 for part in recipe.split("."))


def from_rows(name: str, rows: Iterable[Mapping[str, Any]]) -> pa.Table:
    """Build a table of the named schema from dictionaries; absent keys become null.

    Raises:
        StoreError: A key is not in the schema, or a value has the wrong type.
    """
    schema = _schema(name)
    items = list(rows)
    unknown = {key for row in items for key in row} - set(schema.names)
    if unknown:
        raise StoreError(f"table {name!r} has no column {sorted(unknown)}; it has {schema.names}")
    try:
        return pa.Table.from_pylist([dict(row) for row in items], schema=schema)
    except (pa.ArrowInvalid, pa.ArrowTypeError) as error:
        raise StoreError(f"a row does not fit table {name!r}: {error}") from error


def check(name: str, table: pa.Table) -> pa.Table:
    """Return the table in its schema's column order and types; extra columns are kept at the end.

    Raises:
        StoreError: A required column is missing, null, or of the wrong type.
    """
    schema = _schema(name)
    columns, fields = [], []
    for field in schema:
        if field.name in table.column_names:
            try:
                column = table[field.name].cast(field.type)
            except (pa.ArrowInvalid, pa.ArrowNotImplementedError) as error:
                raise StoreError(f"{name}.{field.name}: {error}") from error
        elif field.nullable:
            column = pa.nulls(table.num_rows, field.type)
        else:
            raise StoreError(f"table {name!r} lacks its column {field.name!r}")
        if not field.nullable and column.null_count:
            raise StoreError(f"{name}.{field.name} has {column.null_count} nulls, none are allowed")
        columns.append(column)
        fields.append(field)
    for extra in table.column_names:
        if extra not in schema.names:
            columns.append(table[extra])
            fields.append(table.schema.field(extra))
    return pa.Table.from_arrays(columns, schema=pa.schema(fields))


def candidate_row(
    crystal: Crystal,
    *,
    structure_id: str,
    spacegroup: int | None = None,
    prototype: str | None = None,
    material_id: str | None = None,
    input_id: str | None = None,
    flags: Iterable[str] | None = None,
) -> dict[str, Any]:
    """Return one row of the `candidates` table.

    Args:
        crystal: The crystal.
        structure_id: Its identifier.
        spacegroup: Number of its space group; None when unknown.
        prototype: Name of its structure type; None when unknown.
        material_id: Identifier of the phase that its copies share.
        input_id: The structure that it was relaxed from.
        flags: What is odd about it (`matscreen.sources.flags`); None where nobody checked.
    """
    return {
        "structure_id": structure_id,
        "material_id": material_id,
        "input_id": input_id,
        "formula": crystal.formula,
        "chemsys": crystal.chemsys,
        "nsites": crystal.nsites,
        "spacegroup": spacegroup,
        "prototype": prototype,
        "flags": None if flags is None else list(flags),
        "lattice": crystal.lattice.ravel().tolist(),
        "atomic_numbers": crystal.atomic_numbers.tolist(),
        "frac_coords": crystal.frac_coords.ravel().tolist(),
    }


def failure_row(structure_id: str, stage: str, reason: str, detail: str = "") -> dict[str, Any]:
    """Return one row of the `failures` table, stamped with the present time.

    Args:
        structure_id: What failed.
        stage: Where it failed.
        reason: Short, stable code.
        detail: What was seen, in one sentence; cut after 500 characters.
    """
    return {
        "structure_id": structure_id,
        "stage": stage,
        "reason": reason,
        "detail": detail[:500],
        "at": datetime.now(UTC),
    }


def _schema(name: str) -> pa.Schema:
    try:
        return SCHEMAS[name]
    except KeyError:
        raise StoreError(f"unknown table {name!r}; known: {sorted(SCHEMAS)}") from None
