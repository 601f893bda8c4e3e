"""Geometry of the switching element of each mechanism, in SI units."""

from __future__ import annotations

import math
from dataclasses import dataclass, field, fields
from typing import Any

from matscreen.errors import ConfigError

_LARGEST = {"m": 1e-3, "m²": 1e-4}
"""Sizes over which a value is not in SI units: a film of a millimetre, an electrode of 1 cm²."""


def positive(default: float, unit: str, *, low: float = 0.0, high: float = math.inf) -> Any:
    """Field that must be a number over `low` (over or equal when low > 0) and at most `high`."""
    return field(default=default, metadata={"unit": unit, "low": low, "high": high})


def not_negative(default: float, unit: str) -> Any:
    """Field that must be a finite number of at least zero."""
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
        merz_exponent: Exponent of Merz's law: 1 for perovskites, 2 for the creep of hafnia.
    """

    interlayer_thickness: float = not_negative(0.0, "m")
    interlayer_permittivity: float = positive(10.0, "1", low=1.0)
    dead_layer_thickness: float = not_negative(0.4e-9, "m")
    dead_layer_permittivity: float = positive(10.0, "1", low=1.0)
    dielectric_loss: float = positive(1.0, "1", low=0.5, high=1.0)
    merz_exponent: float = positive(1.0, "1", low=0.5)

    def __post_init__(self) -> None:
        check(self, "ferroelectric.")


@dataclass(frozen=True, kw_only=True)
class FilamentGeometry:
    """The conducting filament of a valence-change memristor and the pulse that drives it.

    Attributes:
        radius: Filament radius, m.
        gap: Length that oxygen vacancies bridge or leave, m.
        outer_radius: Radius at which the surroundings are cold, m.
        voltage: Voltage over the gap during the write pulse, V.
        read_voltage: Voltage while reading, V; for the voltage-time dilemma.
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

    radius: float = positive(2.5e-9, "m")
    gap: float = positive(3e-9, "m")
    outer_radius: float = positive(25e-9, "m")
    voltage: float = positive(1.5, "V")
    read_voltage: float = positive(0.2, "V")
    hop_distance: float = positive(0.25e-9, "m")
    attempt_frequency: float = positive(2e13, "1/s")
    charge: float = positive(2.0, "1")
    vacancy_density: float = positive(1e27, "1/m³")
    boundary_conductivity: float = positive(25.0, "W/m/K")
    melting_fraction: float = positive(0.8, "1", high=1.0)
    series_factor: float = positive(2.0, "1", low=1.0)
    pulse_factor: float = positive(3.0, "1", low=1.0)

    def __post_init__(self) -> None:
        check(self, "filament.")
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
class ThresholdGeometry:
    """The insulator-metal spot of a threshold switch and the neuron around it.

    Attributes:
        radius: Radius of the region that turns metallic, m.
        gap: Its length between the electrodes, m.
        outer_radius: Radius at which the surroundings are cold, m.
        boundary_conductivity: Thermal conductivity to which boundary scattering alone limits a
            region of this size, W/m/K.
        threshold_voltage: Voltage at which the spike begins, V.
        hold_voltage: Voltage at which it ends, V.
        supply_voltage: Supply of the neuron, V.
        capacitance: Capacitance of the neuron with its wires, F; parasitics usually outweigh the
            spot itself.
        hop_distance: Distance between neighbouring sites, m; for the Landau-Zener field.
        hopping_energy: Transfer energy between them, eV; for the Landau-Zener field.
        melting_fraction: Largest temperature over the melting point.
        series_factor: Supply energy over that in the spot; counted in the ceiling.
        pulse_factor: Applied pulse over incubation time; counted in the ceiling.
    """

    radius: float = positive(15e-9, "m")
    gap: float = positive(10e-9, "m")
    outer_radius: float = positive(60e-9, "m")
    boundary_conductivity: float = positive(25.0, "W/m/K")
    threshold_voltage: float = positive(1.0, "V")
    hold_voltage: float = positive(0.4, "V")
    supply_voltage: float = positive(1.2, "V")
    capacitance: float = positive(1e-15, "F")
    hop_distance: float = positive(0.3e-9, "m")
    hopping_energy: float = positive(0.3, "eV")
    melting_fraction: float = positive(0.8, "1", high=1.0)
    series_factor: float = positive(2.0, "1", low=1.0)
    pulse_factor: float = positive(3.0, "1", low=1.0)

    def __post_init__(self) -> None:
        check(self, "threshold.")
        if self.outer_radius <= self.radius:
            raise ConfigError(
                "device.threshold.outer_radius",
                f"must be over the radius {self.radius:g} m, got {self.outer_radius:g} m",
            )
        if not self.hold_voltage < self.threshold_voltage <= self.supply_voltage:
            raise ConfigError(
                "device.threshold.threshold_voltage",
                f"must be over the hold voltage {self.hold_voltage:g} V and not over the supply "
                f"{self.supply_voltage:g} V, got {self.threshold_voltage:g} V",
            )


@dataclass(frozen=True, kw_only=True)
class ElectrolyteGeometry:
    """The electrolyte and the reservoir of an electrochemical cell.

    Attributes:
        oxygen_swing: Share of the oxygen sites that empties over the whole range of states; a sixth
            leads from perovskite to brownmillerite.
        electrons: Electrons that each ion brings along.
        thickness: Thickness of the electrolyte, m.
        conductivity: Ionic conductivity of the electrolyte, S/m.
        permittivity: Relative permittivity of the electrolyte; counted in the ceiling.
        exchange_current: Exchange current density of the interface, A/m².
        reservoir_potential: Potential of the reservoir against half an O2, V.
        hop_distance: Length of one hop in the channel, m.
        attempt_frequency: Attempt frequency of a hop, 1/s.
        window: Largest voltage that the electrolyte bears, V. Over it the model, linear in the
            electrolyte, does not hold either.
        series_factor: Supply voltage over cell voltage; counted in the ceiling.
    """

    oxygen_swing: float = positive(1.0 / 6.0, "1", high=1.0)
    electrons: float = positive(2.0, "1")
    thickness: float = positive(10e-9, "m")
    conductivity: float = positive(1e-3, "S/m")
    permittivity: float = positive(25.0, "1", low=1.0)
    exchange_current: float = positive(1.0, "A/m²")
    reservoir_potential: float = field(
        default=0.0, metadata={"unit": "V", "low": -10.0, "high": 10.0}
    )
    hop_distance: float = positive(0.3e-9, "m")
    attempt_frequency: float = positive(1e13, "1/s")
    window: float = positive(3.0, "V")
    series_factor: float = positive(2.0, "1", low=1.0)

    def __post_init__(self) -> None:
        check(self, "electrolyte.")


@dataclass(frozen=True, kw_only=True)
class JosephsonGeometry:
    """The junction, its bias and the refrigerator.

    Attributes:
        operating_temperature: Temperature of the junction, K; 0 takes `temperature_fraction` of the
            critical temperature.
        temperature_fraction: Operating over critical temperature.
        lowest_temperature: Coldest stage that the refrigerator has, K.
        stability_ratio: Josephson coupling 2 E_J over k T of the nominal junction; 500 is 44 µA at
            4.2 K, as small as today's circuits.
        least_stability_ratio: The same for a bit error rate near 1e-26, the thermal limit.
        bias_factor: Supply energy over Ic Φ0 with resistive bias (RSFQ); counted in the ceiling.
        excitation_time: Rise time of the clock of an adiabatic gate, s; for `adiabatic_energy_J`.
        intrinsic_time: Time constant of the junction, s; for `adiabatic_energy_J`.
        cooling_efficiency: Share of the Carnot efficiency that the refrigerator reaches: 0.2 to 0.3
            a large plant, 0.01 to 0.1 a small cryocooler.
    """

    operating_temperature: float = not_negative(0.0, "K")
    temperature_fraction: float = positive(0.5, "1", high=0.9)
    lowest_temperature: float = positive(4.0, "K")
    stability_ratio: float = positive(500.0, "1", low=1.0)
    least_stability_ratio: float = positive(60.0, "1", low=1.0)
    bias_factor: float = positive(10.0, "1", low=1.0)
    excitation_time: float = positive(200e-12, "s")
    intrinsic_time: float = positive(1e-12, "s")
    cooling_efficiency: float = positive(0.2, "1", high=1.0)

    def __post_init__(self) -> None:
        check(self, "josephson.")
        if self.stability_ratio < self.least_stability_ratio:
            raise ConfigError(
                "device.josephson.stability_ratio",
                f"must not be under the thermal limit {self.least_stability_ratio:g}, "
                f"got {self.stability_ratio:g}",
            )


def check(block: Any, prefix: str) -> None:
    """Check every field with a unit against its bounds.

    Raises:
        ConfigError: A value is of the wrong kind or out of range; its `key` names the entry.
    """
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
        if value > _LARGEST.get(unit, math.inf):
            small = "8e-9" if unit == "m" else "2.5e-15"
            raise ConfigError(
                key, f"must be in {unit}, such as {small}, and <= {_LARGEST[unit]:g}, {shown}"
            )
