"""Ewald energy and site potentials of the formal charges of a batch."""

from __future__ import annotations

import math
from typing import Final

import numpy as np

from matscreen.compiled import compiled
from matscreen.descriptors.base import Column
from matscreen.structures import CrystalBatch, FloatArray, IntArray

COULOMB: Final = 14.399645478
"""e² / 4πε0, eV Å."""
ACCURACY: Final = 1e-11
"""Share of the leading term at which both sums end."""
_NEUTRAL = 1e-6
_OTHER_SIDE = 3  # role of the anions in `matscreen.descriptors.sites`

COLUMNS: tuple[Column, ...] = (
    ("ewald_energy_per_atom", "eV/atom"),
    ("site_potential_a_mean", "V"),
    ("site_potential_b_mean", "V"),
    ("site_potential_x_mean", "V"),
    ("site_potential_x_std", "V"),
    ("site_potential_x_max", "V"),
    ("site_potential_difference", "V"),
)


def site_potentials(batch: CrystalBatch, charges: FloatArray) -> FloatArray:
    """Compute the electrostatic potential at every site, V.

    Ewald's sum (1921) over point charges, without the site's own; converged to about 1e-10 of the
    energy. NaN where a charge of the structure is unknown or its cell is not neutral.

    Args:
        batch: The structures.
        charges: Charge of each site, e, (s,).
    """
    potentials = np.full(len(charges), np.nan)
    row = np.repeat(np.arange(len(batch)), np.diff(batch.offsets))
    total = np.bincount(row, charges, minlength=len(batch))
    size = np.maximum(np.bincount(row, np.abs(np.nan_to_num(charges)), minlength=len(batch)), 1.0)
    with np.errstate(invalid="ignore"):
        usable = np.abs(total) < _NEUTRAL * size
    _potentials(
        np.ascontiguousarray(batch.lattices, dtype=np.float64),
        np.ascontiguousarray(batch.offsets, dtype=np.int64),
        np.ascontiguousarray(batch.frac_coords - np.floor(batch.frac_coords), dtype=np.float64),
        np.ascontiguousarray(charges, dtype=np.float64),
        np.ascontiguousarray(usable),
        math.sqrt(-math.log(ACCURACY)),
        potentials,
    )
    return COULOMB * potentials


def ewald_energies(batch: CrystalBatch, charges: FloatArray) -> FloatArray:
    """Compute the electrostatic energy of each cell, E = Σ q φ / 2, eV, (n,)."""
    row = np.repeat(np.arange(len(batch)), np.diff(batch.offsets))
    own = 0.5 * charges * site_potentials(batch, charges)
    return np.asarray(np.bincount(row, own, minlength=len(batch)))


def electrostatic_features(
    batch: CrystalBatch,
    row: IntArray,
    charge: FloatArray,
    role: IntArray,
    potential: FloatArray,
) -> FloatArray:
    """Compute every descriptor of `COLUMNS`.

    Args:
        batch: The structures.
        row: Structure of each site, (s,).
        charge: Oxidation state of each site, e, (s,).
        role: Role of each site: A, B, X, (s,).
        potential: From `site_potentials`, (s,), V.

    Returns:
        Values, (n, 7).
    """
    n = len(batch)
    sites = np.bincount(row, minlength=n)

    def mean(values: FloatArray, *roles: int) -> FloatArray:
        mine = np.isin(role, roles)
        count = np.bincount(row[mine], minlength=n)
        total = np.bincount(row[mine], values[mine], minlength=n)
        return np.where(count > 0, total / np.maximum(count, 1), np.nan)

    anion = mean(potential, _OTHER_SIDE)
    highest = np.full(n, -np.inf)
    mine = (role == _OTHER_SIDE) & np.isfinite(potential)
    np.maximum.at(highest, row[mine], potential[mine])
    spread = np.sqrt(mean((potential - anion[row]) ** 2, _OTHER_SIDE))
    return np.stack(
        [
            np.bincount(row, 0.5 * charge * potential, minlength=n) / sites,
            mean(potential, 1),
            mean(potential, 2),
            anion,
            spread,
            np.where(np.isfinite(highest), highest, np.nan),
            anion - mean(potential, 1, 2),
        ],
        axis=1,
    )


@compiled
def _potentials(lattices, offsets, frac, charges, usable, reach, potentials):  # type: ignore[no-untyped-def]
    """Add both sums for every usable structure, in units of e / Å."""
    for structure in range(len(offsets) - 1):
        if not usable[structure]:
            continue
        lattice = lattices[structure]
        start, stop = offsets[structure], offsets[structure + 1]
        n = stop - start
        volume = abs(np.linalg.det(lattice))
        inverse = np.linalg.inv(lattice)
        # Equal cost of both sums, with a bias to the cheaper terms of the reciprocal one.
        alpha = np.sqrt(np.pi) * (2.0 * n / volume**2) ** (1.0 / 6.0)
        cutoff = reach / alpha
        wave = 2.0 * alpha * reach
        heights = np.empty(3)
        ranges = np.empty(3, dtype=np.int64)
        for axis in range(3):
            heights[axis] = 1.0 / np.sqrt(
                inverse[0, axis] ** 2 + inverse[1, axis] ** 2 + inverse[2, axis] ** 2
            )
            length = np.sqrt(lattice[axis, 0] ** 2 + lattice[axis, 1] ** 2 + lattice[axis, 2] ** 2)
            ranges[axis] = int(np.floor(wave * length / (2.0 * np.pi)))
        for here in range(start, stop):
            potentials[here] = -2.0 * alpha / np.sqrt(np.pi) * charges[here]
        for here in range(start, stop):
            for there in range(here, stop):
                d0 = frac[there, 0] - frac[here, 0]
                d1 = frac[there, 1] - frac[here, 1]
                d2 = frac[there, 2] - frac[here, 2]
                r0, r1, r2 = cutoff / heights[0], cutoff / heights[1], cutoff / heights[2]
                both = 0.0
                for i in range(int(np.ceil(-r0 - d0)), int(np.floor(r0 - d0)) + 1):
                    for j in range(int(np.ceil(-r1 - d1)), int(np.floor(r1 - d1)) + 1):
                        for k in range(int(np.ceil(-r2 - d2)), int(np.floor(r2 - d2)) + 1):
                            f0, f1, f2 = d0 + i, d1 + j, d2 + k
                            x = f0 * lattice[0, 0] + f1 * lattice[1, 0] + f2 * lattice[2, 0]
                            y = f0 * lattice[0, 1] + f1 * lattice[1, 1] + f2 * lattice[2, 1]
                            z = f0 * lattice[0, 2] + f1 * lattice[1, 2] + f2 * lattice[2, 2]
                            square = x * x + y * y + z * z
                            if square > cutoff * cutoff or square < 1e-12:
                                continue
                            distance = np.sqrt(square)
                            both += math.erfc(alpha * distance) / distance
                potentials[here] += charges[there] * both
                if there != here:
                    potentials[there] += charges[here] * both
        # Half of the waves: k and -k add the same. Phases by recurrence along each axis.
        m0, m1, m2 = ranges[0], ranges[1], ranges[2]
        phase = np.empty((3, n, 2 * max(m0, m1, m2) + 1), dtype=np.complex128)
        middle = max(m0, m1, m2)
        for axis in range(3):
            for s in range(n):
                angle = 2.0 * np.pi * frac[start + s, axis]
                step = complex(np.cos(angle), np.sin(angle))
                phase[axis, s, middle] = 1.0
                for m in range(1, ranges[axis] + 1):
                    phase[axis, s, middle + m] = phase[axis, s, middle + m - 1] * step
                    phase[axis, s, middle - m] = np.conj(phase[axis, s, middle + m])
        term = np.empty(n, dtype=np.complex128)
        for a in range(m0 + 1):
            for b in range(-m1 if a > 0 else 0, m1 + 1):
                for c in range(-m2 if (a > 0 or b > 0) else 1, m2 + 1):
                    k0 = 2.0 * np.pi * (inverse[0, 0] * a + inverse[0, 1] * b + inverse[0, 2] * c)
                    k1 = 2.0 * np.pi * (inverse[1, 0] * a + inverse[1, 1] * b + inverse[1, 2] * c)
                    k2 = 2.0 * np.pi * (inverse[2, 0] * a + inverse[2, 1] * b + inverse[2, 2] * c)
                    square = k0 * k0 + k1 * k1 + k2 * k2
                    if square > wave * wave:
                        continue
                    factor = complex(0.0, 0.0)
                    for s in range(n):
                        term[s] = (
                            phase[0, s, middle + a]
                            * phase[1, s, middle + b]
                            * phase[2, s, middle + c]
                        )
                        factor += charges[start + s] * term[s]
                    weight = 8.0 * np.pi / volume * np.exp(-square / (4.0 * alpha * alpha)) / square
                    for s in range(n):
                        potentials[start + s] += weight * (
                            factor.real * term[s].real + factor.imag * term[s].imag
                        )
