"""Help: worked examples that parse, the same options everywhere, at once."""

import inspect
import re
import resource
import shlex

import pytest
import typer

from flows.__main__ import app as flows_app
from matscreen.cli import app
from tests.commands.command_line import COMMANDS, FLOW_COMMANDS, call, leaves, matscreen


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_shows_examples_that_parse(path):
    examples = worked_examples(COMMANDS[path].help, "matscreen")
    assert examples
    assert any(words[: len(path)] == list(path) for words in examples)
    for words in examples:
        parse(app, words)


@pytest.mark.parametrize("path", FLOW_COMMANDS, ids=" ".join)
def test_every_flow_command_shows_examples_that_parse(path):
    examples = worked_examples(FLOW_COMMANDS[path].help, "python -m flows")
    assert examples
    for words in examples:
        parse(flows_app, words)


def worked_examples(text, program):
    found = []
    for line in inspect.cleandoc(text).partition("Examples:")[2].splitlines():
        _, is_there, rest = line.partition(f"{program} ")
        if is_there:
            words = shlex.split(rest, comments=True)
            found.append(words[: words.index(">")] if ">" in words else words)
    return found


def parse(application, words):
    """Run the command line with nothing behind its commands."""
    tree = typer.main.get_command(application)
    for _, command in leaves(tree):
        command.callback = lambda **_given: None
    tree.main(list(words), standalone_mode=False)


@pytest.mark.parametrize("path", COMMANDS, ids=" ".join)
def test_every_command_takes_the_common_options(path):
    taken = {flag for one in COMMANDS[path].params for flag in one.opts}
    assert {"-q", "--quiet", "-v", "--verbose", "--debug"} <= taken
    assert ("--json" in taken) == (path != ("power", "run"))


def test_one_name_means_one_thing():
    meanings = {}
    for path, command in {**COMMANDS, **FLOW_COMMANDS}.items():
        for one in command.params:
            for flag in one.opts:
                if flag.startswith("-"):
                    meanings.setdefault(flag, {}).setdefault(bool(one.is_flag), []).append(path)
    mixed = {flag: kinds for flag, kinds in meanings.items() if len(kinds) > 1}
    assert not mixed
    for flag in ("--out", "--results", "--figure"):
        assert flag not in meanings


def test_help_shows_the_exit_codes_and_no_type_behind_a_flag():
    text = call("--help").output
    for code in ("0 ", "1 ", "2 ", "70", "130", "141"):
        assert re.search(rf"^\s*{code}\s+\w", text, re.MULTILINE)
    assert "<bool>" not in call("pull", "--help").output
    assert call("-h").output == text


def test_help_is_there_at_once(tmp_path):
    def seconds():
        used = resource.getrusage(resource.RUSAGE_CHILDREN)
        return used.ru_utime + used.ru_stime

    spent = []
    for _ in range(3):
        before = seconds()
        assert matscreen("--help", cwd=tmp_path).returncode == 0
        spent.append(seconds() - before)
    assert min(spent) < 0.5


def test_the_version_is_printed():
    assert re.fullmatch(r"matscreen \d+\.\d+\.\S+\n", call("--version").output)
