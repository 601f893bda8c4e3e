"""Write tables as CSV and Parquet, byte for byte the same for the same table."""

from __future__ import annotations

import io
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matscreen.atomic import write_atomically

if TYPE_CHECKING:
    import pandas as pd

SIGNIFICANT_DIGITS = 6


def write_csv(table: pd.DataFrame, path: str | os.PathLike[str]) -> Path:
    """Write a table as CSV: UTF-8, one header line, numbers to six significant digits.

    Unknown values are empty, lists are joined by `; `. Units are in the column names (`_J`) or in
    the registry of properties.

    Returns:
        The path written.
    """
    # Adding zero turns -0.0, which would print as "-0", into 0.0.
    text = (
        _flat(table)
        .apply(lambda column: column + 0.0 if column.dtype.kind == "f" else column)
        .to_csv(index=False, float_format=f"%.{SIGNIFICANT_DIGITS}g", lineterminator="\n")
    )
    return write_atomically(path, text)


def write_parquet(
    table: pd.DataFrame, path: str | os.PathLike[str], *, units: Mapping[str, str] | None = None
) -> Path:
    """Write a table as Parquet at full precision, with units in the field metadata (key `unit`).

    Args:
        table: The table; lists are joined by `; `.
        path: Target file.
        units: Unit of each column that has one; by default `table.attrs["units"]`.

    Returns:
        The path written.
    """
    import pyarrow as pa
    import pyarrow.parquet as pq

    known = table.attrs.get("units", {}) if units is None else units
    plain = _flat(table)
    # Attributes would land in the file's metadata, and hold whatever a caller put there.
    plain.attrs = {}
    arrow = pa.Table.from_pandas(plain, preserve_index=False)
    fields = [
        field.with_metadata({"unit": known[field.name]} if field.name in known else None)
        for field in arrow.schema
    ]
    buffer = io.BytesIO()
    pq.write_table(arrow.cast(pa.schema(fields)), buffer, compression="zstd")
    return write_atomically(path, buffer.getvalue())


def _flat(table: pd.DataFrame) -> pd.DataFrame:
    """Return a copy in which lists and tuples are text."""
    result = table.copy()
    for name in result.columns:
        if result[name].dtype.kind == "O":
            result[name] = [_text(value) for value in result[name]]
    return result


def _text(value: Any) -> Any:
    return "; ".join(map(str, value)) if isinstance(value, list | tuple) else value
