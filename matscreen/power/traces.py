"""Carbon intensity or price of electricity over time, and what any source of it must offer."""

from __future__ import annotations

import math
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Final, Literal, Protocol, runtime_checkable

import numpy as np
from numpy.typing import NDArray

from matscreen.errors import InputError

Kind = Literal["carbon", "price"]
FloatArray = NDArray[np.float64]

SYNTHETIC: Final = "SYNTHETIC"
"""How the name of a trace begins that no grid ever had."""

_UNITS: dict[str, tuple[Kind, str, float]] = {
    "gco2/kwh": ("carbon", "gCO2/kWh", 1.0),
    "g/kwh": ("carbon", "gCO2/kWh", 1.0),
    "kgco2/mwh": ("carbon", "gCO2/kWh", 1.0),
    "kg/mwh": ("carbon", "gCO2/kWh", 1.0),
    "kgco2/kwh": ("carbon", "gCO2/kWh", 1000.0),
    "kg/kwh": ("carbon", "gCO2/kWh", 1000.0),
    "lb/mwh": ("carbon", "gCO2/kWh", 0.45359237),
    "eur/mwh": ("price", "EUR/MWh", 1.0),
    "gbp/mwh": ("price", "GBP/MWh", 1.0),
    "usd/mwh": ("price", "USD/MWh", 1.0),
    "eur/kwh": ("price", "EUR/MWh", 1000.0),
    "gbp/kwh": ("price", "GBP/MWh", 1000.0),
    "usd/kwh": ("price", "USD/MWh", 1000.0),
}


@dataclass(frozen=True)
class Trace:
    """One value for each of equal slots of time, without gaps.

    Attributes:
        start: Begin of the first slot, with a time zone.
        step: Length of a slot.
        values: Value of each slot.
        unit: `gCO2/kWh`, or a price such as `EUR/MWh`.
        kind: Carbon or price.
        name: Where it is from, in words.
        synthetic: True where no grid ever had these values.

    Raises:
        InputError: A value is not finite, the start has no time zone, or there are no slots.
    """

    start: datetime
    step: timedelta
    values: FloatArray
    unit: str
    kind: Kind
    name: str
    synthetic: bool = False

    def __post_init__(self) -> None:
        if self.start.tzinfo is None:
            raise InputError(f"the trace {self.name!r} starts at {self.start} without a time zone")
        if self.values.ndim != 1 or not len(self.values):
            raise InputError(f"the trace {self.name!r} has no values")
        if not np.isfinite(self.values).all():
            raise InputError(f"the trace {self.name!r} has values that are no numbers")
        if self.kind == "carbon" and float(self.values.min()) < 0.0:
            raise InputError(
                f"the trace {self.name!r} has a carbon intensity of {self.values.min():g} "
                f"{self.unit}; it cannot be under 0"
            )

    def __len__(self) -> int:
        return len(self.values)

    @property
    def end(self) -> datetime:
        """End of the last slot."""
        return self.start + len(self) * self.step

    @property
    def label(self) -> str:
        """Name to show; a synthetic trace says so."""
        return f"{SYNTHETIC}: {self.name}" if self.synthetic else self.name

    @property
    def energy_unit_kWh(self) -> float:
        """Energy that a value is for, kWh: 1 where the unit is gCO2/kWh, 1000 for EUR/MWh."""
        return 1000.0 if self.unit.endswith("/MWh") else 1.0

    @property
    def per_kWh(self) -> FloatArray:
        """Grams, or units of money, for each kWh drawn in each slot."""
        return self.values / self.energy_unit_kWh

    @property
    def amount_unit(self) -> str:
        """Unit of what is summed up: `g CO2`, or the currency."""
        return "g CO2" if self.kind == "carbon" else self.unit.partition("/")[0]

    def index(self, when: datetime) -> int:
        """Return the slot that holds a time; it may lie outside the trace."""
        return math.floor((when - self.start) / self.step)

    def cut(self, begin: datetime, end: datetime) -> Trace:
        """Return the slots from the one that holds `begin` to the last that starts before `end`.

        Raises:
            InputError: The trace does not cover them.
        """
        first = self.index(begin)
        last = math.ceil((end - self.start) / self.step)
        if first < 0 or last > len(self) or last <= first:
            raise InputError(
                f"{self.label} covers {self.start:%Y-%m-%d %H:%M} to {self.end:%Y-%m-%d %H:%M %Z}, "
                f"asked are {begin:%Y-%m-%d %H:%M} to {end:%Y-%m-%d %H:%M %Z}"
            )
        return Trace(
            self.start + first * self.step,
            self.step,
            self.values[first:last],
            self.unit,
            self.kind,
            self.name,
            self.synthetic,
        )


@runtime_checkable
class TraceSource(Protocol):
    """Something that knows carbon intensities or prices, of the past or of the hours to come."""

    @property
    def name(self) -> str:
        """What it is, in words."""
        ...

    def read(self, begin: datetime, end: datetime) -> Trace:
        """Return a trace that covers as much as is known of a span of time.

        Raises:
            InputError: The source knows nothing of that span.
            SourceError: The source does not answer.
        """
        ...


def read_unit(unit: str) -> tuple[Kind, str, float]:
    """Return the kind, the canonical unit and the factor to it.

    Raises:
        InputError: The unit is unknown.
    """
    key = unit.strip().lower().replace(" ", "").replace("₂", "2").replace("€", "eur")
    key = key.replace("£", "gbp").replace("eq/", "/").replace("co2e/", "co2/")
    if key not in _UNITS:
        known = ", ".join(sorted({shown for _, shown, _ in _UNITS.values()}))
        raise InputError(f"unknown unit {unit!r} of a trace; known: {known}, and kg or per kWh")
    return _UNITS[key]
