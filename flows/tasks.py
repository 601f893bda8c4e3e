"""Prefect tasks: one line each over a stage. References travel between tasks, not tables."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from prefect import task
from prefect.cache_policies import NO_CACHE

from matscreen import screening, stages
from matscreen.config import Screen
from matscreen.power import Ledger
from matscreen.stages import Progress, Pulled
from matscreen.store import Store

# The store decides what is recomputed: Prefect's cache cannot see a change of library code.
OPTIONS: dict[str, Any] = {"cache_policy": NO_CACHE, "persist_result": False}


@task(name="pull", retries=2, retry_delay_seconds=5, **OPTIONS)
def pull(store: str, spec: str, progress: Progress) -> Pulled:
    """Bring the candidates of one source into the store."""
    return stages.select(Store(store), spec, progress=progress)


@task(name="describe", **OPTIONS)
def describe(store: str, descriptor_set: str, pulled: list[Pulled], progress: Progress) -> int:
    """Compute the missing descriptors of what was pulled and of the labelled bundle."""
    bundle = stages.load_bundle(Store(store), progress=progress)
    wanted = {name for each in (bundle, *pulled) for name in each.ids}
    return stages.describe(Store(store), descriptor_set, wanted, progress=progress)


@task(name="train", **OPTIONS)
def train(
    store: str, descriptor_set: str, seed: int, progress: Progress
) -> list[Mapping[str, Any]]:
    """Train the surrogates whose data changed."""
    return stages.train(Store(store), descriptor_set, seed=seed, progress=progress)


@task(name="predict", **OPTIONS)
def predict(store: str, descriptor_set: str, seed: int, progress: Progress) -> int:
    """Predict every trained property."""
    return stages.predict(Store(store), descriptor_set, seed=seed, progress=progress)


@task(name="rank and export", **OPTIONS)
def finish(
    screen: Screen,
    store: str,
    folder: str,
    pulled: list[Pulled],
    cards: list[Mapping[str, Any]],
    ledger: Ledger,
    progress: Progress,
) -> screening.Screening:
    """Rank the pulled candidates and write the result files."""
    return screening.finish_screen(
        screen,
        Store(store),
        Path(folder),
        pulled=pulled,
        cards=cards,
        ledger=ledger,
        progress=progress,
    )
