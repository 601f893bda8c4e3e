"""A mechanism whose diagnostics must reach asked values."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace

import numpy.typing as npt

from matscreen.mechanisms.base import Mechanism, SwitchingEnergy, gate_at_least
from matscreen.mechanisms.device import Device


class Bounded:
    """A mechanism with one more gate for each diagnostic that has a smallest allowed value."""

    def __init__(self, mechanism: Mechanism, least: Mapping[str, float]) -> None:
        self._mechanism = mechanism
        self._least = dict(least)
        self.name = mechanism.name
        self.title = mechanism.title
        self.requires = mechanism.requires
        self.optional = mechanism.optional
        self.model_error = mechanism.model_error

    def energies(
        self, properties: Mapping[str, npt.ArrayLike], device: Device, application: str
    ) -> SwitchingEnergy:
        """Compute the energy of one event, see the mechanism itself."""
        found = self._mechanism.energies(properties, device, application)
        gates = tuple(
            gate_at_least(
                f"low_{name}",
                found.diagnostics[name],
                limit,
                f"{name.replace('_', ' ')} of {{value:.2g}}, {{limit:.2g}} are asked",
            )
            for name, limit in self._least.items()
            if name in found.diagnostics
        )
        return replace(found, gates=(*found.gates, *gates))
