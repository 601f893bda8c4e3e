"""Draw how the energy of one event answers to the device and the material."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING, Any, Final

import plotly.graph_objects as go

from matscreen.mechanisms import MECHANISMS
from matscreen.notebook.quantities import PREFIXED, quantity
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
from matscreen.report.formatting import format_energy, format_number, words
from matscreen.report.palette import LIGHT, series_role

if TYPE_CHECKING:
    import pandas as pd

_DECADE: Final = 8.0
"""Ratio of the largest to the smallest value from which an axis is logarithmic."""
_FLAT: Final = 0.01
"""Exponents under this are not drawn."""
_PANEL, _ALONE, _GAP, _TOP, _BOTTOM = 210, 300, 62, 30, 52
_BAR_ROW = 24


def sweep_panels(tables: Sequence[pd.DataFrame], *, across: int = 2) -> Figure:
    """Draw sweeps: one panel a parameter, one line a mechanism, all over one scale of joules.

    The band runs from floor to ceiling; the line is dotted where a gate fails.

    Args:
        tables: From `sweep`.
        across: Panels beside one another.
    """
    panels: dict[str, list[pd.DataFrame]] = {}
    for table in tables:
        panels.setdefault(table.attrs["parameter"], []).append(table)
    across = min(across, len(panels))
    down = -(-len(panels) // across)
    panel = _PANEL if down > 1 else _ALONE
    room = down * panel + (down - 1) * _GAP
    energies = [
        math.log10(float(end))
        for table in tables
        for end in (table["floor_J"].min(), table["ceiling_J"].max())
    ]
    scale = joule_axis([min(energies) - 0.3, max(energies) + 0.3], title="")
    names = [name for name in MECHANISMS if any(t.attrs["mechanism"] == name for t in tables)]
    figure, axes = go.Figure(), dict[str, Any]()
    for index, (parameter, parts) in enumerate(panels.items()):
        number = "" if index == 0 else str(index + 1)
        row, column = divmod(index, across)
        top = 1.0 - row * (panel + _GAP) / room
        for table in parts:
            colour = mechanism_colour(table.attrs["mechanism"])
            for trace in _sweep_traces(table, colour, banded=len(names) == 1):
                figure.add_trace(trace.update(xaxis=f"x{number}", yaxis=f"y{number}"))
        values = [float(value) for table in parts for value in table[parameter]]
        axes[f"xaxis{number}"] = {
            **_value_axis(parameter, parts[0].attrs["unit"], values),
            "anchor": f"y{number}",
            "domain": [column / across, (column + 1) / across - (0.08 if across > 1 else 0.0)],
        }
        axes[f"yaxis{number}"] = {
            **scale,
            "anchor": f"x{number}",
            "domain": [max(0.0, top - panel / room), top],
            "showticklabels": column == 0,
        }
    figure.update_layout(
        base_layout(),
        margin={"l": 62, "r": 28, "t": _TOP, "b": _BOTTOM},
        annotations=[key_line([(words(name), mechanism_colour(name)) for name in names])],
        **axes,
    )
    return Figure(figure, room + _TOP + _BOTTOM)


def exponent_bars(table: pd.DataFrame, *, limit: int = 12) -> Figure:
    """Draw the steepest sensitivities as bars of their exponents.

    Args:
        table: From `sensitivities`.
        limit: Most bars.
    """
    steep = table[table["exponent"].abs() >= _FLAT]
    shown = (steep if len(steep) else table.dropna(subset=["exponent"])).head(limit)
    colours = {"device": LIGHT["series-0"], "material": LIGHT["series-1"]}
    names = [plain(parameter_words(name)) for name in shown["parameter"]]
    figure = go.Figure(
        go.Bar(
            x=[short(value) for value in shown["exponent"]],
            y=list(range(len(shown))),
            orientation="h",
            width=0.62,
            marker={"color": [colours[owner] for owner in shown["of"]], "line": {"width": 0}},
            hovertext=[
                f"<b>{name}</b> {plain(quantity(value, unit))}<br>exponent "
                f"{format_number(exponent)}<br>half of it: {format_number(half)} of the energy"
                f"<br>twice: {format_number(twice)}"
                for name, value, unit, exponent, half, twice in zip(
                    names,
                    shown["value"],
                    shown["unit"],
                    shown["exponent"],
                    shown["at_half"],
                    shown["at_twice"],
                    strict=True,
                )
            ],
            hoverinfo="text",
        )
    )
    ends = [0.0, *map(float, shown["exponent"])]
    pad = 0.06 * (max(ends) - min(ends)) or 1.0
    figure.update_layout(
        base_layout(),
        margin={"l": 218, "r": 12, "t": _TOP, "b": _BOTTOM},
        xaxis={
            **axis("Exponent: per cent of energy for one per cent of it"),
            "range": [min(ends) - pad, max(ends) + pad],
            "zeroline": True,
            "zerolinecolor": LIGHT["line"],
        },
        yaxis=rows_axis(names),
        annotations=[key_line(list(colours.items()))],
    )
    return Figure(figure, _BAR_ROW * len(shown) + _TOP + _BOTTOM)


def mechanism_colour(name: str) -> str:
    """Return the colour that a mechanism has wherever all of them are shown together."""
    index = MECHANISMS.index(name) if name in MECHANISMS else len(MECHANISMS)
    return LIGHT[series_role(index)]


def parameter_words(parameter: str) -> str:
    """Return a device number or a property as words: `filament.radius` is `filament radius`."""
    return words(parameter.replace(".", " ")).removeprefix("n ")


def key_line(entries: Sequence[tuple[str, str]]) -> dict[str, Any]:
    """Return an annotation over the plot that names what each colour stands for."""
    text = "   ".join(
        f"<span style='color:{colour}'><b>{plain(name)}</b></span>" for name, colour in entries
    )
    return {
        "xref": "paper", "yref": "paper", "x": 0, "y": 1, "xanchor": "left",
        "yanchor": "bottom", "yshift": 6, "text": text, "showarrow": False,
        "font": {"size": 13},
    }  # fmt: skip


def _sweep_traces(table: pd.DataFrame, colour: str, *, banded: bool) -> list[go.Scatter]:
    x = [float(value) for value in table[table.attrs["parameter"]]]
    nominal = [short(value) for value in table["nominal_J"]]
    traces = []
    if banded:
        band = [*table["ceiling_J"], *reversed(table["floor_J"].tolist())]
        traces.append(
            go.Scatter(
                x=[*x, *reversed(x)],
                y=[short(value) for value in band],
                mode="lines",
                fill="toself",
                fillcolor=_faded(colour),
                line={"width": 0},
                hoverinfo="skip",
                showlegend=False,
            )
        )
    works = table["feasible"].tolist()
    title = plain(words(table.attrs["mechanism"]))
    line = {"color": colour, "width": 2.4}
    traces.append(
        go.Scatter(
            x=x,
            y=nominal,
            mode="lines",
            line={**line, "dash": "dot"},
            hovertext=[
                f"{title}, {plain(quantity(value, table.attrs['unit']))}<br>"
                f"<b>{format_energy(energy)}</b>" + (f"<br>{plain(why)}" if why else "")
                for value, energy, why in zip(x, nominal, table["reasons"], strict=True)
            ],
            hoverinfo="text",
            showlegend=False,
        )
    )
    traces.append(
        go.Scatter(
            x=x,
            y=[value if fine else None for value, fine in zip(nominal, works, strict=True)],
            mode="lines",
            line=line,
            hoverinfo="skip",
            showlegend=False,
        )
    )
    return traces


def _value_axis(parameter: str, unit: str, values: Sequence[float]) -> dict[str, Any]:
    low, high = min(values), max(values)
    name = parameter_words(parameter)
    logarithmic = low > 0.0 and high / low >= _DECADE
    carried = logarithmic and unit in PREFIXED  # by the ticks
    title = f"{name[:1].upper()}{name[1:]}" + ("" if unit == "1" or carried else f" ({unit})")
    drawn = axis(plain(title))
    drawn["title"] |= {"font": {"size": 12}, "standoff": 6}
    if not logarithmic:
        return {**drawn, "nticks": 6}
    ends = [math.log10(low), math.log10(high)]
    ticks = log_ticks(ends[0] - 1e-9, ends[1] + 1e-9)
    ticks = ticks[:: max(1, round(len(ticks) / 6))]
    return {
        **drawn,
        "type": "log",
        "range": ends,
        "tickvals": ticks,
        "ticktext": [quantity(tick, unit if carried else "1", digits=1) for tick in ticks],
    }


def _faded(colour: str) -> str:
    red, green, blue = (int(colour[i : i + 2], 16) for i in (1, 3, 5))
    return f"rgba({red},{green},{blue},0.14)"
