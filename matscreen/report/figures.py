"""The figures of the report as Plotly figures in the light palette.

A page may swap the colours role by role for a dark background; nothing else depends on it.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Sequence
from typing import Any

import plotly.graph_objects as go

from matscreen.report.axes import (
    Figure,
    axis,
    base_layout,
    hover,
    joule_axis,
    plain,
    short,
    thin,
)
from matscreen.report.formatting import spacegroup_symbol, words
from matscreen.report.palette import LIGHT, series_role
from matscreen.report.reference import NumberedLine, place_labels
from matscreen.report.result import Candidate, ScreenResult

MAX_MAP_POINTS = 4000
"""Points of the map; beyond it the grey infeasible ones are thinned evenly."""
_ROW = 25
_BOTTOM = 56
# least widths of the axis on a wide and on a narrow page; report.js swaps below 860 pixels
_WIDE, _NARROW = 700, 220


def mechanism_colours(result: ScreenResult) -> dict[str, str]:
    """Return the colour of each mechanism of a screen."""
    return {name: LIGHT[series_role(i)] for i, name in enumerate(result.mechanisms)}


def best_of_mechanisms(result: ScreenResult, total: int = 25) -> dict[str, tuple[Candidate, ...]]:
    """Return the leading candidates of each mechanism, about `total` together.

    Infeasible rows are taken only when the screen has no feasible one.
    """
    rows = result.feasible or result.candidates
    groups = {
        name: tuple(row for row in rows if row.mechanism == name) for name in result.mechanisms
    }
    groups = {name: members for name, members in groups.items() if members}
    share = max(8, math.ceil(total / max(1, len(groups))))
    return {name: members[:share] for name, members in groups.items()}


def energy_figure(result: ScreenResult, lines: Sequence[NumberedLine]) -> Figure | None:
    """Draw the leading candidates on a log axis in joules, against the reference lines.

    A thin line runs from floor to ceiling, a thick bar over the 90 % interval, a dot marks the
    nominal energy; the dot is open when the evidence is predicted.

    Returns:
        None when no candidate has finite energies.
    """
    groups = {
        name: tuple(row for row in rows if _drawable(row))
        for name, rows in best_of_mechanisms(result).items()
    }
    groups = {name: rows for name, rows in groups.items() if rows}
    if not groups:
        return None
    colours = mechanism_colours(result)
    # switches that would fail are not drawn as if they were answers
    inks = colours if result.feasible else dict.fromkeys(colours, LIGHT["line"])
    figure, ticks, headers, y = go.Figure(), [], [], 0.0
    for name, rows in groups.items():
        headers.append((y, name))
        places = [y + 1.0 + index for index in range(len(rows))]
        ticks += list(zip(places, rows, strict=True))
        y = places[-1] + 1.2
        for trace in _interval_traces(rows, places, inks[name]):
            figure.add_trace(trace)
    low, high = _decades(groups.values(), lines)
    plot_height = round(_ROW * (y + 0.4))
    wide = place_labels(lines, low=low, high=high, width=_WIDE)
    narrow = place_labels(lines, low=low, high=high, width=_NARROW, numbered=True)
    labels = [(place, _label(row)) for place, row in ticks]
    figure.update_layout(
        base_layout(),
        margin={"l": 132, "r": 18, "t": 16 + wide.height, "b": _BOTTOM},
        xaxis=joule_axis([low, high], title="Energy per switching event"),
        yaxis={
            "range": [y, -0.6],
            "tickvals": [place for place, _ in labels],
            "ticktext": [text for _, text in labels],
            "showgrid": False,
            "zeroline": False,
            "ticks": "",
        },
        shapes=wide.shapes(plot_height),
        annotations=wide.annotations() + _headers(headers, colours),
    )
    return Figure(
        figure,
        plot_height + wide.height + 16 + _BOTTOM,
        narrow={
            "margin": {"l": 92, "r": 8, "t": 16 + narrow.height, "b": _BOTTOM},
            "shapes": narrow.shapes(plot_height),
            "annotations": narrow.annotations() + _headers(headers, colours),
            "yaxis.ticktext": [plain(row.formula) for _, row in ticks],
        },
    )


def maps_hull(result: ScreenResult) -> bool:
    """Say whether the map can be drawn over the energy above the hull."""
    return any(row.hull is not None for row in result.candidates)


def mapped(result: ScreenResult) -> tuple[Candidate, ...]:
    """Return the candidates that the map can show."""
    place = _place(result)
    return tuple(
        row for row in result.candidates if math.isfinite(place(row)) and row.nominal > 0.0
    )


def _place(result: ScreenResult) -> Callable[[Candidate], float]:
    if maps_hull(result):
        return lambda row: math.nan if row.hull is None else row.hull
    return lambda row: row.p_feasible


def map_figure(result: ScreenResult) -> Figure | None:
    """Draw every candidate: nominal energy against stability, Pareto front ringed.

    Stability is the energy above the hull; where none is known it is the probability of passing
    every gate.

    Returns:
        None when no candidate has both numbers.
    """
    rows = mapped(result)
    if not rows:
        return None
    colours, place = mechanism_colours(result), _place(result)
    feasible = [row for row in rows if row.feasible]
    rest = thin([row for row in rows if not row.feasible], max(0, MAX_MAP_POINTS - len(feasible)))
    figure = go.Figure()
    figure.add_trace(
        _points(rest, place, LIGHT["faint"], size=5, opacity=0.55, symbol="circle-open")
    )
    for name in result.mechanisms:
        mine = [row for row in feasible if row.mechanism == name]
        figure.add_trace(_points(mine, place, colours[name], size=7, opacity=0.75))
    front = sorted(
        (row for row in feasible if row.pareto), key=lambda row: (place(row), row.nominal)
    )
    figure.add_trace(
        go.Scatter(
            x=[short(place(row)) for row in front],
            y=[short(row.nominal) for row in front],
            mode="markers",
            marker={"symbol": "circle-open", "size": 14, "color": LIGHT["ink"]},
            marker_line_width=1.5,
            hoverinfo="skip",
            showlegend=False,
        )
    )
    low, high = _decades([tuple(rows)], (), ends=False)
    far = max(place(row) for row in rows)
    gate = result.screen.max_energy_above_hull or math.inf
    gated = maps_hull(result) and gate < far
    title = "Energy above hull (eV/atom)" if maps_hull(result) else "Probability of being feasible"
    figure.update_layout(
        base_layout(),
        margin={"l": 72, "r": 18, "t": 16, "b": _BOTTOM},
        xaxis={
            **axis(title),
            "range": [-0.03 * far - 0.002, 1.05 * far + 0.002],
        },
        yaxis=joule_axis([low, high], title="Nominal energy per event"),
        annotations=_front_labels(front, place, far, high - low)
        + ([_gate_label(gate)] if gated else []),
        shapes=[_gate_line(gate)] if gated else [],
    )
    return Figure(
        figure,
        520,
        narrow={
            "margin": {"l": 58, "r": 8, "t": 16, "b": _BOTTOM},
            "annotations": [_gate_label(gate)] if gated else [],
        },
    )


def _interval_traces(
    rows: Sequence[Candidate], places: Sequence[float], colour: str
) -> Iterable[go.Scatter]:
    pairs = list(zip(rows, places, strict=True))

    def segments(ends: Iterable[tuple[float, float]]) -> list[float | None]:
        return [value for pair in ends for value in (short(pair[0]), short(pair[1]), None)]

    across: list[float | None] = [v for _, place in pairs for v in (place, place, None)]
    common: dict[str, Any] = {"hoverinfo": "skip", "showlegend": False, "mode": "lines"}
    yield go.Scatter(
        x=segments((row.floor, row.ceiling) for row in rows),
        y=across,
        line={"color": colour, "width": 1},
        opacity=0.55,
        **common,
    )
    yield go.Scatter(
        x=[short(end) for row in rows for end in (row.floor, row.ceiling)],
        y=[place for place in places for _ in range(2)],
        **(common | {"mode": "markers"}),
        marker={"symbol": "line-ns-open", "size": 9, "color": colour, "line": {"width": 1.4}},
        opacity=0.8,
    )
    yield go.Scatter(
        x=segments((row.lower, row.upper) for row in rows),
        y=across,
        line={"color": colour, "width": 9},
        opacity=0.3,
        **common,
    )
    yield go.Scatter(
        x=[short(row.nominal) for row in rows],
        y=list(places),
        mode="markers",
        marker={
            "size": 10,
            "color": [LIGHT["paper"] if _predicted(row) else colour for row in rows],
            "line": {"color": colour, "width": 2},
        },
        hovertext=[hover(row) for row in rows],
        hoverinfo="text",
        showlegend=False,
    )


def _points(
    rows: Sequence[Candidate], place: Callable[[Candidate], float], colour: str, **marker: Any
) -> go.Scatter:
    return go.Scatter(
        x=[short(place(row)) for row in rows],
        y=[short(row.nominal) for row in rows],
        mode="markers",
        marker={"color": colour, **marker},
        hovertext=[hover(row) for row in rows],
        hoverinfo="text",
        showlegend=False,
    )


def _front_labels(
    front: Sequence[Candidate], place: Callable[[Candidate], float], far: float, decades: float
) -> list[dict[str, Any]]:
    """Name the points of the front, leaving out names that would run into one another."""
    placed: list[tuple[float, float]] = []
    labels = []
    for row in front:
        x, y = place(row) / max(far, 1e-9), math.log10(row.nominal) / max(decades, 1e-9)
        if len(placed) < 14 and all(abs(x - u) > 0.1 or abs(y - v) > 0.05 for u, v in placed):
            placed.append((x, y))
            labels.append(
                {
                    "x": place(row),
                    "y": math.log10(row.nominal),
                    "text": plain(row.formula),
                    "showarrow": False,
                    "xanchor": "left",
                    "xshift": 10,
                    "yshift": -9,
                    "font": {"color": LIGHT["ink"], "size": 12},
                }
            )
    return labels


def _gate_line(limit: float) -> dict[str, Any]:
    return {
        "type": "line",
        "yref": "paper",
        "x0": limit,
        "x1": limit,
        "y0": 0,
        "y1": 1,
        "line": {"color": LIGHT["line"], "width": 1, "dash": "dash"},
    }


def _gate_label(limit: float) -> dict[str, Any]:
    return {
        "x": limit,
        "yref": "paper",
        "y": 1,
        "yanchor": "top",
        "xanchor": "left",
        "xshift": 4,
        "text": "stability gate",
        "showarrow": False,
        "font": {"color": LIGHT["muted"], "size": 11},
    }


def _headers(headers: Sequence[tuple[float, str]], colours: dict[str, str]) -> list[dict[str, Any]]:
    return [
        {
            "xref": "paper",
            "x": 0,
            "xanchor": "left",
            "y": place,
            "text": f"<b>{plain(words(name)).capitalize()}</b>",
            "showarrow": False,
            "font": {"color": colours[name], "size": 13},
            "bgcolor": LIGHT["paper"],
        }
        for place, name in headers
    ]


def _drawable(row: Candidate) -> bool:
    values = (row.floor, row.lower, row.nominal, row.upper, row.ceiling)
    return all(math.isfinite(value) and value > 0.0 for value in values)


def _predicted(row: Candidate) -> bool:
    return row.evidence in {"surrogate", "prior"}


def _label(row: Candidate) -> str:
    symbol = spacegroup_symbol(row.spacegroup)
    return f"{plain(row.formula)} {symbol}".strip()


def _decades(
    groups: Iterable[Sequence[Candidate]], lines: Sequence[NumberedLine], *, ends: bool = True
) -> tuple[float, float]:
    values = [line.energy for line in lines]
    for rows in groups:
        for row in rows:
            values += [row.floor, row.ceiling, row.lower, row.upper] if ends else [row.nominal]
    logs = [math.log10(value) for value in values if math.isfinite(value) and value > 0.0]
    return min(logs) - 0.35, max(logs) + 0.35
