"""When to run a deferrable job: the cheapest or cleanest slots before its deadline, exactly.

What a job needs and loses is rounded up to `UNITS` parts of a slot, within which the plan is exact;
see `slot_programme` for how it is found.
"""

from __future__ import annotations

import math
from datetime import datetime

import numpy as np
from numpy.typing import NDArray

from matscreen.errors import InputError
from matscreen.power.jobs import Job, Plan
from matscreen.power.slot_programme import (
    FRESH,
    UNITS,
    Shape,
    at_once,
    cheapest_way,
    least_costs,
)
from matscreen.power.traces import Trace


def plan(
    job: Job,
    trace: Trace,
    *,
    now: datetime | None = None,
    allowed: NDArray[np.bool_] | None = None,
    units: int = UNITS,
) -> Plan:
    """Choose the slots of one job at the least amount of CO2 or money.

    Args:
        job: What is to run.
        trace: Carbon intensity or price, forecast or measured, up to the deadline.
        now: From when on it may run; the start of the trace when not given.
        allowed: For each slot of the trace from `now` on, whether the job may run; None for all.
        units: Parts into which a slot is divided.

    Returns:
        The plan. Equal costs are decided for running earlier.

    Raises:
        InputError: The job cannot be done by its deadline, or the trace ends before it.
    """
    span = slots_until(job, trace, now or trace.start)
    shape = Shape.of(job, span.step, units=units)
    free = np.ones(len(span), bool) if allowed is None else np.asarray(allowed, bool)[: len(span)]
    for reserve in (shape.reserve, 0):
        horizon = len(span) - reserve
        if horizon * shape.slot < shape.work:
            continue
        costs = least_costs(span.per_kWh[None, :horizon], shape, free[:horizon])
        if np.isfinite(costs[0][0, FRESH, shape.work]):
            used = cheapest_way(costs, span.per_kWh[:horizon], shape, free[:horizon])
            break
    else:
        raise InputError(
            f"{job.name} needs {job.work_s / 3600:g} h and has {int(free.sum())} slots of "
            f"{span.step} until {job.deadline:%Y-%m-%d %H:%M %Z}: a later deadline or less work"
        )
    used = np.concatenate([used, np.zeros(len(span) - horizon)])
    first = at_once(shape, len(span))
    weight = span.per_kWh * shape.slot_kWh
    return Plan(
        job=job,
        trace=span,
        used=used,
        amount=float(used @ weight),
        at_once=float(first @ weight),
        must_run=horizon * shape.slot < shape.work + shape.slot,
    )


def slots_until(job: Job, trace: Trace, now: datetime) -> Trace:
    """Return the whole slots of a trace from now to a deadline.

    A slot that has begun is left out, and so is one that ends after the deadline.

    Raises:
        InputError: The trace does not cover them, or there is none.
    """
    first = math.ceil((now - trace.start) / trace.step)
    last = math.floor((job.deadline - trace.start) / trace.step)
    if last <= first:
        raise InputError(
            f"between now ({now:%Y-%m-%d %H:%M %Z}) and the deadline of {job.name} "
            f"({job.deadline:%Y-%m-%d %H:%M %Z}) lies no whole slot of {trace.step}"
        )
    return trace.cut(trace.start + first * trace.step, trace.start + last * trace.step)
