"""A synthetic year of carbon intensity and price, for trying things out where no data are.

No grid ever had these values. The parameters are in `data/reference/synthetic_grid.toml`, each
with its source or the word assumption.
"""

from __future__ import annotations

import tomllib
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import numpy as np

from matscreen.data import data_path
from matscreen.errors import InputError
from matscreen.power.traces import FloatArray, Kind, Trace

FILE: Final = "synthetic_grid.toml"
_HOURS: Final = 8760
_STREAMS: Final = {"carbon": 0, "price": 1}
"""The noise of the two kinds is independent: an assumption, they rise together in truth."""


@dataclass(frozen=True)
class SyntheticYear:
    """Generator of a year of hours, always the same for the same kind and seed.

    value = mean x exp(d + w + s + x) / normaliser, with d the sum of sines of 24 and 12 h, w a
    step on Saturday and Sunday, s a sine of a year, x a Gaussian AR(1) process,
    x(t+1) = phi x(t) + sqrt(1 - phi²) sigma e(t). The normaliser makes the mean exact.

    Attributes:
        kind: `carbon` (gCO2/kWh) or `price` (EUR/MWh).
        seed: Seed of the noise.
    """

    kind: Kind = "carbon"
    seed: int = 2026

    @property
    def name(self) -> str:
        """What it is, in words."""
        return f"generated year of {self.kind}, seed {self.seed}"

    def year(self) -> Trace:
        """Return all 8,760 hours from 2026-01-01 00:00 UTC."""
        told = parameters(self.kind)
        hours = np.arange(_HOURS, dtype=float)
        log = _sine(hours, 24.0, told["daily_amplitude"], told["daily_peak_h"])
        log += _sine(hours, 12.0, told["half_daily_amplitude"], told["half_daily_peak_h"])
        log += _sine(hours, _HOURS, told["yearly_amplitude"], 24.0 * told["yearly_peak_day"])
        start = datetime(2026, 1, 1, tzinfo=UTC)
        weekday = (start.weekday() + hours // 24) % 7
        log += np.where(weekday >= 5, told["weekend_step"], 0.0)
        log += _noise([self.seed, _STREAMS[self.kind]], told["ar1"], told["noise_sigma"])
        values = np.exp(log)
        values *= told["mean"] / values.mean()
        unit = "gCO2/kWh" if self.kind == "carbon" else "EUR/MWh"
        return Trace(start, timedelta(hours=1), values, unit, self.kind, self.name, synthetic=True)

    def read(self, begin: datetime, end: datetime) -> Trace:
        """Return the hours of a span; every year is the same one.

        Raises:
            InputError: The span is longer than a year.
        """
        year = self.year()
        count = int(np.ceil((end - begin) / year.step)) + 1
        if count > _HOURS:
            raise InputError(f"the synthetic trace has one year, asked are {count} hours")
        first = year.index(begin)
        values = year.values[(first + np.arange(count)) % _HOURS]
        shifted = year.start + first * year.step
        return Trace(shifted, year.step, values, year.unit, year.kind, self.name, synthetic=True)


def parameters(kind: Kind) -> dict[str, float]:
    """Return the numbers of the generator of one kind."""
    return {name: float(entry["value"]) for name, entry in _table(kind).items()}


def assumptions(kind: Kind) -> list[str]:
    """Return one line for each number of the generator: its value and where it is from."""
    return [
        f"{name} = {entry['value']:g}{_shown(entry['unit'])}: {entry['source']}"
        for name, entry in _table(kind).items()
    ]


def _shown(unit: str) -> str:
    return "" if unit == "1" else f" {unit}"


def _table(kind: Kind) -> Mapping[str, Mapping[str, Any]]:
    with data_path("reference", FILE).open("rb") as file:
        content: dict[str, Any] = tomllib.load(file)[kind]
    return content


def _sine(hours: FloatArray, period: float, amplitude: float, peak: float) -> FloatArray:
    return np.asarray(amplitude * np.cos(2.0 * np.pi * (hours - peak) / period))


def _noise(seed: list[int], phi: float, sigma: float) -> FloatArray:
    from scipy.signal import lfilter

    draws = np.random.default_rng(seed).standard_normal(_HOURS)
    # The first value is drawn from the stationary distribution, so the year has no start-up.
    draws[1:] *= np.sqrt(1.0 - phi**2)
    return np.asarray(sigma * lfilter([1.0], [1.0, -phi], draws))
