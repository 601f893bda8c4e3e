"""The device specification: what every mechanism is asked to do, in SI units."""

from __future__ import annotations

import difflib
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, Literal, TypeVar

from matscreen.errors import ConfigError
from matscreen.mechanisms.geometry import (
    ElectrolyteGeometry,
    FerroelectricGeometry,
    FilamentGeometry,
    JosephsonGeometry,
    ThresholdGeometry,
    check,
    not_negative,
    positive,
)

Application = Literal["synapse", "logic", "neuron"]
APPLICATIONS: Final[tuple[str, ...]] = ("synapse", "logic", "neuron")
"""`synapse`: one of N analog levels; `logic`: one toggle; `neuron`: one spike."""

YEAR: Final = 365.25 * 86400.0
"""Julian year, s."""

_Block = TypeVar("_Block")


@dataclass(frozen=True, kw_only=True)
class Device:
    """The common specification under which all materials and mechanisms are compared.

    `Device()` is a cell of 50 nm x 50 nm x 10 nm that switches in 10 ns at 300 K and keeps its
    state for 10 years at 85 °C (358 K).

    Attributes:
        area: Electrode area, m².
        thickness: Thickness of the active layer, m.
        switching_time: Time in which one event must be done, s.
        temperature: Temperature of the surroundings while switching, K.
        retention_time: Time for which a state must last, s.
        retention_temperature: Temperature at which it must last, K.
        attempt_time: Shortest time scale of thermal escape, s.
        n_levels: Analog levels of a synapse; one event moves the state by one of them.
        read_electrons: Charge that separates neighbouring states, electrons; 40 is six standard
            deviations of the kTC noise of 0.28 fF at 300 K.
        minimum_band_gap: Gap under which the layer leaks like a metal, eV.
        ferroelectric: Geometry of the ferroelectric capacitor.
        filament: Geometry of the filament.
        threshold: Geometry of the threshold switch.
        electrolyte: Geometry of the electrochemical cell.
        josephson: Junction and refrigerator.

    Raises:
        ConfigError: A value is out of range; its `key` names the entry.

    Examples:
        >>> Device().volume  # m³
        2.5e-23
        >>> thin = Device(thickness=5e-9, retention_time=1e5)
        >>> thin.levels("synapse"), thin.levels("logic")
        (32, 1)
    """

    area: float = positive(2.5e-15, "m²")
    thickness: float = positive(10e-9, "m")
    switching_time: float = positive(10e-9, "s")
    temperature: float = positive(300.0, "K")
    retention_time: float = positive(10 * YEAR, "s")
    retention_temperature: float = positive(358.0, "K")
    attempt_time: float = positive(1e-12, "s")
    n_levels: int = positive(32, "1", low=2)
    read_electrons: float = positive(40.0, "1", low=1.0)
    minimum_band_gap: float = not_negative(0.1, "eV")
    ferroelectric: FerroelectricGeometry = field(default_factory=FerroelectricGeometry)
    filament: FilamentGeometry = field(default_factory=FilamentGeometry)
    threshold: ThresholdGeometry = field(default_factory=ThresholdGeometry)
    electrolyte: ElectrolyteGeometry = field(default_factory=ElectrolyteGeometry)
    josephson: JosephsonGeometry = field(default_factory=JosephsonGeometry)

    def __post_init__(self) -> None:
        for name, kind in _BLOCKS.items():
            if not isinstance(getattr(self, name), kind):
                raise ConfigError(f"device.{name}", f"must be a {kind.__name__}")
        check(self, "")
        if self.switching_time <= self.attempt_time:
            raise ConfigError(
                "device.switching_time",
                f"must be over the attempt time {self.attempt_time:g} s, "
                f"got {self.switching_time:g} s",
            )
        if self.retention_time <= self.switching_time:
            raise ConfigError(
                "device.retention_time",
                f"must be over the switching time {self.switching_time:g} s, "
                f"got {self.retention_time:g} s",
            )

    @property
    def volume(self) -> float:
        """Volume of the active layer, m³."""
        return self.area * self.thickness

    def levels(self, application: str) -> int:
        """Number of events that a full reversal is divided into: `n_levels` for a synapse."""
        return self.n_levels if application == "synapse" else 1

    @classmethod
    def from_mapping(cls, mapping: Mapping[str, Any]) -> Device:
        """Build a device from the `[device]` table of a screen; absent keys keep their defaults.

        Raises:
            ConfigError: A key is unknown, or a value is of the wrong kind or out of range.
        """
        values = dict(mapping)
        for name, kind in _BLOCKS.items():
            if name in values:
                inner = values[name]
                if not isinstance(inner, Mapping):
                    raise ConfigError(f"device.{name}", f"must be a table, got {inner!r}")
                values[name] = _build(kind, inner, f"device.{name}")
        return _build(cls, values, "device")


_BLOCKS: Final[dict[str, type]] = {
    "ferroelectric": FerroelectricGeometry,
    "filament": FilamentGeometry,
    "threshold": ThresholdGeometry,
    "electrolyte": ElectrolyteGeometry,
    "josephson": JosephsonGeometry,
}


def _build(kind: type[_Block], values: Mapping[str, Any], prefix: str) -> _Block:
    known = [item.name for item in fields(kind)]  # type: ignore[arg-type]
    for key in values:
        if key not in known:
            close = difflib.get_close_matches(str(key), known, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(known)}"
            raise ConfigError(f"{prefix}.{key}", f"unknown key{hint}")
    return kind(**values)
