"""Every mistake names what was seen and what to do, and ends with a documented exit code."""

import shlex
import subprocess
import sys

import pytest

from tests.commands.command_line import call, matscreen


@pytest.mark.parametrize(
    ("line", "code", "seen", "advice"),
    [
        ("rnak synapse", 2, "rnak", "Did you mean 'rank'?"),
        ("store inof", 2, "inof", "Did you mean 'info'?"),
        ("explain KNbO3 --mechanims x", 2, "--mechanims", "--mechanism"),
        ("pull", 2, "SOURCE", "pull -h"),
        ("rank", 2, "name a screen", "synapse"),
        ("screen synaps", 2, "'synaps'", "did you mean 'synapse'"),
        ("screen absent.toml", 2, "absent.toml", "--show-file > absent.toml"),
        ("screen wrong.toml", 2, "ranking.sampels", "did you mean 'samples'"),
        ("screen device.toml", 2, "thicknes", "did you mean 'thickness'"),
        ("screen broken.toml", 2, "broken.toml", "not valid TOML"),
        ("screen synapse --source files:nowhere", 2, "nowhere", ""),
        ("screen synapse --source files:empty", 2, "no structure file in empty", "read are CIF"),
        ("screen synapse --source files:note.txt", 2, "note.txt", "read are CIF"),
        ("screen synapse --source files:bad.cif", 2, "lists no atoms", "ordered crystals of oxides"),
        ("screen synapse --source store", 2, "store holds no entry", "matscreen pull"),
        ("screen synapse --source bundel", 2, "'bundel'", "known: "),
        ("rank synapse --store absent", 2, "no store at absent", "matscreen screen synapse"),
        ("rank --as-of results/none --store empty", 2, "results/none", "moment such as"),
        ("store info --store absent", 2, "no store at absent", "MATSCREEN_STORE"),
        ("describe --set fats", 2, "'fats'", "known: composition, fast"),
        ("describe --store absent", 2, "no store at absent", "matscreen screen synapse"),
        ("ledger --store note.txt", 1, "note.txt is a file", "give a folder"),
        ("pull oqdm", 2, "'oqdm'", "known: "),
        ("pull optimade:mpp --dry-run", 2, "'mpp'", "did you mean 'mp'"),
        ("pull files:absent.cif", 2, "absent.cif", ""),
        ("pull dataset:wolverton", 2, "'wolverton'", "known: "),
        ("datasets wolverton_oxide", 2, "'wolverton_oxide'", "did you mean 'wolverton_oxides'"),
        ("train --dataset castelli", 2, "'castelli'", "known: "),
        ("train --dataset wolverton_oxides --property band_gp", 2, "'band_gp'", "'band_gap'"),
        ("train --property band_gap", 2, "--property", "add --dataset NAME"),
        ("explain Xx2O3", 2, "no element 'Xx'", "such as BaTiO3"),
        ("explain batio3", 2, "'batio3' is no formula", "such as BaTiO3"),
        ("explain absent.cif", 2, "no file absent.cif", "such as BaTiO3"),
        ("explain empty", 2, "empty is a folder", "a structure file"),
        ("explain note.txt", 2, "note.txt", "read are CIF"),
        ("explain KNbO3 --mechanism feroelectric", 2, "'feroelectric'", "mean 'ferroelectric'"),
        ("explain-model empty", 2, "no model in empty", "matscreen train"),
        ("edge measure empty -o out", 2, "no model in empty", "matscreen train"),
        ("impact empty", 2, "no ranking empty", "matscreen screen synapse"),
        ("impact table.csv --application synapse", 2, "table.csv", ""),
        ("simulate synapse --budget lots", 2, "'lots'", "(40)"),
        ("calibrate absent.csv", 2, "absent.csv", ""),
        ("power plan --work 6x --deadline 2d", 2, "'6x'", "write 30s, 90min"),
        ("power plan --work 6h --deadline 2d --trace mars", 2, "mars", ""),
        ("validate simulations --mirror empty --only lattice,walls", 2, "walls", "known: "),
        ("validate mechanisms absent.csv", 2, "absent.csv", ""),
    ],
)  # fmt: skip
def test_a_mistake_names_what_was_seen_and_what_to_do(here, line, code, seen, advice):
    done = call(*shlex.split(line), env={"COLUMNS": "200"})
    said = done.stderr
    assert done.exit_code == code, (done.output, done.exception)
    assert "Traceback" not in said
    assert seen in said
    assert advice in said
    assert done.stdout == ""
    if "Usage:" not in said:
        assert said.startswith("matscreen: ")
        assert said.count("\n") == 1


def test_a_mistake_from_the_shell_is_one_line(here):
    done = matscreen("screen", "synaps", cwd=here)
    assert done.returncode == 2
    assert done.stdout == ""
    assert done.stderr.startswith("matscreen: unknown screen 'synaps'")
    assert done.stderr.count("\n") == 1


def test_what_nobody_foresaw_has_a_traceback_only_for_those_who_ask(here, monkeypatch):
    def fail(*_given, **_named):
        raise KeyError("lost [red]key[/red]")

    monkeypatch.setattr("matscreen.sources.dataset_registry.list_datasets", fail)
    done = call("datasets")
    assert done.exit_code == 70
    assert "Traceback" not in done.stderr
    assert "[red]key[/red]" in done.stderr  # what was seen, not markup
    assert "--debug" in done.stderr
    for words, env in ((["datasets", "--debug"], {}), (["datasets"], {"MATSCREEN_DEBUG": "1"})):
        told = call(*words, env=env)
        assert told.exit_code == 70
        assert "Traceback" in told.stderr
        assert "raise KeyError" in told.stderr
    assert "Traceback" in call("--debug", "datasets").stderr


def test_errors_of_the_system_say_where(here, monkeypatch):
    def fail(*_given, **_named):
        raise PermissionError(13, "Permission denied", "/data/results")

    monkeypatch.setattr("matscreen.sources.dataset_registry.list_datasets", fail)
    done = call("datasets")
    assert done.exit_code == 1
    assert "permission denied: /data/results; give another path" in done.stderr


def test_an_interrupt_says_what_is_kept(here, monkeypatch):
    def stop(*_given, **_named):
        raise KeyboardInterrupt

    monkeypatch.setattr("matscreen.pulling.pull_each", stop)
    monkeypatch.setattr("matscreen.screening.run_screen", stop)
    for words, kept in (
        (["pull", "files:bad.cif"], "Pages that have arrived are stored"),
        (["screen", "synapse"], "the same command goes on"),
    ):
        done = call(*words)
        assert done.exit_code == 130
        assert done.stderr.startswith("matscreen: stopped. ")
        assert kept in done.stderr
        assert "Traceback" not in done.output


def test_a_closed_pipe_is_no_error(tmp_path):
    command = (
        f"{sys.executable} -m matscreen.cli datasets --json | head -1; echo ${{PIPESTATUS[0]}}"
    )
    done = subprocess.run(
        ["bash", "-c", command], cwd=tmp_path, capture_output=True, text=True, check=False
    )
    assert done.stderr == ""
    assert done.stdout.splitlines()[0] == "["
    assert done.stdout.splitlines()[-1] in {"0", "141"}
