"""Hardware built of the ranked switches: what a multiply-accumulate and a weight update cost."""

from __future__ import annotations

import math
from abc import ABC, abstractmethod
from dataclasses import dataclass, field, fields
from typing import Any

from matscreen.errors import InputError
from matscreen.impact.workloads import Workload


@dataclass(frozen=True)
class Cost:
    """Energy of one operation by where it goes, J.

    Attributes:
        switching_J: Spent by the ranked switch.
        reading_J: Spent in cells that are read without switching.
        peripheral_J: Spent in converters, wires, memory and control.
    """

    switching_J: float = 0.0
    reading_J: float = 0.0
    peripheral_J: float = 0.0

    @property
    def total_J(self) -> float:
        """All of it, J."""
        return self.switching_J + self.reading_J + self.peripheral_J

    @property
    def switching_share(self) -> float:
        """Share of the ranked switch."""
        return self.switching_J / self.total_J

    @property
    def peripheral_share(self) -> float:
        """Share of converters, wires, memory and control."""
        return self.peripheral_J / self.total_J

    def __add__(self, other: Cost) -> Cost:
        return Cost(
            self.switching_J + other.switching_J,
            self.reading_J + other.reading_J,
            self.peripheral_J + other.peripheral_J,
        )

    def times(self, count: float) -> Cost:
        """Return the cost of so many operations."""
        return Cost(count * self.switching_J, count * self.reading_J, count * self.peripheral_J)


@dataclass(frozen=True, kw_only=True)
class Machine(ABC):
    """Hardware built of the ranked switches."""

    @abstractmethod
    def mac(self, event_J: float) -> Cost:
        """Return the cost of one multiply-accumulate."""

    @abstractmethod
    def update(self, event_J: float) -> Cost | None:
        """Return the cost of one change of one weight; None when the screen says nothing of it."""

    def inference(self, workload: Workload, event_J: float) -> Cost:
        """Return the cost of one inference, a MAC for each of the workload."""
        return self.mac(event_J).times(workload.macs_per_inference)


def _positive(default: float, unit: str, *, least: float = 0.0) -> Any:
    return field(default=default, metadata={"unit": unit, "least": least})


def _check(machine: Any) -> None:
    for item in fields(machine):
        value, least = getattr(machine, item.name), item.metadata.get("least")
        if least is None:
            continue
        number = isinstance(value, (int, float)) and not isinstance(value, bool)
        if not number or not math.isfinite(value) or value <= 0.0 or value < least:
            bound = f"at least {least:g}" if least else "over 0"
            raise InputError(
                f"{item.name} must be a number {bound} ({item.metadata['unit']}), got {value!r}"
            )
        if isinstance(item.default, int) and value != int(value):
            raise InputError(f"{item.name} must be a whole number, got {value!r}")


@dataclass(frozen=True, kw_only=True)
class Crossbar(Machine):
    """Analog crossbar whose cells hold weights: one read of all rows gives one MAC per weight.

    Attributes:
        rows: Inputs that one conversion sums over; 128 as in ISAAC (10.1109/ISCA.2016.12).
        columns: Columns of cells that share one input; 128 as in ISAAC.
        bits_per_weight: Bits of a weight; 8 as in the accelerators of the comparison.
        cells_per_weight: Cells that share them; 2 of the 32 levels of the shipped synapse screen.
        read_voltage_V: Read pulse, V; assumption, under the threshold of common memristors.
        read_conductance_S: Mean conductance of a cell, S; assumption, 1 MΩ is a high resistance.
        read_time_s: Length of the read pulse, s; assumption, the switching time of the screens.
        adc_energy_J: One conversion of a column, J; 3.1 mW / 1.2 GS/s, 8 bits, measured (Kull et
            al. 2013, 10.1109/ISSCC.2013.6487818). Murmann's survey at 46 to 52 dB: best 1.1 pJ,
            median since 2015 7.6 pJ.
        dac_energy_J: One 8-bit input to a row, J; assumption between 0.4 pJ (1-bit driver of
            ISAAC) and 4.6 pJ (18 fJ a step of 2⁸).
        wire_capacitance_F_per_m: Capacitance of a line, F/m; 0.2 fF/µm, usual on chips.
        pitch_m: Distance between cells, m; a cell of 50 nm and as much between cells.
        write_voltage_V: Write pulse that also charges the lines, V; assumption.
        peripheral_factor: All peripheral energy over that of converters and lines. ADCs take 49 %
            of ISAAC's chip power, thus at least 2; 4 puts a MAC at the 0.2 pJ of the best measured
            8-bit chip (Le Gallo et al. 2023, 10.1038/s41928-023-01010-1).

    Raises:
        InputError: A value is out of range.
    """

    rows: int = _positive(128, "1", least=1)
    columns: int = _positive(128, "1", least=1)
    bits_per_weight: int = _positive(8, "bit", least=1)
    cells_per_weight: int = _positive(2, "1", least=1)
    read_voltage_V: float = _positive(0.2, "V")
    read_conductance_S: float = _positive(1e-6, "S")
    read_time_s: float = _positive(10e-9, "s")
    adc_energy_J: float = _positive(2.58e-12, "J")
    dac_energy_J: float = _positive(1e-12, "J")
    wire_capacitance_F_per_m: float = _positive(2e-10, "F/m")
    pitch_m: float = _positive(100e-9, "m")
    write_voltage_V: float = _positive(1.0, "V")
    peripheral_factor: float = _positive(4.0, "1", least=1.0)

    def __post_init__(self) -> None:
        _check(self)
        if self.cells_per_weight > min(self.columns, self.bits_per_weight):
            raise InputError(
                f"cells_per_weight must not exceed the {self.columns} columns nor the "
                f"{self.bits_per_weight} bits of a weight, got {self.cells_per_weight}"
            )

    @property
    def levels_per_cell(self) -> int:
        """Levels that each cell must hold, 2^(bits / cells) rounded up to whole bits."""
        return int(2 ** math.ceil(self.bits_per_weight / self.cells_per_weight))

    @property
    def cell_read_J(self) -> float:
        """Energy of reading one cell, V² G t, J."""
        return self.read_voltage_V**2 * self.read_conductance_S * self.read_time_s

    @property
    def adc_J(self) -> float:
        """Conversions of a MAC, E_ADC x cells / rows, J: one column sums over all rows."""
        return self.adc_energy_J * self.cells_per_weight / self.rows

    @property
    def dac_J(self) -> float:
        """Inputs of a MAC, E_DAC x cells / columns, J: one row feeds all columns."""
        return self.dac_energy_J * self.cells_per_weight / self.columns

    def line_J(self, voltage_V: float) -> float:
        """Charge of one pitch of line for each cell of a weight, cells x c p V², J."""
        line = self.wire_capacitance_F_per_m * self.pitch_m
        return self.cells_per_weight * line * voltage_V**2

    def mac(self, event_J: float) -> Cost:  # noqa: ARG002 - reading switches nothing
        """Return cells x V² G t + factor x (ADC + DAC + line); reading switches nothing."""
        peripheral = self.adc_J + self.dac_J + self.line_J(self.read_voltage_V)
        return Cost(
            reading_J=self.cells_per_weight * self.cell_read_J,
            peripheral_J=self.peripheral_factor * peripheral,
        )

    def update(self, event_J: float) -> Cost:
        """Return cells x event + factor x both lines; all rows and columns are pulsed at once."""
        return Cost(
            switching_J=self.cells_per_weight * event_J,
            peripheral_J=self.peripheral_factor * 2.0 * self.line_J(self.write_voltage_V),
        )


@dataclass(frozen=True, kw_only=True)
class GateArray(Machine):
    """Digital multiply-accumulate units whose gates are the ranked switches.

    Attributes:
        gates_per_mac: Gates of an 8-bit array multiplier with a 24-bit accumulator: 64 AND, and
            56 + 24 full adders of 5 gates.
        activity: Toggles of a gate in one MAC; assumption, half of the gates.
        wire_length_m: Wire that a gate drives, m; assumption.
        wire_capacitance_F_per_m: Capacitance of a wire, F/m; 0.2 fF/µm, usual on chips.
        supply_voltage_V: Voltage on the wires, V; 0.7 V as of the 7 nm class.
        memory_energy_J: Fetch of one weight from cache, J; 10 pJ / 8 bytes at 45 nm (Horowitz
            2014, 10.1109/ISSCC.2014.6757323).
        reuse: MACs that a fetched weight serves; assumption, the rows of a systolic array.
        peripheral_factor: All peripheral energy over that of wires and cache; assumption, for
            clock, registers and control, that of the crossbar.

    Raises:
        InputError: A value is out of range.
    """

    gates_per_mac: int = _positive(464, "1", least=1)
    activity: float = _positive(0.5, "1")
    wire_length_m: float = _positive(1e-6, "m")
    wire_capacitance_F_per_m: float = _positive(2e-10, "F/m")
    supply_voltage_V: float = _positive(0.7, "V")
    memory_energy_J: float = _positive(1.25e-12, "J")
    reuse: float = _positive(128.0, "1", least=1.0)
    peripheral_factor: float = _positive(4.0, "1", least=1.0)

    def __post_init__(self) -> None:
        _check(self)

    def mac(self, event_J: float) -> Cost:
        """Return toggles x event + factor x (toggles x c l V² + fetch / reuse)."""
        toggles = self.gates_per_mac * self.activity
        wire = self.wire_capacitance_F_per_m * self.wire_length_m * self.supply_voltage_V**2
        peripheral = toggles * wire + self.memory_energy_J / self.reuse
        return Cost(switching_J=toggles * event_J, peripheral_J=self.peripheral_factor * peripheral)

    def update(self, event_J: float) -> Cost:
        """Return one more MAC: the gradient times the learning rate is added to the weight."""
        return self.mac(event_J)


@dataclass(frozen=True, kw_only=True)
class SpikingArray(Machine):
    """Neurons of the ranked switches, fed by a crossbar of fixed synapses without ADCs.

    Attributes:
        crossbar: The synapses; a spike drives one row, each crossing is one synaptic event.
        spikes_per_neuron: Spikes of a neuron in one inference; 1 is the least, codes by rate take
            tens.

    Raises:
        InputError: A value is out of range.
    """

    crossbar: Crossbar = field(default_factory=Crossbar)
    spikes_per_neuron: float = _positive(1.0, "1")

    def __post_init__(self) -> None:
        _check(self)

    def mac(self, event_J: float) -> Cost:  # noqa: ARG002 - the neuron fires elsewhere
        """Return one synaptic event, cells x V² G t + factor x (DAC + line), without the neuron."""
        part = self.crossbar
        peripheral = part.dac_J + part.line_J(part.read_voltage_V)
        return Cost(
            reading_J=part.cells_per_weight * part.cell_read_J,
            peripheral_J=part.peripheral_factor * peripheral,
        )

    def update(self, event_J: float) -> None:
        """Return nothing: a screen of neurons says nothing of changing a synapse."""

    def inference(self, workload: Workload, event_J: float) -> Cost:
        """Return spikes x (neurons x event + MACs x synaptic event)."""
        if workload.neurons is None:
            raise InputError(f"{workload.name} has no spiking form; choose a workload with neurons")
        synapses = self.mac(event_J).times(workload.macs_per_inference)
        return (Cost(switching_J=workload.neurons * event_J) + synapses).times(
            self.spikes_per_neuron
        )
