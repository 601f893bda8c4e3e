"""`python -m flows run | serve | deploy | status`: screens now, and on schedules."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import Annotated, Any

import typer

from flows import LEVEL_IS_CHOSEN
from matscreen.commands.options import DEFAULT_STORE, StoreOption
from matscreen.errors import InputError, MatscreenError

app = typer.Typer(
    help="Run matscreen's Prefect flows: now, or on schedules for months.",
    no_args_is_help=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

FileOption = Annotated[
    Path | None,
    typer.Option("--file", help="Deployments instead of flows/prefect.yaml.", metavar="YAML"),
]


@app.callback()
def _flows() -> None:
    """Run matscreen's Prefect flows: now, or on schedules for months.

    [bold]run[/bold] needs nothing and leaves nothing running. [bold]serve[/bold] is one process
    that runs schedules: it starts or finds the server, ends dead runs, retries crashed ones.
    [bold]deploy[/bold] hands the same schedules to a server and workers of your own.

    A run computes only what is new: where candidates, labels, screen and code are those of the
    last ranking, it ends in seconds and says so. Set MATSCREEN_WEBHOOK to a URL to hear of failed
    and crashed runs and of changes among the ten best.
    """


@app.command()
def run(
    screens: Annotated[list[str], typer.Argument(help="Shipped screens or .toml files.")],
    results: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("results"),
    source: Annotated[
        list[str] | None, typer.Option(help="Rank these sources instead of the screens' own.")
    ] = None,
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
    from matscreen.commands.progress import stages_bars
    from matscreen.config import load_screen
    from matscreen.console import screen_summary, terminal

    for name in screens:
        load_screen(name)  # a mistake is reported before anything starts
    console = terminal()
    console.print("Starting Prefect (offline, embedded) ...", style="dim")
    from flows.progress import showing
    from flows.screen import screen

    for name in screens:
        with stages_bars(quiet=False) as progress, showing(progress):
            ended: Any = screen(name, str(store), str(results), source, force=not only_if_new)
        if ended.finished is None:
            console.print(f"{ended.message}: {ended.folder / 'report.html'}")
        else:
            console.print(screen_summary(ended.finished.result, folder=ended.folder))


@app.command()
def serve(
    only: Annotated[
        list[str] | None, typer.Argument(help="Deployments to serve; all of the file by default.")
    ] = None,
    every: Annotated[
        str | None, typer.Option(help="Interval instead of the schedules: 30min, 6h, 1d.")
    ] = None,
    screens: Annotated[
        list[str] | None, typer.Option("--screen", help="Screens instead of those of the file.")
    ] = None,
    store: Annotated[str | None, typer.Option(help="Store instead of that of the file.")] = None,
    results: Annotated[str | None, typer.Option(help="Folder of the results instead.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="Runs at the same time.")] = 1,
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
    from matscreen.config import load_screen
    from matscreen.console import terminal

    console = terminal()
    for name in screens or ():
        load_screen(name)
    listed = deployments.read(file or deployments.FILE)
    names = [each["name"] for each in listed]
    if unknown := sorted(set(only or ()) - set(names)):
        raise InputError(f"no deployment {', '.join(unknown)}; there are {', '.join(names)}")
    chosen = [each for each in listed if not only or each["name"] in only]
    interval = deployments.interval(every) if every is not None else None
    parameters = {"screens": screens, "store": store, "results": results}
    serving.serve(
        lambda: [
            deployments.served(each, parameters=parameters, every=interval) for each in chosen
        ],
        say=lambda text: console.print(text, style="dim"),
        limit=limit,
    )


@app.command()
def deploy(file: FileOption = None) -> None:
    """Hand the schedules to a Prefect server; workers of your own run them.

    Makes the rules that end dead runs, the work pools, and every deployment of flows/prefect.yaml.
    Then start a worker for each pool, from this folder, on any machine that shares the store.

    Examples:
      PREFECT_API_URL=http://server:4200/api python -m flows deploy
      PREFECT_API_URL=http://server:4200/api prefect worker start --pool matscreen
    """
    from flows import deploying
    from matscreen.console import terminal

    console = terminal()
    deploying.deploy(file, say=lambda text: console.print(text, style="dim"))


@app.command()
def status() -> None:
    """Show the last and next runs of every deployment, their states and durations."""
    from flows import server
    from flows.status import status_table, statuses
    from matscreen.console import terminal

    console = terminal()
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
    if not found:
        console.print(
            "Nothing is deployed yet: `python -m flows serve` or `python -m flows deploy`."
        )
        return
    console.print(status_table(found))


def main() -> None:
    """Run the command line; a user's mistake is one line and exit code 2."""
    warnings.simplefilter("ignore")
    try:
        app()
    except InputError as error:
        typer.secho(f"flows: {error}", fg="red", err=True)
        sys.exit(2)
    except MatscreenError as error:
        typer.secho(f"flows: {error}", fg="red", err=True)
        sys.exit(1)


if __name__ == "__main__":
    main()
