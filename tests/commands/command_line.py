"""Run the command line in this process, or as a user's shell does."""

import os
import subprocess
import sys

import typer
from typer.testing import CliRunner

from flows.__main__ import app as flows_app
from matscreen.cli import app

TREE = typer.main.get_command(app)
FLOWS = typer.main.get_command(flows_app)


def matscreen(*words, cwd, **environment):
    command = [sys.executable, "-m", "matscreen.cli", *map(str, words)]
    return subprocess.run(
        command, cwd=cwd, capture_output=True, text=True, check=False, env=os.environ | environment
    )


def call(*words, **settings):
    return CliRunner().invoke(app, [str(word) for word in words], **settings)


def leaves(group, path=()):
    """Every command with its words, such as ("store", "info")."""
    for name, command in group.commands.items():
        if hasattr(command, "commands"):
            yield from leaves(command, (*path, name))
        else:
            yield (*path, name), command


COMMANDS = dict(leaves(TREE))
FLOW_COMMANDS = dict(leaves(FLOWS))
