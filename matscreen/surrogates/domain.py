"""Where a surrogate may be believed: distance to the labelled materials, and how errors grow."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
import numpy.typing as npt

from matscreen.structures import FloatArray, IntArray
from matscreen.surrogates.metric import Float32Array, Metric, squared_distances

Folds = Sequence[tuple[IntArray, IntArray]]

N_NEIGHBOURS = 5
N_LANDMARKS = 1000
GROWTH = 1.25
"""Growth of the error at which the domain ends."""

WIDENING = (
    "outside the domain the half width is multiplied by the growth of the error measured on "
    "left-out elements at that distance, and is at least half width + w * max(half width, half "
    "width of the constant model), w = min(distance / threshold - 1, 1), in the space of the "
    "property's scale; a row with an element that no labelled row has, or with another value of a "
    "feature that all labelled rows share, counts as at least twice the threshold"
)
"""The rule of `Domain.widen`, stated in every card."""

_SMALLEST_SHARE, _LARGEST_SHARE = 0.95, 0.99
_CHUNK = 4096


@dataclass(frozen=True, eq=False)
class Landmarks:
    """Labelled rows that stand for all of them, in the metric of the property.

    The distance of a row is the mean distance to its five nearest landmarks, in units of the median
    distance of two labelled rows.

    Attributes:
        metric: The metric.
        points: The landmarks in the metric, (l, k).
    """

    metric: Metric
    points: Float32Array

    @classmethod
    def draw(cls, metric: Metric, X: FloatArray, *, seed: int) -> tuple[Landmarks, IntArray]:
        """Draw at most 1,000 landmarks; return them and their rows."""
        rows = np.sort(np.random.default_rng(seed).permutation(len(X))[:N_LANDMARKS])
        return cls(metric, metric.embed(X[rows])), rows

    def distance(self, X: FloatArray, *, barred: npt.NDArray[np.bool_] | None = None) -> FloatArray:
        """Return the distance of each row, (n,).

        Args:
            X: Features, (n, k).
            barred: Landmarks that a row must not use, (n, l).
        """
        points = self.metric.embed(X)
        found = np.empty(len(points))
        for start in range(0, len(points), _CHUNK):
            rows = slice(start, start + _CHUNK)
            apart = np.sqrt(squared_distances(points[rows], self.points))
            if barred is not None:
                apart[barred[rows]] = np.inf
            count = min(N_NEIGHBOURS, apart.shape[1])
            near = np.partition(apart, count - 1, axis=1)[:, :count]
            known = np.isfinite(near)
            total = np.where(known, near, 0.0).sum(axis=1)
            # A row without any landmark left is as far as can be.
            found[rows] = np.where(known.any(axis=1), total / np.maximum(known.sum(axis=1), 1), 1e3)
        return found


@dataclass(frozen=True, eq=False)
class Domain:
    """Applicability domain of one surrogate.

    Attributes:
        landmarks: What distances are measured to.
        threshold: Largest distance inside the domain.
        knots: Distances, ascending, (g,).
        growth: Growth of the error at the knots, at least 1, never falling, (g,).
        constant_half: Half width of the constant model, transformed space.
    """

    landmarks: Landmarks
    threshold: float
    knots: FloatArray
    growth: FloatArray
    constant_half: float

    def distance(self, X: FloatArray) -> FloatArray:
        """Return the distance of each row to the labelled rows, (n,)."""
        return self.landmarks.distance(X)

    def contains(self, distance: FloatArray) -> npt.NDArray[np.bool_]:
        """Say which distances lie inside the domain."""
        return np.asarray(distance <= self.threshold)

    def widen(self, half: FloatArray, distance: FloatArray) -> FloatArray:
        """Widen the half widths of rows outside the domain; see `WIDENING`.

        From twice the threshold on, an interval is at least twice as wide as inside and wider than
        that of a model that knows no features.
        """
        excess = np.clip(distance / self.threshold - 1.0, 0.0, 1.0)
        wider = np.maximum(half, self.constant_half)
        # Few labels have intervals without end, and nothing times infinity is no number.
        beyond = half + np.multiply(excess, wider, out=np.zeros_like(wider), where=excess > 0.0)
        measured = half * np.interp(distance, self.knots, self.growth)
        return np.asarray(np.where(distance > self.threshold, np.maximum(beyond, measured), half))


@dataclass(frozen=True, eq=False)
class LeftOut:
    """Rows predicted without any row of one of their elements; one entry a row and element.

    Attributes:
        distance: Distance to the landmarks without the element, (m,).
        score: Absolute residual over the half width of a row whose elements are all known, (m,).
    """

    distance: FloatArray
    score: FloatArray


def elements_of(groups: npt.NDArray[np.str_]) -> dict[str, npt.NDArray[np.bool_]]:
    """Return for each element of the chemical systems which rows hold it, (n,)."""
    names, member = np.unique(groups, return_inverse=True)
    split = [set(name.split("-")) for name in names.tolist()]
    return {
        element: np.array([element in parts for parts in split])[member]
        for element in sorted(set().union(*split))
    }


def constant_domain(landmarks: Landmarks, distance: FloatArray, constant_half: float) -> Domain:
    """Return the domain of a model whose errors were not measured on left-out elements.

    The threshold is the 95th percentile of the out-of-fold distances.
    """
    threshold = max(float(np.quantile(distance, 0.95)), 1e-9)
    return Domain(landmarks, threshold, np.array([threshold]), np.ones(1), constant_half)


def fit_domain(
    landmarks: Landmarks, distance: FloatArray, left_out: LeftOut, *, constant_half: float
) -> Domain:
    """Choose the threshold by the growth of the error on left-out elements.

    The 90th percentile of the scores in windows of distance, made monotone, says how much wider an
    interval must be. The domain ends where it passes 1.25, but holds at least 95 % and at most 99 %
    of the out-of-fold distances of labelled rows.

    Args:
        landmarks: What distances are measured to.
        distance: Out-of-fold distances of the labelled rows, (n,).
        left_out: Errors on left-out elements.
        constant_half: Half width of the constant model, transformed space.
    """
    from sklearn.isotonic import IsotonicRegression

    if len(left_out.score) < 50:
        return constant_domain(landmarks, distance, constant_half)
    order = np.argsort(left_out.distance, kind="stable")
    parts = np.array_split(order, int(np.clip(len(order) // 100, 2, 15)))
    knots = np.array([np.median(left_out.distance[part]) for part in parts])
    needed = np.array([np.quantile(left_out.score[part], 0.9) for part in parts])
    growth = np.maximum(IsotonicRegression().fit_transform(knots, needed), 1.0)
    low, high = np.quantile(distance, [_SMALLEST_SHARE, _LARGEST_SHARE])
    grown = np.flatnonzero(growth > GROWTH)
    end = knots[max(grown[0] - 1, 0)] if len(grown) else high
    threshold = max(float(np.clip(end, low, high)), 1e-9)
    return Domain(landmarks, threshold, knots, growth, constant_half)


def held_out_elements(domain: Domain, left_out: LeftOut) -> dict[str, Any]:
    """Return how intervals hold on left-out elements: shares covered, flagged, and either."""
    if not len(left_out.score):
        return {"n": 0, "covered": None, "flagged": None, "covered_or_flagged": None}
    widened = domain.widen(np.ones(len(left_out.score)), left_out.distance)
    covered, flagged = left_out.score <= widened, ~domain.contains(left_out.distance)
    return {
        "n": len(left_out.score),
        "covered": float(covered.mean()),
        "flagged": float(flagged.mean()),
        "covered_or_flagged": float((covered | flagged).mean()),
    }


def out_of_fold_distance(
    landmarks: Landmarks, drawn: IntArray, X: FloatArray, folds: Folds
) -> FloatArray:
    """Return the distance of each row to the landmarks of the other folds, (n,).

    Args:
        landmarks: What distances are measured to.
        drawn: Rows that the landmarks are, (l,).
        X: Features, (n, k).
        folds: Rows to learn from and rows held out, of each fold.
    """
    fold = np.empty(len(X), dtype=np.int64)
    for number, (_, held) in enumerate(folds):
        fold[held] = number
    distance = np.empty(len(X))
    for number, (_, held) in enumerate(folds):
        barred = np.broadcast_to(fold[drawn] == number, (len(held), len(drawn)))
        distance[held] = landmarks.distance(X[held], barred=barred)
    return distance
