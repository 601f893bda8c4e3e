"""What the numbers say, in sentences, and everything that they assume."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import fields, replace
from typing import Any, Final

from matscreen.impact.accounting import (
    BASELINES,
    JOULES_PER_KWH,
    Usage,
    breakeven_event,
    cmos_gate,
    replace_compute,
    training_step,
)
from matscreen.impact.machines import Crossbar, GateArray, Machine, SpikingArray
from matscreen.impact.workloads import Workload, benchmarks, get_workload
from matscreen.report.formatting import (
    format_energy,
    format_number,
    format_percent,
    format_quantity,
    format_ratio,
    formula_text,
    words,
)

LARGE_MODEL: Final = "gpt-3"
ONLINE: Final = "lenet-300-100"
"""Fully connected and updated after each sample: as many weights as MACs, hardest on the switch."""
MEDIAN_ADC_J: Final = 7.63e-12
"""Median of Murmann's ADC survey at 46 to 52 dB since 2015, J per conversion."""


def statements(
    machine: Machine, workload: Workload, rows: Sequence[Mapping[str, Any]], usage: Usage
) -> list[str]:
    """Return what the best candidates mean on one workload, each with its condition.

    Args:
        machine: The hardware.
        workload: The network of the rows.
        rows: Results of `impact_row`, the first being the cheapest switch.
        usage: How the hardware is used.
    """
    best = rows[0]
    said = []
    if not any(row["feasible"] for row in rows):
        said.append("No candidate is feasible: what follows is of switches that would fail.")
    said.append(_mac_statement(machine, best["event_J"]))
    said += [_switch_statement(machine, workload, row, usage) for row in rows]
    said += _breakeven_statements(machine, workload, rows, usage)
    said.append(_hardware_statement(machine, best))
    if not isinstance(machine, SpikingArray):
        said += _footprint_statements(machine, best["event_J"], usage)
    return said


def _mac_statement(machine: Machine, event_J: float) -> str:
    cost = machine.mac(event_J)
    total, peripheral = format_energy(cost.total_J), format_percent(cost.peripheral_share)
    if isinstance(machine, GateArray):
        gate = cmos_gate()
        cmos = machine.mac(gate).total_J
        return (
            f"A MAC of {machine.gates_per_mac * machine.activity:.0f} toggles of "
            f"{format_energy(event_J)} takes {total}, {format_percent(cost.switching_share)} of it "
            f"in the gates and {peripheral} in wires, memory and control. With CMOS gates of the "
            f"7 nm class ({format_energy(gate)}, low confidence) the same units take "
            f"{format_energy(cmos)}; these gates take {_times(cmos / cost.total_J, 'those')}."
        )
    if isinstance(machine, SpikingArray):
        return (
            f"A synaptic event takes {total}, {peripheral} of it in drivers, wires and control; "
            f"a spike of the neuron ({format_energy(event_J)}) serves all its synapses."
        )
    text = (
        f"Reading does not switch: a MAC takes {total} whatever the material, {peripheral} of it "
        "in converters, wires and control, the rest in the cells. Switching is paid only when a "
        "weight changes."
    )
    if not isinstance(machine, Crossbar):
        return text
    part = machine.peripheral_factor * machine.adc_J / cost.total_J
    median = replace(machine, adc_energy_J=MEDIAN_ADC_J).mac(event_J).total_J
    return (
        f"{text} The ADC with its share of control takes {format_percent(part)}; with the median "
        f"converter of Murmann's survey ({format_energy(MEDIAN_ADC_J)}) a MAC takes "
        f"{format_energy(median)}."
    )


def _switch_statement(
    machine: Machine, workload: Workload, row: Mapping[str, Any], usage: Usage
) -> str:
    event = float(row["event_J"])
    cost = machine.inference(workload, event)
    names = f"{formula_text(row['formula'])}, {words(row['mechanism'])}"
    if not row["feasible"]:
        names += ", not feasible"
    text = (
        f"At {format_energy(event)} an event ({names}) the peripherals take "
        f"{format_percent(cost.peripheral_share)} of an inference of {workload.name}; a switch of "
        f"half the energy saves {_saved(cost.switching_share)} of it"
    )
    step = training_step(machine, workload, event, usage)
    if step is None:
        return f"{text}."
    return f"{text} and {_saved(step.switching_share)} of a training step."


def _saved(switching_share: float) -> str:
    saved = 0.5 * switching_share
    return "nothing" if saved == 0.0 else format_percent(saved)


def _breakeven_statements(
    machine: Machine, workload: Workload, rows: Sequence[Mapping[str, Any]], usage: Usage
) -> list[str]:
    """Return at which joules per event switching is half of a training step."""
    online = get_workload(ONLINE)
    usual = breakeven_event(machine, workload, usage)
    hardest = breakeven_event(machine, online, replace(usage, batch=1.0))
    if usual is None or hardest is None:
        return []
    if isinstance(machine, GateArray):
        return [f"Switching takes half of a MAC at {format_energy(usual)} an event."]
    batch = workload.batch if usage.batch is None else usage.batch
    over = [
        f"{formula_text(row['formula'])} ({format_energy(row['event_J'])})"
        for row in rows
        if row["event_J"] > hardest
    ]
    text = (
        f"Switching takes half of a training step of {workload.name} in batches of {batch:,.0f} at "
        f"{format_energy(usual)} an event. Hardest on the switch is a fully connected network with "
        f"an update after each sample ({online.name}): {format_energy(hardest)}. Far below that a "
        f"cheaper switch saves nothing; over it: {', '.join(over) or 'none of these'}."
    )
    return [text]


def _hardware_statement(machine: Machine, row: Mapping[str, Any]) -> str:
    chips = {task: name.replace(", ", " in ") for task, name in BASELINES.items()}
    text = f"An inference takes {_times(row['inference_factor'], chips['inference'])}"
    if row["training_factor"] is not None:
        text += f", a training {_times(row['training_factor'], chips['training'])}"
    text += ", at the peak rate of both."
    if isinstance(machine, GateArray):
        return f"{text} Those figures hold whole boards with their memory, this one does not."
    if not isinstance(machine, Crossbar):
        return text
    chip = benchmarks()["Analog PCM chip, 8-bit"]
    return (
        f"{text} The factor of inference is due to the crossbar, not to the material. It is no "
        "forecast: the default of the peripheral factor makes a MAC cost what the best measured "
        f"analog chip takes ({format_energy(chip.lower)} in its fast, {format_energy(chip.upper)} "
        "in its precise mode)."
    )


def _times(factor: float, other: str) -> str:
    if factor >= 1.0:
        return f"{format_ratio(factor)} times less than {other}"
    return f"{format_ratio(1.0 / factor)} times more than {other}"


def _footprint_statements(machine: Machine, event_J: float, usage: Usage) -> list[str]:
    """Return what the footprints of the news would be if only their MACs moved."""
    rows, model = benchmarks(), get_workload(LARGE_MODEL)
    share = usage.compute_share
    mac = rows[BASELINES["inference"]].value
    factor = mac / machine.mac(event_J).total_J
    daily = rows["Large model in use"].value * 1e3 * JOULES_PER_KWH
    tokens = format_number(share * daily / (mac * model.macs_per_inference), digits=2)
    after = replace_compute(daily, share=share, factor=factor)
    use = (
        f"{rows['Large model in use'].value:.0f} MWh a day (figure without a primary source): if "
        f"{format_percent(share)} of it went into MACs at the peak of an A100 in INT8, it made at "
        f"most {tokens} tokens of {model.name}. The same MACs on this hardware take "
        f"{_watt_hours(share * daily / factor)} instead of {_watt_hours(share * daily)}; the rest "
        f"stays: {_watt_hours(after)} a day, {_tonnes(usage.carbon_kg(after))} instead of "
        f"{_tonnes(usage.carbon_kg(daily))} CO2 at {usage.carbon_kg_per_kWh:g} kg/kWh."
    )
    step = training_step(machine, model, event_J, usage)
    if step is None:
        return [use]
    theirs = rows[BASELINES["training"]].value * model.training_macs
    ours = step.times(model.updates(usage.batch)).total_J
    before = rows["Architecture search of a transformer"].value
    moved = replace_compute(before, share=share, factor=theirs / ours)
    search = (
        f"{before:.0f} t CO2e (626,155 lb) is a search over many networks on P100, not one "
        f"training; the network itself took 87 kg. If {format_percent(share)} of it went into MACs "
        f"and these cost {_times(theirs / ours, 'before')}, as against an A100 in BF16, "
        f"{moved:.0f} t remain."
    )
    real = (
        f"One training of {model.name}: {_watt_hours(ours)} ({_tonnes(usage.carbon_kg(ours))} CO2) "
        f"in MACs and updates on this hardware, {_watt_hours(theirs)} on A100 at their peak. What "
        f"it really took, {rows['Training of GPT-3'].value:,.0f} MWh on V100 with cooling, shows "
        "how far a peak rate is from practice."
    )
    return [use, search, real]


def _watt_hours(joules: float) -> str:
    return format_quantity(joules / 3600.0, "Wh")


def _tonnes(kg: float) -> str:
    return f"{format_number(kg / 1e3, digits=2)} t"


def assumptions(machine: Machine, usage: Usage, *, application: str) -> list[str]:
    """Return everything that the numbers rest on, with the values used.

    Args:
        machine: The hardware.
        usage: How it is used.
        application: The event that was ranked.
    """
    told = [f"one event is that of the {application} screen, with its 90 % interval"]
    if isinstance(machine, GateArray):
        told += _gate_assumptions(machine)
    elif isinstance(machine, SpikingArray):
        told += _spike_assumptions(machine)
    elif isinstance(machine, Crossbar):
        told += [*_cell_assumptions(machine), *_crossbar_assumptions()]
    if not isinstance(machine, SpikingArray):
        batch = "usual batches" if usage.batch is None else f"batches of {usage.batch:g}"
        training = (
            "training: 3 MACs for each of inference (forward and backward), "
            f"events of a cell a step: {usage.updates_per_step:g}, {batch}; 8 bits here, "
            "BF16 in the accelerators"
        )
        told += [training, "attention is counted as if its products had stored weights"]
        share = format_percent(usage.compute_share)
        carbon = f"{usage.carbon_kg_per_kWh:g} kg CO2 a kWh"
        told.append(f"MACs are {share} of the energy of a data centre; {carbon}")
    told += [
        "accelerators: design power over peak rate",
        "energies are those of MACs and updates: no memory off the chip, no host, no cooling",
    ]
    return told


def _gate_assumptions(machine: GateArray) -> list[str]:
    return [
        "8-bit multiplier and accumulator of static gates, each weight fetched from cache",
        f"a gate's event holds its local wire; further {_values(machine)}",
    ]


def _cell_assumptions(crossbar: Crossbar, without: tuple[str, ...] = ()) -> list[str]:
    read = (
        "a read leaves the state as it is and lets a current flow; a ferroelectric capacitor, "
        "which is read by switching it, would pay two events a read"
    )
    cells, levels = crossbar.cells_per_weight, crossbar.levels_per_cell
    held = f"each of {cells} cells a weight holds {levels} levels"
    return [read, held, _values(crossbar, without)]


def _crossbar_assumptions() -> list[str]:
    precision = (
        "an input enters in one pulse and a column is converted once, as networks tolerate that "
        "are trained for it; one bit at a time costs up to 8 times as much"
    )
    update = (
        "an update moves each cell by one event and pulses all rows and columns at once; "
        "verification, loading of the weights and refresh are left out"
    )
    return [precision, update]


def _spike_assumptions(machine: SpikingArray) -> list[str]:
    spikes = (
        f"spikes of a neuron in an inference: {machine.spikes_per_neuron:g}; each is a synaptic "
        "event for every MAC it stands for"
    )
    return [
        *_cell_assumptions(machine.crossbar, ("adc_energy_J", "write_voltage_V")),
        spikes,
        "transport of spikes between arrays and training are left out",
    ]


def _values(machine: Crossbar | GateArray, without: tuple[str, ...] = ()) -> str:
    shown = []
    for item in fields(machine):
        if item.name in without:
            continue
        unit, value = item.metadata["unit"], getattr(machine, item.name)
        name = words(item.name.removesuffix(f"_{unit.replace('/', '_per_')}"))
        plain = unit in {"1", "bit"}
        number = f"{value:g}" if plain else format_quantity(value, unit, digits=3)
        shown.append(f"{name} {number}")
    return ", ".join(shown)
