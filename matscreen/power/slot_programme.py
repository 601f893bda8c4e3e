"""The dynamic programme behind a plan: a job in slots, its states, the least sum of each choice.

The machine runs one job. In each slot it runs or rests. Running costs power x value of the slot x
time. A job that rested loses `lost` units of machine time when it goes on (state written and read
back, programs and models loaded), and each run lasts at least `least` slots unless the job ends.
Going back from the deadline, the least sum is known for every (slot, state, machine time still
needed). It needs no solver and holds for any values, also negative ones. A job that is not done at
the end has infinite cost, so that the slots in which it must run follow by themselves: waiting is
chosen only while enough time is left.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import timedelta
from typing import Final

import numpy as np
from numpy.typing import NDArray

from matscreen.errors import InputError
from matscreen.power.jobs import Job
from matscreen.power.traces import FloatArray

UNITS: Final = 12
"""Parts into which a slot is divided: five minutes of an hour."""

FRESH: Final = 0
"""State of a job that has not started."""
PAUSED: Final = 1
"""State of a job that rests."""
FIRST: Final = 2
"""State of a job that has run for one slot; FIRST + k after k more, up to the least run."""

_MOST_CELLS: Final = 2e8


@dataclass(frozen=True)
class Shape:
    """A job in slots: what the dynamic programme needs to know.

    Attributes:
        work: Machine time needed, units.
        lost: Machine time lost at each resumption, units.
        least: Slots of the shortest run.
        reserve: Slots kept free before the deadline.
        slot: Units of a slot.
        slot_kWh: Energy of a full slot, kWh.
    """

    work: int
    lost: int
    least: int
    reserve: int
    slot: int
    slot_kWh: float

    @property
    def states(self) -> int:
        """Number of states of the machine."""
        return FIRST + self.least

    @classmethod
    def of(cls, job: Job, step: timedelta, *, units: int = UNITS) -> Shape:
        """Divide a job into slots of a length; every rounding is to the safe side.

        Raises:
            InputError: A resumption takes a whole slot, so that a short run would do nothing.
        """
        step_s = step.total_seconds()
        unit_s = step_s / units
        lost = _up(job.checkpoint_s / unit_s)
        if lost >= units:
            raise InputError(
                f"a checkpoint of {job.checkpoint_s:g} s takes a whole slot of {step_s:g} s; use "
                "longer slots"
            )
        return cls(
            work=_up(job.work_s / unit_s),
            lost=lost,
            least=max(1, _up(job.min_run_s / step_s)),
            reserve=_up(job.reserve_s / step_s),
            slot=units,
            slot_kWh=job.power_W / 1000.0 * step_s / 3600.0,
        )


def at_once(shape: Shape, slots: int) -> FloatArray:
    """Return the share of each slot that a job takes which starts at once and never rests."""
    left = shape.work - shape.slot * np.arange(slots)
    return np.asarray(np.clip(left, 0, shape.slot) / shape.slot, dtype=float)


def bound(values: FloatArray, works: NDArray[np.int64], shape: Shape) -> FloatArray:
    """Return the least amounts that perfect foresight could reach, one for each row of values.

    Args:
        values: Amount for each kWh; rows are jobs, columns are slots.
        works: Machine time that each job really needs, units.
        shape: The job; its longest need is in it.
    """
    costs = least_costs(values, shape, np.ones(values.shape[1], bool), keep=1)
    return np.asarray(costs[0][np.arange(len(works)), FRESH, works])


def remaining(values: FloatArray, shape: Shape, *, keep: int) -> list[FloatArray]:
    """Return the least amount still to be paid before each of the first slots; see `bound`.

    The reserve before the deadline is not planned with: from there on everything is infinite, so
    that a job still unfinished runs.

    Args:
        values: Amount for each kWh; rows are jobs, columns the slots up to the deadline.
        shape: The job.
        keep: How many arrays (jobs, states, units still needed) to return, the first before slot 0.
    """
    slots = values.shape[1] - shape.reserve
    used = values[:, : max(slots, 0)]
    found = least_costs(used, shape, np.ones(used.shape[1], bool), keep=keep)
    never = np.full((len(values), shape.states, shape.work + 1), np.inf)
    never[:, :, 0] = 0.0
    return found + [never] * (keep - len(found))


def least_costs(
    values: FloatArray, shape: Shape, free: NDArray[np.bool_], *, keep: int | None = None
) -> list[FloatArray]:
    """Return the least amount still to be paid before each slot, and after the last.

    Args:
        values: Amount for each kWh; rows are jobs, columns are slots.
        shape: The job.
        free: Whether the job may run in a slot.
        keep: How many of the first slots to return; None for all.

    Returns:
        One array (jobs, states, units still needed) a slot.

    Raises:
        InputError: The arrays would not fit into memory.
    """
    jobs, slots = values.shape
    need = np.arange(shape.work + 1)
    kept = slots + 1 if keep is None else keep
    if kept * shape.states * (shape.work + 1) * jobs > _MOST_CELLS:
        raise InputError("the plan is too large: longer slots or a shorter horizon")
    after = np.full((jobs, shape.states, shape.work + 1), np.inf)
    after[:, :, 0] = 0.0
    found = [after] if slots < kept else []
    unit = shape.slot_kWh / shape.slot
    whole = np.minimum(need, shape.slot)
    then = np.maximum(need - shape.slot, 0)
    resumed = np.minimum(need + shape.lost, shape.slot)
    then_resumed = np.maximum(need - (shape.slot - shape.lost), 0)
    for slot in range(slots - 1, -1, -1):
        price = values[:, slot, None] * unit
        before = np.full_like(after, np.inf)
        before[:, FRESH] = after[:, FRESH]
        before[:, PAUSED] = after[:, PAUSED]
        last = shape.states - 1
        before[:, last] = after[:, PAUSED]
        if free[slot]:
            run = price * whole
            for state in range(FIRST, shape.states):
                going = run + after[:, min(state + 1, last)][:, then]
                before[:, state] = np.minimum(before[:, state], going)
            before[:, FRESH] = np.minimum(before[:, FRESH], run + after[:, FIRST][:, then])
            again = price * resumed + after[:, FIRST][:, then_resumed]
            before[:, PAUSED] = np.minimum(before[:, PAUSED], again)
        before[:, :, 0] = 0.0
        after = before
        if slot < kept:
            found.append(after)
    return found[::-1]


def wants_to_run(
    after: FloatArray,
    price: FloatArray,
    state: NDArray[np.int64],
    need: NDArray[np.int64],
    shape: Shape,
) -> NDArray[np.bool_]:
    """Say which jobs run in a slot.

    A job for which neither running nor waiting keeps the deadline runs: it must.

    Args:
        after: Least amount still to be paid after the slot (jobs, states, units).
        price: Amount for each kWh in the slot.
        state: State of each job before it.
        need: Units that each job still needs at most.
        shape: The job.
    """
    rows = np.arange(len(state))
    used, then = step(state, need, shape)
    run = price * used * (shape.slot_kWh / shape.slot) + after[rows, next_state(state, shape), then]
    wait = after[rows, np.where(state == FRESH, FRESH, PAUSED), need]
    bound_to_go_on = (state >= FIRST) & (state < shape.states - 1)
    with np.errstate(invalid="ignore"):
        better = run <= wait + 1e-12 * np.abs(wait)
    # Both infinite compares as true: no slack is left.
    return np.asarray((need > 0) & (bound_to_go_on | better))


def step(
    state: NDArray[np.int64], need: NDArray[np.int64], shape: Shape
) -> tuple[NDArray[np.int64], NDArray[np.int64]]:
    """Return the units that running takes of a slot, and those that are needed after it."""
    lost = np.where(state == PAUSED, shape.lost, 0)
    return np.minimum(need + lost, shape.slot), np.maximum(need - (shape.slot - lost), 0)


def next_state(state: NDArray[np.int64], shape: Shape) -> NDArray[np.int64]:
    """Return the state after a slot of running."""
    return np.where(state < FIRST, FIRST, np.minimum(state + 1, shape.states - 1))


def cheapest_way(
    costs: list[FloatArray], values: FloatArray, shape: Shape, free: NDArray[np.bool_]
) -> FloatArray:
    """Follow the cheapest way from the first slot and return the share of each slot it takes."""
    state, need = np.array([FRESH]), np.array([shape.work])
    used = np.zeros(len(values))
    for slot, value in enumerate(values):
        after = costs[slot + 1]
        if free[slot] and wants_to_run(after, np.array([value]), state, need, shape)[0]:
            units, need = step(state, need, shape)
            used[slot] = units[0] / shape.slot
            state = next_state(state, shape)
        elif state[0] != FRESH:
            state = np.array([PAUSED])
    return used


def _up(number: float) -> int:
    return math.ceil(number - 1e-9)
