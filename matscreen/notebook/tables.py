"""Tables as people read them: energies with SI prefixes, subscripts, units in the heading."""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup

from matscreen.errors import InputError
from matscreen.notebook.quantities import PREFIXED, quantity
from matscreen.report.formatting import (
    format_energy,
    format_interval,
    format_number,
    format_percent,
    formula_html,
    spacegroup_symbol,
    words,
)

if TYPE_CHECKING:
    import pandas as pd

_INTERVALS: Final = (("energy_lower_J", "energy_upper_J"), ("lower_J", "upper_J"))
"""Pairs of columns that become one."""
_CODES: Final = (
    "mechanism", "property", "parameter", "gate", "source", "screen", "evidence", "strategy",
)  # fmt: skip
"""Columns of registry names and codes, shown as words."""
_SHARES: Final = ("p_", "coverage", "share", "chance")
"""Beginnings of the names of columns that hold a share of one."""

_ROW: Final = Markup("<tr>{}</tr>")
_NOTE: Final = Markup("<p><small>{}</small></p>")


@dataclass(frozen=True, eq=False)
class Table:
    """A table that a notebook shows in words and units.

    Attributes:
        frame: The numbers behind it, all rows and columns that were asked for.
        title: A line above it; may be empty.
        rows: How many rows are shown.
    """

    frame: pd.DataFrame
    title: str = ""
    rows: int = 20

    def __repr__(self) -> str:
        """Return it as lines of text."""
        heads, lines = _cells(self.frame.head(self.rows))
        plain = [heads, *([_without_tags(cell) for cell in line] for line in lines)]
        widths = [max(len(line[i]) for line in plain) for i in range(len(heads))]
        text = [
            "  ".join(cell.ljust(width) for cell, width in zip(line, widths, strict=True)).rstrip()
            for line in plain
        ]
        return "\n".join([*([self.title] if self.title else []), *text, *self._rest()])

    def to_html(self) -> Markup:
        """Return it as HTML."""
        heads, lines = _cells(self.frame.head(self.rows))
        title = Markup("<p><b>{}</b></p>").format(self.title) if self.title else Markup("")
        head = _join(Markup("<th>{}</th>"), heads)
        body = _join(_ROW, (_join(Markup("<td>{}</td>"), line) for line in lines))
        table = Markup("<table><thead><tr>{}</tr></thead><tbody>{}</tbody></table>")
        return title + table.format(head, body) + _join(_NOTE, self._rest())

    def _repr_html_(self) -> str:
        return str(self.to_html())

    def _rest(self) -> list[str]:
        left = len(self.frame) - self.rows
        return [f"and {left:,} more"] if left > 0 else []


def table(
    frame: pd.DataFrame,
    columns: Sequence[str] | None = None,
    *,
    title: str = "",
    rows: int = 20,
) -> Table:
    """Show a table of matscreen as people read it.

    Energies get SI prefixes, their 90 % intervals one column, formulas subscripts, space groups
    their symbols, shares per cent, and every heading its unit. The numbers stay in `.frame`.

    Args:
        frame: A ranking, or any other table that a public function returns.
        columns: Columns to show, in this order; all by default.
        title: A line above it.
        rows: Most rows to show.

    Returns:
        The table; a notebook shows it by itself, a terminal as text.

    Raises:
        InputError: The table has no such column.
    """
    if columns is not None:
        unknown = [name for name in columns if name not in frame.columns]
        if unknown:
            raise InputError(
                f"the table has no column {', '.join(unknown)}; it has {', '.join(frame.columns)}"
            )
        frame = frame[list(columns)]
    return Table(frame, title, rows)


def _without_tags(cell: str) -> str:
    return cell.striptags() if isinstance(cell, Markup) else cell


def _join(template: Markup, parts: Iterable[str]) -> Markup:
    return Markup("").join(template.format(part) for part in parts)


def _cells(frame: pd.DataFrame) -> tuple[list[str], list[list[str]]]:
    units = _units(frame)
    heads: list[str] = []
    columns: list[list[str]] = []
    for name in map(str, frame.columns):
        pair = next((pair for pair in _INTERVALS if name in pair), None)
        if pair is not None and set(pair) <= set(frame.columns):
            if name == pair[0]:
                heads.append("90 % interval")
                ends = zip(frame[pair[0]], frame[pair[1]], strict=True)
                columns.append([format_interval(low, high) for low, high in ends])
            continue
        if name == "unit" and "value" in frame.columns:
            continue
        if name == "value" and "unit" in frame.columns:
            heads.append(name)
            pairs = zip(frame["value"], frame["unit"], strict=True)
            columns.append([quantity(float(value), str(unit)) for value, unit in pairs])
            continue
        unit = units.get(name, "")
        heads.append(_heading(name, unit))
        values = frame[name].astype(object)
        show = _format(name, unit)
        if show is _plain and _counts(values):
            show = _count
        columns.append(["" if _missing(value) else show(value) for value in values])
    return heads, [list(line) for line in zip(*columns, strict=True)]


def _units(frame: pd.DataFrame) -> Mapping[str, str]:
    from matscreen.ranking import column_units

    return {**column_units([str(name) for name in frame.columns]), **frame.attrs.get("units", {})}


def _heading(name: str, unit: str) -> str:
    if name.endswith("_J"):  # the cells carry prefix and unit, as do those of other such units
        return words(name.removesuffix("_J"))
    text = words(name.removesuffix("_" + unit.replace("/", "_per_")) if unit else name)
    return text if unit in {"", "1", *PREFIXED} else f"{text} ({unit})"


def _format(name: str, unit: str) -> Callable[[Any], str]:
    """Return what turns a value of a column into text, or into HTML that is marked safe."""
    if name == "formula":
        return formula_html
    if name == "spacegroup":
        return lambda value: spacegroup_symbol(int(value)) or str(value)
    if name == "structure_id":
        return lambda value: str(value)[:10]
    if name.endswith("_J"):
        return format_energy
    if unit in PREFIXED:
        return lambda value: quantity(float(value), unit)
    if name.startswith(_SHARES):
        return _share
    if name in _CODES:
        return lambda value: words(str(value).replace(".", " "))
    return _plain


def _counts(values: Iterable[Any]) -> bool:
    """Say whether a column holds whole numbers as floats, because some of them are missing."""
    known = [value for value in values if not _missing(value)]
    floats = all(type(value).__name__.startswith("float") for value in known)
    return bool(known) and floats and all(float(value).is_integer() for value in known)


def _count(value: Any) -> str:
    return f"{float(value):,.0f}"


def _share(value: Any) -> str:
    return _plain(value) if isinstance(value, (bool, str)) else format_percent(float(value))


def _plain(value: Any) -> str:
    kind = type(value).__name__
    if kind in {"bool", "bool_"}:
        return "yes" if value else "no"
    if kind.startswith("int"):
        return f"{value:,}"
    return format_number(float(value)) if kind.startswith("float") else str(value)


def _missing(value: Any) -> bool:
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:
        return True
    return isinstance(value, float) and math.isnan(value)
