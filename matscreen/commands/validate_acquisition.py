"""`matscreen validate acquisition`: how many simulations the choice saves."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from matscreen.commands.options import MirrorOption, output_option

if TYPE_CHECKING:
    import pandas as pd
    from rich.table import Table


def acquisition(
    mirror: MirrorOption = None,
    bundle: Annotated[
        Path | None,
        typer.Option(help="Folder of simulated labels instead of the shipped one.", metavar="DIR"),
    ] = None,
    seeds: Annotated[int, typer.Option(min=2, help="Repetitions.", metavar="N")] = 10,
    output: Annotated[Path, output_option("Folder of table and figure.")] = Path(
        ".matscreen/validation"
    ),
) -> None:
    """Replay the choice of simulations on known data, against random choice.

    Counts the simulations until half of the best 5 % are found, on the wells and vacancies of
    the bundle and, with a mirror, on published vacancy energies.

    Examples:
      matscreen validate acquisition
      matscreen validate acquisition --mirror ~/datasets --seeds 20 --json
    """
    from matscreen.commands.output import show
    from matscreen.commands.progress import bar
    from matscreen.validation.acquisition import (
        bundle_vacancies,
        bundle_wells,
        published_perovskites,
        published_vacancies,
        replay_table,
        summary,
    )
    from matscreen.validation.figures import replay_figure

    replays = [bundle_vacancies(bundle), bundle_wells(bundle)]
    if mirror is not None:
        replays += [published_vacancies(mirror), published_perovskites(mirror)]
    with bar("replay") as progress:
        table = replay_table(replays, seeds=seeds, progress=progress)
    result = summary(table)
    output.mkdir(parents=True, exist_ok=True)
    table.to_csv(output / "acquisition.csv", index=False)
    figure = replay_figure(table, output / "acquisition.html")
    show(
        lambda: {"seeds": seeds, "pools": result, "figure": figure},
        lambda: _shown(result, seeds),
        lambda: f"figure: {figure}",
    )


def _shown(result: pd.DataFrame, seeds: int) -> Table:
    from rich.table import Table

    shown = Table(
        title=f"Simulations until half of the best 5 % are found, mean of {seeds} seeds",
        title_justify="left",
        box=None,
        pad_edge=False,
        padding=(0, 2, 0, 0),
        header_style="dim",
    )
    for name in ("pool", "n", "random", "acquisition", "ratio"):
        shown.add_column(name, justify="left" if name == "pool" else "right")
    for row in result.to_dict("records"):
        shown.add_row(
            row["pool"],
            str(row["n"]),
            f"{row['random']:.0f} ± {row['random_std']:.0f}",
            f"{row['acquisition']:.0f} ± {row['acquisition_std']:.0f}",
            f"{row['ratio']:.2f}",
        )
    return shown
