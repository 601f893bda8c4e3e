"""The device specification: what every mechanism is asked to do, in SI units."""

from __future__ import annotations

import difflib
import math
from collections.abc import Mapping
from dataclasses import dataclass, field, fields
from typing import Any, Final, Literal, TypeVar

from matscreen.errors import ConfigError

Application = Literal["synapse", "logic", "neuron"]
APPLICATIONS: Final[tuple[str, ...]] = ("synapse", "logic", "neuron")
"""`synapse`: one of N analog levels; `logic`: one toggle; `neuron`: one spike."""

YEAR: Final = 365.25 * 86400.0
"""Julian year, s."""

_Block = TypeVar("_Block")


def _positive(default: float, unit: str, *, low: float = 0.0, high: float = math.inf) -> Any:
    """Field that must be a number over `low` (over or equal when low > 0) and at most `high`."""
    return field(default=default, metadata={"unit": unit, "low": low, "high": high})


def _not_negative(default: float, unit: str) -> Any:
    return field(default=default, metadata={"unit": unit, "low": -math.inf, "zero": True})


@dataclass(frozen=True, kw_only=True)
class FerroelectricGeometry:
    """The ferroelectric capacitor; its area and thickness are those of the device.

    Attributes:
        interlayer_thickness: Dielectric in series (FeFET, tunnel junction), m; 0 for a capacitor.
        interlayer_permittivity: Relative permittivity of that dielectric.
        dead_layer_thickness: Nonpolar layers at both electrodes together, m. Counted in the
            ceiling only: the coercive fields behind the nominal energy were measured on films
            that have them.
        dead_layer_permittivity: Relative permittivity of the dead layers.
        dielectric_loss: Share of C V² lost for one pulse: 1 when charge and discharge are both
            lost, 1/2 when the stored half is recovered.
    """

    interlayer_thickness: float = _not_negative(0.0, "m")
    interlayer_permittivity: float = _positive(10.0, "1", low=1.0)
    dead_layer_thickness: float = _not_negative(0.4e-9, "m")
    dead_layer_permittivity: float = _positive(10.0, "1", low=1.0)
    dielectric_loss: float = _positive(1.0, "1", low=0.5, high=1.0)

    def __post_init__(self) -> None:
        _check(self, "ferroelectric.")


@dataclass(frozen=True, kw_only=True)
class FilamentGeometry:
    """The conducting filament of a valence-change memristor and the pulse that drives it.

    Attributes:
        radius: Filament radius, m.
        gap: Length that oxygen vacancies bridge or leave, m.
        outer_radius: Radius at which the surroundings are cold, m.
        voltage: Voltage over the gap during the write pulse, V.
        hop_distance: Length of one vacancy hop, m.
        attempt_frequency: Attempt frequency of a hop, 1/s.
        charge: Charge number of the vacancy.
        vacancy_density: Vacancies in the filament, 1/m³.
        boundary_conductivity: Thermal conductivity to which boundary scattering alone limits a
            filament of this size, W/m/K: c v Λ / 3 with 3 MJ/m³/K, 5 km/s and 5 nm.
        melting_fraction: Largest switching temperature over the melting point.
        series_factor: Supply voltage over gap voltage: what the selector and the series resistance
            take; counted in the ceiling.
        pulse_factor: Applied pulse over median switching time, for the slow tail of the cells;
            counted in the ceiling.
    """

    radius: float = _positive(2.5e-9, "m")
    gap: float = _positive(3e-9, "m")
    outer_radius: float = _positive(25e-9, "m")
    voltage: float = _positive(1.5, "V")
    hop_distance: float = _positive(0.25e-9, "m")
    attempt_frequency: float = _positive(2e13, "1/s")
    charge: float = _positive(2.0, "1")
    vacancy_density: float = _positive(1e27, "1/m³")
    boundary_conductivity: float = _positive(25.0, "W/m/K")
    melting_fraction: float = _positive(0.8, "1", high=1.0)
    series_factor: float = _positive(2.0, "1", low=1.0)
    pulse_factor: float = _positive(3.0, "1", low=1.0)

    def __post_init__(self) -> None:
        _check(self, "filament.")
        if self.outer_radius <= self.radius:
            raise ConfigError(
                "device.filament.outer_radius",
                f"must be over the filament radius {self.radius:g} m, got {self.outer_radius:g} m",
            )
        if self.hop_distance > self.gap:
            raise ConfigError(
                "device.filament.hop_distance",
                f"must not exceed the gap {self.gap:g} m, got {self.hop_distance:g} m",
            )


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
            deviations of the kTC noise of a third of a femtofarad.
        minimum_band_gap: Gap under which the layer leaks like a metal, eV.
        ferroelectric: Geometry of the ferroelectric capacitor.
        filament: Geometry of the filament.

    Raises:
        ConfigError: A value is out of range; its `key` names the entry.
    """

    area: float = _positive(2.5e-15, "m²")
    thickness: float = _positive(10e-9, "m")
    switching_time: float = _positive(10e-9, "s")
    temperature: float = _positive(300.0, "K")
    retention_time: float = _positive(10 * YEAR, "s")
    retention_temperature: float = _positive(358.0, "K")
    attempt_time: float = _positive(1e-12, "s")
    n_levels: int = _positive(32, "1", low=2)
    read_electrons: float = _positive(40.0, "1", low=1.0)
    minimum_band_gap: float = _not_negative(0.1, "eV")
    ferroelectric: FerroelectricGeometry = field(default_factory=FerroelectricGeometry)
    filament: FilamentGeometry = field(default_factory=FilamentGeometry)

    def __post_init__(self) -> None:
        for name, kind in _BLOCKS.items():
            if not isinstance(getattr(self, name), kind):
                raise ConfigError(f"device.{name}", f"must be a {kind.__name__}")
        _check(self, "")
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
}


def _build(kind: type[_Block], values: Mapping[str, Any], prefix: str) -> _Block:
    known = [item.name for item in fields(kind)]  # type: ignore[arg-type]
    for key in values:
        if key not in known:
            close = difflib.get_close_matches(str(key), known, n=1)
            hint = f"; did you mean {close[0]!r}?" if close else f"; known: {', '.join(known)}"
            raise ConfigError(f"{prefix}.{key}", f"unknown key{hint}")
    return kind(**values)


def _check(block: Any, prefix: str) -> None:
    for item in fields(block):
        if "unit" not in item.metadata:
            continue
        value, unit = getattr(block, item.name), item.metadata["unit"]
        key = f"device.{prefix}{item.name}"
        whole = isinstance(item.default, int) and not isinstance(item.default, bool)
        if isinstance(value, bool) or not isinstance(value, int if whole else (int, float)):
            kind = "a whole number" if whole else "a number"
            raise ConfigError(key, f"must be {kind}, got {value!r}")
        low, high = item.metadata["low"], item.metadata.get("high", math.inf)
        shown = f"got {value:g} ({unit})"
        if item.metadata.get("zero"):
            if not 0.0 <= value < math.inf:
                raise ConfigError(key, f"must be >= 0 and finite, {shown}")
        elif low == 0.0 and not 0.0 < value < math.inf:
            raise ConfigError(key, f"must be > 0 and finite, {shown}")
        elif not low <= value < math.inf:
            raise ConfigError(key, f"must be >= {low:g} and finite, {shown}")
        if value > high:
            raise ConfigError(key, f"must be <= {high:g}, {shown}")
