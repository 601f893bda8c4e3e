"""The planner: exact on small cases, never late, and honest about what does not fit."""

from datetime import UTC, datetime, timedelta
from itertools import product

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from matscreen.errors import InputError
from matscreen.power.jobs import Job
from matscreen.power.planner import plan
from matscreen.power.slot_programme import Shape, at_once, bound
from matscreen.power.traces import Trace

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def trace(values, *, unit="gCO2/kWh", kind="carbon"):
    return Trace(START, HOUR, np.asarray(values, float), unit, kind, "test")


def job(work_h, slots, *, checkpoint_h=0.0, min_run_h=0.0, reserve_h=0.0):
    return Job(
        work_s=work_h * 3600,
        deadline=START + slots * HOUR,
        power_W=1000.0,
        checkpoint_s=checkpoint_h * 3600,
        min_run_s=min_run_h * 3600,
        reserve_s=reserve_h * 3600,
    )


def cost_of(choice, values, work, lost, slot, least):
    """Walk a choice of slots by hand; None where it breaks a rule or does not finish."""
    left, running, run, total, started = work, False, 0, 0.0, False
    for taken, value in zip(choice, values, strict=True):
        if taken and left > 0:
            over = lost if started and not running else 0
            run = run + 1 if running else 1
            use = min(left + over, slot)
            left = max(left - (slot - over), 0)
            total += value * use / slot
            running = started = True
        elif taken:
            return None  # runs with nothing to do
        else:
            if running and left > 0 and run < least:
                return None
            running = False
    return total if left == 0 else None


def brute_force(values, work, lost, slot, least):
    found = [
        cost
        for choice in product([False, True], repeat=len(values))
        if (cost := cost_of(choice, values, work, lost, slot, least)) is not None
    ]
    return min(found, default=None)


@pytest.mark.parametrize("seed", range(40))
def test_the_plan_costs_what_the_best_of_all_choices_costs(seed):
    rng = np.random.default_rng(seed)
    slots, units = int(rng.integers(3, 11)), 4
    values = rng.uniform(-50.0, 300.0, slots)
    work = int(rng.integers(1, slots * units + 1))
    lost, least = int(rng.integers(0, units)), int(rng.integers(1, 4))
    asked = job(work / units, slots, checkpoint_h=lost / units, min_run_h=least)
    best = brute_force(values, work, lost, units, least)
    priced = trace(values, unit="EUR/MWh", kind="price")
    if best is None:
        with pytest.raises(InputError, match="needs"):
            plan(asked, priced, units=units)
        return
    made = plan(asked, priced, units=units)
    assert made.amount == pytest.approx(best / 1000.0, abs=1e-9)
    chosen = made.used > 0.0
    assert cost_of(chosen, values, work, lost, units, least) == pytest.approx(best)


def test_a_free_choice_takes_the_cleanest_hours():
    made = plan(job(2, 6), trace([9, 1, 8, 7, 2, 9]))
    assert list(made.used) == [0, 1, 0, 0, 1, 0]
    assert made.amount == pytest.approx(3.0)
    assert made.at_once == pytest.approx(10.0)
    assert made.saving == pytest.approx(0.7)


def test_a_dear_checkpoint_keeps_the_run_together():
    values = [9, 1, 4, 2, 9, 9]
    apart = plan(job(2, 6), trace(values))
    together = plan(job(2, 6, checkpoint_h=0.75), trace(values))
    assert list(apart.used) == [0, 1, 0, 1, 0, 0]
    assert list(together.used) == [0, 1, 1, 0, 0, 0]


def test_windows_join_neighbouring_slots_and_end_with_the_work():
    made = plan(job(2.5, 8), trace([9, 1, 1, 1, 9, 9, 9, 9]))
    (window,) = made.windows
    assert window.start == START + HOUR
    assert window.end == START + 3.5 * HOUR
    assert made.energy_kWh == pytest.approx(2.5)


def test_equal_costs_run_earlier():
    assert list(plan(job(1, 4), trace([5, 5, 5, 5])).used) == [1, 0, 0, 0]


def test_without_slack_it_runs_at_once_and_says_so():
    made = plan(job(4, 4), trace([1, 9, 9, 9]))
    assert list(made.used) == [1, 1, 1, 1]
    assert made.must_run


def test_a_reserve_is_kept_free_unless_it_is_needed():
    values = [9, 9, 9, 1]
    assert plan(job(1, 4, reserve_h=1), trace(values)).used[3] == 0.0
    assert plan(job(4, 4, reserve_h=1), trace(values)).used[3] == 1.0


def test_barred_slots_are_left_out():
    free = np.array([True, False, True, True])
    assert list(plan(job(1, 4), trace([9, 1, 3, 4]), allowed=free).used) == [0, 0, 1, 0]


@pytest.mark.parametrize(
    ("changed", "said"),
    [
        ({"work_s": 0.0}, "work_s"),
        ({"power_W": float("nan")}, "power_W"),
        ({"checkpoint_s": -1.0}, "checkpoint_s"),
        ({"deadline": datetime(2026, 1, 1)}, "time zone"),
    ],
)
def test_a_wrong_job_is_refused(changed, said):
    values = {"work_s": 1.0, "deadline": START, "power_W": 1.0} | changed
    with pytest.raises(InputError, match=said):
        Job(**values)


def test_work_that_does_not_fit_is_refused():
    with pytest.raises(InputError, match="later deadline"):
        plan(job(5, 4), trace([1, 1, 1, 1]))
    with pytest.raises(InputError, match="whole slot"):
        plan(job(1, 4, checkpoint_h=1), trace([1, 1, 1, 1]))
    with pytest.raises(InputError, match="covers"):
        plan(job(1, 9), trace([1, 1, 1, 1]))


def test_a_deadline_inside_a_slot_leaves_that_slot_out():
    asked = Job(work_s=3600, deadline=START + 2.5 * HOUR, power_W=1.0)
    assert len(plan(asked, trace([3, 2, 1, 1])).used) == 2


@given(
    values=st.lists(st.floats(0.0, 1000.0), min_size=2, max_size=30),
    share=st.floats(0.01, 1.0),
    lost=st.integers(0, 11),
    least=st.integers(1, 4),
)
def test_every_plan_does_all_the_work_before_the_deadline(values, share, lost, least):
    slots, units = len(values), 12
    work = max(1, int(share * slots * units))
    asked = job(work / units, slots, checkpoint_h=lost / units, min_run_h=least)
    made = plan(asked, trace(values), units=units)
    chosen = made.used > 0.0
    assert cost_of(chosen, values, work, lost, units, least) == pytest.approx(made.amount, abs=1e-6)
    assert made.windows[-1].end <= asked.deadline
    assert made.amount <= made.at_once + 1e-9


def test_the_bound_is_that_of_each_need():
    shape = Shape(work=8, lost=0, least=1, reserve=0, slot=4, slot_kWh=1.0)
    values = np.array([[5.0, 1.0, 3.0], [5.0, 1.0, 3.0]])
    assert list(bound(values, np.array([4, 8]), shape)) == [1.0, 4.0]
    assert list(at_once(shape, 3)) == [1.0, 1.0, 0.0]
