"""The periodic table of a screen and its maps of cation pairs, as Plotly figures."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Any, Final

import plotly.graph_objects as go

from matscreen.report.axes import Figure, base_layout, log_ticks, plain
from matscreen.report.chemistry import PairMap, Tally, log_energy
from matscreen.report.formatting import format_energy, plural, words
from matscreen.report.palette import LIGHT

_LANTHANIDES: Final = range(57, 72)
_ACTINIDES: Final = range(89, 104)
_CELL: Final = 20
_MARGIN: Final = 62


def periodic_figure(tallies: Mapping[str, Tally]) -> Figure | None:
    """Colour each element by the share of its ranked materials that can work.

    Returns:
        None when no element was ranked.
    """
    if not tallies:
        return None
    from matscreen.formulas import element_symbols

    shares = [[math.nan] * 18 for _ in range(9)]
    hovers = [[""] * 18 for _ in range(9)]
    labels = []
    top = max(len(each.feasible) / len(each.ranked) for each in tallies.values())
    for number, symbol in enumerate(element_symbols()[1:104], start=1):
        row, column = _place(number)
        tally = tallies.get(symbol)
        share = math.nan if tally is None else len(tally.feasible) / len(tally.ranked)
        if tally is not None:
            shares[row][column] = round(share, 4)
            hovers[row][column] = _element_hover(symbol, tally)
        strong = math.isfinite(share) and top > 0.0 and share > 0.55 * top
        shade = "paper" if strong else "faint" if tally is None else "ink"
        labels.append(_text(column, row, symbol, shade))
    figure = go.Figure(
        go.Heatmap(
            z=_blank(shares),
            text=hovers,
            hoverinfo="text",
            hoverongaps=False,
            xgap=2,
            ygap=2,
            zmin=0.0,
            zmax=max(top, 1e-3),
            colorscale=_scale(),
            colorbar=_bar("share that can work", tickformat=".0%"),
        )
    )
    figure.update_layout(
        base_layout(),
        margin={"l": 6, "r": 6, "t": 6, "b": 66},
        xaxis={"visible": False, "range": [-0.5, 17.5]},
        yaxis={"visible": False, "range": [8.6, -0.5]},
        annotations=labels,
    )
    small = [{**label, "font": {**label["font"], "size": 8}} for label in labels]
    return Figure(figure, 470, narrow={"annotations": small, "height": 300})


def pair_figure(pairs: PairMap) -> Figure:
    """Colour each pair of cations by the least energy among its materials that can work.

    A dot marks pairs that were ranked and hold no such material.
    """
    z: list[list[float]] = []
    text: list[list[str]] = []
    dots: tuple[list[str], list[str]] = ([], [])
    for b in pairs.b:
        z.append([])
        text.append([])
        for a in pairs.a:
            tally = pairs.cells.get((a, b))
            value = math.nan if tally is None else log_energy(tally)
            z[-1].append(round(value, 2))
            text[-1].append("" if tally is None else _pair_hover(a, b, tally))
            if tally is not None and not math.isfinite(value):
                dots[0].append(a)
                dots[1].append(b)
    known = [value for row in z for value in row if math.isfinite(value)]
    low, high = min(known), max(known)
    ticks = log_ticks(low, high)
    figure = go.Figure(
        go.Heatmap(
            x=pairs.a,
            y=pairs.b,
            z=_blank(z),
            text=text,
            hoverinfo="text",
            hoverongaps=False,
            xgap=1,
            ygap=1,
            colorscale=_scale(reverse=True),
            zmin=low,
            zmax=max(high, low + 0.1),
            colorbar=_bar(
                "least energy that can work",
                tickvals=[math.log10(tick) for tick in ticks],
                ticktext=[format_energy(tick, digits=1) for tick in ticks],
            ),
        )
    )
    figure.add_trace(
        go.Scatter(
            x=dots[0],
            y=dots[1],
            mode="markers",
            marker={"size": 3, "color": LIGHT["faint"]},
            hoverinfo="skip",
        )
    )
    side: dict[str, Any] = {
        "showgrid": False,
        "zeroline": False,
        "type": "category",
        "dtick": 1,
        "ticks": "",
        "tickfont": {"size": 10},
        "tickangle": 0,
    }
    figure.update_layout(
        base_layout(),
        margin={"l": 46, "r": 6, "t": 30, "b": 66},
        xaxis={
            **side,
            "side": "top",
            "categoryarray": pairs.a,
            "title": {"text": "A, the larger cation", "standoff": 2, "font": {"size": 12}},
        },
        yaxis={
            **side,
            "categoryarray": list(reversed(pairs.b)),
            "title": {"text": "B", "standoff": 4, "font": {"size": 12}},
        },
    )
    height = _CELL * len(pairs.b) + 30 + 66
    tight = {"size": 8}
    return Figure(
        figure,
        max(height, 240),
        narrow={
            "xaxis.tickfont": tight,
            "yaxis.tickfont": tight,
            "xaxis.tickangle": -90,
            "xaxis.title.standoff": 12,
        },
    )


def _place(number: int) -> tuple[int, int]:
    """Return row and column of an element; the f block stands below, after a gap."""
    from pymatgen.core import Element

    if number in _LANTHANIDES:
        return 7, number - 57 + 2
    if number in _ACTINIDES:
        return 8, number - 89 + 2
    element = Element.from_Z(number)
    return int(element.row) - 1, int(element.group) - 1


def _element_hover(symbol: str, tally: Tally) -> str:
    return "<br>".join([f"<b>{symbol}</b>", *_counts(tally)])


def _pair_hover(a: str, b: str, tally: Tally) -> str:
    return "<br>".join([f"<b>{a} – {b}</b>", *_counts(tally)])


def _counts(tally: Tally) -> list[str]:
    lines = [
        f"{len(tally.feasible):,} of {plural(len(tally.ranked), 'material')} can work",
    ]
    if tally.best is not None:
        row = tally.best
        lines.append(
            f"least: {plain(row.formula)}, {format_energy(row.nominal)}, "
            f"{plain(words(row.mechanism))}"
        )
    return lines


def _text(x: int, y: int, text: str, role: str) -> dict[str, Any]:
    return {
        "x": x,
        "y": y,
        "text": text,
        "showarrow": False,
        "font": {"size": 13, "color": LIGHT[role]},
    }


def _scale(*, reverse: bool = False) -> list[list[Any]]:
    # two roles of the palette, so that a dark page swaps both ends
    ends = [LIGHT["grid"], LIGHT["series-0"]]
    first, last = reversed(ends) if reverse else ends
    return [[0.0, first], [1.0, last]]


def _bar(title: str, **ticks: Any) -> dict[str, Any]:
    return {
        "orientation": "h",
        "thickness": 10,
        "len": 0.6,
        "x": 0.5,
        "y": 0,
        "yanchor": "top",
        "ypad": 6,
        "outlinewidth": 0,
        "title": {"text": title, "side": "top", "font": {"size": 12}},
        **ticks,
    }


def _blank(rows: list[list[float]]) -> list[list[float | None]]:
    return [[value if math.isfinite(value) else None for value in row] for row in rows]
