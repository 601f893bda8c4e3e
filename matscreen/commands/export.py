"""`matscreen export`: hand candidates on to other programs."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated, Literal

import typer

app = typer.Typer(help="Hand candidates on to other programs.", no_args_is_help=True)


@app.callback()
def main() -> None:
    """Hand candidates on to other programs."""


@app.command()
def dft(
    candidates: Annotated[list[str], typer.Argument(help="Formulas or structure ids.")],
    output: Annotated[Path, typer.Option("--output", "-o", help="Folder.", metavar="DIR")],
    code: Annotated[
        Literal["vasp", "espresso", "gpaw"], typer.Option(help="Program to write for.")
    ] = "vasp",
    task: Annotated[
        Literal["relax", "double_well", "oxygen_vacancy"], typer.Option(help="What to compute.")
    ] = "relax",
    store: Annotated[
        Path, typer.Option(envvar="MATSCREEN_STORE", help="Folder of the tables.", metavar="DIR")
    ] = Path(".matscreen/store"),
) -> None:
    """Write ready inputs of density functional theory for chosen candidates.

    Example:
      matscreen export dft KNbO3 --code gpaw --task double_well -o dft
    """
    from matscreen.errors import InputError
    from matscreen.simulations.dft_inputs import write_dft_inputs
    from matscreen.stages import load_bundle
    from matscreen.store import Store
    from matscreen.structures import CrystalBatch

    opened = Store(str(store) if "://" in str(store) else store)
    load_bundle(opened)
    table = opened.read("candidates")
    relaxed = set(
        opened.read("provenance").to_pandas().query("source == 'relaxation'").structure_id
    )
    batch = CrystalBatch.from_arrow(table)
    chosen = {
        f"{crystal.formula}-{name}": crystal
        for name, crystal in zip(batch.ids, batch, strict=True)
        if name in candidates or (crystal.formula in candidates and name in relaxed)
    }
    if not chosen:
        raise InputError(
            f"no candidate {', '.join(candidates)} in {store}; give formulas or structure ids of "
            "candidates.csv"
        )
    rows = write_dft_inputs(chosen, output, code=code, task=task)
    for row in rows.to_dict("records"):
        typer.echo(row["path"] or f"{row['name']}: {row['reason']}")
