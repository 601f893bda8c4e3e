"""Tables of the terminal: candidates, other hardware, other networks."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from rich.table import Table

from matscreen.impact.accounting import ENERGIES, Usage, breakeven_event, cmos_gate, impact_row
from matscreen.impact.machines import GateArray, Machine
from matscreen.impact.workloads import Workload, benchmarks
from matscreen.report.formatting import (
    DASH,
    format_energy,
    format_interval,
    format_number,
    format_percent,
    format_quantity,
    format_ratio,
    formula_text,
    words,
)


def candidates_table(
    results: Sequence[Mapping[str, Any]], workload: Workload, usage: Usage
) -> Table:
    """Return what each candidate costs on a workload.

    Args:
        results: Rows of `impact_row`.
        workload: Their network.
        usage: How the hardware is used.
    """
    trains = results[0]["training_J"] is not None
    batch = workload.batch if usage.batch is None else usage.batch
    title = f"{workload.name}: one {workload.inference}"
    training = ("update", "step", "switching", "training", "kg CO2")
    table = _table(
        f"{title}; a weight update, a step of {batch:,.0f} and its share of switching, a training"
        if trains
        else title,
        ("material", "mechanism"),
        ("event", "90 % interval", "inference", *(training if trains else ("switching",))),
    )
    for row in results:
        cells = [format_percent(row["inference_switching_share"])]
        if trains:
            cells = [
                format_energy(row["update_J"]),
                format_energy(row["training_step_J"]),
                format_percent(row["training_switching_share"]),
                format_energy(row["training_J"]),
                format_number(row["training_kg_CO2"], digits=2),
            ]
        table.add_row(
            formula_text(row["formula"]) + ("" if row["feasible"] else " (not feasible)"),
            words(row["mechanism"]),
            format_energy(row["event_J"]),
            format_interval(row["event_lower_J"], row["event_upper_J"]),
            format_energy(row["inference_J"]),
            *cells,
            style=None if row["feasible"] else "dim",
        )
    return table


def hardware_table(best: Mapping[str, Any], machine: Machine, workload: Workload) -> Table:
    """Return the same workload on other hardware, as multiples of the best candidate.

    Args:
        best: A row of `impact_row`.
        machine: Its hardware.
        workload: Its network.
    """
    trains = best["training_J"] is not None
    table = _table(
        f"\nOther hardware, and how many times the energy with {formula_text(best['formula'])}",
        ("hardware",),
        ("MAC", "inference", "times", *(("training", "times") if trains else ())),
    )
    table.add_column("includes", ratio=1)
    if isinstance(machine, GateArray):
        mac = machine.mac(cmos_gate()).total_J
        energy = mac * workload.macs_per_inference
        times = format_ratio(energy / best["inference_J"])
        cells = [format_energy(mac), format_energy(energy), times, DASH, DASH]
        table.add_row("the same units in CMOS", *cells, "gates of 7 nm class, as here (low)")
    for row in benchmarks().values():
        if row.kind == "footprint" or (row.task == "training" and not trains):
            continue
        macs = workload.macs_per_inference if row.task == "inference" else workload.training_macs
        energy = row.value * macs
        pair = [format_energy(energy), format_ratio(energy / best[f"{row.task}_J"])]
        empty = [DASH, DASH]
        cells = [*pair, *(empty if trains else ())] if row.task == "inference" else [*empty, *pair]
        table.add_row(
            row.name, format_energy(row.value), *cells, f"{row.includes} ({row.confidence})"
        )
    return table


def workloads_table(
    best: Mapping[str, Any], machine: Machine, chosen: Sequence[Workload], usage: Usage
) -> Table:
    """Return the best candidate on several networks.

    Args:
        best: A row of `impact_row`.
        machine: Its hardware.
        chosen: The networks.
        usage: How the hardware is used.
    """
    trains = best["training_J"] is not None
    note = "; at the last column switching is half of a training step" if trains else ""
    table = _table(
        f"\nAll networks with {formula_text(best['formula'])}{note}",
        ("network", "one inference"),
        (
            "MACs",
            "inference",
            "A100 / this",
            *(("training", "A100 / this", "switching", "half at") if trains else ()),
        ),
    )
    events = zip(ENERGIES, ("event_J", "event_lower_J", "event_upper_J"), strict=True)
    candidate = {**best, **{energy: best[event] for energy, event in events}}
    for workload in chosen:
        row = impact_row(candidate, machine, workload, usage)
        half = breakeven_event(machine, workload, usage)
        cells = []
        if trains:
            cells = [
                format_energy(row["training_J"]),
                format_ratio(row["training_factor"]),
                format_percent(row["training_switching_share"]),
                DASH if half is None else format_energy(half),
            ]
        table.add_row(
            workload.name,
            workload.inference,
            format_quantity(workload.macs_per_inference, "").strip(),
            format_energy(row["inference_J"]),
            format_ratio(row["inference_factor"]),
            *cells,
        )
    return table


def _table(title: str, left: Sequence[str], right: Sequence[str]) -> Table:
    table = Table(
        title=title,
        title_justify="left",
        title_style="bold",
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
        header_style="dim",
    )
    for name in left:
        table.add_column(name, no_wrap=True)
    for name in right:
        table.add_column(name, justify="right", no_wrap=True)
    return table
