from __future__ import annotations

import json
import re
from dataclasses import replace

import numpy as np
import pytest

from matscreen.errors import StoreError
from matscreen.report import render_report
from matscreen.report.explanation_figures import (
    MAX_BARS,
    MAX_CURVES,
    dependence_figure,
    importance_figure,
    pair_figure,
)
from matscreen.report.explanations import (
    Bar,
    clearly_less,
    column_words,
    explanation_caption,
    read_explanation,
)
from matscreen.report.palette import LIGHT


def make_explanation(name="oxygen_migration_barrier", unit="eV", *, evil=""):
    """Twelve groups of falling importance and four straight curves of fifty rows."""
    grid = np.linspace(0.8, 1.1, 15)
    curve = 0.9 + 0.5 * (grid - 0.8)
    return {
        "property": name,
        "unit": unit,
        "n_fitted": 1200,
        "n_held": 67,
        "mae_held": 0.17,
        "groups": [
            {"group": f"group {i}{evil}", "importance": 0.1 * 0.6**i, "standard_error": 0.004}
            for i in range(12)
        ],
        "columns": [{"column": f"site_b_number{evil}", "importance": 0.03, "standard_error": 0.01}],
        "partial_dependence": [
            {
                "column": f"{column}{evil}",
                "column_unit": "Å",
                "grid_values": grid.tolist(),
                "average": curve.tolist(),
                "lower": (curve / 2.0).tolist(),
                "upper": (curve * 2.0).tolist(),
                "in_domain": [1.0] * 15,
                "individual": [(curve + 0.01 * i).tolist() for i in range(50)],
                "values": np.linspace(0.7, 1.2, 100).tolist(),
            }
            for column in ("bond_min_a", "bond_mean_b", "hop_xx_min", "off_centre_a")
        ],
    }


CONSTANT = {
    **make_explanation(),
    "n_fitted": 0,
    "n_held": 0,
    "mae_held": None,
    "groups": [],
    "columns": [],
    "partial_dependence": [],
}


@pytest.fixture(scope="module")
def found():
    return read_explanation(make_explanation())


@pytest.mark.parametrize(
    ("column", "text"),
    [
        ("magpie_avg_dev_nd_valence", "spread of d electrons"),
        ("magpie_mean_electronegativity", "mean electronegativity"),
        ("site_b_nd_valence", "B site: d electrons"),
        ("site_a_melting_t", "A site: melting point"),
        ("coordination_x_by_b", "coordination of X by B"),
        ("bond_misfit_a", "bond misfit (A site)"),
        ("global_instability_index", "global instability index"),
    ],
)
def test_columns_read_as_words(column, text):
    assert column_words(column) == text


def test_the_caption_gives_the_errors_with_their_unit(found):
    text = explanation_caption(found).striptags().replace("\xa0", " ")
    assert "Without group 0 the error rises from 0.17 eV to 0.27 eV" in text
    assert "not certain" not in text
    assert "67 rows held out, 1,200 to learn from" in text


def test_groups_of_like_importance_are_said_to_be_so(found):
    near = replace(found, groups=(Bar("one", 0.10, 0.02), Bar("two", 0.08, 0.02)))
    assert "that it matters more than two is not certain" in explanation_caption(near)
    assert not clearly_less(near.groups[1], near.groups[0])
    assert clearly_less(Bar("far", 0.01, 0.01), near.groups[0])


def test_groups_within_chance_are_counted(found):
    idle = sum(bar.importance <= 2.0 * bar.error for bar in found.groups)
    assert 0 < idle < 12
    assert f"{idle} of 12 groups do not stand out from chance" in explanation_caption(found)


def test_a_constant_model_is_said_to_be_one():
    constant = read_explanation(CONSTANT)
    assert "looks at nothing" in explanation_caption(constant)
    assert importance_figure(constant.groups, unit="eV") is None
    assert dependence_figure((), name="band_gap", unit="eV", logarithmic=False) is None


def test_bars_carry_importance_error_and_unit(found):
    figure = importance_figure(found.groups, unit="eV").figure
    (bars,) = figure.data
    assert len(bars.x) == MAX_BARS
    assert bars.x[0] == pytest.approx(0.1)
    assert set(bars.error_x.array) == {0.004}
    assert figure.layout.yaxis.ticktext[0] == "group 0"
    assert figure.layout.yaxis.range[0] > figure.layout.yaxis.range[1]  # the first is on top
    assert figure.layout.xaxis.title.text == "Rise of the mean absolute error (eV)"


def test_panels_share_the_scale_of_the_property(found):
    figure = dependence_figure(
        found.curves, name=found.name, unit=found.unit, logarithmic=found.logarithmic
    ).figure
    assert len(figure.data) == 16
    axes = [figure.layout[f"yaxis{i}"] for i in ("", 2, 3, 4)]
    assert {axis.type for axis in axes} == {"log"}
    assert len({axis.range for axis in axes}) == 1
    assert figure.layout.xaxis3.title.text == "least X–X hop (Å)"
    domains = [(axis.domain[0], axis.domain[1]) for axis in axes]
    assert domains[0][0] > domains[2][1]  # the rows of panels do not overlap


def test_a_panel_shows_average_band_rows_and_rug(found):
    figure = dependence_figure(found.curves[:1], name=found.name, unit="eV", logarithmic=False)
    band, single, rug, average = figure.figure.data
    np.testing.assert_allclose(average.y, found.curves[0].average, rtol=1e-3)
    np.testing.assert_allclose(band.y[:15], found.curves[0].upper, rtol=1e-3)
    np.testing.assert_allclose(band.y[15:], found.curves[0].lower[::-1], rtol=1e-3)
    assert sum(value is None for value in single.y) == MAX_CURVES
    assert min(rug.x) >= 0.8
    assert max(rug.x) <= 1.1


def test_negative_values_are_no_trouble_on_a_linear_axis(found):
    curve = replace(found.curves[0], lower=(-1.0,) * 15)
    figure = dependence_figure([curve], name="energy_above_hull", unit="eV", logarithmic=False)
    assert figure.figure.layout.yaxis.range[0] < -1.0


def test_a_pair_is_a_map_with_the_first_column_across():
    average = [[1.0, 2.0], [3.0, 4.0], [5.0, 6.0]]
    (heat,) = pair_figure(
        ([0.0, 1.0, 2.0], [7.0, 8.0]),
        average,
        columns=("density", "bond_min_a"),
        units=("g/cm³", "Å"),
        unit="eV",
        name="band_gap",
    ).figure.data
    np.testing.assert_array_equal(heat.z, [[1.0, 3.0, 5.0], [2.0, 4.0, 6.0]])
    assert list(heat.x) == [0.0, 1.0, 2.0]


def test_figures_use_no_colour_outside_the_palette(found):
    for figure in (
        importance_figure(found.groups, unit="eV"),
        dependence_figure(found.curves, name=found.name, unit="eV", logarithmic=True),
    ):
        colours = re.findall(r"#[0-9a-fA-F]{6}\b", figure.figure.to_json())
        assert set(colours) <= set(LIGHT.values())


def test_the_report_has_a_part_for_every_surrogate(result):
    explained = replace(result, explanations=(make_explanation(), CONSTANT))
    text = render_report(explained)
    assert text.count('<details class="explanation"') == 2
    assert text.count('<details class="explanation" open') == 1
    assert "This surrogate is a constant" in text
    figures = json.loads(re.search(r'id="report-data">(.*?)</script>', text, re.DOTALL)[1])[
        "figures"
    ]
    assert {"importance-0", "dependence-0"} <= set(figures)
    assert "importance-1" not in figures
    assert len(text) - len(render_report(result)) < 200_000


def test_without_explanations_the_report_says_so(result):
    assert "No surrogate was explained" in render_report(result)


def test_hostile_names_stay_text(result):
    evil = "</script><img src=//x onerror=alert(1)>"
    text = render_report(replace(result, explanations=(make_explanation(evil, evil, evil=evil),)))
    assert "<img" not in text
    assert text.count("</script>") == render_report(result).count("</script>")


def test_a_malformed_explanation_is_refused():
    with pytest.raises(StoreError, match="mae_held"):
        read_explanation({"property": "band_gap", "unit": "eV"})
