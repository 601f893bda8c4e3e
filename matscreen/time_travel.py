"""Make a past ranking again: the tables at the versions of then, the same screen, the same draws.

Nothing is trained: what the surrogates of then predicted is in the table `predictions` at its
version of then. The models themselves are folders named by the hash of their data, kept beside
each other, so that an old one is not overwritten by a newer one.
"""

from __future__ import annotations

import tempfile
from collections.abc import Sequence
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from matscreen.errors import InputError, StoreError
from matscreen.ranking_record import RANKING, RankingRecord, read_record
from matscreen.shipped import Pulled, load_bundle
from matscreen.table_history import commits, version_at

if TYPE_CHECKING:
    import pandas as pd

    from matscreen.config import Screen
    from matscreen.shipped import Progress
    from matscreen.store import Store

_RANKED_FROM = ("candidates", "provenance")


def record_of(
    as_of: str | Path,
    store: Store,
    *,
    screen: Screen | None = None,
    sources: Sequence[str] | None = None,
) -> RankingRecord:
    """Return what a ranking was, or would have been, made of.

    Args:
        as_of: Folder of the results of a screen, or a moment in ISO 8601 (UTC where it names no
            zone).
        store: The store that was ranked.
        screen: What is asked; needed for a moment, the recorded one is used for a folder.
        sources: Sources to rank instead of the screen's own; for a moment only.

    Raises:
        InputError: It is neither, or it cannot be known what was ranked.
    """
    moment = None if Path(as_of).is_dir() else _moment(str(as_of))
    if moment is None:
        record = read_record(as_of)
        if screen is not None and screen.name != record.screen.name:
            raise InputError(
                f"{as_of} holds results of {record.screen.name!r}, not of {screen.name!r}"
            )
        if sources:
            raise InputError(f"{as_of} says itself which sources were ranked; leave them out")
        return record
    if screen is None:
        raise InputError("ranking as of a moment needs the name of a screen")
    return record_at(screen, store, moment, sources=sources)


def record_at(
    screen: Screen, store: Store, moment: datetime, *, sources: Sequence[str] | None = None
) -> RankingRecord:
    """Return what a ranking at a moment would have been made of.

    Each table counts as of its last version before the moment.

    Args:
        screen: What is asked.
        store: The store.
        moment: With its zone.
        sources: `store`, `bundle` or `known`, instead of the screen's own: those whose candidates
            of then the tables themselves tell.

    Raises:
        InputError: The store had no candidates then, or a source does not tell its candidates.
    """
    versions: dict[str, int] = {}
    for name in store.names():
        history = commits(store.uri(name))
        found = version_at(history, moment)
        if found is None and history[0].version > 0:
            raise InputError(
                f"table {name!r} cannot be read as of {moment:%Y-%m-%d %H:%M:%S %Z}: its log "
                f"begins at version {history[0].version} of {history[0].at:%Y-%m-%d %H:%M} UTC"
            )
        versions[name] = -1 if found is None else found
    if versions.get("candidates", -1) < 0:
        raise InputError(f"the store had no candidates at {moment:%Y-%m-%d %H:%M:%S %Z}")
    view = store.at(versions)
    pulled = tuple(_pulled_then(view, spec) for spec in sources or screen.sources)
    return RankingRecord(screen, pulled, versions, {}, moment.isoformat(timespec="seconds"))


def rank_again(
    record: RankingRecord, store: Store, *, progress: Progress | None = None
) -> pd.DataFrame:
    """Make a ranking again from the tables at their recorded versions.

    Args:
        record: What it was made of.
        store: The store that it was made from.
        progress: Called as the ranking advances.

    Raises:
        InputError: The record lacks the version of a table that a ranking reads.
        StoreError: A version is gone, with the vacuum that removed it and its retention.
    """
    from matscreen import screening
    from matscreen.stages import quiet

    missing = [name for name in _RANKED_FROM if name not in record.versions]
    if missing:
        raise InputError(
            f"{record.folder}: the version of the table {missing[0]!r} was not recorded: that "
            "ranking was made by an older matscreen and cannot be made again exactly"
        )
    view = store.at(record.versions)
    return screening.rank(record.screen, view, record.pulled, progress=progress or quiet)


def differing_rows(record: RankingRecord, ranking: pd.DataFrame) -> int:
    """Count the rows in which a ranking is not, bit for bit, the one in the record's folder.

    Args:
        record: A record of a folder.
        ranking: The ranking that was made again.

    Raises:
        InputError: The folder holds no ranking.
    """
    import pandas as pd

    from matscreen.exports import write_parquet

    if record.folder is None:
        raise InputError("a moment has no ranking to compare with; give a folder of results")
    path = record.folder / RANKING
    if not path.is_file():
        raise InputError(f"{path} is missing: there is nothing to compare with")
    then = pd.read_parquet(path)
    with tempfile.TemporaryDirectory() as folder:
        now = pd.read_parquet(write_parquet(ranking, Path(folder) / path.name))
    if list(now.columns) != list(then.columns) or len(now) != len(then):
        return max(len(now), len(then))
    return len(now.compare(then))


def changed_libraries(record: RankingRecord) -> dict[str, tuple[str, str]]:
    """Return the libraries whose version is another now: name to (then, now)."""
    from importlib.metadata import PackageNotFoundError, version

    changed = {}
    for name, then in record.libraries.items():
        try:
            now = version(name)
        except PackageNotFoundError:
            now = "absent"
        if now != then:
            changed[name] = (then, now)
    return changed


def _pulled_then(view: Store, spec: str) -> Pulled:
    """Return the candidates of a source that a store held."""
    import pyarrow.compute as pc

    if spec == "store":
        ids = view.read("candidates", ["structure_id"])["structure_id"].to_pylist()
        return Pulled(spec, tuple(ids), len(ids), 0, 0)
    if spec == "bundle":
        try:
            return load_bundle(view)
        except StoreError as error:
            message = "the shipped bundle was not in the store, or was another one, at that moment"
            raise InputError(f"{message}: {error}") from error
    if spec == "known":
        origin = view.read("provenance", ["structure_id", "source"])
        ids = origin.filter(pc.equal(origin["source"], "known"))["structure_id"].to_pylist()
        return Pulled(spec, tuple(dict.fromkeys(ids)), len(ids), 0, 0)
    raise InputError(
        f"which candidates {spec!r} had brought at a moment is not known: give the folder of the "
        "results instead, or rank everything that was stored with --source store"
    )


def _moment(text: str) -> datetime:
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        raise InputError(
            f"{text!r} is neither a folder of results nor a moment such as 2026-03-01T12:00"
        ) from None
    return moment if moment.tzinfo else moment.replace(tzinfo=UTC)
