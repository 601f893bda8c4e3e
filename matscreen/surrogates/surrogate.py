"""A fitted surrogate of one property, and what it predicts."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
import numpy.typing as npt

from matscreen.errors import InputError
from matscreen.structures import FloatArray
from matscreen.surrogates import uncertainty
from matscreen.surrogates.domain import Domain
from matscreen.surrogates.elements import Elements
from matscreen.surrogates.familiar import Familiar
from matscreen.surrogates.hurdle import ON_BOUND, Hurdle
from matscreen.surrogates.mixture import Mixture
from matscreen.surrogates.portfolio import disagreement, member_votes, one_thread
from matscreen.surrogates.prediction import BoolArray, Prediction
from matscreen.surrogates.rows import clean_features
from matscreen.surrogates.space import Space
from matscreen.surrogates.uncertainty import LEVEL, Calibration, LabelError, Parts, Rows, Scale

_CHUNK = 20_000


class _Known(NamedTuple):
    """What is known of rows before a level is asked for, (n,) each, transformed space."""

    center: FloatArray
    spread: FloatArray
    sizes: FloatArray
    distance: FloatArray


class _Half(NamedTuple):
    """Half widths of rows at one level, (n,) each: plain, widened, and with the labels' error."""

    plain: FloatArray
    widened: FloatArray
    total: FloatArray


@dataclass(frozen=True, eq=False)
class Surrogate:
    """A fitted model of one property.

    Attributes:
        property: Registry name.
        card: What was trained on what and how well it does; see `regression.train`.
        n_features: Number of features that `predict` takes.
        columns: Which of the given features the model uses, indices.
        familiar: Values and elements that the labelled rows have.
        weights: Weight of each regressor in the prediction; none means the constant.
        estimators: Fitted regressors by name; those without a weight tell the disagreement.
        constant: Prediction of the constant model, transformed space.
        scale: Size of the expected error.
        calibration: Half width over expected error.
        parts: Split of the variance into epistemic and aleatoric.
        domain: Applicability domain.
        label_error: How uncertain labels are themselves.
        hurdle: What tells rows on a physical bound from the others, where many labels lie on it;
            all the rest then describes the rows off the bound.
    """

    property: str
    card: Mapping[str, Any]
    n_features: int
    columns: npt.NDArray[np.int64]
    familiar: Familiar
    weights: Mapping[str, float]
    estimators: Mapping[str, Any]
    constant: float
    scale: Scale
    calibration: Calibration
    parts: Parts
    domain: Domain
    label_error: LabelError
    hurdle: Hurdle | None = None

    def predict(
        self, X: FloatArray, *, elements: Elements | None = None, level: float = LEVEL
    ) -> Prediction:
        """Predict rows of features.

        Args:
            X: Features in the order of `card["labels"]`, (n, k). NaN and infinity count as unknown.
            elements: Atomic numbers of the elements of each row, such as `elements_of_systems`
                gives. A row with one that no label has is outside the domain, however near its
                features are. Without them only an element that a descriptor names is noticed.
            level: Nominal coverage of the intervals, 0.05 to 0.95.

        Raises:
            InputError: The number of columns differs from that of the training, `elements` is of
                another length, or the level is outside its range.
        """
        if not uncertainty.LEVELS[0] <= level <= uncertainty.LEVELS[-1]:
            raise InputError(f"intervals have a level of 0.05 to 0.95, got {level:g}")
        features = self._features(X)
        if self.hurdle is not None:
            return self._predict_mixed(features, elements, level)
        strange = self.familiar.strange(features, elements)
        features = features[:, self.columns]
        outputs = np.full((7, len(features)), np.nan)
        for rows in _known_chunks(features):
            outputs[:, rows] = self._predict_known(features[rows], strange[rows], level)
        in_domain = np.nan_to_num(outputs[6], nan=np.inf) <= 1.0
        mean, std, lower, upper, epistemic, aleatoric, distance = outputs
        return Prediction(mean, std, lower, upper, in_domain, epistemic, aleatoric, distance)

    def distribution(self, X: FloatArray, *, elements: Elements | None = None) -> Mixture:
        """Return the whole predictive distribution of rows, in the space of the property.

        Rows without any feature are NaN.

        Args:
            X: Features, (n, k).
            elements: As for `predict`.
        """
        return self._distribution(self._features(X), elements)[0]

    def pit(
        self,
        X: FloatArray,
        y: FloatArray,
        *,
        elements: Elements | None = None,
        seed: int = 0,
    ) -> FloatArray:
        """Return the randomised probability integral transform of labels, (n,).

        Uniform between 0 and 1 where the predictive distributions are calibrated, also those with
        a point mass on a bound; `mixture.inside_central` counts coverage with it.

        Args:
            X: Features, (n, k).
            y: Labels in the unit of the property, (n,).
            elements: As for `predict`.
            seed: Seed of the draws for labels on the bound.
        """
        values = Space.of(self.property).forward(np.asarray(y, dtype=np.float64))
        draw = np.random.default_rng(seed).uniform(size=len(values))
        return self.distribution(X, elements=elements).pit(values, draw)

    def _features(self, X: FloatArray) -> FloatArray:
        features = clean_features(X)
        if features.shape[1] != self.n_features:
            raise InputError(
                f"the surrogate of {self.property} knows {self.n_features} features, "
                f"got {features.shape[1]}"
            )
        return features

    def _predict_known(self, X: FloatArray, strange: BoolArray, level: float) -> FloatArray:
        known = self._known(X)
        limit = self.domain.threshold
        distance = np.where(strange, np.maximum(known.distance, 2.0 * limit), known.distance)
        half = self._half_widths(known, distance, level)
        mean, lower, upper = Space.of(self.property).interval(known.center, half.total)
        std = (upper - lower) / uncertainty.SIGMAS
        share = self._epistemic_share(half, known.spread)
        parts = [std * np.sqrt(share), std * np.sqrt(1.0 - share)]
        return np.stack([mean, std, lower, upper, *parts, distance / limit])

    def _predict_mixed(
        self, features: FloatArray, elements: Elements | None, level: float
    ) -> Prediction:
        mixture, share, distance = self._distribution(features, elements)
        space = Space.of(self.property)
        mean = space.backward(mixture.median())
        lower, upper = (space.backward(end) for end in mixture.interval(level))
        std = (upper - lower) / uncertainty.SIGMAS
        return Prediction(
            mean=mean,
            std=std,
            lower=lower,
            upper=upper,
            in_domain=distance <= 1.0,
            std_epistemic=std * np.sqrt(share),
            std_aleatoric=std * np.sqrt(1.0 - share),
            distance=np.where(np.isfinite(mean), distance, np.nan),
        )

    def _distribution(
        self, features: FloatArray, elements: Elements | None
    ) -> tuple[Mixture, FloatArray, FloatArray]:
        """Return distributions, epistemic shares and distances over the threshold of rows."""
        n, limit = len(features), self.domain.threshold
        space = Space.of(self.property)
        at_bound, outside = np.zeros(n), np.zeros(n)
        if self.hurdle is not None:
            chance = self.hurdle.chance.predict(features, elements=elements)
            at_bound, outside = chance.probability(ON_BOUND), chance.distance
        else:
            outside = np.where(self.familiar.strange(features, elements), 2.0, outside)
        bound = float(space.forward(np.array([space.lower]))[0])
        used = features[:, self.columns]
        center, share, distance = np.full((3, n), np.nan)
        half = np.full((len(uncertainty.LEVELS), n), np.nan)
        for rows in _known_chunks(used):
            known = self._known(used[rows])
            # What is outside among all labelled rows is outside among those off the bound.
            far = np.where(outside[rows] > 1.0, outside[rows], 0.0)
            apart = np.maximum(known.distance, np.minimum(far, 1e3) * limit)
            each = [self._half_widths(known, apart, level) for level in uncertainty.LEVELS.tolist()]
            center[rows], half[:, rows] = known.center, np.stack([one.total for one in each])
            share[rows] = self._epistemic_share(each[_AT_LEVEL], known.spread)
            distance[rows] = outside[rows] if self.hurdle is not None else apart / limit
        at_bound = np.where(np.isfinite(center), at_bound, np.nan)
        beyond = np.zeros(n)
        if self.hurdle is not None:
            beyond = np.clip(np.nan_to_num(distance, nan=2.0) - 1.0, 0.0, 1.0)
        distance = np.nan_to_num(distance, nan=np.inf)
        return Mixture(bound, center, half, at_bound, beyond), share, distance

    def _known(self, X: FloatArray) -> _Known:
        space = Space.of(self.property)
        with one_thread():
            votes = member_votes(self.estimators, X)
            spread = disagreement(self.estimators, X, votes)
            center = np.full(len(X), self.constant)
            if self.weights:
                center = np.sum([w * votes[name] for name, w in self.weights.items()], axis=0)
            center = space.clip(center)
            distance = self.domain.distance(X)
            sizes = self.scale.sizes(Rows(X, center, spread, distance))
        return _Known(center, spread, sizes, distance)

    def _half_widths(self, known: _Known, distance: FloatArray, level: float) -> _Half:
        half = self.calibration.half_widths(known.sizes, level=level)
        widened = self.domain.widen(half, distance)
        return _Half(half, widened, np.hypot(widened, self.label_error.half_widths(known.center)))

    def _epistemic_share(self, half: _Half, spread: FloatArray) -> FloatArray:
        certain = np.square(half.plain) * (1.0 - self.parts.epistemic_share(spread))
        doubt = np.square(half.widened) - certain
        total = np.square(half.total)
        return np.asarray(np.clip(doubt / np.where(total > 0.0, total, 1.0), 0.0, 1.0))


_AT_LEVEL = int(np.argmin(np.abs(uncertainty.LEVELS - LEVEL)))


def _known_chunks(features: FloatArray) -> list[npt.NDArray[np.int64]]:
    """Return the rows with any feature, at most 20,000 at once."""
    known = np.flatnonzero(np.any(np.isfinite(features), axis=1))
    return [known[start : start + _CHUNK] for start in range(0, len(known), _CHUNK)]
