"""What machines spend on a multiplication, an update and a training step."""

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matscreen.errors import InputError
from matscreen.impact import (
    Cost,
    Crossbar,
    GateArray,
    SpikingArray,
    Usage,
    benchmarks,
    breakeven_event,
    get_workload,
    training,
    training_step,
    workloads,
)

EVENTS = st.floats(1e-21, 1e-9)
NAMES = st.sampled_from([workload.name for workload in workloads()])


def test_a_crossbar_mac_computed_by_hand():
    crossbar = Crossbar(
        rows=100,
        columns=50,
        cells_per_weight=2,
        read_voltage_V=0.1,
        read_conductance_S=1e-5,
        read_time_s=1e-8,
        adc_energy_J=1e-12,
        dac_energy_J=5e-13,
        wire_capacitance_F_per_m=2e-10,
        pitch_m=1e-7,
        peripheral_factor=3.0,
    )
    cost = crossbar.mac(1e-15)
    # cells: 2 x 0.01 V² x 1e-5 S x 1e-8 s; ADC 2 x 1 pJ / 100; DAC 2 x 0.5 pJ / 50;
    # lines: 2 x 2e-17 F x 0.01 V²
    assert cost.reading_J == pytest.approx(2e-15)
    assert cost.peripheral_J == pytest.approx(3 * (2e-14 + 2e-14 + 4e-19))
    assert cost.switching_J == 0.0
    assert cost.total_J == pytest.approx(1.220012e-13)
    assert cost.peripheral_share == pytest.approx(1.200012 / 1.220012)


def test_a_weight_update_switches_its_cells_and_charges_both_lines():
    cost = Crossbar(cells_per_weight=2, write_voltage_V=2.0, peripheral_factor=1.0).update(1e-15)
    assert cost.switching_J == pytest.approx(2e-15)
    assert cost.peripheral_J == pytest.approx(2 * 2 * 2e-17 * 4.0)


def test_a_logic_mac_computed_by_hand():
    gates = GateArray(
        gates_per_mac=400,
        activity=0.25,
        wire_length_m=1e-6,
        wire_capacitance_F_per_m=2e-10,
        supply_voltage_V=1.0,
        memory_energy_J=1e-12,
        reuse=100,
        peripheral_factor=2.0,
    )
    cost = gates.mac(1e-16)
    assert cost.switching_J == pytest.approx(1e-14)
    assert cost.peripheral_J == pytest.approx(2 * (100 * 2e-16 + 1e-14))


def test_the_gates_of_a_mac_are_those_of_an_array_multiplier_and_accumulator():
    assert GateArray().gates_per_mac == 8 * 8 + (8 * 7 + 24) * 5


def test_a_spiking_inference_is_neurons_and_synaptic_events():
    array = SpikingArray(spikes_per_neuron=3.0)
    workload = get_workload("lenet-300-100")
    cost = array.inference(workload, 1e-12)
    assert cost.switching_J == pytest.approx(3 * 410 * 1e-12)
    assert cost.total_J == pytest.approx(
        3 * (410e-12 + 266200 * array.mac(1e-12).total_J), rel=1e-12
    )
    assert array.mac(1.0).total_J < Crossbar().mac(1.0).total_J  # no ADC
    assert training(array, workload, 1e-12) is None
    assert breakeven_event(array, workload) is None


def test_a_training_step_by_hand():
    crossbar, workload = Crossbar(), get_workload("lenet-300-100")
    usage = Usage(batch=10, updates_per_step=2)
    step = training_step(crossbar, workload, 1e-15, usage)
    macs = 3 * 10 * 266200 * crossbar.mac(0.0).total_J
    assert step.total_J == pytest.approx(macs + 2 * 266610 * crossbar.update(1e-15).total_J)
    whole = training(crossbar, workload, 1e-15, usage)
    assert whole.total_J == pytest.approx(step.total_J * 60000 * 20 / 10, rel=1e-4)


@given(name=NAMES, event=EVENTS)
def test_inference_on_a_crossbar_does_not_know_the_switch(name, event):
    workload = get_workload(name)
    assert Crossbar().inference(workload, event) == Crossbar().inference(workload, 2 * event)


@given(name=NAMES, event=EVENTS, more=st.floats(1.0, 1e6))
@pytest.mark.parametrize("machine", [Crossbar(), GateArray()])
def test_switching_is_linear_and_the_rest_constant(machine, name, event, more):
    workload = get_workload(name)
    small = training_step(machine, workload, event)
    large = training_step(machine, workload, more * event)
    assert large.switching_J == pytest.approx(more * small.switching_J)
    assert large.peripheral_J == pytest.approx(small.peripheral_J)
    assert 0.0 < small.switching_share <= large.switching_share * (1 + 1e-9) <= 1.0 + 1e-9


@given(name=NAMES, batch=st.floats(1.0, 1e7))
@pytest.mark.parametrize("machine", [Crossbar(), GateArray()])
def test_at_the_breakeven_switching_is_half_of_a_step(machine, name, batch):
    workload, usage = get_workload(name), Usage(batch=batch)
    event = breakeven_event(machine, workload, usage)
    assert training_step(machine, workload, event, usage).switching_share == pytest.approx(0.5)


@given(rows=st.integers(1, 4096), more=st.integers(2, 8))
def test_more_rows_share_a_conversion(rows, more):
    small, large = Crossbar(rows=rows), Crossbar(rows=more * rows)
    assert small.adc_J == pytest.approx(more * large.adc_J)
    assert large.mac(0.0).total_J < small.mac(0.0).total_J
    assert large.mac(0.0).peripheral_share < small.mac(0.0).peripheral_share


def test_costs_add_and_scale():
    cost = (Cost(1.0, 2.0, 3.0) + Cost(1.0, 0.0, 0.0)).times(2.0)
    assert cost == Cost(4.0, 4.0, 6.0)
    assert cost.switching_share == pytest.approx(4 / 14)


def test_the_defaults_stand_where_their_reasons_say():
    best = benchmarks()["Analog PCM chip, 8-bit"]
    assert best.lower < Crossbar().mac(0.0).total_J < 1.2 * best.lower
    assert Crossbar().levels_per_cell == 16


def test_no_update_without_events_costs_macs_only():
    crossbar, workload = Crossbar(), get_workload("lenet-5")
    step = training_step(crossbar, workload, 1.0, Usage(updates_per_step=0))
    assert step.total_J == pytest.approx(3 * crossbar.inference(workload, 0.0).total_J)
    assert breakeven_event(crossbar, workload, Usage(updates_per_step=0)) is None


@pytest.mark.parametrize(
    ("machine", "values", "said"),
    [
        (Crossbar, {"rows": 0}, "rows"),
        (Crossbar, {"rows": 12.5}, "whole number"),
        (Crossbar, {"adc_energy_J": -1e-12}, "adc_energy_J"),
        (Crossbar, {"read_voltage_V": math.nan}, "read_voltage_V"),
        (Crossbar, {"peripheral_factor": 0.5}, "at least 1"),
        (Crossbar, {"cells_per_weight": 9}, "8 bits"),
        (Crossbar, {"pitch_m": "wide"}, "pitch_m"),
        (GateArray, {"activity": 0.0}, "activity"),
        (SpikingArray, {"spikes_per_neuron": 0.0}, "spikes_per_neuron"),
        (Usage, {"batch": 0.5}, "batch"),
        (Usage, {"batch": math.nan}, "batch"),
        (Usage, {"compute_share": 1.5}, "compute_share"),
        (Usage, {"carbon_kg_per_kWh": -1.0}, "carbon_kg_per_kWh"),
    ],
)
def test_impossible_values_are_refused(machine, values, said):
    with pytest.raises(InputError, match=said):
        machine(**values)
