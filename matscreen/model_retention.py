"""Remove kept surrogates that nothing has used for long; what is removed can be trained again.

A surrogate is a folder named by the hash of what it learned from, so new labels leave the old one
where it is. Each use touches its card. Predictions are rows of the store: a past ranking needs no
model, its models are only kept for those who ask what they looked at.
"""

from __future__ import annotations

import json
import shutil
import time
from collections.abc import Collection, Iterator
from datetime import timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Final

from matscreen.errors import StoreError
from matscreen.maintenance import RETENTION, Removal, check_retention
from matscreen.table_history import why_gone

if TYPE_CHECKING:
    from matscreen.store import Store

_FOLDER: Final = "models"
_CARD: Final = "card.json"


def remove_unused_models(
    store: Store,
    retention: timedelta = RETENTION,
    *,
    keep: Collection[int] = (),
    dry_run: bool = True,
) -> Removal:
    """Delete the surrogates that were neither used within the retention nor made predictions kept.

    Args:
        store: The store; the models of a bucket are scratch of one machine and are left alone.
        retention: How long a surrogate stays after its last use; at least a day.
        keep: Versions of the table `predictions` whose surrogates stay, besides its latest.
        dry_run: Only say what would be deleted.

    Raises:
        InputError: The retention is too short.
        StoreError: The predictions cannot be read, or a folder cannot be removed.
    """
    check_retention(retention)
    if "://" in store.root:
        return Removal(_FOLDER, 0, 0, done=False)
    named = _named(store, keep)
    limit = time.time() - retention.total_seconds()
    unused = [
        folder
        for folder, model_id, used in _models(Path(store.root) / _FOLDER)
        if used < limit and model_id not in named
    ]
    unused += [folder for folder, used in _remains(Path(store.root) / _FOLDER) if used < limit]
    files = [file for folder in unused for file in folder.rglob("*") if file.is_file()]
    size = sum(file.stat().st_size for file in files)
    if not dry_run:
        for folder in unused:
            try:
                # The card first: without it nobody takes the rest for a surrogate.
                (folder / _CARD).unlink(missing_ok=True)
                shutil.rmtree(folder)
            except OSError as error:
                raise StoreError(f"the surrogate {folder} cannot be removed: {error}") from error
    return Removal(_FOLDER, len(files), size, done=not dry_run and bool(files))


def _named(store: Store, versions: Collection[int]) -> set[str]:
    """Return the surrogates of the latest and of some older predictions that are still there."""
    if not store.exists("predictions"):
        return set()
    named = set(store.read("predictions", ["model_id"])["model_id"].to_pylist())
    for version in sorted(versions):
        try:
            rows = store.at({"predictions": version}).read("predictions", ["model_id"])
        except StoreError:
            if why_gone(store.uri("predictions"), version) is None:
                raise
            continue  # already gone, or of another store
        named.update(rows["model_id"].to_pylist())
    return named


def _models(root: Path) -> Iterator[tuple[Path, str, float]]:
    """Yield the folder, the id and the time of the last use of each kept surrogate."""
    for card in sorted(root.glob(f"*/*/{_CARD}")):
        try:
            model_id = str(json.loads(card.read_text(encoding="utf-8"))["model_id"])
            used = card.stat().st_mtime
        except (OSError, ValueError, KeyError, TypeError):
            continue  # not one of ours, or just being replaced
        yield card.parent, model_id, used


def _remains(root: Path) -> Iterator[tuple[Path, float]]:
    """Yield the folders without any card, and their last change: a clean-up was killed in them.

    One in which a surrogate is being saved has none yet, and has just changed.
    """
    for folder in sorted(root.glob("*/*")):
        if not folder.is_dir() or any(folder.rglob(_CARD)):
            continue
        try:
            # Of the folder, not of its files: removing one of them changes it too.
            changed = folder.stat().st_mtime
        except OSError:
            continue  # it goes just now
        yield folder, changed
