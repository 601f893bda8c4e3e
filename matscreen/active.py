"""Active learning: simulate what teaches most about the best switches, retrain, repeat."""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any, Literal

import numpy as np

from matscreen import stages, tables
from matscreen.errors import InputError
from matscreen.screening import check_names, rank
from matscreen.stages import Progress, quiet
from matscreen.surrogates.acquisition import (
    BATCH_LENGTH,
    diverse_batch,
    expected_improvement,
    kth_best,
    overlap,
    per_second,
    settled,
)

if TYPE_CHECKING:
    import pandas as pd

    from matscreen.config import Screen
    from matscreen.store import Store

Strategy = Literal["expected_improvement", "random"]

DECIDING: Mapping[str, tuple[str, ...]] = {
    "ferroelectric": ("double_well",),
    "valence_change": ("oxygen_vacancy", "oxygen_migration"),
    "electrochemical": ("oxygen_vacancy", "oxygen_migration"),
}
"""Simulations that give a mechanism its deciding properties, in the order of running."""

SECONDS_PER_ATOM: Mapping[str, float] = {
    "double_well": 1.2,
    "oxygen_vacancy": 4.0,
    "oxygen_migration": 4.5,
}
"""Duration per atom of the cell where no label tells better, s: medians of the shipped bundle."""

_Z90 = 1.6449


@dataclass(frozen=True)
class Budget:
    """What a loop may spend; None has no limit.

    Attributes:
        simulations: Number of simulations.
        seconds: Wall time, s.
        joules: Energy of the processors by the model of `matscreen.tables.WATTS_PER_CORE`, J.
    """

    simulations: int | None = None
    seconds: float | None = None
    joules: float | None = None

    @classmethod
    def parse(cls, text: str) -> Budget:
        """Read ``40`` (simulations), ``90min`` or ``2h`` (time), or ``0.05kWh`` (energy).

        Raises:
            InputError: The text is none of these or not positive.
        """
        found = re.fullmatch(r"\s*(\d+(?:\.\d+)?)\s*(h|min|kwh)?\s*", text.lower())
        if found is None or float(found[1]) <= 0 or (found[2] is None and "." in found[1]):
            raise InputError(
                f"budget {text!r} is not understood; give a number of simulations (40), a time "
                "(90min, 2h) or an energy (0.05kWh)"
            )
        amount = float(found[1])
        if found[2] is None:
            return cls(simulations=int(amount))
        if found[2] == "kwh":
            return cls(joules=3.6e6 * amount)
        return cls(seconds=amount * (3600 if found[2] == "h" else 60))


@dataclass
class Round:
    """One round of the loop.

    Attributes:
        number: Counted from 1, over all runs on a store.
        simulated: One row a simulation, as stored in `acquisitions`.
        best: The best candidates after the round: formula, mechanism, energy_nominal_J.
        top_k_overlap: Share of the best that were among the best before.
    """

    number: int
    simulated: list[dict[str, Any]] = field(default_factory=list)
    best: pd.DataFrame | None = None
    top_k_overlap: float = 0.0


def active_learning(
    store: Store,
    screen: Screen,
    budget: Budget,
    *,
    sources: Sequence[str] | None = None,
    calculator: str = "7net-0",
    batch: int = 8,
    top_k: int = 20,
    patience: int = 2,
    strategy: Strategy = "expected_improvement",
    seed: int = 0,
    progress: Progress = quiet,
    report: Callable[[Round], None] = lambda _round: None,
) -> list[Round]:
    """Choose, simulate and learn until the best few stay the same or the budget is spent.

    Each round trains the surrogates, ranks the candidates, and scores those whose deciding
    properties are not simulated yet: expected improvement on log10 of the nominal energy below
    the k-th best feasible one of its mechanism, with the ranking's own 90 % interval as
    uncertainty, times the probability of being feasible, per expected second. A batch of unlike
    candidates is simulated; each label is in the store before the next simulation starts, a
    rejected candidate becomes a row of `failures`, and every simulation a row of `acquisitions`.
    Calling it again goes on.

    Args:
        store: Tables to read and extend.
        screen: What is asked.
        budget: When to stop at the latest; a simulation that has begun is finished.
        sources: Sources instead of the screen's own.
        calculator: Potential.
        batch: Candidates a round.
        top_k: Number of best candidates of each mechanism that must stay the same.
        patience: For how many rounds they must.
        strategy: ``random`` chooses blindly, for comparison.
        seed: Seed of the random strategy.
        progress: Called as stages advance.
        report: Called after each round.

    Raises:
        InputError: A name in the screen is unknown, or no mechanism of it can be simulated.
    """
    check_names(screen)
    if not set(screen.mechanisms) & set(DECIDING):
        raise InputError(
            f"screen {screen.name!r} asks for {', '.join(screen.mechanisms)}; simulations decide "
            f"only {', '.join(DECIDING)}"
        )
    pulled = [stages.select(store, spec, progress=progress) for spec in sources or screen.sources]
    known = stages.load_bundle(store, progress=progress)
    wanted = {name for each in (known, *pulled) for name in each.ids}
    stages.describe(store, screen.descriptor_set, wanted, progress=progress)
    started, spent = time.monotonic(), Budget(0, 0.0, 0.0)
    rng = np.random.default_rng(seed)
    rounds: list[Round] = []
    ranking = _learn_and_rank(store, screen, pulled, progress)
    tops = [_top(ranking, top_k)]
    while not _over(budget, spent, started) and not settled(tops, patience=patience):
        choices = choose(
            store, screen, ranking, batch=batch, top_k=top_k, strategy=strategy, rng=rng
        )
        if choices.empty:
            break
        current = Round(_next_round(store))
        for choice in [dict(zip(choices.columns, row, strict=True)) for row in choices.to_numpy()]:
            if _over(budget, spent, started):
                break
            for row in _simulate(store, choice, calculator, current.number):
                current.simulated.append(row)
                store.upsert("acquisitions", tables.from_rows("acquisitions", [row]))
                spent = Budget(
                    (spent.simulations or 0) + 1, 0.0, (spent.joules or 0.0) + row["joules"]
                )
            progress("simulate", spent.simulations or 0, budget.simulations)
        ranking = _learn_and_rank(store, screen, pulled, progress)
        top = _top(ranking, top_k)
        current.top_k_overlap = overlap(tops[-1], top)
        if any(row["outcome"] == "labelled" for row in current.simulated):
            tops.append(top)  # a round that taught nothing says nothing about the best
        feasible = ranking[ranking["feasible"]]
        current.best = feasible.head(top_k)[["formula", "mechanism", "energy_nominal_J"]]
        best = float(feasible["energy_nominal_J"].min()) if len(feasible) else None
        for row in current.simulated:
            row |= {"best_energy": best, "top_k_overlap": current.top_k_overlap}
        store.upsert("acquisitions", tables.from_rows("acquisitions", current.simulated))
        rounds.append(current)
        report(current)
    return rounds


def choose(
    store: Store,
    screen: Screen,
    ranking: pd.DataFrame,
    *,
    batch: int,
    top_k: int = 20,
    strategy: Strategy = "expected_improvement",
    rng: np.random.Generator | None = None,
) -> pd.DataFrame:
    """Return the next candidates to simulate, best first.

    Args:
        store: For what is simulated already, what failed, and what simulations cost.
        screen: For the descriptor set.
        ranking: From `matscreen.screening.rank`.
        batch: Number of rows.
        top_k: Number of best candidates sought; the last of them is what to improve on.
        strategy: How to choose.
        rng: Source of chance of the random strategy.

    Returns:
        Columns structure_id, formula, mechanism, simulations, acquisition, expected_seconds.
    """
    import pandas as pd

    columns = [
        "structure_id", "formula", "mechanism", "simulations", "acquisition", "expected_seconds",
    ]  # fmt: skip
    open_rows = _open_rows(store, ranking)
    if open_rows.empty:
        return pd.DataFrame(columns=columns)
    energy = np.log10(open_rows["energy_nominal_J"].to_numpy(float))
    lower = open_rows["energy_lower_J"].to_numpy(float)
    width = np.log10(open_rows["energy_upper_J"].to_numpy(float) / lower)
    # The decades of a mechanism are set by its device class: each has its own best to beat.
    feasible = ranking[ranking["feasible"]].groupby("mechanism")["energy_nominal_J"]
    goals = {str(name): np.log10(kth_best(known, top_k)) for name, known in feasible}
    beaten = open_rows["mechanism"].map(goals).fillna(np.nanmax(energy))
    improvement = expected_improvement(energy, width / (2 * _Z90), beaten.to_numpy(float))
    scores = per_second(improvement, open_rows["p_feasible"], open_rows["expected_seconds"])
    if strategy == "random":
        scores = (rng or np.random.default_rng(0)).random(len(scores)) + 1e-9
    open_rows = open_rows.assign(acquisition=np.nan_to_num(scores))
    described = store.read(f"descriptors_{screen.descriptor_set}").to_pandas()
    features = open_rows[["structure_id"]].merge(described, on="structure_id", how="left")
    numbers = features.drop(columns=["structure_id", "version"]).to_numpy(np.float64)
    numbers = np.where(np.isfinite(numbers), numbers, 0.0)
    picks = diverse_batch(
        open_rows["acquisition"], numbers, open_rows["formula"].tolist(), batch, length=BATCH_LENGTH
    )
    return open_rows.iloc[picks][columns].reset_index(drop=True)


def _open_rows(store: Store, ranking: pd.DataFrame) -> pd.DataFrame:
    """Rows of the ranking with a simulation left that would decide them."""
    import pandas as pd

    labels = store.read("labels").to_pandas()
    failures = store.read("failures").to_pandas()
    sizes = store.read("candidates", ["structure_id", "nsites"]).to_pandas()
    recipe = labels["method"].astype(str).str.split(r"[/+~]", n=1).str[0]
    done = set(zip(labels["structure_id"], recipe, strict=True))
    done |= set(zip(failures["structure_id"], failures["stage"], strict=True))
    rate = (
        labels.assign(recipe=recipe)
        .merge(sizes, on="structure_id")
        .groupby(["structure_id", "recipe"])
        .agg(seconds=("seconds", "sum"), nsites=("nsites", "first"))
    )
    per_atom = (rate["seconds"] / rate["nsites"]).groupby(level="recipe").median().to_dict()
    rows = ranking.merge(sizes, on="structure_id", how="left", suffixes=("", "_cell"))
    todo = [
        tuple(name for name in DECIDING.get(mechanism, ()) if (owner, name) not in done)
        for owner, mechanism in zip(rows["structure_id"], rows["mechanism"], strict=True)
    ]
    cost = [
        sum(max(per_atom.get(name, 0.0) or SECONDS_PER_ATOM[name], 1e-3) * n for name in names)
        for names, n in zip(todo, rows["nsites"], strict=True)
    ]
    rows = rows.assign(simulations=pd.Series(todo, index=rows.index), expected_seconds=cost)
    # Candidates known by composition alone have no atoms to simulate.
    keep = (
        rows["simulations"].map(len).gt(0)
        & rows["nsites"].gt(0)
        & np.isfinite(rows["energy_nominal_J"])
    )
    chosen: pd.DataFrame = rows[keep].reset_index(drop=True)
    return chosen


def _simulate(
    store: Store, choice: Mapping[str, Any], calculator: str, number: int
) -> Iterable[dict[str, Any]]:
    for simulation in choice["simulations"]:
        wall, cpu = time.perf_counter(), time.process_time()
        added = stages.simulate(store, simulation, [choice["structure_id"]], calculator)
        yield {
            "round": number,
            "structure_id": choice["structure_id"],
            "mechanism": choice["mechanism"],
            "simulation": simulation,
            "acquisition": float(choice["acquisition"]),
            "expected_seconds": float(choice["expected_seconds"]),
            "seconds": time.perf_counter() - wall,
            "joules": (time.process_time() - cpu) * tables.WATTS_PER_CORE,
            "outcome": "labelled" if added else "rejected",
            "at": datetime.now(UTC),
        }
        if not added:  # the next simulation of the chain builds on this one
            return


def _learn_and_rank(
    store: Store, screen: Screen, pulled: Sequence[stages.Pulled], progress: Progress
) -> pd.DataFrame:
    seed = screen.ranking.seed
    stages.train(store, screen.descriptor_set, seed=seed, progress=progress)
    stages.predict(store, screen.descriptor_set, seed=seed, progress=progress)
    return rank(screen, store, pulled, progress=progress)


def _top(ranking: pd.DataFrame, top_k: int) -> list[str]:
    best = ranking[ranking["feasible"]].groupby("mechanism").head(top_k)
    return (best["mechanism"] + " " + best["formula"]).tolist()


def _over(budget: Budget, spent: Budget, started: float) -> bool:
    return (
        (budget.simulations is not None and (spent.simulations or 0) >= budget.simulations)
        or (budget.seconds is not None and time.monotonic() - started >= budget.seconds)
        or (budget.joules is not None and (spent.joules or 0.0) >= budget.joules)
    )


def _next_round(store: Store) -> int:
    if not store.exists("acquisitions"):
        return 1
    rounds = store.read("acquisitions", ["round"])["round"].to_pylist()
    return max(rounds, default=0) + 1
