"""How many joules were spent: counters of the machine where it has any, else a stated model."""

from __future__ import annotations

import contextlib
import os
import threading
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, partial
from pathlib import Path
from typing import Any, Final

from matscreen.errors import InputError

POWERCAP: Final = Path("/sys/class/powercap")
WATTS_VARIABLE: Final = "MATSCREEN_WATTS_PER_CORE"
"""Environment variable with the power of a busy core that the user has measured, W."""

_SAMPLE_S: Final = 60.0  # a package's counter wraps after half an hour and more


@dataclass(frozen=True)
class Counter:
    """A counter of energy.

    Attributes:
        name: What it covers.
        kind: `RAPL` or `NVML`.
        read: Returns its present value, J.
        wraps_at: Value at which it begins anew, J; None if it never does.
    """

    name: str
    kind: str
    read: Callable[[], float]
    wraps_at: float | None = None


@dataclass(frozen=True)
class PowerModel:
    """Energy of processors without counters: CPU time x power of a busy core.

    Attributes:
        watts_per_core: Power of a busy core, W.
        words: Where that number is from.
    """

    watts_per_core: float
    words: str

    @property
    def method(self) -> str:
        """The model in words."""
        return f"model: CPU seconds x {self.watts_per_core:g} W per core ({self.words})"


class Meter:
    """Adds up the joules of counters from its start; reads them often enough to see every wrap.

    Args:
        counters: What is read.
        sample_s: Seconds between two readings.
    """

    def __init__(self, counters: Sequence[Counter], *, sample_s: float = _SAMPLE_S) -> None:
        self._counters = list(counters)
        self._sample_s = sample_s
        self._last: list[float] = []
        self._spent: list[float] = []
        self._lock = threading.Lock()
        self._stop = threading.Event()
        self._thread: threading.Thread | None = None

    def start(self) -> None:
        """Begin; a counter that cannot be read is left out."""
        usable, values = [], []
        for counter in self._counters:
            with contextlib.suppress(Exception):  # a driver may raise anything
                values.append(counter.read())
                usable.append(counter)
        self._counters, self._last, self._spent = usable, values, [0.0] * len(usable)
        if any(counter.wraps_at is not None for counter in usable):
            self._thread = threading.Thread(target=self._sample, daemon=True)
            self._thread.start()

    def stop(self) -> tuple[float, dict[str, list[str]]]:
        """Return the joules since the start, and the names of the counters of each kind."""
        self._stop.set()
        if self._thread is not None:
            self._thread.join()
        self.update()
        kinds: dict[str, list[str]] = {}
        for counter in self._counters:
            kinds.setdefault(counter.kind, []).append(counter.name)
        return sum(self._spent), kinds

    def update(self) -> None:
        """Read all counters once and add what they show."""
        with self._lock:
            for number, counter in enumerate(self._counters):
                try:
                    value = counter.read()
                except Exception:  # noqa: S112 - the next reading covers this one
                    continue
                change = value - self._last[number]
                if change < 0.0:
                    change += counter.wraps_at or -change
                self._spent[number] += change
                self._last[number] = value

    def _sample(self) -> None:
        while not self._stop.wait(self._sample_s):
            self.update()


def rapl_counters(root: Path = POWERCAP) -> list[Counter]:
    """Return the energy counters of processor packages and memory that may be read.

    Cores and graphics are parts of a package, and `psys` holds the packages: neither is added.
    """
    found = []
    for zone in sorted(root.glob("intel-rapl:*")) if root.is_dir() else []:
        with contextlib.suppress(OSError, ValueError):
            name = (zone / "name").read_text().strip()
            if not name.startswith(("package", "dram")):
                continue
            file = zone / "energy_uj"
            _microjoules(file)  # most systems let only root read it
            limit = float((zone / "max_energy_range_uj").read_text()) * 1e-6
            found.append(Counter(name, "RAPL", partial(_microjoules, file), limit))
    return found


def nvml_counters() -> list[Counter]:
    """Return the energy counters of NVIDIA devices, those of CUDA_VISIBLE_DEVICES where given."""
    with contextlib.suppress(Exception):  # no library, no driver, no device
        import pynvml

        pynvml.nvmlInit()
        asked = os.environ.get("CUDA_VISIBLE_DEVICES")
        numbers = list(range(pynvml.nvmlDeviceGetCount()))
        if asked is not None:
            wanted = {part.strip() for part in asked.split(",")}
            if all(part.isdigit() or not part for part in wanted):
                numbers = [n for n in numbers if str(n) in wanted]
        counters = []
        for number in numbers:
            handle = pynvml.nvmlDeviceGetHandleByIndex(number)
            counter = Counter(f"GPU {number}", "NVML", partial(_millijoules, pynvml, handle))
            with contextlib.suppress(Exception):  # older devices have no counter
                counter.read()
                counters.append(counter)
        return counters
    return []


@cache
def power_model() -> PowerModel:
    """Return the model for processors without counters: the user's figure, codecarbon's, ours.

    Raises:
        InputError: `MATSCREEN_WATTS_PER_CORE` is no number over 0.
    """
    given = os.environ.get(WATTS_VARIABLE)
    if given:
        try:
            watts = float(given)
        except ValueError:
            watts = 0.0
        if not 0.0 < watts < 1e4:
            raise InputError(f"{WATTS_VARIABLE} must be a power over 0 W, got {given!r}")
        return PowerModel(watts, f"given by {WATTS_VARIABLE}")
    from matscreen.tables import WATTS_PER_CORE  # pyarrow, which --help does without

    return _codecarbon() or PowerModel(WATTS_PER_CORE, "an assumption of matscreen")


def describe(kinds: Mapping[str, Sequence[str]], model: PowerModel | None) -> str:
    """Say in words how joules were obtained."""
    parts = []
    if model is not None:
        parts.append(model.method)
    parts += [f"{kind} ({', '.join(names)}; all that runs there)" for kind, names in kinds.items()]
    return " + ".join(parts)


def cpu_seconds() -> float:
    """Return the CPU time of this process and its children, finished or not, s.

    Children that still run are seen through psutil where it is installed.
    """
    times = os.times()
    total = times.user + times.system + times.children_user + times.children_system
    with contextlib.suppress(Exception):  # not installed, or a child ends while it is looked at
        import psutil

        for child in psutil.Process().children(recursive=True):
            with contextlib.suppress(psutil.Error):
                spent = child.cpu_times()
                total += spent.user + spent.system
                total += getattr(spent, "children_user", 0.0)
                total += getattr(spent, "children_system", 0.0)
    return total


def _codecarbon() -> PowerModel | None:
    """Return codecarbon's power of this processor, spread over its threads; None without it."""
    try:
        import logging
        from importlib.metadata import version

        log = logging.getLogger("codecarbon")
        before, log.disabled = log.disabled, True
        try:
            from codecarbon.core.cpu import TDP

            log.disabled = True  # its import sets the logger up
            found = TDP()
        finally:
            log.disabled = before
        cores = os.cpu_count() or 1
        if not found.tdp:
            return None
    except Exception:  # absent, or its look at the machine failed: then our own model
        return None
    words = f"codecarbon {version('codecarbon')}: {found.tdp:g} W for {cores} threads, "
    return PowerModel(float(found.tdp) / cores, words + f"{found.model}")


def _microjoules(file: Path) -> float:
    return float(file.read_text()) * 1e-6


def _millijoules(pynvml: Any, handle: Any) -> float:
    return float(pynvml.nvmlDeviceGetTotalEnergyConsumption(handle)) * 1e-3
