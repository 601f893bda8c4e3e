"""`matscreen explain`: the whole chain from a candidate's properties to its joules."""

from __future__ import annotations

import math
from collections.abc import Iterator
from typing import TYPE_CHECKING, Annotated

import typer

from matscreen.commands import completion
from matscreen.commands.options import DEFAULT_STORE, MechanismOption, StoreOption

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import RenderableType
    from rich.table import Table

    from matscreen.config import Screen
    from matscreen.explain import Explanation


def explain(
    candidate: Annotated[
        str,
        typer.Argument(
            help="A formula, a structure id, or a structure file (CIF, POSCAR...).",
            metavar="CANDIDATE",
        ),
    ],
    screen: Annotated[
        str,
        typer.Option(
            help="Screen whose device and mechanisms count.",
            metavar="SCREEN",
            autocompletion=completion.screens,
        ),
    ] = "synapse",
    mechanism: MechanismOption = None,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Show what a candidate's energy is made of, what is uncertain in it, and what to do next.

    Of several phases of a formula, each mechanism shows the one that it ranks best. The first call
    on a new store trains the surrogates, which takes a minute or two.

    Examples:
      matscreen explain KNbO3
      matscreen explain my_oxide.cif --screen logic --mechanism ferroelectric
    """
    from rich.console import Group

    from matscreen.commands.asked_candidate import check_candidate
    from matscreen.commands.opening import open_store, store_words
    from matscreen.commands.output import next_steps, show
    from matscreen.commands.progress import stages_bars
    from matscreen.config import load_screen
    from matscreen.explanation import explain_candidate
    from matscreen.screening import check_names

    asked = load_screen(screen)
    if mechanism:
        asked = asked.model_copy(update={"mechanisms": tuple(mechanism)})
    check_names(asked)  # a mistake is told before anything is trained
    check_candidate(candidate)
    with stages_bars() as progress:
        found = explain_candidate(open_store(store), asked, candidate, progress=progress)
    show(
        lambda: [vars(each) for each in found],
        lambda: Group(*(part for each in found for part in _parts(each, asked))),
    )
    where = store_words(store)
    next_steps(
        (f"matscreen screen {screen}{where}", "where it stands among the others"),
        (f"matscreen simulate {screen} --budget 1h{where}", "labels for the best candidates"),
    )


def _parts(found: Explanation, screen: Screen) -> Iterator[RenderableType]:
    from rich.rule import Rule
    from rich.text import Text

    from matscreen.report.formatting import format_energy, format_interval, formula_text

    row = found.ranking
    group = "" if _missing(row["spacegroup"]) else f", space group {int(row['spacegroup'])}"
    about = f" {found.mechanism.replace('_', ' ')}, {screen.name}"
    title = Text.assemble((formula_text(found.formula), "bold"), about)
    yield Rule(title, align="left")
    yield Text(f"structure {found.structure_id}{group}", style="dim")
    yield Text.assemble(
        ("feasible", "green") if row["feasible"] else ("not feasible", "red"),
        f", chance {100 * row['p_feasible']:.0f} %. ",
        (format_energy(row["energy_nominal_J"]), "bold"),
        f" an event, 90 % {format_interval(row['energy_lower_J'], row['energy_upper_J'])}; floor "
        f"{format_energy(row['energy_floor_J'])}, ceiling "
        f"{format_energy(row['energy_ceiling_J'])}",
    )
    for text in (*str(row["reasons"]).split("; "), *str(row["flags"]).split("; ")):
        if text:
            yield Text(f"  {text}")
    yield _properties(found.properties)
    yield _physics(found)
    yield _uncertainty(found)
    doubtful = found.gates[found.gates["chance"] < 0.995]
    if len(doubtful):
        chances = ", ".join(
            f"{gate['gate'].replace('_', ' ')} {100 * gate['chance']:.0f} %"
            for gate in doubtful.to_dict("records")
        )
        yield Text(f"gates: {chances}; all others pass")
    yield Text("what would help most", style="bold")
    for number, text in enumerate(found.advice, start=1):
        yield Text(f"  {number}. {text}")
    yield Text("")


def _properties(frame: pd.DataFrame) -> Table:
    table = _table("properties used", "property", "value", "90 % interval", "unit", "evidence")
    table.add_column("from", style="dim", overflow="fold")
    for row in frame.to_dict("records"):
        exact = row["lower"] == row["upper"]
        table.add_row(
            str(row["property"]).replace("_", " "),
            f"{row['value']:.4g}",
            "" if exact else f"{row['lower']:.3g} to {row['upper']:.3g}",
            "" if row["unit"] == "1" else str(row["unit"]),
            str(row["evidence"]),
            str(row["method"]),
        )
    return table


def _physics(found: Explanation) -> Table:
    from matscreen.ranking import column_units

    units = column_units(list(found.physics))
    table = _table("physics at the best values", "quantity", "value", "unit")
    for name, value in found.physics.items():
        unit = units.get(name, "")
        ending = "_" + unit.replace("/", "_per_")
        words = name.removesuffix(ending).replace("_", " ")
        table.add_row(words, f"{value:.3g}", unit)
    return table


def _uncertainty(found: Explanation) -> Table:
    table = _table("where the uncertainty comes from", "source", "energy at the ends (J)", "share")
    for row in found.uncertainty.to_dict("records"):
        bar = "█" * round(20 * row["share"])
        table.add_row(
            str(row["source"]).replace("_", " "),
            f"{row['low_J']:.1e} to {row['high_J']:.1e}",
            f"{100 * row['share']:3.0f} % {bar}",
        )
    return table


def _table(title: str, *columns: str) -> Table:
    from rich.table import Table

    table = Table(title=title, title_justify="left", box=None, pad_edge=False)
    for name in columns:
        table.add_column(name, justify="right" if name == "value" else "left")
    return table


def _missing(value: object) -> bool:
    return value is None or (isinstance(value, float) and math.isnan(value)) or str(value) == "<NA>"
