"""`matscreen export`: hand candidates on to other programs."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, Final, Literal

import typer

from matscreen.commands import completion
from matscreen.commands.application import Application
from matscreen.commands.opening import open_store
from matscreen.commands.options import DEFAULT_STORE, StoreOption, output_option
from matscreen.commands.output import new_table, note, show

if TYPE_CHECKING:
    from rich.table import Table

    from matscreen.exports import Column
    from matscreen.store import Store
    from matscreen.structures import Crystal

app = Application("Hand candidates on to other programs: tables, crystals, inputs of DFT.")

TABLES: Final = {
    "csv": "Write the ranking as CSV, six significant digits",
    "parquet": "Write the ranking as Parquet, units in the field metadata (key unit)",
    "json": "Write the ranking as JSON with a schema: unit and meaning of each column",
    "xlsx": "Write the ranking as an Excel workbook; a second sheet documents the columns",
    "citation": "Write what to cite as BibTeX: software, sources with licences, methods",
}
"""Formats of rows, with what they are."""
CRYSTALS: Final = {
    "cif": "Write the best candidates as CIF files, their ranking in data items",
    "poscar": "Write the best candidates as POSCAR files",
    "extxyz": "Write the best candidates as one extended XYZ file, their ranking as info",
    "ase": "Write the best candidates as an ASE database",
    "optimade": "Write the best candidates as OPTIMADE JSON Lines, ready to be served",
    "pymatgen": "Write the best candidates as pymatgen structures in one JSON file",
}
"""Formats of crystals, with what they are."""
INPUTS: Final = {
    "vasp": "Write VASP inputs for the best candidates (sets of the Materials Project)",
    "espresso": "Write Quantum ESPRESSO inputs for the best candidates",
    "gpaw": "Write GPAW inputs for the best candidates",
}
"""Formats of input folders, with what they are."""

ResultsArgument = Annotated[
    Path, typer.Argument(help="Folder of a finished screen.", metavar="RESULTS")
]
OutputOption = Annotated[
    Path | None, output_option("Folder of the files; RESULTS/exports by default.")
]
TopOption = Annotated[
    int | None,
    typer.Option(
        "--top",
        help="How many materials, best first; by default every row of a table, and as many "
        "crystals as the screen exports.",
        min=1,
        metavar="K",
    ),
]
MechanismOption = Annotated[
    str | None,
    typer.Option(
        "--mechanism",
        help="Only this mechanism.",
        metavar="NAME",
        autocompletion=completion.mechanisms,
    ),
]
InfeasibleOption = Annotated[
    bool, typer.Option("--infeasible", help="Take infeasible candidates too, after the others.")
]
ForceOption = Annotated[bool, typer.Option("--force", help="Replace what is there already.")]
Task = Literal["relax", "double_well", "oxygen_vacancy"]
TaskOption = Annotated[Task, typer.Option("--task", help="What to compute.")]


def _add_format(name: str, what: str) -> None:
    """Add the command of a format."""

    def command(
        results: ResultsArgument,
        output: OutputOption = None,
        top: TopOption = None,
        mechanism: MechanismOption = None,
        infeasible: InfeasibleOption = False,
        force: ForceOption = False,
        store: StoreOption = DEFAULT_STORE,
    ) -> None:
        _export(results, [name], output, store, top, mechanism, infeasible, force)

    _add(command, name, what)


def _add_inputs(name: str, what: str) -> None:
    """Add the command of a format of input folders."""

    def command(
        results: ResultsArgument,
        output: OutputOption = None,
        top: TopOption = None,
        task: TaskOption = "relax",
        mechanism: MechanismOption = None,
        infeasible: InfeasibleOption = False,
        force: ForceOption = False,
        store: StoreOption = DEFAULT_STORE,
    ) -> None:
        _export(results, [name], output, store, top, mechanism, infeasible, force, task)

    _add(command, name, what)


def _add(command: Callable[..., None], name: str, what: str) -> None:
    examples = [f"  matscreen export {name} results/synapse"]
    if name in INPUTS:
        examples.append(f"  matscreen export {name} results/synapse --top 3 --task double_well")
    elif name in CRYSTALS:
        examples.append(f"  matscreen export {name} results/synapse --top 1")
    else:
        examples.append(f"  matscreen export {name} results/synapse --mechanism ferroelectric")
    command.__doc__ = f"{what}.\n\n    Examples:\n    " + "\n    ".join(examples) + "\n    "
    app.verb(name)(command)


for _formats, _adder in (
    (TABLES, _add_format),
    (CRYSTALS, _add_format),
    (INPUTS, _add_inputs),
):
    for _name, _what in _formats.items():
        _adder(_name, _what)


@app.verb()
def ranking(
    results: ResultsArgument,
    formats: Annotated[
        str,
        typer.Option(
            "--format",
            help=f"Formats, joined by commas: {', '.join((*TABLES, *CRYSTALS, *INPUTS))}.",
            metavar="FORMAT,...",
        ),
    ],
    output: OutputOption = None,
    top: TopOption = None,
    task: TaskOption = "relax",
    mechanism: MechanismOption = None,
    infeasible: InfeasibleOption = False,
    force: ForceOption = False,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Write a ranking in several formats at once, all of them or nothing.

    Examples:
      matscreen export ranking results/synapse --format xlsx,optimade,extxyz -o handover
      matscreen export ranking results/synapse --format poscar,citation --top 5
    """
    names = [name.strip() for name in formats.split(",") if name.strip()]
    _export(results, names, output, store, top, mechanism, infeasible, force, task)


@app.verb()
def columns(results: ResultsArgument) -> None:
    """Say what each column of a ranking holds, and in which unit.

    Examples:
      matscreen export columns results/synapse
      matscreen export columns results/synapse --json
    """
    from matscreen.exports.columns import table_columns
    from matscreen.finished_screens import read_finished

    described = table_columns(read_finished(results).ranking)
    show(lambda: described, lambda: _columns_table(described))


@app.verb()
def dft(
    candidates: Annotated[
        list[str], typer.Argument(help="Formulas or structure ids.", metavar="CANDIDATE...")
    ],
    output: Annotated[Path, output_option("Folder of the inputs.")],
    code: Annotated[
        Literal["vasp", "espresso", "gpaw"], typer.Option(help="Program to write for.")
    ] = "vasp",
    task: TaskOption = "relax",
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Write ready inputs of density functional theory for candidates that you name.

    Examples:
      matscreen export dft KNbO3 --code gpaw --task double_well -o dft
      matscreen export vasp results/synapse --top 3      # for the best of a screen
    """
    from matscreen.errors import InputError
    from matscreen.exporting import put_in_place, staging
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
    with staging(output) as folder:
        made = folder / "inputs"
        rows = write_dft_inputs(chosen, made, code=code, task=task)
        if rows["path"].isna().all():
            told = "; ".join(f"{row['name']}: {row['reason']}" for row in rows.to_dict("records"))
            raise InputError(f"no {task} input could be written: {told}")
        put_in_place(made, output)
        paths = [output / Path(path).relative_to(made) for path in rows["path"].dropna()]
    left_out = rows[rows["path"].isna()].to_dict("records")
    _tell(paths, [f"{row['name']}: {row['reason']}" for row in left_out])


def _export(
    results: Path,
    formats: Sequence[str],
    output: Path | None,
    store: Path,
    top: int | None,
    mechanism: str | None,
    infeasible: bool,
    force: bool,
    task: Task = "relax",
) -> None:
    from matscreen.exporting import default_targets, export_screen
    from matscreen.finished_screens import read_finished

    targets = default_targets(formats, output or results / "exports")
    finished = read_finished(results)
    opened: Store | None = None
    if set(formats) - set(TABLES):
        opened = open_store(store, must_exist=True)
    elif "citation" in formats and ("://" in str(store) or store.is_dir()):
        opened = open_store(store)
    exported = export_screen(
        finished,
        targets,
        store=opened,
        top=top,
        mechanism=mechanism,
        infeasible=infeasible,
        task=task,
        force=force,
    )
    _tell(exported.paths, exported.notes)


def _tell(paths: Sequence[Path], notes: Sequence[str]) -> None:
    """Show the paths, one a line however long, and what was left out."""
    from rich.text import Text

    listed = Text("\n".join(map(str, paths)), no_wrap=True, overflow="ignore")
    show(lambda: _document(paths, notes), lambda: listed)
    for each in notes:
        note(each)


def _columns_table(described: Sequence[Column]) -> Table:

    table = new_table()
    for title in ("column", "unit", "meaning"):
        table.add_column(title, no_wrap=title != "meaning")
    for column in described:
        table.add_row(column.name, column.unit, column.meaning)
    return table


def _document(paths: Sequence[Path], notes: Sequence[str]) -> dict[str, Any]:
    return {"paths": list(paths), "left_out": list(notes)}


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
