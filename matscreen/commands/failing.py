"""How a command ends when it cannot go on: one clear line, an exit code, no traceback."""

from __future__ import annotations

import errno
import os
import sys
import traceback
from collections.abc import Iterator
from contextlib import contextmanager
from enum import IntEnum

import typer

from matscreen.commands.output import errors, manner
from matscreen.errors import InputError, MatscreenError


class ExitCode(IntEnum):
    """What the exit codes mean."""

    OK = 0
    FAILED = 1
    USAGE = 2
    FAULT = 70
    INTERRUPTED = 130
    PIPE_CLOSED = 141


EXIT_CODES = """Exit codes:
  0    done, also when nothing is feasible
  1    a database, the store, a model or the disk failed, or a check differed
  2    unknown verb, option or name, missing or unreadable file, bad value
  70   a fault of matscreen; run again with --debug and report it
  130  stopped by Ctrl-C; what was kept is said
  141  the reader of the output went away"""
"""The exit codes for the help of the command line."""


@contextmanager
def failures_told(program: str, keeps: str) -> Iterator[None]:
    """Turn what goes wrong inside into one line on stderr and an exit code.

    Args:
        program: Name before the line.
        keeps: What stays of a run that Ctrl-C stops, in one sentence.

    Raises:
        typer.Exit: Something went wrong; see `ExitCode`.
    """
    try:
        yield
    except (typer.Exit, typer.Abort, typer.BadParameter):
        raise
    except KeyboardInterrupt:
        _say(program, f"stopped. {keeps}")
        raise typer.Exit(ExitCode.INTERRUPTED) from None
    except Exception as error:
        if isinstance(error, OSError) and error.errno == errno.EPIPE:
            # Python would complain once more when it flushes stdout at its end.
            os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
            raise typer.Exit(ExitCode.PIPE_CLOSED) from None
        if manner().debug:
            errors().print(traceback.format_exc(), style="dim", soft_wrap=True)
        code, text = explained(error)
        _say(program, text)
        raise typer.Exit(code) from None


def explained(error: Exception) -> tuple[ExitCode, str]:
    """Return the exit code of an error and what to tell a user of it."""
    if isinstance(error, InputError):
        return ExitCode.USAGE, str(error)
    if isinstance(error, MatscreenError):
        return ExitCode.FAILED, str(error)
    if isinstance(error, OSError) and error.strerror:
        place = f": {error.filename}" if error.filename else ""
        advice = _ADVICE.get(error.errno or 0, "check the path, its permissions and the disk")
        return ExitCode.FAILED, f"{error.strerror.lower()}{place}; {advice}"
    if isinstance(error, MemoryError):
        return ExitCode.FAILED, (
            "out of memory; ask for fewer candidates at once (fewer sources, a smaller COUNT) or "
            "--workers 1"
        )
    return ExitCode.FAULT, (
        f"unexpected {type(error).__name__}: {error}. This is a fault of matscreen or input that "
        "it does not foresee: run again with --debug to see where, and report that output"
    )


_ADVICE = {
    errno.EACCES: "give another path (-o, --store) or ask for the permission",
    errno.EPERM: "give another path (-o, --store) or ask for the permission",
    errno.EROFS: "it cannot be written; give another path (-o, --store)",
    errno.ENOSPC: "free some space (`matscreen store vacuum` says how much the store can give)",
    errno.ENOENT: "check the path",
    errno.EISDIR: "give a file, not a folder",
    errno.ENOTDIR: "a part of the path is a file; give another",
    errno.EEXIST: "there is a file of that name; give another path",
}


def _say(program: str, text: str) -> None:
    from rich.text import Text

    line = Text.assemble((f"{program}: ", "bold red"), text)
    errors().print(line, soft_wrap=True)
