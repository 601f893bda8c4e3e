"""Heat in a crystal from its elastic moduli: sound, Debye temperature, heat capacity, conduction.

Pure functions in SI units unless a name says otherwise. All of them see the acoustic branches
only; what that costs in accuracy is measured by `tests/benchmarks/bench_labels.py`.
"""

from __future__ import annotations

import numpy as np

HBAR = 1.054571817e-34
"""Reduced Planck constant, J s (CODATA 2018, exact)."""
K_B = 1.380649e-23
"""Boltzmann constant, J/K (CODATA 2018, exact)."""
AMU = 1.66053906660e-27
"""Atomic mass constant, kg (CODATA 2018)."""


def sound_velocities(bulk: float, shear: float, density: float) -> tuple[float, float]:
    """Return the longitudinal and transverse sound velocities of an isotropic solid, m/s.

    v_l = √((K + 4 G / 3) / ρ), v_t = √(G / ρ).

    Args:
        bulk: Bulk modulus K, Pa.
        shear: Shear modulus G, Pa.
        density: Mass density ρ, kg/m³.
    """
    return float(np.sqrt((bulk + 4.0 * shear / 3.0) / density)), float(np.sqrt(shear / density))


def mean_velocity(longitudinal: float, transverse: float) -> float:
    """Return the velocity that the Debye model needs, m/s.

    3 / v_m³ = 1 / v_l³ + 2 / v_t³ (Anderson, J. Phys. Chem. Solids 24, 909, 1963).
    """
    return float(((1.0 / longitudinal**3 + 2.0 / transverse**3) / 3.0) ** (-1.0 / 3.0))


def debye_temperature(velocity: float, number_density: float) -> float:
    """Return θ_D = ħ v_m (6 π² N / V)^(1/3) / k_B, K (Anderson 1963).

    Args:
        velocity: Mean sound velocity, m/s.
        number_density: Atoms per volume N / V, 1/m³.
    """
    return float(HBAR * velocity * (6.0 * np.pi**2 * number_density) ** (1.0 / 3.0) / K_B)


def debye_heat_capacity(debye: float, temperature: float, number_density: float) -> float:
    """Return the heat capacity at constant volume in the Debye model, J/m³/K.

    C_v = 9 (N / V) k_B (T / θ)³ ∫₀^(θ/T) x⁴ eˣ / (eˣ - 1)² dx; 3 k_B per atom far above θ.

    Args:
        debye: Debye temperature θ, K.
        temperature: T, K.
        number_density: Atoms per volume N / V, 1/m³.
    """
    from scipy.integrate import quad

    top = debye / temperature
    # x⁴ eˣ / (eˣ - 1)² written with sinh, which does not overflow for cold crystals.
    integral, _ = quad(lambda x: x**4 / (4.0 * np.sinh(x / 2.0) ** 2), 0.0, min(top, 200.0))
    return float(9.0 * number_density * K_B * integral / top**3)


def poisson_ratio(bulk: float, shear: float) -> float:
    """Return ν = (3 K - 2 G) / (2 (3 K + G)); any one unit for both moduli."""
    return (3.0 * bulk - 2.0 * shear) / (2.0 * (3.0 * bulk + shear))


def gruneisen_parameter(poisson: float) -> float:
    """Return the acoustic Grüneisen parameter γ = (3 / 2) (1 + ν) / (2 - 3 ν).

    Belomestnykh and Tesleva, Tech. Phys. 49, 1098 (2004).
    """
    return 1.5 * (1.0 + poisson) / (2.0 - 3.0 * poisson)


def slack_conductivity(
    debye: float,
    *,
    mean_mass: float,
    volume_per_atom: float,
    n_atoms: int,
    gruneisen: float,
    temperature: float = 300.0,
) -> float:
    """Return the lattice thermal conductivity of a pure crystal by Slack's relation, W/m/K.

    κ = A M θ_a³ δ n^(1/3) / (γ² T) with the acoustic Debye temperature θ_a = θ_D n^(-1/3), which is
    the same as A M θ_D³ δ / (γ² n^(2/3) T), and A = 2.43e-6 / (1 - 0.514 / γ + 0.228 / γ²) (Slack,
    Solid State Phys. 34, 1, 1979; Morelli and Slack in High Thermal Conductivity Materials, 2006).
    Umklapp scattering of acoustic phonons only, so it holds near and above θ_a; no optical,
    boundary or defect term.

    Args:
        debye: Debye temperature of all modes θ_D, K.
        mean_mass: Mean atomic mass M, u.
        volume_per_atom: δ³, Å³.
        n_atoms: Atoms in the primitive cell n.
        gruneisen: Grüneisen parameter γ.
        temperature: T, K.
    """
    acoustic = debye * n_atoms ** (-1.0 / 3.0)
    prefactor = 2.43e-6 / (1.0 - 0.514 / gruneisen + 0.228 / gruneisen**2)
    edge = volume_per_atom ** (1.0 / 3.0)
    cell_edge = edge * n_atoms ** (1.0 / 3.0)
    return float(prefactor * mean_mass * acoustic**3 * cell_edge / (gruneisen**2 * temperature))
