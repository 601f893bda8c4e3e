"""The space in which a property is modelled: linear, or log10 where decades are natural."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt

from matscreen.properties import get_property
from matscreen.structures import FloatArray

_LN10 = float(np.log(10.0))


@dataclass(frozen=True)
class Space:
    """Transform of one property and its physical bounds.

    Attributes:
        lower: Smallest physical value, in the unit of the property.
        upper: Largest physical value.
        log: Whether the model works on log10 of the value.
    """

    lower: float
    upper: float
    log: bool

    @classmethod
    def of(cls, name: str) -> Space:
        """Return the space of a registry property.

        Raises:
            InputError: The name is not in the registry.
        """
        entry = get_property(name)
        return cls(entry.lower, entry.upper, entry.scale == "log")

    def allows(self, values: FloatArray) -> npt.NDArray[np.bool_]:
        """Say which values are finite and within the bounds."""
        return np.isfinite(values) & (values >= self.lower) & (values <= self.upper)

    def forward(self, values: FloatArray) -> FloatArray:
        """Return values in the space of the model."""
        return np.log10(values) if self.log else values

    def backward(self, values: FloatArray) -> FloatArray:
        """Return values of the model in the unit of the property, within its bounds."""
        # The bound is applied twice: 10 ** log10(bound) may miss it by one rounding.
        clipped = self.clip(values)
        return np.clip(np.power(10.0, clipped) if self.log else clipped, self.lower, self.upper)

    def clip(self, values: FloatArray) -> FloatArray:
        """Return values of the model within the physical bounds."""
        ends = self.forward(np.array([self.lower, self.upper]))
        return np.clip(values, ends[0], ends[1])

    def noise(self, values: FloatArray, std: FloatArray) -> FloatArray:
        """Return standard deviations in the space of the model; unknown ones become zero."""
        known = np.where(np.isfinite(std) & (std > 0.0), std, 0.0)
        return np.asarray(known / (values * _LN10) if self.log else known, dtype=np.float64)

    def interval(
        self, center: FloatArray, half: FloatArray
    ) -> tuple[FloatArray, FloatArray, FloatArray]:
        """Return value, lower and upper end in the unit of the property, within its bounds."""
        return (
            self.backward(center),
            self.backward(center - half),
            self.backward(center + half),
        )
