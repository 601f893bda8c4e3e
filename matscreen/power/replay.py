"""Replay of a planner on a trace: what waiting would have saved, and whether it was ever late.

Many starts in the trace are played side by side. At each the job is planned with what could be
known then, runs for some hours, is planned anew, and so on to its end. It is set against running at
once, and against perfect foresight.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import Final

import numpy as np
from numpy.typing import NDArray

from matscreen.errors import InputError
from matscreen.power import slot_programme as programme
from matscreen.power.forecasts import Forecast
from matscreen.power.slot_programme import FIRST, FRESH, PAUSED, Shape
from matscreen.power.traces import FloatArray, Trace

_PART: Final = 60_000
"""Starts played side by side x units of work: a table of costs then has some 2 MB."""


@dataclass(frozen=True, kw_only=True)
class Setting:
    """What is replayed.

    Attributes:
        shape: The job in slots; `shape.work` is the most it may need.
        horizon: Slots from start to deadline.
        replan: Slots between two plans.
        work_error: The job really needs between 1 - e and 1 of the most, drawn evenly; the planner
            does not know how much.
        outages: Slots of each replay in which the machine stands still, drawn at random.
        seed: Seed of starts, needs, outages and bootstrap.
    """

    shape: Shape
    horizon: int
    replan: int = 6
    work_error: float = 0.2
    outages: int = 1
    seed: int = 0

    def __post_init__(self) -> None:
        if not 0.0 <= self.work_error < 1.0:
            raise InputError(f"work_error must lie in [0, 1), got {self.work_error:g}")
        if self.replan < 1 or self.outages < 0:
            raise InputError("a replay plans anew after 1 slot or more and has 0 or more outages")
        if self.shape.reserve < 2 * self.outages:
            raise InputError(
                f"{self.outages} outages need a reserve of {2 * self.outages} slots before the "
                f"deadline, got {self.shape.reserve}"
            )
        lost = self.shape.reserve * self.shape.slot
        if self.shape.work > self.horizon * self.shape.slot - lost:
            raise InputError(
                f"the job needs {self.shape.work / self.shape.slot:g} slots, and {self.horizon} "
                f"less {self.shape.reserve} in reserve are there; give a later deadline"
            )


@dataclass(frozen=True)
class Replayed:
    """What came of many starts; one element each.

    Attributes:
        starts: First slots.
        planned: Amount of the planned runs, in the unit of the trace they were chosen by.
        at_once: Amount of running at once.
        bound: Amount under perfect foresight, without outages, reserve and least run.
        runs: Number of runs of each job.
        waited: Slots by which the end came later than at once.
        missed: Whether the deadline was missed.
        other: Amounts by other traces: name to (planned, at once).
    """

    starts: NDArray[np.int64]
    planned: FloatArray
    at_once: FloatArray
    bound: FloatArray
    runs: NDArray[np.int64]
    waited: NDArray[np.int64]
    missed: NDArray[np.bool_]
    other: dict[str, tuple[FloatArray, FloatArray]] = field(default_factory=dict)


@dataclass(frozen=True)
class Saving:
    """Share saved, with a 95 % interval.

    Attributes:
        share: 1 - planned / at once, of the sums over all starts.
        lower: Lower end.
        upper: Upper end.
    """

    share: float
    lower: float
    upper: float


def draw_starts(trace: Trace, setting: Setting, count: int, history: int) -> NDArray[np.int64]:
    """Draw first slots evenly from those with enough past and future; sorted.

    Raises:
        InputError: The trace is too short.
    """
    last = len(trace) - setting.horizon
    if last <= history:
        raise InputError(
            f"{trace.label} has {len(trace)} slots; the replay needs {history} of past and "
            f"{setting.horizon} of future"
        )
    rng = np.random.default_rng(setting.seed)
    return np.sort(rng.integers(history, last, count))


def replay(
    trace: Trace,
    setting: Setting,
    forecast: Forecast,
    starts: NDArray[np.int64],
    *,
    others: Sequence[Trace] = (),
) -> Replayed:
    """Play the planner from many starts.

    Args:
        trace: What really happened.
        setting: The job and its troubles.
        forecast: What the planner knows.
        starts: First slots.
        others: Traces of the same slots by which the same runs are also counted.
    """
    shape, horizon = setting.shape, setting.horizon
    rng = np.random.default_rng([setting.seed, 1])
    fewest = max(1, round(shape.work * (1.0 - setting.work_error)))
    works = rng.integers(fewest, shape.work + 1, len(starts))
    drawn = _Drawn(starts, works, _outages(rng, len(starts), setting))
    planned = _play(trace, setting, forecast, drawn)
    plain = _play(trace, setting, None, drawn)
    weight = shape.slot_kWh / shape.slot
    ahead = starts[:, None] + np.arange(horizon)
    free = replace(shape, least=1, reserve=0)
    real = trace.per_kWh[ahead]

    def amount(used: NDArray[np.int64], values: FloatArray) -> FloatArray:
        return np.asarray((used * values).sum(axis=1) * weight)

    return Replayed(
        starts=starts,
        planned=amount(planned.used, real),
        at_once=amount(plain.used, real),
        bound=programme.bound(real, works, free),
        runs=planned.runs,
        waited=_ends(planned.used) - _ends(plain.used),
        missed=planned.left > 0,
        other={
            one.kind: (
                amount(planned.used, one.per_kWh[ahead]),
                amount(plain.used, one.per_kWh[ahead]),
            )
            for one in others
        },
    )


def saving(
    planned: FloatArray,
    at_once: FloatArray,
    starts: NDArray[np.int64],
    per_block: int,
    *,
    draws: int = 2000,
    seed: int = 0,
) -> Saving:
    """Return the share saved and its 95 % interval by a block bootstrap over start times.

    Starts of the same block (a week) share their weather, so that blocks are drawn, not starts.
    """
    _, block = np.unique(starts // per_block, return_inverse=True)
    count = int(block.max()) + 1
    ours = np.bincount(block, planned, count)
    theirs = np.bincount(block, at_once, count)
    rng = np.random.default_rng([seed, 2])
    chosen = rng.integers(0, count, (draws, count))
    shares = 1.0 - ours[chosen].sum(axis=1) / theirs[chosen].sum(axis=1)
    low, high = np.percentile(shares, (2.5, 97.5))
    return Saving(float(1.0 - ours.sum() / theirs.sum()), float(low), float(high))


@dataclass(frozen=True)
class _Drawn:
    """What chance decides of each start: first slot, units really needed, slots of outage."""

    starts: NDArray[np.int64]
    works: NDArray[np.int64]
    broken: NDArray[np.bool_]

    def part(self, rows: slice) -> _Drawn:
        return _Drawn(self.starts[rows], self.works[rows], self.broken[rows])


@dataclass(frozen=True)
class _Played:
    """Units used of each slot, units left at the deadline, and number of runs of each start."""

    used: NDArray[np.int64]
    left: NDArray[np.int64]
    runs: NDArray[np.int64]


def _play(trace: Trace, setting: Setting, forecast: Forecast | None, drawn: _Drawn) -> _Played:
    """Play a few starts at a time: their tables of costs then stay in the processor's cache."""
    each = max(_PART // setting.shape.work, 16)
    parts = [slice(first, first + each) for first in range(0, len(drawn.starts), each)]
    played = [_play_part(trace, setting, forecast, drawn.part(rows)) for rows in parts]
    return _Played(
        np.concatenate([one.used for one in played]),
        np.concatenate([one.left for one in played]),
        np.concatenate([one.runs for one in played]),
    )


def _play_part(trace: Trace, setting: Setting, forecast: Forecast | None, drawn: _Drawn) -> _Played:
    """Run all starts side by side; without a forecast each job runs as soon as it can."""
    shape, horizon = setting.shape, setting.horizon
    count = len(drawn.starts)
    state = np.full(count, FRESH)
    need = np.full(count, shape.work)  # what the planner must still allow for
    left = drawn.works.copy()  # what is really left
    used = np.zeros((count, horizon), dtype=np.int64)
    runs = np.zeros(count, dtype=np.int64)
    costs: list[FloatArray] = []
    told = np.zeros((count, 0))
    made = 0
    for slot in range(horizon):
        if forecast is None:
            wants = left > 0
        else:
            if slot % setting.replan == 0:
                told = forecast(drawn.starts + slot, horizon - slot) / trace.energy_unit_kWh
                costs = programme.remaining(told, shape, keep=setting.replan + 1)
                made = slot
            price = told[:, slot - made]
            wants = programme.wants_to_run(costs[slot - made + 1], price, state, need, shape)
        running = wants & (left > 0) & ~drawn.broken[:, slot]
        units, left_then = programme.step(state, left, shape)
        _, need_then = programme.step(state, need, shape)
        used[:, slot] = np.where(running, units, 0)
        left = np.where(running, left_then, left)
        need = np.where(running, need_then, need)
        # The estimate was an upper bound; a job that goes on past it would be a wrong Setting.
        need = np.where(left == 0, 0, need)
        runs += running & (state < FIRST)
        rested = np.where(state == FRESH, FRESH, PAUSED)
        state = np.where(running, programme.next_state(state, shape), rested)
    return _Played(used, left, runs)


def _outages(rng: np.random.Generator, count: int, setting: Setting) -> NDArray[np.bool_]:
    order = rng.random((count, setting.horizon)).argsort(axis=1)
    return np.asarray(order < setting.outages)


def _ends(used: NDArray[np.int64]) -> NDArray[np.int64]:
    """Return the slot after the last that is used."""
    return np.asarray(used.shape[1] - (used[:, ::-1] > 0).argmax(axis=1))
