"""Train surrogates on a published data set: read, describe, train, keep with card and rows."""

from __future__ import annotations

import dataclasses
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from matscreen.errors import InputError, ModelError, StructureError
from matscreen.sources.dataset_files import Downloader, Progress
from matscreen.sources.dataset_registry import Target
from matscreen.sources.dataset_tables import DatasetTable, read_dataset
from matscreen.structures import Crystal, CrystalBatch, FloatArray, IntArray

if TYPE_CHECKING:
    from matscreen.source_models import SourceModel
    from matscreen.surrogates import Surrogate
    from matscreen.surrogates.transferred import Transferred

FORMULA_SETS: Final = ("composition", "fast")
"""Descriptor sets that a formula is enough for."""

_CHUNK: Final = 2000
# Only who sits where is used of this cell; at 4 Å every A has twelve neighbours and every B six.
_EDGE: Final = 4.0
_PEROVSKITE: Final = ((0, 0, 0), (0.5, 0.5, 0.5), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5))


@dataclass(frozen=True, eq=False)
class Described:
    """Rows of a data set with their descriptors.

    Attributes:
        X: Descriptors, (n, k).
        labels: Their names, (k,).
        rows: Row of the table of each, (n,).
        failed: How many rows could not be described, by reason.
        descriptor_set: Name of the set.
        version: Its version.
        basis: What was described: `crystals`, `sites` or `formulas`.
    """

    X: FloatArray
    labels: tuple[str, ...]
    rows: IntArray
    failed: Mapping[str, int]
    descriptor_set: str
    version: str
    basis: str


@dataclass(frozen=True, eq=False)
class Trained:
    """One surrogate and where it is kept.

    Attributes:
        target: The property, as the set holds it.
        surrogate: The surrogate; its card carries `training_data`.
        folder: Its folder.
    """

    target: Target
    surrogate: Surrogate | Transferred
    folder: Path

    @property
    def card(self) -> Mapping[str, Any]:
        """The card, with `training_data`: citation, licence and hash of what it learned from."""
        return self.surrogate.card


@dataclass(frozen=True, eq=False)
class DatasetTraining:
    """What training on a data set gave.

    Attributes:
        table: The set as it was read.
        described: Its described rows.
        trained: The surrogates, in the order of the registry.
        refused: Why a property has none, by property.
    """

    table: DatasetTable
    described: Described
    trained: tuple[Trained, ...]
    refused: Mapping[str, str]


def train_dataset(
    name: str,
    properties: Sequence[str] | None = None,
    *,
    descriptor_set: str = "fast",
    folder: str | os.PathLike[str] | None = None,
    mirror: str | os.PathLike[str] | None = None,
    max_rows: int | None = None,
    seed: int = 0,
    source: str | os.PathLike[str] | None = None,
    downloader: Downloader | None = None,
    progress: Progress = lambda _stage, _done, _total: None,
) -> DatasetTraining:
    """Train a surrogate for each property of a published data set.

    Each is saved in `folder/PROPERTY` with its card and the rows that it learned from.

    Args:
        name: Name of the set, such as `wolverton_oxides`.
        properties: Registry names; everything that the set holds by default.
        descriptor_set: `fast` and `composition` work from formulas; others need crystals.
        folder: Where the models go; `models/NAME` by default.
        mirror: Folder that is searched before the network; `MATSCREEN_MIRROR` by default.
        max_rows: Learn from at most this many rows, drawn at random.
        seed: Seed of the draw, the folds and the models.
        source: Folder of a kept model of another fidelity, or of a related property, to learn on
            top of; used only where it helps (`surrogates.transfer`).
        downloader: Called instead of the https download.
        progress: Called with the stage, what is done and the total.

    Raises:
        InputError: The set or a property is unknown, or the descriptors need crystals.
        SourceError: The set cannot be fetched or read.
        ModelError: None of the properties has enough labels, or the source cannot be used.
    """
    from matscreen.descriptors import get_descriptor_set
    from matscreen.source_models import read_source_model
    from matscreen.surrogates.source_view import source_columns

    # A misspelt name must not cost a download.
    labels = get_descriptor_set(descriptor_set).labels
    below = None if source is None else read_source_model(source)
    if below is not None:
        source_columns(below.model, labels)
    table = read_dataset(name, mirror, downloader=downloader, progress=progress)
    targets = training_targets(table, properties)
    rows = _chosen(table, [target.property for target in targets], max_rows, seed)
    described = describe_table(table, descriptor_set, rows, progress=progress)
    home = Path(folder) if folder is not None else Path("models") / table.dataset.name
    trained: list[Trained] = []
    refused: dict[str, str] = {}
    progress("train", 0, len(targets))
    for done, target in enumerate(targets, start=1):
        try:
            place = home / target.property
            trained.append(_train(table, described, target, place, seed, below))
        except ModelError as error:
            refused[target.property] = str(error)
        progress("train", done, len(targets))
    if not trained:
        raise ModelError(f"{table.dataset.name}: {'; '.join(refused.values())}")
    return DatasetTraining(table, described, tuple(trained), refused)


def training_targets(table: DatasetTable, asked: Sequence[str] | None = None) -> list[Target]:
    """Return the targets of a table that were asked for; all of them by default.

    Raises:
        InputError: The table lacks an asked property, or holds no property at all.
    """
    held = {target.property: target for target in table.targets}
    if not held:
        labels = ", ".join(table.classes) or "formulas"
        raise InputError(
            f"{table.dataset.name} holds no property to train a surrogate of, only {labels}; "
            "read it with matscreen.read_dataset"
        )
    missing = [name for name in asked or () if name not in held]
    if missing:
        raise InputError(
            f"{table.dataset.name} holds no {', '.join(missing)}; it holds {', '.join(held)}"
        )
    return [held[name] for name in dict.fromkeys(asked)] if asked else list(held.values())


def describe_table(
    table: DatasetTable,
    descriptor_set: str,
    rows: IntArray | None = None,
    *,
    progress: Progress = lambda _stage, _done, _total: None,
) -> Described:
    """Describe rows of a data set from their crystals, else their sites, else their formulas.

    Rows that cannot be described are left out and counted. Where a set says who sits on A and B
    but gives no crystal, `fast` describes an ideal cubic cell of the two, so that two compounds of
    one formula stay apart; for compounds written in the usual order this equals the description
    of the formula.

    Args:
        table: The set.
        descriptor_set: Name of the descriptor set.
        rows: Rows to describe; all by default.
        progress: Called with `describe`, rows done and their total.

    Raises:
        InputError: The descriptors need crystals and the set has none.
    """
    from matscreen.descriptors import featurize_formulas, get_descriptor_set

    featurizer = get_descriptor_set(descriptor_set)
    chosen = np.arange(len(table)) if rows is None else np.asarray(rows, dtype=np.int64)
    failed: dict[str, int] = {}
    crystals: dict[int, Crystal] = {}
    if table.crystals is not None:
        basis = "crystals"
        for row in chosen:
            crystal = table.crystals[row]
            if crystal is not None:
                crystals[int(row)] = crystal
        if len(crystals) < len(chosen):
            failed["no_structure"] = len(chosen) - len(crystals)
    elif descriptor_set not in FORMULA_SETS:
        raise InputError(
            f"the descriptor set {descriptor_set!r} needs crystals, and {table.dataset.name} has "
            f"formulas only{_elsewhere(table)}; use --set fast"
        )
    else:
        sited = descriptor_set == "fast" and table.sites is not None
        basis = "sites" if sited else "formulas"
        if sited:
            crystals = _site_cells(table, chosen)
    X = np.full((len(chosen), len(featurizer.labels)), np.nan)
    good = np.zeros(len(chosen), dtype=bool)
    for start in range(0, len(chosen), _CHUNK):
        part = range(start, min(start + _CHUNK, len(chosen)))
        with_cell = [i for i in part if int(chosen[i]) in crystals]
        batch = CrystalBatch.from_crystals([crystals[int(chosen[i])] for i in with_cell])
        groups = [(with_cell, featurizer.featurize(batch))]
        if table.crystals is None:
            bare = [i for i in part if int(chosen[i]) not in crystals]
            formulas = [table.formulas[chosen[i]] for i in bare]
            with_sites = descriptor_set == "fast"
            groups.append((bare, featurize_formulas(formulas, with_sites=with_sites)))
        for places, features in groups:
            X[places] = features.values
            good[places] = True
            for failure in features.failures:
                good[places[failure.row]] = False
                failed[failure.reason] = failed.get(failure.reason, 0) + 1
        progress("describe", part.stop, len(chosen))
    return Described(
        X=X[good],
        labels=tuple(featurizer.labels),
        rows=chosen[good],
        failed=failed,
        descriptor_set=descriptor_set,
        version=featurizer.version,
        basis=basis,
    )


def training_data(table: DatasetTable, target: Target, n_rows: int) -> dict[str, Any]:
    """Return what a card says of the data that its surrogate learned from; plain JSON types."""
    dataset, origin = table.dataset, table.origin
    return {
        "source": f"dataset:{dataset.name}",
        "version": f"sha256 {origin.sha256}",
        "dataset": dataset.name,
        "title": dataset.title,
        "citation": dataset.citation,
        "doi": dataset.doi,
        "licence": dataset.licence,
        "home_page": dataset.home_page,
        "file": origin.layout.file,
        "url": origin.layout.url,
        "sha256": origin.sha256,
        "sha256_known": origin.verified,
        "evidence": target.evidence,
        "method": target.method,
        "rows_in_file": table.n_rows,
        "rows_merged": table.n_merged,
        "rows_unreadable": len(table.failures),
        "rows_without_value": dict(table.omitted[target.property]),
        "rows_used": n_rows,
    }


def _train(
    table: DatasetTable,
    described: Described,
    target: Target,
    folder: Path,
    seed: int,
    source: SourceModel | None,
) -> Trained:
    from matscreen.source_models import learn
    from matscreen.surrogates import TrainingSet, save_training_set
    from matscreen.surrogates.transfer_files import save_any

    y = table.values[target.property][described.rows]
    known = np.isfinite(y)
    rows = described.rows[known]
    stds = table.stds.get(target.property)
    learned = TrainingSet(
        X=described.X[known],
        y=y[known],
        groups=table.groups[rows],
        labels=described.labels,
        formulas=np.array([table.formulas[row] for row in rows], dtype=str),
        noise=np.full(len(rows), np.nan) if stds is None else stds[rows],
        ids=np.array([table.ids[row] for row in rows], dtype=str),
    )
    model = learn(
        learned,
        source,
        property=target.property,
        noise=None if stds is None else learned.noise,
        seed=seed,
        descriptor_set=described.descriptor_set,
        descriptor_version=described.version,
    )
    about = training_data(table, target, len(rows)) | {"described_from": described.basis}
    model = dataclasses.replace(model, card={**model.card, "training_data": about})
    save_any(model, folder)
    save_training_set(learned, folder)
    return Trained(target, model, folder)


def _chosen(
    table: DatasetTable, properties: Sequence[str], max_rows: int | None, seed: int
) -> IntArray:
    """Rows with a value of any of the properties, at most so many, in the order of the set."""
    known = np.any([np.isfinite(table.values[name]) for name in properties], axis=0)
    rows = np.flatnonzero(known)
    if max_rows is not None and len(rows) > max_rows:
        rows = np.sort(np.random.default_rng(seed).permutation(rows)[:max_rows])
    return np.asarray(rows, dtype=np.int64)


def _site_cells(table: DatasetTable, rows: IntArray) -> dict[int, Crystal]:
    """Ideal cubic perovskites of the stated sites, where those add up to the formula."""
    from matscreen.descriptors.composition import parse_formula

    cells: dict[int, Crystal] = {}
    for row in rows:
        a, b, x = table.sites[row] if table.sites is not None else ("", "", "")
        try:
            (za,), (zb,), (zx,) = parse_formula(a), parse_formula(b), parse_formula(x)
        except (StructureError, ValueError):
            continue
        numbers = np.array([za, zb, zx, zx, zx])
        amounts = parse_formula(table.formulas[row])
        share = 5.0 / sum(amounts.values())
        found = {
            int(z): float(n) for z, n in zip(*np.unique(numbers, return_counts=True), strict=True)
        }
        if found == {z: round(n * share, 6) for z, n in amounts.items()}:
            cells[int(row)] = Crystal(np.eye(3) * _EDGE, numbers, np.array(_PEROVSKITE))
    return cells


def _elsewhere(table: DatasetTable) -> str:
    return " in this file (a mirror may hold crystals)" if table.dataset.has_structures else ""
