import json
import math
import subprocess
import sys

import pandas as pd
import pytest
from hypothesis import given
from hypothesis import strategies as st
from typer.testing import CliRunner

from matscreen.errors import InputError
from matscreen.impact import (
    Cost,
    Crossbar,
    GateArray,
    SpikingArray,
    Usage,
    assumptions,
    benchmarks,
    best_candidates,
    breakeven_event,
    cmos_gate,
    get_workload,
    impact_row,
    replace_compute,
    statements,
    training,
    training_step,
    workloads,
)

EVENTS = st.floats(1e-21, 1e-9)
NAMES = st.sampled_from([workload.name for workload in workloads()])


def candidate(event=1e-15, **changes):
    return {
        "formula": "KNbO3",
        "structure_id": "aa11",
        "mechanism": "ferroelectric",
        "energy_nominal_J": event,
        "energy_lower_J": event / 10,
        "energy_upper_J": event * 10,
        "feasible": True,
        **changes,
    }


def ranking():
    return pd.DataFrame(
        [
            candidate(6e-17),
            candidate(5e-17, formula="LaNiO3", feasible=False),
            candidate(4e-13, formula="SrTiO3", mechanism="valence_change"),
            candidate(8e-17, formula="BaTiO3"),
            candidate(math.nan, formula="CaTiO3"),
        ]
    )


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


def test_the_reference_networks_follow_from_their_architecture():
    by_name = {workload.name: workload for workload in workloads()}
    mlp, lenet, bert, gpt = (
        by_name[name] for name in ("lenet-300-100", "lenet-5", "bert-base", "gpt-3")
    )
    assert mlp.macs_per_inference == 784 * 300 + 300 * 100 + 100 * 10
    assert mlp.parameters == mlp.macs_per_inference + 300 + 100 + 10
    assert lenet.macs_per_inference == (
        784 * 6 * 25 + 100 * 16 * 150 + 400 * 120 + 120 * 84 + 84 * 10
    )
    assert lenet.parameters == 6 * 26 + 16 * 151 + 401 * 120 + 121 * 84 + 85 * 10
    assert lenet.neurons == 6 * 784 + 16 * 100 + 120 + 84 + 10
    assert bert.macs_per_inference == 12 * (12 * 768**2 * 512 + 2 * 512**2 * 768)
    assert gpt.training_macs == pytest.approx(3 * 175e9 * 300e9, rel=0.01)
    assert bert.updates() == pytest.approx(1e6, rel=1e-4)
    assert by_name["resnet-50"].updates() == pytest.approx(90 * 1281167 / 256, rel=1e-4)
    assert [one.macs_per_inference for one in workloads()] == sorted(
        one.macs_per_inference for one in workloads()
    )


def test_the_benchmarks_follow_from_their_notes():
    rows = benchmarks()
    assert rows["NVIDIA A100, INT8"].value == pytest.approx(400 / (624e12 / 2), rel=0.01)
    assert rows["NVIDIA A100, BF16"].value == pytest.approx(400 / (312e12 / 2), rel=0.01)
    assert rows["TPU v1 (8-bit)"].value == pytest.approx(40 / 46e12, rel=0.01)
    assert rows["Analog PCM chip, 8-bit"].upper == pytest.approx(2 / 2.48e12, rel=0.01)
    isaac = 65.8 / (479e9 * 85.4 / 2)
    assert rows["ISAAC crossbars, 16-bit"].value == pytest.approx(isaac, rel=0.01)
    search = rows["Architecture search of a transformer"]
    assert search.value == pytest.approx(626155 * 0.45359237 / 1e3, rel=1e-3)
    for row in rows.values():
        assert row.lower <= row.value <= row.upper
        assert row.includes
        assert row.source
        assert row.note
        assert row.confidence in {"verified", "medium", "low"}


@given(share=st.floats(0.0, 1.0), factor=st.floats(1.0, 1e9))
def test_only_the_compute_share_shrinks(share, factor):
    after = replace_compute(300.0, share=share, factor=factor)
    assert 300.0 * (1 - share) - 1e-9 <= after <= 300.0 + 1e-9


def test_unknown_workload_lists_the_known():
    with pytest.raises(InputError, match="resnet-50"):
        get_workload("alexnet")


def test_a_network_without_neurons_cannot_spike():
    with pytest.raises(InputError, match="gpt-3"):
        SpikingArray().inference(get_workload("gpt-3"), 1e-15)


def test_best_candidates_take_each_mechanism_and_the_feasible_first():
    best = best_candidates(ranking(), 1)
    assert list(best["formula"]) == ["KNbO3", "SrTiO3"]
    assert list(best_candidates(ranking())["formula"]) == ["KNbO3", "BaTiO3", "LaNiO3", "SrTiO3"]
    with pytest.raises(InputError, match="energy_upper_J"):
        best_candidates(ranking().drop(columns="energy_upper_J"))
    with pytest.raises(InputError, match="over 0 J"):
        best_candidates(ranking().assign(energy_nominal_J=0.0))


def test_a_row_carries_the_interval_and_the_factors():
    workload = get_workload("lenet-300-100")
    row = impact_row(candidate(1e-12), Crossbar(), workload, Usage())
    assert row["training_lower_J"] < row["training_J"] < row["training_upper_J"]
    assert row["inference_lower_J"] == row["inference_J"] == row["inference_upper_J"]
    assert row["inference_factor"] == pytest.approx(1.28e-12 / row["mac_J"])
    assert row["training_kg_CO2"] == pytest.approx(row["training_J"] / 3.6e6 * 0.4)
    spiking = impact_row(candidate(), SpikingArray(), workload, Usage())
    assert spiking["training_J"] is None
    assert spiking["training_factor"] is None


def test_sentences_say_what_the_switch_is_worth():
    workload = get_workload("lenet-300-100")
    rows = [
        impact_row(candidate(event, formula=name), Crossbar(), workload, Usage())
        for event, name in ((1e-17, "KNbO3"), (1e-11, "SrTiO3"))
    ]
    said = " ".join(statements(Crossbar(), workload, rows, Usage()))
    assert "Reading does not switch" in said
    assert "saves nothing of it" in said
    assert "over it: SrTiO₃ (10 pJ)" in said
    assert "300 MWh a day" in said
    assert "284 t CO2e" in said
    assert "0.4 kg/kWh" in said


def test_a_logic_switch_is_compared_with_cmos_in_the_same_units():
    workload = get_workload("resnet-50")
    event = 10 * cmos_gate()
    row = impact_row(candidate(event), GateArray(), workload, Usage())
    said = " ".join(statements(GateArray(), workload, [row], Usage()))
    times = GateArray().mac(event).total_J / GateArray().mac(cmos_gate()).total_J
    assert f"{times:.1f} times more than those" in said


@pytest.mark.parametrize("machine", [Crossbar(), GateArray(), SpikingArray()])
def test_assumptions_name_every_value_that_counts(machine):
    usage = Usage(batch=7, carbon_kg_per_kWh=0.123)
    told = " ".join(assumptions(machine, usage, application="synapse"))
    assert "peripheral factor 4" in told
    assert "wire capacitance 200 pF/m" in told
    if not isinstance(machine, SpikingArray):
        assert "batches of 7" in told
        assert "0.123 kg" in told


@pytest.fixture
def results(tmp_path):
    folder = tmp_path / "results"
    folder.mkdir()
    ranking().to_csv(folder / "candidates.csv", index=False)
    about = {"screen": {"application": "synapse", "device": {"n_levels": 32}}}
    (folder / "screen.json").write_text(json.dumps(about))
    return folder


def run(*words):
    from matscreen.cli import app

    return CliRunner().invoke(app, ["impact", *map(str, words)])


def test_the_command_prints_and_writes_with_its_assumptions(results, tmp_path):
    table, numbers = tmp_path / "out" / "impact.csv", tmp_path / "out" / "impact.json"
    done = run(results, "-o", table, "--json", numbers, "--top", 2)
    assert done.exit_code == 0, done.output
    for word in ("KNbO₃", "SrTiO₃", "BaTiO₃", "TrueNorth", "Assumptions", "gpt-3", "300 MWh"):
        assert word in done.output
    head = [line for line in table.read_text().splitlines() if line.startswith("# ")]
    written = pd.read_csv(table, comment="#")
    assert len(written) == 4 * len(workloads())
    assert set(written["workload"]) == {workload.name for workload in workloads()}
    content = json.loads(numbers.read_text())
    assert [line[2:] for line in head] == content["assumptions"]
    assert content["application"] == "synapse"
    assert content["hardware"]["adc_energy_J"] == pytest.approx(2.58e-12)
    assert len(content["best"]) == 3
    assert len(content["candidates"]) == len(written)


def test_options_reach_the_hardware(results, tmp_path):
    numbers = tmp_path / "impact.json"
    options = ["--adc-energy", 1e-11, "--rows", 64, "--bits", 4, "--carbon", 0.1, "--batch", 1]
    done = run(results, "--workload", "lenet-5", "--json", numbers, *options)
    assert done.exit_code == 0, done.output
    content = json.loads(numbers.read_text())
    assert content["hardware"]["rows"] == 64
    assert content["hardware"]["cells_per_weight"] == 1  # 4 bits in one cell of 32 levels
    assert content["usage"]["carbon_kg_per_kWh"] == pytest.approx(0.1)
    assert {row["workload"] for row in content["candidates"]} == {"lenet-5"}


@pytest.mark.parametrize("application", ["logic", "neuron"])
def test_other_applications_run_from_a_parquet_file(tmp_path, application):
    file = tmp_path / "candidates.parquet"
    ranking().to_parquet(file)
    numbers = tmp_path / "impact.json"
    done = run(file, "--application", application, "--json", numbers)
    assert done.exit_code == 0, done.output
    best = json.loads(numbers.read_text())["best"][0]
    assert best["inference_switching_share"] > 0.0
    assert (best["training_J"] is None) == (application == "neuron")


def test_a_ranking_without_a_feasible_candidate_says_so(tmp_path):
    file = tmp_path / "candidates.csv"
    ranking().assign(feasible=False).to_csv(file, index=False)
    done = run(file, "--application", "synapse")
    assert done.exit_code == 0, done.output
    assert "No candidate is feasible" in done.output


@pytest.mark.parametrize(
    ("words", "said"),
    [
        (["absent.csv"], "no ranking"),
        (["bare.csv"], "--application"),
        (["bare.csv", "--application", "logic", "--adc-energy", "1e-12"], "no meaning"),
        (["bare.csv", "--application", "neuron", "--workload", "gpt-3"], "no spiking form"),
        (["bare.csv", "--application", "synapse", "--workload", "alexnet"], "resnet-50"),
        (["results", "--cells", "1"], "32 levels"),
        (["results", "--peripheral-factor", "0"], "peripheral_factor"),
        (["broken.parquet", "--application", "synapse"], "cannot be read"),
    ],
)
def test_a_mistake_is_one_clear_line(results, tmp_path, words, said):
    ranking().to_csv(tmp_path / "bare.csv", index=False)
    (tmp_path / "broken.parquet").write_text("no parquet")
    command = [sys.executable, "-m", "matscreen.cli", "impact", *words]
    done = subprocess.run(command, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 2, done.stderr
    assert "Traceback" not in done.stderr
    assert said in done.stderr
