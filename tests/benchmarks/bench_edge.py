"""Latency, batch time, size and equality of edge bundles, formula to interval.

Without arguments on a synthetic property of all ABO3 of thirty elements; with `--model FOLDER` (of
a saved surrogate of formulas) on that. Latency: every formula is another, the interpreter is warm,
one thread. Equality: the bundle against the student in numpy. Prints a table, writes
results/bench/edge.json, and exits with 1 where a bound is missed. Run as

    OMP_NUM_THREADS=1 python tests/benchmarks/bench_edge.py [--model FOLDER] [--variants A,B]
"""

from __future__ import annotations

import argparse
import json
import sys
import tempfile
from dataclasses import asdict
from pathlib import Path

import numpy as np

from matscreen.descriptors import featurize_formulas
from matscreen.descriptors.composition import Compositions, parse_formula
from matscreen.edge import (
    Compression,
    compress,
    get_variants,
    make_task,
    size_on_disk,
    write_graded,
)
from matscreen.edge.lean import lean_features
from matscreen.edge.measuring import distinct_formulas, load_scorer, measure_speed
from matscreen.edge.student import Student
from matscreen.surrogates import Prediction, TrainingSet, load, load_training_set

BOUNDS = {"one_row_us": 100.0, "batch_us_per_row": 10.0, "size_bytes": 500_000, "difference": 1e-5}
N_FORMULAS = 10_000
A_SITES = (
    *("Ca", "Sr", "Ba", "La", "Y", "Na", "K", "Pb"),
    *("Nd", "Bi", "Cs", "Rb", "Gd", "Sm", "Pr"),
)
B_SITES = (
    *("Ti", "Zr", "Hf", "Nb", "Ta", "Fe", "Mn", "Al"),
    *("Ga", "Sn", "Cr", "V", "Ni", "Co", "Sc"),
)


class Smooth:
    """A teacher that knows the synthetic property: this measures speed, not learning."""

    def __init__(self, labels: tuple[str, ...]) -> None:
        self._range = labels.index("magpie_range_electronegativity")
        self._radius = labels.index("magpie_mean_covalent_radius")

    def predict(self, X: np.ndarray) -> Prediction:
        mean = 0.5 + X[:, self._range] + 0.01 * X[:, self._radius]
        half = np.full(len(X), 0.3)
        inside = np.ones(len(X), dtype=bool)
        std = half / 1.645
        return Prediction(mean, std, mean - half, mean + half, inside, std, std, std)


def synthetic(variants: list[str]) -> tuple[Compression, dict[str, object]]:
    formulas = [f"{a}{b}O3" for a in A_SITES for b in B_SITES]
    described = featurize_formulas(formulas, with_sites=True)
    teacher = Smooth(described.labels)
    n = len(formulas)
    rows = TrainingSet(
        X=described.values,
        y=teacher.predict(described.values).mean + 0.1 * np.random.default_rng(0).normal(size=n),
        groups=np.array(formulas),
        labels=described.labels,
        formulas=np.array(formulas),
        noise=np.full(n, np.nan),
        ids=np.full(n, "", dtype="U1"),
    )
    card = {
        "model": "synthetic",
        "fallback": None,
        "descriptor_set": "fast",
        "descriptor_version": "1",
        "n_labels": n,
        "unit": "eV",
    }
    task = make_task("band_gap", card, rows)
    return compress(teacher, task, get_variants(variants), lambda *_: teacher), card


def stored(folder: Path, variants: list[str]) -> tuple[Compression, dict[str, object]]:
    surrogate = load(folder)
    task = make_task(surrogate.property, surrogate.card, load_training_set(folder))
    # The surrogate stands in for the teachers without a fold: no error is measured here.
    found = compress(surrogate, task, get_variants(variants), lambda *_: surrogate)
    return found, dict(surrogate.card)


def difference(student: Student, scores: list, formulas: list[str]) -> float:
    """Largest |bundle - student| over value and ends, relative to the larger of 1 and the value."""
    amounts = Compositions.from_amounts([parse_formula(formula) for formula in formulas])
    expected = student.predict(lean_features(amounts), student.unseen[amounts.numbers].max(axis=1))
    found = np.array([score[1:4] for score in scores])
    wanted = np.stack([expected.mean, expected.lower, expected.upper], axis=1)
    return float((np.abs(found - wanted) / np.maximum(1.0, np.abs(wanted))).max())


def main() -> int:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--model", type=Path)
    parser.add_argument("--variants", default="network-128-int8,network-256-float16,trees-100")
    parser.add_argument("--output", type=Path, default=Path("results/bench/edge.json"))
    asked = parser.parse_args()
    variants = asked.variants.split(",")
    compression, card = stored(asked.model, variants) if asked.model else synthetic(variants)
    if compression.task.level != "formula":
        parser.error(f"{asked.model}: a model of structures; give one of formulas")
    formulas = distinct_formulas(compression.task, N_FORMULAS)
    records = []
    heading = ("variant", "kB", "one row us", "p95", "batch us/row", "J/1000", "difference")
    print(f"{len(formulas)} different formulas, {compression.task.property_name}")
    print("".join(f"{word:>20}" for word in heading))
    for graded in compression.graded:
        with tempfile.TemporaryDirectory() as scratch:
            bundle = write_graded(graded, card, Path(scratch) / "bundle")
            scorer = load_scorer(bundle).Scorer(bundle)
            speed = measure_speed(scorer.score, formulas, n_single=3000)
            record = {
                "variant": graded.variant.name,
                "size_bytes": size_on_disk(bundle),
                **asdict(speed),
                "difference": difference(graded.student, scorer.score(formulas).scores, formulas),
                "n_formulas": len(formulas),
            }
        records.append(record)
        cells = (
            record["variant"],
            f"{record['size_bytes'] / 1e3:.0f}",
            f"{speed.one_row_us:.1f}",
            f"{speed.one_row_p95_us:.1f}",
            f"{speed.batch_us_per_row:.2f}",
            f"{speed.joules_per_1000:.4f}",
            f"{record['difference']:.1e}",
        )
        print("".join(f"{cell:>20}" for cell in cells))
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    asked.output.write_text(json.dumps(records, indent=1) + "\n")
    missed = [
        f"{record['variant']}: {name} {record[name]:.3g} over {bound:g}"
        for record in records
        for name, bound in BOUNDS.items()
        if record[name] > bound
    ]
    print("\n".join(missed) or "all within the bounds: " + json.dumps(BOUNDS))
    return 1 if missed else 0


if __name__ == "__main__":
    sys.exit(main())
