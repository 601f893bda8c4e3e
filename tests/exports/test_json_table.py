from __future__ import annotations

import json

import numpy as np
import pandas as pd

from matscreen.exports import write_json


def test_pandas_reads_the_table_back_exactly(awkward, tmp_path):
    path = write_json(awkward, tmp_path / "c.json", about={"screen": "synapse"})
    again = pd.read_json(path, orient="table", precise_float=True)
    assert list(again.columns) == list(awkward.columns)
    for name in awkward.columns:
        if awkward[name].dtype.kind == "f":
            np.testing.assert_array_equal(again[name], awkward[name], err_msg=name)
    assert again["rank"].tolist() == awkward["rank"].tolist()
    assert again["feasible"].tolist() == awkward["feasible"].tolist()
    assert again["in_domain"].isna().tolist() == [False, False, True, False, True, False]
    assert again["film_plane"].tolist()[:2] == ["001", "True"]


def test_the_schema_has_units_and_meanings(awkward, tmp_path):
    content = json.loads(write_json(awkward, tmp_path / "c.json", about={"a": "b"}).read_text())
    fields = {field["name"]: field for field in content["schema"]["fields"]}
    assert fields["energy_nominal_J"]["unit"] == "J"
    assert fields["energy_above_hull"]["unit"] == "eV/atom"
    assert "unit" not in fields["formula"]
    assert "hull" in fields["energy_above_hull"]["description"]
    assert content["about"] == {"a": "b"}
    assert content["data"][3]["energy_nominal_J"] is None
    assert content["data"][3]["source"] is None
    assert content["data"][0]["energy_nominal_J"] == awkward["energy_nominal_J"][0]


def test_truth_values_with_gaps_keep_their_gaps(tmp_path):
    table = pd.DataFrame({"made": [True, None, False]}, dtype=object)
    content = json.loads(write_json(table, tmp_path / "c.json").read_text())
    assert content["data"] == [{"made": True}, {"made": None}, {"made": False}]
    assert content["schema"]["fields"][0]["type"] == "boolean"


def test_infinity_is_unknown_because_json_has_none(tmp_path):
    table = pd.DataFrame({"retention_time_s": [np.inf, 1.0]})
    content = json.loads(write_json(table, tmp_path / "c.json").read_text())
    assert [row["retention_time_s"] for row in content["data"]] == [None, 1.0]
