"""A mechanism: melting a spot that freezes as a glass."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import ClassVar

import numpy as np
import numpy.typing as npt

from matscreen.mechanisms import Device, ModelError, SwitchingEnergy
from matscreen.mechanisms.base import (
    check_application,
    floor_energy,
    gate_at_least,
    value_or,
    volatile_gate,
)

DULONG_PETIT = 3e6
"""Heat capacity of most solids at high temperature, J/m³/K: the value where none is known."""


@dataclass(frozen=True)
class PhaseChange:
    """Reset of a phase-change cell: a sphere is heated to its melting point and quenched.

    - floor: what every switch pays that keeps its state (`matscreen.mechanisms.base`);
    - nominal: the floor and the heat V c (Tm - T) over the share of it that stays in the spot;
    - ceiling: the same with as much again in the access device.

    A glass lasts where it crystallises above the retention temperature; two thirds of the melting
    point is the common rule (Turnbull 1969).

    Attributes:
        radius: Radius of the molten sphere, m.
        confinement: Share of the heat that stays in it; the rest is lost to the electrodes.
    """

    radius: float = 5e-9
    confinement: float = 0.02

    name: ClassVar[str] = "phase_change"
    title: ClassVar[str] = "Phase-change memory"
    requires: ClassVar[tuple[str, ...]] = ("melting_temperature",)
    optional: ClassVar[tuple[str, ...]] = ("heat_capacity",)
    model_error: ClassVar[ModelError] = ModelError(shared=0.5, material=0.3)

    def energies(
        self, properties: Mapping[str, npt.ArrayLike], device: Device, application: str
    ) -> SwitchingEnergy:
        """Compute the energy of one event.

        Args:
            properties: Values in registry units, broadcastable to (n,) or (samples, n).
            device: The specification.
            application: `synapse`, `logic` or `neuron`.

        Raises:
            InputError: The application is unknown.
        """
        check_application(application)
        shape = np.broadcast_shapes(*(np.shape(value) for value in properties.values()))
        melting = np.asarray(properties["melting_temperature"], dtype=np.float64)
        volume = 4.0 / 3.0 * math.pi * self.radius**3
        rise = np.maximum(melting - device.temperature, 0.0)
        heat = volume * value_or(properties, "heat_capacity", DULONG_PETIT) * rise
        drive = heat / (self.confinement * device.levels(application))
        floor = floor_energy(device)
        return SwitchingEnergy(
            floor_J=np.full(shape, floor),
            nominal_J=np.broadcast_to(floor + drive, shape),
            ceiling_J=np.broadcast_to(floor + 2.0 * drive, shape),
            gates=(
                volatile_gate(application),
                gate_at_least(
                    "crystallises",
                    2.0 / 3.0 * melting,
                    device.retention_temperature,
                    "its glass crystallises at {value:.0f} K, it must last at {limit:.0f} K",
                ),
            ),
            diagnostics={"heat_J": np.broadcast_to(heat, shape)},
            model_error=self.model_error,
        )
