from __future__ import annotations

from dataclasses import asdict, replace

import pytest

from matscreen.mechanisms import Device
from matscreen.report import tables


def test_device_settings_carry_units_of_the_specification():
    settings = tables.device_settings(asdict(Device()))
    assert list(settings) == [
        "",
        "ferroelectric",
        "filament",
        "threshold",
        "electrolyte",
        "josephson",
    ]
    common = {item.label: item.value for item in settings[""]}
    assert common["Area"] == "2500 nm²"
    assert common["Retention time"] == "10 years"
    assert common["Attempt time"] == "1 ps"
    assert common["Number of levels"] == "32"
    filament = {item.label: item.value for item in settings["filament"]}
    assert filament["Attempt frequency"] == "20 THz"
    assert filament["Hop distance"] == "0.25 nm"
    assert filament["Vacancy density"] == "1×10²⁷ m⁻³"
    assert settings["filament"][0].key == "device.filament.radius"


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (2.5e-15, "m²", "2500 nm²"),
        (0.0, "m", "0 nm"),
        (2e-6, "m", "2 µm"),
        (1e-8, "s", "10 ns"),
        (300.0, "K", "300 K"),
        (True, "", "yes"),
        ([1.0, 2.5], "V", "1 V, 2.5 V"),
    ],
)
def test_exact_quantities_have_no_trailing_zeros(value, unit, text):
    assert tables._quantity(value, unit) == text


def test_structure_type_and_space_group_are_said_once(result):
    row = replace(result.candidates[0], spacegroup=29, prototype="hfo2-Pca2_1")
    assert tables.structure_kind(row) == "Pca2₁ · hfo2"
    assert tables.structure_kind(replace(row, prototype="")) == "Pca2₁"
    assert tables.structure_kind(replace(row, spacegroup=None)) == "hfo2-Pca2_1"
    assert tables.structure_kind(replace(row, prototype="CaTiO3-type")) == "Pca2₁ · CaTiO3-type"


def test_failures_are_counted_by_stage_and_reason(result):
    shares = tables.failure_shares(result.failures)
    assert sum(share.count for share in shares) == len(result.failures)
    assert shares[0].label == "no oxygen"
    assert shares[0].fraction == 1.0
    assert len(tables.failure_rows(result.failures)) == tables.MAX_FAILURES


def test_interval_spans_stay_on_the_scale(result):
    rows = tables.listed_candidates(result)
    scale = tables.interval_scale(rows)
    for row in rows:
        span = tables.interval_span(row, scale)
        assert -0.1 <= span.left <= span.dot <= span.left + span.width <= 100.2


def test_cost_is_totalled_once():
    sections = tables.provenance_sections(
        {"seconds": {"pull": 60.0, "rank": 15.0}, "joules": {"pull": 3.0}, "custom": {"a": 0.5}}
    )
    assert sections[0].rows == (
        ("Pull", "1 min 0 s", "3.0 J"),
        ("Rank", "15 s", "–"),
        ("Total", "1 min 15 s", "3.0 J"),
    )
    assert sections[1].title == "Custom"
    assert sections[1].rows == (("a", "0.5000"),)
