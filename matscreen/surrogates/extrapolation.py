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
_PARTS = 5
"""Parts, from easy to hard rows, that the gain from more labels is measured in."""


@dataclass(frozen=True)
class Narrowing:
    """Error of the model of all rows over that of the folds, as a line in the expected error.

    Easy rows gain more from more labels than hard ones do: one factor for all leaves the hardest
    tenth of intervals too narrow (0.86 of them held, of 7,600 heats of formation).

    Attributes:
        overall: Ratio of the mean errors.
        slope: Change of the ratio with the natural logarithm of the expected error.
        middle: Mean logarithm of the expected error, where the line is `overall`.
    """

    overall: float = 1.0
    slope: float = 0.0
    middle: float = 0.0

    def at(self, log_size: FloatArray) -> FloatArray:
        """Return the ratio at logarithms of the expected error, 0.85 to 1."""
        line = self.overall + self.slope * (log_size - self.middle)
        return np.asarray(np.clip(line, _LEAST_FACTOR, 1.0))


@dataclass(frozen=True, eq=False)
class Extrapolation:
    """Held-out errors of kernel regression on at most 2,000 rows, in closed form.

    Attributes:
        left_out: Errors on left-out elements.
        narrowing: Error with all rows but one system over that of the folds; out-of-fold errors
            are larger than those of the model of all rows, by one over this.
        doubling_factor: Error after a doubling of the labels over the error now: the power law
            between two folds (half of the rows) and the folds.
    """

    left_out: LeftOut
    narrowing: Narrowing
    doubling_factor: float


def extrapolate(
    X: FloatArray,
    y: FloatArray,
    groups: npt.NDArray[np.str_],
    *,
    half: FloatArray,
    sizes: FloatArray,
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
        sizes: Expected out-of-fold errors, (n,).
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

    def of_rows(blocks: list[Any]) -> FloatArray:
        found = np.empty(len(rows))
        found[np.concatenate(blocks)] = error(blocks)
        return found

    in_fold, alone = of_rows(folds(n_splits)), of_rows(members(systems))
    middle, half_data = float(in_fold.mean()), float(error(folds(2)).mean())
    exponent = np.log(max(half_data, 1e-12) / max(middle, 1e-12)) / np.log(
        2.0 * (1.0 - 1.0 / n_splits)
    )
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
        _narrowing(alone, in_fold, np.log(sizes[rows])),
        float(np.clip(2.0 ** (-max(exponent, 0.0)), 0.5, 1.0)),
    )


def _narrowing(alone: FloatArray, in_fold: FloatArray, log_size: FloatArray) -> Narrowing:
    """Fit the line through the ratios of five parts of the rows, from easy to hard."""
    overall = float(alone.mean() / max(float(in_fold.mean()), 1e-12))
    overall = float(np.clip(overall, _LEAST_FACTOR, 1.0))
    if float(np.ptp(log_size)) < 1e-9:
        return Narrowing(overall)
    parts = np.array_split(np.argsort(log_size, kind="stable"), _PARTS)
    ratio = [alone[part].mean() / max(float(in_fold[part].mean()), 1e-12) for part in parts]
    at = [log_size[part].mean() for part in parts]
    slope = float(np.polyfit(at, ratio, 1)[0]) if at[-1] > at[0] else 0.0
    return Narrowing(overall, max(slope, 0.0), float(log_size.mean()))
