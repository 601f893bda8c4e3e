"""The flow `pull`: bring sources into the store, one task a source."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from prefect import flow

import flows  # sets Prefect up, so it comes before prefect
from flows import artifacts, budgets, hooks, tasks
from flows.defaults import MAX_FAILED_FRACTION, STORE
from flows.progress import show
from matscreen.errors import InputError, MatscreenError, SourceError
from matscreen.stages import Pulled
from matscreen.store import Store

__all__ = ["Brought", "bring", "flows", "pull"]


@dataclass(frozen=True)
class Brought:
    """What a pull of several sources brought.

    Attributes:
        pulled: What each source that could be read brought, by its name.
        errors: Why the others could not, by their names.
    """

    pulled: Mapping[str, Pulled]
    errors: Mapping[str, str]


def bring(
    store: str,
    sources: Sequence[str],
    *,
    max_failed_fraction: float = MAX_FAILED_FRACTION,
    forgiving: bool = False,
) -> Brought:
    """Pull sources one after the other; one that cannot be read does not keep the others away.

    Args:
        store: Folder or URL of the tables.
        sources: Sources as in a screen.
        max_failed_fraction: Largest share of the entries of a source that may fail.
        forgiving: A source that does not exist is one that cannot be read.

    Raises:
        InputError: A source was asked for something that does not exist.
        SourceError: No source could be read.
    """
    pulled: dict[str, Pulled] = {}
    errors: dict[str, str] = {}
    # `store` takes what is there, so it comes after everything that brings more.
    for spec in sorted(dict.fromkeys(sources), key=lambda each: each == "store"):
        try:
            found = tasks.pull(store, spec)
            budgets.check(
                f"pull {spec}",
                failed=found.failed,
                total=found.seen,
                limit=max_failed_fraction,
                reasons=budgets.reasons(
                    Store(store), stage="pull", prefix=f"{spec.partition(':')[0]}:"
                ),
            )
        except (MatscreenError, OSError, TimeoutError) as error:
            if isinstance(error, InputError) and not forgiving:
                raise
            errors[spec] = " ".join(str(error).split())
            show(f"{spec} could not be pulled: {error}")
        else:
            pulled[spec] = found
            show(
                f"{spec}: {found.seen:,} entries, {len(found.ids):,} candidates, "
                f"{found.failed:,} failed"
            )
    if errors and not pulled:
        raise SourceError("; ".join(f"{spec}: {why}" for spec, why in errors.items()))
    return Brought(pulled, errors)


@flow(
    name="pull",
    flow_run_name="pull",
    **hooks.OPTIONS,
)
def pull(
    sources: list[str],
    store: str = STORE,
    max_failed_fraction: float = MAX_FAILED_FRACTION,
    forgiving: bool = False,
) -> Brought:
    """Bring what is new in some sources into the store.

    Args:
        sources: Sources as in a screen: `bundle`, `known`, `files:PATH`, `optimade:alexandria`...
        store: Folder or URL of the tables.
        max_failed_fraction: Largest share of the entries of a source that may fail.
        forgiving: A source that does not exist is one that cannot be read; without it the run fails
            at once.
    """
    brought = bring(store, sources, max_failed_fraction=max_failed_fraction, forgiving=forgiving)
    lines = ["| source | entries | candidates | failed |", "|---|---|---|---|"]
    lines += [
        f"| {spec} | {each.seen} | {len(each.ids)} | {each.failed} |"
        for spec, each in brought.pulled.items()
    ]
    lines += [f"| {spec} | could not be read: {why} | | |" for spec, why in brought.errors.items()]
    artifacts.note("pulled", "\n".join(lines))
    return brought
