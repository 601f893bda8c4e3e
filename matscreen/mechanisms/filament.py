"""A heated filament: hops of its ions in a field, its temperature, and how long it stays.

The pulse heats the filament until ions cross a gap in the given time; the same barrier, at the
retention temperature and without field, keeps them in place.
"""

from __future__ import annotations

import math

import numpy as np
import numpy.typing as npt

from matscreen.mechanisms.base import BOLTZMANN as KB
from matscreen.mechanisms.base import ELEMENTARY_CHARGE as Q
from matscreen.mechanisms.base import FloatArray
from matscreen.mechanisms.geometry import FilamentGeometry


def lowered_barriers(
    barrier: npt.ArrayLike, field: npt.ArrayLike, *, charge: float, hop_distance: float
) -> tuple[FloatArray, FloatArray]:
    """Barriers of a hop along and against a field, J.

    W∓ = W [√(1 - γ²) ∓ γπ/2 + γ asin γ], γ = z q E a / (π W), after Genreith-Schriever and
    De Souza (2016); W ∓ z q a E / 2 in a small field. From γ = 1 on the forward barrier is zero.

    Args:
        barrier: Barrier without field W, J.
        field: Electric field E, V/m.
        charge: Charge number z.
        hop_distance: Hop a, m.
    """
    height = np.asarray(barrier, float)
    gamma = charge * Q * np.asarray(field, float) * hop_distance / (math.pi * height)
    gamma = np.minimum(gamma, 1.0)
    middle = np.sqrt(1.0 - gamma**2) + gamma * np.arcsin(gamma)
    tilt = 0.5 * math.pi * gamma
    return np.asarray(height * (middle - tilt)), np.asarray(height * (middle + tilt))


def switching_temperature(
    barrier: npt.ArrayLike,
    *,
    voltage: float,
    time: float,
    gap: float,
    geometry: FilamentGeometry,
    distance: float | None = None,
) -> FloatArray:
    """Temperature at which vacancies cross a distance in a time, T = W₋ / k ln(a ν0 t / L), K.

    The reverse hop is neglected: at such fields it makes T low by a few per cent.

    Args:
        barrier: Barrier without field, J.
        voltage: Voltage over the gap, V.
        time: Time, s.
        gap: Length over which the voltage falls, m.
        geometry: Hop distance, attempt frequency and charge.
        distance: Distance to cross, m; the gap when not given.
    """
    along, _ = lowered_barriers(
        barrier, voltage / gap, charge=geometry.charge, hop_distance=geometry.hop_distance
    )
    attempts = geometry.hop_distance * geometry.attempt_frequency * time / (distance or gap)
    # Fewer than e attempts for the whole way: no temperature is enough, and a gate says so.
    return np.asarray(along / (KB * math.log(max(attempts, math.e))))


def thermal_resistance(
    filament_conductivity: npt.ArrayLike,
    *,
    length: float,
    radius: float,
    outer_radius: float,
    surrounding_conductivity: npt.ArrayLike,
) -> FloatArray:
    """Thermal resistance from the middle of a heated filament to its surroundings, K/W.

    Two paths in parallel: a uniformly heated rod between metal sinks, L / (8 κ_f π r²), and the
    oxide around it, ln(r_out / r) / (2 π κ_ox L).

    Args:
        filament_conductivity: κ_f, W/m/K.
        length: L, m.
        radius: r, m.
        outer_radius: Radius at which the oxide is cold, m.
        surrounding_conductivity: κ_ox, W/m/K.
    """
    axial = 8.0 * np.asarray(filament_conductivity, float) * math.pi * radius**2 / length
    around = 2.0 * math.pi * np.asarray(surrounding_conductivity, float) * length
    return np.asarray(1.0 / (axial + around / math.log(outer_radius / radius)))


def retention_barrier(
    time: float, temperature: float, *, attempt_frequency: float, hops: float
) -> float:
    """Barrier at which vacancies need a time to diffuse over the gap, J.

    W ≥ k T ln(t ν0 (a / L)²).

    Args:
        time: Retention time, s.
        temperature: Retention temperature, K.
        attempt_frequency: ν0, 1/s.
        hops: L / a.
    """
    return KB * temperature * math.log(time * attempt_frequency / hops**2)


def retention_time(
    barrier: npt.ArrayLike, temperature: float, *, attempt_frequency: float, hops: float
) -> FloatArray:
    """Time in which vacancies diffuse over the gap, t = (L / a)² / ν0 exp(W / kT), s.

    Args:
        barrier: Barrier W of one hop, J, any shape.
        temperature: Temperature T, K.
        attempt_frequency: Attempt frequency ν0, 1/s.
        hops: Hops L / a over the gap.
    """
    exponent = np.asarray(barrier, float) / (KB * temperature)
    return np.asarray(hops**2 / attempt_frequency * np.exp(np.minimum(exponent, 690.0)))


def nanoscale_conductivity(bulk: npt.ArrayLike, boundary: float) -> FloatArray:
    """Thermal conductivity of a layer of a few nanometres, 1/κ = 1/κ_bulk + 1/κ_boundary, W/m/K.

    Args:
        bulk: Thermal conductivity of the crystal, W/m/K, any shape.
        boundary: That to which scattering at the boundaries alone would limit it, W/m/K.
    """
    return np.asarray(1.0 / (1.0 / np.asarray(bulk, float) + 1.0 / boundary))


def dilemma_decades(
    barrier: npt.ArrayLike,
    *,
    write_temperature: npt.ArrayLike,
    ambient: float,
    geometry: FilamentGeometry,
) -> FloatArray:
    """Decades between the time that a read takes to disturb a state and that of a write.

    N = log10[t(V_read) / t(V_write)] with t = L / (a ν0) exp(W₋ / kT), each at its own field and
    temperature; Joule heat goes with V². Ten years against ten nanoseconds ask for 16 and more
    (Menzel et al. 2011).

    Args:
        barrier: Barrier without field, J.
        write_temperature: Temperature of the filament while writing, K.
        ambient: Temperature of the surroundings, K.
        geometry: Voltages, gap, hop distance and charge.
    """
    exponents = []
    for voltage in (geometry.read_voltage, geometry.voltage):
        along, _ = lowered_barriers(
            barrier,
            voltage / geometry.gap,
            charge=geometry.charge,
            hop_distance=geometry.hop_distance,
        )
        rise = (np.asarray(write_temperature, float) - ambient) * (voltage / geometry.voltage) ** 2
        exponents.append(along / (KB * (ambient + rise)))
    return np.asarray((exponents[0] - exponents[1]) / math.log(10.0))
