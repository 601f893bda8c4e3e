"""Rank the candidates of a screen and leave its results: the last stages and their composition."""

from __future__ import annotations

import json
import math
import os
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matscreen import stages
from matscreen.errors import InputError
from matscreen.power import Ledger
from matscreen.ranking_record import PULLED, write_pulled
from matscreen.stages import Progress, Pulled, quiet

if TYPE_CHECKING:
    import pandas as pd

    from matscreen.config import Screen
    from matscreen.report.result import ScreenResult
    from matscreen.store import Store
    from matscreen.structures import Crystal

_LIBRARIES = (
    "matscreen",
    "pymatgen",
    "ase",
    "moyopy",
    "numpy",
    "pandas",
    "scikit-learn",
    "prefect",
)


@dataclass(frozen=True)
class Screening:
    """A finished screen: its result tables and where its files are.

    Attributes:
        result: What was found, as the report shows it.
        folder: Folder of the result files.
    """

    result: ScreenResult
    folder: Path

    @property
    def ranking(self) -> pd.DataFrame:
        """The ranking, one row for each material and mechanism."""
        return self.result.ranking


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
    ledger = Ledger()
    with ledger.stage("pull") as counter:
        pulled = [
            stages.select(store, spec, progress=progress) for spec in sources or screen.sources
        ]
        counter.items = sum(each.seen for each in pulled)
    with ledger.stage("describe") as counter:
        # The labelled candidates of the bundle are what the surrogates learn from.
        bundle = stages.load_bundle(store, progress=progress)
        wanted = {name for each in (bundle, *pulled) for name in each.ids}
        counter.items = stages.describe(store, screen.descriptor_set, wanted, progress=progress)
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
        screen, store, folder, pulled=pulled, cards=cards, ledger=ledger, progress=progress
    )


def finish_screen(
    screen: Screen,
    store: Store,
    folder: str | Path,
    *,
    pulled: Sequence[Pulled],
    cards: Sequence[Mapping[str, Any]],
    ledger: Ledger,
    progress: Progress = quiet,
) -> Screening:
    """Rank what was pulled and write the result files."""
    from matscreen.mechanisms import reference_lines
    from matscreen.mechanisms.device import Device
    from matscreen.report.result import ScreenInfo, ScreenResult

    device = Device.from_mapping(screen.device)
    with ledger.stage("explain") as counter:
        explanations = stages.explain_models(store, cards, progress=progress)
        counter.items = len(explanations)
    # Others may write meanwhile: what is ranked is exactly what `screen.json` says was read.
    view = store.snapshot()
    with ledger.stage("rank") as counter:
        ranking = rank(screen, view, pulled, progress=progress)
        counter.items = len(ranking)
    failures = relevant_failures(view, pulled)
    store.append("ledger", _ledger_table(ledger))
    result = ScreenResult(
        screen=ScreenInfo(
            name=screen.name,
            title=screen.title,
            application=screen.application,
            description=screen.description,
            device=asdict(device),
            sources=tuple(each.spec for each in pulled),
            mechanisms=screen.mechanisms,
            max_energy_above_hull=screen.constraints.max_energy_above_hull,
        ),
        ranking=ranking,
        reference_lines=reference_lines(screen.application),
        model_cards=tuple(cards),
        failures=failures,
        counts=_counts(pulled, ranking, failures),
        provenance=_provenance(screen, view, ledger, pulled),
        files={
            "ranking": "candidates.csv",
            "ranking with units": "candidates.parquet",
            "structures": "structures/",
            "failures": "failures.csv",
            "what was ranked": PULLED,
            "configuration": "screen.json",
        },
        explanations=tuple(explanations),
    )
    write_pulled(pulled, Path(folder), run_id=ledger.run_id)
    return export(screen, view, result, Path(folder), progress=progress)


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
    from matscreen import ranking as monte_carlo
    from matscreen.calibration import calibrated_mechanisms
    from matscreen.mechanisms.device import Device

    candidates, values = candidates_and_values(store, pulled)
    mechanisms = calibrated_mechanisms(screen.mechanisms, screen.calibration)
    assessed, excluded = fabrication_limits(screen, store, candidates, values, progress=progress)
    asked = screen.constraints
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
        least={
            name: value
            for name, value in (
                ("endurance_margin", asked.min_endurance_margin),
                ("on_off_decades", asked.min_on_off_decades),
            )
            if value is not None
        },
    )
    progress("rank", 1, 1)
    return with_fabrication(screen, store, table, assessed)


def fabrication_limits(
    screen: Screen,
    store: Store,
    candidates: pd.DataFrame,
    values: pd.DataFrame,
    *,
    progress: Progress = quiet,
) -> tuple[pd.DataFrame, dict[str, tuple[str, ...]]]:
    """Say what stands in the way of making each candidate, and which ones a screen rules out."""
    from matscreen.fabrication import assess, barred
    from matscreen.priors import fill_missing

    asked = screen.constraints
    known = values[values["property"] == "melting_temperature"]
    melting = fill_missing(candidates, known, ("melting_temperature",))
    assessed = assess(candidates, melting.set_index("structure_id")["mean"])
    excluded = barred(
        assessed,
        formulas=candidates["formula"],
        allow_hazardous=asked.allow_hazardous,
        exclude_elements=asked.exclude_elements,
        max_hhi=asked.max_hhi,
        require_made=asked.require_made,
        max_process_temperature=asked.max_process_temperature,
    )
    if asked.max_mismatch is not None:
        left = [name for name in candidates["structure_id"] if name not in excluded]
        matched = _substrates(screen, store, left, progress=progress)
        fits = matched["mismatch"] <= asked.max_mismatch
        for row in matched[~fits].to_dict("records"):
            strain = float(row["mismatch"])
            found = "none within 6 %" if math.isnan(strain) else f"{strain:.1f} %"
            excluded[str(row["structure_id"])] = (
                f"no_substrate: best match {found}, {asked.max_mismatch:g} % allowed",
            )
    return assessed, excluded


def with_fabrication(
    screen: Screen, store: Store, ranking: pd.DataFrame, assessed: pd.DataFrame
) -> pd.DataFrame:
    """Add what `assess` says, and the substrates of the best candidates, to a ranking."""
    import numpy as np

    best = ranking.loc[ranking["feasible"], "structure_id"].drop_duplicates()
    matched = _substrates(screen, store, list(best.head(screen.ranking.top_k)))
    columns = [name for name in assessed if name != "restricted"]
    table = ranking.merge(assessed[columns], on="structure_id", how="left")
    table = table.merge(matched, on="structure_id", how="left")
    notes = ranking["structure_id"].map(assessed.set_index("structure_id")["restricted"])
    joined = [
        "; ".join(text for text in pair if text)
        for pair in zip(ranking["flags"], notes.fillna(""), strict=True)
    ]
    table["flags"] = np.array(joined, dtype=object)
    table.attrs.update(ranking.attrs)
    table.attrs["units"] = {
        **ranking.attrs["units"],
        "crystallisation_temperature": "K",
        "mismatch": "%",
        "match_area": "Å²",
    }
    return table


def _substrates(
    screen: Screen, store: Store, ids: Sequence[str], *, progress: Progress = quiet
) -> pd.DataFrame:
    import pandas as pd

    from matscreen.fabrication import match_substrates

    crystals = stored_crystals(store, ids)
    parts = []
    for done, (name, crystal) in enumerate(crystals.items(), start=1):
        parts.append(match_substrates({name: crystal}, substrates=screen.constraints.substrates))
        progress("match substrates", done, len(crystals))
    return pd.concat(parts, ignore_index=True) if parts else match_substrates({})


def stored_crystals(store: Store, ids: Sequence[str]) -> dict[str, Crystal]:
    """Return the crystals of some candidates; those known by composition alone are absent."""
    import pyarrow as pa
    import pyarrow.compute as pc

    from matscreen.structures import CrystalBatch

    table = store.read("candidates")
    wanted = pc.is_in(table["structure_id"], value_set=pa.array(list(ids), pa.string()))
    batch = CrystalBatch.from_arrow(table.filter(pc.and_(wanted, pc.is_valid(table["lattice"]))))
    return dict(zip(batch.ids, batch, strict=True))


def candidates_and_values(
    store: Store, pulled: Sequence[Pulled]
) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return the pulled candidates, with the gaps to other phases, and their best property values.

    Raises:
        InputError: Nothing suitable was pulled.
    """
    from matscreen.crystal_facts import phase_gaps
    from matscreen.evidence import gather_properties

    candidates = ranked_candidates(store, pulled)
    if candidates.empty:
        seen = sum(each.seen for each in pulled)
        raise InputError(
            f"none of the {seen} entries of {', '.join(each.spec for each in pulled)} can be "
            "ranked: no ordered oxide among them; the table `failures` says why"
        )
    labels = store.read("labels").to_pandas()
    # Phases that are not ranked themselves still say whether an oxide takes a polar one.
    gaps = phase_gaps(store.read("candidates").to_pandas(), labels)
    candidates = candidates.merge(gaps, on="structure_id", how="left")
    predictions = store.read("predictions").to_pandas()
    return candidates, gather_properties(candidates, labels=labels, predictions=predictions)


def ranked_candidates(store: Store, pulled: Sequence[Pulled]) -> pd.DataFrame:
    """Return the pulled candidates with what identifies them, sorted by structure id.

    Several entries of one material are joined: `source` and `source_id` list all of them, so that
    every entry of a source is found either in a ranking or among the failures.
    """
    import numpy as np

    ids = {name for each in pulled for name in each.ids}
    table: pd.DataFrame = store.read("candidates").to_pandas()
    table = table[table["structure_id"].isin(ids)].reset_index(drop=True)
    known = table["lattice"].notna().to_numpy()
    cells = np.array(table.loc[known, "lattice"].tolist(), dtype=float).reshape(-1, 3, 3)
    table["volume_per_atom"] = np.nan  # composition alone: no cell
    table.loc[known, "volume_per_atom"] = (
        np.abs(np.linalg.det(cells)) / table.loc[known, "nsites"].to_numpy()
    )
    table["material_id"] = table["material_id"].fillna(table["structure_id"])
    origin = store.read("provenance").to_pandas().sort_values(["source", "source_id"])
    origin = origin.merge(table[["structure_id", "material_id"]], on="structure_id")
    joined = origin.groupby("material_id", sort=True)[["source", "source_id"]].agg(
        lambda column: ";".join(dict.fromkeys(column))
    )
    table = table.merge(joined.reset_index(), on="material_id", how="left")
    return table.sort_values("structure_id", kind="stable").reset_index(drop=True)


def relevant_failures(store: Store, pulled: Sequence[Pulled]) -> pd.DataFrame:
    """Return the failures of the pulled entries and of the candidates and models made of them."""
    failures: pd.DataFrame = store.read("failures").to_pandas()
    ids = {name for each in pulled for name in each.ids}
    specs = tuple(f"{each.spec.partition(':')[0]}:" for each in pulled)
    mine = failures["structure_id"].isin(ids) | failures["structure_id"].str.startswith(
        (*specs, "model:")
    )
    if any(each.spec in {"bundle", "store"} for each in pulled):
        mine |= True
    columns = ["structure_id", "stage", "reason", "detail"]
    return failures.loc[mine, columns].sort_values(columns[:2]).reset_index(drop=True)


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
    write_parquet(table, folder / "candidates.parquet")
    write_csv(result.failures, folder / "failures.csv")
    best = table.drop_duplicates("structure_id").head(screen.ranking.top_k)
    crystals = stored_crystals(store, list(best["structure_id"]))
    write_cifs(table, crystals, folder / "structures", top_k=screen.ranking.top_k)
    progress("export", 1, 2)
    write_report(folder / "report.html", result)
    content = {
        "screen": screen.model_dump(mode="json"),
        "counts": dict(result.counts),
        "provenance": dict(result.provenance),
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    temporary = folder / "screen.json.part"
    temporary.write_text(json.dumps(content, indent=2) + "\n", encoding="utf-8")
    os.replace(temporary, folder / "screen.json")
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


def _provenance(
    screen: Screen, store: Store, ledger: Ledger, pulled: Sequence[Pulled]
) -> dict[str, Any]:
    source = " ".join(f"--source {each.spec}" for each in pulled)
    return {
        "command": f"matscreen screen {screen.name} {source} -o results/{screen.name}",
        "versions": {name: version(name) for name in _LIBRARIES},
        "seconds": {cost.stage: round(cost.seconds, 3) for cost in ledger.costs},
        "joules": {cost.stage: round(cost.joules, 2) for cost in ledger.costs},
        "joules_method": ledger.costs[0].method if ledger.costs else "",
        "store_versions": store.versions(),
        "identifiers": {"run_id": ledger.run_id, "seed": screen.ranking.seed},
    }


def _ledger_table(ledger: Ledger) -> Any:
    from matscreen import tables

    return tables.from_rows("ledger", ledger.rows())
