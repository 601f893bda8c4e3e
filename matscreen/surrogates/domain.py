"""Where a surrogate may be believed: distance to the labelled materials in feature space."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from matscreen.structures import FloatArray
from matscreen.surrogates.portfolio import standardise
from matscreen.surrogates.uncertainty import Folds

N_NEIGHBOURS = 5
N_COMPONENTS = 20
QUANTILE = 0.95

WIDENING = (
    "outside the domain the half width grows by w * max(half width, half width of the constant "
    "model), w = min(distance / threshold - 1, 1), in the space of the property's scale"
)
"""The rule of `Domain.widen`, stated in every card."""


@dataclass(frozen=True, eq=False)
class Domain:
    """Applicability domain of one surrogate.

    The distance of a row is the mean Euclidean distance to its five nearest labelled rows in the
    leading principal components of the standardised features.

    Attributes:
        projection: Fitted pipeline: medians, standardisation, principal components.
        neighbours: Fitted nearest-neighbour index over the labelled rows.
        threshold: Largest distance inside the domain.
        constant_half: Half width of the constant model, transformed space.
    """

    projection: Any
    neighbours: Any
    threshold: float
    constant_half: float

    def distance(self, X: FloatArray) -> FloatArray:
        """Return the distance of each row to the labelled rows, (n,)."""
        return _mean_distance(self.neighbours, self.projection.transform(X))

    def contains(self, distance: FloatArray) -> npt.NDArray[np.bool_]:
        """Say which distances lie inside the domain."""
        return np.asarray(distance <= self.threshold)

    def widen(self, half: FloatArray, distance: FloatArray) -> FloatArray:
        """Widen the half widths of rows outside the domain; see `WIDENING`.

        The rule is continuous at the threshold. From twice the threshold on, an interval is at
        least twice as wide as inside and wider than that of a model that knows no features.
        """
        excess = np.clip(distance / self.threshold - 1.0, 0.0, 1.0)
        return np.asarray(half + excess * np.maximum(half, self.constant_half))


def fit_domain(X: FloatArray, folds: Folds, *, constant_half: float) -> tuple[Domain, FloatArray]:
    """Fit the domain of labelled rows.

    The threshold is the 95th percentile of out-of-fold distances: how far a row of an unseen
    chemical system usually is from the labelled rows. A label set in which 5 % of the rows are
    themselves remote thus flags a like share.

    Args:
        X: Features of the labelled rows, (n, k).
        folds: Grouped folds.
        constant_half: Half width of the constant model, transformed space.

    Returns:
        The domain and the out-of-fold distance of each row, (n,).
    """
    components = max(1, min(N_COMPONENTS, X.shape[1], len(X) // 4))
    projection = standardise(X, n_components=components)
    points = projection.transform(X)
    distance = np.empty(len(X))
    for train, test in folds:
        distance[test] = _mean_distance(_index(points[train]), points[test])
    # Identical rows everywhere leave no scale: then any other row is outside.
    threshold = max(float(np.quantile(distance, QUANTILE)), 1e-9)
    return Domain(projection, _index(points), threshold, constant_half), distance


def _index(points: FloatArray) -> Any:
    from sklearn.neighbors import NearestNeighbors

    count = min(N_NEIGHBOURS, len(points))
    return NearestNeighbors(n_neighbors=count, algorithm="brute", n_jobs=1).fit(points)


def _mean_distance(index: Any, points: FloatArray) -> FloatArray:
    return np.asarray(index.kneighbors(points)[0].mean(axis=1), dtype=np.float64)
