"""One verb that draws whatever table a public function returns, in the style of the report."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Literal

from matscreen.errors import InputError

if TYPE_CHECKING:
    import pandas as pd
    import plotly.graph_objects as go

    from matscreen.report.axes import Figure
    from matscreen.report.result import ScreenResult

_BUTTONS = 26
View = Literal["energies", "stability", "elements", "pairs"]


def figure(
    *tables: pd.DataFrame, view: View = "energies", application: str = "synapse"
) -> go.Figure:
    """Draw tables of this package in the style of the report.

    - a ranking of `screen` or `rank`, also filtered: `view="energies"` draws the intervals of the
      best beside the reference lines, `"stability"` every candidate over its energy above hull,
      `"elements"` the share of the oxides of each element that can work, `"pairs"` the least energy
      of each pair of cations (of one mechanism);
    - `importances`: bars; `partial_dependence`: curves, several as small multiples, a heat map for
      a pair;
    - `sweep`: curves, several as panels by parameter and lines by mechanism;
    - `sensitivities`: bars of exponents;
    - `replay_learning`: the best materials found against simulations;
    - `validate` of devices, predictions or lattice: computed beside measured.

    Args:
        *tables: One table, or several of `sweep` or of `partial_dependence`.
        view: What to show of a ranking.
        application: Whose reference lines a ranking is drawn beside.

    Returns:
        A plotly figure, to be shown, changed or written.

    Raises:
        InputError: No such table, several that do not go into one figure, or nothing to draw.
    """
    from matscreen.report.palette import LIGHT

    drawn = _draw(tables, view, application)
    # A notebook may be dark, and its buttons lie over the top of a figure.
    top = (drawn.figure.layout.margin.t or 0) + _BUTTONS
    return drawn.figure.update_layout(
        height=drawn.height + _BUTTONS,
        width=_width(tables),
        margin={"t": top},
        paper_bgcolor=LIGHT["paper"],
        plot_bgcolor=LIGHT["paper"],
    )


def _width(tables: tuple[pd.DataFrame, ...]) -> int:
    narrow = {"importances", "partial_dependence"}
    return 620 if len(tables) == 1 and _kind(tables[0]) in narrow else 760


def _draw(tables: tuple[pd.DataFrame, ...], view: View, application: str) -> Figure:
    from matscreen.notebook import physics_figures, surrogate_figures, validation_figures

    kinds = {_kind(table) for table in tables}
    if len(kinds) == 1 and len(tables) == 1:
        (table,), (kind,) = tables, kinds
        if kind == "ranking":
            return _ranking(table, view, application)
        if kind == "lattice":
            names = [f"{f} {axis}" for f, axis in zip(table["formula"], table["axis"], strict=True)]
            return validation_figures.error_bars(
                table, names=names, error="error_percent", title="Computed over measured (%)"
            )
        if kind == "partial_dependence" and surrogate_figures.is_pair(table):
            return surrogate_figures.dependence_map(table)
        alone = {
            "importances": surrogate_figures.importance_bars,
            "sensitivities": physics_figures.exponent_bars,
            "devices": validation_figures.device_dots,
            "predictions": validation_figures.parity_panels,
            "replay": validation_figures.replay_curves,
        }
        if kind in alone:
            return alone[kind](table)
    if kinds == {"sweep"}:
        return physics_figures.sweep_panels(tables)
    if kinds == {"partial_dependence"} and not any(map(surrogate_figures.is_pair, tables)):
        return surrogate_figures.dependence_panels(tables)
    raise InputError(
        "figure draws one table of a public function, or several of `sweep` or of "
        "`partial_dependence` on one descriptor each; got "
        f"{len(tables)} of {', '.join(sorted(kinds)) or 'nothing'}"
    )


def _kind(table: pd.DataFrame) -> str:
    from matscreen.report.result import REQUIRED_COLUMNS

    if set(REQUIRED_COLUMNS) <= set(table.columns):
        return "ranking"
    return str(table.attrs.get("kind", "unknown tables"))


def _ranking(table: pd.DataFrame, view: View, application: str) -> Figure:
    from matscreen.mechanisms import reference_lines
    from matscreen.report.chemistry import element_tallies
    from matscreen.report.chemistry_figures import periodic_figure
    from matscreen.report.figures import energy_figure, map_figure
    from matscreen.report.reference import number_lines

    result = _result(table, application)
    views: dict[str, Callable[[], Figure | None]] = {
        "energies": lambda: energy_figure(result, number_lines(reference_lines(application))),
        "stability": lambda: map_figure(result),
        "elements": lambda: periodic_figure(element_tallies(result)),
        "pairs": lambda: _pairs(result),
    }
    if view not in views:
        raise InputError(f"a ranking has the views {', '.join(views)}, not {view!r}")
    drawn = views[view]()
    if drawn is None:
        raise InputError(
            f"none of the {len(table)} rows has what the view {view!r} needs: finite energies"
            + (", two cations, and every gate passed" if view == "pairs" else "")
        )
    return drawn


def _pairs(result: ScreenResult) -> Figure | None:
    from matscreen.report.chemistry import pair_maps
    from matscreen.report.chemistry_figures import pair_figure

    maps = pair_maps(result)
    if len(maps) > 1:
        named = ", ".join(each.mechanism for each in maps)
        raise InputError(
            f"the view 'pairs' is of one mechanism, the rows are of {named}: keep those of one"
        )
    return pair_figure(maps[0]) if maps else None


def _result(table: pd.DataFrame, application: str) -> ScreenResult:
    import pandas as pd

    from matscreen.mechanisms import MECHANISMS
    from matscreen.report.result import ScreenInfo, ScreenResult

    return ScreenResult(
        screen=ScreenInfo("", "", application, "", {}, mechanisms=MECHANISMS),
        ranking=table,
        reference_lines=(),
        model_cards=(),
        failures=pd.DataFrame(columns=["structure_id", "stage", "reason"]),
        counts={},
    )
