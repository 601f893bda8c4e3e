"""Write a table as an Excel workbook: the numbers on one sheet, what they are on the next."""

from __future__ import annotations

import io
import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from matscreen.atomic import write_atomically
from matscreen.errors import InputError
from matscreen.exports.columns import describe_columns
from matscreen.exports.records import scalar

if TYPE_CHECKING:
    import pandas as pd

RANKING_SHEET: Final = "ranking"
COLUMNS_SHEET: Final = "columns"
ABOUT_SHEET: Final = "about"
MAX_ROWS: Final = 1_048_576
"""Rows of a sheet, the header among them."""
_FROZEN: Final = "D2"
"""The first cell that scrolls: header, ranks and formula stay in sight."""
_CELL: Final = 32_767
"""Characters that a cell takes."""
_CONTROL: Final = re.compile(r"[\x00-\x08\x0b\x0c\x0e-\x1f]")
_WIDEST: Final = 40
_EXPONENT: Final = ("_J", "_per_m", "_A", "_C", "_s", "breakdown_field")
"""Ends of the names of columns whose numbers are shown with an exponent."""


def write_xlsx(
    table: pd.DataFrame,
    path: str | os.PathLike[str],
    *,
    units: Mapping[str, str] | None = None,
    about: Mapping[str, str] | None = None,
) -> Path:
    """Write a table as an Excel workbook at full precision.

    Sheet `ranking` is the table, with a frozen header and a filter on every column, unknown values
    empty; sheet `columns` gives unit and meaning of each column; sheet `about` what the table is.
    A text that begins with `=` stays a text and is never a formula.

    Args:
        table: The table; lists are joined by `; `.
        path: Target file.
        units: Unit of each column that has one; by default `table.attrs["units"]`.
        about: What is known of the whole table.

    Returns:
        The path written.

    Raises:
        InputError: The table has more rows than a sheet.
    """
    if len(table) >= MAX_ROWS:
        raise InputError(
            f"a sheet takes {MAX_ROWS - 1:,} rows and the ranking has {len(table):,}: export "
            "parquet, or the best of them with --top"
        )
    known = table.attrs.get("units", {}) if units is None else units
    names = [str(name) for name in table.columns]
    described = [(c.name, c.unit, c.meaning) for c in describe_columns(names, known)]
    book = _openpyxl().Workbook(write_only=True)
    _fill(book.create_sheet(RANKING_SHEET), names, [table[name].tolist() for name in table.columns])
    for sheet, header, rows in (
        (COLUMNS_SHEET, ("name", "unit", "meaning"), described),
        (ABOUT_SHEET, ("what", "value"), list((about or {}).items())),
    ):
        _fill(book.create_sheet(sheet), header, list(zip(*rows, strict=True)))
    buffer = io.BytesIO()
    book.save(buffer)
    return write_atomically(path, buffer.getvalue())


def _fill(sheet: Any, header: Sequence[str], columns: Sequence[Sequence[Any]]) -> None:
    """Write a header that stays in sight and filters, and the columns under it."""
    openpyxl = _openpyxl()
    letters = [openpyxl.utils.get_column_letter(n) for n in range(1, len(header) + 1)]
    sheet.freeze_panes = _FROZEN if sheet.title == RANKING_SHEET else "A2"
    cells = [_cells(sheet, name, values) for name, values in zip(header, columns, strict=False)]
    rows = list(zip(*cells, strict=True))
    sheet.auto_filter.ref = f"A1:{letters[-1]}{len(rows) + 1}"
    for letter, name in zip(letters, header, strict=True):
        sheet.column_dimensions[letter].width = len(name) + 3
    for letter, column in zip(letters, cells, strict=False):
        widest = max((len(cell) for cell in column if isinstance(cell, str)), default=0)
        known = sheet.column_dimensions[letter].width
        sheet.column_dimensions[letter].width = max(known, min(widest, _WIDEST) + 3)
    titles = [openpyxl.cell.WriteOnlyCell(sheet, name) for name in header]
    for title in titles:
        title.font = openpyxl.styles.Font(bold=True)
    sheet.append(titles)
    for row in rows:
        sheet.append(row)


def _cells(sheet: Any, name: str, values: Sequence[Any]) -> list[Any]:
    """Return the values of a column as a workbook takes them, None where unknown."""
    new_cell = _openpyxl().cell.WriteOnlyCell
    small_or_large = name.endswith(_EXPONENT)
    cells: list[Any] = []
    for value in values:
        found = scalar(value)
        if isinstance(found, str):
            found = _CONTROL.sub("", found)[:_CELL]
            if found.startswith("="):
                found = new_cell(sheet, found)
                # Otherwise it would be a formula, and the text comes from a database of others.
                found.data_type = "s"
        elif small_or_large and isinstance(found, float):
            found = new_cell(sheet, found)
            found.number_format = "0.000E+00"
        cells.append(found)
    return cells


def _openpyxl() -> Any:
    import openpyxl

    return openpyxl
