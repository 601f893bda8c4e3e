"""A surrogate of few labels that stands on another of many."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any, Final

import numpy as np

from matscreen.errors import InputError
from matscreen.structures import FloatArray, IntArray
from matscreen.surrogates.elements import Elements
from matscreen.surrogates.prediction import Prediction
from matscreen.surrogates.source_view import Source, predicted_view
from matscreen.surrogates.space import Space
from matscreen.surrogates.surrogate import Surrogate
from matscreen.surrogates.uncertainty import LEVEL, SIGMAS

DELTA: Final = "delta"
STACKED: Final = "stacked"

CORRECTION: Final = "surrogate_correction"
"""Registry entry of what the target of mode `delta` predicts."""

SOURCE_LABELS: Final = ("source_mean", "source_half_width")
"""Names of the two columns that the target takes beside its own."""


@dataclass(frozen=True, eq=False)
class Transferred:
    """A surrogate of few labels that stands on another of many; predicts like `Surrogate`.

    Attributes:
        card: As that of `Surrogate`, with `transfer`: mode, source, and what was gained.
        source: The surrogate of many labels.
        target: In mode `delta` it predicts the correction; in mode `stacked` the property.
        mode: `delta` or `stacked`.
        columns: Where the source's descriptors stand among `card["labels"]`; None when the source
            takes a table of its own.
        slope: a of `delta`: mean = a * source + b + correction; 0 in mode `stacked`.
        offset: b of `delta`, in the space of the property; 0 in mode `stacked`.
    """

    card: Mapping[str, Any]
    source: Source
    target: Surrogate
    mode: str
    columns: IntArray | None
    slope: float = 0.0
    offset: float = 0.0

    @property
    def property(self) -> str:
        """Registry name."""
        return str(self.card["property"])

    def predict(
        self,
        X: FloatArray,
        source_X: FloatArray | None = None,
        *,
        elements: Elements | None = None,
        level: float = LEVEL,
    ) -> Prediction:
        """Predict rows of features.

        The source speaks as it does to anybody, also of materials that it learned from: there the
        interval is, if anything, too wide. A row outside the domain of either is outside.

        Args:
            X: Features in the order of `card["labels"]`, (n, k).
            source_X: Descriptors of the source, (n, m), where they are not among those of X.
            elements: Atomic numbers of the elements of each row; one that has no label of either
                is outside the domain.
            level: Nominal coverage of the intervals.

        Raises:
            InputError: The number of columns differs from that of the training, or the
                descriptors of the source are missing.
        """
        given = np.asarray(X, dtype=np.float64)
        if given.ndim != 2 or given.shape[1] != len(self.card["labels"]):
            raise InputError(
                f"the surrogate of {self.property} knows {len(self.card['labels'])} features, got "
                f"an array of shape {given.shape}"
            )
        view = predicted_view(self.source, self._source_features(given, source_X), elements)
        found = self.target.predict(
            np.column_stack([given, view.mean, view.half]), elements=elements, level=level
        )
        if self.mode == DELTA:
            found = self._corrected(found, self.slope * view.mean + self.offset)
        return replace(
            found,
            in_domain=found.in_domain & view.in_domain,
            distance=np.fmax(found.distance, view.distance),
        )

    def _source_features(self, X: FloatArray, source_X: FloatArray | None) -> FloatArray:
        if self.columns is not None:
            return X[:, self.columns]
        if source_X is None or len(source_X) != len(X):
            raise InputError(
                f"the source of this surrogate of {self.property} predicts from descriptors of its "
                "own: give them as source_X, one row a row of X"
            )
        return np.asarray(source_X, dtype=np.float64)

    def _corrected(self, found: Prediction, base: FloatArray) -> Prediction:
        mean, lower, upper = corrected_ends(
            self.property, base, found.mean, found.lower, found.upper
        )
        std = (upper - lower) / SIGMAS
        with np.errstate(invalid="ignore", divide="ignore"):
            stretch = np.where(found.std > 0.0, std / found.std, 0.0)
        return replace(
            found,
            mean=mean,
            std=std,
            lower=lower,
            upper=upper,
            std_epistemic=found.std_epistemic * stretch,
            std_aleatoric=found.std_aleatoric * stretch,
        )


def corrected_ends(
    name: str, base: FloatArray, mean: FloatArray, lower: FloatArray, upper: FloatArray
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Return base + correction and the ends of its interval, in the unit of a property."""
    backward = Space.of(name).backward
    return backward(base + mean), backward(base + lower), backward(base + upper)
