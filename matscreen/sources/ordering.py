"""Ordered stand-ins for small disordered crystals, by enumeration.

All ways to put whole atoms on the sites of the smallest cell that has the composition are listed,
equal ones are counted once, and the best few by electrostatic energy are kept.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Final

import numpy as np

from matscreen.descriptors.composition import Compositions
from matscreen.descriptors.electrostatics import ewald_energies
from matscreen.descriptors.oxidation import oxidation_states
from matscreen.errors import InputError, StructureError
from matscreen.identity import SYMPREC, Registry, analyze_symmetry
from matscreen.sources.base import Failure, Page, SourceItem
from matscreen.sources.cleaning import MIN_DISTANCE, SHORTEST_BOND, clean
from matscreen.sources.contacts import covalent_radii
from matscreen.sources.disorder import DisorderedCrystal
from matscreen.sources.flags import flag
from matscreen.sources.suitability import MAX_SITES, out_of_scope
from matscreen.sources.supercells import Supercell, primitive_parent, supercells
from matscreen.structures import Crystal, CrystalBatch, FloatArray, IntArray

OCCUPANCY_TOLERANCE: Final = 0.02
"""Largest change of the share of an element at a kind of site that rounding to whole atoms may
make."""

# Energies closer than this are equal, eV/atom.
_ENERGY_STEP = 1e-3
# Steps of the search for one decoration; a search that keeps running into dead ends gives up.
_STEPS = 50

_VACANCY = 0


@dataclass(frozen=True)
class OrderingLimits:
    """What is small enough to be ordered.

    Attributes:
        max_sites: Most sites of the cell in which atoms are placed, empty ones included.
        max_decorations: Most ways to place the atoms, symmetry not counted.
        kept: Number of ordered crystals that stand for one disordered crystal.
    """

    max_sites: int = 24
    max_decorations: int = 5000
    kept: int = 3

    def __post_init__(self) -> None:
        if not 1 <= self.max_sites <= MAX_SITES:
            raise InputError(
                f"disordered crystals of at most {self.max_sites} sites were asked for; "
                f"candidates have 1 to {MAX_SITES}"
            )


@dataclass(frozen=True, eq=False)
class Ordering:
    """One ordered stand-in.

    Attributes:
        crystal: The ordered crystal.
        rank: Its place among the distinct orderings, 1 for the best.
        distinct: Number of decorations that symmetry tells apart.
        energy: Electrostatic energy of formal charges, eV/atom; NaN without charges.
    """

    crystal: Crystal
    rank: int
    distinct: int
    energy: float


def order(disordered: DisorderedCrystal, limits: OrderingLimits) -> tuple[Ordering, ...]:
    """Order a disordered crystal.

    The smallest supercell of the primitive cell in which every kind of site holds whole atoms, to
    `OCCUPANCY_TOLERANCE`, is decorated in all ways that leave no two atoms on each other, in every
    superlattice of that size. Decorations that the symmetry of the disordered crystal takes into
    each other count once. Kept are those with the lowest Ewald energy of formal charges, of equal
    energies (isovalent elements, or no neutral charges) the ones with the most symmetry; those
    that `clean` refuses are passed over.

    Raises:
        StructureError: `disordered`: its elements are not screened, the cell or the number of
            decorations is too large, or no decoration is a credible crystal.
    """
    elements = frozenset(number for shares in disordered.occupancies for number in shares)
    reason = out_of_scope(elements)
    if reason is not None:
        raise StructureError("disordered", f"not ordered: {disordered.formula} {reason[1]}")
    kinds, shares = _kinds(disordered)
    parent = primitive_parent(disordered.lattice, disordered.frac_coords, kinds, symprec=SYMPREC)
    size, counts = _smallest(parent.kinds, shares, limits, disordered.formula)
    crystals: list[Crystal] = []
    tried = 0
    for cell in supercells(parent, size):
        decorations = _decorations(cell, counts, limits.max_decorations - tried)
        if decorations is None:
            raise StructureError(
                "disordered",
                f"{disordered.formula} can be ordered in more than {limits.max_decorations} ways, "
                "or so many have atoms on each other that the search gave up",
            )
        tried += len(decorations)
        for species in _distinct(decorations, cell.permutations):
            filled = species != _VACANCY
            crystals.append(Crystal(cell.lattice, species[filled], cell.frac_coords[filled]))
    if not crystals:
        raise StructureError(
            "disordered", f"every ordering of {disordered.formula} has overlapping atoms"
        )
    best = _best(crystals, limits.kept)
    if not best:
        raise StructureError(
            "disordered", f"no ordering of {disordered.formula} is a credible crystal"
        )
    return best


def order_page(page: Page, limits: OrderingLimits, source: str) -> Page:
    """Replace the failures of a page that can be ordered by ordered crystals.

    An ordered crystal is named after its parent with `~1`, `~2`... and carries the flag
    `ordered_from_disorder`; properties of the parent are not taken over. A failure that is not
    small enough stays, and says why.

    Args:
        page: A page of any source.
        limits: What is small enough.
        source: Name under which the ordered crystals are filed.
    """
    items: list[SourceItem] = list(page.items)
    failures: list[Failure] = []
    for failure in page.failures:
        if failure.disordered is None:
            failures.append(failure)
            continue
        try:
            orderings = order(failure.disordered, limits)
        except StructureError as error:
            failures.append(replace(failure, detail=f"{failure.detail}; {error.detail}"))
            continue
        formula = failure.disordered.formula
        for found in orderings:
            seen = f"ordering {found.rank} of {found.distinct} of {formula}"
            items.append(
                SourceItem(
                    crystal=found.crystal,
                    source=source,
                    source_id=f"{failure.source_id}~{found.rank}",
                    licence=failure.licence,
                    retrieved_at=failure.retrieved_at,
                    flags=(flag("ordered_from_disorder", seen),),
                )
            )
    return replace(page, items=tuple(items), failures=tuple(failures))


def _kinds(disordered: DisorderedCrystal) -> tuple[IntArray, list[dict[int, float]]]:
    """Number the kinds of sites; sites with the same occupancies are of one kind."""
    known: dict[tuple[tuple[int, float], ...], int] = {}
    shares: list[dict[int, float]] = []
    kinds = []
    for occupancy in disordered.occupancies:
        empty = max(0.0, 1.0 - sum(occupancy.values()))
        full = {**occupancy, _VACANCY: empty} if empty > 1e-3 else dict(occupancy)
        key = tuple(sorted((number, round(share, 3)) for number, share in full.items()))
        if key not in known:
            known[key] = len(shares)
            shares.append(full)
        kinds.append(known[key])
    return np.array(kinds, dtype=np.int64), shares


def _smallest(
    kinds: IntArray, shares: Sequence[dict[int, float]], limits: OrderingLimits, formula: str
) -> tuple[int, dict[int, dict[int, int]]]:
    """Find the size of the smallest supercell with whole atoms, and the atoms of each kind."""
    for size in range(1, limits.max_sites // len(kinds) + 1):
        counts = {
            kind: _whole(shares[kind], size * int((kinds == kind).sum()))
            for kind in np.unique(kinds).tolist()
        }
        if all(found is not None for found in counts.values()):
            return size, {kind: found for kind, found in counts.items() if found is not None}
    raise StructureError(
        "disordered",
        f"no cell of at most {limits.max_sites} sites has the composition {formula} "
        f"({len(kinds)} in the primitive cell)",
    )


def _whole(shares: dict[int, float], sites: int) -> dict[int, int] | None:
    """Round shares of some sites to whole atoms; None where that changes too much."""
    counts = {number: round(share * sites) for number, share in shares.items()}
    apart = max(abs(counts[number] / sites - share) for number, share in shares.items())
    if apart > OCCUPANCY_TOLERANCE or sum(counts.values()) != sites:
        return None
    return {number: count for number, count in counts.items() if count}


def _decorations(cell: Supercell, counts: dict[int, dict[int, int]], most: int) -> IntArray | None:
    """List the ways to put atoms on the sites, none on top of each other, (d, n).

    Returns:
        The atomic numbers, 0 for an empty site; None when there are more than `most`, or the
        search ran into too many dead ends.
    """
    conflict = _conflicts(cell, counts)
    n = len(cell.kinds)
    # Kinds with one species come first: they are no choice and rule others out.
    sites = sorted(range(n), key=lambda site: (len(counts[int(cell.kinds[site])]), site))
    left = {kind: dict(found) for kind, found in counts.items()}
    species = np.full(n, _VACANCY, dtype=np.int64)
    found: list[IntArray] = []
    steps = 0

    def place(depth: int) -> bool:
        """Fill the sites from a depth on; False as soon as that is too much."""
        nonlocal steps
        if depth == n:
            found.append(species.copy())
            return len(found) <= most
        site = sites[depth]
        remaining = left[int(cell.kinds[site])]
        for number in remaining:
            if not remaining[number]:
                continue
            if number != _VACANCY and _hits(conflict, site, number, species):
                continue
            steps += 1
            if steps > _STEPS * max(most, n):
                return False
            species[site] = number
            remaining[number] -= 1
            if not place(depth + 1):
                return False
            remaining[number] += 1
            species[site] = _VACANCY
        return True

    if not place(0):
        return None
    return np.array(found, dtype=np.int64).reshape(-1, n)


_Conflicts = dict[tuple[int, int], np.ndarray]


def _conflicts(cell: Supercell, counts: dict[int, dict[int, int]]) -> _Conflicts:
    """For each pair of elements, say which sites are too close to hold both."""
    apart = cell.frac_coords[:, None] - cell.frac_coords[None]
    cells = np.stack(np.meshgrid(*[np.arange(-1, 2)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    apart = (apart - np.round(apart))[:, :, None, :] + cells
    distance = np.linalg.norm(apart @ cell.lattice, axis=3).min(axis=2)
    np.fill_diagonal(distance, np.inf)
    radii = covalent_radii()
    elements = {number for found in counts.values() for number in found} - {_VACANCY}
    return {
        (a, b): distance < max(MIN_DISTANCE, SHORTEST_BOND[0] * float(radii[a] + radii[b]))
        for a in elements
        for b in elements
    }


def _hits(conflict: _Conflicts, site: int, number: int, species: IntArray) -> bool:
    return any(
        bool((close[site] & (species == other)).any())
        for (element, other), close in conflict.items()
        if element == number
    )


def _distinct(decorations: IntArray, permutations: IntArray) -> IntArray:
    """Keep one of the decorations that the permutations take into each other, (d, n)."""
    if not len(decorations):
        return decorations
    numbers, labels = np.unique(decorations, return_inverse=True)
    labels = labels.reshape(decorations.shape)
    # The sum of random 64-bit numbers of each (site, species) names a decoration.
    weights = np.random.default_rng(0).integers(
        0, 2**64, size=(decorations.shape[1], len(numbers)), dtype=np.uint64
    )
    names = np.full(len(decorations), np.iinfo(np.uint64).max, dtype=np.uint64)
    for permutation in permutations:
        moved = weights[permutation[None, :], labels].sum(axis=1, dtype=np.uint64)
        names = np.minimum(names, moved)
    _, first = np.unique(names, return_index=True)
    return decorations[np.sort(first)]


def _best(crystals: list[Crystal], kept: int) -> tuple[Ordering, ...]:
    energies = _energies(crystals)
    levels = np.round(np.where(np.isnan(energies), 0.0, energies) / _ENERGY_STEP).astype(int)
    symmetry: dict[int, int] = {}
    chosen: list[int] = []
    registry = Registry()
    for level in np.unique(levels).tolist():
        tied = np.flatnonzero(levels == level).tolist()
        for i in tied:
            symmetry[i] = _operations(crystals[i])
        for i in sorted(tied, key=lambda i: (-symmetry[i], i)):
            if isinstance(clean([crystals[i]])[0], StructureError):
                continue
            # Superlattices that differ may hold one and the same crystal.
            if registry.assign(crystals[i]).is_new:
                chosen.append(i)
            if len(chosen) == kept:
                return _ranked(crystals, energies, chosen)
    return _ranked(crystals, energies, chosen)


def _ranked(
    crystals: list[Crystal], energies: FloatArray, chosen: list[int]
) -> tuple[Ordering, ...]:
    return tuple(
        Ordering(crystals[i], rank, len(crystals), float(energies[i]))
        for rank, i in enumerate(chosen, start=1)
    )


def _energies(crystals: list[Crystal]) -> FloatArray:
    """Compute the Ewald energy of formal charges, (n,), eV/atom; NaN without charges."""
    batch = CrystalBatch.from_crystals(crystals)
    compositions, slots = Compositions.from_batch(batch)
    owner = np.repeat(np.arange(len(batch)), np.diff(batch.offsets))
    charges = oxidation_states(compositions)[owner, slots]
    return np.asarray(ewald_energies(batch, charges) / np.diff(batch.offsets))


def _operations(crystal: Crystal) -> int:
    try:
        return analyze_symmetry(crystal).n_operations
    except StructureError:
        return 1
