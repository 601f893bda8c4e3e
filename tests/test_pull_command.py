"""Tests of `matscreen pull` against reference OPTIMADE servers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from matscreen.cli import app
from matscreen.commands.pull_screen import database_bars
from matscreen.pulling import Tally
from matscreen.store import Store
from tests.sources.optimade_data import perovskites
from tests.sources.servers import start_optimade

DEAD = "http://127.0.0.1:1/dead"


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory) -> Iterator[str]:
    entries = perovskites(30)
    entries[4]["attributes"]["structure_features"] = ["implicit_atoms"]
    with start_optimade(entries, tmp_path_factory.mktemp("server")) as url:
        yield url


def run(*args: str) -> Result:
    return CliRunner().invoke(app, ["pull", *args], env={"COLUMNS": "120"})


def test_a_dry_run_counts_and_stores_nothing(server: str, tmp_path: Path) -> None:
    asked = (f"optimade:{server},{DEAD}", "--elements=Ba", "--exclude=Ti,Zr", "--dry-run")
    place = f"--store={tmp_path / 'store'}"
    result = run(*asked, place)
    assert result.exit_code == 0
    assert "Nothing was read or stored" in result.output
    assert 'elements HAS ALL "Ba"' in result.output
    alive, dead = json.loads(run(*asked, place, "--json").stdout)["databases"]
    assert (alive["returned"], alive["available"], alive["error"]) == (8, 30, None)
    assert "ConnectError" in dead["error"]
    assert not (tmp_path / "store").exists()


def test_a_pull_says_what_each_database_brought(server: str, tmp_path: Path) -> None:
    store = tmp_path / "my store"
    alone, place = f"optimade:{server}", f"--store={store}"
    result = run(alone, place, "--page-limit=10", "--max-items=10")
    assert result.exit_code == 0
    assert "pull again to go on" in result.output
    assert f"--store '{store}'" in result.output  # the command that follows can be pasted
    result = run(f"{alone},{DEAD}", place, "--json")
    assert result.exit_code == 0
    alive, dead = json.loads(result.stdout)["databases"]
    assert (alive["entries"], alive["new"], alive["failed"], alive["finished"]) == (20, 20, 0, True)
    assert alive["pages_of_earlier_runs"] == 1
    assert (dead["entries"], dead["finished"]) == (0, False)
    assert "ConnectError" in dead["error"]
    assert Store(store).read("candidates").num_rows == 29
    assert run(alone, place, "--refresh", "-q").output == ""


def test_a_pull_says_why_entries_failed(tmp_path: Path) -> None:
    (tmp_path / "mine").mkdir()
    (tmp_path / "mine/broken.cif").write_text("not a crystal\n")
    result = run(f"files:{tmp_path / 'mine'}", f"--store={tmp_path / 'store'}")
    assert result.exit_code == 0
    assert (
        "failed: unreadable 1, such as files:broken.cif: the file lists no atoms" in result.output
    )
    # There is nothing to go on with, and no filter that matched nothing.
    assert "Next" not in result.output


def test_brackets_in_the_name_of_a_database_are_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with database_bars() as show:
        show(Tally("optimade:[fe80::1]", finished=True))
    assert "optimade:[fe80::1]" in capsys.readouterr().err


@pytest.mark.parametrize(
    ("args", "code", "words"),
    [
        (["optimade:mpds"], 2, "sold by subscription"),
        (["optimade:mp", "--filter", "nsites<<5"], 2, "character 8"),
        (["optimade:mp", "--family", "spinels"], 2, "unknown family 'spinels'"),
        (["optimade:mp", "--formula", "abo3"], 2, "no formula type"),
        (["prototypes", "--dry-run"], 2, "cannot be counted"),
        ([f"optimade:{DEAD}"], 1, "ConnectError"),
        ([f"optimade:{DEAD}", "--dry-run"], 1, "ConnectError"),
    ],
)
def test_what_cannot_be_pulled_is_an_error(
    args: list[str], code: int, words: str, tmp_path: Path
) -> None:
    result = run(*args, f"--store={tmp_path / 'store'}")
    assert result.exit_code == code
    assert words in result.stderr
