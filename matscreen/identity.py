"""Which crystals are the same: identifiers assigned by comparison with the known leaders.

"Equal within a tolerance" is not transitive, so an identifier is assigned, not hashed: a new
crystal takes the id of the stored leader it equals, and becomes a leader when there is none.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final, Protocol

from matscreen.errors import StoreError, StructureError
from matscreen.fingerprints import (
    Fingerprint,
    fingerprints,
    fingerprints_in_chunks,
    workers_for,
)
from matscreen.invariants import distance_invariant
from matscreen.leader_matching import (
    SAME_MATERIAL,
    SAME_STRUCTURE,
    SCHEME,
    FormulaLeaders,
    Leader,
)
from matscreen.spacegroups import SYMPREC, Symmetry, analyze_symmetry
from matscreen.structures import Crystal, CrystalBatch

if TYPE_CHECKING:
    import pyarrow as pa

__all__ = [
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

_KEPT_LEADERS: Final = 20_000
"""Leaders of a store kept in memory from one chunk to the next, about 5 kB each."""
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
        self._formulas: dict[str, FormulaLeaders] = {}

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
        self._formulas.update({name: FormulaLeaders(items) for name, items in leaders.items()})


def structure_id(crystal: Crystal) -> str:
    """Return the identifier that a crystal gets when no leader is known.

    It does not change with the order of the sites, origin, orientation or cell. In a store, a
    crystal takes the identifier of the stored one that it equals within 0.01 Å.

    Args:
        crystal: The crystal.

    Returns:
        Sixteen hexadecimal digits of a hash of formula, space group and sorted distances.

    Raises:
        StructureError: The crystal has no fingerprint, such as atoms that overlap.

    Examples:
        >>> import numpy as np
        >>> from matscreen.structures import Crystal
        >>> cell, numbers = 2.105 * (1 - np.eye(3)), np.array([12, 8])
        >>> there = structure_id(Crystal(cell, numbers, [[0, 0, 0], [0.5, 0.5, 0.5]]))
        >>> here = structure_id(Crystal(cell, numbers[::-1], [[0.1, 0, 0], [0.6, 0.5, 0.5]]))
        >>> there == here, len(there)
        (True, 16)
    """
    return Registry().assign(crystal).structure_id


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
