"""Parity plots: held-out predictions of a surrogate against its labels."""

from __future__ import annotations

import math
from collections.abc import Sequence
from statistics import median
from typing import Any

import plotly.graph_objects as go

from matscreen.report.axes import Figure, axis, base_layout, log_ticks, plain, short, thin
from matscreen.report.formatting import DASH, format_number
from matscreen.report.palette import LIGHT
from matscreen.report.quality import Quality

MAX_PARITY_POINTS = 400
"""Points of a parity plot; beyond it they are thinned evenly over the labels."""


def parity_figure(quality: Quality) -> Figure | None:
    """Draw held-out predictions against labels; intervals that miss the label stand out.

    Returns:
        None when there is no out-of-fold prediction.
    """
    if not quality.y:
        return None
    order = sorted(range(len(quality.y)), key=lambda index: quality.y[index])
    keep = thin(order, MAX_PARITY_POINTS)
    covered = quality.covered
    figure = go.Figure()
    ends = _ends(quality)
    figure.add_trace(
        go.Scatter(
            x=ends,
            y=ends,
            mode="lines",
            line={"color": LIGHT["line"], "width": 1, "dash": "dot"},
            hoverinfo="skip",
        )
    )
    for hit, colour in ((True, LIGHT["series-0"]), (False, LIGHT["alarm"])):
        figure.add_trace(_parity_trace(quality, [i for i in keep if covered[i] is hit], colour))
    unit = f" ({plain(quality.unit)})" if quality.unit not in {"", "1"} else ""
    scale: dict[str, Any] = {"nticks": 6, "range": _padded(ends, log=quality.logarithmic)}
    if quality.logarithmic:
        ticks = log_ticks(*scale["range"])
        scale |= {"type": "log", "tickvals": ticks, "ticktext": [f"{tick:g}" for tick in ticks]}
    figure.update_layout(
        base_layout(),
        margin={"l": 56, "r": 10, "t": 10, "b": 46},
        xaxis={**axis(f"Label{unit}"), **scale},
        yaxis={**axis(f"Predicted{unit}"), **scale},
    )
    return Figure(figure, 300)


def _ends(quality: Quality) -> list[float]:
    """Return the ends of both axes: all labels and predictions, and most of the intervals."""
    values = [*quality.y, *quality.mean, median(quality.lower), median(quality.upper)]
    if quality.logarithmic:
        values = [value for value in values if value > 0.0]
    return [short(min(values)), short(max(values))]


def _parity_trace(quality: Quality, keep: Sequence[int], colour: str) -> go.Scatter:
    mean = [quality.mean[i] for i in keep]
    return go.Scatter(
        x=[short(quality.y[i]) for i in keep],
        y=[short(value) for value in mean],
        mode="markers",
        marker={"color": colour, "size": 5},
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [short(max(0.0, quality.upper[i] - quality.mean[i])) for i in keep],
            "arrayminus": [short(max(0.0, quality.mean[i] - quality.lower[i])) for i in keep],
            "color": colour,
            "thickness": 0.6,
            "width": 0,
        },
        hovertext=[
            f"label {format_number(quality.y[i])}<br>predicted {format_number(quality.mean[i])} "
            f"({format_number(quality.lower[i])} {DASH} {format_number(quality.upper[i])})"
            for i in keep
        ],
        hoverinfo="text",
        showlegend=False,
    )


def _padded(ends: Sequence[float], *, log: bool) -> list[float]:
    low, high = (math.log10(ends[0]), math.log10(ends[1])) if log else (ends[0], ends[1])
    pad = 0.06 * (high - low) or 0.5
    return [low - pad, high + pad]
