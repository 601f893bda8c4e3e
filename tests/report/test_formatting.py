from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matscreen.report import formatting as f


@pytest.mark.parametrize(
    ("joules", "text"),
    [
        (2.34e-15, "2.3 fJ"),
        (2.871e-21, "2.9 zJ"),
        (9.999e-16, "1.0 fJ"),
        (1e-15, "1.0 fJ"),
        (1.234e-10, "120 pJ"),
        (1530.0, "1.5 kJ"),
        (0.995, "990 mJ"),
        (0.9951, "1.0 J"),
        (999.6e-18, "1.0 fJ"),
        (0.0, "0 J"),
        (math.nan, "–"),
        (math.inf, "–"),
    ],
)
def test_energies_are_read_in_human_units(joules, text):
    assert f.format_energy(joules) == text


@given(st.floats(1e-24, 1e12))
def test_a_formatted_energy_is_right_to_two_digits(joules):
    number, unit = f.format_energy(joules).split(" ")
    scale = {prefix: size for size, prefix in f._PREFIXES}[unit.removesuffix("J")]
    assert float(number) * scale == pytest.approx(joules, rel=0.051)
    assert 1.0 <= float(number) < 1000.0


@pytest.mark.parametrize(
    ("lower", "upper", "text"),
    [
        (0.8e-15, 5.2e-15, "0.80–5.2 fJ"),
        (4.1e-15, 3.7e-12, "4.1 fJ – 3.7 pJ"),
        (1.9e-17, 5.7e-15, "19 aJ – 5.7 fJ"),
        (0.5, 0.995, "500–990 mJ"),
        (math.nan, 1.0, "–"),
    ],
)
def test_intervals_share_a_unit_where_they_can(lower, upper, text):
    assert f.format_interval(lower, upper) == text


def test_percentages_never_claim_certainty():
    shares = [0.0, 0.001, 0.34, 0.999, 1.0, math.nan]
    assert [f.format_percent(x) for x in shares] == ["0 %", "<1 %", "34 %", ">99 %", "100 %", "–"]


@pytest.mark.parametrize(
    ("seconds", "text"),
    [(1e-8, "10 ns"), (75.0, "1 min 15 s"), (4000.0, "1 h 6 min"), (3.15576e8, "10 years")],
)
def test_durations(seconds, text):
    assert f.format_duration(seconds) == text


def test_ratios_are_round():
    assert [f.format_ratio(x) for x in (1.43, 9.0, 27.4, 3120.0)] == ["1.4", "9", "27", "3,000"]


def test_formulas_get_subscripts():
    assert f.formula_text("BaTi0.5O3") == "BaTi₀.₅O₃"
    assert f.formula_html("Sr2FeO4") == "Sr<sub>2</sub>FeO<sub>4</sub>"


@given(st.text())
def test_formula_html_is_safe_and_loses_nothing(text):
    shown = f.formula_html(text)
    assert shown.replace("<sub>", "").replace("</sub>", "").count("<") == 0
    assert shown.replace("<sub>", "").replace("</sub>", "") == f.Markup.escape(text)


def test_spacegroup_symbols():
    symbols = [f.spacegroup_symbol(n) for n in (99, 161, 221, 186, None, 0)]
    assert symbols == ["P4mm", "R3c", "Pm-3m", "P6₃mc", "", ""]
