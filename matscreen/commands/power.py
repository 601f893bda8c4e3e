"""`matscreen power`: run deferrable work in the cleanest or cheapest hours before its deadline."""

from __future__ import annotations

import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING, Annotated

import typer

from matscreen.commands.application import Application
from matscreen.commands.options import SeedOption, output_option
from matscreen.commands.output import note, show, warn
from matscreen.commands.spans import moment, span
from matscreen.power.trace_names import HELP as TRACES

if TYPE_CHECKING:
    from matscreen.power.forecasts import Forecast
    from matscreen.power.jobs import Job
    from matscreen.power.traces import Trace, TraceSource

app = Application("Run deferrable work in the cleanest or cheapest hours before its deadline.")

TraceOption = Annotated[
    str, typer.Option("--trace", help=f"Carbon or price: {TRACES}.", metavar="TRACE")
]
WorkOption = Annotated[
    str, typer.Option(help="Machine time it needs at most: 90min, 12h.", metavar="SPAN")
]
DeadlineOption = Annotated[
    str, typer.Option(help="When it must be done: 2d, 2026-12-01T08:00Z.", metavar="TIME")
]
PowerOption = Annotated[
    float | None,
    typer.Option(help="Power while it runs, W; else by the model of the ledger.", metavar="WATT"),
]
CheckpointOption = Annotated[
    str, typer.Option(help="Machine time lost at each resumption.", metavar="SPAN")
]
MinRunOption = Annotated[str, typer.Option(help="Shortest run worth starting.", metavar="SPAN")]
ReserveOption = Annotated[
    str, typer.Option(help="Time kept free before the deadline.", metavar="SPAN")
]
UnitOption = Annotated[
    str | None,
    typer.Option(help="Unit of a CSV without one: gCO2/kWh, EUR/MWh, kg/kWh.", metavar="UNIT"),
]
ZoneOption = Annotated[
    str | None,
    typer.Option(help="Time zone of a CSV without one: Europe/Brussels.", metavar="ZONE"),
]


@app.verb()
def plan(
    work: WorkOption,
    deadline: DeadlineOption,
    trace: TraceOption = "uk",
    power: PowerOption = None,
    checkpoint: CheckpointOption = "2min",
    min_run: MinRunOption = "0s",
    reserve: ReserveOption = "0s",
    begin: Annotated[
        str | None,
        typer.Option("--from", help="Begin, ISO 8601; now when not given.", metavar="TIME"),
    ] = None,
    cap: Annotated[
        float | None,
        typer.Option(help="Most power of all together, W; see --base.", metavar="WATT"),
    ] = None,
    base: Annotated[
        float, typer.Option(help="Power that is drawn anyway, W.", metavar="WATT")
    ] = 0.0,
    unit: UnitOption = None,
    zone: ZoneOption = None,
) -> None:
    """Show in which hours a job would run, and what that saves against running at once.

    The plan is exact for the trace: no other choice of hours emits or costs less. A live forecast
    may turn out otherwise; `matscreen power replay` shows how much that matters.

    Examples:
      matscreen power plan --work 6h --deadline 2d
      matscreen power plan --work 6h --deadline 1d --trace entsoe:FR
      matscreen power plan --work 12h --deadline 3d --trace synthetic
    """
    from matscreen.commands.output import next_steps
    from matscreen.commands.power_screens import plan_screen
    from matscreen.power.planner import plan as choose
    from matscreen.power.sharing import plan_jobs

    now = moment(begin, datetime.now(UTC)) if begin else datetime.now(UTC)
    job = deferrable_job(work, moment(deadline, now), power, checkpoint, min_run, reserve)
    source = named_trace(trace, unit, zone)
    known = source.read(now, job.deadline)
    if known.end < job.deadline - known.step:
        warn(
            f"{known.label} is known until {known.end:%Y-%m-%d %H:%M %Z} only; planned to be done "
            "by then"
        )
        job = replace(job, deadline=known.end)
    if cap is not None:
        made = plan_jobs([job], known, cap_W=cap, now=now, base_W=base)[0]
    else:
        made = choose(job, known, now=now)
    show(
        lambda: {
            "trace": made.trace.label,
            "synthetic": made.trace.synthetic,
            "unit": made.trace.amount_unit,
            "power_W": job.power_W,
            "energy_kWh": made.energy_kWh,
            "planned": made.amount,
            "at_once": made.at_once,
            "saving": made.saving,
            "windows": [{"start": one.start, "end": one.end} for one in made.windows],
        },
        lambda: plan_screen(made),
    )
    said = f"--work {quote(work)} --deadline {quote(deadline)} --trace {quote(trace)}"
    next_steps((f"matscreen power run {said} -- COMMAND", "run a command in these hours"))


@app.verb()
def replay(
    work: WorkOption = "12h",
    deadline: Annotated[
        str, typer.Option(help="Time from start to deadline.", metavar="SPAN")
    ] = "2d",
    trace: TraceOption = "synthetic",
    also: Annotated[
        str | None,
        typer.Option(
            help="Count the same runs by a second trace of the same slots as well.",
            metavar="TRACE",
        ),
    ] = None,
    starts: Annotated[
        int, typer.Option(min=10, help="Starts drawn from the trace.", metavar="N")
    ] = 1000,
    power: Annotated[float, typer.Option(help="Power while it runs, W.", metavar="WATT")] = 200.0,
    checkpoint: CheckpointOption = "5min",
    min_run: MinRunOption = "1h",
    outages: Annotated[
        int, typer.Option(min=0, help="Slots of outage in each start.", metavar="N")
    ] = 1,
    work_error: Annotated[
        float,
        typer.Option(
            help="It may need this share less than said; not known before.", metavar="SHARE"
        ),
    ] = 0.2,
    error: Annotated[
        float | None,
        typer.Option(
            help="Assume a forecast with this error (1 sigma); else from the past alone.",
            metavar="SHARE",
        ),
    ] = None,
    seed: SeedOption = 0,
    unit: UnitOption = None,
    zone: ZoneOption = None,
    output: Annotated[Path | None, output_option("Figure, one file.", "HTML")] = None,
) -> None:
    """Play the planner on a year and show what it saves against running at once.

    Each start is planned with what could be known then and planned anew every six slots. Interval:
    95 %, weeks drawn anew (block bootstrap). Without a trace a synthetic year is used and said so.

    Examples:
      matscreen power replay --also synthetic-price
      matscreen power replay --trace prices.csv --work 6h --deadline 1d -o replay.html
      pip install --no-deps python-microgrid && matscreen power replay --trace ciso
    """
    from matscreen.commands.power_figures import write_replay
    from matscreen.commands.power_screens import replay_screen
    from matscreen.commands.replaying import replay_all
    from matscreen.power.trace_names import whole_year

    year = whole_year(named_trace(trace, unit, zone))
    done = replay_all(
        year,
        None if also is None else whole_year(named_trace(also, None, None)),
        work=span(work),
        deadline=span(deadline),
        power_W=power,
        checkpoint=span(checkpoint),
        min_run=span(min_run),
        outages=outages,
        work_error=work_error,
        count=starts,
        seed=seed,
        forecast=_with_error(error, year, seed),
    )
    if output is not None:
        write_replay(output, done)
    figure = [] if output is None else [lambda: f"figure: {output}"]
    show(done.to_dict, lambda: replay_screen(done), *figure)


@app.verb(
    json=False,
    keeps="The command was stopped with it; what it keeps by itself is kept.",
    context_settings={"ignore_unknown_options": True},
)
def run(
    command: Annotated[
        list[str], typer.Argument(help="Program and arguments, after --.", metavar="COMMAND...")
    ],
    work: WorkOption,
    deadline: DeadlineOption,
    trace: TraceOption = "uk",
    power: PowerOption = None,
    checkpoint: CheckpointOption = "0s",
    min_run: MinRunOption = "0s",
    reserve: ReserveOption = "0s",
    unit: UnitOption = None,
    zone: ZoneOption = None,
) -> None:
    """Run a command in the best hours: it sleeps, runs, is halted (SIGSTOP) and goes on.

    The rest is planned anew every hour. When the slack is used up, or no forecast can be had, it
    runs without rest, so that the deadline holds as long as the work is no more than was said.
    Exit code: that of the command.

    Examples:
      matscreen power run --work 2h --deadline 1d -- matscreen simulate synapse --budget 2h
    """
    from matscreen.power.execution import run_in_windows

    job = deferrable_job(
        work, moment(deadline, datetime.now(UTC)), power, checkpoint, min_run, reserve
    )
    source = named_trace(trace, unit, zone)
    done = run_in_windows(command, job, source.read, say=lambda text: note(f"power: {text}"))
    if done.late:
        warn(f"power: done after its deadline {job.deadline}")
    raise typer.Exit(done.code if done.code >= 0 else 128 - done.code)


@app.verb("trace")
def save_trace(
    trace: Annotated[str, typer.Argument(help=f"{TRACES}.", metavar="TRACE")],
    output: Annotated[Path, output_option("Table of the trace.", "CSV")],
    begin: Annotated[
        str | None,
        typer.Option("--from", help="Begin, ISO 8601; else everything there is.", metavar="TIME"),
    ] = None,
    end: Annotated[
        str | None, typer.Option("--to", help="End, ISO 8601, or a span.", metavar="TIME")
    ] = None,
) -> None:
    """Save a trace as CSV, such as a past year of a live service for a replay.

    Examples:
      matscreen power trace uk --from 2025-01-01 --to 2026-01-01 -o uk-2025.csv
      matscreen power trace synthetic -o synthetic.csv
    """
    from matscreen.power.trace_files import write_csv
    from matscreen.power.trace_names import whole_year

    source = named_trace(trace, None, None)
    if begin is None:
        found = whole_year(source)
    else:
        first = moment(begin, datetime.now(UTC))
        found = source.read(first, moment(end or "1d", first))
    write_csv(output, found)
    show(
        lambda: {
            "trace": found.label,
            "synthetic": found.synthetic,
            "unit": found.unit,
            "slots": len(found),
            "start": found.start,
            "end": found.end,
            "file": output,
        },
        lambda: (
            f"{len(found)} slots of {found.step} from {found.start:%Y-%m-%d %H:%M %Z}: {output}"
        ),
    )


def deferrable_job(
    work: str, deadline: datetime, power: float | None, checkpoint: str, min_run: str, reserve: str
) -> Job:
    """Return the work that the options of `plan` and `run` describe."""
    from matscreen.power.jobs import Job as Deferrable
    from matscreen.power.meters import power_model

    return Deferrable(
        work_s=span(work).total_seconds(),
        deadline=deadline,
        power_W=power
        if power is not None
        else power_model().watts_per_core * (os.cpu_count() or 1),
        checkpoint_s=span(checkpoint).total_seconds(),
        min_run_s=span(min_run).total_seconds(),
        reserve_s=span(reserve).total_seconds(),
    )


def named_trace(name: str, unit: str | None, zone: str | None) -> TraceSource:
    """Return the trace that the options of `plan` and `run` name."""
    from matscreen.power.trace_names import trace_source

    return trace_source(name, unit=unit, zone=zone)


def _with_error(error: float | None, year: Trace, seed: int) -> Forecast | None:
    from matscreen.power.forecasts import WithError

    return None if error is None else WithError(year.values, error, seed=seed)
