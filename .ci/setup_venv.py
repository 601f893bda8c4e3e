"""Make .venv hold matscreen and one level of its extras; every make target calls this first.

Does nothing when the package description in pyproject.toml and constraints.txt are as they were
the last time. Safe when several shells run it at once (the others wait) and after a crash (a
half-made .venv is redone).
"""

from __future__ import annotations

import argparse
import fcntl
import hashlib
import shutil
import subprocess
import sys
import time
import tomllib
import venv
from pathlib import Path
from typing import IO

ROOT = Path(__file__).resolve().parent.parent
VENV = ROOT / ".venv"
PYTHON = VENV / "bin" / "python"
# There while pip works: found at the start, it tells of a crash.
UNFINISHED = VENV / ".unfinished"
LOCK = ROOT / ".cache" / "setup_venv.lock"

# Level: what pip installs, what it is in words, minutes at a usual connection. Later levels
# stand on the earlier ones.
LEVELS = {
    "core": (".", "the core: pymatgen, scikit-learn, prefect and what they need", 3),
    "dev": (".[dev]", "the tools for tests and checks", 1),
    "simulate": (".[dev,simulate]", "the simulation tools: torch is large", 5),
}
HEARTBEAT_S = 30


def main() -> int:
    """Bring .venv up to the asked level."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("level", choices=list(LEVELS))
    parser.add_argument(
        "--this-python", action="store_true", help="redo a .venv that another version made"
    )
    args = parser.parse_args()
    LOCK.parent.mkdir(exist_ok=True)
    with LOCK.open("w") as lock:
        _wait_for(lock)
        version = _version()
        if UNFINISHED.exists():
            _say("The last set-up of .venv did not end; starting it anew.")
            version = None
        if args.this_python and version != sys.version_info[:2]:
            version = None
        for level in list(LEVELS)[: list(LEVELS).index(args.level) + 1]:
            stamp = VENV / f".stamp-{level}"
            if version and stamp.exists() and stamp.read_text() == _digest(version):
                continue
            if version is None:
                _create()
                version = sys.version_info[:2]
            if not _install(level, first=not stamp.exists(), lock=lock):
                return 1
            stamp.write_text(_digest(version))
    return 0


def _wait_for(lock: IO[str]) -> None:
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except OSError:
        _say("Another make is setting up .venv; waiting for it.")
        fcntl.flock(lock, fcntl.LOCK_EX)


def _version() -> tuple[int, ...] | None:
    """Return the version of the Python in .venv; None when it has to be made (again)."""
    pip = VENV / "bin" / "pip"
    # The scripts of a .venv that was moved or copied still point to where it was.
    if not pip.exists() or str(VENV) not in pip.read_text():
        return None
    try:
        answer = subprocess.run(
            [PYTHON, "-c", "import pip, sys; print(*sys.version_info[:2])"],
            capture_output=True,
            text=True,
            check=True,
        )
    except (OSError, subprocess.CalledProcessError):
        return None
    version = tuple(int(part) for part in answer.stdout.split())
    return version if (3, 11) <= version < (3, 14) else None


def _digest(version: tuple[int, ...]) -> str:
    """Return a digest of all that decides what pip would install."""
    pyproject = tomllib.loads((ROOT / "pyproject.toml").read_text(encoding="utf-8"))
    parts = (pyproject["build-system"], pyproject["project"], pyproject["tool"]["hatch"])
    digest = hashlib.sha256(repr((version, parts)).encode())
    digest.update((ROOT / "constraints.txt").read_bytes())
    return digest.hexdigest() + "\n"


def _create() -> None:
    if VENV.is_symlink() or VENV.is_file():
        VENV.unlink()
    elif VENV.exists():
        shutil.rmtree(VENV)
    VENV.mkdir()
    UNFINISHED.touch()
    venv.EnvBuilder(symlinks=True, with_pip=True, prompt="matscreen").create(VENV)


def _install(level: str, *, first: bool, lock: IO[str]) -> bool:
    target, words, minutes = LEVELS[level]
    if first:
        unit = "minute" if minutes == 1 else "minutes"
        _say(f"Setting up .venv (first time, about {minutes} {unit}): {words} ...")
    else:
        _say(f"Updating .venv, pyproject.toml or constraints.txt changed: {words} ...")
    quiet = ["-qq", "--no-input", "--disable-pip-version-check"]
    command = [str(PYTHON), "-m", "pip", "install", *quiet, "-c", "constraints.txt", "-e", target]
    started = time.monotonic()
    UNFINISHED.touch()
    # pip holds the lock too, so it is kept as long as pip runs even if this process is killed.
    pip = subprocess.Popen(command, cwd=ROOT, pass_fds=(lock.fileno(),))
    while True:
        try:
            status = pip.wait(HEARTBEAT_S)
            break
        except subprocess.TimeoutExpired:
            _say(f"  still at it, {time.monotonic() - started:.0f} s")
    if status < 0:
        _say("pip was stopped; the next make starts .venv anew.")
        return False
    UNFINISHED.unlink()
    if status:
        _say(
            f"pip could not install {words.split(':')[0]}; the lines above say why.\n"
            "Run the same make again when that is solved: it goes on from here."
        )
        return False
    _say(f"  done in {time.monotonic() - started:.0f} s")
    return True


def _say(text: str) -> None:
    sys.stderr.write(text + "\n")
    sys.stderr.flush()


if __name__ == "__main__":
    try:
        sys.exit(main())
    except KeyboardInterrupt:
        _say("Stopped; the next make starts .venv over.")
        sys.exit(130)
