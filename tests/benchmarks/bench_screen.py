"""A screen of enumerated compositions from end to end, beside the pipeline that people write.

Ours, in a process of its own with as many workers as asked: describe, predict, rank by adaptive
Monte Carlo and export `synapse` over solid solutions (surrogates trained before, not timed). The
peer is measured on a sample and taken to grow linearly: pymatgen reads the formulas, matminer makes
the Magpie features, a random forest of 100 trees a property, trained on the same labels, predicts,
each on one core and divided by the cores; it has no intervals, no gates and no Monte Carlo. It needs
pandas < 3 and so an environment of its own (`make bench-screen` makes it in `.matscreen/peer`).

Writes results/bench/screen.json: candidates, seconds, peak_mb (the driver and all workers at the
same moment, pages that they share counted once), peer_seconds, ratio; and, since other work on the
machine only adds to wall time, processor_ratio, which compares processor seconds, and the load
before the run. seconds_with_models counts reading the surrogates too, beside which the processes
start and the measured devices are scored.

    python tests/benchmarks/bench_screen.py --count 10000 --count 100000
"""

from __future__ import annotations

import argparse
import json
import multiprocessing
import os
import shutil
import subprocess
import sys
import tempfile
import time
from concurrent.futures import ProcessPoolExecutor
from pathlib import Path
from typing import Any

from bench_matminer import peer_python
from memory_watch import watch_memory

from matscreen import compositions
from matscreen.composition_screening import DESCRIPTOR_SET, screen_compositions
from matscreen.config import load_screen
from matscreen.engines import open_engine
from matscreen.parallel import cores
from matscreen.store import Store
from matscreen.training import feature_table

PEER = r"""
import json, sys, time, warnings
warnings.simplefilter("ignore")
import pandas as pd
from matminer.featurizers.composition import ElementProperty
from pymatgen.core import Composition
from sklearn.ensemble import RandomForestRegressor
given = json.load(sys.stdin)
magpie = ElementProperty.from_preset("magpie")
features = lambda formulas: [magpie.featurize(Composition(f)) for f in formulas]
models = []
for rows in given["training"]:
    model = RandomForestRegressor(100, random_state=0, n_jobs=1)
    models.append(model.fit(features(rows["formulas"]), rows["values"]))
features(given["formulas"][:50])
start = time.process_time()
described = features(given["formulas"])
middle = time.process_time()
for model in models:
    model.predict(described)
end = time.process_time()
json.dump({"describe": middle - start, "predict": end - middle}, sys.stdout)
"""


def run_ours(root: str, count: int, workers: int, dask: str | None) -> dict[str, Any]:
    """Screen once; runs in a process of its own, so that its memory is its own."""
    load, started = os.getloadavg()[0], time.perf_counter()
    with watch_memory() as peak, open_engine(dask, workers=workers) as engine:
        finished = screen_compositions(
            load_screen("synapse"), Store(root), f"{root}/results", count=count, engine=engine
        )
    seconds = time.perf_counter() - started
    about = finished.result.provenance
    trained = about["seconds"]["train"]
    return {
        "candidates": count,
        "seconds": seconds - trained,
        "seconds_with_models": seconds,
        "peak_mb": peak.together,
        "load_before": load,
        "largest_worker_mb": peak.largest_child,
        "ranked_rows": finished.result.counts["ranked"],
        "feasible_rows": finished.result.counts["feasible"],
        "engine": about["compositions"]["engine"],
        "processor_seconds": about["compositions"]["processor_seconds"],
        "stage_seconds": about["seconds"],
    }


def peer_rate(store: Store, folder: Path, sample: int) -> tuple[float | None, str]:
    """Return seconds a candidate of the peer on one core, and how that was found."""
    try:
        python = peer_python(folder)
    except (OSError, subprocess.CalledProcessError) as error:
        return None, f"the environment of matminer could not be made: {error}"
    features = feature_table(store, DESCRIPTOR_SET)
    labels = store.read("labels").to_pandas()
    training = []
    for name in (
        "oxygen_migration_barrier",
        "oxygen_vacancy_formation_energy",
        "energy_above_hull",
    ):
        rows = labels[labels["property"] == name].merge(features[["structure_id", "formula"]])
        rows = rows.drop_duplicates("structure_id")
        training.append({"formulas": rows["formula"].tolist(), "values": rows["value"].tolist()})
    named = compositions.name_compositions(next(compositions.parts(sample, sample)))
    given = {"training": training, "formulas": list(named.formulas)}
    answer = subprocess.run(
        [python, "-c", PEER], input=json.dumps(given), capture_output=True, text=True, check=True
    )
    spent = json.loads(answer.stdout)
    how = (
        f"matminer and three random forests on {sample:,} compositions in one process: "
        f"{spent['describe']:.1f} processor s features, {spent['predict']:.1f} s predictions; taken "
        "to grow linearly and to divide over the cores without loss; without ranking"
    )
    return sum(spent.values()) / sample, how


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, action="append", help="10000 and 100000 by default")
    parser.add_argument("--workers", type=int, default=cores())
    parser.add_argument("--dask", help="scheduler, or local")
    parser.add_argument("--peer", type=Path, default=Path(".matscreen/peer"))
    parser.add_argument("--sample", type=int, default=4000)
    parser.add_argument("--out", type=Path, default=Path("results/bench/screen.json"))
    parser.add_argument("--store", type=Path, default=Path(".matscreen/bench"))
    arguments = parser.parse_args()
    store = Store(arguments.store)
    context = multiprocessing.get_context("spawn")
    records = []
    with tempfile.TemporaryDirectory() as scratch:
        print("training the surrogates ...", flush=True)
        with open_engine(workers=1) as engine:
            screen_compositions(load_screen("synapse"), store, scratch, count=100, engine=engine)
        rate, how = peer_rate(store, arguments.peer, arguments.sample)
        print(how, flush=True)
        for count in arguments.count or [10_000, 100_000]:
            shutil.rmtree(arguments.store / "partitions", ignore_errors=True)
            with ProcessPoolExecutor(1, mp_context=context) as pool:
                call = (str(arguments.store), count, arguments.workers, arguments.dask)
                record = pool.submit(run_ours, *call).result()
            peer = None if rate is None else rate * count / arguments.workers
            record["peer_seconds"] = peer
            record["ratio"] = None if peer is None else peer / record["seconds"]
            spent = sum(record["processor_seconds"].values())
            record["processor_ratio"] = None if rate is None else rate * count / spent
            record["microseconds_a_candidate"] = 1e6 * record["seconds"] / count
            record["peer_method"] = how
            records.append(record)
            print(
                f"{count:,} candidates, {record['ranked_rows']:,} rows: {record['seconds']:.1f} s, "
                f"{record['microseconds_a_candidate']:.0f} µs each, {record['peak_mb']:.0f} MiB; "
                f"peer {peer or float('nan'):.0f} s",
                flush=True,
            )
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    before = json.loads(arguments.out.read_text()) if arguments.out.is_file() else []
    counts = {record["candidates"] for record in records}
    kept = [record for record in before if record["candidates"] not in counts]
    everything = sorted([*kept, *records], key=lambda record: record["candidates"])
    arguments.out.write_text(json.dumps(everything, indent=2) + "\n")
    print(f"written to {arguments.out}", file=sys.stderr)


if __name__ == "__main__":
    main()
