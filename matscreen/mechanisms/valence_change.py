"""Valence-change switching: oxygen vacancies cross a gap in a conducting filament.

The pulse heats the filament until vacancies cross in the given time; the same barrier, at the
retention temperature and without field, keeps them in place.
"""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from matscreen.mechanisms.base import ELEMENTARY_CHARGE as Q
from matscreen.mechanisms.base import (
    VACUUM_PERMITTIVITY,
    FloatArray,
    ModelError,
    SwitchingEnergy,
    check_application,
    floor_energy,
    gate_at_least,
    gate_at_most,
    thermal_decades,
    value_or,
    volatile_gate,
)
from matscreen.mechanisms.device import Device
from matscreen.mechanisms.filament import (
    dilemma_decades,
    nanoscale_conductivity,
    retention_barrier,
    retention_time,
    switching_temperature,
    thermal_resistance,
)

DEFAULT_BINDING: Final = 0.70
"""Vacancy binding energy where nothing is known, eV; see `matscreen.priors`."""
DEFAULT_CONDUCTIVITY: Final = 5.0
DEFAULT_PERMITTIVITY: Final = 25.0
HARD_TO_FORM: Final = 7.5
"""Vacancy formation energy above which forming the filament is doubtful, eV."""


class ValenceChange:
    """Filamentary valence-change memristor.

    One barrier rules both ends: W = W_mig + W_charge + W_bind, the hop of an isolated vacancy as
    computed, its shift with the charge state, and what holds a switched vacancy in its cluster or
    at the electrode. Without binding, hop barriers of 0.6 to 0.8 eV lose the state within seconds
    at 358 K; with W_mig alone for writing and W for keeping, a material would look fast and
    permanent at once.

    - nominal: floor + P t + ionic work + C V², P = (T_sw - T0) / R_th: the power that brings the
      filament to the temperature at which vacancies cross in the time of the event;
    - ceiling: the same over the whole gap, times the pulse factor (the slow tail of the cells) and
      the series factor (selector and series resistance at the supply).

    The order holds by construction: both factors are at least one, the whole gap is at least the
    distance of one event so that it needs at least the same temperature, and nothing is negative.

    A synapse moves the tip by one hop plus 1/N of the rest of the gap. The pulse still has to heat
    the filament: one level costs nearly what a full reversal costs.

    The surroundings and the filament have the same lattice conductivity, limited by its size.
    Out of domain: switching at a whole interface, and metal filaments.
    """

    name = "valence_change"
    title = "Valence change in a filament"
    requires: tuple[str, ...] = ("oxygen_migration_barrier",)
    optional: tuple[str, ...] = (
        "migration_charge_shift",
        "vacancy_binding_energy",
        "thermal_conductivity",
        "melting_temperature",
        "relative_permittivity",
        "band_gap",
        "oxygen_vacancy_formation_energy",
    )
    # 1.1 dex rmse on 16 devices. Radius (0.42 dex), voltage division and conductivity of the
    # filament are one guess for all materials on the common specification, and a material-free
    # model does as well: most of the error is shared. The rest is what barrier errors of 0.25 eV
    # do, 0.4 dex.
    model_error = ModelError(shared=1.00, material=0.45)

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
        part, time, ambient = device.filament, device.switching_time, device.temperature
        distance = event_distance(device, application)
        hop = np.asarray(properties["oxygen_migration_barrier"], float)
        hop = np.maximum(hop + value_or(properties, "migration_charge_shift", 0.0), 0.05)
        held = hop + value_or(properties, "vacancy_binding_energy", DEFAULT_BINDING)
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

        def heat(length: float) -> tuple[FloatArray, FloatArray]:
            hot = switching_temperature(
                held * Q,
                voltage=part.voltage,
                time=time,
                gap=part.gap,
                geometry=part,
                distance=length,
            )
            # A barrier that the field alone removes needs no heat.
            hot = np.maximum(hot, ambient)
            return hot, (hot - ambient) / resistance

        temperature, power = heat(distance)
        _, full_power = heat(part.gap)
        ions = part.charge * Q * part.vacancy_density * math.pi * part.radius**2 * part.voltage
        capacitance = VACUUM_PERMITTIVITY * device.area / device.thickness
        charging = (
            capacitance
            * part.voltage**2
            * value_or(properties, "relative_permittivity", DEFAULT_PERMITTIVITY)
        )
        nominal = power * time + ions * distance + charging
        overhead = part.pulse_factor * part.series_factor
        ceiling = (full_power * time + ions * part.gap + charging) * overhead
        floor = floor_energy(device)
        hops = part.gap / part.hop_distance
        needed = retention_barrier(
            device.retention_time,
            device.retention_temperature,
            attempt_frequency=part.attempt_frequency,
            hops=hops,
        )
        formation = value_or(properties, "oxygen_vacancy_formation_energy", np.nan)
        lasts = retention_time(
            held * Q,
            device.retention_temperature,
            attempt_frequency=part.attempt_frequency,
            hops=hops,
        )
        return SwitchingEnergy(
            floor_J=np.full(shape, floor),
            nominal_J=np.broadcast_to(floor + nominal, shape),
            ceiling_J=np.broadcast_to(floor + ceiling, shape),
            gates=(
                volatile_gate(application),
                gate_at_least(
                    "metal",
                    value_or(properties, "band_gap", np.nan),
                    device.minimum_band_gap,
                    "a gap of {value:.2f} eV leaves no insulating state, {limit:.2f} eV are needed",
                ),
                gate_at_least(
                    "reduces_by_itself",
                    formation,
                    0.0,
                    "a vacancy formation energy of {value:.2f} eV: the oxide gives off oxygen",
                ),
                gate_at_least(
                    "too_fast",
                    part.hop_distance * part.attempt_frequency * time / distance,
                    math.e,
                    "{value:.1g} attempts in the time of the event, {limit:.1f} are needed",
                ),
                gate_at_least(
                    "retention",
                    held,
                    needed / Q,
                    "a barrier of {value:.2f} eV does not hold the vacancies, {limit:.2f} eV do",
                ),
                gate_at_most(
                    "melting",
                    temperature,
                    part.melting_fraction * value_or(properties, "melting_temperature", np.nan),
                    "the filament must reach {value:.0f} K, {limit:.0f} K is its limit",
                ),
            ),
            flags=(
                gate_at_least(
                    "needs_binding",
                    hop,
                    needed / Q,
                    "the bare hop of {value:.2f} eV alone keeps no state, {limit:.2f} eV would",
                ),
                gate_at_most(
                    "hard_to_form",
                    formation,
                    HARD_TO_FORM,
                    "a vacancy costs {value:.1f} eV, over {limit:.1f} eV",
                ),
            ),
            diagnostics={
                "switching_temperature_K": np.broadcast_to(temperature, shape),
                "switching_current_A": np.broadcast_to(power / part.voltage, shape),
                "retention_time_s": np.broadcast_to(lasts, shape),
                "endurance_margin": np.broadcast_to(
                    value_or(properties, "melting_temperature", np.nan) / temperature, shape
                ),
                "on_off_decades": np.broadcast_to(
                    thermal_decades(value_or(properties, "band_gap", np.nan) / 2.0, ambient), shape
                ),
                "voltage_time_decades": np.broadcast_to(
                    dilemma_decades(
                        held * Q, write_temperature=temperature, ambient=ambient, geometry=part
                    ),
                    shape,
                ),
            },
            model_error=self.model_error,
        )


def event_distance(device: Device, application: str) -> float:
    """Distance that the filament tip moves in one event: one hop plus 1/N of the rest, m."""
    part = device.filament
    return part.hop_distance + (part.gap - part.hop_distance) / device.levels(application)
