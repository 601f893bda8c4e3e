"""Draw the least energy of each pair of cations, alike elements beside one another."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Sequence
from typing import Final

import plotly.graph_objects as go

from matscreen.report.axes import Figure, axis, base_layout, plain, short
from matscreen.report.formatting import format_energy, words
from matscreen.report.palette import LIGHT
from matscreen.report.result import Candidate

_SYMBOL: Final = re.compile(r"[A-Z][a-z]?")
_CELL, _LEFT, _RIGHT, _TOP, _BOTTOM = 21, 62, 110, 12, 58
_INFEASIBLE: Final = [[0.0, LIGHT["grid"]], [1.0, LIGHT["grid"]]]


def chemistry_map(rows: Sequence[Candidate]) -> Figure | None:
    """Draw the lowest nominal energy of every pair of cations, one colour a joule.

    The more electropositive cation of an oxide, which its formula names first, is a row, the other
    a column, both in the order of Pettifor's Mendeleev numbers. Grey pairs were ranked and none of
    their oxides is feasible; cations of no feasible oxide are left out, unless there is none at
    all.

    Args:
        rows: Ranked candidates; oxides with other than two cations are left out.

    Returns:
        None when no candidate has two cations.
    """
    best: dict[tuple[str, str], Candidate] = {}
    for row in rows:
        pair = _cations(row.formula)
        if pair is None or not row.nominal > 0.0:
            continue
        held = best.get(pair)
        if held is None or (not row.feasible, row.nominal) < (not held.feasible, held.nominal):
            best[pair] = row
    if not best:
        return None
    shown = [pair for pair, row in best.items() if row.feasible] or list(best)
    first, second = _ordered(a for a, _ in shown), _ordered(b for _, b in shown)
    logs = [math.log10(row.nominal) for row in best.values() if row.feasible]
    figure = go.Figure()
    for feasible in (False, True):
        z: list[list[float | None]] = [[None] * len(second) for _ in first]
        text = [[""] * len(second) for _ in first]
        for (a, b), row in best.items():
            if row.feasible == feasible and a in first and b in second:
                i, j = first.index(a), second.index(b)
                z[i][j] = short(math.log10(row.nominal)) if feasible else 0.0
                text[i][j] = _hover(row)
        figure.add_trace(
            go.Heatmap(
                x=list(range(len(second))),
                y=list(range(len(first))),
                z=z,
                text=text,
                hovertemplate="%{text}<extra></extra>",
                hoverongaps=False,
                xgap=1,
                ygap=1,
                showscale=feasible and bool(logs),
                colorscale="Cividis" if feasible else _INFEASIBLE,
                colorbar=_colourbar(logs) if feasible and logs else None,
            )
        )
    ticks = {"showgrid": False, "ticks": "", "tickfont": {"size": 10}}
    figure.update_layout(
        base_layout(),
        margin={"l": _LEFT, "r": _RIGHT, "t": _TOP, "b": _BOTTOM},
        xaxis={
            **axis("Second cation"),
            **ticks,
            "tickvals": list(range(len(second))),
            "ticktext": second,
            "range": [-0.5, len(second) - 0.5],
            "tickangle": 0,
        },
        yaxis={
            **axis("First cation"),
            **ticks,
            "tickvals": list(range(len(first))),
            "ticktext": first,
            "range": [len(first) - 0.5, -0.5],
        },
    )
    return Figure(figure, _CELL * len(first) + _TOP + _BOTTOM)


def _cations(formula: str) -> tuple[str, str] | None:
    symbols = [symbol for symbol in dict.fromkeys(_SYMBOL.findall(formula)) if symbol != "O"]
    return (symbols[0], symbols[1]) if len(symbols) == 2 else None


def _ordered(symbols: Iterable[str]) -> list[str]:
    from pymatgen.core import Element

    return sorted(set(symbols), key=lambda symbol: (float(Element(symbol).mendeleev_no), symbol))


def _hover(row: Candidate) -> str:
    why = "" if row.feasible else f"<br>not feasible: {plain('; '.join(row.reasons))[:90]}"
    return (
        f"<b>{plain(row.formula)}</b>, {plain(words(row.mechanism))}<br>"
        f"{format_energy(row.nominal)}{why}"
    )


def _colourbar(logs: Sequence[float]) -> dict[str, object]:
    powers = range(math.floor(min(logs)), math.ceil(max(logs)) + 1)
    ticks = [power + part for power in powers for part in (0.0, math.log10(3.0))]
    shown = [tick for tick in ticks if min(logs) - 1e-9 <= tick <= max(logs) + 1e-9]
    return {
        "title": {"text": "Least energy", "side": "top"},
        "thickness": 14,
        "outlinewidth": 0,
        "tickvals": shown,
        "ticktext": [format_energy(10.0**tick, digits=1) for tick in shown],
    }
