"""The small model that an edge bundle holds, and its reference implementation in numpy.

A student maps features to a value in the space of its property, the size of the error to expect,
and the distance to the materials it was taught with. `graph` says the same in ONNX.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final, Literal

import numpy as np
import numpy.typing as npt

from matscreen.edge.forests import Forest
from matscreen.edge.networks import Network
from matscreen.structures import FloatArray
from matscreen.surrogates.space import Space

Float32 = npt.NDArray[np.float32]

Level = Literal["formula", "structure"]

UNSEEN: Final = 2.0
"""What an element that the teacher never saw adds to the distance, in thresholds: enough for the
full widening."""
HALF_WIDTH_PER_SIGMA: Final = 1.645
MAX_Z: Final = 5.0
_CONSTANT_UNIT: Final = 0.01
"""Departure from a feature that all labelled rows share, relative to its size (at least one), that
counts as one standard deviation: nobody knows what such a change does."""
_N_COMPONENTS: Final = 16
_N_LANDMARKS: Final = 128


@dataclass(frozen=True, eq=False)
class Standardiser:
    """Features to inputs of order one; unknown ones and those that never vary become zero.

    Inputs are held within the range that was taught, so that a network never extrapolates.

    Attributes:
        scale: One over the standard deviation of each feature, (k,); over 1 % of its size where
            it never varies.
        shift: Minus its mean times the scale, (k,).
        low: Smallest input, (k,).
        high: Largest input, (k,).
    """

    scale: Float32
    shift: Float32
    low: Float32
    high: Float32

    def transform(self, X: FloatArray) -> Float32:
        """Return standardised inputs, (n, k)."""
        return np.asarray(np.clip(self.free(X), self.low, self.high))

    def free(self, X: FloatArray) -> Float32:
        """Return standardised inputs, not held within the range, (n, k)."""
        z = np.asarray(X, dtype=np.float32) * self.scale + self.shift
        return np.where(np.isnan(z), np.float32(0.0), z)


def fit_standardiser(X: FloatArray) -> Standardiser:
    """Fit to rows of features, (n, k)."""
    x = np.asarray(X, dtype=np.float32).astype(np.float64)
    known = np.isfinite(x)
    count = np.maximum(known.sum(axis=0), 1)
    mean = np.where(known, x, 0.0).sum(axis=0) / count
    apart = np.where(known, x - mean, 0.0)
    deviation = np.sqrt(np.square(apart).sum(axis=0) / count)
    varies = deviation > 1e-6 * np.maximum(np.abs(mean), 1e-3)
    unit = np.where(varies, deviation, _CONSTANT_UNIT * np.maximum(np.abs(mean), 1.0))
    scale = np.where(known.any(axis=0), 1.0 / unit, 0.0)
    low = np.where(varies, np.maximum(apart.min(axis=0) * scale, -MAX_Z), 0.0)
    high = np.where(varies, np.minimum(apart.max(axis=0) * scale, MAX_Z), 0.0)
    found = (item.astype(np.float32) for item in (scale, -mean * scale, low, high))
    return Standardiser(*found)


@dataclass(frozen=True, eq=False)
class Landmarks:
    """Applicability domain: distance to the nearest of a few centres of the labelled materials.

    The distance is taken in the leading principal components of the inputs; across to them comes
    how far the inputs lie outside the range of the labelled ones.

    Attributes:
        projection: Standardised inputs to leading principal components, (k, d).
        centres: (l, d).
        low: Smallest input of a labelled row, (k,).
        high: Largest, (k,).
        weight: Times what lies outside the range, (k,).
        threshold: Largest distance inside the domain.
        constant_half: Half width of the interval of a model that knows nothing.
    """

    projection: Float32
    centres: FloatArray
    low: Float32
    high: Float32
    weight: Float32
    threshold: float
    constant_half: float

    def distance(self, Z: Float32) -> FloatArray:
        """Return the distance of rows of standardised inputs, not held within a range, (n,)."""
        inside = np.clip(Z, self.low, self.high)
        points = (inside @ self.projection).astype(np.float64)
        squares = np.square(points).sum(axis=1, keepdims=True)
        # |p - c|² = |p|² - 2 p·c + |c|², as the graph computes it.
        apart = squares - 2.0 * points @ self.centres.T + np.square(self.centres).sum(axis=1)
        nearest = np.maximum(apart.min(axis=1), 0.0)
        outside = np.square(((Z - inside) * self.weight).astype(np.float64)).sum(axis=1)
        return np.asarray(np.sqrt(nearest + outside))

    def widen(self, half: FloatArray, distance: FloatArray) -> FloatArray:
        """Widen half widths outside the domain, by the rule of `surrogates.domain`."""
        excess = np.clip(distance / self.threshold - 1.0, 0.0, 1.0)
        return np.asarray(half + excess * np.maximum(half, self.constant_half))


def place_landmarks(Z: Float32, inputs: Standardiser, *, seed: int = 0) -> Landmarks:
    """Place centres by k-means among labelled rows; threshold and half width are left at 1 and 0.

    Args:
        Z: Standardised inputs of the labelled rows, (n, k).
        inputs: How they were standardised.
        seed: Seed of the centres.
    """
    from sklearn.cluster import KMeans

    count = max(1, min(_N_COMPONENTS, Z.shape[1], len(Z) // 4))
    _, _, axes = np.linalg.svd(Z - Z.mean(axis=0), full_matrices=False)
    projection = axes[:count].T.astype(np.float32)
    points = (Z @ projection).astype(np.float64)
    distinct = len(np.unique(points.round(9), axis=0))
    n_centres = max(1, min(_N_LANDMARKS, len(Z) // 4, distinct))
    centres = KMeans(n_centres, n_init=1, random_state=seed).fit(points).cluster_centers_
    low, high = Z.min(axis=0), Z.max(axis=0)
    # What all labelled rows share has a unit of its own.
    scale = np.where(inputs.scale > 0.0, inputs.scale, 1.0)
    shared = np.abs((Z[0] - inputs.shift) / scale)
    own = 1.0 / (_CONSTANT_UNIT * np.maximum(shared, 1.0) * scale)
    weight = np.where(high > low, 1.0, np.maximum(own, 1.0)).astype(np.float32)
    return Landmarks(projection, centres.astype(np.float64), low, high, weight, 1.0, 0.0)


@dataclass(frozen=True, eq=False)
class ErrorSize:
    """The size of the error to expect, up to the factor that calibration fixes.

    Attributes:
        forest: Trees whose sum is the logarithm of the size; None for a constant size of one.
        low: Smallest logarithm.
        high: Largest logarithm.
    """

    forest: Forest | None = None
    low: float = 0.0
    high: float = 0.0

    def sizes(self, X: FloatArray) -> FloatArray:
        """Return the size for each row of features, (n,)."""
        if self.forest is None:
            return np.ones(len(X))
        return np.asarray(np.exp(np.clip(self.forest.predict(X), self.low, self.high)))


@dataclass(frozen=True, eq=False)
class Scores:
    """What a bundle says, (n,) each, in the unit of the property.

    Attributes:
        mean: Predicted value; of a property on a log scale the median.
        lower: Lower end of the 90 % interval.
        upper: Upper end of the 90 % interval.
        distance: Distance to the taught materials.
        in_domain: Whether it is within the threshold.
    """

    mean: FloatArray
    lower: FloatArray
    upper: FloatArray
    distance: FloatArray
    in_domain: npt.NDArray[np.bool_]


@dataclass(frozen=True, eq=False)
class Student:
    """A calibrated small model of one property.

    Attributes:
        property: Registry name.
        level: What it scores.
        n_features: Number of features.
        inputs: From features to inputs of the regressor.
        regressor: A network on standardised inputs, or trees on the features as they are.
        offset: Added to the scaled output, space of the property.
        spread: Times the output.
        error: Size of the error.
        quantile: Half width over size.
        domain: Applicability domain.
        label_error: Deviation of a label of value zero, and its growth with the value.
        unseen: 1 for elements that the teacher never saw, by atomic number, (119,).
    """

    property: str
    level: Level
    n_features: int
    inputs: Standardiser
    regressor: Network | Forest
    offset: float
    spread: float
    error: ErrorSize
    quantile: float
    domain: Landmarks
    label_error: tuple[float, float]
    unseen: FloatArray

    def center(self, X: FloatArray) -> FloatArray:
        """Return predictions in the space of the property, within its bounds, (n,)."""
        return centers(self.property, self.inputs, self.regressor, (self.offset, self.spread), X)

    def predict(self, X: FloatArray, unseen: FloatArray) -> Scores:
        """Score rows of features.

        Args:
            X: Features, (n, n_features); NaN means unknown.
            unseen: 1 for rows with an element that the teacher never saw, else 0, (n,).
        """
        space = Space.of(self.property)
        center = self.center(X)
        threshold = self.domain.threshold
        distance = self.domain.distance(self.inputs.free(X)) + UNSEEN * threshold * unseen
        half = self.domain.widen(self.quantile * self.error.sizes(X), distance)
        floor, slope = self.label_error
        half = np.hypot(half, HALF_WIDTH_PER_SIGMA * np.hypot(floor, slope * center))
        mean, lower, upper = space.interval(center, half)
        return Scores(mean, lower, upper, distance, distance <= threshold)


def centers(
    name: str,
    inputs: Standardiser,
    regressor: Network | Forest,
    scaling: tuple[float, float],
    X: FloatArray,
) -> FloatArray:
    """Return predictions of a regressor in the space of its property, within its bounds, (n,)."""
    output = (
        regressor.predict(inputs.transform(X))
        if isinstance(regressor, Network)
        else regressor.predict(X)
    )
    offset, spread = scaling
    return Space.of(name).clip(offset + spread * np.asarray(output, dtype=np.float64))
