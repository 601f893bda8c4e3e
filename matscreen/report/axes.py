"""What the figures of the report share: axes, layout, texts that are safe in Plotly."""

from __future__ import annotations

import html
import math
from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Any, TypeVar

import plotly.graph_objects as go

from matscreen.report.formatting import (
    DASH,
    format_energy,
    format_interval,
    format_percent,
    formula_text,
    spacegroup_symbol,
    words,
)
from matscreen.report.palette import LIGHT
from matscreen.report.result import Candidate, code_of

_Item = TypeVar("_Item")


@dataclass(frozen=True)
class Figure:
    """A figure and how it changes on a narrow page.

    Attributes:
        figure: The figure at full width.
        height: Height in pixels.
        narrow: Layout entries that replace those of the figure below 860 pixels.
    """

    figure: go.Figure
    height: int
    narrow: dict[str, Any] = field(default_factory=dict)


def plain(text: str) -> str:
    """Return a text with subscripts, safe in Plotly, which reads a little HTML in its texts."""
    return html.escape(formula_text(text))


def hover(row: Candidate) -> str:
    """Return what is shown when the pointer rests on a candidate."""
    hull = DASH if row.hull is None else f"{1e3 * row.hull:.0f} meV/atom"
    lines = [
        f"<b>{plain(row.formula)}</b> {spacegroup_symbol(row.spacegroup)}",
        f"{plain(words(row.mechanism))}, {plain(row.evidence) or 'evidence unknown'}",
        f"{format_energy(row.nominal)} ({format_interval(row.lower, row.upper)})",
        f"floor {format_energy(row.floor)}, ceiling {format_energy(row.ceiling)}",
        f"top ten {format_percent(row.p_top_10)}, above hull {hull}",
    ]
    if not row.feasible:
        codes = ", ".join(words(code_of(reason)) for reason in row.reasons)
        lines.append(f"not feasible: {plain(codes)}")
    return "<br>".join(lines)


def axis(title: str) -> dict[str, Any]:
    """Return the settings of an axis; the title must be safe in Plotly."""
    return {
        "title": {"text": title, "font": {"size": 13}, "standoff": 10},
        "gridcolor": LIGHT["grid"],
        "zeroline": False,
        "linecolor": LIGHT["line"],
        "tickcolor": LIGHT["line"],
        "ticks": "outside",
        "ticklen": 4,
        "automargin": False,
    }


def joule_axis(span: Sequence[float], *, title: str) -> dict[str, Any]:
    """Return the settings of a log axis in joules between two powers of ten.

    Every decade has a grid line, every third one a label when there are many.
    """
    first, last = math.ceil(span[0]), math.floor(span[1])
    step = 1 if last - first <= 6 else 3
    decades = [power for power in range(first, last + 1) if step == 1 or power % 3 == 0]
    return {
        **axis(title),
        "type": "log",
        "range": list(span),
        "tickvals": [float(f"1e{power}") for power in decades],
        "ticktext": [format_energy(float(f"1e{power}"), digits=1) for power in decades],
        "minor": {"dtick": 1, "showgrid": True, "gridcolor": LIGHT["grid"], "ticks": ""},
    }


def rows_axis(names: Sequence[str]) -> dict[str, Any]:
    """Return the settings of a vertical axis with a named row at 0, 1, 2..., the first on top."""
    return {
        "range": [len(names) - 0.4, -0.6],
        "tickvals": list(range(len(names))),
        "ticktext": list(names),
        "showgrid": False,
        "zeroline": False,
        "ticks": "",
        "ticklabelstandoff": 6,
    }


def log_ticks(low: float, high: float) -> list[float]:
    """Return 1, 2 and 5 of every decade between two powers of ten; beyond two decades only 1."""
    steps = (1, 2, 5) if high - low < 2.0 else (1,)
    ticks = [
        float(f"{step}e{power}")
        for power in range(math.floor(low), math.ceil(high) + 1)
        for step in steps
    ]
    return [tick for tick in ticks if low <= math.log10(tick) <= high]


def base_layout() -> dict[str, Any]:
    """Return the layout of every figure, in the light palette and without a background."""
    return {
        "template": go.layout.Template(),
        "paper_bgcolor": "rgba(0,0,0,0)",
        "plot_bgcolor": "rgba(0,0,0,0)",
        "font": {"color": LIGHT["muted"], "size": 12},
        "hoverlabel": {
            "bgcolor": LIGHT["paper"],
            "bordercolor": LIGHT["line"],
            "font": {"color": LIGHT["ink"], "size": 13},
            "align": "left",
        },
        "hovermode": "closest",
        "modebar": {
            "bgcolor": "rgba(0,0,0,0)",
            "color": LIGHT["faint"],
            "activecolor": LIGHT["ink"],
        },
        "dragmode": False,
        "showlegend": False,
    }


def thin(items: Sequence[_Item], limit: int) -> list[_Item]:
    """Return at most so many items, evenly spaced over the sequence."""
    if len(items) <= limit:
        return list(items)
    return [items[index * len(items) // limit] for index in range(limit)]


def short(value: float) -> float:
    """Return a value in four digits: more would not be seen, and weigh on the page."""
    return float(f"{value:.4g}")
