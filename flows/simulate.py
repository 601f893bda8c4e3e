"""The flow `simulate`: spend a budget on the simulations that teach most about a screen."""

from __future__ import annotations

from importlib.util import find_spec

from prefect import flow

import flows  # sets Prefect up, so it comes before prefect
from flows import hooks, tasks
from flows.defaults import STORE
from flows.progress import show
from matscreen.config import load_screen
from matscreen.errors import MissingDependencyError
from matscreen.screening import check_names

__all__ = ["flows", "simulate", "torch_is_there"]


def torch_is_there() -> bool:
    """Say whether the machine-learned potentials can run."""
    return find_spec("torch") is not None


@flow(
    name="simulate",
    flow_run_name="simulate {name} for {budget}",
    **hooks.OPTIONS,
)
def simulate(
    name: str,
    budget: str = "2h",
    calculator: str | None = None,
    store: str = STORE,
    sources: list[str] | None = None,
) -> int:
    """Simulate what teaches most about the best switches of a screen; resumes from the store.

    Args:
        name: A shipped screen or the path of a TOML file.
        budget: Simulations (`40`), time (`90min`, `2h`) or energy (`0.05kWh`).
        calculator: Potential instead of the screen's own: `7net-0`, `chgnet`, `mace`...
        store: Folder or URL of the tables.
        sources: Sources instead of the screen's own.
    """
    asked = load_screen(name)
    check_names(asked)
    if not torch_is_there():
        raise MissingDependencyError("torch", "simulate")
    count = tasks.simulate(asked, store, sources, budget, calculator or asked.calculator)
    show(f"{count} simulations for {asked.name}")
    return count
