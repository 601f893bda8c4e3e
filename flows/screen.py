"""The flow `screen`: pull, describe, train, predict, rank and export, where anything is new."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from contextvars import ContextVar
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from prefect import flow
from prefect.states import Completed

import flows  # sets Prefect up, so it comes before prefect
from flows import artifacts, hooks, tasks
from flows.defaults import PARTITION, RESULTS, STORE
from flows.describe import describe_missing
from flows.progress import show
from flows.pull import bring
from matscreen.changes import Changes, changes
from matscreen.config import Screen, load_screen
from matscreen.errors import SourceError, StoreError
from matscreen.made_of import (
    MadeOf,
    Record,
    belongs,
    fingerprint,
    label_texts,
    read_record,
    write_record,
)
from matscreen.power import Ledger
from matscreen.screening import Screening, check_names
from matscreen.stages import Pulled
from matscreen.store import Store

__all__ = ["Asked", "ScreenRun", "flows", "look", "make", "screen"]


@dataclass(frozen=True)
class Asked:
    """A screen with what its sources brought and what is known of its last ranking.

    Attributes:
        screen: What is asked.
        folder: Where its results are.
        pulled: What its sources brought.
        bundle: The shipped candidates, whose labels teach the surrogates.
        record: Of the last finished ranking, where there is one.
        made_of: What a ranking would be made of now.
        news: Why it would be another one than the last; empty where it would be the same.
        cards: Of the surrogates, where they are trained already.
    """

    screen: Screen
    folder: Path
    pulled: tuple[Pulled, ...]
    bundle: Pulled
    record: Record | None
    made_of: MadeOf
    news: tuple[str, ...]
    cards: tuple[Mapping[str, Any], ...] | None = None


@dataclass(frozen=True)
class ScreenRun:
    """How a run of a screen ended.

    Attributes:
        name: Name of the screen.
        folder: Folder of its results.
        message: One line for people.
        finished: The ranking; None where nothing was new and the last one stands.
        changes: What changed among the best since the last ranking, where there was one.
    """

    name: str
    folder: Path
    message: str
    finished: Screening | None = None
    changes: Changes | None = None


_HANDED: ContextVar[Mapping[str, Asked]] = ContextVar("handed", default={})  # noqa: B039


@contextmanager
def handing_over(asked: Mapping[str, Asked]) -> Iterator[None]:
    """Let the screens that run inside begin where their parent stands, by their names.

    A parameter would not do: Prefect sends those to its server, with millions of ids.
    """
    token = _HANDED.set(asked)
    try:
        yield
    finally:
        _HANDED.reset(token)


def look(screen: Screen, store: str, results: str, brought: Mapping[str, Pulled]) -> Asked:
    """Find out whether a ranking would differ from the last one.

    Args:
        screen: What is asked.
        store: Folder or URL of the tables.
        results: Folder under which the folder of the screen is.
        brought: What was pulled, by the names of the sources; the bundle is among them.
    """
    pulled = tuple(brought[spec] for spec in screen.sources)
    folder = Path(results) / screen.name
    try:
        record = read_record(folder)
    except StoreError as error:
        show(f"{error}; ranking anew")
        record = None
    made_of = fingerprint(screen, Store(store), pulled, before=record)
    if record is None:
        news: tuple[str, ...] = ("the first ranking on record",)
    elif not belongs(record, folder):
        news = ("the files of the last ranking are not those on record",)
    else:
        news = record.made_of.differences(made_of)
    return Asked(screen, folder, pulled, brought["bundle"], record, made_of, news)


def described(
    asked: Sequence[Asked], store: str, *, max_failed_fraction: float, partition: int = PARTITION
) -> int:
    """Describe what some screens of one descriptor set rank and learn from."""
    wanted = {name for one in asked for each in (one.bundle, *one.pulled) for name in each.ids}
    return describe_missing(
        store,
        asked[0].screen.descriptor_set,
        wanted,
        partition=partition,
        max_failed_fraction=max_failed_fraction,
    )


def make(asked: Asked, store: str, ledger: Ledger) -> ScreenRun:
    """Describe, train, predict, rank, export, and tell what changed."""
    one = asked.screen
    with ledger.stage("describe") as counter:
        counter.items = described(
            [asked], store, max_failed_fraction=one.budget.max_failed_fraction
        )
    with ledger.stage("train") as counter:
        cards = asked.cards
        if cards is None:
            cards = tuple(tasks.train(store, one.descriptor_set, one.ranking.seed))
        counter.items = len(cards)
    finished = tasks.finish(one, store, str(asked.folder), asked.pulled, cards, ledger)
    models = {str(card["property"]): str(card["model_id"]) for card in cards}
    found: Changes | None = None
    if asked.record is not None:
        found = changes(
            asked.record,
            finished.ranking,
            asked.made_of,
            labels=label_texts(Store(store)),
            models=models,
        )
        for each in found:
            show(str(each))
        if found:
            hooks.tell_changed(one.name, found, finished.folder)
    artifacts.ranking(one.name, finished.ranking, found)
    artifacts.report(one.name, finished.folder)
    reasons = finished.result.failures["reason"].astype(str).value_counts()
    artifacts.failures(
        f"screen {one.name}",
        {str(reason): int(count) for reason, count in reasons.items()},
        failed=len(finished.result.failures),
        total=int(finished.result.counts["seen"]),
    )
    write_record(
        finished.folder,
        asked.made_of,
        ranking=finished.ranking,
        store=Store(store),
        run_id=ledger.run_id,
        models=models,
    )
    message = f"{one.name}: ranked {finished.result.counts['candidates']:,} candidates"
    if found is not None:
        message += f"; since {found.since} {found.summary()}"
    show(message)
    return ScreenRun(one.name, finished.folder, message, finished, found)


def unchanged(asked: Asked) -> ScreenRun:
    """Say that the last ranking stands."""
    since = asked.record.finished_at if asked.record is not None else "never"
    message = f"{asked.screen.name}: nothing new since {since}, the ranking stands"
    show(message)
    return ScreenRun(asked.screen.name, asked.folder, message)


@flow(
    name="screen",
    flow_run_name="screen {name}",
    **hooks.OPTIONS,
)
def screen(
    name: str,
    store: str = STORE,
    results: str = RESULTS,
    sources: list[str] | None = None,
    force: bool = False,
) -> Any:
    """Run one screen end to end, or end in seconds where nothing is new.

    Args:
        name: A shipped screen or the path of a TOML file.
        store: Folder or URL of the tables.
        results: Folder under which the folder of the screen is written.
        sources: Sources to rank instead of the screen's own.
        force: Rank also where nothing is new.

    Returns:
        A `ScreenRun`.
    """
    ledger = Ledger()
    found = _HANDED.get().get(name)
    if found is None:
        asked = load_screen(name)
        if sources:
            asked = asked.model_copy(update={"sources": tuple(sources)})
        check_names(asked)
        with ledger.stage("pull") as counter:
            brought = bring(
                store,
                ["bundle", *asked.sources],
                max_failed_fraction=asked.budget.max_failed_fraction,
            )
            if brought.errors:
                raise SourceError("; ".join(f"{s}: {why}" for s, why in brought.errors.items()))
            counter.items = sum(brought.pulled[spec].seen for spec in asked.sources)
        found = look(asked, store, results, brought.pulled)
    if not found.news and not force:
        run = unchanged(found)
        return Completed(message=run.message, data=run)
    show("ranking, because " + "; ".join(found.news or ("it was asked for",)))
    run = make(found, store, ledger)
    return Completed(message=run.message, data=run)
