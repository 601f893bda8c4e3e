"""Run a command in the cheap or clean hours: it sleeps, runs, is halted and goes on.

The command is a child process in a process group of its own, in this session. Halting is SIGSTOP to
the group: nothing is lost, memory stays held, and the command needs to know nothing of it. Should
this program die, the system itself wakes a halted orphaned group (SIGCONT after SIGHUP), so that no
stopped process is left behind.
"""

from __future__ import annotations

import contextlib
import math
import os
import shutil
import signal
import subprocess
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime, timedelta
from types import FrameType
from typing import Final

from matscreen.errors import InputError, MatscreenError
from matscreen.power.jobs import Job, Plan
from matscreen.power.planner import plan
from matscreen.power.traces import Trace

Look = Callable[[datetime, datetime], Trace]
"""Gives the present forecast from a time to a deadline."""

_POLL_S: Final = 0.2


@dataclass(frozen=True)
class Ran:
    """How a command went.

    Attributes:
        code: Its exit code; negative for a signal.
        running_s: Seconds it was let run.
        halts: How often it was halted.
        late: Whether it ended after the deadline.
    """

    code: int
    running_s: float
    halts: int
    late: bool


class Clock:
    """The real time; a test may give another."""

    def now(self) -> datetime:
        """Return the present time."""
        return datetime.now(UTC)

    def sleep(self, seconds: float) -> None:
        """Wait."""
        time.sleep(seconds)


def run_in_windows(
    command: Sequence[str],
    job: Job,
    look: Look,
    *,
    clock: Clock | None = None,
    say: Callable[[str], None] = lambda _text: None,
    replan: timedelta = timedelta(hours=1),
) -> Ran:
    """Run a command to its end, in the best hours before its deadline.

    The rest of the work is planned anew every hour with the newest forecast. When a forecast cannot
    be had, the last plan stands; without any plan, when the slack is used up, or when the command
    takes longer than was said, it runs without rest. It is started at the latest when as much time
    is left as it needs.

    Args:
        command: Program and arguments.
        job: How long it takes at most, until when, at which power.
        look: Gives the present forecast.
        clock: Replaces the time.
        say: Called with what happens, one line each.
        replan: Time between two plans.

    Raises:
        InputError: The command is empty or cannot be started, or this system cannot halt processes.
    """
    if not command:
        raise InputError("there is no command to run; give it after --")
    if not hasattr(signal, "SIGSTOP"):
        raise InputError("halting a command needs a POSIX system")
    # Told before hours of waiting; what may be wrong besides is told when it is started.
    if shutil.which(command[0]) is None:
        raise InputError(f"{command[0]!r} cannot be started: there is no such program")
    ours = clock or Clock()
    schedule = _Schedule(job, look, say, replan)
    while not schedule.runs_at(ours.now(), 0.0):
        ours.sleep(schedule.seconds_to_change(ours.now()))
    try:
        child = subprocess.Popen(  # noqa: S603 - the user's own command
            list(command), stdin=subprocess.DEVNULL, process_group=0
        )
    except OSError as error:
        raise InputError(f"{command[0]!r} cannot be started: {error}") from None
    say(f"started {command[0]}")
    with _forwarding(child):
        return _mind(child, schedule, ours, say)


def _mind(
    child: subprocess.Popen[bytes], schedule: _Schedule, clock: Clock, say: Callable[[str], None]
) -> Ran:
    """Halt and wake a child by its schedule until it ends."""
    running, halts, awake = 0.0, 0, True
    before = clock.now()
    while child.poll() is None:
        now = clock.now()
        # A suspended laptop or a set clock must not count as work.
        running += min(max((now - before).total_seconds(), 0.0), 60.0) if awake else 0.0
        before = now
        wanted = schedule.runs_at(now, running)
        if wanted != awake:
            _signal(child, signal.SIGCONT if wanted else signal.SIGSTOP)
            say("goes on" if wanted else "halted")
            halts += not wanted
            awake = wanted
        clock.sleep(min(_POLL_S, schedule.seconds_to_change(now)))
    late = clock.now() > schedule.job.deadline
    return Ran(child.returncode, running, halts, late)


class _Schedule:
    """The plan that stands, made anew from time to time."""

    def __init__(self, job: Job, look: Look, say: Callable[[str], None], replan: timedelta) -> None:
        self.job = job
        self._look = look
        self._say = say
        self._replan = replan
        self._plan: Plan | None = None
        self._made: datetime | None = None
        self._must = False

    def runs_at(self, now: datetime, done_s: float) -> bool:
        """Say whether the job runs now."""
        left_s = self.job.work_s - done_s
        if self._must:
            return True
        if self._made is None or now - self._made >= self._replan:
            self._make(now, left_s)
        time_s = (self.job.deadline - now).total_seconds() - self.job.reserve_s
        slot_s = 0.0 if self._plan is None else self._plan.trace.step.total_seconds()
        if left_s <= 0.0 or self._plan is None or time_s <= left_s + self.job.checkpoint_s + slot_s:
            # From here on there is nothing left to choose, and no forecast can change that.
            self._must = True
            self._say("runs without rest from now on")
            late_s = left_s - (self.job.deadline - now).total_seconds()
            if late_s > 0.0:
                self._say(f"the deadline cannot be held: done up to {_minutes(late_s)} after it")
            return True
        return any(window.start <= now < window.end for window in self._plan.windows)

    def seconds_to_change(self, now: datetime) -> float:
        """Return how long nothing can change, at most a minute."""
        edges = [self._made + self._replan] if self._made else []
        if self._plan is not None:
            edges += [edge for one in self._plan.windows for edge in (one.start, one.end)]
        ahead = [(edge - now).total_seconds() for edge in edges if edge > now]
        return max(min([60.0, *ahead]), 0.01)

    def _make(self, now: datetime, left_s: float) -> None:
        self._made = now
        if left_s <= 0.0:
            return
        try:
            trace = self._look(now, self.job.deadline)
            begun = trace.start + trace.index(now) * trace.step
            rest = replace(self.job, work_s=left_s)
            self._plan = plan(rest, trace, now=begun)
        except Exception as error:  # whatever a service answers must not end the command
            kind = "" if isinstance(error, MatscreenError) else f"{type(error).__name__}: "
            self._say(f"no new plan: {kind}{error}")
            return
        windows = self._plan.windows
        self._say(
            f"planned {len(windows)} runs until {windows[-1].end:%Y-%m-%d %H:%M %Z}, "
            f"{100 * self._plan.saving:.0f} % less {self._plan.trace.amount_unit} than at once "
            f"({self._plan.trace.label})"
        )


def _minutes(seconds: float) -> str:
    hours, minutes = divmod(math.ceil(seconds / 60.0), 60)
    return f"{hours} h {minutes} min" if hours else f"{minutes} min"


def _signal(child: subprocess.Popen[bytes], number: int) -> None:
    with contextlib.suppress(ProcessLookupError, PermissionError):
        os.killpg(child.pid, number)


@contextmanager
def _forwarding(child: subprocess.Popen[bytes]) -> Iterator[None]:
    """Hand an interrupt on to the command, and leave nothing halted behind."""

    def forward(number: int, _frame: FrameType | None) -> None:
        _signal(child, number)
        _signal(child, signal.SIGCONT)  # a halted process hears no other signal

    before = {}
    for number in (signal.SIGINT, signal.SIGTERM, signal.SIGHUP):
        with contextlib.suppress(ValueError):  # not in the main thread
            before[number] = signal.signal(number, forward)
    try:
        yield
    except BaseException:
        _signal(child, signal.SIGCONT)
        _signal(child, signal.SIGTERM)
        raise
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)
