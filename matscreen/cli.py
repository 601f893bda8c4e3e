"""The command line: `matscreen pull | describe | simulate | train | screen | validate | ...`."""

from __future__ import annotations

import os
import sys
import warnings
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from matscreen.commands.calibrate import calibrate
from matscreen.commands.datasets import datasets
from matscreen.commands.doctor import doctor
from matscreen.commands.edge import app as edge
from matscreen.commands.explain import explain
from matscreen.commands.explain_model import explain_model
from matscreen.commands.export import app as export
from matscreen.commands.impact import impact
from matscreen.commands.ledger import ledger
from matscreen.commands.options import DEFAULT_STORE, QuietOption, StoreOption
from matscreen.commands.power import app as power
from matscreen.commands.progress import stages_bars
from matscreen.commands.pull import pull
from matscreen.commands.rank import rank
from matscreen.commands.simulate import simulate
from matscreen.commands.store import app as store_app
from matscreen.commands.train import train
from matscreen.commands.validate import app as validate
from matscreen.errors import InputError, MatscreenError

if TYPE_CHECKING:
    from matscreen.store import Store

app = typer.Typer(
    help="Rank perovskites and oxides by the energy they need to switch.\n\n"
    "Start with: matscreen screen synapse -o results/synapse",
    no_args_is_help=True,
    add_completion=True,
    pretty_exceptions_enable=False,
    rich_markup_mode="rich",
)

app.add_typer(validate, name="validate")
app.add_typer(export, name="export")
app.add_typer(edge, name="edge")
app.add_typer(store_app, name="store")
app.add_typer(power, name="power")
app.command()(pull)
app.command()(rank)
app.command()(datasets)
app.command()(doctor)
app.command()(simulate)
app.command()(train)
app.command()(explain)
app.command()(explain_model)
app.command()(calibrate)
app.command()(impact)
app.command()(ledger)


@app.command()
def describe(
    descriptor_set: Annotated[str, typer.Option("--set", help="Descriptor set.")] = "standard",
    store: StoreOption = DEFAULT_STORE,
    quiet: QuietOption = False,
) -> None:
    """Compute the missing or outdated descriptors of every stored candidate."""
    from matscreen import stages
    from matscreen.power import recorded

    opened = _store(store)
    with stages_bars(quiet=quiet) as progress, recorded(opened, "describe") as spent:
        count = spent.items = stages.describe(opened, descriptor_set, progress=progress)
    if not quiet:
        typer.echo(f"{count} structures described with the set {descriptor_set!r}")


@app.command()
def screen(
    name: Annotated[str, typer.Argument(help="A shipped screen, or the path of a .toml file.")],
    output: Annotated[
        Path | None, typer.Option("--output", "-o", help="Folder of the results.", metavar="DIR")
    ] = None,
    source: Annotated[
        list[str] | None,
        typer.Option(
            help="Rank these sources instead: files:PATH, store, bundle, prototypes; or, alone, "
            "compositions:COUNT."
        ),
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    dask: Annotated[
        str | None,
        typer.Option(help="Scheduler of a Dask cluster, tcp://host:8786, or local.", metavar="URL"),
    ] = None,
    workers: Annotated[
        int | None, typer.Option(help="Processes on this machine; one a core by default.", min=1)
    ] = None,
    quiet: QuietOption = False,
) -> None:
    """Run a whole screen in this process: candidates in, ranking, files and report out.

    Examples:
      matscreen screen synapse -o results/synapse
      matscreen screen logic --source files:my_cifs -o results/logic
      matscreen screen synapse --source compositions:100000 -o results/solutions
    """
    from matscreen.config import load_screen
    from matscreen.screening import run_screen

    asked = load_screen(name)
    asked = asked.model_copy(
        update={"dask": dask or asked.dask, "workers": workers or asked.workers}
    )
    folder = output or Path("results") / asked.name
    with stages_bars(quiet=quiet) as progress:
        finished = run_screen(asked, _store(store), folder, sources=source, progress=progress)
    if not quiet:
        from matscreen.console import screen_summary, terminal

        terminal().print(screen_summary(finished.result, folder=folder))


def main() -> None:
    """Run the command line; a user's mistake is one line and exit code 2, never a traceback."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    # Other libraries' warnings about a user's files become failure rows, not noise.
    warnings.simplefilter("ignore")
    try:
        app()
    except InputError as error:
        typer.secho(f"matscreen: {error}", fg="red", err=True)
        sys.exit(2)
    except MatscreenError as error:
        typer.secho(f"matscreen: {error}", fg="red", err=True)
        sys.exit(1)


def _store(path: Path) -> Store:
    from matscreen.store import Store

    return Store(path)


if __name__ == "__main__":
    main()
