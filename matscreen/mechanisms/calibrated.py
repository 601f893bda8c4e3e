"""A mechanism corrected by measured devices: moved in the logarithm, and surer of itself."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass, replace

import numpy as np
import numpy.typing as npt

from matscreen.mechanisms.base import Mechanism, ModelError, SwitchingEnergy, with_model_error
from matscreen.mechanisms.device import Device


@dataclass(frozen=True)
class Shift:
    """What measured devices say of a mechanism.

    Attributes:
        decades: Mean of log10(measured / predicted), after weighing with the prior.
        shared: Remaining error common to all materials, decades.
        material: Error of each material, decades.
        n_devices: Devices behind it.
        n_materials: Materials among them.
    """

    decades: float
    shared: float
    material: float
    n_devices: int
    n_materials: int


def weigh(error: ModelError, residuals: Mapping[str, npt.ArrayLike]) -> Shift:
    """Weigh measured devices with the stated error of a mechanism.

    Normal prior of the shared part, N(0, σ_s²); the mean residual of each material is an
    observation of it with the material part σ_m. Several devices of one material count as one:

    σ'² = 1 / (1 / σ_s² + M / σ_m²), shift = σ'² / σ_m² Σ mean residual.

    A mechanism that states no shared part stays as it is; one that states no part of the material
    is moved by all of the mean.

    Args:
        error: The stated model error.
        residuals: log10(measured / predicted) by material.
    """
    means = [float(np.mean(np.asarray(values, float))) for values in residuals.values()]
    count = sum(np.size(np.asarray(values)) for values in residuals.values())
    if not means:
        return Shift(0.0, error.shared, error.material, 0, 0)
    # The same as above, and finite where a part is zero.
    both = error.material**2 + len(means) * error.shared**2
    weight = error.shared**2 / both if both else 0.0
    return Shift(
        decades=weight * sum(means),
        shared=error.material * math.sqrt(weight),
        material=error.material,
        n_devices=count,
        n_materials=len(means),
    )


class Calibrated:
    """A mechanism whose energies over the floor are multiplied by 10^shift.

    The order floor ≤ nominal ≤ ceiling stays: a shift upwards moves the ceiling as well.
    """

    def __init__(self, mechanism: Mechanism, shift: Shift) -> None:
        self._mechanism = mechanism
        self._shift = shift
        self.name = mechanism.name
        self.title = mechanism.title
        self.requires = mechanism.requires
        self.optional = mechanism.optional
        self.model_error = ModelError(shared=shift.shared, material=shift.material)

    def energies(
        self, properties: Mapping[str, npt.ArrayLike], device: Device, application: str
    ) -> SwitchingEnergy:
        """Compute the energy of one event, see the mechanism itself."""
        found = self._mechanism.energies(properties, device, application)
        decades = self._shift.decades
        return replace(
            found,
            nominal_J=with_model_error(found.floor_J, found.nominal_J, decades),
            ceiling_J=with_model_error(found.floor_J, found.ceiling_J, max(decades, 0.0)),
            model_error=self.model_error,
        )
