"""Draw the tables of `validate` and `replay_learning`."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import plotly.graph_objects as go

from matscreen.notebook.physics_figures import key_line, mechanism_colour
from matscreen.report.axes import (
    Figure,
    axis,
    base_layout,
    joule_axis,
    log_ticks,
    plain,
    rows_axis,
    short,
)
from matscreen.report.formatting import (
    format_energy,
    format_interval,
    format_number,
    words,
)
from matscreen.report.palette import LIGHT

if TYPE_CHECKING:
    import pandas as pd

_ROW: Final = 22
_TOP, _BOTTOM = 34, 52
_PANEL, _GAP = 250, 86
_STRATEGIES: Final = {
    "random": ("chance", LIGHT["line"]),
    "expected_improvement": ("acquisition", LIGHT["series-0"]),
}
_MAX_POINTS: Final = 300


def device_dots(table: pd.DataFrame) -> Figure:
    """Draw each measured device: its prediction with the 90 % interval, and the null model.

    Args:
        table: From `validate("devices")`; devices that are not scored are left out.
    """
    rows = table[table["excluded"] == ""].sort_values(
        ["mechanism", "energy_J"], kind="stable", ignore_index=True
    )
    figure = go.Figure()
    ticks: list[tuple[float, str]] = []
    headers: list[dict[str, Any]] = []
    y = 0.0
    for name, part in rows.groupby("mechanism", sort=False):
        colour = mechanism_colour(str(name))
        headers.append(_header(y, words(str(name)), colour))
        places = [y + 1.0 + index for index in range(len(part))]
        ticks += list(zip(places, map(plain, part["formula"].astype(str)), strict=True))
        y = places[-1] + 1.2
        for trace in _device_traces(part, places, colour):
            figure.add_trace(trace)
    values = rows[["energy_J", "lower_J", "upper_J", "null_J"]].astype(float)
    low, high = math.log10(values.min().min()) - 0.3, math.log10(values.max().max()) + 0.3
    height = round(_ROW * (y + 0.4))
    figure.update_layout(
        base_layout(),
        margin={"l": 132, "r": 18, "t": _TOP, "b": _BOTTOM},
        xaxis=joule_axis([low, high], title="Energy per switching event"),
        yaxis={
            "range": [y, -0.6],
            "tickvals": [place for place, _ in ticks],
            "ticktext": [text for _, text in ticks],
            "showgrid": False,
            "zeroline": False,
            "ticks": "",
        },
        annotations=[
            key_line(
                [
                    ("◆ measured", LIGHT["ink"]),
                    ("● predicted, 90 % interval", LIGHT["muted"]),
                    ("○ without the material", LIGHT["line"]),
                ]
            ),
            *headers,
        ],
    )
    return Figure(figure, height + _TOP + _BOTTOM)


def replay_curves(table: pd.DataFrame) -> Figure:
    """Draw the share of the best materials that a search has found against its simulations.

    Args:
        table: From `replay_learning`.
    """
    figure = go.Figure()
    for strategy, (name, colour) in _STRATEGIES.items():
        part = table[table["strategy"] == strategy]
        for seed, one in part.groupby("seed"):
            figure.add_trace(
                go.Scatter(
                    x=one["simulations"].tolist(),
                    y=[short(100.0 * value) for value in one["share_found"]],
                    mode="lines",
                    line={"color": colour, "width": 2, "shape": "hv"},
                    opacity=0.75,
                    hovertemplate=f"{name}, seed {seed}: %{{x}} simulations, %{{y}} %"
                    "<extra></extra>",
                    showlegend=False,
                )
            )
    longest = int(table["simulations"].max())
    figure.update_layout(
        base_layout(),
        margin={"l": 62, "r": 14, "t": _TOP, "b": _BOTTOM},
        xaxis={**axis("Simulations"), "range": [0, longest]},
        yaxis={**axis("Share of the best 5 % found (%)"), "range": [0, 54]},
        annotations=[key_line(list(_STRATEGIES.values()))],
    )
    return Figure(figure, 340)


def parity_panels(table: pd.DataFrame, *, across: int = 2) -> Figure:
    """Draw predictions that never saw their label, one panel a property.

    Args:
        table: From `validate("predictions")`.
        across: Panels beside one another.
    """
    groups = list(table.groupby("property", sort=False))
    across = min(across, len(groups))
    down = -(-len(groups) // across)
    room = down * _PANEL + (down - 1) * _GAP
    figure, axes = go.Figure(), dict[str, Any]()
    titles = []
    for index, (name, part) in enumerate(groups):
        number = "" if index == 0 else str(index + 1)
        row, column = divmod(index, across)
        top, left = 1.0 - row * (_PANEL + _GAP) / room, column / across
        width = 1.0 / across - (0.09 if across > 1 else 0.0)
        for trace in _parity_traces(part):
            figure.add_trace(trace.update(xaxis=f"x{number}", yaxis=f"y{number}"))
        scale = _parity_scale(part)
        axes[f"xaxis{number}"] = {
            **axis(plain(f"Label ({part['unit'].iloc[0]})")),
            **scale,
            "anchor": f"y{number}",
            "domain": [left, left + width],
        }
        axes[f"yaxis{number}"] = {
            **axis("Predicted" if column == 0 else ""),
            **scale,
            "anchor": f"x{number}",
            "domain": [max(0.0, top - _PANEL / room), top],
        }
        titles.append(_title(plain(words(str(name)).capitalize()), left, top))
    figure.update_layout(
        base_layout(), margin={"l": 64, "r": 8, "t": _TOP, "b": _BOTTOM}, annotations=titles, **axes
    )
    return Figure(figure, room + _TOP + _BOTTOM)


def error_bars(table: pd.DataFrame, *, names: Sequence[str], error: str, title: str) -> Figure:
    """Draw signed errors as bars from zero, one a row.

    Args:
        table: One row a comparison.
        names: Name of each row.
        error: Column of the errors.
        title: Title of the axis.
    """
    values = [float(value) for value in table[error]]
    ends = [0.0, *values]
    pad = 0.08 * (max(ends) - min(ends)) or 1.0
    figure = go.Figure(
        go.Bar(
            x=[short(value) for value in values],
            y=list(range(len(values))),
            orientation="h",
            width=0.62,
            marker={"color": LIGHT["series-0"], "line": {"width": 0}},
            hovertext=[
                f"<b>{name}</b> {format_number(value)}"
                for name, value in zip(names, values, strict=True)
            ],
            hoverinfo="text",
        )
    )
    figure.update_layout(
        base_layout(),
        margin={"l": 132, "r": 12, "t": 8, "b": _BOTTOM},
        xaxis={
            **axis(plain(title)),
            "range": [min(ends) - pad, max(ends) + pad],
            "zeroline": True,
            "zerolinecolor": LIGHT["line"],
        },
        yaxis=rows_axis([plain(name) for name in names]),
    )
    return Figure(figure, _ROW * len(values) + 8 + _BOTTOM)


def _device_traces(
    rows: pd.DataFrame, places: Sequence[float], colour: str
) -> tuple[go.Scatter, ...]:
    quiet: dict[str, Any] = {"hoverinfo": "skip", "showlegend": False}
    spans: list[float | None] = []
    across: list[float | None] = []
    for low, high, place in zip(rows["lower_J"], rows["upper_J"], places, strict=True):
        spans += [short(low), short(high), None]
        across += [place, place, None]
    hover = [
        f"<b>{plain(str(row['formula']))}</b><br>measured {format_energy(row['energy_J'])}<br>"
        f"predicted {format_energy(row['predicted_J'])} "
        f"({format_interval(row['lower_J'], row['upper_J'])})<br>"
        f"without the material {format_energy(row['null_J'])}<br>{plain(str(row['source'])[:60])}"
        for row in rows.to_dict("records")
    ]

    def dots(column: str, **marker: Any) -> go.Scatter:
        return go.Scatter(
            x=[short(value) for value in rows[column]],
            y=list(places),
            mode="markers",
            marker=marker,
            hovertext=hover,
            hoverinfo="text",
            showlegend=False,
        )

    return (
        go.Scatter(
            x=spans,
            y=across,
            mode="lines",
            line={"color": colour, "width": 8},
            opacity=0.28,
            **quiet,
        ),
        dots("null_J", symbol="circle-open", size=9, color=LIGHT["line"], line={"width": 1.4}),
        dots("predicted_J", symbol="circle", size=9, color=colour),
        dots("energy_J", symbol="diamond", size=10, color=LIGHT["ink"]),
    )


def _parity_traces(rows: pd.DataFrame) -> tuple[go.Scatter, ...]:
    step = -(-len(rows) // _MAX_POINTS)
    shown = rows.sort_values("y", kind="stable").iloc[::step]
    inside = shown["y"].between(shown["lower"], shown["upper"])
    ends = [short(rows["y"].min()), short(rows["y"].max())]
    line = go.Scatter(
        x=ends,
        y=ends,
        mode="lines",
        line={"color": LIGHT["line"], "width": 1, "dash": "dot"},
        hoverinfo="skip",
        showlegend=False,
    )
    points = []
    for hit, colour in ((True, LIGHT["series-0"]), (False, LIGHT["alarm"])):
        part = shown[inside == hit]
        points.append(
            go.Scatter(
                x=[short(value) for value in part["y"]],
                y=[short(value) for value in part["mean"]],
                mode="markers",
                marker={"color": colour, "size": 4.5, "opacity": 0.7},
                hovertemplate="label %{x}<br>predicted %{y}<extra></extra>",
                showlegend=False,
            )
        )
    return (line, *points)


def _parity_scale(rows: pd.DataFrame) -> dict[str, Any]:
    both = rows[["y", "mean"]].to_numpy(float)
    low, high = float(both.min()), float(both.max())
    if not rows["logarithmic"].iloc[0] or low <= 0.0:
        pad = 0.05 * (high - low) or 0.5
        return {"range": [low - pad, high + pad], "nticks": 6}
    ends = [math.log10(low) - 0.08, math.log10(high) + 0.08]
    ticks = log_ticks(*ends)
    return {"type": "log", "range": ends, "tickvals": ticks, "ticktext": [f"{t:g}" for t in ticks]}


def _title(text: str, left: float, top: float) -> dict[str, Any]:
    return {
        "xref": "paper", "yref": "paper", "x": left, "y": top, "xanchor": "left",
        "yanchor": "bottom", "yshift": 4, "text": f"<b>{text}</b>", "showarrow": False,
        "font": {"color": LIGHT["ink"], "size": 13},
    }  # fmt: skip


def _header(place: float, text: str, colour: str) -> dict[str, Any]:
    return {
        "xref": "paper", "x": 0, "xanchor": "left", "y": place, "showarrow": False,
        "text": f"<b>{plain(text).capitalize()}</b>", "bgcolor": LIGHT["paper"],
        "font": {"color": colour, "size": 13},
    }  # fmt: skip
