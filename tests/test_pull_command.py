"""Tests of `matscreen pull` against reference OPTIMADE servers."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from matscreen.cli import app
from matscreen.commands.pull_screen import database_bars, summary
from matscreen.errors import InputError, SourceError
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
    numbers = tmp_path / "counts.json"
    result = run(
        f"optimade:{server},{DEAD}",
        "--elements=Ba",
        "--exclude=Ti,Zr",
        "--dry-run",
        f"--json={numbers}",
        f"--store={tmp_path / 'store'}",
    )
    assert result.exit_code == 0
    assert "Nothing was read or stored" in result.output
    assert 'elements HAS ALL "Ba"' in result.output
    alive, dead = json.loads(numbers.read_text())["databases"]
    assert (alive["returned"], alive["available"], alive["error"]) == (8, 30, None)
    assert "ConnectError" in dead["error"]
    assert not (tmp_path / "store").exists()


def test_a_pull_says_what_each_database_brought(server: str, tmp_path: Path) -> None:
    store, numbers = tmp_path / "store", tmp_path / "numbers.json"
    alone, *args = (f"optimade:{server}", f"--store={store}", f"--json={numbers}")
    result = run(alone, *args, "--page-limit=10", "--max-items=10")
    assert result.exit_code == 0
    assert "pull again to go on" in result.output
    result = run(f"{alone},{DEAD}", *args)
    assert result.exit_code == 0
    assert "went on after 1 pages" in result.output
    assert "ConnectError" in result.output
    alive, dead = json.loads(numbers.read_text())["databases"]
    assert (alive["entries"], alive["new"], alive["failed"], alive["finished"]) == (20, 20, 0, True)
    assert (dead["entries"], dead["finished"]) == (0, False)
    assert Store(store).read("candidates").num_rows == 29
    assert run(alone, *args, "--refresh", "-q").output == ""
    assert json.loads(numbers.read_text())["databases"][0]["unchanged"] == 29


def test_brackets_in_the_name_of_a_database_are_shown(
    monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setenv("FORCE_COLOR", "1")
    with database_bars(quiet=False) as show:
        show(Tally("optimade:[fe80::1]", finished=True))
    assert "optimade:[fe80::1]" in capsys.readouterr().err


def test_the_command_that_follows_can_be_pasted() -> None:
    from rich.console import Console

    console = Console(width=200, record=True)
    console.print(summary([Tally("files", finished=True)], Path("my store")))
    assert "--store 'my store'" in console.export_text()


@pytest.mark.parametrize(
    ("args", "kind", "words"),
    [
        (["optimade:mpds"], InputError, "sold by subscription"),
        (["optimade:mp", "--filter", "nsites<<5"], InputError, "character 8"),
        (["optimade:mp", "--family", "spinels"], InputError, "unknown family 'spinels'"),
        (["optimade:mp", "--formula", "abo3"], InputError, "no formula type"),
        (["prototypes", "--dry-run"], InputError, "cannot be counted"),
        ([f"optimade:{DEAD}"], SourceError, "ConnectError"),
        ([f"optimade:{DEAD}", "--dry-run"], SourceError, "ConnectError"),
    ],
)
def test_what_cannot_be_pulled_is_an_error(
    args: list[str], kind: type[Exception], words: str, tmp_path: Path
) -> None:
    result = run(*args, f"--store={tmp_path / 'store'}")
    assert isinstance(result.exception, kind)
    assert words in str(result.exception)
