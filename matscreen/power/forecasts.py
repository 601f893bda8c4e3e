"""What a planner knows of the hours to come: by the past alone, with a stated error, or all."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import timedelta
from typing import Protocol

import numpy as np
from numpy.typing import NDArray

from matscreen.errors import InputError
from matscreen.power.traces import FloatArray, Trace

_DAY = timedelta(days=1)


class Forecast(Protocol):
    """Tells the values of slots to come, as they could be known at a time."""

    @property
    def name(self) -> str:
        """What it is, in words."""
        ...

    @property
    def history(self) -> int:
        """Slots before the first forecast that it needs."""
        ...

    def __call__(self, now: NDArray[np.int64], slots: int) -> FloatArray:
        """Return (times, slots) values of the slots `now`, `now` + 1, ...; `now` is not known."""
        ...


@dataclass(frozen=True)
class Perfect:
    """Knows everything: the bound of what planning could save.

    Attributes:
        values: The trace.
        name: What is assumed.
        history: Slots that it learns from, none.
    """

    values: FloatArray
    name: str = "perfect foresight"
    history: int = 0

    def __call__(self, now: NDArray[np.int64], slots: int) -> FloatArray:
        """Return what will be."""
        return np.asarray(self.values[now[:, None] + np.arange(slots)])


@dataclass(frozen=True)
class FromPast:
    """The usual day, and a deviation from it that fades: uses nothing later than the last slot.

    forecast(now + k) = mean of the same time of day over the last `days` days
    + phi^(k + 1) x (last value - its mean). Its error is that of the trace itself, none is assumed.

    Attributes:
        values: The trace.
        per_day: Slots of a day.
        days: Days of which the usual day is the mean.
        phi: How much of a deviation is left after one slot, from the first `history` slots.
        usual: Mean of the same time of day over the last days, a slot of the trace each.
        name: What is assumed.
    """

    values: FloatArray
    per_day: int
    days: int
    phi: float
    usual: FloatArray
    name: str = "forecast from the past alone"

    @property
    def history(self) -> int:
        """Slots that it learns from before its first forecast."""
        return 2 * self.days * self.per_day

    @classmethod
    def of(cls, trace: Trace, *, days: int = 14) -> FromPast:
        """Learn from a trace.

        Raises:
            InputError: A day is no whole number of slots, or the trace is too short.
        """
        per_day = round(_DAY / trace.step)
        if per_day * trace.step != _DAY:
            raise InputError(f"a day is no whole number of slots of {trace.step}")
        if len(trace) <= 2 * days * per_day:
            raise InputError(
                f"{trace.label} has {len(trace) / per_day:.1f} days; a forecast from the past "
                f"needs more than {2 * days}"
            )
        usual = _usual_day(trace.values, per_day, days)
        known = np.arange(days * per_day, 2 * days * per_day)
        apart = trace.values[known] - usual[known]
        spread = float(apart[:-1] @ apart[:-1])
        phi = float(np.clip(apart[1:] @ apart[:-1] / spread, 0.0, 0.999)) if spread > 0.0 else 0.0
        return cls(trace.values, per_day, days, phi, usual)

    def __call__(self, now: NDArray[np.int64], slots: int) -> FloatArray:
        """Return what the past says of the slots from `now` on."""
        ahead = np.arange(slots)
        # Beyond a day the usual day is the one known now: later ones are not known yet.
        level = self.usual[now[:, None] + ahead % self.per_day]
        gap = self.values[now - 1] - self.usual[now - 1]
        return np.asarray(level + gap[:, None] * self.phi ** (ahead + 1))


@dataclass(frozen=True)
class WithError:
    """The truth with an assumed error that grows with lead time.

    error(k) is a Gaussian AR(1) path from 0 at the last known slot: standard deviation
    sigma x sqrt(1 - phi^(2 (k + 1))), the same for a given seed and time.

    Attributes:
        values: The trace.
        sigma: Standard deviation of the error far ahead, in the unit of the trace.
        phi: Correlation from slot to slot.
        seed: Seed of the errors.
        history: Slots that it learns from, none.
    """

    values: FloatArray
    sigma: float
    phi: float = 0.95
    seed: int = 0
    history: int = 0

    @property
    def name(self) -> str:
        """What is assumed."""
        return f"truth with an assumed error, {self.sigma:.3g} (1 sigma) far ahead"

    def __call__(self, now: NDArray[np.int64], slots: int) -> FloatArray:
        """Return the truth with errors drawn anew for this time."""
        from scipy.signal import lfilter

        rng = np.random.default_rng([self.seed, int(now[0])])
        draws = rng.standard_normal((len(now), slots)) * np.sqrt(1.0 - self.phi**2)
        error = self.sigma * lfilter([1.0], [1.0, -self.phi], draws, axis=1)
        return np.asarray(self.values[now[:, None] + np.arange(slots)] + error)


def _usual_day(values: FloatArray, per_day: int, days: int) -> FloatArray:
    """Return for each slot the mean of the same time of day over the days before it.

    NaN where fewer days are known.
    """
    usual = np.full(len(values) + per_day, np.nan)
    for begin in range(per_day):
        same = values[begin::per_day]
        total = np.concatenate([[0.0], np.cumsum(same)])
        means = (total[days:] - total[:-days]) / days
        usual[begin + days * per_day :: per_day][: len(means)] = means
    return usual
