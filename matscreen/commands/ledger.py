"""`matscreen ledger`: what the work in a store has cost."""

from __future__ import annotations

import math
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from matscreen.commands.opening import open_store, store_words
from matscreen.commands.options import DEFAULT_STORE, StoreOption, output_option
from matscreen.commands.output import new_table

if TYPE_CHECKING:
    from rich.console import RenderableType

    from matscreen.power.spending import Spending

_BAR = 24
_WIDE = 100
"""Columns of a terminal from which the bars of the stages are long."""


def ledger(
    store: StoreOption = DEFAULT_STORE,
    region: Annotated[
        str | None,
        typer.Option(
            help="Count CO2 as of GBR, USA:california, SWE:SE3, gcp:europe-west1.",
            metavar="REGION",
        ),
    ] = None,
    grams_per_kwh: Annotated[
        float | None, typer.Option(help="Count CO2 by your own number, g/kWh.", metavar="X")
    ] = None,
    output: Annotated[Path | None, output_option("Figure, one file.", "HTML")] = None,
) -> None:
    """Show joules and CO2 per candidate, label, model and screen, over time and by stage.

    Joules are read from counters of the machine (RAPL, NVML) where there are any, else modelled;
    the table says which. CO2 is unknown unless a region or a number is given, here or in
    MATSCREEN_CARBON_REGION or MATSCREEN_CARBON_GRAMS when the work is done.

    Examples:
      matscreen ledger
      matscreen ledger --region GBR -o ledger.html
    """
    from rich.console import Group
    from rich.text import Text

    from matscreen.commands.output import next_steps, show
    from matscreen.power.carbon import intensity
    from matscreen.power.spending import spending

    asked = region is not None or grams_per_kwh is not None
    carbon = intensity(region, grams_per_kwh) if asked else None
    found = spending(open_store(store, must_exist=True), carbon)
    if output is not None:
        from matscreen.commands.ledger_figure import write_figure

        write_figure(output, found)
    if found.stages.empty:
        show(found.to_dict, lambda: f"The ledger of {store} is empty: no stage has run there yet.")
        next_steps((f"matscreen screen synapse{store_words(store)}", "a first screen"))
        return
    told = [Text(line, style="dim") for line in notes(found)]
    figure = [] if output is None else [Text(f"figure: {output}")]
    show(found.to_dict, lambda: Group(_stages(found), _each(found), *told, *figure))


def notes(found: Spending) -> list[str]:
    """Return how the joules and grams were obtained, a line each."""
    from matscreen.report.formatting import format_energy

    methods, carbon = found.methods, found.carbon
    lines = [
        f"{format_energy(joules)}: {method}"
        for joules, method in zip(methods["joules"], methods["method"], strict=True)
    ]
    lines += [
        f"CO2 of {format_energy(joules)}: {source}"
        for joules, source in zip(carbon["joules"], carbon["carbon_source"], strict=True)
    ]
    if len(found.labels) or len(found.models):
        from matscreen.tables import WATTS_PER_CORE

        lines.append(
            f"labels and models: CPU seconds x {WATTS_PER_CORE:g} W per core, an assumption; "
            "labels of the bundle were simulated elsewhere and are in no stage here"
        )
    return lines


def _stages(found: Spending) -> RenderableType:

    from matscreen.commands.bars import bar
    from matscreen.console import terminal
    from matscreen.report.formatting import format_duration, format_energy, format_percent

    total = f"Energy by stage: {format_energy(found.joules)}"
    if found.grams is not None:
        total += f", {_grams(found.grams)} CO2"
    width = _BAR if terminal().width >= _WIDE else _BAR // 3
    table = new_table(total, space=1)
    table.add_column("stage", no_wrap=True)
    for name in ("energy", "share"):
        table.add_column(name, justify="right", no_wrap=True)
    table.add_column("", width=width, no_wrap=True)
    known = found.stages["grams_CO2"].notna().any()  # else a note says why it is unknown
    for name in ("time", "CPU time", "items", "each", *(["CO2"] if known else [])):
        table.add_column(name, justify="right", no_wrap=True)
    for row in found.stages.to_dict("records"):
        table.add_row(
            str(row["stage"]),
            format_energy(row["joules"]),
            format_percent(row["share"]),
            bar(row["share"], width),
            format_duration(row["seconds"]),
            format_duration(row["cpu_seconds"]),
            f"{row['items']:,}",
            format_energy(row["joules_per_item"]),
            *([_grams(row["grams_CO2"])] if known else []),
        )
    return table


def _each(found: Spending) -> RenderableType:
    from rich.table import Table

    from matscreen.report.formatting import format_energy, plural

    table = Table(
        title="\nEnergy of one", title_justify="left", box=None, pad_edge=False, show_header=False
    )
    table.add_column(no_wrap=True)
    table.add_column(justify="right", no_wrap=True)
    table.add_column(style="dim")
    parts = found.joules_per_candidate
    if parts:
        told = ", ".join(f"{name} {format_energy(value)}" for name, value in parts.items())
        table.add_row("candidate", format_energy(sum(parts.values())), told)
    if found.joules_per_label is not None:
        told = ", ".join(
            f"{row['method']} {format_energy(row['joules_per_label'])}"
            for row in found.labels.head(3).to_dict("records")
        )
        count = plural(int(found.labels["labels"].sum()), "label")
        table.add_row("label", format_energy(found.joules_per_label), f"{count}; {told}")
    if found.joules_per_model is not None:
        first = found.models.iloc[0]
        told = f"dearest: {first['property']} {format_energy(first['joules'])}"
        count = plural(len(found.models), "model")
        table.add_row("model", format_energy(found.joules_per_model), f"{count}; {told}")
    if found.joules_per_screen is not None:
        last = found.screens.iloc[-1]
        count = plural(len(found.screens), "screen")
        told = f"median of {count}; the last, {last['task']}: {format_energy(last['joules'])}"
        table.add_row("screen", format_energy(found.joules_per_screen), told)
    return table


def _grams(grams: float | None) -> str:
    from matscreen.report.formatting import format_quantity

    return "unknown" if grams is None or math.isnan(grams) else format_quantity(grams, "g")
