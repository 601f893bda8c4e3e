from __future__ import annotations

import os

import numpy as np
import pandas as pd
import pyarrow.parquet as pq
import pytest

from matscreen.exports import write_csv, write_parquet


def test_csv_reads_back_equal(ranking, tmp_path):
    path = write_csv(ranking, tmp_path / "new" / "candidates.csv")
    again = pd.read_csv(path, keep_default_na=False, na_values=[""])
    assert list(again.columns) == list(ranking.columns)
    np.testing.assert_allclose(
        again["energy_nominal_J"], ranking["energy_nominal_J"], rtol=5e-6, atol=0
    )
    assert again["rank"].tolist() == ranking["rank"].tolist()
    assert again["feasible"].tolist() == ranking["feasible"].tolist()
    assert again["reasons"].fillna("").tolist() == ranking["reasons"].tolist()
    assert again["source"].isna().tolist() == ranking["source"].isna().tolist()
    assert again["source"][1] == "µ-source"


def test_csv_numbers_have_six_digits_and_no_negative_zero(ranking, tmp_path):
    lines = write_csv(ranking, tmp_path / "t.csv").read_bytes().decode().split("\n")
    assert ",1.23457e-18," in lines[1]
    assert ",0.0," not in lines[1]
    assert ",-0," not in lines[3]
    assert "\r" not in "".join(lines)
    assert lines[-1] == ""


def test_lists_become_text(tmp_path):
    table = pd.DataFrame({"reasons": [["a", "b"], [], ("c",)], "x": [1, 2, 3]})
    text = write_csv(table, tmp_path / "t.csv").read_text()
    assert text == "reasons,x\na; b,1\n,2\nc,3\n"
    assert pq.read_table(write_parquet(table, tmp_path / "t.parquet"))["reasons"].to_pylist() == [
        "a; b",
        "",
        "c",
    ]
    assert table["reasons"][0] == ["a", "b"], "the caller's table must not change"


def test_parquet_keeps_full_precision_and_units(ranking, tmp_path):
    table = pq.read_table(write_parquet(ranking, tmp_path / "t.parquet"))
    assert table.schema.field("energy_nominal_J").metadata == {b"unit": b"J"}
    assert table.schema.field("energy_above_hull").metadata == {b"unit": b"eV/atom"}
    assert table.schema.field("formula").metadata is None
    np.testing.assert_array_equal(table["energy_nominal_J"], ranking["energy_nominal_J"])
    assert table["in_domain"].to_pylist() == [True, False, None, True, None, True]
    assert table.column_names == list(ranking.columns)


def test_units_can_be_given(ranking, tmp_path):
    path = write_parquet(ranking, tmp_path / "t.parquet", units={"rank": "1", "absent": "K"})
    assert pq.read_schema(path).field("rank").metadata == {b"unit": b"1"}
    assert pq.read_schema(path).field("energy_nominal_J").metadata is None


@pytest.mark.parametrize("write", [write_csv, write_parquet])
def test_the_same_table_gives_the_same_bytes(write, ranking, tmp_path):
    first = write(ranking, tmp_path / "a").read_bytes()
    other = ranking.copy()
    other.attrs["made_at"] = "later"
    assert write(other, tmp_path / "b").read_bytes() == first
    assert b"differs between runs" not in first


@pytest.mark.parametrize("write", [write_csv, write_parquet])
def test_a_failed_write_leaves_the_old_file(write, ranking, tmp_path, monkeypatch):
    from pathlib import Path

    path = write(ranking, tmp_path / "t")
    before = path.read_bytes()

    def fail(self, target):
        raise OSError("disk full")

    monkeypatch.setattr(Path, "replace", fail)
    with pytest.raises(OSError, match="disk full"):
        write(ranking.iloc[:1], path)
    assert path.read_bytes() == before
    assert os.listdir(tmp_path) == ["t"]


@pytest.mark.parametrize("write", [write_csv, write_parquet])
def test_an_empty_ranking_is_written_with_its_columns(write, ranking, tmp_path):
    path = write(ranking.iloc[:0], tmp_path / "t")
    read = pd.read_csv if write is write_csv else pd.read_parquet
    assert list(read(path).columns) == list(ranking.columns)
    assert len(read(path)) == 0
