"""Supercells of a disordered crystal, and which of their sites symmetry makes equal."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np

from matscreen.structures import FloatArray, IntArray


@dataclass(frozen=True, eq=False)
class Parent:
    """A primitive cell of sites of several kinds, with its symmetry.

    Attributes:
        lattice: Lattice vectors as rows, (3, 3), Å.
        frac_coords: Fractional coordinates, (n, 3).
        kinds: Kind of each site, (n,).
        rotations: Of the space group, in the basis of the lattice, (g, 3, 3).
        translations: Of the same operations, (g, 3).
    """

    lattice: FloatArray
    frac_coords: FloatArray
    kinds: IntArray
    rotations: IntArray
    translations: FloatArray


@dataclass(frozen=True, eq=False)
class Supercell:
    """A supercell of a parent.

    Attributes:
        lattice: Lattice vectors as rows, (3, 3), Å.
        frac_coords: Fractional coordinates, (n, 3).
        kinds: Kind of each site, (n,).
        permutations: Where each symmetry operation takes each site, (g, n).
    """

    lattice: FloatArray
    frac_coords: FloatArray
    kinds: IntArray
    permutations: IntArray


def primitive_parent(
    lattice: FloatArray, frac_coords: FloatArray, kinds: IntArray, *, symprec: float
) -> Parent:
    """Find the primitive cell and the symmetry; the cell as it is where that fails."""
    import moyopy

    try:
        cell = moyopy.Cell(lattice.tolist(), frac_coords.tolist(), kinds.tolist())
        primitive = moyopy.MoyoDataset(cell, symprec=symprec).prim_std_cell
        operations = moyopy.MoyoDataset(primitive, symprec=symprec).operations
    except Exception:  # moyopy raises bare exceptions; sites on each other have no symmetry
        eye = np.eye(3, dtype=np.int64)[None]
        return Parent(lattice, frac_coords, kinds, eye, np.zeros((1, 3)))
    return Parent(
        np.array(primitive.basis),
        np.array(primitive.positions),
        np.array(primitive.numbers, dtype=np.int64),
        np.array(operations.rotations, dtype=np.int64),
        np.array(operations.translations, dtype=np.float64),
    )


def supercells(parent: Parent, size: int) -> Iterator[Supercell]:
    """Yield the distinct supercells of one size.

    Superlattices are the Hermite normal forms of that determinant, one of each set that the
    rotations of the parent take into each other (Hart and Forcade 2008).
    """
    seen: set[frozenset[tuple[int, ...]]] = set()
    for form in _hermite_forms(size):
        images = {_points(form @ rotation.T, size) for rotation in parent.rotations}
        if seen.isdisjoint(images):
            seen |= images
            yield _supercell(parent, form, size)


def _hermite_forms(size: int) -> Iterator[IntArray]:
    for a in range(1, size + 1):
        for c in range(1, size // a + 1):
            if size % (a * c):
                continue
            f = size // (a * c)
            for b in range(c):
                for d in range(f):
                    for e in range(f):
                        yield np.array([[a, b, d], [0, c, e], [0, 0, f]])


def _points(rows: IntArray, size: int) -> frozenset[tuple[int, ...]]:
    """Name a superlattice by its points modulo `size`, which determine it."""
    counts = np.stack(np.meshgrid(*[np.arange(size)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    return frozenset(map(tuple, np.unique((counts @ rows) % size, axis=0).tolist()))


def _supercell(parent: Parent, form: IntArray, size: int) -> Supercell:
    inverse = np.linalg.inv(form)
    grid = np.stack(np.meshgrid(*[np.arange(size)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    # Points of the parent lattice, one of each class modulo the superlattice.
    inside = (grid @ inverse + 1e-9) % 1.0
    _, first = np.unique(np.round(inside, 6), axis=0, return_index=True)
    offsets = grid[np.sort(first)]
    places = (parent.frac_coords[None] + offsets[:, None]).reshape(-1, 3)
    kinds = np.tile(parent.kinds, len(offsets))
    permutations = []
    lattice = form @ parent.lattice
    for rotation, translation in zip(parent.rotations, parent.translations, strict=True):
        turned = form @ rotation.T @ inverse
        if np.abs(turned - np.round(turned)).max() > 1e-6:
            continue  # this operation leads to another superlattice
        moved = places @ rotation.T + translation
        for offset in offsets:
            difference = (moved + offset)[:, None] @ inverse - (places @ inverse)[None]
            difference -= np.round(difference)
            distance = np.linalg.norm(difference @ lattice, axis=2)
            permutations.append(np.argmin(distance, axis=1))
    return Supercell(lattice, (places @ inverse) % 1.0, kinds, np.array(permutations))
