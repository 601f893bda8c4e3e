"""Figures of what a surrogate looks at: grouped importances and partial dependence."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import Any

import plotly.graph_objects as go

from matscreen.report.axes import (
    Figure,
    axis,
    base_layout,
    log_ticks,
    plain,
    rows_axis,
    short,
    thin,
)
from matscreen.report.explanations import Bar, Curve, column_words, with_unit
from matscreen.report.formatting import DASH, format_number, format_percent, words
from matscreen.report.palette import LIGHT

MAX_BARS = 10
MAX_CURVES = 25
"""Curves of single rows in a panel; beyond it they would be a wash of grey."""
_MAX_RUG = 60
_BAND = "rgba(0,114,178,0.16)"  # series-0, seen through; does on a white and on a dark page
_BAR, _BOTTOM = 26, 52
_PANEL, _GAP = 136, 52


def importance_figure(
    bars: Sequence[Bar], *, unit: str, limit: int = MAX_BARS, spelled: bool = False
) -> Figure | None:
    """Draw importances as horizontal bars, most important on top, with their standard errors.

    Args:
        bars: Groups or columns, most important first.
        unit: Unit of the property.
        limit: Most bars.
        spelled: Whether the names are descriptor columns, to be put into words.

    Returns:
        None when there is nothing to draw.
    """
    shown = bars[:limit]
    if not shown:
        return None
    names = [plain(column_words(bar.name) if spelled else bar.name) for bar in shown]
    figure = go.Figure(
        go.Bar(
            x=[short(bar.importance) for bar in shown],
            y=list(range(len(shown))),
            orientation="h",
            width=0.62,
            marker={"color": LIGHT["series-0"], "line": {"width": 0}},
            error_x={
                "type": "data",
                "array": [short(bar.error) for bar in shown],
                "color": LIGHT["muted"],
                "thickness": 1.2,
                "width": 3,
            },
            hovertext=[
                f"<b>{name}</b><br>error rises by {format_number(bar.importance)} ± "
                f"{format_number(bar.error, digits=2)} {'' if unit == '1' else plain(unit)}"
                for name, bar in zip(names, shown, strict=True)
            ],
            hoverinfo="text",
        )
    )
    ends = [0.0, *(bar.importance + side * bar.error for bar in shown for side in (-1.0, 1.0))]
    pad = 0.04 * (max(ends) - min(ends)) or 1.0
    figure.update_layout(
        base_layout(),
        margin={"l": 208, "r": 12, "t": 8, "b": _BOTTOM},
        xaxis={
            **axis(plain(with_unit("Rise of the mean absolute error", unit))),
            "range": [min(ends) - (pad if min(ends) < 0.0 else 0.0), max(ends) + pad],
            "zeroline": True,
            "zerolinecolor": LIGHT["line"],
            "nticks": 6,
        },
        yaxis=rows_axis(names),
    )
    return Figure(
        figure,
        _BAR * len(shown) + _BOTTOM + 8,
        narrow={"margin": {"l": 190, "r": 8, "t": 8, "b": _BOTTOM}},
    )


def dependence_figure(
    curves: Sequence[Curve], *, name: str, unit: str, logarithmic: bool, across: int = 2
) -> Figure | None:
    """Draw partial dependence as small multiples over one scale of the property.

    The line is the average over rows, the band the average 90 % interval of a row, the thin lines
    are single rows, the ticks below are training rows.

    Args:
        curves: One a column.
        name: Registry name of the property.
        unit: Unit of the property.
        logarithmic: Whether its axis is logarithmic.
        across: Panels beside one another.

    Returns:
        None when there is nothing to draw.
    """
    if not curves:
        return None
    across = min(across, len(curves))
    down = -(-len(curves) // across)
    height = down * _PANEL + (down - 1) * _GAP + _BOTTOM + 8
    room = height - _BOTTOM - 8
    figure, axes = go.Figure(), dict[str, Any]()
    low, high = _ends(curves, logarithmic=logarithmic)
    scale: dict[str, Any] = {"range": [low, high]}
    if logarithmic:
        ends = [math.log10(low), math.log10(high)]
        ticks = log_ticks(*ends)
        scale = {"type": "log", "range": ends, "tickvals": ticks}
        scale["ticktext"] = [f"{tick:g}" for tick in ticks]
    for index, curve in enumerate(curves):
        number = "" if index == 0 else str(index + 1)
        row, column = divmod(index, across)
        top, left = 1.0 - row * (_PANEL + _GAP) / room, column / across
        for trace in _traces(curve, floor=low, unit=unit):
            figure.add_trace(trace.update(xaxis=f"x{number}", yaxis=f"y{number}"))
        across_axis = axis(plain(with_unit(column_words(curve.column), curve.unit)))
        across_axis["title"] |= {"font": {"size": 12}, "standoff": 6}
        axes[f"xaxis{number}"] = {
            **across_axis,
            "anchor": f"y{number}",
            "domain": [left, left + 1.0 / across - (0.05 if across > 1 else 0.0)],
            "nticks": 5,
        }
        axes[f"yaxis{number}"] = {
            **axis(""),
            "anchor": f"x{number}",
            "domain": [max(0.0, top - _PANEL / room), top],
            "nticks": 5,
            "showticklabels": column == 0,
            **scale,
        }
    title = {
        "text": plain(with_unit(words(name).capitalize(), unit)),
        "textangle": -90,
        "xref": "paper",
        "yref": "paper",
        "x": 0,
        "y": 0.5,
        "xshift": -50,
        "showarrow": False,
        "font": {"color": LIGHT["muted"], "size": 12},
    }
    figure.update_layout(
        base_layout(),
        margin={"l": 64, "r": 8, "t": 8, "b": _BOTTOM},
        annotations=[title],
        **axes,
    )
    return Figure(figure, height)


def pair_figure(
    grids: tuple[Sequence[float], Sequence[float]],
    average: Sequence[Sequence[float]],
    *,
    columns: tuple[str, str],
    units: tuple[str, str],
    unit: str,
    name: str,
) -> Figure:
    """Draw partial dependence on a pair of columns as a heat map.

    Args:
        grids: Values of the first column, (a,), and of the second, (b,).
        average: Mean predictions, (a, b).
        columns: Names of the columns.
        units: Their units; empty when unknown.
        unit: Unit of the property.
        name: Registry name of the property.
    """
    first, second = columns
    figure = go.Figure(
        go.Heatmap(
            x=[short(value) for value in grids[0]],
            y=[short(value) for value in grids[1]],
            z=[[short(row[j]) for row in average] for j in range(len(grids[1]))],
            colorscale="Cividis",
            colorbar={
                "title": {
                    "text": plain(with_unit(words(name).capitalize(), unit)),
                    "side": "right",
                },
                "thickness": 14,
                "outlinewidth": 0,
            },
            hovertemplate="%{x}, %{y}: %{z}<extra></extra>",
        )
    )
    figure.update_layout(
        base_layout(),
        margin={"l": 72, "r": 8, "t": 8, "b": _BOTTOM},
        xaxis=axis(plain(with_unit(column_words(first), units[0]))),
        yaxis=axis(plain(with_unit(column_words(second), units[1]))),
    )
    return Figure(figure, 380)


def _traces(curve: Curve, *, floor: float, unit: str) -> list[go.Scatter]:
    grid = [short(value) for value in curve.grid]
    quiet: dict[str, Any] = {"hoverinfo": "skip", "showlegend": False}
    single = thin(curve.individual, MAX_CURVES)
    shown = "" if unit in {"", "1"} else f" {plain(unit)}"
    return [
        go.Scatter(
            x=[*grid, *reversed(grid)],
            y=[short(v) for v in (*curve.upper, *reversed(curve.lower))],
            mode="lines",
            fill="toself",
            fillcolor=_BAND,
            line={"width": 0},
            **quiet,
        ),
        go.Scatter(
            x=[value for _ in single for value in (*grid, None)],
            y=[value for row in single for value in (*map(short, row), None)],
            mode="lines",
            line={"color": LIGHT["line"], "width": 0.7},
            opacity=0.45,
            **quiet,
        ),
        go.Scatter(
            x=[short(value) for value in _within(curve)],
            y=[short(floor)] * len(_within(curve)),
            mode="markers",
            marker={
                "symbol": "line-ns-open",
                "size": 9,
                "color": LIGHT["muted"],
                "line": {"width": 0.8},
            },
            **quiet,
        ),
        go.Scatter(
            x=grid,
            y=[short(value) for value in curve.average],
            # a column of few values is no continuum
            mode="lines+markers" if len(grid) <= 8 else "lines",
            line={"color": LIGHT["series-0"], "width": 2.4},
            marker={"color": LIGHT["series-0"], "size": 6},
            hovertext=[
                f"{plain(column_words(curve.column))} {format_number(value)} {_bare(curve.unit)}"
                f"<br><b>{format_number(mean)}</b> ({format_number(low)} {DASH} "
                f"{format_number(high)}){shown}<br>{format_percent(inside)} in the domain"
                for value, mean, low, high, inside in zip(
                    curve.grid,
                    curve.average,
                    curve.lower,
                    curve.upper,
                    curve.in_domain,
                    strict=True,
                )
            ],
            hoverinfo="text",
            showlegend=False,
        ),
    ]


def _bare(unit: str) -> str:
    return "" if unit in {"", "1"} else plain(unit)


def _within(curve: Curve) -> list[float]:
    """Return the rug: training values inside the grid."""
    low, high = min(curve.grid), max(curve.grid)
    return thin([value for value in curve.values if low <= value <= high], _MAX_RUG)


def _ends(curves: Sequence[Curve], *, logarithmic: bool) -> tuple[float, float]:
    """Return the common ends of the property: bands and averages; single rows may leave them."""
    values = [v for curve in curves for v in (*curve.lower, *curve.upper, *curve.average)]
    low, high = min(values), max(values)
    if logarithmic:
        return low / 1.15, high * 1.15
    pad = 0.06 * (high - low) or 0.5
    return low - pad, high + pad
