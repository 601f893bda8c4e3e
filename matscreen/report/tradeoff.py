"""Energy against what a mechanism trades for it: how long it keeps its state, or how fast it is."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final

import numpy as np
import plotly.graph_objects as go

from matscreen.report.axes import Figure, axis, base_layout, hover, joule_axis, short
from matscreen.report.formatting import format_duration, format_number
from matscreen.report.palette import LIGHT, series_role
from matscreen.report.result import Candidate, ScreenResult
from matscreen.standings import pareto_front

_DAY: Final = 86400.0
_YEAR: Final = 365.25 * _DAY
_TIMES: Final = (
    (1e-12, "1 ps"),
    (1e-9, "1 ns"),
    (1e-6, "1 µs"),
    (1e-3, "1 ms"),
    (1.0, "1 s"),
    (3600.0, "1 h"),
    (_DAY, "1 d"),
    (_YEAR, "1 y"),
    (1e3 * _YEAR, "10³ y"),
    (1e6 * _YEAR, "10⁶ y"),
    (1e9 * _YEAR, "10⁹ y"),
    (1e15 * _YEAR, "10¹⁵ y"),
)
_APART: Final = 0.09  # of the axis: labels nearer than this would touch


@dataclass(frozen=True)
class Trade:
    """What a mechanism trades for energy.

    Attributes:
        column: Column of the ranking.
        title: Title of the axis.
        more: Whether more of it is better.
        demand: Entry of the device specification that it is held against; empty for none.
        scale: Unit of the axis: `s` (log), `K` or `1`.
    """

    column: str
    title: str
    more: bool
    demand: str
    scale: str

    @property
    def noun(self) -> str:
        """What it is, for the middle of a sentence."""
        noun = self.title.partition(" (")[0]
        return noun if noun.startswith("Curie") else noun[:1].lower() + noun[1:]


TRADES: Final[Mapping[str, Trade]] = {
    "ferroelectric": Trade(
        "curie_temperature", "Curie temperature (K)", True, "retention_temperature", "K"
    ),
    "valence_change": Trade(
        "retention_time_s", "Retention at the asked temperature", True, "retention_time", "s"
    ),
    "electrochemical": Trade(
        "diffusion_time_s", "Time to diffuse through", False, "switching_time", "s"
    ),
    "insulator_metal": Trade(
        "transition_temperature", "Transition temperature (K)", True, "temperature", "K"
    ),
    "josephson": Trade("critical_temperature", "Critical temperature (K)", True, "", "K"),
}
"""Retention, speed or temperature by mechanism."""


@dataclass(frozen=True)
class TradeOff:
    """The feasible candidates of one mechanism beside what it trades.

    Attributes:
        mechanism: The mechanism.
        trade: What it trades.
        rows: Feasible candidates for which it is known.
        values: It, in the unit of its column.
        front: Whether no other candidate is at least as good in energy, energy above the hull and
            this, and better in one.
    """

    mechanism: str
    trade: Trade
    rows: tuple[Candidate, ...]
    values: tuple[float, ...]
    front: tuple[bool, ...]


def trade_offs(result: ScreenResult) -> tuple[TradeOff, ...]:
    """Return the trade-off of each mechanism that has feasible candidates and a known trade."""
    found = []
    for name in result.mechanisms:
        trade = TRADES.get(name)
        if trade is None or trade.column not in result.ranking:
            continue
        pairs = [
            (row, value)
            for row in result.feasible
            if row.mechanism == name
            and row.nominal > 0.0
            and math.isfinite(value := _number(result.value_of(row, trade.column)))
            and (value > 0.0 or trade.scale != "s")
        ]
        if len(pairs) < 2:
            continue
        values = np.array([value for _, value in pairs])
        front = pareto_front(
            np.array([row.nominal for row, _ in pairs]),
            np.array([math.nan if row.hull is None else row.hull for row, _ in pairs]),
            values if trade.more else -values,
            np.ones(len(pairs), dtype=bool),
        )
        found.append(
            TradeOff(
                name,
                trade,
                tuple(row for row, _ in pairs),
                tuple(values.tolist()),
                tuple(bool(each) for each in front),
            )
        )
    return tuple(found)


def trade_figure(result: ScreenResult, found: TradeOff) -> Figure:
    """Draw nominal energy against what is traded for it, the Pareto front ringed."""
    colour = LIGHT[series_role(result.mechanisms.index(found.mechanism))]
    timed = found.trade.scale == "s"
    figure = go.Figure(
        go.Scatter(
            x=[short(value) for value in found.values],
            y=[short(row.nominal) for row in found.rows],
            mode="markers",
            marker={"color": colour, "size": 7, "opacity": 0.75},
            hovertext=[
                f"{hover(row)}<br>{_said(found.trade, value)}"
                for row, value in zip(found.rows, found.values, strict=True)
            ],
            hoverinfo="text",
        )
    )
    places = [index for index, kept in enumerate(found.front) if kept]
    figure.add_trace(
        go.Scatter(
            x=[short(found.values[index]) for index in places],
            y=[short(found.rows[index].nominal) for index in places],
            mode="markers",
            marker={"symbol": "circle-open", "size": 13, "color": LIGHT["ink"]},
            marker_line_width=1.4,
            hoverinfo="skip",
        )
    )
    demand = (
        _number(result.screen.device.get(found.trade.demand)) if found.trade.demand else math.nan
    )
    logs = [math.log10(row.nominal) for row in found.rows]
    figure.update_layout(
        base_layout(),
        margin={"l": 66, "r": 14, "t": 14, "b": 50},
        xaxis={**axis(found.trade.title), **(_time_axis(found.values, demand) if timed else {})},
        yaxis=joule_axis([min(logs) - 0.2, max(logs) + 0.2], title="Nominal energy per event"),
        shapes=[_demand(demand)] if math.isfinite(demand) else [],
        annotations=[_demand_label(demand, timed=timed)] if math.isfinite(demand) else [],
    )
    return Figure(figure, 360, narrow={"margin": {"l": 58, "r": 8, "t": 14, "b": 50}})


def _said(trade: Trade, value: float) -> str:
    text = format_duration(value) if trade.scale == "s" else f"{format_number(value)} K"
    return f"{trade.noun}: {text}"


def _time_axis(values: Sequence[float], demand: float) -> dict[str, Any]:
    logs = [math.log10(value) for value in values]
    if math.isfinite(demand) and demand > 0.0:
        logs.append(math.log10(demand))
    low, high = min(logs) - 0.3, max(logs) + 0.3
    ticks: list[tuple[float, str]] = []
    for time, text in _TIMES:
        at = math.log10(time)
        clear = not ticks or at - math.log10(ticks[-1][0]) >= _APART * (high - low)
        if low <= at <= high and clear:
            ticks.append((time, text))
    return {
        "type": "log",
        "range": [low, high],
        "tickvals": [time for time, _ in ticks],
        "ticktext": [text for _, text in ticks],
        "tickangle": 0,
    }


def _demand(value: float) -> dict[str, Any]:
    return {
        "type": "line",
        "yref": "paper",
        "x0": value,
        "x1": value,
        "y0": 0,
        "y1": 1,
        "line": {"color": LIGHT["line"], "width": 1, "dash": "dash"},
    }


def _demand_label(value: float, *, timed: bool) -> dict[str, Any]:
    return {
        "x": math.log10(value) if timed else value,
        "yref": "paper",
        "y": 1,
        "yanchor": "top",
        "xanchor": "left",
        "xshift": 4,
        "text": "asked",
        "showarrow": False,
        "font": {"color": LIGHT["muted"], "size": 11},
    }


def _number(value: Any) -> float:
    try:
        return float(value)
    except (TypeError, ValueError):
        return math.nan
