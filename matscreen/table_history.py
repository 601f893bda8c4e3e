"""What happened to a Delta table: its versions, when each was made, and which can still be read."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import accumulate
from typing import Any

from matscreen.errors import StoreError


@dataclass(frozen=True)
class Commit:
    """One version of a table.

    Attributes:
        version: Its number, counted from 0.
        at: When it was made; never before an earlier version, also where the clock was set back.
        operation: What made it: WRITE, MERGE, OPTIMIZE, VACUUM END, ...
        metrics: What the operation counted.
        parameters: How it was asked for.
    """

    version: int
    at: datetime
    operation: str
    metrics: Mapping[str, Any]
    parameters: Mapping[str, Any]


def commits(uri: str) -> list[Commit]:
    """Return the versions that the log of a table still names, oldest first.

    Raises:
        StoreError: There is no table, or its log cannot be read.
    """
    from deltalake import DeltaTable
    from deltalake.exceptions import DeltaError

    try:
        found = sorted(DeltaTable(uri).history(), key=lambda each: int(each["version"]))
    except (DeltaError, OSError) as error:
        message = f"the log of the table {uri} cannot be read: {str(error).splitlines()[0]}"
        raise StoreError(message) from error
    times = accumulate((int(each.get("timestamp", 0)) for each in found), max)
    return [
        Commit(
            version=int(each["version"]),
            at=datetime.fromtimestamp(milliseconds / 1000, UTC),
            operation=str(each.get("operation", "")),
            metrics=each.get("operationMetrics") or {},
            parameters=each.get("operationParameters") or {},
        )
        for each, milliseconds in zip(found, times, strict=True)
    ]


def version_at(history: list[Commit], moment: datetime) -> int | None:
    """Return the version that was the latest at a moment; None before the oldest known one."""
    place = bisect_right([each.at for each in history], moment)
    return history[place - 1].version if place else None


def why_gone(uri: str, version: int) -> str | None:
    """Say why a version of a table cannot be read, None where no vacuum or clean-up explains it."""
    history = commits(uri)
    name = uri.rsplit("/", 1)[-1]
    known = [each.version for each in history]
    if version > known[-1]:
        return (
            f"table {name!r} has no version {version}, the latest is {known[-1]}: it was removed "
            "and made anew, or belongs to another store"
        )
    if version < known[0]:
        return (
            f"version {version} of table {name!r} is gone: its log was cleaned up, and begins at "
            f"version {known[0]} of {history[0].at:%Y-%m-%d %H:%M} UTC"
        )
    vacuum = _vacuum_after(history, version)
    if vacuum is None:
        return None
    hours = int(vacuum.parameters.get("specifiedRetentionMillis", 0)) / 3_600_000
    kept = f"{hours / 24:g} days" if hours >= 24 else f"{hours:g} hours"
    return (
        f"version {version} of table {name!r} is gone: the vacuum of {vacuum.at:%Y-%m-%d %H:%M} "
        f"UTC removed files that had been out of use for longer than its retention of {kept}; "
        "rankings are kept reproducible by `matscreen store vacuum --keep RESULTS_FOLDER`"
    )


def _vacuum_after(history: list[Commit], version: int) -> Commit | None:
    """Return the first vacuum that removed files after a version was made."""
    for each in history:
        removed = int(each.metrics.get("numFilesToDelete", 0) or 0)
        if each.version > version and each.operation == "VACUUM START" and removed:
            return each
    return None
