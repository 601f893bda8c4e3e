from __future__ import annotations

import itertools
import re
from dataclasses import replace

import numpy as np
import pytest

from matscreen.report import figures
from matscreen.report.palette import DARK, LIGHT
from matscreen.report.parity import parity_figure
from matscreen.report.quality import measure
from matscreen.report.reference import number_lines, place_labels


@pytest.fixture(scope="module")
def lines(result):
    return number_lines(result.reference_lines)


def _luminance(colour):
    parts = np.array([int(colour[i : i + 2], 16) for i in (1, 3, 5)]) / 255.0
    parts = np.where(parts <= 0.04045, parts / 12.92, ((parts + 0.055) / 1.055) ** 2.4)
    return float(parts @ [0.2126, 0.7152, 0.0722])


def _contrast(first, second):
    high, low = sorted((_luminance(first), _luminance(second)), reverse=True)
    return (high + 0.05) / (low + 0.05)


def test_every_colour_has_a_dark_twin_and_contrast():
    assert LIGHT.keys() == DARK.keys()
    assert len(set(LIGHT.values())) == len(LIGHT)  # the page swaps colours by value
    for palette in (LIGHT, DARK):
        for role in ("ink", "muted"):
            assert _contrast(palette[role], palette["paper"]) >= 4.5, role
        for role in ("alarm", *figures.LIGHT):
            if role.startswith(("series", "alarm")):
                assert _contrast(palette[role], palette["paper"]) >= 3.0, role


def test_figures_use_no_colour_outside_the_palette(result, lines):
    drawn = [
        figures.energy_figure(result, lines),
        figures.map_figure(result),
        parity_figure(measure(result.model_cards[0])),
    ]
    for figure in drawn:
        text = figure.figure.to_json() + str(figure.narrow)
        assert set(re.findall(r"#[0-9a-fA-F]{6}\b", text)) <= set(LIGHT.values())


def test_energy_chart_shows_the_best_of_every_mechanism(result, lines):
    figure = figures.energy_figure(result, lines)
    labels = figure.figure.layout.yaxis.ticktext
    groups = figures.best_of_mechanisms(result)
    assert set(groups) == {"ferroelectric", "valence_change"}
    assert len(labels) == sum(len(rows) for rows in groups.values()) == 26
    assert figure.figure.layout.xaxis.type == "log"
    low, high = figure.figure.layout.xaxis.range
    assert all(low <= np.log10(line.energy) <= high for line in lines)


def test_every_reference_line_is_drawn_and_labelled(result, lines):
    figure = figures.energy_figure(result, lines)
    names = {note.text for note in figure.figure.layout.annotations}
    assert {"Landauer limit", "Biological synapse"} <= names
    drawn = {shape.x0 for shape in figure.figure.layout.shapes}
    assert drawn == {line.energy for line in lines}


@pytest.mark.parametrize("numbered", [False, True])
@pytest.mark.parametrize("width", [220, 700])
def test_labels_of_reference_lines_never_overlap(lines, width, numbered):
    placement = place_labels(lines, low=-21.0, high=-8.0, width=width, numbered=numbered)
    assert len(placement.labels) == len(lines)
    boxes = []
    for label in placement.labels:
        centre = (np.log10(label.line.energy) + 21.0) / 13.0 * width + label.shift
        half = 0.5 * 5.8 * len(label.text)
        boxes.append((label.level, centre - half, centre + half))
    for (level, start, end), (other, first, last) in itertools.combinations(boxes, 2):
        assert level != other or end <= first or last <= start


def test_thinning_keeps_every_feasible_point(result, monkeypatch):
    monkeypatch.setattr(figures, "MAX_MAP_POINTS", 300)
    figure = figures.map_figure(result)
    drawn = [len(trace.x) for trace in figure.figure.data[:-1]]
    feasible = [row for row in result.feasible if row.hull is not None]
    assert sum(drawn) == 300
    assert sum(drawn[1:]) == len(feasible)


def test_without_hull_energies_the_map_shows_feasibility(result):
    no_hull = replace(result, ranking=result.ranking.assign(energy_above_hull=np.nan))
    figure = figures.map_figure(no_hull).figure
    assert figure.layout.xaxis.title.text == "Probability of being feasible"
    assert sum(len(trace.x) for trace in figure.data[:-1]) == 800


def test_an_infeasible_screen_is_drawn_in_grey(hopeless, lines):
    figure = figures.energy_figure(hopeless, lines).figure
    inks = {trace.line.color for trace in figure.data if trace.mode == "lines"}
    assert inks == {LIGHT["line"]}


def test_nothing_to_draw_gives_no_figure(result, lines):
    no_energy = replace(result, ranking=result.ranking.assign(energy_nominal_J=np.nan))
    assert figures.energy_figure(no_energy, lines) is None
    assert figures.map_figure(no_energy) is None
    assert parity_figure(measure({"property": "band_gap"})) is None


def test_open_dots_mark_predicted_evidence(result, lines):
    figure = figures.energy_figure(result, lines)
    rows = figures.best_of_mechanisms(result)["ferroelectric"]
    fills = figure.figure.data[3].marker.color
    predicted = [fill == LIGHT["paper"] for fill in fills]
    assert predicted == [row.evidence == "surrogate" for row in rows]
    assert True in predicted
    assert False in predicted
