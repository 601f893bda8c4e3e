"""Which crystals are the same: identifiers assigned by comparison with the known leaders.

"Equal within a tolerance" is not transitive, so an identifier is assigned, not hashed: a new
crystal takes the id of the stored leader it equals, and becomes a leader when there is none.
"""

from __future__ import annotations

import hashlib
from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

import numpy as np

from matscreen.errors import StoreError, StructureError
from matscreen.fingerprints import (
    Fingerprint,
    Float32Array,
    fingerprints,
    fingerprints_in_chunks,
    workers_for,
)
from matscreen.invariants import N_NEIGHBOURS, N_PAIR_NEIGHBOURS, distance_invariant
from matscreen.spacegroups import SYMPREC, Symmetry, analyze_symmetry
from matscreen.structures import Crystal, CrystalBatch, FloatArray

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
    "N_NEIGHBOURS",
    "N_PAIR_NEIGHBOURS",
    "SAME_MATERIAL",
    "SAME_STRUCTURE",
    "SCHEME",
    "SYMPREC",
    "Identity",
    "KnownLeaders",
    "Leader",
    "Registry",
    "Symmetry",
    "analyze_symmetry",
    "distance_invariant",
    "structure_id",
]

SCHEME: Final = "distances-1"
SAME_STRUCTURE: Final = 0.01
"""Largest difference of two invariants of one structure, Å."""
SAME_MATERIAL: Final = 0.04
"""Largest relative difference of two invariants of one material, after scaling to one volume."""
_GRID = 1e-4
# Rounding edges are moved off the "nice" decimals at which tabulated distances lie.
_GRID_OFFSET = 0.3183
_KEPT_LEADERS: Final = 50_000
"""Leaders of a store kept in memory, about 65 MB for three elements."""
_ATTEMPTS: Final = 100


@dataclass(frozen=True)
class Identity:
    """What the registry says of a crystal.

    Attributes:
        structure_id: Identifier of the leader it equals, or its own when it became one.
        material_id: Identifier of the phase it belongs to: the structure id of the first crystal
            of that phase.
        spacegroup: Space group number.
        is_new: No candidate stands for the structure yet, so the caller stores this crystal.
    """

    structure_id: str
    material_id: str
    spacegroup: int
    is_new: bool


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


class KnownLeaders(Protocol):
    """Where a registry finds the leaders of earlier runs and leaves its own."""

    def of(self, formulas: Collection[str]) -> Iterable[Leader]:
        """Return every leader of some formulas."""
        ...

    def claim(self, leaders: Sequence[Leader]) -> bool:
        """Add leaders, unless another process has added some since the last `of`.

        Returns:
            Whether they were added; if not, the next `of` shows what is new.
        """
        ...

    def take_unstored(self, structure_ids: Collection[str]) -> set[str]:
        """Return those ids whose leader never got its candidate, each only once."""
        ...


class Registry:
    """Assigns identifiers by comparing crystals with the leaders of all known ones.

    **Structure.** Two crystals of one formula and space group are the same structure when no
    entry of their invariants differs by more than 0.01 Å. A crystal takes the id of the nearest
    leader within that; at equal distance, of the leader with the smaller id. Otherwise it becomes
    a leader, its id a hash of its formula, space group and invariant.

    **Material.** Two structures are the same phase when formula, space group and number of sites
    in the primitive cell are equal (for a crystal with noise on its sites also those that it has
    without the noise, see `fingerprints.phase_symmetry`) and, after scaling to one volume per
    atom, no entry of their invariants differs by more than 4 %. A leader takes the `material_id`
    of the nearest phase, each represented by its first leader, or founds one. So two members of a
    phase are never more than about 8 % apart.

    **Representative.** A structure that several databases hold is represented by the crystal that
    came first, and stays so: ids, descriptors and labels were made from it. Every other entry is
    kept as provenance. A caller that prefers one database pulls it first.

    **Chains.** With A near B and B near C but A not near C, what B gets depends on the order: it is
    one with the nearer of A and C if they came before it, and itself a leader, which both join,
    if it came first. The result depends on the order of arrival only, not on how crystals are
    cut into batches.

    Args:
        known: Leaders of earlier runs; none by default.
    """

    def __init__(self, known: KnownLeaders | None = None) -> None:
        self._known = known
        self._formulas: dict[str, _Formula] = {}

    @classmethod
    def from_candidates(cls, candidates: pa.Table | None) -> Registry:
        """Take every row of a `candidates` table that has a structure as a leader.

        Fingerprints are computed when a formula is first asked for.
        """
        return cls() if candidates is None else cls(_Candidates(candidates))

    def assign(self, crystal: Crystal) -> Identity:
        """Give a crystal its identifier; an equal crystal gets the same one.

        Raises:
            StructureError: Its symmetry or invariant cannot be computed.
        """
        (identity,) = self.assign_batch([crystal])
        if isinstance(identity, StructureError):
            raise identity
        return identity

    def assign_batch(
        self, crystals: Sequence[Crystal], *, workers: int | None = None
    ) -> list[Identity | StructureError]:
        """Give crystals their identifiers, the same as one by one in this order.

        Args:
            crystals: The crystals.
            workers: Processes for the fingerprints; by default one for every 8,000 crystals.

        Returns:
            One identity for each crystal, or the error that says why it has none.

        Raises:
            StoreError: Other processes kept adding leaders at the same time.
        """
        found: list[Identity | StructureError] = []
        processes = workers or workers_for(len(crystals))
        for prints in fingerprints_in_chunks(crystals, workers=processes):
            found += self._assign_chunk(prints)
        return found

    def _assign_chunk(
        self, prints: Sequence[Fingerprint | StructureError]
    ) -> list[Identity | StructureError]:
        wanted = {p.formula for p in prints if isinstance(p, Fingerprint)}
        for _ in range(_ATTEMPTS):
            self._load(wanted)
            new: dict[str, Leader] = {}
            taken = [
                p if isinstance(p, StructureError) else self._formulas[p.formula].take(p, new)
                for p in prints
            ]
            if self._known is None or not new or self._known.claim(list(new.values())):
                return self._identities(taken, set(new))
            # Another process added leaders: some may equal ours.
            self._formulas.clear()
        raise StoreError(
            f"other processes added structures {_ATTEMPTS} times in a row; pull again, or "
            "one source at a time"
        )

    def _identities(
        self, taken: Sequence[Leader | StructureError], unstored: set[str]
    ) -> list[Identity | StructureError]:
        if self._known is not None:
            ids = {leader.structure_id for leader in taken if isinstance(leader, Leader)}
            unstored |= self._known.take_unstored(ids)
        found: list[Identity | StructureError] = []
        for leader in taken:
            if isinstance(leader, StructureError):
                found.append(leader)
                continue
            name = leader.structure_id
            found.append(
                Identity(name, leader.material_id, leader.spacegroup, is_new=name in unstored)
            )
            unstored.discard(name)
        return found

    def _load(self, wanted: set[str]) -> None:
        if self._known is not None:
            held = sum(len(formula) for formula in self._formulas.values())
            if held > _KEPT_LEADERS:
                self._formulas.clear()
        missing = wanted - self._formulas.keys()
        if not missing:
            return
        leaders: dict[str, list[Leader]] = {formula: [] for formula in missing}
        for leader in self._known.of(missing) if self._known is not None else ():
            leaders[leader.formula].append(leader)
        self._formulas.update({name: _Formula(items) for name, items in leaders.items()})


def structure_id(crystal: Crystal) -> str:
    """Return the identifier that a crystal gets when no leader is known."""
    return Registry().assign(crystal).structure_id


def _hash(formula: str, spacegroup: int, invariant: FloatArray) -> str:
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


class _Formula:
    """Leaders of one formula: structures by space group, first leaders of phases by their keys."""

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
        name = _hash(print_.formula, print_.spacegroup, print_.invariant)
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


class _Candidates:
    """Leaders of a table in memory, fingerprinted when their formula is asked for."""

    def __init__(self, candidates: pa.Table) -> None:
        import pyarrow.compute as pc

        self._rows = candidates.filter(pc.is_valid(candidates["lattice"]))
        self._added: dict[str, list[Leader]] = {}

    def of(self, formulas: Collection[str]) -> Iterable[Leader]:
        import pyarrow as pa
        import pyarrow.compute as pc

        wanted = pa.array(sorted(formulas), pa.string())
        rows = self._rows.filter(pc.is_in(self._rows["formula"], value_set=wanted))
        crystals = list(CrystalBatch.from_arrow(rows))
        names = rows.select(["structure_id", "material_id"]).to_pylist()
        for row, print_ in zip(names, fingerprints(crystals), strict=True):
            if isinstance(print_, Fingerprint):
                name = row["structure_id"]
                yield Leader.of(print_, name, row["material_id"] or name)
        for formula in formulas:
            yield from self._added.get(formula, ())

    def claim(self, leaders: Sequence[Leader]) -> bool:
        for leader in leaders:
            self._added.setdefault(leader.formula, []).append(leader)
        return True

    def take_unstored(self, structure_ids: Collection[str]) -> set[str]:
        del structure_ids
        return set()
