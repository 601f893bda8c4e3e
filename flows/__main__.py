"""`python -m flows run | serve | deploy | defer | status`: screens now, and on schedules."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path
from typing import Annotated, Any

import typer

from flows import LEVEL_IS_CHOSEN
from matscreen.commands import completion, power
from matscreen.commands.application import (
    Application,
    DebugOption,
    QuietOption,
    VerboseOption,
    unwrapped,
)
from matscreen.commands.failing import EXIT_CODES
from matscreen.commands.options import DEFAULT_STORE, SourceOption, StoreOption, output_option
from matscreen.commands.output import speaking
from matscreen.errors import InputError

_HELP = f"""Run matscreen's Prefect flows: now, or on schedules for months.

[bold]run[/bold] needs nothing and leaves nothing running. [bold]serve[/bold] is one process
that runs schedules: it starts or finds the server, ends dead runs, retries crashed ones.
[bold]deploy[/bold] hands the same schedules to a server and workers of your own.
[bold]defer[/bold] puts work that may wait into the clean or cheap hours of the next days.

A run computes only what is new: where candidates, labels, screen and code are those of the
last ranking, it ends in seconds and says so. Set MATSCREEN_WEBHOOK to a URL to hear of failed
and crashed runs and of changes among the ten best.

Examples:
  python -m flows run synapse
  python -m flows serve

{EXIT_CODES}
"""

app = Application(_HELP, program="flows")

FileOption = Annotated[
    Path | None,
    typer.Option("--file", help="Deployments instead of flows/prefect.yaml.", metavar="YAML"),
]


@app.callback(help=unwrapped(_HELP))
def _flows(
    context: typer.Context,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    debug: DebugOption = False,
) -> None:
    context.with_resource(speaking(quiet=quiet, verbose=verbose, debug=debug))


@app.verb(keeps="What was finished is stored; the same command goes on from it.")
def run(
    screens: Annotated[
        list[str],
        typer.Argument(
            help="Shipped screens or .toml files.",
            metavar="SCREEN...",
            autocompletion=completion.screens,
        ),
    ],
    output: Annotated[
        Path, output_option("Folder of the results, one inside for each screen.")
    ] = Path("results"),
    source: SourceOption = None,
    store: StoreOption = DEFAULT_STORE,
    only_if_new: Annotated[
        bool, typer.Option("--only-if-new", help="Rank only where anything is new.")
    ] = False,
) -> None:
    """Run screens once and print their best candidates.

    Examples:
      python -m flows run synapse logic neuron
      python -m flows run mine.toml --source files:my_cifs --only-if-new
    """
    from matscreen.commands.output import manner, next_steps, note, print_json
    from matscreen.commands.progress import stages_bars
    from matscreen.commands.ranked_steps import screen_steps
    from matscreen.commands.screen import screen_data
    from matscreen.config import load_screen
    from matscreen.console import screen_summary

    for name in screens:
        load_screen(name)  # a mistake is reported before anything starts
    note("Starting Prefect ...")
    from flows.server import named_server

    url = named_server()
    note(f"Runs are recorded at {url}." if url else "Offline: the run brings its own server.")
    from flows.progress import showing
    from flows.screen import screen

    told = []
    for name in screens:
        with stages_bars() as progress, showing(progress):
            ended: Any = screen(name, str(store), str(output), source, force=not only_if_new)
        if ended.finished is None:
            told.append({"screen": name, "folder": ended.folder, "unchanged": ended.message})
            _unless_json(f"{ended.message}: {ended.folder / 'report.html'}")
            continue
        result = ended.finished.result
        told.append({**screen_data(result, ended.folder), "unchanged": None})
        _unless_json(screen_summary(result, folder=ended.folder))
        next_steps(*screen_steps(name, result.ranking, folder=ended.folder, store=store))
    if manner().json:
        print_json(told)


def _unless_json(part: Any) -> None:
    from matscreen.commands.output import manner, show

    if not manner().json:  # the one document comes at the end
        show(dict, lambda: part)


@app.verb(
    json=False,
    keeps="Finished runs are kept, deployments are paused; `serve` again makes up for a missed "
    "night, once.",
)
def serve(
    only: Annotated[
        list[str] | None,
        typer.Argument(
            help="Deployments to serve; all of the file by default.", metavar="DEPLOYMENT..."
        ),
    ] = None,
    every: Annotated[
        str | None,
        typer.Option(help="Interval instead of the schedules: 30min, 6h, 1d.", metavar="SPAN"),
    ] = None,
    screens: Annotated[
        list[str] | None,
        typer.Option(
            "--screen",
            help="Screens instead of those of the file.",
            metavar="SCREEN",
            autocompletion=completion.screens,
        ),
    ] = None,
    store: Annotated[
        str | None, typer.Option(help="Store instead of that of the file.", metavar="DIR")
    ] = None,
    output: Annotated[str | None, output_option("Folder of the results instead.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Runs at the same time.", metavar="N")] = 1,
    file: FileOption = None,
) -> None:
    """Run schedules from this process until it is stopped; no set-up is needed.

    Starts a Prefect server on this machine or uses the one that is there (PREFECT_API_URL). Runs
    whose process died are marked as crashed within two minutes and retried from the store, at most
    twice. Stopped and started again it goes on: a missed night is made up for, once.

    Examples:
      python -m flows serve
      python -m flows serve nightly --every 6h --screen mine.toml --store s3://bucket/store
    """
    if not LEVEL_IS_CHOSEN:
        # `run` shows bars; here the logs say what is done.
        os.environ["PREFECT_LOGGING_LEVEL"] = "INFO"
    from flows import deployments, serving
    from matscreen.commands.output import note
    from matscreen.config import load_screen

    for name in screens or ():
        load_screen(name)
    listed = deployments.read(file or deployments.FILE)
    names = [each["name"] for each in listed]
    if unknown := sorted(set(only or ()) - set(names)):
        raise InputError(f"no deployment {', '.join(unknown)}; there are {', '.join(names)}")
    chosen = [each for each in listed if not only or each["name"] in only]
    interval = deployments.interval(every) if every is not None else None
    parameters = {"screens": screens, "store": store, "results": output}
    serving.serve(
        lambda: [
            deployments.served(each, parameters=parameters, every=interval) for each in chosen
        ],
        say=note,
        limit=limit,
    )


@app.verb(json=False)
def deploy(file: FileOption = None) -> None:
    """Hand the schedules to a Prefect server; workers of your own run them.

    Makes the rules that end dead runs, the work pools, and every deployment of flows/prefect.yaml.
    Then start a worker for each pool, from this folder, on any machine that shares the store.

    Examples:
      PREFECT_API_URL=http://server:4200/api python -m flows deploy
      PREFECT_API_URL=http://server:4200/api prefect worker start --pool matscreen
    """
    from flows import deploying
    from matscreen.commands.output import note

    deploying.deploy(file, say=note)


@app.verb()
def defer(
    deployment: Annotated[
        str, typer.Argument(help="What may wait: simulate, train, describe.", metavar="DEPLOYMENT")
    ],
    work: power.WorkOption,
    deadline: power.DeadlineOption,
    trace: power.TraceOption = "uk",
    watts: power.PowerOption = None,
    parameter: Annotated[
        list[str] | None,
        typer.Option("--param", help="Parameter of the runs.", metavar="NAME=VALUE"),
    ] = None,
    unit: power.UnitOption = None,
    zone: power.ZoneOption = None,
) -> None:
    """Schedule the runs of a deployment in the cleanest or cheapest hours before a deadline.

    The server starts them, so `serve` or a worker must be running then; one that comes late starts
    at once. Simulations are spread over several windows and go on from the store; anything else is
    one run.

    Examples:
      python -m flows defer simulate --work 6h --deadline 2d
      python -m flows defer train --work 1h --deadline 1d --trace entsoe:FR
      python -m flows defer simulate --work 4h --deadline 1d --param name=neuron
    """
    from datetime import UTC, datetime

    from flows import deferring
    from matscreen.commands.output import next_steps, show
    from matscreen.commands.spans import moment
    from matscreen.power.planner import plan

    now = datetime.now(UTC)
    # What cannot rest is one run as long as the work.
    lost, shortest = ("2min", "30min") if deferring.divisible(deployment) else ("0s", work)
    asked = power.deferrable_job(work, moment(deadline, now), watts, lost, shortest, "0s")
    job = replace(asked, name=deployment)
    known = power.named_trace(trace, unit, zone).read(now, job.deadline)
    made = plan(replace(job, deadline=min(job.deadline, known.end)), known, now=now)
    runs = deferring.defer(deployment, made, deferring.read_parameters(parameter or ()))
    show(
        lambda: {
            "trace": made.trace.label,
            "saving": made.saving,
            "runs": [
                {"name": run.name, "parameters": dict(run.parameters)}
                | {"start": run.window.start, "end": run.window.end}
                for run in runs
            ],
        },
        lambda: deferring.runs_table(runs),
    )
    next_steps(("python -m flows status", "see what ran and what comes"))


@app.verb()
def status() -> None:
    """Show the last and next runs of every deployment, their states and durations.

    Examples:
      python -m flows status
      PREFECT_API_URL=http://server:4200/api python -m flows status --json
    """
    from flows import server
    from flows.status import status_table, statuses
    from matscreen.commands.output import next_steps, show

    url = server.api_url()
    if not server.healthy(url):
        raise server.ServerError(
            f"no Prefect server answers at {url}; `python -m flows serve` starts one, and "
            "PREFECT_API_URL names another"
        )
    from prefect.client.orchestration import get_client
    from prefect.settings import PREFECT_API_URL, temporary_settings

    with temporary_settings({PREFECT_API_URL: url}), get_client(sync_client=True) as client:
        found = statuses(client)
    show(lambda: found, lambda: status_table(found) if found else "Nothing is deployed yet.")
    if not found:
        next_steps(
            ("python -m flows serve", "run the schedules from this machine"),
            ("python -m flows deploy", "hand them to workers"),
        )


def main() -> None:
    """Run the command line; see its help for the exit codes."""
    app(prog_name="python -m flows")


if __name__ == "__main__":
    main()
