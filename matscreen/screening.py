"""Rank the candidates of a screen and leave its results: the last stages and their composition."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matscreen import composition_screening, stages
from matscreen.buildability import smallest_diagnostics
from matscreen.dossiers import with_devices, with_dossiers
from matscreen.engines import open_engine
from matscreen.fabrication_limits import fabrication_limits, with_fabrication
from matscreen.gathering import (
    candidates_and_values,
    nothing_to_rank,
    relevant_failures,
    stored_crystals,
)
from matscreen.last_screen import changes_since, last_screen
from matscreen.power import Ledger
from matscreen.ranking_record import PULLED, RANKING, write_pulled
from matscreen.screen_files import Screening, provenance, screen_info, write_summary
from matscreen.stages import Progress, Pulled, quiet

if TYPE_CHECKING:
    import pandas as pd

    from matscreen.config import Screen
    from matscreen.report.result import ScreenResult
    from matscreen.store import Store


__all__ = [
    "Screening",
    "check_names",
    "export",
    "finish_screen",
    "rank",
    "run_screen",
]


def run_screen(
    screen: Screen,
    store: Store,
    folder: str | Path,
    *,
    sources: Sequence[str] | None = None,
    progress: Progress = quiet,
) -> Screening:
    """Run a whole screen in this process: select, describe, train, predict, rank, export.

    Args:
        screen: What is asked.
        store: Where the tables live; new candidates and labels are added to it.
        folder: Where the result files go.
        sources: Sources to rank instead of the screen's own.
        progress: Called as stages advance.

    Raises:
        InputError: A name in the screen is unknown, or no candidate is left to rank.
    """
    check_names(screen)
    count = composition_screening.asked_for(sources or screen.sources)
    if count is not None:
        with open_engine(screen.dask, workers=screen.workers) as engine:
            return composition_screening.screen_compositions(
                screen, store, folder, count=count, engine=engine, progress=progress
            )
    ledger = Ledger()
    with ledger.stage("pull") as counter:
        pulled = [
            stages.select(store, spec, progress=progress) for spec in sources or screen.sources
        ]
        counter.items = sum(each.seen for each in pulled)
    if not any(each.ids for each in pulled):
        raise nothing_to_rank(store, pulled)  # before minutes of training, not after
    with ledger.stage("describe") as counter:
        # The labelled candidates of the bundle are what the surrogates learn from.
        bundle = stages.load_bundle(store, progress=progress)
        wanted = {name for each in (bundle, *pulled) for name in each.ids}
        counter.items = _describe(screen, store, wanted, progress)
    with ledger.stage("train") as counter:
        cards = stages.train(
            store, screen.descriptor_set, seed=screen.ranking.seed, progress=progress
        )
        counter.items = len(cards)
    with ledger.stage("predict") as counter:
        counter.items = stages.predict(
            store, screen.descriptor_set, seed=screen.ranking.seed, progress=progress
        )
    return finish_screen(
        screen,
        store,
        folder,
        pulled=pulled,
        cards=cards,
        ledger=ledger,
        predicted=store.version("predictions"),
        progress=progress,
    )


def _describe(screen: Screen, store: Store, wanted: set[str], progress: Progress) -> int:
    """Describe on the screen's cluster where it names one, else in as many processes as pay."""
    if screen.dask is None:
        return stages.describe(
            store, screen.descriptor_set, wanted, workers=screen.workers, progress=progress
        )
    with open_engine(screen.dask, workers=screen.workers) as engine:
        return stages.describe(
            store, screen.descriptor_set, wanted, engine=engine, progress=progress
        )


def finish_screen(
    screen: Screen,
    store: Store,
    folder: str | Path,
    *,
    pulled: Sequence[Pulled],
    cards: Sequence[Mapping[str, Any]],
    ledger: Ledger,
    predicted: int | None = None,
    progress: Progress = quiet,
) -> Screening:
    """Rank what was pulled and write the result files.

    Args:
        screen: What is asked.
        store: Where the tables live.
        folder: Where the result files go.
        pulled: What is ranked.
        cards: Of the surrogates that predicted.
        ledger: What was spent until now.
        predicted: Version of the table `predictions` to rank by, which another screen may replace
            meanwhile; the latest by default.
        progress: Called as stages advance.
    """
    from matscreen.mechanisms import reference_lines
    from matscreen.report.result import ScreenResult

    ledger.task = ledger.task or f"screen {screen.name}"
    with ledger.stage("explain") as counter:
        explanations = stages.explain_models(store, cards, progress=progress)
        counter.items = len(explanations)
    # Others may write meanwhile: what is ranked is exactly what `screen.json` says was read.
    versions = store.versions()
    if predicted is not None:
        versions["predictions"] = predicted
    view = store.at(versions)
    before = last_screen(folder)
    with ledger.stage("rank") as counter:
        candidates, values = candidates_and_values(view, pulled)
        ranking = _rank(screen, view, candidates, values, progress=progress)
        counter.items = len(ranking)
    failures = relevant_failures(view, pulled)
    result = ScreenResult(
        screen=screen_info(screen, [each.spec for each in pulled]),
        ranking=ranking,
        reference_lines=reference_lines(screen.application),
        model_cards=tuple(cards),
        failures=failures,
        counts=_counts(pulled, ranking, failures),
        files={
            "ranking": "candidates.csv",
            "ranking with units": RANKING,
            "structures": "structures/",
            "failures": "failures.csv",
            "what was ranked": PULLED,
            "configuration": "screen.json",
        },
        explanations=tuple(explanations),
    )
    with ledger.stage("assess the best") as counter:
        result = with_devices(with_dossiers(result, screen, view, candidates, values))
        counter.items = len(result.dossiers)
    ledger.write(store)
    made = provenance(
        _command(screen, pulled),
        ledger,
        store_versions=view.versions(),
        seed=screen.ranking.seed,
    )
    changed = changes_since(before, screen, ranking, made)
    result = replace(result, provenance=made, changes=changed)
    with ledger.stage("export") as counter:
        write_pulled(pulled, Path(folder), run_id=ledger.run_id)
        finished = export(screen, view, result, Path(folder), progress=progress)
        counter.items = len(ranking)
    ledger.write(store)
    return finished


def check_names(screen: Screen) -> None:
    """Check every name of a screen against the registries, and the device specification.

    Raises:
        ConfigError: The device specification is wrong.
        InputError: A mechanism or descriptor set is unknown.
    """
    from matscreen.calibration import calibrated_mechanisms
    from matscreen.descriptors import get_descriptor_set
    from matscreen.mechanisms.device import Device

    get_descriptor_set(screen.descriptor_set)
    calibrated_mechanisms(screen.mechanisms, screen.calibration)
    Device.from_mapping(screen.device)


def rank(
    screen: Screen, store: Store, pulled: Sequence[Pulled], *, progress: Progress = quiet
) -> pd.DataFrame:
    """Rank the pulled candidates under the mechanisms of a screen.

    Raises:
        InputError: Nothing suitable was pulled.
    """
    candidates, values = candidates_and_values(store, pulled)
    return _rank(screen, store, candidates, values, progress=progress)


def _rank(
    screen: Screen,
    store: Store,
    candidates: pd.DataFrame,
    values: pd.DataFrame,
    *,
    progress: Progress,
) -> pd.DataFrame:
    from matscreen import ranking as monte_carlo
    from matscreen.calibration import calibrated_mechanisms
    from matscreen.mechanisms.device import Device

    mechanisms = calibrated_mechanisms(screen.mechanisms, screen.calibration)
    assessed, excluded = fabrication_limits(screen, store, candidates, values, progress=progress)
    progress("rank", 0, 1)
    table = monte_carlo.rank(
        candidates,
        values,
        mechanisms=mechanisms,
        device=Device.from_mapping(screen.device),
        application=screen.application,
        max_energy_above_hull=screen.constraints.max_energy_above_hull,
        samples=screen.ranking.samples,
        seed=screen.ranking.seed,
        barred=excluded,
        least=smallest_diagnostics(screen.constraints),
    )
    progress("rank", 1, 1)
    return with_fabrication(screen, store, table, assessed)


def export(
    screen: Screen,
    store: Store,
    result: ScreenResult,
    folder: Path,
    *,
    progress: Progress = quiet,
) -> Screening:
    """Write candidates.csv and .parquet, structures/, failures.csv, report.html, screen.json."""
    from matscreen.exports import write_cifs, write_csv, write_parquet
    from matscreen.report import write_report

    folder.mkdir(parents=True, exist_ok=True)
    table = result.ranking
    write_csv(table, folder / "candidates.csv")
    write_parquet(table, folder / RANKING)
    write_csv(result.failures, folder / "failures.csv")
    best = table.drop_duplicates("structure_id").head(screen.ranking.top_k)
    crystals = stored_crystals(store, list(best["structure_id"]))
    write_cifs(table, crystals, folder / "structures", top_k=screen.ranking.top_k)
    progress("export", 1, 2)
    write_report(folder / "report.html", result)
    write_summary(folder, screen, result)
    progress("export", 2, 2)
    return Screening(result, folder)


def _counts(
    pulled: Sequence[Pulled], ranking: pd.DataFrame, failures: pd.DataFrame
) -> dict[str, int]:
    return {
        "seen": sum(each.seen for each in pulled),
        "failed_entries": sum(each.failed for each in pulled),
        "duplicates": sum(each.duplicates for each in pulled),
        "candidates": int(ranking["structure_id"].nunique()),
        "ranked": len(ranking),
        "feasible": int(ranking["feasible"].sum()),
        "failures": len(failures),
    }


def _command(screen: Screen, pulled: Sequence[Pulled]) -> str:
    sources = " ".join(f"--source {each.spec}" for each in pulled)
    return f"matscreen screen {screen.name} {sources} -o results/{screen.name}"
