"""The figure of a replay: a stretch of the trace, savings start by start, and against foresight."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import plotly.graph_objects as go

    from matscreen.commands.replaying import Finished


def replay_figure(done: Finished) -> go.Figure:
    """Draw the usual day and year of the trace, and what each start saved."""
    import numpy as np
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    from matscreen.report.axes import axis, base_layout, plain
    from matscreen.report.palette import LIGHT

    trace, result = done.trace, done.result
    shares = 100.0 * (1.0 - result.planned / result.at_once)
    best = 100.0 * (1.0 - result.bound / result.at_once)
    when = [trace.start + int(number) * trace.step for number in result.starts]
    days = round(86400.0 / trace.step.total_seconds())
    whole = len(trace) // days * days
    grid = trace.values[:whole].reshape(-1, days)
    hours = np.arange(days) * done.step_h
    figure = make_subplots(
        rows=2,
        cols=2,
        subplot_titles=(
            "Usual day, median and 10 to 90 %",
            "Year, daily means",
            "Saved, start by start",
            "Distribution",
        ),
        vertical_spacing=0.17,
        horizontal_spacing=0.1,
    )
    low, mid, high = np.percentile(grid, (10, 50, 90), axis=0)
    shade = "rgba(0,114,178,0.15)"
    for values, fill in ((low, None), (high, "tonexty")):
        figure.add_trace(
            go.Scatter(
                x=hours, y=values, mode="lines", line={"width": 0}, fill=fill, fillcolor=shade,
                hoverinfo="skip",
            ),
            row=1,
            col=1,
        )  # fmt: skip
    line = {"color": LIGHT["series-0"], "width": 2}
    figure.add_trace(go.Scatter(x=hours, y=mid, mode="lines", line=line), row=1, col=1)
    dates = [trace.start + number * days * trace.step for number in range(len(grid))]
    thin = {"color": LIGHT["series-0"], "width": 1}
    figure.add_trace(
        go.Scatter(x=dates, y=grid.mean(axis=1), mode="lines", line=thin), row=1, col=2
    )
    figure.add_trace(
        go.Scatter(
            x=when,
            y=shares,
            mode="markers",
            marker={"size": 4, "color": LIGHT["series-2"], "opacity": 0.6},
            hovertemplate="%{x}: %{y:.1f} %<extra></extra>",
        ),
        row=2,
        col=1,
    )
    for values, role, name in (
        (best, "faint", "perfect foresight"),
        (shares, "series-2", "planned"),
    ):
        figure.add_trace(
            go.Histogram(
                x=values, name=name, marker_color=LIGHT[role], opacity=0.75, showlegend=True,
                xbins={"size": 2.0},
            ),
            row=2,
            col=2,
        )  # fmt: skip
    told = (
        f"{plain(trace.label)}<br><sup>saved {100 * done.saving.share:.1f} % "
        f"({100 * done.saving.lower:.1f} to {100 * done.saving.upper:.1f} %), perfect foresight "
        f"{100 * done.bound:.1f} %, deadlines missed {done.missed} of {len(shares):,}</sup>"
    )
    layout = base_layout()
    figure.update_layout(
        **{**layout, "showlegend": True},
        title={"text": told, "x": 0.01, "font": {"size": 15}},
        barmode="overlay",
        legend={"x": 1.0, "y": 0.4, "xanchor": "right", "yanchor": "top"},
        width=1100,
        height=760,
        margin={"l": 70, "r": 30, "t": 110, "b": 60},
    )
    for trace_of in figure.data[:5]:
        trace_of.showlegend = False
    figure.update_xaxes({**axis("hour (UTC)"), "dtick": 6}, row=1, col=1)
    figure.update_yaxes({**axis(plain(trace.unit)), "rangemode": "tozero"}, row=1, col=1)
    figure.update_xaxes(axis(""), row=1, col=2)
    figure.update_yaxes({**axis(plain(trace.unit)), "rangemode": "tozero"}, row=1, col=2)
    figure.update_xaxes(axis("start"), row=2, col=1)
    figure.update_yaxes({**axis("saved, %"), "zeroline": True}, row=2, col=1)
    figure.update_xaxes(axis("saved, %"), row=2, col=2)
    figure.update_yaxes(axis("starts"), row=2, col=2)
    return figure


def write_replay(path: Path, done: Finished) -> None:
    """Write the figure and the assumptions as one HTML file."""
    from matscreen.commands.page import write_page

    title = "Replay on a synthetic year" if done.trace.synthetic else "Replay"
    write_page(path, title, replay_figure(done), [line.strip() for line in done.assumptions])
