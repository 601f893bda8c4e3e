"""Ways of checking a command of README.md without what it would need: time, a network, torch.

tests/test_readme.py says which command is checked in which way.
"""

from __future__ import annotations

import re
import runpy
import shlex
import subprocess
import sys
from argparse import ArgumentParser
from pathlib import Path

import pytest
import typer
from typer.core import TyperGroup
from typer.main import get_command
from typer.testing import CliRunner

from tests.readme_blocks import ROOT, Command

_DONE: set[tuple[Path, tuple[str, ...]]] = set()


def executed(command: Command, _: pytest.MonkeyPatch) -> None:
    """Run it in this process, in the folder of a reader who has typed what stands above it.

    What was run in that folder already is not run again.
    """
    from matscreen.cli import app

    if (Path.cwd(), command.words) in _DONE:
        return
    _DONE.add((Path.cwd(), command.words))
    done = CliRunner().invoke(app, list(command.words[1:]), catch_exceptions=False)
    assert done.exit_code == 0, done.output


def parsed(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Let the program's own parser read it: a wrong verb, option, choice or number fails."""
    from matscreen.cli import app

    words, _, rest = shlex.join(command.words[1:]).partition(" -- ")
    parse(get_command(app), shlex.split(words) + (["--", rest] if rest else []))
    if rest:
        parsed(Command(tuple(shlex.split(rest)), command.line), monkeypatch)


def opened(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run it up to the source, which checks providers, filter and options before it asks."""
    import matscreen.sources
    from matscreen.cli import app

    monkeypatch.setenv("MP_API_KEY", "0" * 32)  # looks like a key, and is sent nowhere
    real, found = matscreen.sources.open_source, []

    def stop(spec: str, **options: object) -> None:
        found.append(real(spec, **options))
        raise typer.Exit

    monkeypatch.setattr(matscreen.sources, "open_source", stop)
    done = CliRunner().invoke(app, list(command.words[1:]), catch_exceptions=False)
    assert done.exit_code == 0, done.output
    assert len(found) == 1


def parsed_by_flows(command: Command, _: pytest.MonkeyPatch) -> None:
    """Let the parser of `python -m flows` read it."""
    from flows.__main__ import app

    parse(get_command(app), list(command.words[3:]))


def parsed_by_script(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run the script up to its own parser; one without a parser must name the words it takes."""
    script = ROOT / command.words[1]
    source = script.read_text(encoding="utf-8")
    if "ArgumentParser" not in source:
        usage = re.search(rf"`python {command.words[1]}([^`]*)`", source)
        assert usage, f"{command.words[1]} does not say how it is called"
        assert len(command.words) - 2 <= len(usage[1].split())
        return

    class Parsed(Exception):  # noqa: N818 - no error
        pass

    real = ArgumentParser.parse_args

    def stop(self: ArgumentParser, *arguments: object, **options: object) -> None:
        real(self, *arguments, **options)  # type: ignore[call-overload]
        raise Parsed

    monkeypatch.setattr(ArgumentParser, "parse_args", stop)
    monkeypatch.setattr(sys, "argv", list(command.words[1:]))
    monkeypatch.syspath_prepend(str(script.parent))
    with pytest.raises(Parsed):
        runpy.run_path(str(script), run_name="__main__")


def drawn(command: Command, monkeypatch: pytest.MonkeyPatch) -> None:
    """Run it; what it writes must hold the formulas of the ranking."""
    monkeypatch.setattr(sys, "argv", list(command.words[2:]))
    with pytest.raises(SystemExit) as end:
        runpy.run_module(command.words[2], run_name="__main__", alter_sys=True)
    assert not end.value.code
    for theme in ("light", "dark"):
        assert "Ferroelectric" in Path(f"data/pictures/synapse-{theme}.svg").read_text("utf-8")


def planned_by_make(command: Command, _: pytest.MonkeyPatch) -> None:
    """Ask `make -n`: the target exists, and the makefile uses the variables that are set."""
    makefile = (ROOT / "Makefile").read_text(encoding="utf-8")
    for word in command.words[1:]:
        name, sets, _ = word.partition("=")
        assert not sets or re.search(rf"\$\((if \$\()?{name}\b", makefile), f"{name} is not used"
    plan = subprocess.run(
        ["make", "-n", *command.words[1:]], cwd=ROOT, capture_output=True, text=True, check=False
    )
    assert plan.returncode == 0, plan.stderr
    for script in re.findall(r"\S+/\S+\.py\b", plan.stdout):
        assert list(ROOT.glob(script)), script


def parse(command: object, words: list[str]) -> None:
    """Read words as a command line, down to the last subcommand, without running anything."""
    if isinstance(command, TyperGroup):
        if not words:
            return  # a group by itself shows its help
        name, inner, rest = command.resolve_command(command.make_context("x", words), words)
        assert inner is not None, name
        parse(inner, rest)
    else:
        command.make_context("x", words)  # type: ignore[attr-defined]
