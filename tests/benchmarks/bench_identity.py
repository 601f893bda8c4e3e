"""Deduplicate new structures against stored ones: time, memory, and duplicates against the truth.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_identity.py [--stored 90000] [--new 10000]

Stored structures are enumerated prototypes at several volumes. Of the new ones, 40 % are other
descriptions (setting, origin, order, doubled cell, orientation, 1e-4 Å noise) of stored ones, 10 %
of other new ones, and the rest are at new volumes. Deduplication runs page by page in a process
of its own, against all stored structures and, for the memory, against a tenth of them.
"""

from __future__ import annotations

import argparse
import json
import logging
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from matscreen import tables
from matscreen.leaders import open_registry
from matscreen.sources.prototypes import PrototypeSource
from matscreen.store import Store
from matscreen.structures import Crystal, CrystalBatch

STEP = 0.012
"""Relative step of the cell edge between two variants of a structure: 0.07 Å at 6 Å."""
NEW_FROM = 0.5  # new volumes lie half a step off the stored ones


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--stored", type=int, default=90_000)
    parser.add_argument("--new", type=int, default=10_000)
    parser.add_argument("--page", type=int, default=1000)
    parser.add_argument("--measure", type=Path, help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    logging.getLogger("moyo").setLevel(logging.ERROR)
    if arguments.measure is not None:
        print(json.dumps(measure(arguments.measure, arguments.page)))
        return
    bases = [item.crystal for page in PrototypeSource().pages() for item in page.items]
    print(f"{len(bases)} enumerated structures")
    for stored in (arguments.stored // 10, arguments.stored):
        with tempfile.TemporaryDirectory() as folder:
            place = Path(folder)
            prepare(place, bases, stored, arguments.new)
            command = [sys.executable, __file__, "--measure", folder]
            command += ["--page", str(arguments.page)]
            ended = subprocess.run(command, check=True, capture_output=True, text=True)
            report(json.loads(ended.stdout), stored, arguments.new)


def prepare(place: Path, bases: list[Crystal], stored: int, new: int) -> None:
    """Store candidates with their leaders, and write the new structures with their truth."""
    store = Store(place / "store")
    for start in range(0, stored, 5000):
        rows = [
            tables.candidate_row(variant(bases, i), structure_id=name(i), material_id=name(i))
            for i in range(start, min(start + 5000, stored))
        ]
        store.append("candidates", tables.from_rows("candidates", rows))
    started = time.perf_counter()
    open_registry(store, workers=1)
    seconds = time.perf_counter() - started
    print(f"\nleaders of {stored} candidates made once in {seconds:.0f} s")
    rows, truth = [], []
    for crystal, label in new_structures(bases, stored, new):
        rows.append(tables.candidate_row(crystal, structure_id=str(len(rows))))
        truth.append(label)
    table = tables.from_rows("candidates", rows).append_column("truth", pa.array(truth))
    pq.write_table(table, place / "new.parquet")


def new_structures(bases: list[Crystal], stored: int, new: int) -> Iterator[tuple[Crystal, str]]:
    """Yield new structures in random order, each with the name of what it is."""
    # The helpers of the tests lie beside this folder, and it is no package.
    sys.path.insert(0, str(Path(__file__).resolve().parents[1]))
    from crystal_copies import described

    rng = np.random.default_rng(0)
    known = [int(i) for i in rng.choice(stored, size=4 * new // 10, replace=False)]
    fresh = [int(i) for i in rng.choice(stored, size=new // 2, replace=False)]
    again = [int(i) for i in rng.choice(fresh, size=new - len(known) - len(fresh))]
    entries = [(i, 0.0) for i in known] + [(i, NEW_FROM) for i in fresh + again]
    for place in rng.permutation(len(entries)):
        index, offset = entries[place]
        yield described(variant(bases, index, offset), rng), name(index, offset)


def variant(bases: list[Crystal], index: int, offset: float = 0.0) -> Crystal:
    base = bases[index % len(bases)]
    scale = 0.9 + STEP * (index // len(bases) + offset)
    return Crystal(base.lattice * scale, base.atomic_numbers, base.frac_coords)


def name(index: int, offset: float = 0.0) -> str:
    return f"{index}{'+' if offset else ''}"


def measure(place: Path, page: int) -> dict[str, float]:
    """Deduplicate the new structures of a folder against its store."""
    store = Store(place / "store")
    new = pq.read_table(place / "new.parquet")
    truth = new["truth"].to_pylist()
    crystals = list(CrystalBatch.from_arrow(new))
    before = peak_mib()
    started, cpu = time.perf_counter(), time.process_time()
    registry = open_registry(store)
    opened = time.perf_counter() - started
    found = []
    for start in range(0, len(crystals), page):
        found += registry.assign_batch(crystals[start : start + page], workers=1)
    seconds, cpu = time.perf_counter() - started, time.process_time() - cpu
    ids: dict[str, set[str]] = {}
    for label, identity in zip(truth, found, strict=True):
        ids.setdefault(label, set()).add(identity.structure_id)
    duplicates = len(truth) - len({label for label in truth if label.endswith("+")})
    return {
        "seconds": seconds,
        "cpu_seconds": cpu,
        "opened": opened,
        "before_mib": before,
        "peak_mib": peak_mib(),
        "true_duplicates": duplicates,
        "duplicates": sum(not identity.is_new for identity in found),
        # Of stored structures by name, of new ones by one name each.
        "wrong_stored": sum(ids[x] != {x} for x in ids if not x.endswith("+")),
        "split_new": sum(len(ids[x]) != 1 for x in ids if x.endswith("+")),
        "merged_new": sum(x.endswith("+") for x in ids)
        - len(set().union(*(ids[x] for x in ids if x.endswith("+")))),
    }


def peak_mib() -> float:
    """Return the peak of this process alone: `ru_maxrss` starts from that of the parent."""
    for line in Path("/proc/self/status").read_text().splitlines():
        if line.startswith("VmHWM:"):
            return float(line.split()[1]) / 1024
    raise OSError("/proc/self/status has no VmHWM; run this on Linux")


def report(found: dict[str, float], stored: int, new: int) -> None:
    print(
        f"{new} new against {stored} stored: {found['seconds']:.1f} s "
        f"({1000 * found['seconds'] / new:.2f} ms each, {found['cpu_seconds']:.1f} CPU s), "
        f"registry opened in {found['opened']:.2f} s\n"
        f"peak memory {found['peak_mib']:.0f} MiB, of it {found['before_mib']:.0f} before\n"
        f"duplicates found {found['duplicates']:.0f}, true {found['true_duplicates']:.0f}; "
        f"stored not recognized {found['wrong_stored']:.0f}, new split {found['split_new']:.0f}, "
        f"new merged {found['merged_new']:.0f}"
    )


if __name__ == "__main__":
    main()
