from __future__ import annotations

import json

import pandas as pd
import pytest

from matscreen.config import Screen
from matscreen.last_screen import changes_since, last_screen


@pytest.fixture
def screen():
    return Screen(name="s", application="synapse", mechanisms=("ferroelectric",))


def ranking(order):
    return pd.DataFrame(
        {
            "structure_id": order,
            "mechanism": "ferroelectric",
            "formula": order,
            "rank_in_mechanism": range(1, len(order) + 1),
            "energy_nominal_J": [1e-15 * (i + 1) for i in range(len(order))],
            "feasible": True,
            "reasons": "",
            "evidence": "mlip",
            "source": "bundle",
        }
    )


def provenance(labels=3):
    return {
        "versions": {"matscreen": "0.1.0", "numpy": "2.3.4"},
        "store_versions": {"candidates": 1, "provenance": 1, "labels": labels},
        "identifiers": {"run_id": "r1"},
    }


def leave(folder, screen, table, about):
    table.to_parquet(folder / "candidates.parquet")
    content = {
        "screen": screen.model_dump(mode="json"),
        "provenance": about,
        "finished_at": "2026-11-20T08:00:00+00:00",
    }
    (folder / "screen.json").write_text(json.dumps(content))


def test_an_empty_folder_has_no_last_screen(tmp_path, screen):
    assert last_screen(tmp_path) is None
    assert last_screen(tmp_path / "nowhere") is None
    assert changes_since(None, screen, ranking(["BaTiO3"]), provenance()) is None


@pytest.mark.parametrize(
    "change",
    [
        {"provenance": None},
        {"screen": ["synapse"]},
        {"provenance": {**provenance(), "store_versions": [1, 1, 1]}},
    ],
)
def test_results_of_another_form_are_no_last_screen(tmp_path, screen, change):
    leave(tmp_path, screen, ranking(["BaTiO3"]), provenance())
    content = json.loads((tmp_path / "screen.json").read_text())
    (tmp_path / "screen.json").write_text(json.dumps({**content, **change}))
    assert last_screen(tmp_path) is None


def test_results_that_cannot_be_read_are_no_last_screen(tmp_path, screen):
    leave(tmp_path, screen, ranking(["BaTiO3"]), provenance())
    (tmp_path / "screen.json").write_text('{"screen": {}}')
    assert last_screen(tmp_path) is None
    leave(tmp_path, screen, ranking(["BaTiO3"]), provenance())
    (tmp_path / "candidates.parquet").write_bytes(b"cut off")
    assert last_screen(tmp_path) is None


def test_the_same_ranking_again_has_no_changes(tmp_path, screen):
    leave(tmp_path, screen, ranking(["BaTiO3", "KNbO3"]), provenance())
    found = changes_since(last_screen(tmp_path), screen, ranking(["BaTiO3", "KNbO3"]), provenance())
    assert found is not None
    assert found["summary"] == "the best ten are the same"
    assert found["causes"] == ()
    assert found["since"] == "2026-11-20T08:00:00+00:00"


def test_says_who_entered_who_moved_and_what_differs(tmp_path, screen):
    leave(tmp_path, screen, ranking(["BaTiO3", "KNbO3"]), provenance())
    other = screen.model_copy(update={"title": "another"})
    found = changes_since(
        last_screen(tmp_path), other, ranking(["PbTiO3", "BaTiO3"]), provenance(labels=4)
    )
    assert found is not None
    assert [item["formula"] for item in found["entered"]] == ["PbTiO3"]
    assert [item["formula"] for item in found["left"]] == ["KNbO3"]
    assert [(item["before"], item["after"]) for item in found["moved"]] == [(1, 2)]
    assert "the screen asks something else" in found["causes"]
    assert "the table labels has changed" in found["causes"]
