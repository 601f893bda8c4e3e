"""Write a table as JSON that carries its own schema: types, units and meanings of its columns."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, cast

import numpy as np

from matscreen.atomic import write_atomically
from matscreen.exports.columns import describe_columns
from matscreen.exports.records import scalar

if TYPE_CHECKING:
    import pandas as pd


def write_json(
    table: pd.DataFrame,
    path: str | os.PathLike[str],
    *,
    units: Mapping[str, str] | None = None,
    about: Mapping[str, str] | None = None,
) -> Path:
    """Write a table as JSON Table Schema (Frictionless), numbers at full precision.

    `schema.fields` hold name, type, and where there is one `unit` and `description` of each column;
    `data` is a list of rows, null where a value is unknown; `about` says what the table is. pandas
    reads it with `read_json(path, orient="table", precise_float=True)`.

    Args:
        table: The table; lists are joined by `; `.
        path: Target file.
        units: Unit of each column that has one; by default `table.attrs["units"]`.
        about: What is known of the whole table.

    Returns:
        The path written.
    """
    from pandas.io.json import build_table_schema

    known = table.attrs.get("units", {}) if units is None else units
    plain = _with_typed_gaps(table)
    schema = build_table_schema(plain, index=False)
    fields = cast("list[dict[str, Any]]", schema["fields"])
    columns = describe_columns(map(str, table.columns), known)
    for field, column in zip(fields, columns, strict=True):
        if column.unit:
            field["unit"] = column.unit
        if column.meaning:
            field["description"] = column.meaning
    rows = _rows(plain)
    content = {"about": dict(about or {}), "schema": schema, "data": rows}
    return write_atomically(
        path, json.dumps(content, indent=None, allow_nan=False, ensure_ascii=False) + "\n"
    )


def _rows(table: pd.DataFrame) -> list[dict[str, Any]]:
    """Return the rows as Python has them, None where a value is unknown."""
    columns = []
    for name in table.columns:
        column = table[name]
        if column.dtype.kind in "OTU" or str(column.dtype) == "str":
            columns.append([scalar(value) for value in column])
        else:
            known = column.astype(object).where(column.notna(), None)
            if column.dtype.kind == "f":
                known = known.where(np.isfinite(column), None)
            columns.append(known.tolist())
    names = [str(name) for name in table.columns]
    return [dict(zip(names, row, strict=True)) for row in zip(*columns, strict=True)]


def _with_typed_gaps(table: pd.DataFrame) -> pd.DataFrame:
    """Return a copy whose truth values with gaps have a type that knows gaps."""
    result = table.copy()
    for name in result.columns:
        if result[name].dtype.kind == "O":
            present = result[name].dropna()
            if len(present) and present.map(lambda value: isinstance(value, bool)).all():
                result[name] = result[name].astype("boolean")
    return result
