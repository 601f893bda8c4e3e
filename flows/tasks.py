"""Prefect tasks: a few lines each over a stage. References travel between tasks, not tables."""

from __future__ import annotations

import os
from collections.abc import Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE
from prefect.client.schemas.objects import State, TaskRun
from prefect.tasks import exponential_backoff

from flows import budgets
from flows.locks import only_run
from flows.progress import report
from matscreen import screening, stages
from matscreen.config import Screen
from matscreen.errors import InputError, StoreError
from matscreen.power import Ledger
from matscreen.stages import Pulled
from matscreen.store import Store

# The store decides what is recomputed: Prefect's cache cannot see a change of library code.
OPTIONS: dict[str, Any] = {"cache_policy": NO_CACHE, "persist_result": False}

# Far above what any of them was seen to take; a hung server or disk must not hold a night.
_PULL_SECONDS = 6 * 3600
_DESCRIBE_SECONDS = 2 * 3600
_TRAIN_SECONDS = 2 * 3600
_RANK_SECONDS = 6 * 3600
_SIMULATE_SECONDS = 24 * 3600


def may_pass(_task: Any, _run: TaskRun, state: State[Any]) -> bool:
    """Say whether another attempt may end better: not where the user asked for what cannot be."""
    try:
        state.result()
    except (InputError, budgets.FailureBudgetError):
        return False
    except Exception:
        return True
    return False


@task(
    name="pull",
    task_run_name="pull {spec}",
    retries=3,
    retry_delay_seconds=exponential_backoff(backoff_factor=5),
    retry_jitter_factor=0.5,
    retry_condition_fn=may_pass,
    timeout_seconds=_PULL_SECONDS,
    **OPTIONS,
)
def pull(store: str, spec: str) -> Pulled:
    """Bring the candidates of one source into the store; a retry goes on after the last page."""
    return stages.select(Store(store), spec, progress=report())


@task(
    name="describe",
    task_run_name="describe {part} of {parts}",
    retries=2,
    retry_delay_seconds=10,
    retry_condition_fn=may_pass,
    timeout_seconds=_DESCRIBE_SECONDS,
    **OPTIONS,
)
def describe(
    store: str,
    descriptor_set: str,
    ids: Sequence[str],
    part: int,  # noqa: ARG001 - names the run
    parts: int,  # noqa: ARG001
) -> int:
    """Compute the missing descriptors of one partition of candidates."""
    return stages.describe(Store(store), descriptor_set, ids, progress=report())


@task(
    name="train",
    task_run_name="train {descriptor_set}",
    timeout_seconds=_TRAIN_SECONDS,
    **OPTIONS,
)
def train(store: str, descriptor_set: str, seed: int) -> list[Mapping[str, Any]]:
    """Train the surrogates whose data changed; each is kept before the next is trained."""
    return stages.train(Store(store), descriptor_set, seed=seed, progress=report())


@task(
    name="predict, rank and export",
    task_run_name="rank {screen.name}",
    retries=2,
    retry_delay_seconds=5,
    retry_condition_fn=may_pass,
    timeout_seconds=_RANK_SECONDS,
    **OPTIONS,
)
def finish(
    screen: Screen,
    store: str,
    folder: str,
    pulled: Sequence[Pulled],
    cards: Sequence[Mapping[str, Any]],
    ledger: Ledger,
) -> screening.Screening:
    """Predict, rank the pulled candidates and write the result files.

    One task, under one lock: the predictions of another run must not come between.

    Raises:
        StoreError: They did, because that run is on another machine.
    """
    tables, progress = Store(store), report()
    with ExitStack() as locks:
        for place in _shared_places(tables, folder):
            locks.enter_context(only_run(place))
        with ledger.stage("predict") as counter:
            counter.items = stages.predict(
                tables, screen.descriptor_set, seed=screen.ranking.seed, progress=progress
            )
        predicted = tables.version("predictions")
        finished = screening.finish_screen(
            screen,
            tables,
            Path(folder),
            pulled=pulled,
            cards=cards,
            ledger=ledger,
            progress=progress,
        )
        if tables.version("predictions") != predicted:
            raise StoreError(
                f"another run replaced the predictions in {store} during the ranking; it is done "
                "again. Give runs on several machines a store each"
            )
    return finished


def _shared_places(store: Store, folder: str) -> list[Path]:
    """Return what two runs would share, in an order that cannot end in a deadlock."""
    places = {Path(folder).resolve()}
    if "://" not in store.root:
        places.add(Path(store.root))
    return sorted(places, key=os.fspath)


@task(
    name="simulate",
    task_run_name="simulate {screen.name}",
    retries=1,
    retry_delay_seconds=30,
    retry_condition_fn=may_pass,
    timeout_seconds=_SIMULATE_SECONDS,
    **OPTIONS,
)
def simulate(
    screen: Screen, store: str, sources: Sequence[str] | None, budget: str, calculator: str
) -> int:
    """Simulate what teaches most about a screen; every label is kept at once.

    Returns:
        How many simulations ran.
    """
    from matscreen.active import Budget, active_learning

    rounds = active_learning(
        Store(store),
        screen,
        Budget.parse(budget),
        sources=sources,
        calculator=calculator,
        progress=report(),
    )
    return sum(len(each.simulated) for each in rounds)
