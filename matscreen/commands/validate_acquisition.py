"""`matscreen validate acquisition`: how many simulations the choice saves."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Annotated

import typer


def acquisition(
    mirror: Annotated[
        Path | None,
        typer.Option(envvar="MATSCREEN_MIRROR", help="Folder of published data sets."),
    ] = None,
    bundle: Annotated[
        Path | None, typer.Option(help="Folder of simulated labels instead of the shipped one.")
    ] = None,
    seeds: Annotated[int, typer.Option(min=2, help="Repetitions.")] = 10,
    out: Annotated[Path, typer.Option(help="Folder of table and figure.")] = Path(
        ".matscreen/validation"
    ),
    json_file: Annotated[
        Path | None, typer.Option("--json", help="Write the numbers here as well.")
    ] = None,
) -> None:
    """Replay the choice of simulations on known data, against random choice.

    Counts the simulations until half of the best 5 % are found, on the wells and vacancies of
    the bundle and, with a mirror, on published vacancy energies.
    """
    from rich.table import Table

    from matscreen.commands.progress import bar
    from matscreen.console import terminal
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
    out.mkdir(parents=True, exist_ok=True)
    table.to_csv(out / "acquisition.csv", index=False)
    shown = Table(
        title=f"Simulations until half of the best 5 % are found, mean of {seeds} seeds",
        title_justify="left",
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
    terminal().print(shown)
    terminal().print(f"figure: {replay_figure(table, out / 'acquisition.html')}")
    if json_file is not None:
        json_file.parent.mkdir(parents=True, exist_ok=True)
        json_file.write_text(json.dumps(result.to_dict("records"), indent=2) + "\n")
