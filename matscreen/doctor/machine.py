"""Look at the machine: Python, cores and their threads, memory, disk."""

from __future__ import annotations

import os
import platform
import shutil
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Final

from matscreen import parallel
from matscreen.doctor.finding import Finding
from matscreen.parallel import THREAD_VARIABLES

PYTHON: Final = ((3, 11), (3, 14))
"""First version of Python that is supported, and the first one that is not."""

_TOPIC: Final = "machine"
_LITTLE_DISK, _NO_DISK = 5e9, 5e8
_LITTLE_MEMORY = 2e9


def examine_machine(store: Path, cache: Path) -> Iterator[Finding]:
    """Look at Python, platform, cores, memory, and the disks of the store and the downloads."""
    yield python(sys.version_info[:2])
    yield Finding(_TOPIC, "platform", "ok", f"{platform.platform()}, {platform.machine()}")
    yield cores()
    yield memory(available_memory())
    yield disk("disk of the store", store)
    yield disk("disk of downloads", cache)


def python(version: tuple[int, ...]) -> Finding:
    """Judge the version of Python."""
    first, after = PYTHON
    seen = f"{platform.python_version()} at {sys.executable}"
    if first <= version < after:
        return Finding(_TOPIC, "Python", "ok", seen)
    fix = f"use Python {'.'.join(map(str, first))} or newer, before {'.'.join(map(str, after))}"
    return Finding(_TOPIC, "Python", "problem", seen, fix)


def cores() -> Finding:
    """Say how many cores there are, and whether the libraries would start more threads."""
    usable = parallel.cores()
    settings = {name: os.environ[name] for name in THREAD_VARIABLES if os.environ.get(name)}
    shown = ", ".join(f"{name}={value}" for name, value in settings.items()) or "no thread settings"
    seen = f"{usable} {'core' if usable == 1 else 'cores'}; {shown}"
    wrong = [n for n, value in settings.items() if not value.isdigit() or int(value) > usable]
    if wrong:
        fix = f"set {wrong[0]}=1: more threads than cores make small fits ten times slower"
        return Finding(_TOPIC, "cores", "warning", seen, fix)
    return Finding(_TOPIC, "cores", "ok", seen)


def available_memory() -> int | None:
    """Return the memory that programs can still have, bytes; None where it cannot be told."""
    try:
        for line in Path("/proc/meminfo").read_text(encoding="ascii").splitlines():
            if line.startswith("MemAvailable:"):
                return int(line.split()[1]) * 1024
    except (OSError, ValueError):
        pass
    try:
        return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES")
    except (AttributeError, ValueError, OSError):
        return None


def memory(available: int | None) -> Finding:
    """Judge the memory."""
    if available is None:
        return Finding(_TOPIC, "memory", "ok", "cannot be told on this platform")
    seen = f"{available / 1e9:.1f} GB available"
    if available < _LITTLE_MEMORY:
        return Finding(
            _TOPIC, "memory", "warning", seen, "close other programs: training takes about 2 GB"
        )
    return Finding(_TOPIC, "memory", "ok", seen)


def existing_part(place: Path) -> Path:
    """Return a path, or the nearest of the folders above it that exists."""
    return next(one for one in (place, *place.absolute().parents) if one.exists())


def disk(name: str, place: Path) -> Finding:
    """Judge the free space of the disk that a folder lies on, or will."""
    existing = existing_part(place)
    usage = shutil.disk_usage(existing)
    seen = f"{usage.free / 1e9:.1f} GB free of {usage.total / 1e9:.0f} GB ({existing})"
    if usage.free < _NO_DISK:
        return Finding(_TOPIC, name, "problem", seen, "free some space or name another disk")
    if usage.free < _LITTLE_DISK:
        return Finding(
            _TOPIC, name, "warning", seen, "100,000 structures take about 0.5 GB, downloads more"
        )
    return Finding(_TOPIC, name, "ok", seen)
