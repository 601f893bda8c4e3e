"""Other descriptions and relaxed copies of crystals, and structures of the bundle to make them of."""

from __future__ import annotations

from collections import Counter

import moyopy
import numpy as np
import pyarrow as pa
import pyarrow.parquet as pq

from matscreen.data import data_path
from matscreen.spacegroups import SYMPREC
from matscreen.structures import Crystal, CrystalBatch


def bundle_candidates() -> pa.Table:
    """Read every candidate of the shipped bundle."""
    files = sorted(data_path("bundle").glob("candidates*.parquet"))
    return pa.concat_tables([pq.read_table(file) for file in files])


def bundle_sample(each: int, *, seed: int = 0) -> list[Crystal]:
    """Draw a few structures of every prototype and space group of the bundle."""
    table = bundle_candidates()
    kinds = list(
        zip(table["prototype"].to_pylist(), table["spacegroup"].to_pylist(), strict=True)
    )  # fmt: skip
    batch, taken, seen = CrystalBatch.from_arrow(table), [], Counter()
    for i in np.random.default_rng(seed).permutation(len(kinds)):
        if seen[kinds[i]] < each:
            seen[kinds[i]] += 1
            taken.append(batch[int(i)])
    return taken


def described(crystal: Crystal, rng: np.random.Generator, *, noise: float = 1e-4) -> Crystal:
    """Describe a crystal anew: order, origin, basis, a doubled cell, orientation and noise, Å."""
    basis = np.eye(3, dtype=int)
    for _ in range(2):
        i, j = rng.choice(3, 2, replace=False)
        shear = np.eye(3, dtype=int)
        shear[i, j] = rng.choice([-1, 1])
        basis = shear @ basis
    size = np.ones(3, dtype=int)
    if crystal.nsites <= 20:
        size[rng.integers(3)] = rng.integers(1, 3)
    structure = crystal.to_pymatgen()
    structure.make_supercell(np.diag(size) @ basis, to_unit_cell=False)
    lattice = structure.lattice.matrix @ np.linalg.qr(rng.normal(size=(3, 3)))[0]
    order = rng.permutation(len(structure))
    moves = rng.uniform(-noise, noise, (len(structure), 3)) @ np.linalg.inv(lattice)
    coords = structure.frac_coords[order] + rng.random(3) + moves
    return Crystal(lattice, np.array(structure.atomic_numbers)[order], coords)


def operations(crystal: Crystal) -> moyopy.Operations:
    """Return the operations of a crystal's own cell, without those that a supercell breaks."""
    cell = moyopy.Cell(
        crystal.lattice.tolist(), crystal.frac_coords.tolist(), crystal.atomic_numbers.tolist()
    )
    return moyopy.MoyoDataset(cell, symprec=SYMPREC).operations


def relaxed(crystal: Crystal, rng: np.random.Generator, *, strain: float, shift: float) -> Crystal:
    """Strain the cell and shift the sites as a relaxation does: keeping the space group.

    Args:
        crystal: The crystal.
        rng: Where strain and shifts are drawn.
        strain: Largest principal strain.
        shift: Largest shift of a site that the group allows, Å.
    """
    found = operations(crystal)
    to_frac = np.linalg.inv(crystal.lattice)
    tensor, moves, counts = np.zeros((3, 3)), np.zeros((crystal.nsites, 3)), 0
    drawn, pushes = rng.uniform(-1, 1, (3, 3)), rng.normal(size=(crystal.nsites, 3))
    for rotation, translation in zip(found.rotations, found.translations, strict=True):
        turn = crystal.lattice.T @ np.array(rotation) @ to_frac.T
        tensor += turn @ (drawn + drawn.T) @ turn.T
        images = crystal.frac_coords @ np.array(rotation).T + translation
        away = images[:, None] - crystal.frac_coords
        away = np.linalg.norm((away - np.round(away)) @ crystal.lattice, axis=2)
        away[crystal.atomic_numbers[:, None] != crystal.atomic_numbers] = np.inf
        np.add.at(moves, away.argmin(axis=1), pushes @ turn.T)
        counts += 1
    moves *= _scale(np.linalg.norm(moves, axis=1).max() / counts, shift) / counts
    tensor *= _scale(np.abs(np.linalg.eigvalsh(tensor)).max(), strain)
    return Crystal(
        crystal.lattice @ (np.eye(3) + tensor),
        crystal.atomic_numbers,
        crystal.frac_coords + moves @ to_frac,
    )


def shaken(crystal: Crystal, rng: np.random.Generator, *, strain: float, shift: float) -> Crystal:
    """Scale the cell and shift every site at random by up to `shift`, Å: the group is lost."""
    moves = rng.normal(size=(crystal.nsites, 3))
    moves *= shift / np.linalg.norm(moves, axis=1).max()
    return Crystal(
        crystal.lattice * (1 + strain),
        crystal.atomic_numbers,
        crystal.frac_coords + moves @ np.linalg.inv(crystal.lattice),
    )


def _scale(size: float, wanted: float) -> float:
    return wanted / size if size > 1e-9 else 0.0
