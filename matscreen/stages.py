"""The stages of a screen, in order: store in, store out. The readable table of contents.

    pull -> describe -> (simulate) -> train -> predict -> rank -> export

Each stage reads tables, computes only rows that are missing or outdated, and writes tables.
A bad item becomes a row of `failures`; a stage fails only above its failure budget.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from functools import partial
from typing import TYPE_CHECKING, Any

from matscreen import tables
from matscreen.engines import Engine, Processes
from matscreen.errors import MissingDependencyError, ModelError, rejection
from matscreen.parallel import map_chunks, sensible_workers
from matscreen.pulling import failure_id, pull
from matscreen.rewriting import rewrite
from matscreen.shipped import Progress, Pulled, load_bundle, load_known, quiet
from matscreen.store import Store
from matscreen.structures import CrystalBatch

if TYPE_CHECKING:
    import pyarrow as pa

    from matscreen.descriptors import Features

TRAINED_PROPERTIES = (
    "spontaneous_polarization",
    "well_depth",
    "polar_barrier",
    "oxygen_vacancy_formation_energy",
    "oxygen_migration_barrier",
    "energy_above_hull",
)
"""Properties that get a surrogate when the store holds labels for them."""

__all__ = [
    "TRAINED_PROPERTIES",
    "Progress",
    "Pulled",
    "describe",
    "explain_models",
    "failure_id",
    "load_bundle",
    "load_known",
    "predict",
    "pull",
    "quiet",
    "select",
    "simulate",
    "train",
    "undescribed",
]
_DESCRIBE_CHUNK = 2000
_DESCRIBED_BY_A_WORKER = 8000


def select(store: Store, spec: str, *, progress: Progress = quiet) -> Pulled:
    """Return the candidates a screen's source names, pulling them first where that is needed.

    `store` takes every candidate that is there, `bundle` the shipped ones, `known` the measured
    compounds that no stored structure stands for; anything else is opened as a source and pulled.

    Args:
        store: Where the tables are.
        spec: What the screen names.
        progress: Called as the stage advances.

    Returns:
        Their structure ids, and how many entries were seen, failed and were duplicates.

    Raises:
        InputError: No source has this name, or it was asked for something that does not exist.
        SourceError: The source cannot be read any further.
    """
    if spec == "bundle":
        return load_bundle(store, progress=progress)
    if spec == "known":
        return load_known(store)
    if spec == "store":
        ids = tuple(store.read("candidates", ["structure_id"])["structure_id"].to_pylist())
        return Pulled("store", ids, len(ids), 0, 0)
    from matscreen.sources import open_source

    return pull(store, open_source(spec), spec=spec, progress=progress)


def describe(
    store: Store,
    descriptor_set: str,
    ids: Iterable[str] | None = None,
    *,
    workers: int | None = None,
    engine: Engine | None = None,
    progress: Progress = quiet,
) -> int:
    """Compute descriptors for the candidates whose row is missing or of another version.

    Chunks are described in several processes where there are many, and each is in the store before
    the next is taken.

    Args:
        store: Where the tables are.
        descriptor_set: Name of the set.
        ids: Look among these candidates only; all by default.
        workers: Processes; as many as pay by default.
        engine: What works on the chunks instead of processes of this machine.
        progress: Called as the stage advances.

    Returns:
        How many structures were described; those that could not be are rows of `failures`.

    Raises:
        InputError: No set has this name.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    from matscreen.descriptors import get_descriptor_set

    featurizer = get_descriptor_set(descriptor_set)
    name = f"descriptors_{featurizer.name}"
    lacking = pa.array(undescribed(store, descriptor_set, ids), pa.string())
    if not len(lacking):
        return 0
    candidates = store.read("candidates")
    candidates = candidates.filter(pc.is_in(candidates["structure_id"], value_set=lacking))
    outdated = False
    if store.exists(name):
        versions = store.read(name, ["version"])["version"]
        outdated = pc.any(pc.not_equal(versions, featurizer.version)).as_py() or False
    total: int = candidates.num_rows
    if engine is None:
        engine = Processes(workers or sensible_workers(total, each=_DESCRIBED_BY_A_WORKER))
    starts = range(0, total, _DESCRIBE_CHUNK)
    chunks = (candidates.slice(start, _DESCRIBE_CHUNK) for start in starts)
    found = engine.map(_describe_chunk, descriptor_set, chunks)
    for start, (batch_ids, features) in zip(starts, found, strict=True):
        columns: dict[str, Any] = {
            "structure_id": pa.array(batch_ids),
            "version": pa.array([featurizer.version] * len(batch_ids)),
        }
        for label, column in zip(featurizer.labels, features.values.T, strict=True):
            columns[label] = pa.array(column, pa.float32(), from_pandas=False)
        fields = [pa.field("structure_id", pa.string()), pa.field("version", pa.string())]
        for label, unit in zip(featurizer.labels, featurizer.units, strict=True):
            fields.append(pa.field(label, pa.float32(), metadata={"unit": unit}))
        table = pa.Table.from_arrays(list(columns.values()), schema=pa.schema(fields))
        if outdated:
            store.upsert(name, table, keys=["structure_id"])
        else:
            # Rows that were never there: a merge would read and write the whole table each time.
            store.append(name, table)
        failures = [
            tables.failure_row(batch_ids[index], f"describe {featurizer.name}", reason, detail)
            for index, reason, detail in features.failures
        ]
        store.upsert("failures", tables.from_rows("failures", failures))
        progress("describe", min(start + _DESCRIBE_CHUNK, total), total)
    _drop_repeated(store, name)
    return total


def undescribed(store: Store, descriptor_set: str, ids: Iterable[str] | None = None) -> list[str]:
    """Return the candidates with a cell that lack descriptors of the present version, sorted.

    Args:
        store: Where the tables are.
        descriptor_set: Name of the set.
        ids: Look among these only.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    from matscreen.descriptors import get_descriptor_set

    featurizer = get_descriptor_set(descriptor_set)
    candidates = store.read("candidates", ["structure_id", "nsites"])
    found = candidates.filter(pc.greater(candidates["nsites"], 0))["structure_id"]
    name = f"descriptors_{featurizer.name}"
    if store.exists(name):
        done = store.read(name, ["structure_id", "version"])
        current = done.filter(pc.equal(done["version"], featurizer.version))["structure_id"]
        found = found.filter(pc.invert(pc.is_in(found, value_set=pc.unique(current))))
    if ids is not None:
        found = found.filter(pc.is_in(found, value_set=pa.array(list(ids), pa.string())))
    return sorted(found.to_pylist())


def _drop_repeated(store: Store, name: str) -> None:
    """Keep one row a structure, where two processes described the same ones at the same time."""
    import pyarrow.compute as pc

    ids = store.read(name, ["structure_id"])["structure_id"]
    if pc.count_distinct(ids).as_py() < len(ids):
        rewrite(store, name, _first_of_each)


def _first_of_each(table: pa.Table) -> pa.Table:
    import pyarrow as pa

    ids = table["structure_id"].to_pylist()
    first = {structure_id: row for row, structure_id in reversed(list(enumerate(ids)))}
    return table.take(pa.array(sorted(first.values())))


def _describe_chunk(descriptor_set: str, candidates: pa.Table) -> tuple[list[str], Features]:
    from matscreen.descriptors import get_descriptor_set

    batch = CrystalBatch.from_arrow(candidates)
    return [str(name) for name in batch.ids], get_descriptor_set(descriptor_set).featurize(batch)


def simulate(
    store: Store,
    simulation: str,
    ids: Sequence[str],
    calculator: str = "7net-0",
    *,
    progress: Progress = quiet,
) -> int:
    """Run one simulation on some candidates in this process; each label is kept at once.

    Args:
        store: Where the tables are.
        simulation: Name of the simulation.
        ids: Structure ids of the candidates.
        calculator: Name of a potential or of any ASE calculator.
        progress: Called as the stage advances.

    Returns:
        How many labels were added. Rejected candidates become `failures`.

    Raises:
        MissingDependencyError: The calculator needs an extra that is not installed.
    """
    import time

    import pyarrow as pa
    import pyarrow.compute as pc

    from matscreen.simulations.base import get_simulation
    from matscreen.simulations.calculators import get_potential
    from matscreen.simulations.labelling import label_rows, label_version

    recipe, potential = get_simulation(simulation), get_potential(calculator)
    candidates = store.read("candidates")
    wanted = pc.is_in(candidates["structure_id"], value_set=pa.array(list(ids), pa.string()))
    batch = CrystalBatch.from_arrow(candidates.filter(wanted))
    added = 0
    for done, (name, crystal) in enumerate(zip(batch.ids, batch, strict=True)):
        wall, cpu = time.perf_counter(), time.process_time()
        try:
            found = recipe.run(crystal, potential)
        except MissingDependencyError:
            raise
        except Exception as error:
            row = tables.failure_row(name, simulation, *rejection(error))
            store.upsert("failures", tables.from_rows("failures", [row]))
        else:
            rows = label_rows(
                found.labels,
                structure_id=name,
                method=f"{simulation}/{calculator}",
                version=label_version(recipe.version, potential.version),
                seconds=time.perf_counter() - wall,
                cpu_seconds=time.process_time() - cpu,
            )
            store.upsert("labels", tables.from_rows("labels", rows))
            added += len(rows)
        progress(simulation, done + 1, len(batch))
    return added


def train(
    store: Store,
    descriptor_set: str,
    *,
    properties: Sequence[str] = TRAINED_PROPERTIES,
    seed: int = 0,
    progress: Progress = quiet,
) -> list[Mapping[str, Any]]:
    """Train one surrogate for each property that has labels; unchanged data are not retrained.

    In several processes where several properties have no surrogate yet.

    Args:
        store: Where the tables are.
        descriptor_set: Name of the set.
        properties: Registry names.
        seed: Seed of folds and models.
        progress: Called as the stage advances.

    Returns:
        The cards of the surrogates, in the order of `properties`. A property with too few
        labels has no card and becomes a row of `failures`.
    """
    from matscreen.training import trained_card, untrained

    # The last properties have the most labels: they begin first, so that all end together.
    order = list(reversed(properties))
    work = partial(trained_card, store=store, descriptor_set=descriptor_set, seed=seed)
    workers = sensible_workers(untrained(store, properties), each=2)
    cards = {}
    for done, (name, (card, error)) in enumerate(
        zip(order, map_chunks(work, order, workers=workers), strict=True)
    ):
        if card is None:
            row = tables.failure_row(f"model:{name}", "train", "too_few_labels", error)
            store.upsert("failures", tables.from_rows("failures", [row]))
        else:
            cards[name] = card
        progress("train", done + 1, len(properties))
    return [cards[name] for name in properties if name in cards]


def predict(
    store: Store,
    descriptor_set: str,
    *,
    properties: Sequence[str] = TRAINED_PROPERTIES,
    seed: int = 0,
    progress: Progress = quiet,
) -> int:
    """Predict every trained property for every described candidate.

    Where neither surrogates nor candidates nor code have changed, what is stored stays.

    Args:
        store: Where the tables are.
        descriptor_set: Name of the set.
        properties: Registry names.
        seed: Seed with which the surrogates were trained.
        progress: Called as the stage advances.

    Returns:
        How many values `predictions` holds.
    """
    import pyarrow as pa

    from matscreen.training import predict_property

    known = store.read("predictions")
    parts = []
    for done, name in enumerate(properties):
        try:
            parts.append(predict_property(store, name, descriptor_set, seed=seed, known=known))
        except ModelError:
            # Already a row of `failures`, written by `train`.
            continue
        finally:
            progress("predict", done + 1, len(properties))
    predictions = pa.concat_tables(parts or [tables.SCHEMAS["predictions"].empty_table()])
    # The same surrogate and code predict the same of the same candidates.
    decisive = ["structure_id", "property", "model_id", "code"]
    if not store.exists("predictions") or not predictions.select(decisive).equals(
        known.select(decisive)
    ):
        store.replace("predictions", predictions)
    return len(predictions)


def explain_models(
    store: Store, cards: Sequence[Mapping[str, Any]], *, progress: Progress = quiet
) -> list[Mapping[str, Any]]:
    """Say what each surrogate looks at; unchanged surrogates are not explained anew.

    Args:
        store: Where the tables are.
        cards: Cards of the surrogates, as `train` returns them.
        progress: Called as the stage advances.

    Returns:
        One explanation a card, without those of models that were kept without their rows.
    """
    from matscreen.training import explained, unexplained

    workers = sensible_workers(unexplained(store, cards), each=2)
    found: list[Mapping[str, Any]] = []
    explanations = map_chunks(partial(explained, store=store), cards, workers=workers)
    for done, (card, (explanation, error)) in enumerate(zip(cards, explanations, strict=True)):
        if explanation is None:
            name = f"model:{card['property']}"
            row = tables.failure_row(name, "explain", "not_explained", error)
            store.upsert("failures", tables.from_rows("failures", [row]))
        else:
            found.append(explanation)
        progress("explain", done + 1, len(cards))
    return found
