from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from matscreen.report.cards import cards_of
from matscreen.report.dossier import carded
from matscreen.report.known_devices import agreements, devices_figure, nearest_device


def test_cards_are_the_best_overall_and_of_each_mechanism(result):
    rows = carded(result)
    assert [row.rank for row in rows[:10]] == [row.rank for row in result.feasible[:10]]
    for name in result.mechanisms:
        best = [row for row in result.feasible if row.mechanism == name][:5]
        assert set(best) <= set(rows)
    assert len(rows) == len({(row.structure_id, row.mechanism) for row in rows})


def test_a_hopeless_screen_still_has_cards(hopeless):
    rows = carded(hopeless)
    assert rows
    assert not any(row.feasible for row in rows)


def test_a_card_holds_values_with_interval_unit_and_evidence(result):
    card = cards_of(result)[0]
    gap, field = card.properties
    assert (gap.name, gap.value, gap.interval, gap.evidence) == (
        "band gap",
        "3.20 eV",
        "2.4 – 4.0",
        "surrogate",
    )
    # fields are read in MV/cm; yes-or-no facts of the crystal are left to its space group
    assert (field.value, field.interval) == ("2.00 MV/cm", "0.63 – 6.3")


def test_a_card_says_what_dominates_and_what_is_in_doubt(result):
    card = cards_of(result)[0]
    assert [(each.name, each.share) for each in card.uncertainty] == [
        ("device model, common to the mechanism", 64.0),
        ("band gap", 12.0),
    ]
    assert card.doubtful == (("retention", "54 %"),)
    assert card.advice == ("measure its band gap: 12 % of the variance, 0.2 decades of energy",)


def test_a_card_says_how_it_could_be_made(result):
    making = {line.name: line.value for line in cards_of(result)[0].making}
    assert making["substrate"].startswith("(001) on SrTiO3 (001), mismatch ")
    assert set(making) == {"crystallises near", "substrate", "hazards", "supply"}


@pytest.mark.parametrize(
    ("formula", "nearest", "likeness"),
    [("BaTiO3", "BaTiO3", 1.0), ("SrTiO3", None, 0.5), ("WO3", None, 0.0)],
)
def test_nearest_device_shares_the_most_cations(result, formula, nearest, likeness):
    row = replace(result.candidates[0], formula=formula, mechanism="ferroelectric")
    found = nearest_device(row, result.devices)
    assert found is not None
    assert found.likeness == pytest.approx(likeness)
    assert nearest is None or found.formula == nearest
    assert found.source == "Someone et al. (2020)"


def test_no_device_of_the_mechanism_is_none(result):
    row = replace(result.candidates[0], mechanism="josephson")
    assert nearest_device(row, result.devices) is None
    assert nearest_device(row, None) is None


def test_the_device_says_how_the_model_does_on_it(result):
    devices = result.devices.assign(energy_J=1e-12, predicted_J=1e-13)
    row = replace(result.candidates[0], formula="HfO2", mechanism="ferroelectric")
    found = nearest_device(row, devices)
    assert found is not None
    assert found.agreement == "the model gives this device 100 fJ, 10 times less"
    assert found.conditions == "capacitor, pulse 10 ns, 1.0 µm², 50 nm thick"


def test_devices_figure_draws_scored_ones_only(result):
    drawn = devices_figure(result)
    assert drawn is not None
    points = [trace for trace in drawn.figure.data if trace.hoverinfo == "text"]
    assert sum(len(trace.x) for trace in points) == 5
    assert devices_figure(replace(result, devices=None)) is None


def test_agreement_flags_a_mechanism_no_better_than_the_null_model(result):
    (known,) = agreements(result)
    assert known.devices == "5 (5 materials)"
    worse = result.device_scores.assign(loo_decades=2.0, loo_null=1.0)
    assert not agreements(replace(result, device_scores=worse))[0].better
    better = result.device_scores.assign(loo_decades=1.0, loo_null=2.0)
    assert agreements(replace(result, device_scores=better))[0].better
    assert np.isfinite(result.device_scores["n"]).all()
