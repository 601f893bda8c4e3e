"""The figure of the ledger: energy by stage, and over time, in one HTML file."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from matscreen.power.spending import Spending


def ledger_figure(found: Spending) -> go.Figure:
    """Draw energy by stage, energy of one item of a stage, and energy day by day."""
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    from matscreen.report.axes import axis, base_layout, plain
    from matscreen.report.formatting import format_energy, format_percent
    from matscreen.report.palette import LIGHT

    stages = found.stages.iloc[::-1]
    each = stages[stages["joules_per_item"].notna() & (stages["joules_per_item"] > 0.0)]
    figure = make_subplots(
        rows=2,
        cols=2,
        specs=[[{}, {}], [{"colspan": 2}, None]],
        subplot_titles=("Energy by stage", "Energy of one item", "Energy day by day"),
        vertical_spacing=0.2,
        horizontal_spacing=0.16,
        row_heights=[0.62, 0.38],
    )
    common: dict[str, Any] = {"orientation": "h", "cliponaxis": False, "textposition": "outside"}
    figure.add_trace(
        go.Bar(
            x=stages["joules"],
            y=[plain(name) for name in stages["stage"]],
            text=[
                f"{format_energy(joules)}, {format_percent(share)}"
                for joules, share in zip(stages["joules"], stages["share"], strict=True)
            ],
            marker_color=LIGHT["series-0"],
            hovertemplate="%{y}: %{text}<extra></extra>",
            **common,
        ),
        row=1,
        col=1,
    )
    figure.add_trace(
        # A log axis has no zero for a bar to begin at.
        go.Scatter(
            x=each["joules_per_item"],
            y=[plain(name) for name in each["stage"]],
            text=[f"  {format_energy(value)}" for value in each["joules_per_item"]],
            mode="markers+text",
            textposition="middle right",
            cliponaxis=False,
            marker={"size": 11, "color": LIGHT["series-2"]},
            hovertemplate="%{y}: %{text}<extra></extra>",
        ),
        row=1,
        col=2,
    )
    figure.add_trace(
        go.Bar(
            x=found.days["day"],
            y=found.days["joules"],
            text=[format_energy(value) for value in found.days["joules"]],
            textposition="outside",
            cliponaxis=False,
            width=0.15 if len(found.days) < 4 else None,
            marker_color=LIGHT["series-1"],
            hovertemplate="%{x}: %{text}<extra></extra>",
        ),
        row=2,
        col=1,
    )
    figure.update_layout(
        **base_layout(),
        title={"text": f"Energy ledger: {format_energy(found.joules)}", "x": 0.01},
        width=1100,
        height=720,
        margin={"l": 110, "r": 90, "t": 90, "b": 50},
    )
    room = 1.35 * float(stages["joules"].max() or 1.0)
    figure.update_xaxes({**axis("J"), "range": [0.0, room]}, row=1, col=1)
    figure.update_xaxes({**axis("J"), "type": "log"}, row=1, col=2)
    if len(each):
        import math

        low, high = each["joules_per_item"].min(), each["joules_per_item"].max()
        figure.update_xaxes(
            {"range": [math.log10(low) - 0.7, math.log10(high) + 1.2], "dtick": 1},
            row=1,
            col=2,
        )
    figure.update_xaxes({**axis(""), "type": "category"}, row=2, col=1)
    most = 1.25 * float(found.days["joules"].max() or 1.0)
    figure.update_yaxes({**axis("J"), "range": [0.0, most]}, row=2, col=1)
    return figure


def write_figure(path: Path, found: Spending) -> None:
    """Write the figure as one HTML file that asks for nothing outside itself.

    Raises:
        InputError: The ledger is empty.
    """
    from matscreen.commands.ledger import notes
    from matscreen.commands.page import write_page
    from matscreen.errors import InputError

    if found.stages.empty:
        raise InputError("the ledger is empty: there is nothing to draw yet")
    write_page(path, "Energy ledger", ledger_figure(found), notes(found))
