"""The command line: `matscreen pull | describe | simulate | train | screen | rank | ...`."""

from __future__ import annotations

from typing import Annotated

import typer

from matscreen.commands.application import (
    Application,
    DebugOption,
    QuietOption,
    VerboseOption,
    unwrapped,
)
from matscreen.commands.calibrate import calibrate
from matscreen.commands.datasets import datasets
from matscreen.commands.describe import describe
from matscreen.commands.doctor import doctor
from matscreen.commands.edge import app as edge
from matscreen.commands.explain import explain
from matscreen.commands.explain_model import explain_model
from matscreen.commands.export import app as export
from matscreen.commands.failing import EXIT_CODES
from matscreen.commands.impact import impact
from matscreen.commands.ledger import ledger
from matscreen.commands.output import speaking
from matscreen.commands.power import app as power
from matscreen.commands.pull import pull
from matscreen.commands.rank import rank
from matscreen.commands.screen import screen
from matscreen.commands.simulate import simulate
from matscreen.commands.store import app as store
from matscreen.commands.train import train
from matscreen.commands.validate import app as validate

_HELP = f"""Rank perovskites and oxides by the energy they need to switch.

Examples:
  matscreen screen synapse -o results/synapse
  matscreen explain KNbO3 --mechanism ferroelectric
  matscreen COMMAND --help

Results go to stdout, progress and errors to stderr. Colours stay off in pipes and where NO_COLOR
is set. MATSCREEN_STORE, MATSCREEN_MIRROR and MATSCREEN_DEBUG stand for their options.

{EXIT_CODES}
"""

app = Application(_HELP)

_RANK = "From candidates to a ranking"
_UNDERSTAND = "Understand and check it"
_HAND_ON = "Hand it on"
_KEEP = "Keep house"

app.verb(
    rich_help_panel=_RANK,
    keeps="Pages that have arrived are stored; the same command goes on after them.",
)(pull)
app.verb(
    rich_help_panel=_RANK,
    keeps="Chunks that were finished are stored; the same command goes on after them.",
)(describe)
app.verb(
    rich_help_panel=_RANK,
    keeps="Every finished simulation is stored; the same command goes on after them.",
)(simulate)
app.verb(
    rich_help_panel=_RANK, keeps="Finished models are kept; the same command trains the others."
)(train)
app.verb(
    rich_help_panel=_RANK,
    keeps="Candidates, descriptors and models that were finished are stored; the same command goes "
    "on from them. No result file is half-written.",
)(screen)
app.verb(rich_help_panel=_RANK)(rank)
app.verb(
    rich_help_panel=_UNDERSTAND,
    keeps="Descriptors and models that were finished are stored; the same command goes on.",
)(explain)
app.verb("explain-model", rich_help_panel=_UNDERSTAND)(explain_model)
app.verb(rich_help_panel=_UNDERSTAND)(impact)
app.verb(rich_help_panel=_UNDERSTAND)(calibrate)
app.add_typer(validate, name="validate", rich_help_panel=_UNDERSTAND)
app.add_typer(export, name="export", rich_help_panel=_HAND_ON)
app.add_typer(edge, name="edge", rich_help_panel=_HAND_ON)
app.verb(rich_help_panel=_KEEP)(datasets)
app.verb(rich_help_panel=_KEEP)(doctor)
app.add_typer(store, name="store", rich_help_panel=_KEEP)
app.verb(rich_help_panel=_KEEP)(ledger)
app.add_typer(power, name="power", rich_help_panel=_KEEP)


def _version(asked: bool) -> None:
    if asked:
        from importlib.metadata import version

        typer.echo(f"matscreen {version('matscreen')}")
        raise typer.Exit


@app.callback(help=unwrapped(_HELP))
def _main(
    context: typer.Context,
    version: Annotated[
        bool,
        typer.Option("--version", help="Print the version.", is_eager=True, callback=_version),
    ] = False,
    quiet: QuietOption = False,
    verbose: VerboseOption = False,
    debug: DebugOption = False,
) -> None:
    assert not version  # its callback has ended the program
    context.with_resource(speaking(quiet=quiet, verbose=verbose, debug=debug))


def main() -> None:
    """Run the command line; see its help for the exit codes."""
    app()


if __name__ == "__main__":
    main()
