from __future__ import annotations

from dataclasses import replace

import numpy as np
import pytest

from matscreen.report.chemistry import element_tallies, pair_maps
from matscreen.report.chemistry_figures import pair_figure, periodic_figure
from matscreen.report.tradeoff import trade_figure, trade_offs


def test_tallies_count_materials_once_whatever_the_mechanism(result):
    tallies = element_tallies(result)
    titanates = {row.structure_id for row in result.candidates if "Ti" in row.formula}
    assert tallies["Ti"].ranked == titanates
    assert tallies["Ti"].feasible <= titanates
    assert "O" not in tallies


def test_periodic_table_shows_the_share_that_can_work(result):
    tallies = element_tallies(result)
    drawn = periodic_figure(tallies)
    assert drawn is not None
    table = np.array(drawn.figure.data[0].z, dtype=float)
    share = len(tallies["Ti"].feasible) / len(tallies["Ti"].ranked)
    assert table[3][3] == pytest.approx(share, abs=1e-4)  # fourth row, fourth group
    assert np.isnan(table[0][0])  # no hydrogen was ranked
    assert periodic_figure({}) is None


def test_pairs_put_the_larger_cation_on_a(result):
    (first, _) = pair_maps(result)
    assert first.mechanism == "ferroelectric"
    large = {"Ba", "Sr", "K", "Rb", "La"}
    assert large & {a for a, _ in first.cells}
    assert not large & {b for _, b in first.cells}
    for (a, b), tally in first.cells.items():
        assert all({a, b, "O"} == {*_symbols(row)} for row in [tally.best] if row)


def test_pair_map_colours_only_what_can_work(result):
    pairs = pair_maps(result)[0]
    drawn = pair_figure(pairs).figure
    known = sum(value is not None for row in drawn.data[0].z for value in row)
    good = sum(
        bool(tally.feasible)
        for (a, b), tally in pairs.cells.items()
        if a in pairs.a and b in pairs.b
    )
    assert known == good


def test_no_map_without_a_feasible_pair(hopeless):
    assert pair_maps(hopeless) == ()


def test_trade_front_holds_what_nothing_beats(result):
    kept = {each.mechanism: each for each in trade_offs(result)}
    assert set(kept) == {"ferroelectric", "valence_change"}
    found = kept["valence_change"]
    rows = list(zip(found.rows, found.values, found.front, strict=True))
    assert any(found.front)
    for row, value, on_front in rows:
        beaten = any(
            other.nominal <= row.nominal
            and _hull(other) <= _hull(row)
            and longer >= value
            and (other.nominal, _hull(other), -longer) != (row.nominal, _hull(row), -value)
            for other, longer, _ in rows
        )
        assert on_front is not beaten


def test_trade_figure_marks_what_was_asked(result):
    found = trade_offs(result)[1]
    shapes = trade_figure(result, found).figure.layout.shapes
    assert shapes[0].x0 == result.screen.device["retention_time"]


def test_no_trade_without_its_column(result):
    ranking = result.ranking.drop(columns=["curie_temperature", "retention_time_s"])
    assert trade_offs(replace(result, ranking=ranking)) == ()


def _hull(row):
    return np.inf if row.hull is None else row.hull


def _symbols(row):
    from matscreen.formulas import reduced_amounts

    return [symbol for symbol, _ in reduced_amounts(row.formula)]
