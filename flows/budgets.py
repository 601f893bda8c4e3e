"""Failure budgets: how large a share of its items a stage may lose before its flow fails."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import datetime

from flows import artifacts
from matscreen.errors import MatscreenError
from matscreen.store import Store


class FailureBudgetError(MatscreenError):
    """More items failed than the budget allows; the message holds the table of reasons."""


def check(stage: str, *, failed: int, total: int, limit: float, reasons: Mapping[str, int]) -> None:
    """Leave the table of failures, and fail where their share is over the budget.

    Args:
        stage: What was done.
        failed: Items that failed.
        total: Items in all.
        limit: Largest share that may fail.
        reasons: How many failed for each reason.

    Raises:
        FailureBudgetError: The share is larger.
    """
    artifacts.failures(stage, reasons, failed=failed, total=total)
    if total == 0 or failed <= limit * total:
        return
    ordered = sorted(reasons.items(), key=lambda item: (-item[1], item[0]))
    width = max((len(reason) for reason, _ in ordered), default=0)
    rows = [f"  {reason:<{width}}  {count:>8,}" for reason, count in ordered[:20]]
    headline = (
        f"{stage}: {failed:,} of {total:,} failed, {100 * failed / total:.0f} %; the budget is "
        f"{100 * limit:.0f} % (`[budget] max_failed_fraction`, or the parameter of that name)"
    )
    raise FailureBudgetError("\n".join([headline, *rows]))


def reasons(
    store: Store, *, stage: str, since: datetime | None = None, prefix: str = ""
) -> dict[str, int]:
    """Count the failures of one stage by reason.

    Args:
        store: Where the failures are.
        stage: The stage, as in the table `failures`.
        since: Leave out older ones.
        prefix: How the name of the item begins, such as `files:`.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    rows = store.read("failures", ["structure_id", "stage", "reason", "at"])
    wanted = pc.and_(pc.equal(rows["stage"], stage), pc.starts_with(rows["structure_id"], prefix))
    if since is not None:
        wanted = pc.and_(wanted, pc.greater_equal(rows["at"], pa.scalar(since, rows["at"].type)))
    counts = pc.value_counts(rows.filter(wanted)["reason"])
    return {str(each["values"]): int(each["counts"]) for each in counts.to_pylist()}
