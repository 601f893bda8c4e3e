"""Candidates that come with matscreen: the simulated bundle and compounds known by measurement."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from matscreen import tables
from matscreen.data import data_path
from matscreen.errors import InputError

if TYPE_CHECKING:
    import pyarrow as pa

    from matscreen.store import Store

Progress = Callable[[str, int, int | None], None]
"""Called as `progress(stage, done, total)`; total is None while unknown."""


def quiet(_stage: str, _done: int, _total: int | None) -> None:
    """Report no progress."""


@dataclass(frozen=True)
class Pulled:
    """What one pull brought.

    Attributes:
        spec: The source asked for.
        ids: Structure ids of its suitable candidates, each once, in order of arrival.
        seen: Entries that the source showed.
        failed: Entries that became failures.
        duplicates: Entries that are the same structure as an earlier entry of this pull.
    """

    spec: str
    ids: tuple[str, ...]
    seen: int
    failed: int
    duplicates: int


def load_bundle(store: Store, *, progress: Progress = quiet) -> Pulled:
    """Bring the shipped candidates and simulated labels into the store, once a version.

    Raises:
        InputError: This installation ships no bundle.
    """
    parts = {
        name: _bundle_part(name) for name in ("candidates", "provenance", "labels", "failures")
    }
    known = set(store.read("candidates", ["structure_id"])["structure_id"].to_pylist())
    everything = parts["candidates"]["structure_id"].to_pylist()
    if not set(everything) <= known or not _labels_are_there(store, parts["labels"]):
        for done, (name, table) in enumerate(parts.items()):
            progress("load bundle", done, len(parts))
            store.upsert(name, table)
    progress("load bundle", len(parts), len(parts))
    ids = _relaxed_oxides(parts["candidates"], parts["labels"])
    failed = parts["failures"].num_rows
    return Pulled("bundle", ids, len(ids) + failed, failed, 0)


def _labels_are_there(store: Store, labels: pa.Table) -> bool:
    """Say whether every label of the bundle is stored, whatever others are."""
    import pyarrow.compute as pc

    keys = list(tables.KEYS["labels"])
    stored = store.read("labels", keys)
    mine = stored.filter(pc.is_in(stored["structure_id"], pc.unique(labels["structure_id"])))
    return _distinct(labels.select(keys)) <= _distinct(mine)


def _distinct(rows: pa.Table) -> set[tuple[Any, ...]]:
    return set(zip(*(column.to_pylist() for column in rows.columns), strict=True))


def _relaxed_oxides(candidates: pa.Table, labels: pa.Table) -> tuple[str, ...]:
    """Leave out the unrelaxed starting points and the elements that serve as references."""
    import pyarrow.compute as pc

    relaxed = labels.filter(pc.equal(labels["property"], "energy_per_atom"))["structure_id"]
    mask = pc.is_in(candidates["structure_id"], value_set=pc.unique(relaxed))
    systems = candidates["chemsys"].to_pylist()
    ids = candidates["structure_id"].to_pylist()
    return tuple(
        name
        for name, is_relaxed, system in zip(ids, mask.to_pylist(), systems, strict=True)
        if is_relaxed and "O" in system.split("-") and system != "O"
    )


def _bundle_part(name: str) -> pa.Table:
    import pyarrow as pa
    import pyarrow.parquet as pq

    files = sorted(data_path("bundle").glob(f"{name}*.parquet"))
    if not files and name == "candidates":
        raise InputError("this installation ships no bundle of candidates; pull a source instead")
    read = [tables.check(name, pq.read_table(file)) for file in files]
    joined = pa.concat_tables(read or [tables.SCHEMAS[name].empty_table()])
    # Later parts may repeat a key: the last one wins, as in an upsert.
    rows = unique_rows(name, joined.to_pylist())
    return tables.from_rows(name, rows) if len(rows) < joined.num_rows else joined


def unique_rows(name: str, rows: Iterable[dict[str, Any]]) -> list[dict[str, Any]]:
    """Keep the last of rows that share the key of a table."""
    keys = tables.KEYS[name]
    return list({tuple(row.get(key) for key in keys): row for row in rows}.values())


KNOWN_BY: Final = ("transition_temperature", "critical_temperature")
"""Measured properties that no calculation gives: a compound that has one is a candidate."""


def load_known(store: Store) -> Pulled:
    """Bring in oxides known by measurement that no stored structure stands for.

    An oxide with a measured insulator-metal transition or critical temperature is a candidate even
    where its structure is doped, disordered or not at hand: a row without a cell, its id made from
    the formula. Facts of low confidence bring nobody in.
    """
    from matscreen.facts import facts_for, load_facts
    from matscreen.formulas import formula_id
    from matscreen.structures import reduced_formula

    facts = load_facts()
    facts = facts[facts["property"].isin(KNOWN_BY) & (facts["confidence"] != "low")]
    candidates = store.read("candidates", ["structure_id", "formula", "spacegroup", "nsites"])
    stored = candidates.to_pandas()
    stored = stored[stored["nsites"] > 0]
    names = {str(formula): reduced_formula(str(formula)) for formula in facts["formula"].unique()}
    stored = stored[stored["formula"].isin(set(names.values()))]
    joined = facts_for(stored)
    joined = joined[joined["property"].isin(KNOWN_BY)]
    covered = set(stored.set_index("structure_id").loc[joined["structure_id"].unique(), "formula"])
    rows: list[dict[str, str | int]] = []
    origin = []
    for formula, pretty in names.items():
        symbols = _symbols(formula)
        if pretty in covered or "O" not in symbols:
            continue
        name = formula_id(pretty)
        rows.append(
            {
                "structure_id": name,
                "material_id": name,
                "formula": pretty,
                "chemsys": "-".join(sorted(symbols)),
                "nsites": 0,
                "prototype": "composition only",
            }
        )
        origin.append({"structure_id": name, "source": "known", "source_id": formula})
    store.upsert("candidates", tables.from_rows("candidates", unique_rows("candidates", rows)))
    store.upsert("provenance", tables.from_rows("provenance", unique_rows("provenance", origin)))
    ids = tuple(dict.fromkeys(str(row["structure_id"]) for row in rows))
    return Pulled("known", ids, len(names), 0, len(names) - len(ids))


def _symbols(formula: str) -> set[str]:
    from pymatgen.core import Composition

    return {element.symbol for element in Composition(formula).elements}
