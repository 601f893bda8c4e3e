from __future__ import annotations

import openpyxl
import pandas as pd
import pytest

from matscreen.errors import InputError
from matscreen.exports import workbook, write_xlsx


@pytest.fixture
def path(awkward, tmp_path):
    return write_xlsx(awkward, tmp_path / "c.xlsx", about={"screen": "synapse"})


def test_pandas_reads_the_ranking_back_exactly(path, awkward):
    again = pd.read_excel(path, sheet_name="ranking", dtype={"film_plane": str, "source_id": str})
    assert list(again.columns) == list(awkward.columns)
    for name in awkward.columns:
        known = awkward[name].notna() & (awkward[name] != "")
        assert again[name].notna().tolist() == known.tolist(), name
        assert again.loc[known, name].tolist() == awkward.loc[known, name].tolist(), name


def test_a_second_sheet_documents_every_column(path, awkward):
    columns = pd.read_excel(path, sheet_name="columns", keep_default_na=False)
    assert columns["name"].tolist() == list(awkward.columns)
    units = dict(zip(columns["name"], columns["unit"], strict=True))
    assert units["energy_nominal_J"] == "J"
    assert units["band_gap"] == "eV"
    assert units["formula"] == ""
    assert columns["meaning"].str.len().min() > 5
    about = pd.read_excel(path, sheet_name="about")
    assert about.values.tolist() == [["screen", "synapse"]]


def test_the_header_stays_and_every_column_filters(path, awkward):
    sheet = openpyxl.load_workbook(path)["ranking"]
    assert sheet.freeze_panes == "D2"
    assert sheet.auto_filter.ref == sheet.dimensions
    assert sheet.dimensions == f"A1:{sheet.cell(1, len(awkward.columns)).column_letter}7"
    assert sheet["A1"].font.bold
    column = list(awkward.columns).index("energy_nominal_J") + 1
    assert "E" in sheet.cell(2, column).number_format


def test_a_text_of_a_database_never_becomes_a_formula(path, awkward):
    sheet = openpyxl.load_workbook(path)["ranking"]
    cell = sheet.cell(3, list(awkward.columns).index("source_id") + 1)
    assert cell.value == "=1+1"
    assert cell.data_type != "f"


def test_control_characters_and_long_texts_do_not_break_a_workbook(tmp_path):
    table = pd.DataFrame({"reasons": ["a\x00b\x0bc", "x" * 40_000]})
    sheet = openpyxl.load_workbook(write_xlsx(table, tmp_path / "c.xlsx"))["ranking"]
    assert sheet["A2"].value == "abc"
    assert len(sheet["A3"].value) == 32_767


def test_more_rows_than_a_sheet_takes_are_refused_with_the_way_out(awkward, tmp_path, monkeypatch):
    monkeypatch.setattr(workbook, "MAX_ROWS", 6)
    with pytest.raises(InputError, match="5 rows and the ranking has 6: export parquet"):
        write_xlsx(awkward, tmp_path / "c.xlsx")
    assert not list(tmp_path.iterdir())


def test_an_empty_ranking_keeps_its_header(awkward, tmp_path):
    again = pd.read_excel(write_xlsx(awkward.iloc[:0], tmp_path / "c.xlsx"), sheet_name="ranking")
    assert list(again.columns) == list(awkward.columns)
