"""JSON and nothing else on stdout, silence when quiet, colours only for a terminal."""

import json
import re
import shlex

import pandas as pd
import pytest

from matscreen.commands.output import next_steps, plain
from tests.commands.command_line import call, matscreen


@pytest.mark.parametrize(
    "line",
    [
        "datasets",
        "datasets wolverton_oxides",
        "doctor --offline",
        "ledger --store empty",
        "store info --store empty",
        "store vacuum --store empty",
        "power plan --work 2h --deadline 1d --trace synthetic",
        "power trace synthetic -o trace.csv",
        "validate mechanisms",
    ],
)
def test_json_is_all_there_is_on_stdout(here, line):
    words = shlex.split(line)
    done = call(*words, "--json")
    assert done.exit_code in {0, 1}, done.output
    found = json.loads(done.stdout, parse_constant=pytest.fail)
    assert found
    quiet = call(*words, "--json", "--quiet")
    assert json.loads(quiet.stdout).__class__ is found.__class__
    assert quiet.stderr == ""
    silent = call(*words, "--quiet")
    assert silent.output == ""


def test_plain_knows_what_results_are_made_of(tmp_path):
    import numpy as np

    frame = pd.DataFrame({"n": [1, 2], "x": [0.5, np.nan], "s": [pd.NA, "t"]})
    value = {"frame": frame, "one": np.float64(np.inf), "many": np.arange(2), "path": tmp_path}
    assert json.loads(json.dumps(plain(value), allow_nan=False)) == {
        "frame": [{"n": 1, "x": 0.5, "s": None}, {"n": 2, "x": None, "s": "t"}],
        "one": None,
        "many": [0, 1],
        "path": str(tmp_path),
    }


def test_colours_follow_the_terminal_and_no_color(tmp_path):
    coloured = re.compile(r"\x1b\[[\d;]*3\d")
    piped = matscreen("screen", "synaps", cwd=tmp_path)
    assert "\x1b" not in piped.stderr
    forced = matscreen("screen", "synaps", cwd=tmp_path, FORCE_COLOR="1", TERM="xterm-256color")
    assert coloured.search(forced.stderr)
    plain_ = matscreen(
        "screen", "synaps", cwd=tmp_path, FORCE_COLOR="1", TERM="xterm-256color", NO_COLOR="1"
    )
    assert not coloured.search(plain_.stderr)


def test_a_screen_file_to_start_from(here):
    done = call("screen", "synapse", "--show-file")
    (here / "mine.toml").write_text(done.stdout)
    from matscreen.config import load_screen

    assert load_screen("mine.toml") == load_screen("synapse")


def test_the_next_command_is_one_that_a_shell_finds(tmp_path, monkeypatch, capsys):
    (tmp_path / ".venv/bin").mkdir(parents=True)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setattr("sys.executable", str(tmp_path / ".venv/bin/python"))
    step = ("matscreen impact results", "why")

    def told(path):
        monkeypatch.setenv("PATH", str(path))
        next_steps(step)
        return capsys.readouterr().out

    assert "  matscreen impact results" in told(tmp_path)  # no program at all: nothing to name
    (tmp_path / ".venv/bin/matscreen").touch(mode=0o755)
    assert "  .venv/bin/matscreen impact results" in told(tmp_path)
    assert "  matscreen impact results" in told(tmp_path / ".venv/bin")
