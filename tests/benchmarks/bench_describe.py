"""Describe a large published set through the stage: time, memory and failures.

castelli_perov5 (18,928 structures) of a mirror; the shipped bundle without one. Run as

    python tests/benchmarks/bench_describe.py --mirror DIR [--set standard] [--workers 2]
"""

from __future__ import annotations

import argparse
import gzip
import json
import logging
import resource
import tempfile
import time
from pathlib import Path

import numpy as np

from matscreen import stages, tables
from matscreen.store import Store
from matscreen.structures import Crystal


def load(mirror: Path | None, store: Store) -> int:
    """Put the structures into the store, without asking whether they are oxides."""
    from pymatgen.core import Element

    if mirror is None:
        return len(stages.load_bundle(store).ids)
    rows = []
    with gzip.open(mirror / "castelli_perov5_structures.jsonl.gz", "rt") as file:
        for line in file:
            row = json.loads(line)
            crystal = Crystal(
                np.array(row["lattice"]),
                np.array([Element(symbol).Z for symbol in row["species"]]),
                np.array(row["frac_coords"]),
            )
            rows.append(tables.candidate_row(crystal, structure_id=str(row["material_id"])))
    store.upsert("candidates", tables.from_rows("candidates", rows))
    return len(rows)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--mirror", type=Path)
    parser.add_argument("--set", default="standard")
    parser.add_argument("--workers", type=int, default=2)
    arguments = parser.parse_args()
    logging.getLogger("moyo").setLevel(logging.ERROR)
    with tempfile.TemporaryDirectory() as folder:
        store = Store(folder)
        count = load(arguments.mirror, store)
        started = time.perf_counter()
        stages.describe(store, arguments.set, workers=arguments.workers)
        seconds = time.perf_counter() - started
        failed = store.read("failures").num_rows
    own = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    child = resource.getrusage(resource.RUSAGE_CHILDREN).ru_maxrss / 1024
    print(
        f"{arguments.set}: {count:,} structures in {seconds:.1f} s with {arguments.workers} "
        f"processes, {failed} failures"
    )
    print(f"peak memory {own:.0f} MiB here, {child:.0f} MiB in the largest process")


if __name__ == "__main__":
    main()
