"""Plans carried out: commands that are halted and go on, scheduled runs, a shared power cap."""

import inspect
import signal
import subprocess
import sys
import time
from datetime import UTC, datetime, timedelta
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matscreen.errors import InputError, SourceError
from matscreen.power.execution import Clock, run_in_windows
from matscreen.power.jobs import Job
from matscreen.power.planner import plan
from matscreen.power.scheduling import scheduled_runs, submit_runs
from matscreen.power.sharing import plan_jobs
from matscreen.power.traces import Trace

START = datetime(2026, 3, 1, tzinfo=UTC)
HOUR = timedelta(hours=1)


def trace(values, step=HOUR, start=START):
    return Trace(start, step, np.asarray(values, float), "gCO2/kWh", "carbon", "test")


def job(work_h, slots, *, name="job", power_W=1000.0):
    return Job(work_s=work_h * 3600, deadline=START + slots * HOUR, power_W=power_W, name=name)


class Fast(Clock):
    """A clock on which an hour takes a quarter of a second."""

    def __init__(self, start=START, speed=4 * 3600.0):
        self.start, self.speed, self.origin = start, speed, time.monotonic()

    def now(self):
        return self.start + timedelta(seconds=(time.monotonic() - self.origin) * self.speed)

    def sleep(self, seconds):
        time.sleep(min(max(seconds / self.speed, 0.002), 0.02))


def ticking(path, ticks):
    """A command that writes the time at each tick and does not know that it is halted."""
    code = (
        "import sys, time\n"
        f"for _ in range({ticks}):\n"
        f"    open({str(path)!r}, 'a').write(f'{{time.monotonic()}}\\n'); time.sleep(0.02)\n"
        "sys.exit(7)\n"
    )
    return [sys.executable, "-c", code]


def test_a_command_runs_in_the_clean_hours_only(tmp_path):
    out, said = tmp_path / "ticks", []
    values = [9, 1, 9, 9, 1, 9, 9, 9, 9, 9, 9, 9]
    clock = Fast()
    # Three quarters of an hour of work say two runs are enough; it takes about as long.
    asked = Job(work_s=2 * 3600, deadline=START + 12 * HOUR, power_W=100.0)
    done = run_in_windows(
        ticking(out, 20), asked, lambda _now, _end: trace(values), clock=clock, say=said.append
    )
    assert done.code == 7
    assert done.halts >= 1
    assert not done.late
    ticks = np.array([float(line) for line in out.read_text().split()])
    hours = (ticks - clock.origin) * clock.speed / 3600
    assert len(ticks) == 20
    assert (hours >= 0.9).all()
    resting = (hours > 2.6) & (hours < 3.9)
    assert not resting.any()
    assert said[0].startswith("planned 2 runs")
    assert "halted" in said
    assert "goes on" in said


def test_without_a_forecast_it_runs_at_once(tmp_path):
    def nothing(_now, _end):
        raise SourceError("the service is away")

    said = []
    done = run_in_windows(
        ticking(tmp_path / "t", 3), job(1, 12), nothing, clock=Fast(), say=said.append
    )
    assert done.code == 7
    assert done.halts == 0
    assert "no new plan: the service is away" in said


def test_a_forecast_that_nobody_can_read_ends_no_command(tmp_path):
    said = []

    def broken(_now, _end):
        raise TypeError("tz-naive")

    done = run_in_windows(
        ticking(tmp_path / "t", 3), job(1, 8), broken, clock=Fast(), say=said.append
    )
    assert (done.code, done.halts) == (7, 0)
    assert said[0] == "no new plan: TypeError: tz-naive"


def test_a_deadline_that_cannot_be_held_is_said_at_the_start(tmp_path):
    said = []
    run_in_windows(
        ticking(tmp_path / "t", 3),
        Job(work_s=3 * 3600, deadline=START + HOUR, power_W=100.0),
        lambda _now, _end: trace([9, 1, 9, 9]),
        clock=Fast(),
        say=said.append,
    )
    early = said[: said.index("started " + sys.executable)]
    assert early[-1].startswith("the deadline cannot be held: done up to 2 h")


def test_a_command_that_takes_longer_than_said_is_not_halted_again(tmp_path):
    values = [1, 9, 1, 9, 9, 9, 9, 9]
    short = Job(work_s=0.2 * 3600, deadline=START + 8 * HOUR, power_W=100.0)
    said = []
    done = run_in_windows(
        ticking(tmp_path / "t", 60), short, lambda _n, _e: trace(values), clock=Fast(),
        say=said.append,
    )  # fmt: skip
    assert done.code == 7
    assert "runs without rest from now on" in said


@settings(max_examples=6)
@given(seed=st.integers(0, 99))
def test_a_deadline_holds_for_a_command_too(seed, tmp_path_factory):
    rng = np.random.default_rng(seed)
    values = rng.uniform(0, 100, 8)
    out = tmp_path_factory.mktemp("run") / "t"
    asked = Job(work_s=2.5 * 3600, deadline=START + 8 * HOUR, power_W=1.0)
    done = run_in_windows(
        ticking(out, 4), asked, lambda _n, _e: trace(rng.permutation(values)), clock=Fast()
    )
    assert done.code == 7
    assert not done.late


def test_what_cannot_be_started_is_said():
    with pytest.raises(InputError, match="cannot be started"):
        run_in_windows(["/no/such/program"], job(1, 1), lambda _n, _e: trace([1]), clock=Fast())
    with pytest.raises(InputError, match="'no-such-program' cannot be started"):
        # At once, not when the clean hours have come.
        run_in_windows(
            ["no-such-program"], job(1, 4), lambda _n, _e: pytest.fail("it waited"), clock=Fast()
        )
    with pytest.raises(InputError, match="after --"):
        run_in_windows([], job(1, 1), lambda _n, _e: trace([1]))


def _state(pid):
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0]
    except FileNotFoundError:
        return "gone"


def _wait(condition, seconds=10.0):
    end = time.monotonic() + seconds
    while time.monotonic() < end:
        if condition():
            return True
        time.sleep(0.02)
    return False


@pytest.mark.skipif(not Path("/proc/self").is_dir(), reason="looks at /proc")
@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL])
def test_no_halted_command_is_left_behind_when_the_runner_dies(number, tmp_path):
    pid = tmp_path / "pid"
    inner = f"import os, time; open({str(pid)!r}, 'w').write(str(os.getpid())); time.sleep(60)"
    code = f"""
import sys, numpy as np
from datetime import datetime, timedelta, UTC
from matscreen.power.execution import run_in_windows
from matscreen.power.jobs import Job
from matscreen.power.traces import Trace
start = datetime.now(UTC) - timedelta(seconds=0.5)
values = np.array([1.0, 1.0] + [9.0] * 300 + [1.0] * 400)
look = lambda a, b: Trace(start, timedelta(seconds=1), values, "gCO2/kWh", "carbon", "t")
job = Job(work_s=100, deadline=start + timedelta(seconds=700), power_W=1.0)
sys.exit(run_in_windows([sys.executable, "-c", {inner!r}], job, look).code != -15)
"""
    # The runner stands in a session, as under a shell or a service manager.
    runner = subprocess.Popen([sys.executable, "-c", code], start_new_session=True)
    try:
        assert _wait(lambda: pid.exists() and pid.read_text())
        child = int(pid.read_text())
        assert _wait(lambda: _state(child) == "T"), "the command was never halted"
        runner.send_signal(number)
        assert _wait(lambda: _state(child) in {"gone", "Z"}), "the command is still halted"
        if number == signal.SIGTERM:
            assert runner.wait(10) == 0
    finally:
        runner.kill()
        runner.wait()


def test_windows_become_runs_once_each():
    made = plan(job(3, 8, name="campaign"), trace([9, 1, 1, 9, 9, 1, 9, 9]))
    runs = scheduled_runs(made, {"store": "s3://x"}, length_parameter="budget")
    assert [run.window.start for run in runs] == [START + HOUR, START + 5 * HOUR]
    assert [dict(run.parameters) for run in runs] == [
        {"store": "s3://x", "budget": "120min"},
        {"store": "s3://x", "budget": "60min"},
    ]
    again = scheduled_runs(made, {"store": "s3://x"}, length_parameter="budget")
    assert [run.idempotency_key for run in runs] == [run.idempotency_key for run in again]
    other = scheduled_runs(made, {"store": "s3://y"})
    assert [dict(run.parameters) for run in other] == [{"store": "s3://y"}] * 2
    keys = {run.idempotency_key for run in (*runs, *other)}
    assert len(keys) == 4


def test_runs_are_submitted_with_keywords_that_prefect_has():
    from prefect.deployments import run_deployment

    known = inspect.signature(run_deployment)
    seen = []

    def submit(**keywords):
        known.bind(**keywords)
        seen.append(keywords)
        return len(seen)

    made = plan(job(2, 6), trace([9, 1, 9, 1, 9, 9]))
    assert submit_runs(scheduled_runs(made), "simulate/nightly", submit) == [1, 2]
    assert [one["scheduled_time"] for one in seen] == [START + HOUR, START + 3 * HOUR]
    assert all(one["timeout"] == 0 for one in seen)
    assert seen[0]["idempotency_key"] != seen[1]["idempotency_key"]


def test_jobs_share_a_cap():
    jobs = [job(2, 6, name="late", power_W=600), job(2, 4, name="soon", power_W=600)]
    made = plan_jobs(jobs, trace([9, 1, 2, 9, 3, 4]), cap_W=1000)
    assert list(made[1].used) == [0, 1, 1, 0]
    assert list(made[0].used) == [0, 0, 0, 0, 1, 1]
    together = plan_jobs(jobs, trace([9, 1, 2, 9, 3, 4]), cap_W=1200)
    assert list(together[0].used) == [0, 1, 1, 0, 0, 0]
    with pytest.raises(InputError, match="more than the cap"):
        plan_jobs(jobs, trace([1] * 6), cap_W=1000, base_W=500)


def test_jobs_that_find_no_room_run_early_instead():
    """The first in order would take the slots that the second one needs."""
    jobs = [job(1, 3, name="a"), job(2, 3, name="b")]
    made = plan_jobs(jobs, trace([1, 9, 9]), cap_W=1000)
    assert [float(one.used.sum()) for one in made] == [1.0, 2.0]
    assert not (np.array(made[0].used) * np.array(made[1].used)).any()
    with pytest.raises(InputError, match="later deadline"):
        plan_jobs([*jobs, job(1, 3, name="c")], trace([1, 9, 9]), cap_W=1000)


@settings(max_examples=60)
@given(
    values=st.lists(st.floats(0.0, 100.0), min_size=12, max_size=12),
    works=st.lists(st.integers(1, 4), min_size=1, max_size=4),
    power=st.lists(st.sampled_from([300.0, 600.0, 900.0]), min_size=4, max_size=4),
)
def test_a_cap_is_never_broken(values, works, power):
    jobs = [
        job(work, 12, name=f"job {number}", power_W=power[number])
        for number, work in enumerate(works)
    ]
    try:
        made = plan_jobs(jobs, trace(values), cap_W=1000)
    except InputError:
        assert sum(works) > 12  # only too much work is refused
        return
    drawn = sum(one.job.power_W * (one.used > 0.0) for one in made)
    assert (drawn <= 1000.0).all()
    for one, asked in zip(made, jobs, strict=True):
        assert one.windows[-1].end <= asked.deadline
        assert one.used.sum() * 3600 == pytest.approx(asked.work_s)
