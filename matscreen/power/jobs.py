"""Work that may wait, and a plan of when it runs."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime

import numpy as np

from matscreen.errors import InputError
from matscreen.power.traces import FloatArray, Trace


@dataclass(frozen=True, kw_only=True)
class Job:
    """Work that may wait.

    Attributes:
        work_s: Machine time that it needs at most, s. A plan keeps that much free.
        deadline: When it must be done.
        power_W: Power that it draws at the wall while it runs, W.
        checkpoint_s: Machine time lost each time it goes on after a rest, s.
        min_run_s: Shortest run worth starting, s.
        reserve_s: Time before the deadline that is kept free for outages, s.
        name: Name to show, and part of the keys of scheduled runs.

    Raises:
        InputError: A number is out of range or the deadline has no time zone.
    """

    work_s: float
    deadline: datetime
    power_W: float
    checkpoint_s: float = 0.0
    min_run_s: float = 0.0
    reserve_s: float = 0.0
    name: str = "job"

    def __post_init__(self) -> None:
        for name in ("work_s", "power_W"):
            value = getattr(self, name)
            if not math.isfinite(value) or value <= 0.0:
                raise InputError(f"{name} of a job must be over 0, got {value!r}")
        for name in ("checkpoint_s", "min_run_s", "reserve_s"):
            value = getattr(self, name)
            if not math.isfinite(value) or value < 0.0:
                raise InputError(f"{name} of a job must be 0 or more, got {value!r}")
        if self.deadline.tzinfo is None:
            raise InputError(f"the deadline {self.deadline} of a job needs a time zone")


@dataclass(frozen=True)
class Window:
    """A run without rest.

    Attributes:
        start: When it begins.
        end: When it ends.
    """

    start: datetime
    end: datetime

    @property
    def seconds(self) -> float:
        """Its length, s."""
        return (self.end - self.start).total_seconds()


@dataclass(frozen=True)
class Plan:
    """When a job runs, and what that saves by the trace it was made with.

    Attributes:
        job: What was planned.
        trace: Slots from now to the deadline.
        used: Share of each slot in which the job runs.
        amount: Grams of CO2 or money by the trace.
        at_once: The same for running from the first slot on.
        must_run: True when no time is left to choose.
    """

    job: Job
    trace: Trace
    used: FloatArray
    amount: float
    at_once: float
    must_run: bool

    @property
    def windows(self) -> tuple[Window, ...]:
        """The runs, in order."""
        found: list[Window] = []
        for number in np.flatnonzero(self.used > 0.0):
            start = self.trace.start + int(number) * self.trace.step
            end = start + float(self.used[number]) * self.trace.step
            if found and found[-1].end == start:
                found[-1] = Window(found[-1].start, end)
            else:
                found.append(Window(start, end))
        return tuple(found)

    @property
    def energy_kWh(self) -> float:
        """Energy of the planned runs, kWh."""
        hours = float(self.used.sum()) * self.trace.step.total_seconds() / 3600.0
        return self.job.power_W / 1000.0 * hours

    @property
    def saving(self) -> float:
        """Share of the amount that waiting saves."""
        return 1.0 - self.amount / self.at_once if self.at_once else 0.0
