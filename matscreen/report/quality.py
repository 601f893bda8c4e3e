"""Measured quality of a surrogate: error, null model and coverage, from held-out predictions."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from statistics import fmean, median
from typing import Any

from matscreen.errors import StoreError
from matscreen.properties import PROPERTIES


@dataclass(frozen=True)
class Quality:
    """Out-of-fold quality of one surrogate, in registry units.

    Attributes:
        name: Registry name of the property.
        unit: Unit of the values.
        n_labels: Labels that the model learned from.
        y: Held-out labels.
        mean: Predictions of them.
        lower: Lower ends of the 90 % intervals.
        upper: Upper ends of the 90 % intervals.
        mae: Mean absolute error of the predictions.
        null_mae: The same error of a constant, the null model.
        coverage: Share of the labels inside their interval.
        logarithmic: Whether the property is best seen on log axes.
    """

    name: str
    unit: str
    n_labels: int
    y: tuple[float, ...]
    mean: tuple[float, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    mae: float
    null_mae: float
    coverage: float
    logarithmic: bool

    @property
    def beats_null(self) -> bool:
        """Whether the model is better than a constant; True when that cannot be judged."""
        return not self.mae >= self.null_mae

    @property
    def covered(self) -> tuple[bool, ...]:
        """Whether each label lies inside its interval."""
        return tuple(
            low <= value <= high
            for value, low, high in zip(self.y, self.lower, self.upper, strict=True)
        )


def measure(card: Mapping[str, Any]) -> Quality:
    """Measure a surrogate from the out-of-fold predictions on its card.

    The null model is the card's `null_mae` when it has one, otherwise the median of the labels.

    Raises:
        StoreError: The card lacks its property, or its out-of-fold lists differ in length.
    """
    if "property" not in card:
        raise StoreError(f"a model card lacks its property; it has {sorted(card)}")
    name = str(card["property"])
    y, mean, lower, upper = _out_of_fold(name, card.get("out_of_fold") or {})
    metrics = card.get("metrics") or {}
    null = metrics.get("null_mae")
    if null is None:
        null = _mean_distance(y, [median(y)] * len(y)) if y else math.nan
    entry = PROPERTIES.get(name)
    inside = [low <= value <= high for value, low, high in zip(y, lower, upper, strict=True)]
    return Quality(
        name=name,
        unit=str(card.get("unit") or (entry.unit if entry else "")),
        n_labels=int(card.get("n_labels", len(y))),
        y=y,
        mean=mean,
        lower=lower,
        upper=upper,
        mae=_mean_distance(y, mean),
        null_mae=float(null),
        coverage=fmean(inside) if inside else math.nan,
        logarithmic=entry is not None and entry.scale == "log" and all(v > 0 for v in y + mean),
    )


def _out_of_fold(name: str, lists: Mapping[str, Sequence[float]]) -> tuple[tuple[float, ...], ...]:
    columns = [[float(value) for value in lists.get(key, ())] for key in _COLUMNS]
    if len({len(column) for column in columns}) > 1:
        sizes = dict(zip(_COLUMNS, map(len, columns), strict=True))
        raise StoreError(f"the out-of-fold lists of {name!r} differ in length: {sizes}")
    whole = [row for row in zip(*columns, strict=True) if all(map(math.isfinite, row))]
    return tuple(tuple(row[index] for row in whole) for index in range(len(_COLUMNS)))


_COLUMNS = ("y", "mean", "lower", "upper")


def _mean_distance(first: Sequence[float], second: Sequence[float]) -> float:
    if not first:
        return math.nan
    return fmean(abs(a - b) for a, b in zip(first, second, strict=True))
