"""Several deferrable jobs under one power cap: planned one by one, in the order of deadlines.

Each job is planned exactly on the power that the ones before it left. That is not the optimum of
all together, but safe: where a job finds no room that way, all are planned to run as early as they
can instead, earliest deadline first, and only where that fails too is the request refused.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from datetime import datetime

import numpy as np

from matscreen.errors import InputError
from matscreen.power.jobs import Job, Plan
from matscreen.power.planner import plan, slots_until
from matscreen.power.slot_programme import Shape, at_once
from matscreen.power.traces import FloatArray, Trace


def plan_jobs(
    jobs: Sequence[Job],
    trace: Trace,
    *,
    cap_W: float,
    now: datetime | None = None,
    base_W: float = 0.0,
) -> tuple[Plan, ...]:
    """Plan jobs so that together they never draw more than a cap.

    Args:
        jobs: What is to run; order does not matter.
        trace: Carbon intensity or price up to the last deadline.
        cap_W: Most power at any time, W.
        now: From when on they may run; the start of the trace when not given.
        base_W: Power that other things draw all the time, W.

    Returns:
        One plan a job, in the order of the jobs.

    Raises:
        InputError: A job alone breaks the cap, or the jobs do not fit before their deadlines.
    """
    for job in jobs:
        if job.power_W + base_W > cap_W:
            raise InputError(
                f"{job.name} draws {job.power_W:g} W and {base_W:g} W are drawn anyway: more than "
                f"the cap of {cap_W:g} W"
            )
    begin = now or trace.start
    try:
        found = _in_order(jobs, trace, begin, cap_W - base_W)
    except InputError:
        early = replace(trace, values=np.arange(1.0, len(trace) + 1.0))
        found = [
            _priced(one, trace, begin) for one in _in_order(jobs, early, begin, cap_W - base_W)
        ]
    return tuple(found)


def _in_order(jobs: Sequence[Job], trace: Trace, now: datetime, room_W: float) -> list[Plan]:
    order = sorted(range(len(jobs)), key=lambda number: jobs[number].deadline)
    drawn = np.zeros(len(trace))
    plans: dict[int, Plan] = {}
    for number in order:
        job = jobs[number]
        span = slots_until(job, trace, now)
        first = trace.index(span.start)
        free = drawn[first : first + len(span)] + job.power_W <= room_W + 1e-9
        plans[number] = plan(job, trace, now=now, allowed=free)
        drawn[first : first + len(span)] += job.power_W * (plans[number].used > 0.0)
    return [plans[number] for number in range(len(jobs))]


def _priced(early: Plan, trace: Trace, now: datetime) -> Plan:
    """Return a plan that was made on a ramp with the values of the real trace."""
    span = slots_until(early.job, trace, now)
    shape = Shape.of(early.job, span.step)
    weight: FloatArray = span.per_kWh * shape.slot_kWh
    return replace(
        early,
        trace=span,
        amount=float(early.used @ weight),
        at_once=float(at_once(shape, len(span)) @ weight),
        must_run=True,
    )
