"""The leaders of a store: a Delta table beside its candidates, read by formula, added to safely.

**Two processes at once.** New leaders are written before their candidates, as a commit that
succeeds only if nobody has committed to the table since it was read. Of two processes that meet
the same new crystal, in whatever descriptions, one commits; the other reads again, finds the
leader and takes its id. So no two leaders of a store are the same structure, as long as every
writer goes through a registry of `open_registry`, on any storage where Delta commits are atomic.

**A process that dies** between the two writes leaves a leader without a candidate. The next
registry that is opened knows it: the first crystal that equals such a leader is `is_new` again,
so that its candidate is stored.

**Candidates that came without** (the bundle, older stores, other programs) get their leaders when
a registry is opened, once.
"""

from __future__ import annotations

import random
import time
from collections import deque
from collections.abc import Collection, Iterable, Iterator, Sequence
from contextlib import suppress
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from matscreen import tables
from matscreen.errors import StoreError
from matscreen.fingerprints import Fingerprint, fingerprints_in_chunks, workers_for
from matscreen.identity import (
    SAME_MATERIAL,
    SAME_STRUCTURE,
    SCHEME,
    SYMPREC,
    Leader,
    Registry,
)
from matscreen.store import Store
from matscreen.structures import Crystal, CrystalBatch
from matscreen.table_files import dataset

if TYPE_CHECKING:
    import pyarrow as pa

TABLE: Final = "leaders"
ROW_SCHEME: Final = f"{SCHEME}/phases-1"
"""Version of what a row holds; rows of another are computed anew."""
_COLUMNS: Final = (
    "structure_id",
    "material_id",
    "formula",
    "spacegroup",
    "primitive_nsites",
    "phase_spacegroup",
    "phase_nsites",
    "length",
    "invariant",
)
_MANY_FILES: Final = 64
_ROWS: Final = 2000


def open_registry(store: Store, *, workers: int | None = None) -> Registry:
    """Open the registry of a store; what it assigns is in the store at once.

    Only the leaders of formulas that are asked for are read. Candidates without a leader get one
    first.

    Args:
        store: The store.
        workers: Processes for the fingerprints of candidates without a leader.
    """
    known = StoredLeaders(store)
    known.catch_up(workers=workers)
    return Registry(known)


class StoredLeaders:
    """The leaders of a store, as a registry asks for them.

    Args:
        store: The store.
    """

    def __init__(self, store: Store) -> None:
        self._store = store
        if not store.exists(TABLE):
            store.append(TABLE, tables.SCHEMAS[TABLE].empty_table())
        self._table = self._store.opened(TABLE)
        self._unstored: set[str] = set()

    def of(self, formulas: Collection[str]) -> Iterator[Leader]:
        """Read the leaders of some formulas, as of the last look at the table."""
        import pyarrow as pa
        import pyarrow.dataset as ds

        wanted = pa.array(sorted(formulas), pa.string())
        rows = dataset(self._table, self._store.uri(TABLE)).scanner(
            columns=list(_COLUMNS),
            filter=ds.field("formula").isin(wanted)
            & (ds.field("scheme") == ROW_SCHEME)
            & ds.field("invariant").is_valid(),
            batch_readahead=4,
            fragment_readahead=2,
        )
        for batch in rows.to_batches():
            yield from _leaders(batch)

    def claim(self, leaders: Sequence[Leader]) -> bool:
        """Add leaders in one commit, unless another process has added some since the last look.

        Returns:
            Whether they were added; if not, the table has been looked at again.
        """
        return self._append(_table(leaders))

    def take_unstored(self, structure_ids: Collection[str]) -> set[str]:
        """Return those ids whose leader had no candidate when the store was opened, once each."""
        found = self._unstored.intersection(structure_ids)
        self._unstored -= found
        return found

    def catch_up(self, *, workers: int | None = None) -> int:
        """Give candidates without a leader theirs, and note the leaders without a candidate.

        Returns:
            How many leaders were added.
        """
        import pyarrow.compute as pc

        self._compact()
        while True:
            candidates = _with_cell(self._store)
            known = self._ids()
            missing = pc.unique(candidates.filter(pc.invert(pc.is_in(candidates, known))))
            done = self._add_missing(missing, workers=workers)
            if done is not None:
                break
        lonely = known.filter(pc.invert(pc.is_in(known, pc.unique(candidates))))
        self._unstored = set(lonely.to_pylist())
        return done

    def _add_missing(self, missing: pa.Array, *, workers: int | None) -> int | None:
        """Add the leaders of some candidates; None when another process came in between."""
        if not len(missing):
            return 0
        names: deque[tuple[str, str | None, str]] = deque()

        def crystals() -> Iterator[Crystal]:
            for rows in _candidate_rows(self._store, missing):
                names.extend(_names(rows))
                yield from CrystalBatch.from_arrow(rows)

        added = 0
        for prints in fingerprints_in_chunks(
            crystals(), workers=workers or workers_for(len(missing))
        ):
            leaders, bare = [], []
            for print_ in prints:
                structure_id, material_id, formula = names.popleft()
                if isinstance(print_, Fingerprint):
                    leaders.append(Leader.of(print_, structure_id, material_id or structure_id))
                else:  # noted, so that it is not tried each time
                    bare.append({"structure_id": structure_id, "formula": formula})
            if not self._append(_table(leaders, bare)):
                return None
            added += len(leaders)
        return added

    def _ids(self) -> pa.ChunkedArray:
        import pyarrow.dataset as ds

        found = dataset(self._table, self._store.uri(TABLE)).to_table(
            columns=["structure_id"], filter=ds.field("scheme") == ROW_SCHEME
        )
        return found["structure_id"]

    def _append(self, rows: pa.Table) -> bool:
        from deltalake import CommitProperties, write_deltalake
        from deltalake.exceptions import CommitFailedError, DeltaError

        try:
            write_deltalake(
                self._table,
                rows,
                mode="append",
                commit_properties=CommitProperties(max_commit_retries=0),
            )
        except CommitFailedError:
            time.sleep(random.uniform(0.01, 0.1))
            self._table = self._store.opened(TABLE)
            return False
        except (DeltaError, OSError) as error:
            message = f"cannot write table {TABLE!r} in {self._store.root}: {error}"
            raise StoreError(message) from error
        return True  # and the table that was written is now at its own commit

    def _compact(self) -> None:
        """Join the small files that many pulled pages leave."""
        from deltalake.exceptions import CommitFailedError

        if len(self._table.file_uris()) < _MANY_FILES:
            return
        with suppress(CommitFailedError):  # another process is writing: the next opening does it
            self._table.optimize.compact()
        self._table = self._store.opened(TABLE)


def _table(leaders: Sequence[Leader], bare: Iterable[dict[str, str]] = ()) -> pa.Table:
    """Return rows of the table `leaders`; those of `bare` have no fingerprint."""
    import pyarrow as pa

    schema = tables.SCHEMAS[TABLE]
    columns = {name: [getattr(leader, name) for leader in leaders] for name in _COLUMNS[:-1]}
    sizes = [len(leader.invariant) for leader in leaders]
    values = np.concatenate([leader.invariant for leader in leaders] or [np.empty(0, np.float32)])
    arrays = {name: pa.array(column, schema.field(name).type) for name, column in columns.items()}
    arrays["invariant"] = pa.ListArray.from_arrays(
        pa.array(np.cumsum([0, *sizes]), pa.int32()), pa.array(values, pa.float32())
    )
    table = tables.from_rows(TABLE, [{**row, "scheme": ROW_SCHEME} for row in bare])
    for name, constant in (
        ("scheme", ROW_SCHEME),
        ("symprec", SYMPREC),
        ("same_structure", SAME_STRUCTURE),
        ("same_material", SAME_MATERIAL),
    ):
        arrays[name] = pa.array([constant] * len(leaders), schema.field(name).type)
    return pa.concat_tables([pa.table(arrays, schema=schema), table])


def _leaders(batch: pa.RecordBatch) -> Iterator[Leader]:
    if not batch.num_rows:
        return iter(())
    invariants = batch.column("invariant")
    values = invariants.flatten().to_numpy(zero_copy_only=False)
    sizes = invariants.value_lengths().to_numpy(zero_copy_only=False)
    ends = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    columns: list[list[Any]] = [batch.column(name).to_pylist() for name in _COLUMNS[:-1]]
    # Copies: a view would keep the whole batch in memory.
    columns.append([row.astype(np.float32, copy=True) for row in np.split(values, ends[1:-1])])
    return (Leader(*row) for row in zip(*columns, strict=True))


def _with_cell(store: Store) -> pa.ChunkedArray:
    """Return the ids of the candidates that have a cell."""
    import pyarrow as pa
    import pyarrow.dataset as ds

    if not store.exists("candidates"):
        return pa.chunked_array([], pa.string())
    rows = dataset(store.opened("candidates"), store.uri("candidates"))
    found = rows.to_table(columns=["structure_id"], filter=ds.field("lattice").is_valid())
    return found["structure_id"]


def _candidate_rows(store: Store, ids: pa.Array) -> Iterator[pa.Table]:
    """Read the candidates of some ids that have a cell, a few thousand at a time."""
    import pyarrow as pa
    import pyarrow.dataset as ds

    columns = ["structure_id", "material_id", "formula", "lattice", "atomic_numbers", "frac_coords"]
    rows = dataset(store.opened("candidates"), store.uri("candidates"))
    scanner = rows.scanner(
        columns=columns,
        filter=ds.field("structure_id").isin(ids) & ds.field("lattice").is_valid(),
        batch_size=_ROWS,
    )
    for batch in scanner.to_batches():
        if batch.num_rows:
            yield pa.Table.from_batches([batch])


def _names(table: pa.Table) -> Iterator[tuple[str, str | None, str]]:
    columns = (table[name].to_pylist() for name in ("structure_id", "material_id", "formula"))
    return zip(*columns, strict=True)
