"""The screening flow: pull, describe, train, predict, rank and export."""

from __future__ import annotations

from pathlib import Path

from prefect import flow
from prefect.artifacts import create_markdown_artifact

import flows  # sets Prefect up, so it comes before prefect
from flows import tasks
from matscreen.config import load_screen
from matscreen.power import Ledger
from matscreen.screening import Screening, check_names
from matscreen.stages import Progress, quiet

STORE = ".matscreen/store"
RESULTS = "results"

__all__ = ["flows", "screen"]


@flow(
    name="screen",
    flow_run_name="screen {name}",
    validate_parameters=False,
    persist_result=False,
)
def screen(
    name: str,
    store: str = STORE,
    results: str = RESULTS,
    sources: list[str] | None = None,
    progress: Progress = quiet,
) -> Screening:
    """Run one screen end to end.

    Args:
        name: A shipped screen or the path of a TOML file.
        store: Folder or URL of the tables.
        results: Folder under which the folder of the screen is written.
        sources: Sources to rank instead of the screen's own.
        progress: Called as stages advance.
    """
    asked = load_screen(name)
    check_names(asked)
    seed = asked.ranking.seed
    ledger = Ledger()
    with ledger.stage("pull") as counter:
        pulled = [tasks.pull(store, spec, progress) for spec in sources or asked.sources]
        counter.items = sum(each.seen for each in pulled)
    with ledger.stage("describe") as counter:
        counter.items = tasks.describe(store, asked.descriptor_set, pulled, progress)
    with ledger.stage("train") as counter:
        cards = tasks.train(store, asked.descriptor_set, seed, progress)
        counter.items = len(cards)
    with ledger.stage("predict") as counter:
        counter.items = tasks.predict(store, asked.descriptor_set, seed, progress)
    folder = str(Path(results) / asked.name)
    finished = tasks.finish(asked, store, folder, pulled, cards, ledger, progress)
    best = finished.ranking.head(10)[["rank", "formula", "mechanism", "energy_nominal_J"]]
    create_markdown_artifact(
        key=f"ranking-{asked.name}",
        description=f"Best candidates of {asked.name}; report: {finished.folder / 'report.html'}",
        markdown="\n".join(
            [
                "| rank | formula | mechanism | energy (J) |",
                "|---|---|---|---|",
                *(
                    f"| {r.rank} | {r.formula} | {r.mechanism} | {r.energy_nominal_J:.3g} |"
                    for r in best.itertuples()
                ),
            ]
        ),
    )
    return finished
