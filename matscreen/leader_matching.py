"""Comparison of a crystal with the leaders of its formula; the rule is told by `Registry`."""

from __future__ import annotations

import hashlib
from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final

import numpy as np

from matscreen.fingerprints import Fingerprint, Float32Array
from matscreen.structures import FloatArray

SCHEME: Final = "distances-1"
SAME_STRUCTURE: Final = 0.01
"""Largest difference of two invariants of one structure, Å."""
SAME_MATERIAL: Final = 0.04
"""Largest relative difference of two invariants of one material, after scaling to one volume."""
_GRID = 1e-4
# Rounding edges are moved off the "nice" decimals at which tabulated distances lie.
_GRID_OFFSET = 0.3183


@dataclass(frozen=True, eq=False, slots=True)
class Leader:
    """A crystal that stands for all that equal it.

    Attributes:
        structure_id: Its identifier.
        material_id: Structure id of the first leader of its phase.
        formula: Reduced formula.
        spacegroup: Space group number.
        primitive_nsites: Sites in its primitive cell.
        phase_spacegroup: Space group of its phase.
        phase_nsites: Sites in the primitive cell of its phase.
        length: Cube root of the volume per atom, Å.
        invariant: Its distance invariant in single precision, as it is stored, Å.
    """

    structure_id: str
    material_id: str
    formula: str
    spacegroup: int
    primitive_nsites: int
    phase_spacegroup: int
    phase_nsites: int
    length: float
    invariant: Float32Array

    @classmethod
    def of(cls, print_: Fingerprint, structure_id: str, material_id: str) -> Leader:
        """Make a leader of a fingerprint."""
        return cls(
            structure_id,
            material_id,
            print_.formula,
            print_.spacegroup,
            print_.primitive_nsites,
            print_.phase_spacegroup,
            print_.phase_nsites,
            print_.length,
            print_.invariant.astype(np.float32),
        )


def leader_id(formula: str, spacegroup: int, invariant: FloatArray) -> str:
    """Return the identifier of a new leader, 16 hexadecimal digits of a hash."""
    cells = np.floor(invariant / _GRID + _GRID_OFFSET).astype("<i8")
    digest = hashlib.sha256(f"{SCHEME}|{formula}|{spacegroup}|".encode() + cells.tobytes())
    return digest.hexdigest()[:16]


class _Rows:
    """Invariants of some leaders in one array that grows."""

    def __init__(self) -> None:
        self._values: Float32Array = np.empty((0, 0), np.float32)
        self._leaders: list[Leader] = []

    def add(self, row: Float32Array, leader: Leader) -> None:
        count = len(self._leaders)
        if count == len(self._values):
            larger = np.empty((max(1, 2 * count), len(row)), np.float32)
            if count:
                larger[:count] = self._values
            self._values = larger
        self._values[count] = row
        self._leaders.append(leader)

    def nearest(self, row: Float32Array, *, within: float, relative: bool) -> Leader | None:
        """Return the leader of the smallest difference, if that is small enough."""
        if not self._leaders:
            return None
        known = self._values[: len(self._leaders)]
        differences = np.abs(known - row)
        if relative:
            differences /= np.minimum(known, row)
        gaps = differences.max(axis=1)
        smallest = gaps.min()
        if smallest >= within:
            return None
        ties = np.flatnonzero(gaps == smallest)
        return min((self._leaders[i] for i in ties), key=lambda leader: leader.structure_id)


class FormulaLeaders:
    """Leaders of one formula: structures by space group, first leaders of phases by their keys.

    Args:
        leaders: Those of earlier runs, in any order.
    """

    def __init__(self, leaders: Iterable[Leader] = ()) -> None:
        self._structures: dict[int, _Rows] = {}
        self._phases: dict[tuple[int, int], _Rows] = {}
        self._count = 0
        founders: dict[str, Leader] = {}
        # Tables keep no order: the founder of a phase that lost its own is the smallest id.
        for leader in sorted(leaders, key=lambda leader: leader.structure_id):
            self._add_structure(leader)
            if leader.structure_id == leader.material_id:
                founders[leader.material_id] = leader
            founders.setdefault(leader.material_id, leader)
        for founder in founders.values():
            self._add_phase(founder)

    def __len__(self) -> int:
        return self._count

    def take(self, print_: Fingerprint, new: dict[str, Leader]) -> Leader:
        """Return the leader of a crystal; one that it becomes is added here and to `new`."""
        row = print_.invariant.astype(np.float32)
        structures = self._structures.get(print_.spacegroup)
        if structures is not None:
            leader = structures.nearest(row, within=SAME_STRUCTURE, relative=False)
            if leader is not None:
                return leader
        name = leader_id(print_.formula, print_.spacegroup, print_.invariant)
        leader = Leader.of(print_, name, name)
        founder = self._founder(leader)
        if founder is None:
            self._add_phase(leader)
        else:
            leader = Leader.of(print_, name, founder.material_id)
        self._add_structure(leader)
        new[name] = leader
        return leader

    def _founder(self, leader: Leader) -> Leader | None:
        """Return the first leader of the phase; of the one by noise before that by exact group."""
        for key in _phase_keys(leader):
            phases = self._phases.get(key)
            if phases is not None:
                found = phases.nearest(_scaled(leader), within=SAME_MATERIAL, relative=True)
                if found is not None:
                    return found
        return None

    def _add_structure(self, leader: Leader) -> None:
        self._structures.setdefault(leader.spacegroup, _Rows()).add(leader.invariant, leader)
        self._count += 1

    def _add_phase(self, leader: Leader) -> None:
        for key in _phase_keys(leader):
            self._phases.setdefault(key, _Rows()).add(_scaled(leader), leader)


def _phase_keys(leader: Leader) -> tuple[tuple[int, int], ...]:
    phase = leader.phase_spacegroup, leader.phase_nsites
    own = leader.spacegroup, leader.primitive_nsites
    return (phase,) if phase == own else (phase, own)


def _scaled(leader: Leader) -> Float32Array:
    return leader.invariant / np.float32(leader.length)
