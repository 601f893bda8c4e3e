"""Crystals to check with, the same crystals in other settings, and arrays that are no crystal."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Final

import numpy as np

from matscreen.structures import Crystal, CrystalBatch, FloatArray

Transform = Callable[[Crystal, np.random.Generator], Crystal]
"""Gives the same crystal in another setting."""

_THIRD: Final = 1.0 / 3.0


def sample_crystals() -> dict[str, Crystal]:
    """Return small crystals of several structure types; one of them is a metal.

    Returns:
        Crystals by name: formula and structure type.

    Examples:
        >>> crystals = sample_crystals()
        >>> crystals["PbTiO3 tetragonal"].formula, crystals["TiO2 rutile"].nsites
        ('PbTiO3', 6)
    """
    u = 0.305
    return {
        "SrTiO3 cubic": _crystal(np.eye(3) * 3.905, [38, 22, 8, 8, 8], _PEROVSKITE),
        "PbTiO3 tetragonal": _crystal(
            np.diag([3.90, 3.90, 4.15]),
            [82, 22, 8, 8, 8],
            [[0, 0, 0], [0.5, 0.5, 0.54], [0.5, 0.5, 0.11], [0.5, 0, 0.62], [0, 0.5, 0.62]],
        ),
        "MgO rock salt": _crystal(_fcc(4.21), [12, 8], [[0, 0, 0], [0.5, 0.5, 0.5]]),
        "CeO2 fluorite": _crystal(_fcc(5.41), [58, 8, 8], [[0, 0, 0], [0.25] * 3, [0.75] * 3]),
        "TiO2 rutile": _crystal(
            np.diag([4.594, 4.594, 2.959]),
            [22, 22, 8, 8, 8, 8],
            [
                [0, 0, 0],
                [0.5, 0.5, 0.5],
                [u, u, 0],
                [-u, -u, 0],
                [0.5 + u, 0.5 - u, 0.5],
                [0.5 - u, 0.5 + u, 0.5],
            ],
        ),
        "ZnO wurtzite": _crystal(
            _hexagonal(3.25, 5.207),
            [30, 30, 8, 8],
            [
                [_THIRD, 2 * _THIRD, 0],
                [2 * _THIRD, _THIRD, 0.5],
                [_THIRD, 2 * _THIRD, 0.382],
                [2 * _THIRD, _THIRD, 0.882],
            ],
        ),
        "Cu": _crystal(_fcc(3.61), [29], [[0, 0, 0]]),
    }


def permuted(crystal: Crystal, rng: np.random.Generator) -> Crystal:
    """Return the crystal with its sites in another order."""
    order = rng.permutation(crystal.nsites)
    if np.array_equal(order, np.arange(crystal.nsites)):
        order = np.roll(order, 1)
    return Crystal(crystal.lattice, crystal.atomic_numbers[order], crystal.frac_coords[order])


def shifted(crystal: Crystal, rng: np.random.Generator) -> Crystal:
    """Return the crystal about another origin."""
    return Crystal(crystal.lattice, crystal.atomic_numbers, crystal.frac_coords + rng.random(3))


def rotated(crystal: Crystal, rng: np.random.Generator) -> Crystal:
    """Return the crystal turned in space."""
    turn, upper = np.linalg.qr(rng.normal(size=(3, 3)))
    turn = turn * np.sign(np.diag(upper))
    turn[0] *= np.linalg.det(turn)  # a rotation, not a mirror
    return Crystal(crystal.lattice @ turn, crystal.atomic_numbers, crystal.frac_coords)


def other_basis(crystal: Crystal, rng: np.random.Generator) -> Crystal:
    """Return the crystal with other vectors of the same lattice."""
    del rng
    return supercell(crystal, [[1, 1, 0], [0, 1, 0], [0, 1, 1]])


def doubled(crystal: Crystal, rng: np.random.Generator) -> Crystal:
    """Return the crystal in a cell of twice the volume, along a random vector of the lattice."""
    matrix = np.eye(3, dtype=int)
    matrix[axis := int(rng.integers(3))] *= 2
    matrix[axis, (axis + 1) % 3] = 1
    return supercell(crystal, matrix)


TRANSFORMS: Final[Mapping[str, Transform]] = {
    "permutation": permuted,
    "origin": shifted,
    "rotation": rotated,
    "basis": other_basis,
    "supercell": doubled,
}
"""Every way in which one crystal can be written, by name."""


def supercell(crystal: Crystal, matrix: object) -> Crystal:
    """Return the crystal in the cell whose vectors are integer sums of its own.

    Args:
        crystal: The crystal.
        matrix: Integers, (3, 3); a determinant of one gives another cell of the same size.

    Examples:
        >>> salt = sample_crystals()["MgO rock salt"]
        >>> supercell(salt, [[2, 0, 0], [0, 1, 0], [0, 0, 1]]).nsites
        4
    """
    whole = np.asarray(matrix, dtype=np.float64)
    inverse = np.linalg.inv(whole)
    reach = int(np.abs(whole).sum(axis=0).max()) + 1
    steps = np.arange(-reach, reach + 1)
    points = np.stack(np.meshgrid(steps, steps, steps, indexing="ij"), axis=-1).reshape(-1, 3)
    inside = points @ inverse
    shifts = inside[((inside > -1e-9) & (inside < 1 - 1e-9)).all(axis=1)]
    coords = ((crystal.frac_coords @ inverse)[:, None] + shifts).reshape(-1, 3)
    numbers = np.repeat(crystal.atomic_numbers, len(shifts))
    return Crystal(whole @ crystal.lattice, numbers, coords)


def batch_with_bad_rows(good: Crystal) -> tuple[CrystalBatch, dict[int, str]]:
    """Put arrays that no `Crystal` accepts between good rows.

    Args:
        good: The crystal of the good rows, the first and the last.

    Returns:
        The batch, and what is wrong with each of its bad rows.
    """
    flat = good.lattice.copy()
    flat[2] = flat[1]
    undefined = good.frac_coords.copy()
    undefined[0, 0] = np.nan
    alien = good.atomic_numbers.copy()
    alien[0] = 120
    rows: list[tuple[str | None, FloatArray, object, FloatArray]] = [
        (None, good.lattice, good.atomic_numbers, good.frac_coords),
        ("a flat cell", flat, good.atomic_numbers, good.frac_coords),
        ("a coordinate that is NaN", good.lattice, good.atomic_numbers, undefined),
        ("an atomic number of 120", good.lattice, alien, good.frac_coords),
        ("no site", good.lattice, good.atomic_numbers[:0], good.frac_coords[:0]),
        (None, good.lattice, good.atomic_numbers, good.frac_coords),
    ]
    numbers = [np.asarray(row[2], dtype=np.int64) for row in rows]
    batch = CrystalBatch(
        np.stack([row[1] for row in rows]),
        np.concatenate(numbers),
        np.concatenate([row[3] for row in rows]),
        np.concatenate([[0], np.cumsum([len(each) for each in numbers])]).astype(np.int64),
        [f"row {index}" for index in range(len(rows))],
    )
    return batch, {index: row[0] for index, row in enumerate(rows) if row[0] is not None}


_PEROVSKITE: Final = [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]


def _crystal(lattice: object, numbers: list[int], coords: object) -> Crystal:
    return Crystal(np.asarray(lattice, float), np.array(numbers), np.asarray(coords, float))


def _fcc(edge: float) -> FloatArray:
    return np.array([[0.0, 1.0, 1.0], [1.0, 0.0, 1.0], [1.0, 1.0, 0.0]]) * edge / 2


def _hexagonal(a: float, c: float) -> FloatArray:
    return np.array([[a, 0.0, 0.0], [-a / 2, a * np.sqrt(0.75), 0.0], [0.0, 0.0, c]])
