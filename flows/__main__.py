"""`python -m flows run SCREEN [SCREEN ...]`: screening flows with an embedded server."""

from __future__ import annotations

import sys
import warnings
from pathlib import Path
from typing import Annotated

import typer

from matscreen.cli import StoreOption
from matscreen.commands.progress import stages_bars
from matscreen.errors import InputError, MatscreenError

app = typer.Typer(
    help="Run matscreen's Prefect flows.", no_args_is_help=True, pretty_exceptions_enable=False
)


@app.callback()
def _flows() -> None:
    """Run matscreen's Prefect flows."""


@app.command()
def run(
    screens: Annotated[list[str], typer.Argument(help="Shipped screens or .toml files.")],
    results: Annotated[Path, typer.Option(help="Folder of the results.")] = Path("results"),
    source: Annotated[
        list[str] | None, typer.Option(help="Rank these sources instead of the screens' own.")
    ] = None,
    store: StoreOption = Path(".matscreen/store"),
) -> None:
    """Run screens through the flow and print their best candidates."""
    from matscreen.config import load_screen
    from matscreen.console import screen_summary, terminal

    for name in screens:
        load_screen(name)  # a mistake is reported before anything starts
    console = terminal()
    console.print("Starting Prefect (offline, embedded) ...", style="dim")
    from flows.screen import screen

    for name in screens:
        with stages_bars(quiet=False) as progress:
            finished = screen(name, str(store), str(results), source, progress)
        console.print(screen_summary(finished.result, folder=finished.folder))


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
