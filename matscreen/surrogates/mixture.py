"""Predictive distributions with a point mass at a physical bound, such as the gap of a metal.

A row lies on the bound with the probability p; else its value has the distribution G that the half
widths of a surrogate around its center spell out, level by level. Any interval that holds the
bound holds the point mass too, so the usual share of covered labels says little there. What is
uniform for a calibrated mixed distribution is the randomised probability integral transform (Czado,
Gneiting, Held 2009): F(y-) + v (F(y) - F(y-)), v uniform.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Final

import numpy as np

from matscreen.structures import FloatArray
from matscreen.surrogates.prediction import BoolArray
from matscreen.surrogates.uncertainty import LEVELS

TAIL: Final = 0.99
"""Largest level of G: beyond the calibrated ones its half widths grow as those of a Gaussian."""

_LEAST_SHARE = 0.05


@dataclass(frozen=True, eq=False)
class Mixture:
    """Predictive distributions of rows, (n,) each, in the space of the property.

    Attributes:
        bound: The physical bound that holds the point mass.
        center: Center of G.
        half: Half widths of G at every level of `uncertainty.LEVELS`, (levels, n).
        at_bound: Probability of the point mass; zeros for a surrogate without one.
        beyond: 0 inside the domain to 1 from twice its threshold on.
    """

    bound: float
    center: FloatArray
    half: FloatArray
    at_bound: FloatArray
    beyond: FloatArray

    def median(self) -> FloatArray:
        """Return the medians, (n,): the bound where the point mass holds half of the chance."""
        return self.quantile(np.full(len(self.center), 0.5))

    def quantile(self, chance: FloatArray) -> FloatArray:
        """Return the values that are not passed with some chance, (n,)."""
        rest = np.maximum(1.0 - self.at_bound, 1e-12)
        within = np.clip((chance - self.at_bound) / rest, 0.0, 1.0)
        reach = np.sign(within - 0.5) * self._half_width(np.abs(2.0 * within - 1.0))
        found = np.maximum(self.center + reach, self.bound)
        return np.asarray(np.where(chance <= self.at_bound, self.bound, found))

    def interval(self, level: float) -> tuple[FloatArray, FloatArray]:
        """Return the ends of intervals that hold the median and a chance of `level`, (n,) each.

        The shorter one of the interval from the bound to the quantile of the level, and that around
        the center of G which leaves the bound out (where the point mass is small enough for it). A
        point mass larger than the level fills the interval alone: its width is then the twentieth
        part of that of G. Outside the domain an interval reaches down to the bound, and up as far
        as that of G, as nobody knows on which side of the hurdle such a row is.
        """
        p, center = self.at_bound, self.center
        own = np.clip(level / np.maximum(1.0 - p, 1e-12), 0.0, 1.0)
        around = self._half_width(own)
        low, high = np.maximum(center - around, self.bound), center + around
        top = self.quantile(np.full(len(p), level))
        possible = (own <= TAIL) & (p <= level) & (p < 0.5)
        shorter = possible & ((high - low < top - self.bound) | (level < 0.5))
        lower = np.where(shorter, low, self.bound)
        upper = np.where(shorter, high, top)
        alone = self._half_width(np.full(len(p), level))
        lower = lower - self.beyond * (lower - self.bound)
        upper = np.maximum(upper, upper + self.beyond * (center + alone - upper))
        middle = self.median()
        lower, upper = np.minimum(lower, middle), np.maximum(upper, middle)
        return lower, np.maximum(upper, lower + _LEAST_SHARE * alone)

    def pit(self, values: FloatArray, draw: FloatArray) -> FloatArray:
        """Return the randomised probability integral transform of values, (n,).

        Args:
            values: Labels in the space of the property.
            draw: Uniform between 0 and 1.
        """
        on_bound = values <= self.bound
        within = self._chance(values)
        full = self.at_bound + (1.0 - self.at_bound) * within
        return np.asarray(np.where(on_bound, draw * full, full))

    def _chance(self, values: FloatArray) -> FloatArray:
        """Return the distribution function of G at values, (n,)."""
        apart = values - self.center
        levels, half = _extended(self.half)
        size = np.abs(apart)
        # Half widths never fall with the level; equal ones share the largest level.
        at = np.clip((half <= size).sum(axis=0), 1, len(levels) - 1)
        rows = np.arange(len(size))
        low, high = half[at - 1, rows], half[at, rows]
        share = np.clip((size - low) / np.where(high > low, high - low, 1.0), 0.0, 1.0)
        level = levels[at - 1] + share * (levels[at] - levels[at - 1])
        return np.asarray(0.5 + 0.5 * np.sign(apart) * level)

    def _half_width(self, level: FloatArray) -> FloatArray:
        """Return the half widths of G at a level for each row, (n,)."""
        levels, half = _extended(self.half)
        at = np.clip(np.searchsorted(levels, level), 1, len(levels) - 1)
        rows = np.arange(len(level))
        share = np.clip((level - levels[at - 1]) / (levels[at] - levels[at - 1]), 0.0, 1.0)
        return np.asarray((1.0 - share) * half[at - 1, rows] + share * half[at, rows])


def inside_central(pit: FloatArray) -> BoolArray:
    """Return whether each row is in the central interval of every level, (levels, n).

    The share of rows inside is the level itself for a calibrated distribution, point mass or not.
    """
    return np.asarray(np.abs(2.0 * pit - 1.0)[None, :] <= LEVELS[:, None])


def pit_area(pit: FloatArray) -> float:
    """Return the mean distance of the distribution function of the transform from uniform."""
    grid = np.linspace(0.0, 1.0, 101)
    reached = np.searchsorted(np.sort(pit), grid, side="right") / len(pit)
    return float(np.mean(np.abs(reached - grid)))


def _extended(half: FloatArray) -> tuple[FloatArray, FloatArray]:
    """Return levels from 0 to `TAIL` and the half widths there, (levels + 2, n), never falling."""
    from scipy.special import ndtri

    levels = np.concatenate([[0.0], LEVELS, [TAIL]])
    grown = ndtri(0.5 + TAIL / 2.0) / ndtri(0.5 + LEVELS[-1] / 2.0)
    whole = np.vstack([np.zeros(half.shape[1]), half, grown * half[-1]])
    return levels, np.maximum.accumulate(whole, axis=0)
