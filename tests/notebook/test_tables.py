from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

import matscreen as ms
from matscreen.errors import InputError
from matscreen.notebook.quantities import quantity


@pytest.fixture
def ranking():
    return pd.DataFrame(
        {
            "formula": ["BaTiO3", "A<b>2"],
            "spacegroup": [99, np.nan],
            "mechanism": ["ferroelectric", "valence_change"],
            "energy_nominal_J": [2.34e-16, np.nan],
            "energy_lower_J": [1e-16, np.nan],
            "energy_upper_J": [5e-16, np.nan],
            "p_feasible": [0.42, 1.0],
            "feasible": [True, False],
            "band_gap": [3.2, np.nan],
            "nsites": [5, 12000],
        }
    )


def test_a_table_is_in_words_and_units(ranking):
    html = ms.table(ranking, title="The <best>")._repr_html_()
    for text in (
        "BaTiO<sub>3</sub>", "P4mm", "valence-change", "230 aJ", "42 %", "band gap (eV)", "12,000",
        "yes", "The &lt;best&gt;", "90 % interval",
    ):  # fmt: skip
        assert text in html
    assert html.count("90 % interval") == 1
    assert "energy_" not in html
    assert "nan" not in html.lower()


def test_nothing_of_a_table_gets_into_the_page_as_markup(ranking):
    html = ms.table(ranking)._repr_html_()
    assert "<b>2" not in html
    assert "&lt;b" in html


def test_as_text_it_has_no_tags(ranking):
    lines = repr(ms.table(ranking, ["formula", "energy_nominal_J"])).splitlines()
    assert lines[0].split() == ["formula", "energy", "nominal"]
    assert lines[1].split() == ["BaTiO3", "230", "aJ"]


def test_only_the_first_rows_are_shown_and_the_rest_counted(ranking):
    shown = ms.table(ranking, rows=1)
    assert "and 1 more" in repr(shown)
    assert len(shown.frame) == 2


def test_counts_stay_whole_where_one_is_missing_and_codes_keep_their_meaning(ranking):
    counted = ranking.assign(covered=[12.0, np.nan], p_feasible=[1.0, 0.0])
    lines = repr(ms.table(counted, ["covered", "p_feasible", "spacegroup"])).splitlines()
    assert lines[1].split() == ["12", "100", "%", "P4mm"]


def test_a_column_that_is_not_there(ranking):
    with pytest.raises(InputError, match="no column hull"):
        ms.table(ranking, ["formula", "hull"])


@pytest.mark.parametrize(
    ("value", "unit", "text"),
    [
        (10e-9, "m", "10 nm"),
        (2.5e-9, "m", "2.5 nm"),
        (2.5e-15, "m²", "2,500 nm²"),
        (1e-12, "m²", "1 µm²"),
        (0.7, "eV", "0.700 eV"),
        (32, "1", "32.0"),
        (float("nan"), "eV", "–"),
    ],
)
def test_values_with_their_units(value, unit, text):
    assert quantity(value, unit) == text
