"""Superconducting switching: one flux quantum passes a Josephson junction, and the cold costs."""

from __future__ import annotations

import math
from collections.abc import Mapping
from typing import Final

import numpy as np
import numpy.typing as npt

from matscreen.mechanisms.base import BOLTZMANN as KB
from matscreen.mechanisms.base import ELEMENTARY_CHARGE as Q
from matscreen.mechanisms.base import (
    FloatArray,
    ModelError,
    SwitchingEnergy,
    check_application,
    gate_at_least,
    gate_at_most,
    value_or,
)
from matscreen.mechanisms.device import Device

FLUX_QUANTUM: Final = 2.067833848e-15
"""h / 2q, Wb."""
SURROUNDINGS: Final = 300.0
"""Temperature at which the refrigerator gives off its heat, K."""
BCS_RATIO: Final = 3.528
"""2 Δ / k Tc in weak coupling (Bardeen, Cooper and Schrieffer 1957)."""


def junction_energy(critical_current: npt.ArrayLike) -> FloatArray:
    """Energy of one 2π phase slip, E = Ic Φ0, J.

    RSFQ logic spends ten to a hundred times this in its bias resistors, ERSFQ does not.

    Args:
        critical_current: Critical current Ic of the junction, A, any shape.
    """
    return np.asarray(np.asarray(critical_current, float) * FLUX_QUANTUM)


def least_critical_current(temperature: npt.ArrayLike, ratio: float) -> FloatArray:
    """Critical current that withstands thermal noise, Ic = N π k T / Φ0, A.

    From 2 E_J = Ic Φ0 / π ≥ N k T.

    Args:
        temperature: Temperature of the junction, K, any shape.
        ratio: Barrier over thermal energy, N.
    """
    return np.asarray(ratio * math.pi * KB * np.asarray(temperature, float) / FLUX_QUANTUM)


def adiabatic_energy(
    critical_current: npt.ArrayLike, intrinsic_time: float, excitation_time: float
) -> FloatArray:
    """Energy of one adiabatic quantum-flux-parametron operation, 2 Ic Φ0 τ0 / τ_x, J.

    Args:
        critical_current: Critical current Ic of the junctions, A, any shape.
        intrinsic_time: Intrinsic switching time τ0 of a junction, s.
        excitation_time: Rise time τ_x of the clock, s.
    """
    return np.asarray(2.0 * junction_energy(critical_current) * intrinsic_time / excitation_time)


def characteristic_voltage(
    critical_temperature: npt.ArrayLike, temperature: npt.ArrayLike
) -> FloatArray:
    """Product of critical current and normal resistance, (π Δ / 2q) tanh(Δ / 2kT), V.

    Ambegaokar and Baratoff (1963), with Δ = (3.528 k Tc / 2) tanh(1.74 √(Tc / T - 1)); zero at and
    above Tc. Cuprate junctions stay far under it.

    Args:
        critical_temperature: Tc, K, any shape.
        temperature: Temperature T of the junction, K; a shape that fits.
    """
    critical, cold = np.asarray(critical_temperature, float), np.asarray(temperature, float)
    opening = np.tanh(1.74 * np.sqrt(np.maximum(critical / cold - 1.0, 0.0)))
    gap = 0.5 * BCS_RATIO * KB * critical * opening
    return np.asarray(math.pi * gap / (2.0 * Q) * np.tanh(gap / (2.0 * KB * cold)))


def cooling_factor(temperature: npt.ArrayLike, efficiency: float) -> FloatArray:
    """Wall-plug energy over energy spent in the cold, 1 + (300 - T) / (η T).

    After Holmes, Ripple and Manheimer (2013); one at and above 300 K.

    Args:
        temperature: Temperature of the cold stage, K.
        efficiency: Share of the Carnot efficiency η.
    """
    cold = np.asarray(temperature, float)
    lift = np.maximum(SURROUNDINGS - cold, 0.0)
    return np.asarray(1.0 + lift / (efficiency * cold))


class Josephson:
    """Josephson junction of a single-flux-quantum circuit, at the wall plug.

    All energies are those of one junction and one 2π slip times the cooling factor; a gate has
    several junctions.

    - floor: the barrier that holds the flux for the retention time at the operating temperature,
      k T ln(t / t0), cooled;
    - nominal: Ic Φ0 with the critical current of `stability_ratio`, without static bias (ERSFQ);
    - ceiling: the same with resistive bias (RSFQ).

    The order holds by construction: Ic Φ0 = N π k T with N at least ln(t / t0), the bias factor at
    least one. Adiabatic logic spends less than the floor; it is given apart, as
    `adiabatic_energy_J`, at the wall plug and never under k T ln 2.

    At the limit of thermal stability the material cancels: a higher critical temperature saves
    little energy, it saves the refrigerator. Between a bath that is too warm and a stage that the
    refrigerator does not reach, gates decide.

    Whether an oxide superconducts is not computable from its ground state; where no measurement
    says so, `superconductivity_score` carries the chance, and the row is not feasible.
    """

    name = "josephson"
    title = "Josephson junction"
    requires: tuple[str, ...] = ("critical_temperature",)
    optional: tuple[str, ...] = ("superconductivity_score",)
    # Published junction energies are Ic Φ0 by definition, those of adiabatic gates scatter by up
    # to a decade: a stated prior. The current that a circuit needs is common to all materials.
    model_error = ModelError(shared=0.95, material=0.31)

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
        part = device.josephson
        critical = np.asarray(properties["critical_temperature"], float)
        cold = (
            np.full(critical.shape, part.operating_temperature)
            if part.operating_temperature > 0.0
            else np.maximum(part.temperature_fraction * critical, 1e-3)
        )
        hold = math.log(device.retention_time / device.attempt_time)
        current = least_critical_current(cold, max(part.stability_ratio, hold))
        cooling = cooling_factor(cold, part.cooling_efficiency)
        slip = junction_energy(current) * cooling
        floor = hold * KB * cold * cooling
        limit = junction_energy(least_critical_current(cold, part.least_stability_ratio)) * cooling
        clocked = adiabatic_energy(current, part.intrinsic_time, part.excitation_time)
        clocked = np.maximum(clocked, KB * cold * math.log(2.0)) * cooling
        product = characteristic_voltage(np.maximum(critical, 1e-3), cold)
        width = FLUX_QUANTUM / (2.0 * np.maximum(product, 1e-9))
        return SwitchingEnergy(
            floor_J=np.broadcast_to(floor, shape),
            nominal_J=np.broadcast_to(slip, shape),
            ceiling_J=np.broadcast_to(slip * part.bias_factor, shape),
            gates=(
                gate_at_most(
                    "one_bit_only",
                    1.0 if application == "synapse" else 0.0,
                    0.5,
                    "a flux quantum is a bit, a synapse has several levels",
                ),
                gate_at_least(
                    "no_known_superconductor",
                    value_or(properties, "superconductivity_score", np.nan),
                    0.0,
                    "no measurement shows superconductivity",
                ),
                gate_at_most(
                    "above_critical",
                    cold,
                    critical * 0.9,
                    "the junction at {value:.1f} K is over 0.9 of its critical temperature, "
                    "{limit:.1f} K",
                ),
                gate_at_least(
                    "too_cold",
                    cold,
                    part.lowest_temperature,
                    "it must work at {value:.2f} K, the refrigerator ends at {limit:.1f} K",
                ),
                gate_at_most(
                    "pulse_time",
                    width,
                    device.switching_time,
                    "a flux quantum takes {value:.1e} s, the event lasts {limit:.1e} s",
                ),
            ),
            flags=(
                gate_at_least(
                    "kept_only_cold",
                    0.0 if application == "logic" else 1.0,
                    0.5,
                    "the state lasts only while the junction is cold",
                ),
            ),
            diagnostics={
                "operating_temperature_K": np.broadcast_to(cold, shape),
                "critical_current_A": np.broadcast_to(current, shape),
                "cooling_factor": np.broadcast_to(cooling, shape),
                "thermal_limit_J": np.broadcast_to(limit, shape),
                "adiabatic_energy_J": np.broadcast_to(clocked, shape),
                "pulse_width_s": np.broadcast_to(width, shape),
            },
            model_error=self.model_error,
        )
