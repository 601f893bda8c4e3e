"""What a ranked switch is worth in a machine: rows, sentences, assumptions."""

import pytest

from matscreen.errors import InputError
from matscreen.impact import (
    Crossbar,
    GateArray,
    SpikingArray,
    Usage,
    assumptions,
    best_candidates,
    cmos_gate,
    get_workload,
    impact_row,
    statements,
)
from tests.impact.impact_rows import candidate, ranking


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
