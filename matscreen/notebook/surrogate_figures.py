"""Draw the tables of `importances` and `partial_dependence`."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

from matscreen.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from matscreen.report.axes import Figure
    from matscreen.report.explanations import Curve


def importance_bars(table: pd.DataFrame) -> Figure:
    """Draw one table of importances as bars.

    Raises:
        InputError: The model is constant and looks at nothing.
    """
    from matscreen.report.explanation_figures import importance_figure
    from matscreen.report.explanations import Bar

    by = table.attrs["by"]
    rows = zip(table[by], table["importance"], table["standard_error"], strict=True)
    drawn = importance_figure(
        [Bar(str(name), float(rise), float(error)) for name, rise, error in rows],
        unit=table.attrs["unit"],
        spelled=by == "column",
    )
    if drawn is None:
        raise InputError("a constant model looks at nothing: there is no bar to draw")
    return drawn


def dependence_map(table: pd.DataFrame) -> Figure:
    """Draw one table of partial dependence on a pair of descriptors as a heat map."""
    from matscreen.report.explanation_figures import pair_figure

    first, second = table.attrs["columns"]
    plane = table.pivot(index=first, columns=second, values="average")
    return pair_figure(
        (plane.index.to_numpy(float).tolist(), plane.columns.to_numpy(float).tolist()),
        plane.to_numpy().tolist(),
        columns=(first, second),
        units=tuple(table.attrs["column_units"]),
        unit=table.attrs["unit"],
        name=table.attrs["property"],
    )


def dependence_panels(tables: Sequence[pd.DataFrame]) -> Figure:
    """Draw tables of partial dependence on one descriptor each, over one scale.

    Raises:
        InputError: They are of different properties.
    """
    from matscreen.properties import PROPERTIES
    from matscreen.report.explanation_figures import dependence_figure

    named = {table.attrs["property"] for table in tables}
    if len(named) > 1:
        raise InputError(f"panels share the scale of one property, got {', '.join(sorted(named))}")
    (name,) = named
    entry = PROPERTIES.get(name)
    drawn = dependence_figure(
        [_curve(table) for table in tables],
        name=name,
        unit=tables[0].attrs["unit"],
        logarithmic=entry is not None and entry.scale == "log",
    )
    assert drawn is not None  # there is at least one curve
    return drawn


def is_pair(table: pd.DataFrame) -> bool:
    """Say whether a table of partial dependence is of two descriptors."""
    return len(table.attrs["columns"]) == 2


def _curve(table: pd.DataFrame) -> Curve:
    from matscreen.report.explanations import Curve

    attrs = table.attrs
    (column,) = attrs["columns"]
    return Curve(
        column=column,
        unit=attrs["column_units"][0],
        grid=tuple(table[column]),
        average=tuple(table["average"]),
        lower=tuple(table["lower"]),
        upper=tuple(table["upper"]),
        in_domain=tuple(table["in_domain"]),
        individual=tuple(map(tuple, attrs["individual"])),
        values=tuple(attrs["values"]),
    )
