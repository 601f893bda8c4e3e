"""Which crystals are credible: what is refused, what is repaired, and what is kept with a flag.

A database entry may hold a crystal twice over, one that nobody relaxed, a slab in vacuum, or one
whose hydrogens were never located. What cannot be a crystal is refused with a reason; what a
scientist should know of is kept and flagged.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import numpy as np

from matscreen.descriptors.composition import Compositions
from matscreen.descriptors.oxidation import oxidation_states
from matscreen.errors import StructureError, rejection
from matscreen.sources.contacts import (
    Contacts,
    Networks,
    covalent_radii,
    find_contacts,
    find_networks,
    reduced,
)
from matscreen.sources.flags import flag
from matscreen.sources.packing import Ions, Packing
from matscreen.sources.suitability import check_scope
from matscreen.structures import Crystal, CrystalBatch, FloatArray, IntArray

MIN_DISTANCE: Final = 0.6
"""Sites closer than this overlap, Å; the shortest bond in nature, H-H, is 0.74 Å long."""

SHORTEST_BOND: Final = (0.57, 0.65)
"""Distance over the sum of covalent radii (Cordero et al. 2008): sites closer than the first number
overlap, a bond shorter than the second is flagged. In 2,044 published oxides 99.5 % of the shortest
bonds are above 0.70."""

MERGED_WITHIN: Final = 0.01
"""Sites of one element closer than this are one site, Å."""

MAX_PEROXIDE_BOND: Final = 1.6
"""Oxygen atoms closer than this are bonded to each other, Å; the bond of a peroxide is 1.5 Å
long, the shortest edge of a coordination polyhedron about 2.2 Å."""

COVALENT_BOND: Final = 1.25
"""Longest bond as a multiple of the sum of covalent radii."""

IONIC_BOND: Final = 0.45
"""Longest bond of a cation and an anion beyond the sum of Shannon's radii at coordination six, Å.

It keeps the long bond of supertetragonal PbTiO3 (2.4 Å) and leaves the gap between the layers of
V2O5 (2.8 Å) open.
"""

_HYDROGEN, _OXYGEN = 1, 8
_LOW_DIMENSIONS = {
    0: ("molecular", "no bond leads from one molecule to the next"),
    1: ("chains", "bonds run on in one direction"),
    2: ("layered", "bonds run on in two directions"),
}


@dataclass(frozen=True)
class Cleaned:
    """A crystal that is kept.

    Attributes:
        crystal: The crystal, as it came but for merged sites.
        flags: What is odd about it, each as `name: what was seen`; `flags.FLAGS` explains them.
    """

    crystal: Crystal
    flags: tuple[str, ...] = ()


def clean(crystals: Sequence[Crystal]) -> list[Cleaned | StructureError]:
    """Check crystals together, a page of a source at a time.

    Reasons of refusal: those of `check_scope`, `absurd_volume`, `overlapping_sites` and `peroxide`
    (oxygen bonded to oxygen is no O2- anion), each with the number that was seen.

    Args:
        crystals: Ordered crystals.

    Returns:
        For each crystal in turn the cleaned one, or why it is refused. No exception escapes: what
        nobody foresaw is a refusal with the reason `unexpected`.
    """
    results: dict[int, Cleaned | StructureError] = {}
    rows: list[int] = []
    for i, crystal in enumerate(crystals):
        try:
            check_scope(crystal)
        except StructureError as error:
            results[i] = error
        else:
            rows.append(i)
    results.update(zip(rows, _checked([crystals[i] for i in rows]), strict=True))
    return [results[i] for i in range(len(crystals))]


def _checked(crystals: list[Crystal]) -> list[Cleaned | StructureError]:
    if not crystals:
        return []
    try:
        return _checked_together(crystals)
    except Exception as error:
        if len(crystals) == 1:
            return [StructureError(*rejection(error))]
    # One of them is to blame; the others must not suffer.
    return [_checked([crystal])[0] for crystal in crystals]


def _checked_together(crystals: list[Crystal]) -> list[Cleaned | StructureError]:
    batch = reduced(CrystalBatch.from_crystals(crystals))
    compositions, slots = Compositions.from_batch(batch)
    ions = Ions.of(compositions, oxidation_states(compositions))
    packing = Packing.of(batch, compositions, ions)
    refused: dict[int, Cleaned | StructureError] = {}
    for i, crystal in enumerate(crystals):
        error = packing.refusal(i)
        if error is not None:
            # A crystal that is listed several times over is too dense for that reason alone.
            refused[i] = _merged(crystal) or error
    if refused:
        # Not before this comes the search for neighbours: an absurd cell has too many of them.
        others = iter(_checked([c for i, c in enumerate(crystals) if i not in refused]))
        return [refused[i] if i in refused else next(others) for i in range(len(crystals))]
    geometry = _Geometry.of(batch, slots, ions)
    found: list[Cleaned | StructureError] = []
    for i, crystal in enumerate(crystals):
        verdict = geometry.verdict(i, crystal)
        if isinstance(verdict, Cleaned) and verdict.crystal is crystal:
            flags = (*verdict.flags, *packing.flags(i))
            if not ions.balanced[i]:
                seen = f"no neutral assignment of known ions in {crystal.formula}"
                flags = (*flags, flag("no_oxidation_balance", seen))
            verdict = Cleaned(crystal, flags)
        found.append(verdict)
    return found


@dataclass(frozen=True, eq=False)
class _Geometry:
    """Distances and networks of a batch, and which crystals need a closer look.

    Attributes:
        contacts: Neighbouring sites.
        networks: What bonds join.
        close: Crystals with a pair of sites that may be too close, (n,).
        dimension: Largest dimension of the networks of each crystal, (n,).
        lone_oxygen: Crystals without hydrogen that hold an oxygen bonded to nothing, (n,).
        pairs: Range of the pairs of each crystal, (n + 1,).
    """

    contacts: Contacts
    networks: Networks
    close: np.ndarray
    dimension: IntArray
    lone_oxygen: np.ndarray
    pairs: IntArray

    @classmethod
    def of(cls, batch: CrystalBatch, slots: IntArray, ions: Ions) -> _Geometry:
        contacts = find_contacts(batch)
        owner, numbers = contacts.owner, batch.atomic_numbers
        first, second = contacts.first, contacts.second
        bonded = _bonded(contacts, ions.radius[owner, slots], ions.anion[owner, slots])
        networks = find_networks(contacts, bonded)
        oxygen = numbers == _OXYGEN
        close = (
            (contacts.ratio < SHORTEST_BOND[1])
            | (contacts.distance < MIN_DISTANCE)
            | ((contacts.distance < MAX_PEROXIDE_BOND) & oxygen[first] & oxygen[second])
        )
        n = len(batch)
        lone = oxygen & (networks.size == 1)[networks.network]
        lone &= (networks.dimension == 0)[networks.network]
        hydrogens = np.bincount(owner, numbers == _HYDROGEN, minlength=n)
        return cls(
            contacts,
            networks,
            np.bincount(owner[first[close]], minlength=n) > 0,
            np.maximum.reduceat(networks.dimension[networks.network], batch.offsets[:-1]),
            (np.bincount(owner, lone, minlength=n) > 0) & (hydrogens == 0),
            np.searchsorted(owner[first], np.arange(n + 1)),
        )

    def verdict(self, i: int, crystal: Crystal) -> Cleaned | StructureError:
        """Judge one crystal by its distances and networks."""
        flags: tuple[str, ...] = ()
        if self.close[i]:
            near = self._close_look(i, crystal)
            if not isinstance(near, tuple):
                return near
            flags = near
        dimension = int(self.dimension[i])
        if dimension in _LOW_DIMENSIONS:
            flags = (*flags, flag(*_LOW_DIMENSIONS[dimension]))
        if self.lone_oxygen[i]:
            flags = (*flags, flag("missing_hydrogen", "an oxygen has no neighbour within a bond"))
        return Cleaned(crystal, flags)

    def _close_look(self, i: int, crystal: Crystal) -> tuple[str, ...] | Cleaned | StructureError:
        """Merge, refuse or flag a crystal some of whose sites are close."""
        pairs = slice(int(self.pairs[i]), int(self.pairs[i + 1]))
        start = int(self.contacts.batch.offsets[i])
        first, second = self.contacts.first[pairs] - start, self.contacts.second[pairs] - start
        distance, ratio = self.contacts.distance[pairs], self.contacts.ratio[pairs]
        numbers = crystal.atomic_numbers
        if distance.min() < MERGED_WITHIN:
            merged = _merged(crystal)
            if merged is not None:
                return merged
        overlap = (distance < MIN_DISTANCE) | (ratio < SHORTEST_BOND[0])
        if overlap.any():
            pair = int(np.argmin(np.where(overlap, distance, np.inf)))
            return StructureError(
                "overlapping_sites", _overlap(numbers, first, second, distance, pair)
            )
        peroxide = (numbers[first] == _OXYGEN) & (numbers[second] == _OXYGEN)
        peroxide &= distance < MAX_PEROXIDE_BOND
        if peroxide.any():
            return StructureError(
                "peroxide",
                f"two oxygen atoms are bonded, {distance[peroxide].min():.2f} Å apart",
            )
        pair = int(np.argmin(ratio))
        seen = f"{_pair(numbers, first[pair], second[pair])} is {distance[pair]:.2f} Å long"
        return (flag("short_bond", f"{seen}, {ratio[pair]:.2f} of the sum of covalent radii"),)


def _bonded(contacts: Contacts, radius: FloatArray, anion: np.ndarray) -> np.ndarray:
    """Say which pairs are bonds: close for atoms, or close for a cation and an anion."""
    first, second = contacts.first, contacts.second
    opposite = anion[first] != anion[second]
    ionic = contacts.distance <= radius[first] + radius[second] + IONIC_BOND
    return np.asarray((contacts.ratio <= COVALENT_BOND) | (opposite & ionic))


def _merged(crystal: Crystal) -> Cleaned | StructureError | None:
    """Drop the copies of sites and judge what is left; None where there are no copies."""
    cell = reduced(CrystalBatch.from_crystals([crystal]))
    apart = cell.frac_coords[:, None, :] - cell.frac_coords[None, :, :]
    apart = (apart - np.round(apart)) @ cell.lattices[0]
    same = crystal.atomic_numbers[:, None] == crystal.atomic_numbers[None, :]
    near = same & (np.linalg.norm(apart, axis=2) < MERGED_WITHIN)
    # A site is a copy when one before it lies at the same place.
    copies = np.tril(near, k=-1).any(axis=1)
    if not copies.any():
        return None
    single = Crystal(crystal.lattice, crystal.atomic_numbers[~copies], crystal.frac_coords[~copies])
    verdict = clean([single])[0]
    if isinstance(verdict, StructureError):
        return verdict
    seen = f"{crystal.nsites} sites became {single.nsites}"
    return Cleaned(verdict.crystal, (flag("merged_sites", seen), *verdict.flags))


def _overlap(
    numbers: IntArray, first: IntArray, second: IntArray, distance: FloatArray, pair: int
) -> str:
    i, j = int(first[pair]), int(second[pair])
    if i == j:
        return f"a site lies {distance[pair]:.2f} Å from its own periodic image"
    radii = covalent_radii()
    least = max(MIN_DISTANCE, SHORTEST_BOND[0] * float(radii[numbers[i]] + radii[numbers[j]]))
    return (
        f"{_pair(numbers, i, j)}: two sites are {distance[pair]:.2f} Å apart, "
        f"at least {least:.2f} Å is needed"
    )


def _pair(numbers: IntArray, i: int, j: int) -> str:
    from ase.data import chemical_symbols

    return f"{chemical_symbols[numbers[i]]}-{chemical_symbols[numbers[j]]}"
