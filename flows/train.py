"""The flow `train`: train the surrogates whose labels or descriptors changed."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from prefect import flow

import flows  # sets Prefect up, so it comes before prefect
from flows import artifacts, hooks, tasks
from flows.defaults import DESCRIPTOR_SET, STORE
from flows.progress import show

__all__ = ["flows", "train"]


@flow(
    name="train",
    flow_run_name="train {descriptor_set}",
    **hooks.OPTIONS,
)
def train(
    descriptor_set: str = DESCRIPTOR_SET, store: str = STORE, seed: int = 0
) -> list[Mapping[str, Any]]:
    """Train one surrogate for each property that has labels; unchanged ones are kept.

    Args:
        descriptor_set: What the surrogates see.
        store: Folder or URL of the tables.
        seed: Seed of every draw.
    """
    cards = tasks.train(store, descriptor_set, seed)
    lines = ["| property | labels | surrogate |", "|---|---|---|"]
    lines += [f"| {c['property']} | {c['n_labels']} | {c['model_id']} |" for c in cards]
    artifacts.note("surrogates", "\n".join(lines))
    show(f"{len(cards)} surrogates are up to date")
    return cards
