"""A screen of enumerated compositions: partition by partition, on any engine, resumable.

Compositions are enumerated, described, predicted and ranked where the work is done; what travels
is a few numbers a partition. Finished partitions stay in the store until a clean-up finds them out
of use, so that a screen that was cut off goes on where it stopped.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from matscreen import compositions, stages
from matscreen.config import Screen
from matscreen.dossiers import scored_devices, with_devices
from matscreen.engines import Engine
from matscreen.errors import InputError
from matscreen.made_of import code_hash
from matscreen.merging import Merged, merge_parts
from matscreen.parallel import meanwhile
from matscreen.part_files import FOLDER, PartFolder
from matscreen.partitions import LEADERS, ROWS, SOURCE, PartDone, Plan, part_name, rank_part
from matscreen.power import Ledger
from matscreen.ranking_record import PULLED, RANKING
from matscreen.screen_files import Screening, provenance, screen_info, write_summary
from matscreen.stages import Progress, quiet

if TYPE_CHECKING:
    import pandas as pd

    from matscreen.mechanisms import Mechanism
    from matscreen.store import Store

DESCRIPTOR_SET: Final = "fast"
PART_SIZE: Final = (2_500, 10_000)
"""Fewest and most compositions in a partition; fewer are ranked before a process has started."""
_PARTS: Final = 16
"""Partitions that are wanted at least, so that all processes end together."""
HEAD: Final = 2000
"""Rows of each mechanism in `candidates.csv` and the report; `candidates.parquet` holds all."""
_CRYSTAL_FACT: Final = "polar"
_INCIDENTAL: Final = frozenset({"name", "title", "description", "sources", "dask", "workers"})


def asked_for(sources: Sequence[str]) -> int | None:
    """Return how many compositions some sources ask for, none where they name other sources.

    Raises:
        InputError: `compositions` has no count, or stands beside other sources.
    """
    mine = [spec for spec in sources if spec.partition(":")[0] == SOURCE]
    if not mine:
        return None
    count = mine[0].partition(":")[2].replace("_", "").replace(",", "")
    if not count.isdecimal():
        raise InputError(
            f"{mine[0]!r} does not say how many compositions; write for example '{SOURCE}:100000'"
        )
    if len(sources) > 1:
        others = ", ".join(spec for spec in sources if spec != mine[0])
        raise InputError(
            f"compositions have no crystals and are ranked alone; screen {others} by itself"
        )
    return int(count)


def screen_compositions(
    screen: Screen,
    store: Store,
    folder: str | Path,
    *,
    count: int,
    engine: Engine,
    part_size: int | None = None,
    progress: Progress = quiet,
) -> Screening:
    """Rank enumerated compositions and leave the result files.

    Mechanisms that ask for the symmetry of a crystal are left out: a composition has none.

    Args:
        screen: What is asked; its descriptors are those of `fast` whatever it says.
        store: Where the labels are that the surrogates learn from, and finished partitions.
        folder: Where the result files go.
        count: Number of compositions, common ions first.
        engine: Where partitions are worked on.
        part_size: Compositions in a partition; `sensible_size` by default.
        progress: Called as stages advance.

    Raises:
        InputError: A constraint or every mechanism of the screen needs crystals.
    """
    screen = screen.model_copy(update={"descriptor_set": DESCRIPTOR_SET})
    mechanisms = eligible_mechanisms(screen)
    part_size = part_size or sensible_size(count)
    ledger = Ledger(f"screen {screen.name}")
    engine.get_ready("matscreen.rehearsal")
    # What takes seconds whatever the count is done while the models are read.
    with meanwhile(scored_devices, workers=engine.workers) as devices:
        with ledger.stage("train") as counter:
            cards, plan = _plan(screen, store, mechanisms, progress)
            counter.items = len(cards)
        with ledger.stage("rank partitions") as counter:
            work = list(compositions.parts(count, part_size))
            done = rank_missing(plan, work, engine, progress=progress)
            counter.items = sum(each.candidates for each in done)
        with ledger.stage("export") as counter:
            merged = merge_parts(
                PartFolder(plan.folder),
                [part_name(part) for part in work],
                Path(folder) / RANKING,
                mechanisms=[mechanism.name for mechanism in mechanisms],
                samples=screen.ranking.samples,
                head=HEAD,
                progress=progress,
            )
            counter.items = merged.rows
        scored = devices()
    ledger.write(store)
    notes = {
        "engine": engine.name,
        "partitions": {"all": len(work), "done in this run": len(done), "size": part_size},
        "processor_seconds": _by_stage(done),
        "left out": sorted(set(screen.mechanisms) - {m.name for m in mechanisms}),
    }
    return _finished(screen, store, Path(folder), count, merged, cards, ledger, notes, scored)


def sensible_size(count: int) -> int:
    """Return how many compositions a partition takes: some for each process, whatever the count."""
    fewest, most = PART_SIZE
    return min(max(-(-count // _PARTS), fewest), most)


def eligible_mechanisms(screen: Screen) -> tuple[Mechanism, ...]:
    """Return the mechanisms of a screen that compositions can be judged by.

    Raises:
        InputError: There is none, or a constraint needs crystals.
    """
    from matscreen.calibration import calibrated_mechanisms

    if screen.constraints.max_mismatch is not None:
        raise InputError(
            "constraints.max_mismatch needs crystals, and compositions have none; leave it out"
        )
    found = tuple(
        mechanism
        for mechanism in calibrated_mechanisms(screen.mechanisms, screen.calibration)
        if _CRYSTAL_FACT not in mechanism.optional
    )
    if not found:
        raise InputError(
            f"{', '.join(screen.mechanisms)} ask for the symmetry of a crystal, and compositions "
            "have none; add valence_change or another mechanism"
        )
    return found


def rank_missing(
    plan: Plan,
    parts: Sequence[compositions.CompositionPart],
    engine: Engine,
    *,
    progress: Progress = quiet,
) -> list[PartDone]:
    """Rank the partitions that are not finished yet; what was done in this run is returned."""
    folder = PartFolder(plan.folder)
    folder.mark_used()
    there = folder.names()
    missing = [
        part for part in parts if not {part_name(part) + ROWS, part_name(part) + LEADERS} <= there
    ]
    total = sum(map(len, parts))
    ready = total - sum(map(len, missing))
    progress("rank partitions", ready, total)
    done = []
    for finished in engine.map(rank_part, plan, missing):
        done.append(finished)
        ready += finished.candidates
        progress("rank partitions", ready, total)
    return done


def _plan(
    screen: Screen, store: Store, mechanisms: tuple[Mechanism, ...], progress: Progress
) -> tuple[list[Mapping[str, Any]], Plan]:
    """Train what the mechanisms need from the labels of the store."""
    from matscreen.mechanisms.device import Device
    from matscreen.training import property_model

    bundle = stages.load_bundle(store, progress=progress)
    stages.describe(store, screen.descriptor_set, bundle.ids, progress=progress)
    used = {name for m in mechanisms for name in (*m.requires, *m.optional)} | {"energy_above_hull"}
    wanted = [name for name in stages.TRAINED_PROPERTIES if name in used]
    seed = screen.ranking.seed
    cards = stages.train(
        store, screen.descriptor_set, properties=wanted, seed=seed, progress=progress
    )
    models = {
        str(card["property"]): property_model(
            store, str(card["property"]), screen.descriptor_set, seed=seed
        )
        for card in cards
    }
    device = Device.from_mapping(screen.device)
    key = _key(screen, mechanisms, device, cards)
    plan = Plan(screen, mechanisms, device, models, f"{store.root}/{FOLDER}/{key}")
    return cards, plan


def _key(
    screen: Screen,
    mechanisms: Sequence[Mechanism],
    device: Any,
    cards: Sequence[Mapping[str, Any]],
) -> str:
    """Return what tells partitions of one question from those of another."""
    asked = {k: v for k, v in screen.model_dump(mode="json").items() if k not in _INCIDENTAL}
    decisive = {
        "screen": asked,
        "device": asdict(device),
        "mechanisms": [(m.name, asdict(m.model_error), _made_with(m)) for m in mechanisms],
        "models": [str(card["model_id"]) for card in cards],
        # The version alone stays the same while somebody works on the code.
        "code": code_hash(),
        "enumeration": compositions.VERSION,
    }
    content = json.dumps(decisive, sort_keys=True, default=str)
    return hashlib.sha256(content.encode()).hexdigest()[:16]


def _made_with(made: object) -> object:
    """Return the class of a mechanism and what it was made with; the same in every process.

    The default `repr` of an object holds its address, by which no other process finds anything.
    """
    if type(made).__repr__ is not object.__repr__:
        return repr(made)
    values = {
        name: _made_with(value) for name, value in sorted(getattr(made, "__dict__", {}).items())
    }
    return [type(made).__module__, type(made).__qualname__, values]


def _finished(
    screen: Screen,
    store: Store,
    folder: Path,
    count: int,
    merged: Merged,
    cards: Sequence[Mapping[str, Any]],
    ledger: Ledger,
    notes: Mapping[str, Any],
    scored: tuple[pd.DataFrame, pd.DataFrame],
) -> Screening:
    """Write candidates.csv, report.html and screen.json beside candidates.parquet."""
    import pandas as pd

    from matscreen.exports import write_csv
    from matscreen.mechanisms import reference_lines
    from matscreen.report import write_report
    from matscreen.report.result import ScreenResult

    spec = f"{SOURCE}:{count}"
    versions = {name: store.version(name) for name in ("candidates", "labels")}
    command = f"matscreen screen {screen.name} --source {spec} -o results/{screen.name}"
    about = provenance(command, ledger, store_versions=versions, seed=screen.ranking.seed)
    result = ScreenResult(
        screen=replace(
            screen_info(screen, [spec]),
            description=_description(screen, notes["left out"]),
            mechanisms=tuple(name for name in screen.mechanisms if name not in notes["left out"]),
        ),
        ranking=merged.head,
        reference_lines=reference_lines(screen.application),
        model_cards=tuple(cards),
        failures=pd.DataFrame(columns=["structure_id", "stage", "reason", "detail"]),
        counts={
            "seen": count,
            "failed_entries": 0,
            "duplicates": 0,
            "candidates": count,
            "ranked": merged.rows,
            "feasible": merged.feasible,
            "failures": 0,
        },
        provenance={**about, "compositions": dict(notes)},
        files={
            f"best {HEAD:,} of each mechanism": "candidates.csv",
            "whole ranking with units": RANKING,
            "configuration": "screen.json",
        },
    )
    result = with_devices(result, scored)
    _remove_results_of_crystals(folder)
    write_csv(merged.head, folder / "candidates.csv")
    write_report(folder / "report.html", result)
    write_summary(folder, screen, result)
    return Screening(result, folder)


def _remove_results_of_crystals(folder: Path) -> None:
    """Remove what an earlier ranking of crystals left, and would be taken for results of this one.

    What matscreen does not write stays.
    """
    from matscreen.exports.structures import remove_earlier

    for name in ("failures.csv", PULLED):
        (folder / name).unlink(missing_ok=True)
    if (folder / "structures").is_dir():
        remove_earlier(folder / "structures", ".cif", ())


def _description(screen: Screen, left_out: Sequence[str]) -> str:
    """Say what compositions without a crystal cannot be asked."""
    if not left_out:
        return screen.description
    return (
        f"{screen.description.strip()} Not judged here: {', '.join(left_out)}, because a "
        "composition without a crystal has no symmetry."
    )


def _by_stage(done: Sequence[PartDone]) -> dict[str, float]:
    stage_names = {name: None for each in done for name in each.seconds}
    return {
        name: round(sum(each.seconds.get(name, 0.0) for each in done), 2) for name in stage_names
    }
