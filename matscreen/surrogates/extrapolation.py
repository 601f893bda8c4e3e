"""What errors do with more labels, and without an element: kernel regression on some rows."""

from __future__ import annotations

from dataclasses import asdict, dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from matscreen.structures import FloatArray
from matscreen.surrogates.domain import Landmarks, LeftOut, elements_of
from matscreen.surrogates.kernel import KernelSettings, MaternKernelRidge, members
from matscreen.surrogates.metric import MOST_ROWS

_LARGEST_SHARE = 1.0 / 3.0
"""Elements of more rows than this share are not left out: little would be left."""
_LEAST_FACTOR = 0.85


@dataclass(frozen=True, eq=False)
class Extrapolation:
    """Held-out errors of kernel regression on at most 2,000 rows, in closed form.

    Attributes:
        left_out: Errors on left-out elements.
        full_factor: Error with all rows but one system over that of the folds; out-of-fold
            errors are larger than those of the model of all rows, by one over this.
        doubling_factor: Error after a doubling of the labels over the error now: the power law
            between two folds (half of the rows) and the folds.
    """

    left_out: LeftOut
    full_factor: float
    doubling_factor: float


def extrapolate(
    X: FloatArray,
    y: FloatArray,
    groups: npt.NDArray[np.str_],
    *,
    half: FloatArray,
    landmarks: Landmarks,
    landmark_rows: npt.NDArray[np.int64],
    settings: KernelSettings,
    n_splits: int,
    seed: int,
) -> Extrapolation:
    """Measure the errors.

    Args:
        X: Features, (n, k).
        y: Labels in the space of the model, (n,).
        groups: Chemical system of each row.
        half: Out-of-fold half widths of the 90 % intervals, (n,). Residuals of the kernel are
            compared with them after both are put on the same mean error.
        landmarks: What distances are measured to.
        landmark_rows: Their rows.
        settings: Of the kernel regression.
        n_splits: Number of the folds that `half` comes from.
        seed: Seed of the draw and the folds.
    """
    from sklearn.model_selection import GroupKFold

    rows = np.sort(np.random.default_rng(seed).permutation(len(y))[:MOST_ROWS])
    features, systems = X[rows], groups[rows]
    kernel = MaternKernelRidge(**asdict(settings), seed=seed)
    inverse = kernel.fit_inverse(features, y[rows])

    def error(blocks: Any) -> FloatArray:
        return np.abs(np.concatenate(kernel.held_out(inverse, blocks)))

    def folds(count: int) -> list[Any]:
        splitter = GroupKFold(count, shuffle=True, random_state=seed)
        return [test for _, test in splitter.split(features, groups=systems)]

    usual = folds(n_splits)
    of_usual, of_two = error(usual), error(folds(2))
    alone = float(error(members(systems)).mean())
    middle, half_data = float(of_usual.mean()), float(of_two.mean())
    exponent = np.log(max(half_data, 1e-12) / max(middle, 1e-12)) / np.log(
        2.0 * (1.0 - 1.0 / n_splits)
    )
    in_fold = np.empty(len(rows))
    in_fold[np.concatenate(usual)] = of_usual
    # Half widths for a model with this error, at the difficulty the surrogate sees in each row.
    width = np.maximum(half[rows], max(1e-3 * float(half.mean()), 1e-12))
    fitting = width * max(float(np.quantile(in_fold / width, 0.9)), 1e-12)
    distance, score = [], []
    for held in elements_of(groups).values():
        out = np.flatnonzero(held[rows])
        if not 0 < len(out) <= _LARGEST_SHARE * len(rows):
            continue
        barred = np.broadcast_to(held[landmark_rows], (len(out), len(landmark_rows)))
        distance.append(landmarks.distance(features[out], barred=barred))
        score.append(error([out]) / fitting[out])
    return Extrapolation(
        LeftOut(
            np.concatenate(distance) if distance else np.zeros(0),
            np.concatenate(score) if score else np.zeros(0),
        ),
        float(np.clip(alone / max(middle, 1e-12), _LEAST_FACTOR, 1.0)),
        float(np.clip(2.0 ** (-max(exponent, 0.0)), 0.5, 1.0)),
    )
