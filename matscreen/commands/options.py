"""Options and arguments that several commands take: one name and one meaning for each."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Any, Final

import typer

from matscreen.commands import completion

DEFAULT_STORE: Final = Path(".matscreen/store")

StoreOption = Annotated[
    Path,
    typer.Option(
        "--store", envvar="MATSCREEN_STORE", help="Folder or URL of the store.", metavar="DIR"
    ),
]
ScreenArgument = Annotated[
    str,
    typer.Argument(
        help="A shipped screen, or the path of a .toml file.",
        metavar="SCREEN",
        autocompletion=completion.screens,
    ),
]
SourceOption = Annotated[
    list[str] | None,
    typer.Option(
        "--source",
        help="Sources instead of the screen's own; may be repeated: store, bundle, known, "
        "prototypes, files:PATH.",
        metavar="SOURCE",
        autocompletion=completion.ranked_sources,
    ),
]
MirrorOption = Annotated[
    Path | None,
    typer.Option(
        "--mirror",
        envvar="MATSCREEN_MIRROR",
        help="Folder with published data sets, read before the network.",
        metavar="DIR",
    ),
]
DaskOption = Annotated[
    str | None,
    typer.Option(
        "--dask", help="Scheduler of a Dask cluster, tcp://host:8786, or local.", metavar="URL"
    ),
]
WorkersOption = Annotated[
    int | None,
    typer.Option(
        "--workers", help="Processes on this machine; one a core by default.", min=1, metavar="N"
    ),
]
CalculatorOption = Annotated[
    str,
    typer.Option(
        "--calculator",
        help="Potential: 7net-0, chgnet, mace...",
        metavar="NAME",
        autocompletion=completion.calculators,
    ),
]
SeedOption = Annotated[int, typer.Option("--seed", help="Seed of every draw.", metavar="N")]
MechanismOption = Annotated[
    list[str] | None,
    typer.Option(
        "--mechanism",
        help="Mechanism instead of the screen's own; may be repeated.",
        metavar="NAME",
        autocompletion=completion.mechanisms,
    ),
]


def output_option(text: str, metavar: str = "DIR") -> Any:
    """Return the option `-o/--output`: what a command writes, a file or a folder.

    Args:
        text: What is written.
        metavar: Kind of place: `DIR`, `CSV`, `HTML`...
    """
    return typer.Option("--output", "-o", help=text, metavar=metavar)


def set_option(text: str) -> Any:
    """Return the option `--set`: a descriptor set."""
    return typer.Option(
        "--set", help=text, metavar="NAME", autocompletion=completion.descriptor_sets
    )
