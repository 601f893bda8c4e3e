"""A surrogate of formulas with synthetic labels, and students of it, all made in seconds."""

from __future__ import annotations

import os
import subprocess
import sys
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pytest

from matscreen.descriptors import featurize_formulas
from matscreen.edge import Compression, Task, compress, get_variants, make_task
from matscreen.surrogates import Prediction, TrainingSet

A_SITES = ("Ca", "Sr", "Ba", "La", "Y", "Na", "K", "Pb", "Nd", "Bi")
B_SITES = ("Ti", "Zr", "Hf", "Nb", "Ta", "Fe", "Mn", "Al", "Ga", "Sn", "Cr", "V")
VARIANTS = ("network-128-int8", "network-128-float16", "trees-25")


def make_rows() -> TrainingSet:
    """All ABO3 of the two lists; a smooth synthetic label with a little noise."""
    formulas = [f"{a}{b}O3" for a in A_SITES for b in B_SITES]
    described = featurize_formulas(formulas, with_sites=True)
    names = list(described.labels)
    X = described.values
    rng = np.random.default_rng(5)
    difference = X[:, names.index("magpie_range_electronegativity")]
    radius = X[:, names.index("magpie_mean_covalent_radius")]
    y = 1.0 + difference + 0.02 * (radius - radius.mean()) + 0.1 * rng.normal(size=len(formulas))
    n = len(formulas)
    return TrainingSet(
        X=X,
        y=y,
        groups=np.array(["-".join(sorted((f[:2], f[2:-2], "O"))) for f in formulas]),
        labels=tuple(names),
        formulas=np.array(formulas),
        noise=np.full(n, np.nan),
        ids=np.full(n, "", dtype="U1"),
    )


@dataclass(frozen=True)
class Ridge:
    """A teacher that is fitted in no time."""

    mean: np.ndarray
    deviation: np.ndarray
    weights: np.ndarray
    offset: float

    def predict(self, X):
        Z = np.nan_to_num((X - self.mean) / self.deviation)
        value = self.offset + Z @ self.weights
        half = np.full(len(X), 0.3)
        inside = np.ones(len(X), dtype=bool)
        std = half / 1.645
        return Prediction(value, std, value - half, value + half, inside, std, std, std)


def fit_ridge(X, y, groups):
    mean, deviation = np.nanmean(X, axis=0), np.nanstd(X, axis=0)
    deviation = np.where(deviation > 0, deviation, 1.0)
    Z = np.nan_to_num((X - mean) / deviation)
    gram = Z.T @ Z + 3.0 * np.eye(Z.shape[1])
    return Ridge(mean, deviation, np.linalg.solve(gram, Z.T @ (y - y.mean())), float(y.mean()))


@pytest.fixture(scope="session")
def rows() -> TrainingSet:
    return make_rows()


CARD = {
    "model": "ridge",
    "fallback": None,
    "model_id": "band_gap-test",
    "unit": "eV",
    "n_labels": 120,
    "descriptor_set": "fast",
    "descriptor_version": "1",
    "data_hash": "0" * 64,
}


@pytest.fixture(scope="session")
def task(rows: TrainingSet) -> Task:
    return make_task("band_gap", CARD, rows)


@pytest.fixture(scope="session")
def compression(task: Task) -> Compression:
    return compress(
        fit_ridge(task.X, task.y, task.groups),
        task,
        get_variants(VARIANTS),
        fit_ridge,
        label_error=(0.05, 0.01),
        n_extra=400,
    )


# Everything but the standard library, numpy, moyopy and onnxruntime (and what that imports) is
# hidden, as in an environment that holds nothing else.
_ALONE = """
import runpy, sys
from importlib.machinery import BuiltinImporter, FrozenImporter, PathFinder

class Bare:
    allowed = {"numpy", "onnxruntime", "moyopy", "describing", "flatbuffers", "packaging", "google"}

    def find_spec(self, name, path=None, target=None):
        top = name.partition(".")[0]
        if top in sys.stdlib_module_names or top in self.allowed or top.startswith("_"):
            return PathFinder.find_spec(name, path, target)
        return None

sys.meta_path[:] = [BuiltinImporter, FrozenImporter, Bare()]
sys.argv = sys.argv[1:]
runpy.run_path(sys.argv[0], run_name="__main__")
"""


def run_alone(bundle: Path, *arguments, text=None):
    """Run the score.py of a bundle where matscreen and its dependencies cannot be imported."""
    return subprocess.run(
        [sys.executable, "-c", _ALONE, str(bundle / "score.py"), *map(str, arguments)],
        input=text,
        capture_output=True,
        text=True,
        cwd=bundle.parent,
        env={key: value for key, value in os.environ.items() if key != "PYTHONPATH"},
        check=False,
    )
