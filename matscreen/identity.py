"""Which crystals are the same: symmetry, a continuous invariant, and assigned identifiers.

"Equal within a tolerance" is not transitive, so an identifier is assigned, not hashed: a new
crystal takes the id of the stored leader it equals, and becomes a leader when there is none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from dataclasses import dataclass, field
from functools import cache
from typing import TYPE_CHECKING, Any

import numpy as np

from matscreen.errors import StructureError
from matscreen.invariants import distance_invariant
from matscreen.structures import Crystal, CrystalBatch, FloatArray

if TYPE_CHECKING:
    import pyarrow as pa

SCHEME = "distances-1"
SYMPREC = 0.01
SAME_STRUCTURE = 0.01
SAME_MATERIAL = 0.02
_GRID = 1e-4
# Rounding edges are moved off the "nice" decimals at which tabulated distances lie.
_GRID_OFFSET = 0.3183


@dataclass(frozen=True)
class Symmetry:
    """Symmetry of a crystal at `SYMPREC` Å.

    Attributes:
        number: Space group number, 1 to 230.
        polar: Some direction is invariant under every operation, so a polarization may exist.
        centrosymmetric: The point group holds the inversion.
        n_operations: Order of the point group.
        n_orbits: Number of symmetry-distinct sites.
        n_primitive: Number of sites in the primitive cell.
    """

    number: int
    polar: bool
    centrosymmetric: bool
    n_operations: int
    n_orbits: int
    n_primitive: int


def analyze_symmetry(crystal: Crystal, *, symprec: float = SYMPREC) -> Symmetry:
    """Find the space group with moyo and what it allows.

    A point group is polar when the mean of its rotation matrices is not zero: the mean projects
    on the vectors that every operation leaves alone.

    Raises:
        StructureError: No symmetry could be determined.
    """
    import moyopy

    cell = moyopy.Cell(
        crystal.lattice.tolist(), crystal.frac_coords.tolist(), crystal.atomic_numbers.tolist()
    )
    try:
        dataset = moyopy.MoyoDataset(cell, symprec=symprec)
    except Exception as error:  # moyopy raises bare exceptions of its own
        raise StructureError("no_symmetry", f"moyopy: {error}") from error
    number = int(dataset.number)
    # The group's own operations, not the dataset's: those leave out what a supercell breaks.
    polar, centrosymmetric, order = _point_group(number)
    return Symmetry(
        number=number,
        polar=polar,
        centrosymmetric=centrosymmetric,
        n_operations=order,
        n_orbits=len(set(dataset.orbits)),
        n_primitive=len(dataset.prim_std_cell.numbers),
    )


@cache
def _point_group(number: int) -> tuple[bool, bool, int]:
    import moyopy

    rotations = np.unique(np.array(moyopy.operations_from_number(number).rotations), axis=0)
    polar = bool(np.abs(rotations.mean(axis=0)).max() > 1e-8)
    inversion = -np.eye(3, dtype=rotations.dtype)
    return polar, bool((rotations == inversion).all((1, 2)).any()), len(rotations)


@dataclass(frozen=True)
class Identity:
    """What the registry says of a crystal.

    Attributes:
        structure_id: Identifier of the leader it equals, or its own when it became one.
        material_id: Identifier of the phase: formula, space group and scaled invariant.
        spacegroup: Space group number.
        is_new: It became a leader.
    """

    structure_id: str
    material_id: str
    spacegroup: int
    is_new: bool


@dataclass
class Registry:
    """Leaders of all known crystals, grouped by formula and space group.

    Fill it from a `candidates` table with `Registry.from_candidates`, then `assign` each new
    crystal in turn.
    """

    _leaders: dict[tuple[str, int], list[tuple[FloatArray, float, str, str]]] = field(
        default_factory=dict
    )

    @classmethod
    def from_candidates(cls, candidates: pa.Table | None) -> Registry:
        """Take every row of a `candidates` table that has a structure as a leader."""
        registry = cls()
        if candidates is None:
            return registry
        for crystal, row in _rows(candidates):
            key = (crystal.formula, row["spacegroup"])
            invariant = distance_invariant(crystal)
            length = (crystal.volume / crystal.nsites) ** (1 / 3)
            material_id = row["material_id"] or row["structure_id"]
            registry._leaders.setdefault(key, []).append(
                (invariant, length, row["structure_id"], material_id)
            )
        return registry

    def assign(self, crystal: Crystal, *, spacegroup: int | None = None) -> Identity:
        """Give a crystal its identifier; an equal crystal gets the same one.

        Two crystals of one formula and space group are the same structure when no entry of
        their invariants differs by more than 0.01 Å, and the same material when no entry
        differs by more than 0.02 after division by the cube root of the volume per atom.

        Raises:
            StructureError: Its symmetry or invariant cannot be computed.
        """
        number = spacegroup if spacegroup is not None else analyze_symmetry(crystal).number
        invariant = distance_invariant(crystal)
        length = (crystal.volume / crystal.nsites) ** (1 / 3)
        leaders = self._leaders.setdefault((crystal.formula, number), [])
        # The nearest leader, not the first: a crystal between two belongs to the closer one.
        differences = [float(np.abs(invariant - leader[0]).max()) for leader in leaders]
        if differences and min(differences) < SAME_STRUCTURE:
            _, _, structure_id, material_id = leaders[int(np.argmin(differences))]
            return Identity(structure_id, material_id, number, is_new=False)
        structure_id = _hash(crystal.formula, number, invariant)
        scaled = [float(np.abs(invariant / length - x / scale).max()) for x, scale, _, _ in leaders]
        if scaled and min(scaled) < SAME_MATERIAL:
            material_id = leaders[int(np.argmin(scaled))][3]
        else:
            material_id = structure_id
        leaders.append((invariant, length, structure_id, material_id))
        return Identity(structure_id, material_id, number, is_new=True)


def structure_id(crystal: Crystal) -> str:
    """Return the identifier that a crystal gets when no leader is known."""
    return Registry().assign(crystal).structure_id


def _hash(formula: str, spacegroup: int, invariant: FloatArray) -> str:
    cells = np.floor(invariant / _GRID + _GRID_OFFSET).astype("<i8")
    digest = hashlib.sha256(f"{SCHEME}|{formula}|{spacegroup}|".encode() + cells.tobytes())
    return digest.hexdigest()[:16]


def _rows(candidates: pa.Table) -> Iterator[tuple[Crystal, dict[str, Any]]]:
    import pyarrow.compute as pc

    table = candidates.filter(pc.is_valid(candidates["lattice"]))
    batch = CrystalBatch.from_arrow(table)
    rows = table.select(["structure_id", "material_id", "spacegroup"]).to_pylist()
    return zip(batch, rows, strict=True)
