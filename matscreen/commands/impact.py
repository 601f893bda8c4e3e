"""`matscreen impact`: what a ranking would mean for inference and training."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Literal

import typer

from matscreen.commands import completion
from matscreen.commands.options import output_option
from matscreen.errors import InputError

if TYPE_CHECKING:
    import pandas as pd

    from matscreen.impact import Machine

_PANEL = "Hardware (defaults with their sources: see the assumptions that are printed)"


def _tuned(flag: str, text: str, metavar: str) -> Any:
    return typer.Option(flag, help=text, metavar=metavar, rich_help_panel=_PANEL)


def impact(
    ranking: Annotated[
        Path,
        typer.Argument(
            help="candidates.csv or .parquet, or the folder of the results.", metavar="RESULTS"
        ),
    ],
    top: Annotated[int, typer.Option(min=1, help="Candidates of each mechanism.", metavar="N")] = 1,
    workload: Annotated[
        str | None,
        typer.Option(
            help="Network; without it resnet-50 in detail, then all.",
            metavar="NAME",
            autocompletion=completion.workloads,
        ),
    ] = None,
    application: Annotated[
        Literal["synapse", "logic", "neuron"] | None,
        typer.Option(help="What one event is; else read from screen.json beside the ranking."),
    ] = None,
    output: Annotated[Path | None, output_option("Table of all candidates.", "CSV")] = None,
    batch: Annotated[
        float | None, typer.Option(help="Inferences a training step.", metavar="X")
    ] = None,
    updates: Annotated[
        float, typer.Option(help="Events of a cell in a training step.", metavar="X")
    ] = 1.0,
    carbon: Annotated[float, typer.Option(help="CO2 of electricity, kg/kWh.", metavar="X")] = 0.4,
    compute_share: Annotated[
        float,
        typer.Option(help="Share of MACs in the energy of a data centre.", metavar="X"),
    ] = 0.5,
    rows: Annotated[int | None, _tuned("--rows", "Inputs of a crossbar.", "N")] = None,
    columns: Annotated[int | None, _tuned("--columns", "Columns of a crossbar.", "N")] = None,
    bits: Annotated[int | None, _tuned("--bits", "Bits of a weight.", "N")] = None,
    cells: Annotated[
        int | None, _tuned("--cells", "Cells of a weight; else from the screen's levels.", "N")
    ] = None,
    read_voltage: Annotated[float | None, _tuned("--read-voltage", "Read pulse.", "VOLT")] = None,
    read_conductance: Annotated[
        float | None, _tuned("--read-conductance", "Mean conductance of a cell.", "SIEMENS")
    ] = None,
    read_time: Annotated[float | None, _tuned("--read-time", "Length of a read.", "SECOND")] = None,
    write_voltage: Annotated[
        float | None, _tuned("--write-voltage", "Write pulse on the lines.", "VOLT")
    ] = None,
    adc_energy: Annotated[
        float | None, _tuned("--adc-energy", "One conversion of a column.", "JOULE")
    ] = None,
    dac_energy: Annotated[
        float | None, _tuned("--dac-energy", "One input to a row.", "JOULE")
    ] = None,
    wire_capacitance: Annotated[
        float | None, _tuned("--wire-capacitance", "Capacitance of wires.", "F/m")
    ] = None,
    pitch: Annotated[float | None, _tuned("--pitch", "Distance between cells.", "METRE")] = None,
    peripheral_factor: Annotated[
        float | None,
        _tuned("--peripheral-factor", "All peripherals over converters and wires.", "X"),
    ] = None,
    gates: Annotated[int | None, _tuned("--gates", "Gates of a MAC (logic).", "N")] = None,
    activity: Annotated[
        float | None, _tuned("--activity", "Toggles of a gate in a MAC (logic).", "X")
    ] = None,
    spikes: Annotated[
        float | None, _tuned("--spikes", "Spikes of a neuron in an inference (neuron).", "X")
    ] = None,
) -> None:
    """Show what the best candidates would mean per MAC, per inference and per training.

    Reading a synapse does not switch it: inference pays for converters and wires, training also
    for switching. Every number stands on assumptions, which are printed and written with it.

    Examples:
      matscreen impact results/synapse
      matscreen impact results/synapse --workload lenet-5 --adc-energy 1e-12 -o impact.csv
    """
    from dataclasses import asdict

    from rich.console import Group
    from rich.text import Text

    from matscreen.commands.output import next_steps, show
    from matscreen.impact import (
        Usage,
        assumptions,
        benchmarks,
        best_candidates,
        get_workload,
        impact_row,
        statements,
        workloads,
    )
    from matscreen.impact.tables import candidates_table, hardware_table, workloads_table

    table, screen = _read(ranking)
    asked = _application(application, screen, ranking)
    tuned = {
        "rows": rows,
        "columns": columns,
        "bits_per_weight": bits,
        "cells_per_weight": cells,
        "read_voltage_V": read_voltage,
        "read_conductance_S": read_conductance,
        "read_time_s": read_time,
        "write_voltage_V": write_voltage,
        "adc_energy_J": adc_energy,
        "dac_energy_J": dac_energy,
        "wire_capacitance_F_per_m": wire_capacitance,
        "pitch_m": pitch,
        "peripheral_factor": peripheral_factor,
        "gates_per_mac": gates,
        "activity": activity,
        "spikes_per_neuron": spikes,
    }
    given = {name: value for name, value in tuned.items() if value is not None}
    machine = _machine(asked, given, _levels(screen) if asked == "synapse" else None)
    usage = Usage(
        updates_per_step=updates,
        batch=batch,
        carbon_kg_per_kWh=carbon,
        compute_share=compute_share,
    )
    shown = get_workload(workload or "resnet-50")
    chosen = (
        [shown] if workload else [one for one in workloads() if asked != "neuron" or one.neurons]
    )
    try:
        best = best_candidates(table, top)
    except InputError as error:
        raise InputError(f"{ranking}: {error}") from None
    results = [impact_row(row, machine, shown, usage) for row in _records(best)]
    told = statements(machine, shown, _leaders(results), usage)
    premises = assumptions(machine, usage, application=asked)

    def every() -> list[dict[str, Any]]:
        return [
            impact_row(row, machine, one, usage)
            for one in chosen
            for row in _records(best_candidates(table))
        ]

    def data() -> dict[str, Any]:
        return {
            "application": asked,
            "hardware": asdict(machine),
            "usage": asdict(usage),
            "assumptions": premises,
            "statements": told,
            "best": results,
            "candidates": every(),
            "benchmarks": list(benchmarks().values()),
        }

    def text() -> Group:
        several = [] if workload else [workloads_table(results[0], machine, chosen, usage)]
        return Group(
            candidates_table(results, shown, usage),
            hardware_table(results[0], machine, shown),
            *several,
            *(Text(f"• {sentence}") for sentence in told),
            Text("\nAssumptions", style="bold"),
            *(Text(f"• {premise}", style="dim") for premise in premises),
        )

    if output is not None:
        _write_csv(output, every(), premises)
    show(data, text, *([lambda: f"table: {output}"] if output is not None else []))
    if output is None:
        next_steps((f"matscreen impact {ranking} -o impact.csv", "all candidates and networks"))


def _read(path: Path) -> tuple[pd.DataFrame, Mapping[str, Any]]:
    """Read a ranking and, when it lies beside it, what was asked of its screen."""
    import pandas as pd

    file = path
    if path.is_dir():
        found = [path / name for name in ("candidates.parquet", "candidates.csv")]
        file = next((one for one in found if one.is_file()), found[-1])
    if not file.is_file():
        raise InputError(
            f"there is no ranking {file}; give a candidates.csv or a results folder, such as "
            "`matscreen screen synapse -o results/synapse` leaves"
        )
    try:
        table = pd.read_parquet(file) if file.suffix == ".parquet" else pd.read_csv(file)
        beside = file.parent / "screen.json"
        about = json.loads(beside.read_text(encoding="utf-8")) if beside.is_file() else {}
    except (OSError, ValueError) as error:
        raise InputError(f"{file} cannot be read: {error}") from None
    screen = about.get("screen", {}) if isinstance(about, dict) else {}
    return table, screen if isinstance(screen, dict) else {}


def _application(given: str | None, screen: Mapping[str, Any], ranking: Path) -> str:
    from matscreen.mechanisms import APPLICATIONS

    found = given or screen.get("application")
    if found not in APPLICATIONS:
        raise InputError(
            f"no screen.json beside {ranking} says what one event is; "
            f"give --application {', '.join(APPLICATIONS)}"
        )
    return str(found)


def _levels(screen: Mapping[str, Any]) -> int | None:
    device = screen.get("device", {})
    levels = device.get("n_levels") if isinstance(device, dict) else None
    return levels if isinstance(levels, int) and levels > 1 else None


def _machine(application: str, given: Mapping[str, Any], levels: int | None) -> Machine:
    """Build the hardware of an application; an option without meaning for it is a mistake."""
    from dataclasses import fields

    from matscreen.impact import Crossbar, GateArray, SpikingArray

    values = dict(given)
    own = {"logic": (GateArray,), "neuron": (SpikingArray, Crossbar)}.get(application, (Crossbar,))
    known = {item.name for kind in own for item in fields(kind)}
    for name in values:
        if name not in known:
            raise InputError(f"{name} has no meaning for the application {application!r}")
    if application == "logic":
        return GateArray(**values)
    spikes = values.pop("spikes_per_neuron", None)
    if levels is not None and "cells_per_weight" not in values:
        whole = max(1, levels.bit_length() - 1)  # bits that so many levels hold
        bits = values.get("bits_per_weight", Crossbar.bits_per_weight)
        values["cells_per_weight"] = max(1, -(-bits // whole))
    crossbar = Crossbar(**values)
    if levels is not None and crossbar.levels_per_cell > levels:
        raise InputError(
            f"{crossbar.cells_per_weight} cells of {levels} levels hold no weight of "
            f"{crossbar.bits_per_weight} bits; each would need {crossbar.levels_per_cell}"
        )
    if application == "synapse":
        return crossbar
    return SpikingArray(
        crossbar=crossbar, **({} if spikes is None else {"spikes_per_neuron": spikes})
    )


def _leaders(results: Sequence[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
    first: dict[str, Mapping[str, Any]] = {}
    for row in results:
        first.setdefault(row["mechanism"], row)
    return list(first.values())


def _records(frame: pd.DataFrame) -> list[dict[str, Any]]:
    return [{str(key): value for key, value in row.items()} for row in frame.to_dict("records")]


def _write_csv(path: Path, rows: Sequence[Mapping[str, Any]], premises: Sequence[str]) -> None:
    """Write a table under its assumptions, which start with # (`read_csv(..., comment="#")`)."""
    import pandas as pd

    path.parent.mkdir(parents=True, exist_ok=True)
    head = "".join(f"# {premise}\n" for premise in premises)
    path.write_text(head + pd.DataFrame(rows).to_csv(index=False), encoding="utf-8")
