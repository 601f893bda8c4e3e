"""A replay with its uncertainty and its assumptions: what `matscreen power replay` shows."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any

from matscreen.errors import InputError
from matscreen.power import replay
from matscreen.power.forecasts import Forecast, FromPast
from matscreen.power.jobs import Job
from matscreen.power.replay import Replayed, Saving, Setting
from matscreen.power.slot_programme import Shape
from matscreen.power.traces import Trace

_WEEK = timedelta(weeks=1)


@dataclass(frozen=True)
class Finished:
    """A replay, summed up.

    Attributes:
        trace: What decided.
        also: Second trace by which the same runs were counted.
        setting: The job and its troubles.
        result: One element a start.
        saving: Share saved, by the trace that decided.
        also_saving: Share saved by the second trace.
        bound: Share that perfect foresight would have saved.
        forecast: What the planner knew.
        assumptions: One sentence each.
    """

    trace: Trace
    also: Trace | None
    setting: Setting
    result: Replayed
    saving: Saving
    also_saving: Saving | None
    bound: float
    forecast: str
    assumptions: tuple[str, ...]

    @property
    def missed(self) -> int:
        """Starts that ended after the deadline."""
        return int(self.result.missed.sum())

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        result = self.result
        found: dict[str, Any] = {
            "trace": self.trace.label,
            "synthetic": self.trace.synthetic,
            "unit": self.trace.amount_unit,
            "starts": len(result.starts),
            "missed_deadlines": self.missed,
            "planned_mean": float(result.planned.mean()),
            "at_once_mean": float(result.at_once.mean()),
            "saving": self.saving.share,
            "saving_lower": self.saving.lower,
            "saving_upper": self.saving.upper,
            "saving_perfect_foresight": self.bound,
            "mean_runs": float(result.runs.mean()),
            "mean_hours_later": float(result.waited.mean()) * self.step_h,
            "forecast": self.forecast,
            "assumptions": list(self.assumptions),
        }
        if self.also is not None and self.also_saving is not None:
            planned, plain = result.other[self.also.kind]
            found["also"] = {
                "trace": self.also.label,
                "synthetic": self.also.synthetic,
                "unit": self.also.amount_unit,
                "planned_mean": float(planned.mean()),
                "at_once_mean": float(plain.mean()),
                "saving": self.also_saving.share,
                "saving_lower": self.also_saving.lower,
                "saving_upper": self.also_saving.upper,
            }
        return found

    @property
    def step_h(self) -> float:
        """Length of a slot, h."""
        return self.trace.step.total_seconds() / 3600.0


def replay_all(
    trace: Trace,
    also: Trace | None,
    *,
    work: timedelta,
    deadline: timedelta,
    power_W: float,
    checkpoint: timedelta,
    min_run: timedelta,
    outages: int,
    work_error: float,
    count: int,
    seed: int,
    forecast: Forecast | None = None,
) -> Finished:
    """Play a job on a trace from `count` starts.

    Raises:
        InputError: The job does not fit, the trace is too short, or the second one has other slots.
    """
    if also is not None and (len(also) != len(trace) or also.step != trace.step):
        raise InputError(
            f"{also.label} has {len(also)} slots of {also.step}, {trace.label} has {len(trace)} of "
            f"{trace.step}; both must cover the same slots"
        )
    job = Job(
        work_s=work.total_seconds(),
        deadline=datetime.now(UTC) + deadline,
        power_W=power_W,
        checkpoint_s=checkpoint.total_seconds(),
        min_run_s=min_run.total_seconds(),
        reserve_s=2 * outages * trace.step.total_seconds(),
    )
    shape = Shape.of(job, trace.step)
    setting = Setting(
        shape=shape,
        horizon=deadline // trace.step,
        work_error=work_error,
        outages=outages,
        seed=seed,
    )
    known = forecast or FromPast.of(trace)
    starts = replay.draw_starts(trace, setting, count, known.history)
    result = replay.replay(trace, setting, known, starts, others=[] if also is None else [also])
    per_week = _WEEK // trace.step
    other = None
    if also is not None:
        planned, plain = result.other[also.kind]
        other = replay.saving(planned, plain, starts, per_week, seed=seed)
    return Finished(
        trace=trace,
        also=also,
        setting=setting,
        result=result,
        saving=replay.saving(result.planned, result.at_once, starts, per_week, seed=seed),
        also_saving=other,
        bound=1.0 - float(result.bound.sum() / result.at_once.sum()),
        forecast=known.name,
        assumptions=_assumptions(trace, also, setting, job, known.name),
    )


def _assumptions(
    trace: Trace, also: Trace | None, setting: Setting, job: Job, forecast: str
) -> tuple[str, ...]:
    from matscreen.power import synthetic

    run_h = max(job.min_run_s, trace.step.total_seconds()) / 3600
    at_most = f"The job needs {job.work_s / 3600:g} h at most, in truth up to "
    draws = f"It draws {job.power_W:g} W while it runs and nothing while it rests; "
    outages = f"Slots of outage in each start: {setting.outages}; "
    lost = f"Each resumption loses {job.checkpoint_s / 60:g} min, "
    lines = [
        at_most + f"{100 * setting.work_error:g} % less; the planner knows only the most.",
        draws + "the shares saved do not depend on the power.",
        lost + f"and a run lasts {run_h:g} h or more.",
        outages + f"kept free for them before the deadline: {setting.shape.reserve}.",
        f"Planned anew every {setting.replan} slots by: {forecast}.",
        "Values are averages of the grid, not marginal: moving a load does not change them.",
        "Perfect foresight has no outages, no reserve and no least run: nothing can save more.",
    ]
    for one in (trace, also):
        if one is not None and one.synthetic:
            lines.append(f"{one.label}. No grid ever had these values:")
            lines += [f"  {told}" for told in synthetic.assumptions(one.kind)]
    return tuple(lines)
