"""How accurate, large, fast and costly each bundle is, beside the surrogate it came from."""

from __future__ import annotations

import importlib.util
import json
import os
import tempfile
import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from types import ModuleType
from typing import Any, Final

import numpy as np

from matscreen.atomic import write_atomically
from matscreen.descriptors import featurize_formulas
from matscreen.edge import augmentation
from matscreen.edge.bundle import MAX_BYTES, size_on_disk, write_bundle
from matscreen.edge.compression import Compression, Graded
from matscreen.edge.task import Task, Teacher
from matscreen.errors import ModelError
from matscreen.tables import WATTS_PER_CORE

SURROGATE: Final = "surrogate"
_N_NAMES: Final = 2000
_N_SINGLE: Final = 500
_N_WARM: Final = 50


@dataclass(frozen=True)
class Speed:
    """Warm times of one model.

    Attributes:
        one_row_us: Median time from one formula to its interval, µs; every formula is another.
        one_row_p95_us: 95th percentile of it, µs.
        batch_us_per_row: Time a row of 2,000 rows at once, best of three, µs.
        joules_per_1000: Processor time of 1,000 rows of the batch times the assumed power of a
            core, J. A model, not a reading.
    """

    one_row_us: float
    one_row_p95_us: float
    batch_us_per_row: float
    joules_per_1000: float


@dataclass(frozen=True)
class Measured:
    """One line of the comparison.

    Attributes:
        name: Variant, or `surrogate`.
        size_bytes: All files of the bundle; of the surrogate its model file.
        metrics: Errors and intervals on rows never seen, in the unit of the property.
        speed: Warm times.
    """

    name: str
    size_bytes: int
    metrics: Mapping[str, float]
    speed: Speed


@dataclass(frozen=True)
class Comparison:
    """The table of accuracy against size, latency and energy.

    Attributes:
        property_name: Registry name.
        unit: Its unit.
        level: What is scored.
        n_rows: Number of labels.
        rows: The surrogate, then the variants.
        chosen: The variant with the best interval score within the size.
        timed: What the times cover.
    """

    property_name: str
    unit: str
    level: str
    n_rows: int
    rows: tuple[Measured, ...]
    chosen: str
    timed: str

    @property
    def reason(self) -> str:
        """Why the chosen one was chosen, one sentence."""
        return (
            f"{self.chosen}: the best interval score of the bundles within {MAX_BYTES / 1e6:g} MB"
        )

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        return {
            "property": self.property_name,
            "unit": self.unit,
            "level": self.level,
            "n_rows": self.n_rows,
            "chosen": self.chosen,
            "reason": self.reason,
            "timed": self.timed,
            "folds": "five, a chemical system in one fold; teacher and student fitted without it",
            "energy": f"processor time x {WATTS_PER_CORE:g} W per core, a model",
            "rows": [asdict(row) for row in self.rows],
        }


def compare(
    compression: Compression, surrogate: Teacher, card: Mapping[str, Any], stored_bytes: int
) -> Comparison:
    """Write each variant as a bundle, time it, and choose.

    Args:
        compression: The graded students.
        surrogate: Their teacher.
        card: Its card.
        stored_bytes: Size of its model file.

    Raises:
        ModelError: No bundle is within 0.5 MB.
    """
    task = compression.task
    names = distinct_formulas(task, _N_NAMES)
    rows = [
        Measured(
            SURROGATE, stored_bytes, compression.teacher, _time_surrogate(surrogate, task, names)
        )
    ]
    for graded in compression.graded:
        with tempfile.TemporaryDirectory() as scratch:
            bundle = write_graded(graded, card, Path(scratch) / "bundle")
            speed = time_bundle(bundle, task, names)
            size = size_on_disk(bundle)
        rows.append(Measured(graded.variant.name, size, graded.metrics, speed))
    fitting = [row for row in rows[1:] if row.size_bytes <= MAX_BYTES]
    if not fitting:
        smallest = min(row.size_bytes for row in rows[1:])
        raise ModelError(
            f"{task.property_name}: the smallest bundle takes {smallest:,} bytes, at most "
            f"{MAX_BYTES:,} are allowed: choose smaller --variants"
        )
    chosen = min(fitting, key=lambda row: (row.metrics["winkler"], row.size_bytes))
    return Comparison(
        property_name=task.property_name,
        unit=str(card["unit"]),
        level=task.level,
        n_rows=len(task.y),
        rows=tuple(rows),
        chosen=chosen.name,
        timed="formula to interval"
        if task.level == "formula"
        else "descriptors to interval (reading and describing a CIF file takes milliseconds more)",
    )


def write_graded(graded: Graded, card: Mapping[str, Any], folder: str | os.PathLike[str]) -> Path:
    """Write the bundle of one graded student; `card` is that of the surrogate that taught it."""
    return write_bundle(
        graded.student,
        folder,
        name=graded.variant.name,
        metrics=graded.metrics,
        card=card,
    )


def save_comparison(comparison: Comparison, path: str | os.PathLike[str]) -> Path:
    """Write the comparison as JSON."""
    return write_atomically(path, json.dumps(comparison.to_dict(), indent=1) + "\n")


def load_scorer(bundle: Path) -> ModuleType:
    """Import the `score.py` of a bundle as a module of its own.

    Raises:
        ModelError: The bundle holds none.
    """
    spec = importlib.util.spec_from_file_location(
        f"matscreen_edge_{bundle.name}", bundle / "score.py"
    )
    if spec is None or spec.loader is None:
        raise ModelError(f"{bundle}: holds no score.py")
    module = importlib.util.module_from_spec(spec)
    # Its dataclasses look their module up by name.
    import sys

    sys.modules[spec.name] = module
    spec.loader.exec_module(module)
    return module


def distinct_formulas(task: Task, count: int) -> list[str]:
    """Make different formulas like those of the labels; none for a task of structures."""
    if task.compositions is None:
        return []
    from pymatgen.core import Element

    made = augmentation.substituted(task.compositions, 2 * count, seed=1)
    formulas = (
        "".join(
            f"{Element.from_Z(z).symbol}{amount:.6g}"
            for z, amount in zip(numbers, amounts, strict=True)
            if amount > 0.0
        )
        for numbers, amounts in zip(made.numbers.tolist(), made.amounts.tolist(), strict=True)
    )
    return list(dict.fromkeys(formulas))[:count]


def time_bundle(bundle: Path, task: Task, names: Sequence[str]) -> Speed:
    """Time a bundle on formulas, each another; of structures on the descriptors of the labels."""
    scorer = load_scorer(bundle).Scorer(bundle)
    if names:
        return measure_speed(scorer.score, list(names))
    features = np.asarray(task.F, dtype=np.float32)
    return measure_speed(scorer.score_features, features)


def _time_surrogate(surrogate: Teacher, task: Task, names: Sequence[str]) -> Speed:
    if not names:
        return measure_speed(surrogate.predict, task.X)
    with_sites = task.descriptor_set == "fast"
    return measure_speed(
        lambda some: surrogate.predict(featurize_formulas(some, with_sites=with_sites).values),
        list(names),
        n_single=50,
    )


def measure_speed(score: Callable[[Any], Any], rows: Any, *, n_single: int = _N_SINGLE) -> Speed:
    """Time a scoring function on single rows, each another, and on all rows at once."""
    singles = [rows[i : i + 1] for i in range(min(len(rows), n_single + _N_WARM))]
    warm = min(_N_WARM, len(singles) // 2)
    for row in singles[:warm]:
        score(row)
    taken = []
    for row in singles[warm:]:
        start = time.perf_counter()
        score(row)
        taken.append(time.perf_counter() - start)
    batches = []
    for _ in range(3):
        start, cpu = time.perf_counter(), time.process_time()
        score(rows)
        batches.append((time.perf_counter() - start, time.process_time() - cpu))
    wall, cpu_seconds = (min(column) for column in zip(*batches, strict=True))
    return Speed(
        one_row_us=float(np.median(taken)) * 1e6,
        one_row_p95_us=float(np.quantile(taken, 0.95)) * 1e6,
        batch_us_per_row=wall / len(rows) * 1e6,
        joules_per_1000=cpu_seconds / len(rows) * 1000.0 * WATTS_PER_CORE,
    )
