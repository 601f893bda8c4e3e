"""Measured devices in the report: the nearest one of a candidate, and agreement by mechanism."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import plotly.graph_objects as go

from matscreen.errors import StructureError
from matscreen.formulas import reduced_amounts
from matscreen.report.axes import Figure, base_layout, joule_axis, plain, short
from matscreen.report.formatting import (
    format_duration,
    format_energy,
    format_interval,
    format_number,
    format_ratio,
    plural,
    words,
)
from matscreen.report.palette import LIGHT, SERIES, series_role
from matscreen.report.result import Candidate, ScreenResult

if TYPE_CHECKING:
    import pandas as pd

_ANION = "O"


@dataclass(frozen=True)
class NearDevice:
    """The measured device whose material is most like a candidate.

    Attributes:
        formula: Its material.
        likeness: Cosine of the cation amounts of both, 0 to 1; 0 where they share none.
        energy_J: Measured energy of its event, J.
        conditions: What is known of it: kind, pulse, size, event.
        agreement: What the mechanism says of this very device; empty where it is not scored.
        source: Where it was reported.
        doi: Digital object identifier; empty when not certain.
    """

    formula: str
    likeness: float
    energy_J: float
    conditions: str
    agreement: str
    source: str
    doi: str


@dataclass(frozen=True)
class Agreement:
    """How the devices of one mechanism agree with its predictions, as texts.

    Attributes:
        mechanism: Name of the mechanism.
        devices: Scored devices, and their materials.
        factor: Median factor between measured and predicted, either way.
        rmse: Root mean square error after leaving the material out, decades.
        rmse_null: The same of the model that knows no material.
        spearman: Rank correlation with its 90 % interval.
        spearman_null: The same of the null model.
        covered: Devices inside their 90 % interval.
        better: Whether knowing the material lowers the error.
    """

    mechanism: str
    devices: str
    factor: str
    rmse: str
    rmse_null: str
    spearman: str
    spearman_null: str
    covered: str
    better: bool


def nearest_device(row: Candidate, devices: pd.DataFrame | None) -> NearDevice | None:
    """Return the measured device of the same mechanism with the cations most like a candidate's.

    Of equally like ones the scored come first, then the least energy.

    Args:
        row: The candidate.
        devices: Columns of `validation.score_devices`.

    Returns:
        None where no device of the mechanism has a measured energy.
    """
    if devices is None:
        return None
    best: tuple[tuple[float, bool, float], Mapping[Any, Any]] | None = None
    mine = _cations(row.formula)
    for device in devices.to_dict("records"):
        energy = float(device["energy_J"])
        if device["mechanism"] != row.mechanism or not energy > 0.0:
            continue
        if device.get("basis") in {"projected", "simulated"}:
            continue
        likeness = _cosine(mine, _cations(str(device["formula"])))
        key = (-round(likeness, 6), device.get("excluded") != "", energy)
        if best is None or key < best[0]:
            best = (key, device)
    if best is None:
        return None
    (likeness, _, energy), nearest = best
    return NearDevice(
        formula=str(nearest["formula"]),
        likeness=-likeness,
        energy_J=energy,
        conditions=_conditions(nearest),
        agreement=_agreement(nearest),
        source=_text(nearest.get("source")),
        doi=_text(nearest.get("doi")),
    )


def agreements(result: ScreenResult) -> tuple[Agreement, ...]:
    """Return the agreement of each mechanism with its devices, most devices first."""
    if result.device_scores is None:
        return ()
    rows = [row for row in result.device_scores.to_dict("records") if row["n"] > 0]
    return tuple(map(_score, sorted(rows, key=lambda row: -int(row["n"]))))


def devices_figure(result: ScreenResult) -> Figure | None:
    """Draw predicted against measured energies of devices, with 90 % intervals and the null model.

    Returns:
        None where no device was scored.
    """
    if result.devices is None:
        return None
    scored = result.devices[result.devices["excluded"] == ""]
    if scored.empty:
        return None
    figure = go.Figure()
    values = [*scored["energy_J"], *scored["predicted_J"], *scored["null_J"]]
    ends = [math.log10(min(values)) - 0.6, math.log10(max(values)) + 0.6]
    corners = [10.0**end for end in ends]
    for factor, dash in ((1.0, "dot"), (10.0, "dash"), (0.1, "dash")):
        figure.add_trace(
            go.Scatter(
                x=corners,
                y=[factor * corner for corner in corners],
                mode="lines",
                line={"color": LIGHT["line" if factor == 1.0 else "faint"], "width": 1},
                line_dash=dash,
                hoverinfo="skip",
            )
        )
    for name, rows in scored.groupby("mechanism", sort=False):
        colour = LIGHT[_role(result, str(name))]
        figure.add_trace(
            go.Scatter(
                x=[short(value) for value in rows["energy_J"]],
                y=[short(value) for value in rows["null_J"]],
                mode="markers",
                marker={"symbol": "x-thin-open", "size": 8, "color": colour},
                marker_line_width=1.4,
                hoverinfo="skip",
            )
        )
        figure.add_trace(_devices_trace(rows, colour))
    figure.update_layout(
        base_layout(),
        margin={"l": 72, "r": 14, "t": 12, "b": 56},
        xaxis=joule_axis(ends, title="Measured energy of the device's event"),
        yaxis=joule_axis(ends, title="Predicted under its specification"),
    )
    return Figure(figure, 460, narrow={"margin": {"l": 58, "r": 8, "t": 12, "b": 56}})


def _devices_trace(rows: pd.DataFrame, colour: str) -> go.Scatter:
    predicted = [float(value) for value in rows["predicted_J"]]
    return go.Scatter(
        x=[short(value) for value in rows["energy_J"]],
        y=[short(value) for value in predicted],
        mode="markers",
        marker={"size": 8, "color": colour, "opacity": 0.85},
        error_y={
            "type": "data",
            "symmetric": False,
            "array": [short(u - p) for u, p in zip(rows["upper_J"], predicted, strict=True)],
            "arrayminus": [short(p - v) for v, p in zip(rows["lower_J"], predicted, strict=True)],
            "color": colour,
            "thickness": 0.8,
            "width": 0,
        },
        hovertext=[_hover(row) for row in rows.to_dict("records")],
        hoverinfo="text",
    )


def _role(result: ScreenResult, mechanism: str) -> str:
    names = result.mechanisms
    return series_role(names.index(mechanism)) if mechanism in names else SERIES[-1]


def _hover(row: Mapping[Any, Any]) -> str:
    interval = format_interval(float(row["lower_J"]), float(row["upper_J"]))
    return "<br>".join(
        [
            f"<b>{plain(str(row['formula']))}</b> {plain(words(str(row['mechanism'])))}",
            f"measured {format_energy(float(row['energy_J']))}",
            f"predicted {format_energy(float(row['predicted_J']))} ({interval})",
            f"without the material {format_energy(float(row['null_J']))}",
            plain(_text(row.get("source"))),
        ]
    )


def _cations(formula: str) -> dict[str, float]:
    try:
        return {symbol: n for symbol, n in reduced_amounts(formula) if symbol != _ANION}
    except StructureError:  # a stack of layers, a trade name
        return {}


def _cosine(first: Mapping[str, float], second: Mapping[str, float]) -> float:
    shared = math.fsum(n * second.get(symbol, 0.0) for symbol, n in first.items())
    lengths = math.hypot(*first.values()) * math.hypot(*second.values())
    return shared / lengths if lengths > 0.0 else 0.0


def _conditions(device: Mapping[Any, Any]) -> str:
    parts = [_text(device.get("device"))]
    time, area = _value(device.get("time_s")), _value(device.get("area_m2"))
    levels, thickness = _value(device.get("levels")), _value(device.get("thickness_m"))
    if device.get("basis") == "loop":
        parts.append("loop of a film")
    if math.isfinite(time):
        parts.append(f"pulse {format_duration(time)}")
    if math.isfinite(area):
        parts.append(f"{format_number(1e12 * area, digits=2)} µm²")
    if math.isfinite(thickness):
        parts.append(f"{format_number(1e9 * thickness, digits=2)} nm thick")
    if math.isfinite(levels):
        parts.append(f"{levels:.0f} levels")
    return ", ".join(part for part in parts if part)


def _agreement(device: Mapping[Any, Any]) -> str:
    predicted, energy = _value(device.get("predicted_J")), float(device["energy_J"])
    if not predicted > 0.0:
        return ""
    ratio = energy / predicted
    if 0.8 < ratio < 1.25:
        return f"the model gives this device the same, {format_energy(predicted)}"
    size = format_ratio(max(ratio, 1.0 / ratio))
    side = "less" if ratio > 1.0 else "more"
    return f"the model gives this device {format_energy(predicted)}, {size} times {side}"


def _score(row: Mapping[Any, Any]) -> Agreement:
    def number(name: str, digits: int = 2) -> str:
        value = _value(row.get(name))
        return f"{value:.{digits}f}".replace("-", "\N{MINUS SIGN}") if math.isfinite(value) else "–"

    spread = f" ({number('spearman_low')} to {number('spearman_high')})"
    known = math.isfinite(_value(row.get("spearman_low")))
    count, materials = int(row["n"]), int(row["materials"])
    return Agreement(
        mechanism=str(row["mechanism"]),
        devices=f"{count} ({plural(materials, 'material')})",
        factor=number("median_factor", 1),
        rmse=number("loo_decades"),
        rmse_null=number("loo_null"),
        spearman=number("spearman") + (spread if known else ""),
        spearman_null=number("spearman_null"),
        covered=f"{int(row['covered'])} of {count}",
        better=_value(row.get("loo_decades")) < _value(row.get("loo_null")),
    )


def _value(value: Any) -> float:
    return float(value) if isinstance(value, (int, float)) else math.nan


def _text(value: Any) -> str:
    return value if isinstance(value, str) else ""
