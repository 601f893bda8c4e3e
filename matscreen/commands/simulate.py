"""`matscreen simulate`: let a screen choose what to simulate next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from matscreen.commands.options import (
    DEFAULT_STORE,
    CalculatorOption,
    ScreenArgument,
    SourceOption,
    StoreOption,
)

if TYPE_CHECKING:
    from matscreen.active import Round


def simulate(
    screen: ScreenArgument,
    budget: Annotated[
        str,
        typer.Option(
            help="Simulations (40), time (90min, 2h) or energy (0.05kWh).", metavar="BUDGET"
        ),
    ],
    calculator: CalculatorOption = "7net-0",
    batch: Annotated[int, typer.Option(min=1, help="Candidates a round.", metavar="N")] = 8,
    top_k: Annotated[
        int, typer.Option(min=1, help="Best candidates that must settle.", metavar="N")
    ] = 20,
    patience: Annotated[
        int, typer.Option(min=1, help="Rounds they must stay the same.", metavar="N")
    ] = 2,
    strategy: Annotated[
        Literal["expected_improvement", "random"], typer.Option(help="How to choose.")
    ] = "expected_improvement",
    source: SourceOption = None,
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Simulate what teaches most about the best switches, retrain, repeat.

    Every label is kept at once; the same command goes on after any stop.

    Examples:
      matscreen simulate synapse --budget 40
      matscreen simulate logic --budget 0.05kWh --calculator chgnet
    """
    from matscreen.active import Budget, active_learning
    from matscreen.commands.opening import open_store, store_words
    from matscreen.commands.output import manner, next_steps, show
    from matscreen.commands.progress import stages_bars
    from matscreen.config import load_screen
    from matscreen.console import terminal
    from matscreen.power import recorded
    from matscreen.report.formatting import format_energy
    from matscreen.screening import check_names

    allowed, asked = Budget.parse(budget), load_screen(screen)
    check_names(asked)  # a mistake is told before anything is computed
    silent = manner().quiet or manner().json
    opened = open_store(store)
    with stages_bars() as progress, recorded(opened, "simulate") as spent:
        rounds = active_learning(
            opened,
            asked,
            allowed,
            sources=source,
            calculator=calculator,
            batch=batch,
            top_k=top_k,
            patience=patience,
            strategy=strategy,
            progress=progress,
            report=_say_nothing if silent else (lambda each: terminal().print(_table(each))),
        )
        spent.items = sum(len(each.simulated) for each in rounds)
    count = sum(len(each.simulated) for each in rounds)
    joules = sum(row["joules"] for each in rounds for row in each.simulated)
    show(
        lambda: {
            "screen": asked.name,
            "simulations": count,
            "joules": joules,
            "rounds": [vars(each) for each in rounds],
        },
        lambda: f"{count} simulations, rounds: {len(rounds)}, about {format_energy(joules)}.",
    )
    where = store_words(store)
    next_steps(
        (f"matscreen screen {screen}{where} -o results/{asked.name}", "rank with the new labels"),
        (f"matscreen ledger{where}", "what they cost"),
    )


def _say_nothing(_round: Round) -> None:
    """Leave the rounds to the one JSON document at the end, or to nobody."""


def _table(each: Round) -> object:
    from rich.table import Table

    table = Table(
        title=f"Round {each.number}: {len(each.simulated)} simulations, "
        f"{100 * each.top_k_overlap:.0f} % of the best were there before",
        title_justify="left",
        box=None,
        pad_edge=False,
    )
    for name in ("best so far", "mechanism", "energy (J)"):
        table.add_column(name, justify="right" if "J" in name else "left")
    if each.best is not None:
        for formula, mechanism, energy in each.best.head(5).itertuples(index=False):
            table.add_row(str(formula), str(mechanism), f"{energy:.2e}")
    return table
