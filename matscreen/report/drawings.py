"""Every figure of a report by name, as the page draws them."""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from matscreen.report import chemistry, explanation_figures, figures, parity, tradeoff
from matscreen.report.axes import Figure
from matscreen.report.chemistry_figures import pair_figure, periodic_figure
from matscreen.report.explanations import Explanation
from matscreen.report.known_devices import devices_figure
from matscreen.report.quality import Quality
from matscreen.report.reference import NumberedLine
from matscreen.report.result import ScreenResult


def drawings_of(
    result: ScreenResult,
    *,
    lines: tuple[NumberedLine, ...],
    qualities: tuple[Quality, ...],
    explanations: tuple[Explanation, ...],
    trades: tuple[tradeoff.TradeOff, ...],
    pairs: tuple[chemistry.PairMap, ...],
    tallies: Mapping[str, chemistry.Tally],
) -> dict[str, Figure]:
    """Return the figures of a report by name; those with nothing to draw are left out."""
    made: dict[str, Figure | None] = {
        "energy": figures.energy_figure(result, lines),
        "map": figures.map_figure(result),
        "periodic": periodic_figure(tallies),
        "devices": devices_figure(result),
    }
    made |= {f"trade-{i}": tradeoff.trade_figure(result, each) for i, each in enumerate(trades)}
    made |= {f"pairs-{i}": pair_figure(each) for i, each in enumerate(pairs)}
    made |= {f"parity-{i}": parity.parity_figure(each) for i, each in enumerate(qualities)}
    for i, found in enumerate(explanations):
        made[f"importance-{i}"] = explanation_figures.importance_figure(
            found.groups, unit=found.unit
        )
        made[f"dependence-{i}"] = explanation_figures.dependence_figure(
            found.curves, name=found.name, unit=found.unit, logarithmic=found.logarithmic
        )
    return {name: figure for name, figure in made.items() if figure is not None}


def plain_figure(figure: Figure) -> dict[str, Any]:
    """Return a figure as plain values for the page."""
    content = json.loads(figure.figure.to_json())
    return {
        "data": content["data"],
        "layout": {**content["layout"], "height": figure.height},
        "narrow": figure.narrow,
    }
