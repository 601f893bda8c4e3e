"""`matscreen export`: hand candidates on to other programs."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Literal

import typer

from matscreen.commands.options import DEFAULT_STORE, StoreOption

if TYPE_CHECKING:
    from matscreen.store import Store
    from matscreen.structures import Crystal

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
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Write ready inputs of density functional theory for chosen candidates.

    Example:
      matscreen export dft KNbO3 --code gpaw --task double_well -o dft
    """
    from matscreen.errors import InputError
    from matscreen.simulations.dft_inputs import write_dft_inputs
    from matscreen.stages import load_bundle
    from matscreen.store import Store

    opened = Store(store)
    load_bundle(opened)
    chosen: dict[str, Crystal] = {}
    for asked in candidates:
        found = _crystals(opened, asked)
        if not found:
            raise InputError(
                f"no candidate {asked!r} with a structure in {store}; give a formula or a "
                "structure id of candidates.csv"
            )
        chosen.update(found)
    rows = write_dft_inputs(chosen, output, code=code, task=task)
    for row in rows.to_dict("records"):
        written = isinstance(row["path"], str)
        typer.echo(row["path"] if written else f"{row['name']}: {row['reason']}")
    if rows["path"].isna().all():
        raise InputError(f"no {task} input could be written for {', '.join(candidates)}")


def _crystals(store: Store, asked: str) -> dict[str, Crystal]:
    """Crystals of one structure id, or all relaxed ones (else all) of one formula, by name."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from matscreen.structures import CrystalBatch, reduced_formula

    table = store.read("candidates")
    table = table.filter(pc.is_valid(table["lattice"]))
    chosen = table.filter(pc.equal(table["structure_id"], asked))
    if not chosen.num_rows:
        try:
            formula = reduced_formula(asked)
        except ValueError:  # neither an id nor a formula
            return {}
        chosen = table.filter(pc.equal(table["formula"], formula))
        labels = store.read("labels", ["structure_id", "property"])
        energies = labels.filter(pc.equal(labels["property"], "energy_per_atom"))["structure_id"]
        relaxed = chosen.filter(
            pc.is_in(chosen["structure_id"], value_set=pc.unique(energies).cast(pa.string()))
        )
        chosen = relaxed if relaxed.num_rows else chosen
    batch = CrystalBatch.from_arrow(chosen)
    return {
        f"{crystal.formula}-{name}": crystal for name, crystal in zip(batch.ids, batch, strict=True)
    }
