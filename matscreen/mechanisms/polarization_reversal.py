"""Polarization reversal of a film: fields, and energies of one write.

The double well U(P) = -(a/2) P² + (b/4) P⁴ has depth dU = a Ps² / 4 and an intrinsic coercive field
Ec = (8 / 3√3) dU / Ps. Films reverse at a few per cent of it, by nucleation and wall motion, and
the faster the pulse the higher the field.
"""

from __future__ import annotations

import math
from typing import Final, NamedTuple

import numpy as np
import numpy.typing as npt

from matscreen.mechanisms.base import VACUUM_PERMITTIVITY, FloatArray

LANDAU: Final = 8.0 / (3.0 * math.sqrt(3.0))
"""Ec Ps / dU of the 2-4 double well."""
LOG10_COERCIVE_FACTOR: Final = -1.65
"""log10 of (quasi-static coercive field of a film) / (intrinsic field of its well).

Mean over films of perovskites, Aurivillius phases, hafnia and wurtzites, to 0.02. The 15 films of
`data/reference/ferroelectric_films.csv` give -1.64 with a scatter of 0.50 dex; leaving one out
gives 0.51 dex against 0.68 for a constant coercive field.
"""
CALIBRATION_THICKNESS: Final = 70e-9
"""Geometric mean thickness of those films, m."""
THICKNESS_EXPONENT: Final = 2.0 / 3.0
"""Ec ~ d^(-2/3) (Janovec 1958; Kay and Dunn 1962)."""
REFERENCE_TIME: Final = 1e-3
"""Time of the quasi-static loops, s."""
NUCLEATION_TIME: Final = 1e-12
"""Prefactor of Merz's law, s."""


class WriteEnergy(NamedTuple):
    """One write of a capacitor.

    Attributes:
        voltage: Voltage at the electrodes, V.
        polarization: Energy that reverses the polarization, J.
        dielectric: Energy lost in charging the linear dielectric, J.
        total: Their sum, J.
    """

    voltage: FloatArray
    polarization: FloatArray
    dielectric: FloatArray
    total: FloatArray


def intrinsic_coercive_field(depth: npt.ArrayLike, polarization: npt.ArrayLike) -> FloatArray:
    """Coercive field of coherent reversal, Ec = (8 / 3√3) dU / Ps, V/m.

    Args:
        depth: Well depth dU, J/m³.
        polarization: Spontaneous polarization Ps, C/m².
    """
    return np.asarray(LANDAU * np.asarray(depth, float) / np.asarray(polarization, float))


def write_field(
    coercive_field: npt.ArrayLike,
    switching_time: float,
    *,
    reference_time: float = REFERENCE_TIME,
    nucleation_time: float = NUCLEATION_TIME,
    exponent: float = 1.0,
) -> FloatArray:
    """Field that reverses half of the polarization within a time, V/m.

    Merz's law t = t0 exp[(Ea / E)^α] (Merz 1954), with Ea fixed by the coercive field of a loop
    that takes t_ref: E = Ec [ln(t_ref / t0) / ln(t / t0)]^(1/α).

    Args:
        coercive_field: Coercive field of the slow loop, V/m.
        switching_time: Time of the event, s; well over `nucleation_time`.
        reference_time: Time of the slow loop, s.
        nucleation_time: t0, s.
        exponent: α: 1 for perovskites, 2 for the creep found in hafnia.
    """
    ratio = math.log(reference_time / nucleation_time) / math.log(switching_time / nucleation_time)
    return np.asarray(np.asarray(coercive_field, float) * ratio ** (1.0 / exponent))


def field_at_thickness(
    coercive_field: npt.ArrayLike,
    reference_thickness: float,
    thickness: float,
    *,
    exponent: float = THICKNESS_EXPONENT,
) -> FloatArray:
    """Coercive field of a film of another thickness, Ec(d) = Ec_ref (d / d_ref)^(-2/3), V/m.

    Args:
        coercive_field: Field of the known film, V/m, any shape.
        reference_thickness: Its thickness, m.
        thickness: Thickness of the other film, m.
        exponent: Exponent of the thickness.
    """
    factor = (thickness / reference_thickness) ** (-exponent)
    return np.asarray(np.asarray(coercive_field, float) * factor)


def write_energy(
    polarization: npt.ArrayLike,
    voltage: npt.ArrayLike,
    permittivity: npt.ArrayLike,
    *,
    area: float,
    thickness: float,
    loss: float = 1.0,
    levels: int = 1,
) -> WriteEnergy:
    """Energy of one pulse, 2 Ps A V / N + k eps0 eps_r A V² / d.

    Every pulse charges the whole linear dielectric; only the switched charge is shared among the
    N levels.

    Args:
        polarization: Ps, C/m².
        voltage: Pulse voltage, V.
        permittivity: Relative permittivity.
        area: Electrode area, m².
        thickness: Film thickness, m.
        loss: k, the share of C V² that is lost.
        levels: N, the number of pulses for a full reversal.
    """
    volts = np.asarray(voltage, float)
    switched = 2.0 * np.asarray(polarization, float) * area * volts / levels
    charged = loss * VACUUM_PERMITTIVITY * np.asarray(permittivity, float) * area * volts**2
    charged = charged / thickness
    return WriteEnergy(volts, switched, np.asarray(charged), np.asarray(switched + charged))


def mean_field_scaling(
    temperature: npt.ArrayLike, curie_temperature: npt.ArrayLike
) -> tuple[FloatArray, FloatArray, FloatArray]:
    """Factors of Ps, dU and Ec at a temperature: x^(1/2), x², x^(3/2) with x = 1 - T / Tc.

    Second-order mean field; zero at and above the Curie temperature.

    Args:
        temperature: Temperature, K.
        curie_temperature: Curie temperature, K; a shape that fits.
    """
    safe = np.maximum(np.asarray(curie_temperature, float), 1e-9)
    x = np.clip(1.0 - np.asarray(temperature, float) / safe, 0.0, None)
    return np.sqrt(x), x**2, x**1.5
