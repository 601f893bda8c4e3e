from __future__ import annotations

import json
from datetime import UTC, datetime

import pandas as pd
import pytest

from matscreen.errors import InputError
from matscreen.exports import write_parquet
from matscreen.finished_screens import FinishedScreen, read_finished
from tests.exports.small_screen import make_screen


@pytest.fixture
def made(tmp_path):
    return make_screen(tmp_path)


def test_a_ranking_comes_with_the_units_of_its_file(made):
    read = read_finished(made.results)
    pd.testing.assert_frame_equal(read.ranking, made.ranking, check_dtype=False)
    assert read.ranking.attrs["units"] == made.ranking.attrs["units"]


def test_what_a_screen_says_of_itself(made):
    read = read_finished(made.results)
    assert read.name == "synapse"
    assert read.top_k == 30
    assert read.descriptor_set == "standard"
    assert read.made_at == datetime(2026, 3, 1, 12, tzinfo=UTC)
    assert read.versions == {"matscreen": "0.1.0"}
    assert read.store_versions == made.store.versions()
    assert read.about["run_id"] == "ab12"
    assert read.about["application"] == "synapse"


def test_a_ranking_alone_knows_nothing_of_its_screen(made):
    bare = FinishedScreen(made.ranking, {})
    assert (bare.name, bare.descriptor_set, bare.made_at, bare.about) == ("", None, None, {})
    assert bare.store_versions == {}


def test_a_missing_folder_names_the_command_that_makes_one(tmp_path):
    with pytest.raises(InputError, match=r"no folder .*neuron; .* matscreen screen neuron -o"):
        read_finished(tmp_path / "neuron")


@pytest.mark.parametrize("name", ["candidates.parquet", "screen.json"])
def test_a_folder_without_a_finished_screen(made, name):
    (made.results / name).unlink()
    with pytest.raises(InputError, match=f"{name} is missing.*matscreen screen synapse -o"):
        read_finished(made.results)


def test_broken_files_are_told(made):
    (made.results / "screen.json").write_text(json.dumps({"a": 1}))
    with pytest.raises(InputError, match="not the summary of a screen"):
        read_finished(made.results)
    (made.results / "screen.json").write_text('{"screen": {"name": "x"}}')
    write_parquet(made.ranking.drop(columns="mechanism"), made.results / "candidates.parquet")
    with pytest.raises(InputError, match="lacks mechanism"):
        read_finished(made.results)
    (made.results / "candidates.parquet").write_text("no table")
    with pytest.raises(InputError, match=r"cannot be read.*run the screen again"):
        read_finished(made.results)
