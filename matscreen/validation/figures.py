"""Pictures of a validation, as one self-contained HTML file."""

from __future__ import annotations

from pathlib import Path

import pandas as pd

INK, ACCENTS = "#1d2733", ("#8aa0b5", "#c8553d")


def parity_figure(panels: list[tuple[str, str, pd.DataFrame]], path: Path) -> Path:
    """Draw reference against computed values, one panel a quantity, before and after correction.

    Args:
        panels: Title, unit and a table with the columns reference, computed, series, name.
        path: HTML file to write.
    """
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    figure = make_subplots(cols=len(panels), subplot_titles=[title for title, _, _ in panels])
    for column, (_, unit, table) in enumerate(panels, start=1):
        ends = [
            float(min(table["reference"].min(), table["computed"].min())),
            float(max(table["reference"].max(), table["computed"].max())),
        ]
        figure.add_trace(
            go.Scatter(
                x=ends, y=ends, mode="lines", line={"color": INK, "width": 1}, showlegend=False
            ),
            row=1,
            col=column,
        )
        for color, (name, part) in zip(ACCENTS, table.groupby("series", sort=False), strict=False):
            figure.add_trace(
                go.Scatter(
                    x=part["reference"],
                    y=part["computed"],
                    text=part["name"],
                    mode="markers",
                    marker={"color": color, "size": 7, "opacity": 0.8},
                    name=str(name),
                    legend="legend" if column == 1 else f"legend{column}",
                    hovertemplate="%{text}<br>published %{x:.3g}<br>computed %{y:.3g}",
                ),
                row=1,
                col=column,
            )
        figure.update_xaxes(title_text=f"published ({unit})", row=1, col=column)
        figure.update_yaxes(title_text=f"matscreen ({unit})", row=1, col=column)
    figure.update_layout(
        template="plotly_white",
        width=620 * len(panels),
        height=600,
        font={"family": "system-ui, sans-serif", "color": INK},
    )
    # Series of different panels share colours, so each panel carries its own legend.
    for column in range(1, len(panels) + 1):
        start = figure.layout["xaxis" if column == 1 else f"xaxis{column}"].domain[0]
        key = "legend" if column == 1 else f"legend{column}"
        figure.update_layout({key: {"orientation": "h", "x": start, "y": -0.15}})
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.write_html(path, include_plotlyjs=True, full_html=True)
    return path


def replay_figure(table: pd.DataFrame, path: Path) -> Path:
    """Draw the simulations each strategy needed, one point a seed, as a share of the pool.

    Args:
        table: From `matscreen.validation.acquisition.replay_table`.
        path: HTML file to write.
    """
    import plotly.graph_objects as go

    names = {"random": "random choice", "expected_improvement": "acquisition"}
    figure = go.Figure()
    for color, (strategy, name) in zip(ACCENTS, names.items(), strict=True):
        part = table[table["strategy"] == strategy]
        labels = part["pool"] + " (" + part["n"].astype(str) + ")"
        figure.add_trace(
            go.Box(
                x=100 * part["simulations"] / part["n"],
                y=labels,
                name=name,
                orientation="h",
                boxpoints="all",
                pointpos=0,
                jitter=0.5,
                boxmean=True,
                line={"color": color, "width": 1},
                marker={"color": color, "size": 7},
                fillcolor="rgba(0,0,0,0)",
                customdata=part["simulations"],
                hovertemplate="%{customdata} simulations",
            )
        )
    figure.update_layout(
        template="plotly_white",
        title="Simulations until half of the best 5 % are found (dashed: mean)",
        boxmode="group",
        width=1000,
        height=160 + 100 * table["pool"].nunique(),
        font={"family": "system-ui, sans-serif", "color": INK},
        legend={"orientation": "h", "y": -0.2, "traceorder": "normal"},
        xaxis={"title": "share of the pool simulated (%)", "rangemode": "tozero"},
        yaxis={"autorange": "reversed", "automargin": True},
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.write_html(path, include_plotlyjs=True, full_html=True)
    return path


def device_figure(scored: pd.DataFrame, path: Path) -> Path:
    """Draw measured against predicted energy of every scored device, with its 90 % interval.

    Args:
        scored: From `matscreen.validation.mechanisms.score_devices`.
        path: HTML file to write.
    """
    import plotly.graph_objects as go
    from plotly.subplots import make_subplots

    rows = scored[scored["excluded"] == ""]
    names = list(rows["mechanism"].unique())
    figure = make_subplots(
        cols=max(len(names), 1), subplot_titles=[name.replace("_", " ") for name in names]
    )
    for column, name in enumerate(names, start=1):
        part = rows[rows["mechanism"] == name]
        values = part[["energy_J", "predicted_J", "null_J"]].astype(float)
        ends = [values.min().min() / 3, values.max().max() * 3]
        line = {"color": INK, "width": 1}
        figure.add_trace(
            go.Scatter(x=ends, y=ends, mode="lines", line=line, showlegend=False),
            row=1,
            col=column,
        )
        for color, series, title in zip(
            ACCENTS, ("null_J", "predicted_J"), ("no material", "with the material"), strict=True
        ):
            error = None
            if series == "predicted_J":
                error = {
                    "type": "data",
                    "array": part["upper_J"] - part[series],
                    "arrayminus": part[series] - part["lower_J"],
                    "thickness": 1,
                    "width": 0,
                }
            figure.add_trace(
                go.Scatter(
                    x=part["energy_J"],
                    y=part[series],
                    error_y=error,
                    text=part["formula"].astype(str) + ", " + part["source"].astype(str),
                    mode="markers",
                    marker={"color": color, "size": 8, "opacity": 0.8},
                    name=title,
                    showlegend=column == 1,
                    hovertemplate="%{text}<br>measured %{x:.2e} J<br>predicted %{y:.2e} J",
                ),
                row=1,
                col=column,
            )
        ticks = {"type": "log", "exponentformat": "power", "dtick": 1}
        figure.update_xaxes(title_text="measured (J)", **ticks, row=1, col=column)
        figure.update_yaxes(
            title_text="predicted (J)" if column == 1 else "", **ticks, row=1, col=column
        )
    figure.update_layout(
        template="plotly_white",
        width=max(440 * len(names), 600),
        height=560,
        font={"family": "system-ui, sans-serif", "color": INK},
        legend={"orientation": "h", "y": -0.2},
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.write_html(path, include_plotlyjs=True, full_html=True)
    return path
