"""Replays: reproducible, never late, bounded by perfect foresight."""

from datetime import UTC, datetime, timedelta

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matscreen.errors import InputError
from matscreen.power.forecasts import FromPast, Perfect, WithError
from matscreen.power.replay import Setting, draw_starts, replay, saving
from matscreen.power.slot_programme import Shape
from matscreen.power.synthetic import SyntheticYear, assumptions
from matscreen.power.traces import Trace

SHAPE = Shape(work=48, lost=1, least=2, reserve=2, slot=4, slot_kWh=0.2)


@pytest.fixture(scope="module")
def year():
    return SyntheticYear().year()


@pytest.fixture(scope="module")
def weeks(year):
    setting = Setting(shape=SHAPE, horizon=48)
    known = FromPast.of(year)
    starts = draw_starts(year, setting, 1000, known.history)
    return setting, starts, replay(year, setting, known, starts)


def test_no_deadline_is_missed_in_a_thousand_weeks(weeks):
    _, starts, done = weeks
    assert len(starts) == 1000
    assert not done.missed.any()


def test_nothing_beats_perfect_foresight_and_planning_beats_running_at_once(weeks):
    _, starts, done = weeks
    assert (done.bound <= done.planned + 1e-9).all()
    found = saving(done.planned, done.at_once, starts, 168)
    most = saving(done.bound, done.at_once, starts, 168).share
    assert 0.1 < found.lower < found.share < found.upper < most


def test_a_replay_is_reproducible(year, weeks):
    setting, starts, done = weeks
    again = replay(year, setting, FromPast.of(year), starts)
    np.testing.assert_array_equal(again.planned, done.planned)
    np.testing.assert_array_equal(again.runs, done.runs)


def test_what_is_to_come_does_not_reach_a_forecast_from_the_past(year):
    now = np.array([3000, 4000])
    changed = year.values.copy()
    changed[4000:] = 9999.0
    future = Trace(year.start, year.step, changed, year.unit, year.kind, "changed")
    before, after = FromPast.of(year)(now, 200), FromPast.of(future)(now, 200)
    np.testing.assert_allclose(before[1], after[1])
    changed[3999] = 1.0
    seen = Trace(year.start, year.step, changed, year.unit, year.kind, "changed")
    assert not np.allclose(FromPast.of(seen)(now, 200)[1], after[1])


def test_a_forecast_from_the_past_is_better_than_the_mean(year):
    now = np.arange(1000, 8000, 7)
    told = FromPast.of(year)(now, 48)
    truth = Perfect(year.values)(now, 48)
    flat = np.array([year.values[at - 336 : at].mean() for at in now])[:, None]
    assert np.abs(told - truth).mean() < 0.9 * np.abs(flat - truth).mean()


def test_an_assumed_error_grows_with_lead_time(year):
    now = np.arange(1000, 7000, 3)
    error = WithError(year.values, 50.0, phi=0.9)(now, 60) - Perfect(year.values)(now, 60)
    spread = error.std(axis=0)
    assert spread[0] == pytest.approx(50.0 * np.sqrt(1 - 0.81), rel=0.1)
    assert spread[-1] == pytest.approx(50.0, rel=0.1)
    assert spread[0] < spread[5] < spread[30]


@settings(max_examples=25)
@given(
    work=st.integers(1, 60),
    lost=st.integers(0, 3),
    least=st.integers(1, 5),
    outages=st.integers(0, 3),
    slack=st.integers(0, 20),
    sigma=st.floats(0.0, 500.0),
    replan=st.integers(1, 12),
    seed=st.integers(0, 9),
)
def test_deadlines_hold_whatever_the_forecast_says(
    work, lost, least, outages, slack, sigma, replan, seed
):
    reserve = 2 * outages
    shape = Shape(work=work, lost=lost, least=least, reserve=reserve, slot=4, slot_kWh=1.0)
    horizon = -(-work // 4) + reserve + slack
    values = np.random.default_rng(seed).uniform(0.0, 100.0, 300)
    start = datetime(2026, 1, 1, tzinfo=UTC)
    trace = Trace(start, timedelta(hours=1), values, "gCO2/kWh", "carbon", "noise")
    setting = Setting(
        shape=shape, horizon=horizon, replan=replan, work_error=0.5, outages=outages, seed=seed
    )
    starts = draw_starts(trace, setting, 20, 0)
    done = replay(trace, setting, WithError(values, sigma, seed=seed), starts)
    assert not done.missed.any()
    assert (done.bound <= done.planned + 1e-9).all()


def test_a_setting_that_could_be_late_is_refused():
    bare = Shape(work=48, lost=1, least=2, reserve=0, slot=4, slot_kWh=0.2)
    with pytest.raises(InputError, match="reserve of 2"):
        Setting(shape=bare, horizon=48, outages=1)
    with pytest.raises(InputError, match="later deadline"):
        Setting(shape=SHAPE, horizon=13)


def test_an_outage_without_reserve_would_be_late(year):
    """The check can fail: the same play with the reserve taken away misses deadlines."""
    setting = Setting(shape=SHAPE, horizon=14, work_error=0.0)
    object.__setattr__(setting, "shape", Shape(48, 1, 2, 0, 4, 0.2))
    object.__setattr__(setting, "horizon", 12)
    done = replay(year, setting, Perfect(year.values), np.arange(100, 150))
    assert done.missed.any()


def test_savings_of_weeks_are_drawn_by_the_week():
    starts = np.arange(0, 5200, 5)
    plain = np.ones(len(starts))
    by_week = np.where((starts // 168) % 2 == 0, 0.5, 0.9)
    wide = saving(by_week, plain, starts, 168)
    narrow = saving(by_week, plain, starts, 1)
    assert wide.upper - wide.lower > 3.0 * (narrow.upper - narrow.lower)
    assert wide.lower < wide.share < wide.upper


def test_the_synthetic_year_is_the_same_one_and_says_that_it_is_synthetic(year):
    again = SyntheticYear().year()
    np.testing.assert_array_equal(year.values, again.values)
    assert len(year) == 8760
    assert year.values.mean() == pytest.approx(226.5)
    assert year.label.startswith("SYNTHETIC")
    assert not np.allclose(SyntheticYear(seed=1).year().values, year.values)
    price = SyntheticYear("price").year()
    assert price.synthetic
    assert price.amount_unit == "EUR"
    assert abs(np.corrcoef(np.diff(price.values), np.diff(year.values))[0, 1]) < 0.5
    assert all("assumption" in line for line in assumptions("price"))


def test_any_span_of_the_synthetic_year_has_the_right_hours(year):
    begin = datetime(2031, 7, 4, 5, 30, tzinfo=UTC)
    part = SyntheticYear().read(begin, begin + timedelta(hours=10))
    assert part.start <= begin
    assert part.end >= begin + timedelta(hours=10)
    assert part.synthetic
    hours = int((part.start - year.start) / year.step)
    assert part.values[0] == year.values[hours % 8760]
