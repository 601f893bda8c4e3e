from __future__ import annotations

import dataclasses

import numpy as np
import pandas as pd
import pytest

from matscreen.errors import StoreError
from matscreen.report.result import code_of, read_candidates, read_reasons


def test_rows_come_best_first_with_feasible_before_infeasible(result):
    rows = result.candidates
    feasible = [row.feasible for row in rows]
    assert feasible == sorted(feasible, reverse=True)
    ranks = [row.rank for row in rows if row.feasible]
    assert ranks == sorted(ranks)
    assert len(rows) == 800


def test_order_of_the_frame_does_not_matter(result):
    shuffled = result.ranking.sample(frac=1.0, random_state=0)
    assert read_candidates(shuffled) == result.candidates


def test_unknown_values_are_none_not_nan(result):
    frame = result.ranking.head(3).convert_dtypes()
    frame["in_domain"] = pd.array([True, None, False], dtype="boolean")
    frame["energy_above_hull"] = [0.01, np.nan, 0.02]
    frame["spacegroup"] = pd.array([99, None, 62], dtype="Int64")
    rows = read_candidates(frame)
    assert [row.in_domain for row in rows] == [True, None, False]
    assert [row.hull for row in rows] == [0.01, None, 0.02]
    assert [row.spacegroup for row in rows] == [99, None, 62]


def test_optional_columns_may_be_absent(result):
    required = result.ranking.drop(columns=["pareto", "energy_above_hull", "evidence", "flags"])
    assert read_candidates(required)[0].evidence == ""


def test_a_missing_required_column_is_named(result):
    with pytest.raises(StoreError, match="p_top_10"):
        read_candidates(result.ranking.drop(columns="p_top_10"))


def test_reasons_are_read_from_text_and_lists():
    assert read_reasons("retention: 3 s; metal") == ("retention: 3 s", "metal")
    assert read_reasons(["metal"]) == ("metal",)
    assert read_reasons(None) == read_reasons(np.nan) == read_reasons("") == ()
    assert code_of("retention: 3 s") == "retention"


def test_sensitivity_is_that_of_the_named_candidate(result):
    best = result.candidates[0]
    assert result.sensitivity(best) == {"stated": 0.84, "independent": 0.17, "shared": 0.99}
    assert result.sensitivity(result.candidates[5]) == {}


def test_one_value_of_a_candidate_is_that_of_its_row(result):
    for row in result.candidates[:5]:
        assert result.value_of(row, "energy_floor_J") == result.row_of(row)["energy_floor_J"]
    assert result.value_of(dataclasses.replace(row, structure_id="none"), "energy_floor_J") is None
