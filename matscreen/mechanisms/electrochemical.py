"""Electrochemical switching: ions cross an electrolyte into a channel and stay there."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from matscreen.mechanisms.base import BOLTZMANN as KB
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
    value_or,
    volatile_gate,
)
from matscreen.mechanisms.device import Device

OXYGEN_ELECTRONS: Final = 2.0
DEFAULT_OXYGEN_DENSITY: Final = 0.05
"""Oxygen per volume where no cell is known, 1/Å³: three in 60 Å³."""


class CellPulse(NamedTuple):
    """One pulse of an electrochemical cell.

    Attributes:
        charge: Charge moved, C.
        overpotential: Activation overpotential of the interface, V.
        ohmic: Voltage over the electrolyte, V.
        voltage: Sum of equilibrium, activation and ohmic voltage, V.
        energy: Charge times voltage, J.
        reversible: Charge times the equilibrium voltage, J; zero where that is negative.
    """

    charge: FloatArray
    overpotential: FloatArray
    ohmic: FloatArray
    voltage: FloatArray
    energy: FloatArray
    reversible: FloatArray


def moved_charge(
    *, ion_density: npt.ArrayLike, electrons: float, area: float, thickness: float, levels: int = 1
) -> FloatArray:
    """Charge of one event, Q = n z q A d / N, C.

    Args:
        ion_density: Ions that enter or leave per volume over the whole range n, 1/m³; Δx / V_fu
            for Δx per formula unit.
        electrons: Electrons per ion z.
        area: A, m².
        thickness: Thickness of the channel d, m.
        levels: N, the number of events of the whole range.
    """
    return np.asarray(
        np.asarray(ion_density, float) * electrons * Q * area * thickness / float(levels)
    )


def cell_pulse(
    charge: npt.ArrayLike,
    equilibrium_voltage: npt.ArrayLike,
    *,
    area: float,
    time: float,
    temperature: float,
    exchange_current: float,
    electrolyte_thickness: float,
    conductivity: float,
) -> CellPulse:
    """Voltage and energy of moving a charge within a time at constant current.

    V = V_eq + (2 k T / q) asinh(j / 2 j0) + j d_el / σ, j = Q / (A t), E = Q V: Butler-Volmer with
    symmetric transfer, and an ohmic electrolyte.

    Args:
        charge: Q, C.
        equilibrium_voltage: V_eq, V.
        area: A, m².
        time: t, s.
        temperature: T, K.
        exchange_current: j0, A/m².
        electrolyte_thickness: d_el, m.
        conductivity: σ, S/m.
    """
    moved = np.asarray(charge, float)
    rest = np.asarray(equilibrium_voltage, float)
    density = moved / (area * time)
    activation = 2.0 * KB * temperature / Q * np.arcsinh(density / (2.0 * exchange_current))
    ohmic = density * electrolyte_thickness / conductivity
    voltage = rest + activation + ohmic
    return CellPulse(
        moved,
        np.asarray(activation),
        np.asarray(ohmic),
        np.asarray(voltage),
        np.asarray(moved * voltage),
        np.asarray(moved * np.maximum(rest, 0.0)),
    )


def diffusion_time(
    thickness: float,
    barrier: npt.ArrayLike,
    temperature: float,
    *,
    hop_distance: float = 0.3e-9,
    attempt_frequency: float = 1e13,
) -> FloatArray:
    """Time in which ions spread over a thickness, t = d² / D, s.

    D = (a² ν0 / 6) exp(-E_m / k T).

    Args:
        thickness: d, m.
        barrier: Migration barrier E_m, J.
        temperature: T, K.
        hop_distance: a, m.
        attempt_frequency: ν0, 1/s.
    """
    exponent = np.minimum(np.asarray(barrier, float) / (KB * temperature), 690.0)
    slow = hop_distance**2 * attempt_frequency / 6.0
    return np.asarray(thickness**2 / slow * np.exp(exponent))


class Electrochemical:
    """Oxygen-ion electrochemical cell: an ECRAM synapse, a topotactic switch.

    The equilibrium voltage is that of the channel against the reservoir: half the vacancy formation
    energy per electron (V_O against ½ O2), or a computed oxygen insertion voltage where there is
    one. Nothing gives the reversible part of one pulse back at the next, and one of the two
    directions runs uphill: its absolute value counts.

    - nominal: floor + Q (|V_eq| + activation + ohmic voltage);
    - ceiling: the same and the charging of the electrolyte, ε V² A / d_el, times the series factor.

    The order holds by construction: every part is positive, the factor at least one. `floor_J` is
    that common to all mechanisms plus the reversible work Q |V_eq|.

    The ions must spread over the channel within the event, else the material cannot meet it
    (`diffusion_time`). Between events the cell is open and the ions stay: retention is that of the
    electrolyte. Over its window the electrolyte is no longer ohmic; nanosecond protonic devices
    run there at MV/cm and are outside the model (`outside_validity`).
    """

    name = "electrochemical"
    title = "Electrochemical insertion"
    requires: tuple[str, ...] = ("oxygen_vacancy_formation_energy", "oxygen_migration_barrier")
    optional: tuple[str, ...] = (
        "insertion_voltage",
        "migration_charge_shift",
        "band_gap",
        "oxygen_density",
    )
    # One or two measured devices, other ions: a stated prior of more than a decade. Electrolyte,
    # interface and swing, the large unknowns, are common to all materials of one specification.
    model_error = ModelError(shared=1.00, material=0.50)

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
        part, time = device.electrolyte, device.switching_time
        formation = np.asarray(properties["oxygen_vacancy_formation_energy"], float)
        rest = value_or(properties, "insertion_voltage", formation / OXYGEN_ELECTRONS)
        density = value_or(properties, "oxygen_density", DEFAULT_OXYGEN_DENSITY) * 1e30
        charge = moved_charge(
            ion_density=part.oxygen_swing * density,
            electrons=part.electrons,
            area=device.area,
            thickness=device.thickness,
            levels=device.levels(application),
        )
        pulse = cell_pulse(
            charge,
            np.abs(rest - part.reservoir_potential),
            area=device.area,
            time=time,
            temperature=device.temperature,
            exchange_current=part.exchange_current,
            electrolyte_thickness=part.thickness,
            conductivity=part.conductivity,
        )
        capacitance = VACUUM_PERMITTIVITY * part.permittivity * device.area / part.thickness
        hop = np.asarray(properties["oxygen_migration_barrier"], float)
        hop = np.maximum(hop + value_or(properties, "migration_charge_shift", 0.0), 0.05)
        spreads = diffusion_time(
            device.thickness,
            hop * Q,
            device.temperature,
            hop_distance=part.hop_distance,
            attempt_frequency=part.attempt_frequency,
        )
        floor = floor_energy(device) + pulse.reversible
        losses = pulse.energy - pulse.reversible
        charging = capacitance * pulse.voltage**2
        full = part.series_factor * (pulse.energy + charging) - pulse.reversible
        return SwitchingEnergy(
            floor_J=np.broadcast_to(floor, shape),
            nominal_J=np.broadcast_to(floor + losses, shape),
            ceiling_J=np.broadcast_to(floor + full, shape),
            gates=(
                volatile_gate(application),
                gate_at_most(
                    "diffusion_time",
                    spreads,
                    time,
                    "the ions need {value:.1e} s to cross the channel, the event lasts "
                    "{limit:.1e} s",
                ),
                gate_at_most(
                    "outside_validity",
                    pulse.voltage,
                    part.window,
                    "the cell would need {value:.3g} V, the electrolyte bears {limit:.3g} V",
                ),
                gate_at_least(
                    "reduces_by_itself",
                    formation,
                    0.0,
                    "a vacancy formation energy of {value:.2f} eV: the oxide gives off oxygen",
                ),
                gate_at_least(
                    "read_margin",
                    charge / Q,
                    device.read_electrons,
                    "one level is {value:.0f} electrons, the reader needs {limit:.0f}",
                ),
            ),
            diagnostics={
                "cell_voltage_V": np.broadcast_to(pulse.voltage, shape),
                "endurance_margin": np.broadcast_to(part.window / pulse.voltage, shape),
                "moved_charge_C": np.broadcast_to(charge, shape),
                "diffusion_time_s": np.broadcast_to(spreads, shape),
            },
            model_error=self.model_error,
        )
