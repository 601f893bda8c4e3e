"""Finished partitions merged into one ranking, a window of rows at a time.

Ranks, the best ten of each draw and the Pareto front are those of a ranking of all rows at once:
the best of the union are among the bests of the parts. Memory grows by a hundred bytes a row while
rows are put in order, then by one row group and one footer (2 MB) a partition.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from matscreen.atomic import replacing
from matscreen.buildability import UNITS
from matscreen.monte_carlo import SPLITS, Leaders
from matscreen.part_files import PartFolder
from matscreen.partitions import LEADERS, ROWS, best_of_draws
from matscreen.ranking import LEADING_COLUMNS, column_units
from matscreen.shipped import Progress
from matscreen.standings import pareto_front
from matscreen.structures import FloatArray

if TYPE_CHECKING:
    import pandas as pd
    import pyarrow as pa
    import pyarrow.parquet as pq

_WINDOW: Final = 20_000
_KEYS: Final = (
    "structure_id",
    "mechanism",
    "feasible",
    "energy_nominal_J",
    "energy_above_hull",
    "p_feasible",
    "pareto",
)


@dataclass(frozen=True, eq=False)
class Merged:
    """What a merged ranking holds.

    Attributes:
        head: The best rows of each mechanism, with the columns and `attrs` of a ranking.
        rows: Number of rows of the whole ranking.
        feasible: Number of feasible ones among them.
    """

    head: pd.DataFrame
    rows: int
    feasible: int


@dataclass(frozen=True, eq=False)
class _Order:
    """Where every row of the partitions stands, in the order of the ranking, (n,) each."""

    part: np.ndarray[Any, Any]
    mechanism: np.ndarray[Any, Any]
    rank: np.ndarray[Any, Any]
    rank_in_mechanism: np.ndarray[Any, Any]
    p_top: FloatArray
    pareto: np.ndarray[Any, Any]
    feasible: np.ndarray[Any, Any]


def merge_parts(
    folder: PartFolder,
    names: Sequence[str],
    target: Path,
    *,
    mechanisms: Sequence[str],
    samples: int,
    head: int,
    progress: Progress,
) -> Merged:
    """Write the ranking of some partitions as one Parquet file.

    Args:
        folder: Where the partitions are.
        names: Their names.
        target: File to write; it is there whole or not at all.
        mechanisms: Mechanisms in the partitions.
        samples: Draws.
        head: Best rows of each mechanism to return.
        progress: Called as rows are written.
    """
    import pyarrow as pa
    import pyarrow.compute as pc
    import pyarrow.parquet as pq

    leaders = _merged_leaders(folder, names, mechanisms, samples)
    order, best = _order(folder, names, sorted(mechanisms), leaders, samples)
    kept: list[pa.Table] = []
    with replacing(target) as temporary, ExitStack() as stack:
        writer: pq.ParquetWriter | None = None
        done = 0
        for window in _windows(folder, names, order):
            table = _finished(window, order, slice(done, done + window.num_rows))
            if writer is None:
                writer = stack.enter_context(
                    pq.ParquetWriter(temporary, table.schema, compression="zstd")
                )
            writer.write_table(table)
            kept.append(table.filter(pc.less_equal(table["rank_in_mechanism"], head)))
            done += window.num_rows
            progress("merge", done, len(order.rank))
    best_rows: pd.DataFrame = pa.concat_tables(kept).to_pandas()
    best_rows["made"] = best_rows["made"].astype("boolean")
    best_rows.attrs["units"] = _units([str(name) for name in best_rows.columns])
    best_rows.attrs["split_sensitivity"] = [
        _sensitivity(name, best.get(name), leaders, samples) for name in mechanisms
    ]
    return Merged(best_rows, len(order.rank), int(order.feasible.sum()))


def _merged_leaders(
    folder: PartFolder, names: Sequence[str], mechanisms: Sequence[str], samples: int
) -> dict[tuple[str, str], Leaders]:
    """Return the best ten of each draw over all partitions; owners are ids as numbers."""
    merged = {(name, split): Leaders(samples) for name in mechanisms for split in SPLITS}
    for name in names:
        rows = folder.read(name + LEADERS).to_pandas()
        for key, part in rows.groupby(["mechanism", "split"], observed=True, sort=False):
            energy, owner = best_of_draws(part, samples)
            merged[key].merge(energy, owner)
    return merged


def _order(
    folder: PartFolder,
    names: Sequence[str],
    mechanisms: Sequence[str],
    leaders: Mapping[tuple[str, str], Leaders],
    samples: int,
) -> tuple[_Order, dict[str, int]]:
    """Return where every row stands, and the best structure of each mechanism."""
    keys = [_keys(folder, name, mechanisms, number) for number, name in enumerate(names)]
    # Column by column: what has been put together or in order takes no memory twice.
    key = {column: np.concatenate([part.pop(column) for part in keys]) for column in list(keys[0])}
    sequence = np.lexsort((key["mechanism"], key["id"], key["energy"], ~key["feasible"]))
    for column in key:
        key[column] = key[column][sequence]
    del sequence
    within = np.zeros(len(key["id"]), dtype=np.int32)
    p_top = np.zeros(len(within))
    best: dict[str, int] = {}
    for number, name in enumerate(mechanisms):
        mine = np.flatnonzero(key["mechanism"] == number)
        within[mine] = _tied_ranks(key["feasible"][mine], key["energy"][mine])
        found = leaders[name, "stated"]
        owners, counts = np.unique(found.owner[np.isfinite(found.energy)], return_counts=True)
        place = np.searchsorted(owners, key["id"][mine])
        place[place == len(owners)] = 0
        if len(owners):
            listed = owners[place] == key["id"][mine]
            p_top[mine[listed]] = counts[place[listed]] / samples
        if len(mine) and key["feasible"][mine[0]]:
            best[name] = int(key["id"][mine[0]])
        front = mine[key["pareto"][mine]]
        key["pareto"][front] = pareto_front(
            *(key[column][front] for column in ("energy", "hull", "p_feasible", "feasible"))
        )
    order = _Order(
        part=key["part"],
        mechanism=key["mechanism"],
        rank=_tied_ranks(key["feasible"], key["energy"]),
        rank_in_mechanism=within,
        p_top=p_top,
        pareto=key["pareto"],
        feasible=key["feasible"],
    )
    return order, best


def _keys(
    folder: PartFolder, name: str, mechanisms: Sequence[str], number: int
) -> dict[str, np.ndarray[Any, Any]]:
    with folder.open(name + ROWS) as file, folder.reading(name + ROWS):
        table = file.read(columns=list(_KEYS))
    codes = {mechanism: code for code, mechanism in enumerate(mechanisms)}
    ids = "".join(table["structure_id"].to_pylist())
    return {
        "id": np.frombuffer(bytes.fromhex(ids), dtype=">u8").astype(np.uint64),
        "mechanism": np.array([codes[m] for m in table["mechanism"].to_pylist()], dtype=np.int8),
        "part": np.full(table.num_rows, number, dtype=np.int32),
        "energy": table["energy_nominal_J"].to_numpy(),
        "hull": table["energy_above_hull"].to_numpy(),
        "p_feasible": table["p_feasible"].to_numpy(),
        "feasible": table["feasible"].to_numpy(),
        "pareto": table["pareto"].to_numpy(),
    }


def _tied_ranks(
    feasible: np.ndarray[Any, Any], energy: FloatArray
) -> np.ndarray[Any, np.dtype[np.int64]]:
    """Rank rows that are sorted already; equal ones share the smaller rank."""
    place = np.arange(1, len(energy) + 1)
    new = np.ones(len(energy), dtype=bool)
    new[1:] = (np.diff(energy) != 0.0) | (feasible[1:] != feasible[:-1])
    return np.maximum.accumulate(np.where(new, place, 0))


def _windows(folder: PartFolder, names: Sequence[str], order: _Order) -> Iterator[pa.Table]:
    """Yield the rows in the order of the ranking; each partition is read once, front to back."""
    import pyarrow as pa

    with ExitStack() as stack:
        readers = [
            _Reader(folder, name + ROWS, stack.enter_context(folder.open(name + ROWS)))
            for name in names
        ]
        for start in range(0, len(order.part), _WINDOW):
            parts = order.part[start : start + _WINDOW]
            grouped = np.argsort(parts, kind="stable")
            counts = np.bincount(parts, minlength=len(readers))
            tables = [reader.take(n) for reader, n in zip(readers, counts, strict=True) if n]
            position = np.empty(len(parts), dtype=np.int64)
            position[grouped] = np.arange(len(parts))
            yield pa.concat_tables(tables).take(pa.array(position))


class _Reader:
    """Reads a file front to back, any number of rows at a time; holds one row group."""

    def __init__(self, folder: PartFolder, name: str, file: pq.ParquetFile) -> None:
        self._folder = folder
        self._name = name
        self._file = file
        self._next = 0
        self._held: pa.Table | None = None

    def take(self, count: int) -> pa.Table:
        """Return the next rows."""
        import pyarrow as pa

        found: list[pa.Table] = []
        while count:
            if self._held is None or not self._held.num_rows:
                # One group and in this thread: ahead of a row group, and in threads, the memory
                # of hundreds of files together is several times that of the rows.
                with self._folder.reading(self._name):
                    self._held = self._file.read_row_group(self._next, use_threads=False)
                self._next += 1
            found.append(self._held.slice(0, count))
            self._held = self._held.slice(found[-1].num_rows)
            count -= found[-1].num_rows
        return pa.concat_tables(found)


def _finished(window: pa.Table, order: _Order, rows: slice) -> pa.Table:
    """Add what only all partitions together tell, with columns and units as in a ranking."""
    import pyarrow as pa

    columns = {name: window[name] for name in window.column_names}
    columns["rank"] = pa.array(order.rank[rows], pa.int64())
    columns["rank_in_mechanism"] = pa.array(order.rank_in_mechanism[rows], pa.int64())
    columns["p_top_10"] = pa.array(order.p_top[rows])
    columns["pareto"] = pa.array(order.pareto[rows])
    rest = [name for name in window.column_names if name not in LEADING_COLUMNS]
    names = [*LEADING_COLUMNS, *rest]
    units = _units(names)
    table = pa.table({name: columns[name] for name in names})
    return table.cast(
        pa.schema(
            field.with_metadata({"unit": units[field.name]} if field.name in units else None)
            for field in table.schema
        )
    )


def _units(names: Sequence[str]) -> dict[str, str]:
    return {**column_units(names), **UNITS}


def _sensitivity(
    mechanism: str,
    best: int | None,
    leaders: Mapping[tuple[str, str], Leaders],
    samples: int,
) -> dict[str, Any]:
    """What the split of the model error makes of the best candidate of a mechanism."""
    note: dict[str, Any] = {"mechanism": mechanism, "structure_id": None}
    if best is None:
        return note
    note["structure_id"] = f"{best:016x}"
    for split in SPLITS:
        found = leaders[mechanism, split]
        mine = (found.owner == np.uint64(best)) & np.isfinite(found.energy)
        note[f"p_top_10_{split}"] = float(mine.sum() / samples)
    return note
