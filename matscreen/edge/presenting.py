"""The comparison of bundles as a table for the terminal and as a figure."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from matscreen.atomic import write_atomically
from matscreen.edge.bundle import MAX_BYTES

if TYPE_CHECKING:
    from rich.table import Table

    from matscreen.edge.measuring import Comparison, Measured

_COLUMNS: Final = (
    "kB",
    "MAE",
    "interval score",
    "90 % coverage",
    "one row, µs",
    "batch, µs/row",
    "J per 1,000",
)


def comparison_table(comparison: Comparison) -> Table:
    """Return the comparison for the terminal; the chosen variant is bold."""
    from rich.table import Table

    table = Table(
        title=f"{comparison.property_name}{_in_unit(comparison)}, {comparison.n_rows} labels",
        caption=f"Chosen: {comparison.reason}.\nTimes: {comparison.timed}. Energy is processor "
        "time at an assumed power.",
    )
    table.add_column("model")
    for heading in _COLUMNS:
        table.add_column(heading, justify="right")
    for row in comparison.rows:
        table.add_row(
            row.name,
            *(_rounded(value) for value in _values(row)),
            style="bold" if row.name == comparison.chosen else None,
        )
    return table


def write_figure(comparison: Comparison, path: str | Path) -> Path:
    """Write interval score against size and against latency as one HTML file."""
    return write_atomically(
        path, str(comparison_figure(comparison).to_html(include_plotlyjs=True, full_html=True))
    )


def comparison_figure(comparison: Comparison) -> Any:
    """Return interval score against size and against latency, a plotly figure."""
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    figure = make_subplots(
        rows=1,
        cols=2,
        shared_yaxes=True,
        horizontal_spacing=0.04,
        subplot_titles=("Size on disk", f"One row, {comparison.timed.split(' (')[0]}"),
    )
    axes = (
        ([row.size_bytes / 1e3 for row in comparison.rows], "kB"),
        ([row.speed.one_row_us for row in comparison.rows], "µs"),
    )
    scores = [row.metrics["winkler"] for row in comparison.rows]
    for column, (values, unit) in enumerate(axes, start=1):
        for style, picked in _groups(comparison):
            figure.add_trace(
                go.Scatter(
                    x=[values[i] for i in picked],
                    y=[scores[i] for i in picked],
                    name=style["name"],
                    customdata=[comparison.rows[i].name for i in picked],
                    hovertemplate="%{customdata}<br>%{x:.4g} " + unit + ", score %{y:.4g}",
                    mode="markers",
                    marker=style["marker"],
                    showlegend=column == 1,
                ),
                row=1,
                col=column,
            )
        ticks = [step * 10**power for power in range(7) for step in ((1, 2, 5), (1,))[column - 1]]
        figure.update_xaxes(
            type="log",
            title=unit,
            tickvals=ticks,
            ticktext=[f"{tick:,}" for tick in ticks],
            row=1,
            col=column,
        )
    figure.add_vline(x=MAX_BYTES / 1e3, line_dash="dot", line_color="#888", row=1, col=1)
    figure.add_annotation(
        x=math.log10(MAX_BYTES / 1e3),
        y=0.02,
        xref="x",
        yref="y domain",
        text="0.5 MB",
        showarrow=False,
        xanchor="left",
        xshift=4,
    )
    figure.update_yaxes(
        title=f"Interval score{_in_unit(comparison)}, less is better", exponentformat="none", col=1
    )
    figure.update_layout(
        template="plotly_white",
        title=f"Edge models of {comparison.property_name}: chosen {comparison.chosen}",
        height=480,
        legend={"orientation": "h", "y": -0.22},
        margin={"t": 90},
    )
    return figure


def _groups(comparison: Comparison) -> list[tuple[dict[str, Any], list[int]]]:
    """Sort the rows by kind, each with its look."""
    looks = {
        "surrogate": {"color": "#444444", "symbol": "diamond", "size": 12},
        "network": {"color": "#0072b2", "symbol": "circle", "size": 11},
        "trees": {"color": "#d55e00", "symbol": "square", "size": 11},
    }
    groups = []
    for kind, marker in looks.items():
        picked = [i for i, row in enumerate(comparison.rows) if row.name.startswith(kind)]
        groups.append(({"name": kind, "marker": marker}, picked))
    picked = [i for i, row in enumerate(comparison.rows) if row.name == comparison.chosen]
    ring = {
        "color": "rgba(0,0,0,0)",
        "symbol": "circle",
        "size": 20,
        "line": {"width": 2, "color": "#009e73"},
    }
    groups.append(({"name": f"chosen: {comparison.chosen}", "marker": ring}, picked))
    return [(style, picked) for style, picked in groups if picked]


def _in_unit(comparison: Comparison) -> str:
    return "" if comparison.unit == "1" else f" in {comparison.unit}"


def _values(row: Measured) -> tuple[float, ...]:
    return (
        row.size_bytes / 1e3,
        row.metrics["mae"],
        row.metrics["winkler"],
        row.metrics["coverage_90"],
        row.speed.one_row_us,
        row.speed.batch_us_per_row,
        row.speed.joules_per_1000,
    )


def _rounded(value: float) -> str:
    return f"{value:,.0f}" if value >= 1000.0 else f"{value:.3g}"
