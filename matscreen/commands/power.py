"""`matscreen power`: run deferrable work in the cleanest or cheapest hours before its deadline."""

from __future__ import annotations

import json
import os
from dataclasses import replace
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from matscreen.commands.spans import moment, span
from matscreen.power.trace_names import HELP as TRACES

if TYPE_CHECKING:
    from matscreen.power.forecasts import Forecast
    from matscreen.power.jobs import Job
    from matscreen.power.traces import Trace, TraceSource

app = typer.Typer(
    help="Run deferrable work in the cleanest or cheapest hours before its deadline.",
    no_args_is_help=True,
)

TraceOption = Annotated[str, typer.Option("--trace", help=f"Carbon or price: {TRACES}.")]
WorkOption = Annotated[str, typer.Option(help="Machine time it needs at most: 90min, 12h.")]
DeadlineOption = Annotated[str, typer.Option(help="When it must be done: 2d, 2026-12-01T08:00Z.")]
PowerOption = Annotated[
    float | None, typer.Option(help="Power while it runs, W; else by the model of the ledger.")
]
CheckpointOption = Annotated[str, typer.Option(help="Machine time lost at each resumption.")]
MinRunOption = Annotated[str, typer.Option(help="Shortest run worth starting.")]
ReserveOption = Annotated[str, typer.Option(help="Time kept free before the deadline.")]
UnitOption = Annotated[
    str | None, typer.Option(help="Unit of a CSV without one: gCO2/kWh, EUR/MWh, kg/kWh.")
]
ZoneOption = Annotated[
    str | None, typer.Option(help="Time zone of a CSV without one: Europe/Brussels.")
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print numbers for programs.")]


@app.callback()
def main() -> None:
    """Run deferrable work in the cleanest or cheapest hours before its deadline."""


@app.command()
def plan(
    work: WorkOption,
    deadline: DeadlineOption,
    trace: TraceOption = "uk",
    power: PowerOption = None,
    checkpoint: CheckpointOption = "2min",
    min_run: MinRunOption = "0s",
    reserve: ReserveOption = "0s",
    begin: Annotated[
        str | None, typer.Option("--from", help="Begin, ISO 8601; now when not given.")
    ] = None,
    cap: Annotated[
        float | None, typer.Option(help="Most power of all together, W; see --base.")
    ] = None,
    base: Annotated[float, typer.Option(help="Power that is drawn anyway, W.")] = 0.0,
    unit: UnitOption = None,
    zone: ZoneOption = None,
    as_json: JsonOption = False,
) -> None:
    """Show in which hours a job would run, and what that saves against running at once.

    The plan is exact for the trace: no other choice of hours emits or costs less. A live forecast
    may turn out otherwise; `matscreen power replay` shows how much that matters.

    Examples:
      matscreen power plan --work 6h --deadline 2d
      matscreen power plan --work 6h --deadline 1d --trace entsoe:FR
      matscreen power plan --work 12h --deadline 3d --trace synthetic
    """
    from matscreen.commands.power_screens import plan_screen
    from matscreen.console import terminal
    from matscreen.power.planner import plan as choose
    from matscreen.power.sharing import plan_jobs

    now = moment(begin, datetime.now(UTC)) if begin else datetime.now(UTC)
    job = _job(work, moment(deadline, now), power, checkpoint, min_run, reserve)
    source = _source(trace, unit, zone)
    known = source.read(now, job.deadline)
    if known.end < job.deadline - known.step:
        typer.secho(
            f"{known.label} is known until {known.end:%Y-%m-%d %H:%M %Z} only; planned to be done "
            "by then",
            err=True,
        )
        job = replace(job, deadline=known.end)
    if cap is not None:
        made = plan_jobs([job], known, cap_W=cap, now=now, base_W=base)[0]
    else:
        made = choose(job, known, now=now)
    if as_json:
        _echo(
            {
                "trace": made.trace.label,
                "synthetic": made.trace.synthetic,
                "unit": made.trace.amount_unit,
                "power_W": job.power_W,
                "energy_kWh": made.energy_kWh,
                "planned": made.amount,
                "at_once": made.at_once,
                "saving": made.saving,
                "windows": [
                    {"start": one.start.isoformat(), "end": one.end.isoformat()}
                    for one in made.windows
                ],
            }
        )
        return
    terminal().print(plan_screen(made))


@app.command()
def replay(
    work: WorkOption = "12h",
    deadline: Annotated[str, typer.Option(help="Time from start to deadline.")] = "2d",
    trace: TraceOption = "synthetic",
    also: Annotated[
        str | None,
        typer.Option(help="Count the same runs by a second trace of the same slots as well."),
    ] = None,
    starts: Annotated[int, typer.Option(min=10, help="Starts drawn from the trace.")] = 1000,
    power: Annotated[float, typer.Option(help="Power while it runs, W.")] = 200.0,
    checkpoint: CheckpointOption = "5min",
    min_run: MinRunOption = "1h",
    outages: Annotated[int, typer.Option(min=0, help="Slots of outage in each start.")] = 1,
    work_error: Annotated[
        float, typer.Option(help="It may need this share less than said; not known before.")
    ] = 0.2,
    error: Annotated[
        float | None,
        typer.Option(help="Assume a forecast with this error (1 sigma); else from the past alone."),
    ] = None,
    seed: Annotated[int, typer.Option(help="Seed of all draws.")] = 0,
    unit: UnitOption = None,
    zone: ZoneOption = None,
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Figure, one HTML file.")
    ] = None,
    as_json: JsonOption = False,
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
    from matscreen.console import terminal
    from matscreen.power.trace_names import whole_year

    year = whole_year(_source(trace, unit, zone))
    done = replay_all(
        year,
        None if also is None else whole_year(_source(also, None, None)),
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
    if as_json:
        _echo(done.to_dict())
        return
    console = terminal()
    console.print(replay_screen(done))
    if output is not None:
        console.print(f"figure: {output}")


@app.command(context_settings={"ignore_unknown_options": True})
def run(
    command: Annotated[list[str], typer.Argument(help="Program and arguments, after --.")],
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

    Example:
      matscreen power run --work 2h --deadline 1d -- matscreen simulate synapse --budget 2h
    """
    from matscreen.power.execution import run_in_windows

    job = _job(work, moment(deadline, datetime.now(UTC)), power, checkpoint, min_run, reserve)
    source = _source(trace, unit, zone)
    done = run_in_windows(
        command, job, source.read, say=lambda text: typer.secho(f"power: {text}", err=True)
    )
    if done.late:
        typer.secho(f"power: done after its deadline {job.deadline}", fg="red", err=True)
    raise typer.Exit(done.code if done.code >= 0 else 128 - done.code)


@app.command(name="trace")
def save_trace(
    trace: Annotated[str, typer.Argument(help=f"{TRACES}.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="CSV file.")],
    begin: Annotated[
        str | None, typer.Option("--from", help="Begin, ISO 8601; else everything there is.")
    ] = None,
    end: Annotated[str | None, typer.Option("--to", help="End, ISO 8601, or a span.")] = None,
) -> None:
    """Save a trace as CSV, such as a past year of a live service for a replay.

    Examples:
      matscreen power trace uk --from 2025-01-01 --to 2026-01-01 -o uk-2025.csv
      matscreen power trace synthetic -o synthetic.csv
    """
    from matscreen.power.trace_files import write_csv
    from matscreen.power.trace_names import whole_year

    source = _source(trace, None, None)
    if begin is None:
        found = whole_year(source)
    else:
        first = moment(begin, datetime.now(UTC))
        found = source.read(first, moment(end or "1d", first))
    write_csv(output, found)
    typer.echo(f"{len(found)} slots of {found.step} from {found.start:%Y-%m-%d %H:%M %Z}: {output}")


def _job(
    work: str, deadline: datetime, power: float | None, checkpoint: str, min_run: str, reserve: str
) -> Job:
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


def _source(name: str, unit: str | None, zone: str | None) -> TraceSource:
    from matscreen.power.trace_names import trace_source

    return trace_source(name, unit=unit, zone=zone)


def _with_error(error: float | None, year: Trace, seed: int) -> Forecast | None:
    from matscreen.power.forecasts import WithError

    return None if error is None else WithError(year.values, error, seed=seed)


def _echo(content: dict[str, Any]) -> None:
    typer.echo(json.dumps(content, indent=2, ensure_ascii=False, allow_nan=False))
