"""GPAW in a process of its own, under whichever Python has it."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matscreen.errors import InputError

if TYPE_CHECKING:
    from ase import Atoms

GPAW_PYTHON = "MATSCREEN_GPAW_PYTHON"
"""Environment variable: the Python that has GPAW."""


def gpaw_python() -> str:
    """Return the Python that has GPAW: the one that `GPAW_PYTHON` names, by default this one."""
    return os.environ.get(GPAW_PYTHON) or sys.executable


class GpawProcess:
    """A process of `matscreen.simulations.gpaw_worker`, started with the first question.

    Args:
        python: Python that has GPAW.
        settings: cutoff (eV), kpts (of ASE) and width (eV).

    Raises:
        InputError: This Python has no GPAW, or GPAW no datasets.
    """

    def __init__(self, python: str, settings: Mapping[str, Any]) -> None:
        gpaw_version(python)
        self._python = python
        self._settings = dict(settings)
        self._process: subprocess.Popen[str] | None = None

    def ask(self, atoms: Atoms, properties: Sequence[str]) -> dict[str, Any]:
        """Return energy, free_energy and what else was asked for.

        Raises:
            RuntimeError: GPAW failed, or its process ended.
        """
        process = self._running()
        question = {
            "numbers": atoms.numbers.tolist(),
            "positions": atoms.positions.tolist(),
            "cell": atoms.cell.array.tolist(),
            "magmoms": atoms.get_initial_magnetic_moments().tolist(),
            "properties": list(properties),
            "settings": self._settings,
        }
        assert process.stdin is not None
        assert process.stdout is not None
        try:
            process.stdin.write(json.dumps(question) + "\n")
            process.stdin.flush()
            line = process.stdout.readline()
        except BrokenPipeError:
            line = ""
        if not line:
            self.close()
            raise RuntimeError("the process of GPAW ended without an answer")
        found: dict[str, Any] = json.loads(line)
        if "error" in found:
            raise RuntimeError(f"GPAW: {found['error']}")
        return found

    def close(self) -> None:
        """End the process; the next question starts another."""
        process, self._process = self._process, None
        if process is not None:
            process.kill()
            process.communicate()

    def _running(self) -> subprocess.Popen[str]:
        if self._process is None or self._process.poll() is not None:
            self._process = subprocess.Popen(  # noqa: S603 - the user names this Python
                [self._python, str(Path(__file__).with_name("gpaw_worker.py"))],
                stdin=subprocess.PIPE,  # its end ends the process, also when this one is killed
                stdout=subprocess.PIPE,
                stderr=subprocess.DEVNULL,
                env=_clean_environment(),
                text=True,
            )
        return self._process


@lru_cache(maxsize=4)
def gpaw_version(python: str) -> str:
    """Return the version of GPAW that a Python has.

    Raises:
        InputError: It has none, or GPAW finds no datasets for PBE.
    """
    script = (
        "import glob, gpaw; print(gpaw.__version__, "
        "sum(len(glob.glob(p + '/O.PBE*')) for p in gpaw.setup_paths))"
    )
    advice = (
        f"set {GPAW_PYTHON} to a Python that has it (Debian: apt-get install gpaw gpaw-data, "
        "then /usr/bin/python3)"
    )
    try:
        done = subprocess.run(  # noqa: S603 - the user names this Python
            [python, "-c", script],
            capture_output=True,
            text=True,
            check=False,
            timeout=120,
            env=_clean_environment(),
        )
    except (OSError, subprocess.TimeoutExpired) as error:
        raise InputError(f"{python} does not run: {error}; {advice}") from error
    if done.returncode != 0:
        last = (done.stderr.strip().splitlines() or ["no message"])[-1]
        raise InputError(f"{python} has no GPAW ({last}); {advice}")
    number, datasets = done.stdout.split()[-2:]
    if datasets == "0":
        raise InputError(
            "GPAW has no PAW datasets for PBE; set GPAW_SETUP_PATH to a folder of them "
            "(Debian: apt-get install gpaw-data)"
        )
    return str(number)


def _clean_environment() -> dict[str, str]:
    """Leave out what points another Python at this one's packages."""
    hidden = ("PYTHONPATH", "PYTHONHOME", "VIRTUAL_ENV")
    return {key: value for key, value in os.environ.items() if key not in hidden}
