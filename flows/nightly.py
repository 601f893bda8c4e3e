"""The flow `nightly`: pull the sources of every screen, describe, train, and rank what is new."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from prefect import flow
from prefect.states import Completed

import flows  # sets Prefect up, so it comes before prefect
from flows import artifacts, hooks, tasks
from flows.defaults import PARTITION, RESULTS, SCREENS, STORE
from flows.progress import show
from flows.pull import pull
from flows.screen import Asked, ScreenRun, described, handing_over, look, screen, unchanged
from flows.simulate import simulate as simulate_flow
from flows.simulate import torch_is_there
from matscreen.config import load_screen
from matscreen.errors import MatscreenError
from matscreen.screening import check_names

__all__ = ["NightError", "flows", "nightly"]


class NightError(MatscreenError):
    """Some screens of a night could not be ranked; the others are done."""


@flow(
    name="nightly",
    flow_run_name="nightly",
    **hooks.OPTIONS,
)
def nightly(
    screens: list[str] = list(SCREENS),  # noqa: B006 - Prefect shows it, nobody changes it
    store: str = STORE,
    results: str = RESULTS,
    simulate: str | None = None,
    force: bool = False,
    partition: int = PARTITION,
) -> Any:
    """Bring every screen up to date; what is already so ends in seconds.

    A source or a screen that fails does not stop the others; the run fails at its end and says
    what is missing. A run after a crash goes on from the store.

    Args:
        screens: Shipped screens or paths of TOML files.
        store: Folder or URL of the tables.
        results: Folder under which the folders of the screens are written.
        simulate: Budget of each screen for new simulations (`40`, `2h`, `0.05kWh`); none without
            it, and none where torch is not installed.
        force: Rank also where nothing is new.
        partition: Candidates that one task describes.

    Returns:
        A list of `ScreenRun`.
    """
    asked = [load_screen(name) for name in screens]
    for one in asked:
        check_names(one)
    specs = list(dict.fromkeys(["bundle", *(spec for one in asked for spec in one.sources)]))
    largest = max((one.budget.max_failed_fraction for one in asked), default=1.0)
    # A folder that is gone tonight must not take the other screens with it.
    brought = pull(specs, store, largest, forgiving=True)
    problems = [f"source {spec}: {why}" for spec, why in brought.errors.items()]
    if simulate is not None:
        problems += _simulate(screens, simulate, store)
    runs: list[ScreenRun] = []
    stale: dict[str, Asked] = {}
    for name, one in zip(screens, asked, strict=True):
        lacking = [spec for spec in ("bundle", *one.sources) if spec in brought.errors]
        if lacking:
            problems.append(f"{one.name}: not ranked without {', '.join(lacking)}")
            continue
        try:
            found = look(one, store, results, brought.pulled)
        except Exception as error:
            problems.append(_problem(one.name, error))
            continue
        if found.news or force:
            stale[name] = found
        else:
            runs.append(unchanged(found))
    ready, unprepared = _prepare(stale, store, partition)
    problems += unprepared
    with handing_over(ready):
        for name in ready:
            try:
                run: Any = screen(name, store, results, force=force)
                runs.append(run)
            except Exception as error:
                problems.append(_problem(name, error))
    return _end(runs, problems)


def _problem(what: str, error: Exception) -> str:
    """Say at once what went wrong, and return it for the end."""
    problem = f"{what}: {' '.join(str(error).split())}"
    show(problem)
    return problem


def _simulate(screens: list[str], budget: str, store: str) -> list[str]:
    if not torch_is_there():
        show("no simulations: torch is not installed (pip install 'matscreen[simulate]')")
        return []
    problems = []
    for name in screens:
        try:
            simulate_flow(name, budget, store=store)
        except Exception as error:
            problems.append(_problem(f"simulating for {name}", error))
    return problems


def _prepare(
    stale: Mapping[str, Asked], store: str, partition: int
) -> tuple[dict[str, Asked], list[str]]:
    """Describe and train once for all screens that share descriptors and seed.

    Returns:
        The screens that can be ranked, and why the others cannot.
    """
    ready: dict[str, Asked] = {}
    problems: list[str] = []
    for descriptors in dict.fromkeys(each.screen.descriptor_set for each in stale.values()):
        mine = {k: v for k, v in stale.items() if v.screen.descriptor_set == descriptors}
        limit = min(each.screen.budget.max_failed_fraction for each in mine.values())
        try:
            described(list(mine.values()), store, max_failed_fraction=limit, partition=partition)
        except Exception as error:
            problems += [_problem(each.screen.name, error) for each in mine.values()]
            continue
        for seed in sorted({each.screen.ranking.seed for each in mine.values()}):
            same = {k: v for k, v in mine.items() if v.screen.ranking.seed == seed}
            try:
                cards = tuple(tasks.train(store, descriptors, seed))
            except Exception as error:
                problems += [_problem(each.screen.name, error) for each in same.values()]
                continue
            ready.update({name: replace(each, cards=cards) for name, each in same.items()})
    return {name: ready[name] for name in stale if name in ready}, problems


def _end(runs: list[ScreenRun], problems: list[str]) -> Any:
    lines = [f"- {run.message}" for run in runs] + [f"- **{text}**" for text in problems]
    artifacts.note("night", "\n".join(lines) or "No screen was asked for.")
    if problems:
        raise NightError("; ".join(problems))
    ranked = [run for run in runs if run.finished is not None]
    message = "; ".join(run.message for run in ranked) or f"nothing new for {len(runs)} screens"
    show(message)
    return Completed(message=message, data=runs)
