"""Time the descriptor sets, and matminer beside them.

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_descriptors.py

matminer needs pandas < 3 and so its own environment. Name its Python in MATSCREEN_MATMINER_PYTHON
to time `ElementProperty.from_preset("magpie")` there in the same run and compare the values.
Times are the best of several repeats, in CPU seconds of one process.
"""

from __future__ import annotations

import itertools
import json
import logging
import os
import subprocess
import time
from collections.abc import Callable

import numpy as np

from matscreen.descriptors import DESCRIPTOR_SETS, featurize_formulas
from matscreen.descriptors.composition import (
    Compositions,
    composition_features,
    magpie_statistics,
    parse_formula,
)
from matscreen.descriptors.oxidation import oxidation_states
from matscreen.structures import Crystal, CrystalBatch

ELEMENTS = [
    "Li",
    "Na",
    "K",
    "Rb",
    "Cs",
    "Mg",
    "Ca",
    "Sr",
    "Ba",
    "Sc",
    "Y",
    "La",
    "Ti",
    "Zr",
    "Hf",
    "V",
    "Nb",
    "Ta",
    "Cr",
    "Mo",
    "W",
    "Mn",
    "Fe",
    "Co",
    "Ni",
    "Cu",
    "Zn",
    "Al",
    "Ga",
    "In",
    "Sn",
    "Pb",
    "Bi",
]
PEER = """
import json, sys, time, warnings
warnings.simplefilter("ignore")
from matminer.featurizers.composition import ElementProperty
from pymatgen.core import Composition
formulas = json.load(sys.stdin)
magpie = ElementProperty.from_preset("magpie")
compositions = [Composition(f) for f in formulas]
magpie.featurize(compositions[0])
start = time.process_time()
rows = [magpie.featurize(c) for c in compositions]
json.dump([time.process_time() - start, [[float(x) for x in r] for r in rows]], sys.stdout)
"""


def best(work: Callable[[], object], repeats: int = 5) -> float:
    """CPU seconds of the fastest of several runs."""
    times = []
    for _ in range(repeats):
        start = time.process_time()
        work()
        times.append(time.process_time() - start)
    return min(times)


def perovskites(n: int, rng: np.random.Generator) -> list[Crystal]:
    """Distorted ABO3 cells of 5, 10 or 20 atoms."""
    numbers = {s: next(iter(parse_formula(s))) for s in ELEMENTS}
    base = np.array([[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
    found = []
    for _ in range(n):
        a, b = rng.choice(ELEMENTS, 2, replace=False)
        repeat = np.array([(1, 1, 1), (1, 1, 2), (1, 2, 2)][rng.integers(3)])
        cells = np.array(list(itertools.product(*map(range, repeat))))
        coords = (base[None] + cells[:, None]).reshape(-1, 3) / repeat
        coords += rng.normal(scale=0.01, size=coords.shape)
        lattice = np.diag(rng.uniform(3.8, 4.2) * repeat * rng.uniform(0.97, 1.03, 3))
        found.append(
            Crystal(lattice, np.tile([numbers[a], numbers[b], 8, 8, 8], len(cells)), coords)
        )
    return found


def main() -> None:
    """Print one line a measurement."""
    logging.getLogger("moyo").setLevel(logging.ERROR)
    rng = np.random.default_rng(0)
    formulas = [f"{a}{b}O{n}" for a, b in itertools.permutations(ELEMENTS, 2) for n in (3, 4)]
    parsed = [parse_formula(f) for f in formulas]
    compositions = Compositions.from_amounts(parsed * 50)

    def report(what: str, n: int, seconds: float) -> None:
        print(f"{what:48s} {n / seconds:12,.0f} /s   {1e6 * seconds / n:10.2f} µs each")

    n = len(compositions)
    magpie_statistics(compositions)
    ours = best(lambda: magpie_statistics(compositions))
    report("Magpie 132, arrays", n, ours)
    report("all composition columns, arrays", n, best(lambda: composition_features(compositions)))
    some = Compositions.from_amounts(parsed)
    oxidation_states(some)
    report("oxidation states, distinct", len(some), best(lambda: oxidation_states(some)))
    report(
        "set composition from formula strings",
        len(formulas),
        best(lambda: featurize_formulas(formulas)),
    )
    crystals = perovskites(600, rng)
    batch = CrystalBatch.from_crystals(crystals)
    mean_sites = len(batch.atomic_numbers) / len(batch)
    for name, described in DESCRIPTOR_SETS.items():
        described.featurize(batch)
        seconds = best(lambda one=described: one.featurize(batch), 3)
        columns = len(described.labels)
        report(f"set {name}, {columns} columns, {mean_sites:.1f} atoms", len(batch), seconds)

    python = os.environ.get("MATSCREEN_MATMINER_PYTHON")
    if not python:
        print("MATSCREEN_MATMINER_PYTHON is not set: no comparison with matminer")
        return
    sample = formulas[:2000]
    answer = subprocess.run(
        [python, "-c", PEER], input=json.dumps(sample), capture_output=True, text=True, check=True
    )
    seconds, rows = json.loads(answer.stdout)
    report("matminer ElementProperty, Composition objects", len(sample), seconds)
    theirs = np.array(rows)
    mine = magpie_statistics(Compositions.from_amounts(parsed[:2000]))
    print(
        f"largest difference {np.abs(theirs - mine).max():.1e}; speed-up {seconds / len(sample) / (ours / n):,.0f}"
    )


if __name__ == "__main__":
    main()
