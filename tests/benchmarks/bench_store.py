"""What many small files cost a reader, and what compaction gives back.

    python tests/benchmarks/bench_store.py [--pages 300] [--rows 200] [--json FILE]

Writes pages of candidates and their leaders as a pull does, one commit a page, and times, each the
best of several: opening the table, reading all of it, reading two columns, looking up the leaders
of some formulas as the identity of a page does; before compaction, after it, and after the files
were also ordered by formula (z-order). Sizes come from `matscreen.maintenance.states`.
"""

from __future__ import annotations

import argparse
import json
import tempfile
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.dataset as ds
from deltalake import DeltaTable

from matscreen import tables
from matscreen.leaders import StoredLeaders
from matscreen.maintenance import compact, states
from matscreen.store import Store

TABLES = ("candidates", "leaders")
INVARIANT = 400


def pages(number: int, rows: int, seed: int = 0) -> tuple[pa.Table, pa.Table]:
    """Return a page of candidates of 20 sites, and their leaders."""
    draw = np.random.default_rng([seed, number])
    names = [f"{number:08x}{row:08x}" for row in range(rows)]
    formulas = [f"A{draw.integers(1, 90)}B{draw.integers(1, 90)}O{n % 7 + 1}" for n in range(rows)]
    common = {"material_id": names, "formula": formulas, "structure_id": names}
    candidates = common | {
        "chemsys": formulas,
        "nsites": [20] * rows,
        "spacegroup": [62] * rows,
        "lattice": draw.random((rows, 9)).tolist(),
        "atomic_numbers": draw.integers(1, 90, (rows, 20)).tolist(),
        "frac_coords": draw.random((rows, 60)).tolist(),
    }
    leaders = common | {
        "spacegroup": [62] * rows,
        "scheme": [_scheme()] * rows,
        "invariant": draw.random((rows, INVARIANT)).astype(np.float32).tolist(),
    }
    return tuple(  # type: ignore[return-value]
        tables.check(
            name,
            pa.table(
                {
                    key: pa.array(column, tables.SCHEMAS[name].field(key).type)
                    for key, column in columns.items()
                }
            ),
        )
        for name, columns in zip(TABLES, (candidates, leaders), strict=True)
    )


def _scheme() -> str:
    from matscreen.leaders import ROW_SCHEME

    return ROW_SCHEME


def best(work: Callable[[], object], times: int = 5) -> float:
    """Return the shortest of several runs, ms."""
    spent = []
    for _ in range(times):
        start = time.perf_counter()
        work()
        spent.append(time.perf_counter() - start)
    return round(1000 * min(spent), 2)


def timings(store: Store) -> dict[str, float]:
    """Time what readers do."""
    some = store.read("leaders", ["formula"])["formula"].to_pylist()[:: max(1, 997)][:20]
    known = StoredLeaders(store)
    return {
        "open_ms": best(lambda: DeltaTable(store.uri("candidates"))),
        "read_all_ms": best(lambda: store.read("candidates")),
        "read_two_columns_ms": best(lambda: store.read("candidates", ["structure_id", "formula"])),
        "leaders_of_20_formulas_ms": best(lambda: list(known.of(some))),
    }


def lying(store: Store) -> dict[str, dict[str, float]]:
    """Return files and sizes of each table."""
    return {
        each.name: {
            "rows": each.rows,
            "files": each.files,
            "mb": round(each.bytes / 1e6, 2),
            "with_old_versions_mb": round(each.stored_bytes / 1e6, 2),
        }
        for each in states(store)
    }


def main() -> None:
    """Write, time, compact, time, order, time."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--pages", type=int, default=300)
    parser.add_argument("--rows", type=int, default=200, help="rows of a page")
    parser.add_argument("--json", type=Path)
    asked = parser.parse_args()
    found: dict[str, object] = {"pages": asked.pages, "rows_of_a_page": asked.rows}
    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "store")
        start = time.perf_counter()
        for number in range(asked.pages):
            for name, page in zip(TABLES, pages(number, asked.rows), strict=True):
                store.append(name, page)
        found["write_s"] = round(time.perf_counter() - start, 2)
        rows = store.read("candidates").sort_by("structure_id")
        found["paged"] = {"tables": lying(store), **timings(store)}
        start = time.perf_counter()
        compact(store)
        found["compaction_s"] = round(time.perf_counter() - start, 2)
        found["compacted"] = {"tables": lying(store), **timings(store)}
        assert store.read("candidates").sort_by("structure_id").equals(rows)
        start = time.perf_counter()
        DeltaTable(store.uri("leaders")).optimize.z_order(["formula"])
        found["z_order_s"] = round(time.perf_counter() - start, 2)
        found["z_ordered"] = {"tables": lying(store), **timings(store)}
        count = ds.dataset(DeltaTable(store.uri("leaders")).file_uris()).count_rows()
        assert count == asked.pages * asked.rows
    print(json.dumps(found, indent=2))
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=2) + "\n")


if __name__ == "__main__":
    main()
