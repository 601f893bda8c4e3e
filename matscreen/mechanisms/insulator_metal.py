"""Threshold switching through an insulator-metal transition: a spot is heated until it trips.

The switch forgets: once the current stops, the spot cools and is an insulator again.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from matscreen.mechanisms.base import BOLTZMANN as KB
from matscreen.mechanisms.base import ELEMENTARY_CHARGE as Q
from matscreen.mechanisms.base import (
    FloatArray,
    ModelError,
    SwitchingEnergy,
    check_application,
    floor_energy,
    gate_at_least,
    gate_at_most,
    thermal_decades,
    value_or,
)
from matscreen.mechanisms.device import Device
from matscreen.mechanisms.filament import nanoscale_conductivity, thermal_resistance
from matscreen.mechanisms.valence_change import DEFAULT_CONDUCTIVITY

DEFAULT_HEAT_CAPACITY: Final = 2.6e6
"""J/m³/K; see `matscreen.priors`."""
DEFAULT_ACTIVATION: Final = 0.20
"""Activation energy of the insulator's conduction, eV; see `matscreen.priors`."""
_LARGEST_EXPONENT = 700.0


class ThermalSwitch(NamedTuple):
    """One heat pulse of constant power.

    Attributes:
        adiabatic: Energy that the volume takes up, J.
        time_constant: Thermal time constant, s.
        loss_factor: Energy of the pulse over the adiabatic one.
        total: Energy of the pulse, J.
    """

    adiabatic: FloatArray
    time_constant: FloatArray
    loss_factor: FloatArray
    total: FloatArray


def thermal_switch(
    *,
    volume: npt.ArrayLike,
    heat_capacity: npt.ArrayLike,
    rise: npt.ArrayLike,
    enthalpy: npt.ArrayLike,
    resistance: npt.ArrayLike,
    time: npt.ArrayLike,
) -> ThermalSwitch:
    """Energy of heating a volume to its transition within a time, at constant power.

    E = E_ad x / (1 - exp(-x)), E_ad = V (c ΔT + ΔH), x = t / τ, τ = R_th c V. Adiabatic for
    t ≪ τ; (ΔT + ΔH / c) t / R_th for t ≫ τ. The latent heat enters as if the spot were that much
    hotter all along: an upper estimate.

    Args:
        volume: V, m³.
        heat_capacity: c, J/m³/K.
        rise: ΔT, K.
        enthalpy: ΔH, J/m³.
        resistance: R_th, K/W.
        time: t, s.
    """
    capacity = np.asarray(heat_capacity, float) * np.asarray(volume, float)
    adiabatic = capacity * np.asarray(rise, float) + np.asarray(volume, float) * np.asarray(
        enthalpy, float
    )
    tau = np.asarray(resistance, float) * capacity
    x = np.minimum(np.asarray(time, float) / tau, 1e300)
    factor = x / -np.expm1(-np.minimum(x, _LARGEST_EXPONENT))
    return ThermalSwitch(
        np.asarray(adiabatic), np.asarray(tau), np.asarray(factor), np.asarray(adiabatic * factor)
    )


def runaway_temperature(temperature: float, activation: npt.ArrayLike) -> FloatArray:
    """Temperature at which Arrhenius conduction runs away at constant voltage, K.

    The heat loss of a spot falls behind its Joule heat from T - T0 = k T² / E_a on:
    T = (E_a / 2k) [1 - √(1 - 4 k T0 / E_a)], near T0 + k T0² / E_a; infinite under E_a = 4 k T0,
    where conduction rises too slowly. Threshold switching of NbO2 near 400 K, far under its
    transition at 1081 K, is such a runaway (Slesazeck et al. 2015; Funck et al. 2016).

    Args:
        temperature: Temperature of the surroundings T0, K.
        activation: E_a, J.
    """
    scale = np.asarray(activation, float) / (2.0 * KB)
    inner = 1.0 - 2.0 * temperature / np.maximum(scale, 1e-30)
    found = scale * (1.0 - np.sqrt(np.maximum(inner, 0.0)))
    return np.asarray(np.where(inner >= 0.0, found, np.inf))


def landau_zener_field(
    gap: npt.ArrayLike, *, hop_distance: float, hopping_energy: float
) -> FloatArray:
    """Field that breaks down a Mott gap by tunnelling, E = (Δ/2)² / (2 t a q), V/m.

    After Oka, Arita and Aoki (2003); measured avalanche fields are a hundred to ten thousand times
    lower.

    Args:
        gap: Δ, J.
        hop_distance: a, m.
        hopping_energy: t, J.
    """
    return np.asarray(
        (0.5 * np.asarray(gap, float)) ** 2 / (2.0 * hopping_energy * hop_distance * Q)
    )


def spike_energy(
    capacitance: float, threshold: float, hold: float, supply: float
) -> tuple[float, float]:
    """Energy of one spike of a relaxation oscillator: in the switch, and from the supply, J.

    E_device = C (V_th² - V_h²) / 2; E_supply = C V_DD (V_th - V_h).

    Args:
        capacitance: Capacitance across the switch, F.
        threshold: Voltage at which it turns metallic, V.
        hold: Voltage at which it turns back, V.
        supply: Voltage of the supply, V.
    """
    return (
        0.5 * capacitance * (threshold**2 - hold**2),
        capacitance * supply * (threshold - hold),
    )


class InsulatorMetal:
    """Volatile threshold switch: VO2, NbO2, the nickelates.

    - nominal: floor + heat pulse + latent heat + capacitor. The pulse lasts the time of the event
      and brings the spot to its trip temperature, the lower of the transition and thermal runaway;
      the latent heat is paid once;
    - ceiling: the pulse factor times the time, all of the way to the transition itself, the latent
      heat with it, and the capacitor from the supply; times the series factor.

    The order holds by construction: the ceiling's pulse is at least as long and as hot, carries the
    latent heat always and multiplies it by its loss factor, which is at least one; C V_DD (V_th -
    V_h) times the series factor is at least C (V_th² - V_h²) / 2, as V_DD ≥ V_th > V_h.

    A runaway under the transition temperature needs no latent heat. In a nano-device the heat flows
    off during the pulse: energy follows (T_trip - T0) κ, the latent heat matters only within
    τ = R_th c V, some 10 to 100 ps.

    Whether an oxide has a transition at all is not computable from its ground state; where no
    measurement says so, `transition_score` carries the chance, and the row is not feasible.

    Not covered: switching by the field alone. Where the field of the threshold exceeds the
    Landau-Zener field, a flag says so.
    """

    name = "insulator_metal"
    title = "Insulator-metal threshold"
    requires: tuple[str, ...] = ("transition_temperature",)
    optional: tuple[str, ...] = (
        "transition_score",
        "conduction_activation_energy",
        "transition_enthalpy",
        "heat_capacity",
        "thermal_conductivity",
        "melting_temperature",
        "band_gap",
    )
    # Six measured switches, three oxides: 1.0 dex rmse. A stated prior of one decade; the volume
    # that really heats, the largest unknown, is a guess common to all materials.
    model_error = ModelError(shared=0.90, material=0.45)

    def energies(
        self, properties: Mapping[str, npt.ArrayLike], device: Device, application: str
    ) -> SwitchingEnergy:
        """Compute the energy of one event.

        Args:
            properties: Values in registry units, broadcastable to (n,) or (samples, n).
            device: The specification.
            application: `synapse`, `logic` or `neuron`.
        """
        check_application(application)
        shape = np.broadcast_shapes(*(np.shape(value) for value in properties.values()))
        part, ambient = device.threshold, device.temperature
        transition = np.asarray(properties["transition_temperature"], float)
        runaway = runaway_temperature(
            ambient,
            Q * value_or(properties, "conduction_activation_energy", DEFAULT_ACTIVATION),
        )
        trip = np.maximum(np.minimum(transition, runaway), ambient)
        last = np.maximum(transition, trip)
        heat_capacity = value_or(properties, "heat_capacity", DEFAULT_HEAT_CAPACITY)
        latent = np.maximum(value_or(properties, "transition_enthalpy", 0.0), 0.0)
        conductivity = nanoscale_conductivity(
            value_or(properties, "thermal_conductivity", DEFAULT_CONDUCTIVITY),
            part.boundary_conductivity,
        )
        resistance = thermal_resistance(
            conductivity,
            length=part.gap,
            radius=part.radius,
            outer_radius=part.outer_radius,
            surrounding_conductivity=conductivity,
        )
        volume = math.pi * part.radius**2 * part.gap

        def pulse(rise: FloatArray, enthalpy: FloatArray, time: float) -> ThermalSwitch:
            return thermal_switch(
                volume=volume,
                heat_capacity=heat_capacity,
                rise=rise,
                enthalpy=enthalpy,
                resistance=resistance,
                time=time,
            )

        heat = pulse(trip - ambient, np.zeros(()), device.switching_time)
        once = volume * np.where(runaway < transition, 0.0, latent)
        longest = pulse(last - ambient, latent, part.pulse_factor * device.switching_time)
        stored, supplied = spike_energy(
            part.capacitance, part.threshold_voltage, part.hold_voltage, part.supply_voltage
        )
        floor = floor_energy(device)
        field = part.threshold_voltage / part.gap
        electronic = landau_zener_field(
            Q * value_or(properties, "band_gap", np.nan),
            hop_distance=part.hop_distance,
            hopping_energy=Q * part.hopping_energy,
        )
        return SwitchingEnergy(
            floor_J=np.full(shape, floor),
            nominal_J=np.broadcast_to(floor + heat.total + once + stored, shape),
            ceiling_J=np.broadcast_to(
                floor + part.series_factor * (longest.total + supplied), shape
            ),
            gates=(
                gate_at_least(
                    "keeps_no_state",
                    1.0 if application == "neuron" else 0.0,
                    0.5,
                    "the spot cools within nanoseconds, the application keeps its state",
                ),
                gate_at_least(
                    "no_known_transition",
                    value_or(properties, "transition_score", np.nan),
                    0.0,
                    "no measurement shows an insulator-metal transition",
                ),
                gate_at_least(
                    "metal_at_rest",
                    transition,
                    ambient,
                    "the transition at {value:.0f} K is under the surroundings of {limit:.0f} K: "
                    "always a metal",
                ),
                gate_at_most(
                    "melting",
                    trip,
                    part.melting_fraction * value_or(properties, "melting_temperature", np.nan),
                    "the spot must reach {value:.0f} K, {limit:.0f} K is its limit",
                ),
            ),
            flags=(
                gate_at_least(
                    "metal_in_warm_chip",
                    transition,
                    device.retention_temperature,
                    "the transition at {value:.0f} K is under the {limit:.0f} K of a warm chip",
                ),
                gate_at_most(
                    "field_driven",
                    field * 1e-8,
                    electronic * 1e-8,
                    "the threshold field of {value:.2f} MV/cm is over {limit:.2f} MV/cm "
                    "(Landau-Zener): it may switch before it is hot",
                ),
            ),
            diagnostics={
                "trip_temperature_K": np.broadcast_to(trip, shape),
                "adiabatic_energy_J": np.broadcast_to(heat.adiabatic + once, shape),
                "endurance_margin": np.broadcast_to(
                    value_or(properties, "melting_temperature", np.nan) / trip, shape
                ),
                "on_off_decades": np.broadcast_to(
                    thermal_decades(
                        value_or(properties, "conduction_activation_energy", DEFAULT_ACTIVATION),
                        ambient,
                    ),
                    shape,
                ),
                "thermal_time_s": np.broadcast_to(heat.time_constant, shape),
                "switching_current_A": np.broadcast_to(
                    heat.total / device.switching_time / part.threshold_voltage, shape
                ),
            },
            model_error=self.model_error,
        )
