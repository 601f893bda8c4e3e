"""Delete everything in a store that has been out of use for long, in one go."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING

from matscreen.maintenance import RETENTION, Removal, vacuum
from matscreen.model_retention import remove_unused_models
from matscreen.partition_retention import remove_unused_partitions
from matscreen.ranking_record import pinned_versions

if TYPE_CHECKING:
    from matscreen.store import Store


def clean(
    store: Store,
    retention: timedelta = RETENTION,
    *,
    names: Iterable[str] | None = None,
    keep: Sequence[str | Path] = (),
    dry_run: bool = True,
) -> list[Removal]:
    """Delete old files of tables and, unless tables are named, unused surrogates and partitions.

    Args:
        store: The store.
        retention: How long something stays after it went out of use; at least a day.
        names: Only these tables.
        keep: Folders whose rankings stay reproducible, however old.
        dry_run: Only say what would be deleted.

    Raises:
        InputError: The retention is too short, there is no such table, or a folder of `keep` holds
            no rankings.
        BusyError: A pull is at work in this store.
        StoreError: Something cannot be removed.
    """
    pinned = pinned_versions(keep)
    removed = vacuum(store, retention, names=names, keep=pinned, dry_run=dry_run)
    if names is None:
        kept = pinned.get("predictions", ())
        removed.append(remove_unused_models(store, retention, keep=kept, dry_run=dry_run))
        removed.append(remove_unused_partitions(store, retention, dry_run=dry_run))
    return removed
