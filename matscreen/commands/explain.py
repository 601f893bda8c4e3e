"""`matscreen explain`: the whole chain from a candidate's properties to its joules."""

from __future__ import annotations

import math
from typing import TYPE_CHECKING, Annotated

import typer

from matscreen.commands.options import DEFAULT_STORE, StoreOption

if TYPE_CHECKING:
    import pandas as pd
    from rich.console import Console
    from rich.table import Table

    from matscreen.config import Screen
    from matscreen.explain import Explanation


def explain(
    candidate: Annotated[
        str,
        typer.Argument(help="A formula, a structure id, or a structure file (CIF, POSCAR...)."),
    ],
    screen: Annotated[
        str, typer.Option(help="Screen whose device and mechanisms count.")
    ] = "synapse",
    mechanism: Annotated[
        list[str] | None, typer.Option(help="Mechanisms instead of the screen's own.")
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    quiet: Annotated[bool, typer.Option("--quiet", "-q", help="No progress bars.")] = False,
) -> None:
    """Show what a candidate's energy is made of, what is uncertain in it, and what to do next.

    Of several phases of a formula, each mechanism shows the one that it ranks best. The first call
    on a new store trains the surrogates, which takes a minute or two.

    Examples:
      matscreen explain KNbO3
      matscreen explain my_oxide.cif --screen logic --mechanism ferroelectric
    """
    from matscreen.commands.progress import stages_bars
    from matscreen.config import load_screen
    from matscreen.console import terminal
    from matscreen.explanation import explain_candidate
    from matscreen.store import Store

    asked = load_screen(screen)
    if mechanism:
        asked = asked.model_copy(update={"mechanisms": tuple(mechanism)})
    with stages_bars(quiet=quiet) as progress:
        found = explain_candidate(Store(store), asked, candidate, progress=progress)
    console = terminal()
    for explanation in found:
        _print(console, explanation, asked)


def _print(console: Console, found: Explanation, screen: Screen) -> None:
    from rich.text import Text

    from matscreen.report.formatting import formula_text

    row = found.ranking
    group = "" if _missing(row["spacegroup"]) else f", space group {int(row['spacegroup'])}"
    about = f" {found.mechanism.replace('_', ' ')}, {screen.name}"
    console.rule(Text.assemble((formula_text(found.formula), "bold"), about), align="left")
    console.print(f"structure {found.structure_id}{group}", style="dim")
    console.print(
        Text.assemble(
            ("feasible", "green") if row["feasible"] else ("not feasible", "red"),
            f", chance {100 * row['p_feasible']:.0f} %. ",
            (f"{row['energy_nominal_J']:.2e} J", "bold"),
            f" an event, 90 % {row['energy_lower_J']:.1e} to {row['energy_upper_J']:.1e} J; floor "
            f"{row['energy_floor_J']:.1e} J, ceiling {row['energy_ceiling_J']:.1e} J",
        )
    )
    for text in (*str(row["reasons"]).split("; "), *str(row["flags"]).split("; ")):
        if text:
            console.print(f"  {text}")
    console.print(_properties(found.properties))
    console.print(_physics(found))
    console.print(_uncertainty(found))
    doubtful = found.gates[found.gates["chance"] < 0.995]
    if len(doubtful):
        console.print(
            "gates: "
            + ", ".join(
                f"{gate['gate'].replace('_', ' ')} {100 * gate['chance']:.0f} %"
                for gate in doubtful.to_dict("records")
            )
            + "; all others pass"
        )
    console.print("next", style="bold")
    for number, text in enumerate(found.advice, start=1):
        console.print(f"  {number}. {text}")


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
