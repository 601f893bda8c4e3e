"""`matscreen screen`: a whole screen in this process."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from matscreen.commands.opening import open_store
from matscreen.commands.options import (
    DEFAULT_STORE,
    DaskOption,
    ScreenArgument,
    SourceOption,
    StoreOption,
    WorkersOption,
    output_option,
)

if TYPE_CHECKING:
    from matscreen.report.result import ScreenResult


def screen(
    name: ScreenArgument,
    output: Annotated[
        Path | None, output_option("Folder of the results; results/NAME by default.")
    ] = None,
    source: SourceOption = None,
    store: StoreOption = DEFAULT_STORE,
    dask: DaskOption = None,
    workers: WorkersOption = None,
    show_file: Annotated[
        bool,
        typer.Option("--show-file", help="Only print the screen's file: a start for your own."),
    ] = False,
) -> None:
    """Run a whole screen in this process: candidates in, ranking, files and report out.

    The first run on a new store trains the surrogates, which takes a minute or two; later ones
    compute what is new only. Solid solutions are enumerated by --source compositions:COUNT, alone.

    Examples:
      matscreen screen synapse
      matscreen screen logic --source files:my_cifs -o results/logic
      matscreen screen synapse --source compositions:100000 -o results/solutions
      matscreen screen mine.toml --json > best.json
      matscreen screen synapse --show-file > mine.toml
    """
    from matscreen.commands.output import next_steps, show
    from matscreen.commands.progress import stages_bars
    from matscreen.commands.ranked_steps import screen_steps
    from matscreen.config import load_screen, screen_path
    from matscreen.console import screen_summary
    from matscreen.screening import run_screen

    asked = load_screen(name)
    if show_file:
        typer.echo(screen_path(name).read_text(encoding="utf-8"), nl=False)
        return
    asked = asked.model_copy(
        update={"dask": dask or asked.dask, "workers": workers or asked.workers}
    )
    folder = output or Path("results") / asked.name
    with stages_bars() as progress:
        finished = run_screen(asked, open_store(store), folder, sources=source, progress=progress)
    result = finished.result
    show(lambda: screen_data(result, folder), lambda: screen_summary(result, folder=folder))
    next_steps(*screen_steps(name, result.ranking, folder=folder, store=store))


def screen_data(result: ScreenResult, folder: Path) -> dict[str, Any]:
    """Return what a finished screen found, for programs.

    Args:
        result: The finished screen.
        folder: Where its files are.

    Returns:
        Name and counts of the screen, its files, `candidates` with a row for each of the best
        twenty pairs of material and mechanism, and the number of failures by reason. The whole
        ranking is in the files.
    """
    failures = result.failures
    counts = {} if failures.empty else failures["reason"].value_counts().to_dict()
    return {
        "screen": result.screen.name,
        "application": result.screen.application,
        "counts": result.counts,
        "candidates": result.ranking.head(20),
        "failures": counts,
        "folder": folder,
        "files": {
            "report": folder / "report.html",
            **{label: folder / path for label, path in result.files.items()},
        },
    }
