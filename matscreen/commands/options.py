"""Options that several commands take."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Final

import typer

DEFAULT_STORE: Final = Path(".matscreen/store")

StoreOption = Annotated[
    Path,
    typer.Option(
        "--store", envvar="MATSCREEN_STORE", help="Folder or URL of the store.", metavar="DIR"
    ),
]
QuietOption = Annotated[bool, typer.Option("--quiet", "-q", help="Print errors only.")]
