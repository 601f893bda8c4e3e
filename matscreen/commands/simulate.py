"""`matscreen simulate`: let a screen choose what to simulate next."""

from __future__ import annotations

from typing import TYPE_CHECKING, Annotated, Literal

import typer

from matscreen.commands.options import DEFAULT_STORE, QuietOption, StoreOption

if TYPE_CHECKING:
    from matscreen.active import Round


def simulate(
    screen: Annotated[str, typer.Argument(help="A shipped screen, or the path of a .toml file.")],
    budget: Annotated[
        str, typer.Option(help="Simulations (40), time (90min, 2h) or energy (0.05kWh).")
    ],
    calculator: Annotated[str, typer.Option(help="Potential: 7net-0, chgnet, mace...")] = "7net-0",
    batch: Annotated[int, typer.Option(min=1, help="Candidates a round.")] = 8,
    top_k: Annotated[int, typer.Option(min=1, help="Best candidates that must settle.")] = 20,
    patience: Annotated[int, typer.Option(min=1, help="Rounds they must stay the same.")] = 2,
    strategy: Annotated[
        Literal["expected_improvement", "random"], typer.Option(help="How to choose.")
    ] = "expected_improvement",
    source: Annotated[
        list[str] | None, typer.Option(help="Sources instead of the screen's own.")
    ] = None,
    store: StoreOption = DEFAULT_STORE,
    quiet: QuietOption = False,
) -> None:
    """Simulate what teaches most about the best switches, retrain, repeat.

    Every label is kept at once; the same command goes on after any stop.

    Examples:
      matscreen simulate synapse --budget 40
      matscreen simulate logic --budget 0.05kWh --calculator chgnet
    """
    from matscreen.active import Budget, active_learning
    from matscreen.commands.progress import stages_bars
    from matscreen.config import load_screen
    from matscreen.console import terminal
    from matscreen.power import recorded
    from matscreen.store import Store

    allowed, asked = Budget.parse(budget), load_screen(screen)
    console = terminal()
    opened = Store(store)
    with stages_bars(quiet=quiet) as progress, recorded(opened, "simulate") as spent:
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
            report=(lambda _round: None) if quiet else (lambda each: console.print(_table(each))),
        )
        spent.items = sum(len(each.simulated) for each in rounds)
    if quiet:
        return
    count = sum(len(each.simulated) for each in rounds)
    joules = sum(row["joules"] for each in rounds for row in each.simulated)
    console.print(
        f"{count} simulations, rounds: {len(rounds)}, about {joules:.3g} J. "
        f"Next: matscreen screen {screen} --store {store} -o results/{asked.name}"
    )


def _table(each: Round) -> object:
    from rich.table import Table

    table = Table(
        title=f"Round {each.number}: {len(each.simulated)} simulations, "
        f"{100 * each.top_k_overlap:.0f} % of the best were there before",
        title_justify="left",
    )
    for name in ("best so far", "mechanism", "energy (J)"):
        table.add_column(name, justify="right" if "J" in name else "left")
    if each.best is not None:
        for formula, mechanism, energy in each.best.head(5).itertuples(index=False):
            table.add_row(str(formula), str(mechanism), f"{energy:.2e}")
    return table
