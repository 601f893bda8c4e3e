"""The flow `describe`: compute missing descriptors, one task a partition of candidates."""

from __future__ import annotations

from collections.abc import Iterable
from datetime import UTC, datetime

from prefect import flow

import flows  # sets Prefect up, so it comes before prefect
from flows import budgets, hooks, tasks
from flows.defaults import DESCRIPTOR_SET, MAX_FAILED_FRACTION, PARTITION, STORE
from flows.progress import show
from matscreen.stages import undescribed
from matscreen.store import Store

__all__ = ["describe", "describe_missing", "flows"]


def describe_missing(
    store: str,
    descriptor_set: str,
    ids: Iterable[str] | None = None,
    *,
    partition: int = PARTITION,
    max_failed_fraction: float = MAX_FAILED_FRACTION,
) -> int:
    """Describe what has no descriptors of the present version; no task runs where nothing lacks.

    Returns:
        How many candidates were described.

    Raises:
        FailureBudgetError: Too many could not be described.
    """
    began = datetime.now(UTC)
    lacking = undescribed(Store(store), descriptor_set, ids)
    parts = [lacking[start : start + partition] for start in range(0, len(lacking), partition)]
    described = sum(
        tasks.describe(store, descriptor_set, part, number, len(parts))
        for number, part in enumerate(parts, start=1)
    )
    if described:
        failed = budgets.reasons(Store(store), stage=f"describe {descriptor_set}", since=began)
        budgets.check(
            f"describe {descriptor_set}",
            failed=sum(failed.values()),
            total=described,
            limit=max_failed_fraction,
            reasons=failed,
        )
    return described


@flow(
    name="describe",
    flow_run_name="describe {descriptor_set}",
    **hooks.OPTIONS,
)
def describe(
    descriptor_set: str = DESCRIPTOR_SET,
    store: str = STORE,
    partition: int = PARTITION,
    max_failed_fraction: float = MAX_FAILED_FRACTION,
) -> int:
    """Describe every stored candidate that lacks descriptors of the present version.

    Args:
        descriptor_set: `composition`, `fast`, `standard`, `full`, or one of a plug-in.
        store: Folder or URL of the tables.
        partition: Candidates a task.
        max_failed_fraction: Largest share of them that may fail.
    """
    count = describe_missing(
        store, descriptor_set, partition=partition, max_failed_fraction=max_failed_fraction
    )
    show(f"{count:,} described" if count else "every candidate was described already")
    return count
