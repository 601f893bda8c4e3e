"""The shipped descriptor sets: blocks of columns computed from one shared analysis."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from matscreen.descriptors import (
    anion_sites,
    composition,
    electrostatics,
    geometry,
    octahedra,
    oxidation,
    oxygen_affinity,
    radial,
    sites,
    symmetry,
    voronoi,
)
from matscreen.descriptors.base import Column, Failure, Features
from matscreen.descriptors.bonds import Bonds, Neighbours, find_neighbours
from matscreen.descriptors.composition import Compositions
from matscreen.errors import StructureError
from matscreen.structures import CrystalBatch, FloatArray, IntArray

_CHUNK_SITES = 4096
_CHUNK_FORMULAS = 4096
_MIN_VOLUME = 1e-3  # Å³ per cell, as in `Crystal`


@dataclass(frozen=True, eq=False)
class Analysis:
    """Intermediate results of a batch, computed when a block first asks for them.

    Attributes:
        batch: The structures.
    """

    batch: CrystalBatch

    @cached_property
    def _counted(self) -> tuple[Compositions, IntArray]:
        return Compositions.from_batch(self.batch)

    @property
    def compositions(self) -> Compositions:
        """Elements and amounts."""
        return self._counted[0]

    @property
    def slot(self) -> IntArray:
        """Slot of the element of each site, (s,)."""
        return self._counted[1]

    @cached_property
    def row(self) -> IntArray:
        """Structure of each site, (s,)."""
        return np.repeat(np.arange(len(self.batch)), np.diff(self.batch.offsets))

    @cached_property
    def charges(self) -> FloatArray:
        """Oxidation states, (n, m)."""
        return oxidation.oxidation_states(self.compositions)

    @cached_property
    def anion(self) -> np.ndarray:
        """Which slots are anions, (n, m)."""
        return oxidation.anion_mask(self.compositions, self.charges)

    @cached_property
    def neighbours(self) -> Neighbours:
        """All pairs of sites within the cutoff."""
        return find_neighbours(self.batch)

    @cached_property
    def bonds(self) -> Bonds:
        """Bonds between cations and anions."""
        anion = self.anion[self.row, self.slot]
        return Bonds.between(self.neighbours, ~anion, anion)

    @cached_property
    def site_charges(self) -> FloatArray:
        """Oxidation state of each site, (s,), e."""
        return np.asarray(self.charges[self.row, self.slot])

    @cached_property
    def potentials(self) -> FloatArray:
        """Electrostatic potential at each site, (s,), V."""
        return electrostatics.site_potentials(self.batch, self.site_charges)

    @cached_property
    def anion_sites(self) -> FloatArray:
        """What surrounds each site, were it an anion, (s, 36)."""
        return anion_sites.anion_site_values(
            self.batch.atomic_numbers,
            self.site_charges,
            self.potentials,
            self.neighbours,
            self.bonds,
        )

    @cached_property
    def sites(self) -> sites.Sites:
        """Roles and ions."""
        return sites.assign_sites(
            self.compositions, self.charges, self.anion, self.bonds, row=self.row, slot=self.slot
        )


@dataclass(frozen=True)
class Block:
    """Columns that are computed together.

    Attributes:
        columns: Label and unit of each.
        compute: From the analysis of n structures to (n, k) values.
    """

    columns: tuple[Column, ...]
    compute: Callable[[Analysis], FloatArray]


COMPOSITION = Block(composition.COLUMNS, lambda a: composition.composition_features(a.compositions))
CHARGES = Block(oxidation.COLUMNS, lambda a: oxidation.charge_features(a.compositions, a.charges))
SITES = Block(sites.COLUMNS, lambda a: sites.site_features(a.compositions, a.sites))
OXYGEN_AFFINITY = Block(
    oxygen_affinity.COLUMNS,
    lambda a: oxygen_affinity.oxygen_affinity_features(a.compositions, a.sites),
)
GEOMETRY = Block(
    geometry.COLUMNS,
    lambda a: geometry.geometry_features(
        a.batch, a.compositions, a.sites, a.neighbours, a.bonds, a.slot
    ),
)
OCTAHEDRA = Block(
    octahedra.COLUMNS,
    lambda a: octahedra.octahedron_features(a.batch, a.sites, a.neighbours, a.bonds, a.slot),
)
VORONOI = Block(voronoi.COLUMNS, lambda a: voronoi.voronoi_features(a.batch, a.row))
RADIAL = Block(radial.COLUMNS, lambda a: radial.radial_features(a.batch))
ELECTROSTATICS = Block(
    electrostatics.COLUMNS,
    lambda a: electrostatics.electrostatic_features(
        a.batch, a.row, a.site_charges, a.sites.roles[a.row, a.slot], a.potentials
    ),
)
ANION_SITES = Block(
    anion_sites.COLUMNS,
    lambda a: anion_sites.anion_site_features(
        a.anion_sites, a.row, a.anion[a.row, a.slot], len(a.batch)
    ),
)
SYMMETRY = Block(symmetry.COLUMNS, lambda a: symmetry.symmetry_features(a.batch))


@dataclass(frozen=True)
class BlockSet:
    """A descriptor set made of blocks.

    Attributes:
        name: Name in screens and tables.
        version: Bumped whenever a change moves values.
        citation: Publications behind the set.
        blocks: The blocks, in the order of their columns.
    """

    name: str
    version: str
    citation: str
    blocks: tuple[Block, ...]

    @property
    def labels(self) -> tuple[str, ...]:
        """Column names, (k,)."""
        return tuple(label for block in self.blocks for label, _ in block.columns)

    @property
    def units(self) -> tuple[str, ...]:
        """Unit of each column, (k,)."""
        return tuple(unit for block in self.blocks for _, unit in block.columns)

    def featurize(self, batch: CrystalBatch) -> Features:
        """Describe every structure of a batch.

        Structures are taken in chunks of a few thousand sites, which bounds the memory and keeps
        the arrays in cache. A chunk that fails is halved until the bad structure stands alone.
        """
        values = np.full((len(batch), len(self.labels)), np.nan)
        failures = list(_invalid(batch))
        bad = {failure.row for failure in failures}
        good = np.array([i for i in range(len(batch)) if i not in bad], dtype=np.int64)
        for chunk in _chunks(batch, good):
            self._fill(batch, chunk, values, failures)
        return Features(values, tuple(sorted(failures)), self.labels)

    def _fill(
        self, batch: CrystalBatch, rows: IntArray, values: FloatArray, failures: list[Failure]
    ) -> None:
        try:
            analysis = Analysis(_take(batch, rows))
            values[rows] = np.hstack([block.compute(analysis) for block in self.blocks])
        except Exception as error:
            if len(rows) > 1:
                half = len(rows) // 2
                self._fill(batch, rows[:half], values, failures)
                self._fill(batch, rows[half:], values, failures)
            elif isinstance(error, StructureError):
                failures.append(Failure(int(rows[0]), error.reason, error.detail))
            else:
                detail = f"{type(error).__name__}: {error}"
                failures.append(Failure(int(rows[0]), "descriptor_error", detail))


def featurize_compositions(compositions: Compositions, *, with_sites: bool = False) -> FloatArray:
    """Describe compositions given as arrays, for enumerations of millions.

    Args:
        compositions: Atomic numbers and amounts.
        with_sites: Add the columns of the set `fast`: the ions on A, B and X, decided by radius,
            and how strongly the cations hold oxygen.

    Returns:
        Values, (n, 159) or (n, 226); taken in chunks that stay in cache.
    """
    blocks = (
        (COMPOSITION, CHARGES, SITES, OXYGEN_AFFINITY) if with_sites else (COMPOSITION, CHARGES)
    )
    values = np.empty((len(compositions), sum(len(block.columns) for block in blocks)))
    for start in range(0, len(compositions), _CHUNK_FORMULAS):
        rows = slice(start, start + _CHUNK_FORMULAS)
        part = Compositions(compositions.numbers[rows], compositions.amounts[rows])
        charges = oxidation.oxidation_states(part)
        columns = [
            composition.composition_features(part),
            oxidation.charge_features(part, charges),
        ]
        if with_sites:
            anion = oxidation.anion_mask(part, charges)
            roles = sites.assign_sites_by_radius(part, charges, anion)
            columns.append(sites.site_features(part, roles))
            columns.append(oxygen_affinity.oxygen_affinity_features(part, roles))
        values[rows] = np.hstack(columns)
    return values


def featurize_formulas(formulas: Sequence[str], *, with_sites: bool = False) -> Features:
    """Describe formulas: the columns of the set `composition`, or of `fast`.

    Args:
        formulas: Such as `BaTiO3`, `La0.7Sr0.3MnO3` or `Ca3(PO4)2`.
        with_sites: Add the ions on the A, B and X sites, decided by radius.

    Returns:
        Values, (n, 159) or (n, 226); a formula that cannot be read fails with `bad_formula`.
    """
    parsed: dict[int, dict[int, float]] = {}
    failures = []
    for i, formula in enumerate(formulas):
        try:
            parsed[i] = composition.parse_formula(formula)
        except StructureError as error:
            failures.append(Failure(i, error.reason, error.detail))
    columns = composition.COLUMNS + oxidation.COLUMNS
    if with_sites:
        columns += sites.COLUMNS + oxygen_affinity.COLUMNS
    labels = tuple(label for label, _ in columns)
    values = np.full((len(formulas), len(labels)), np.nan)
    if parsed:
        compositions = Compositions.from_amounts(list(parsed.values()))
        values[list(parsed)] = featurize_compositions(compositions, with_sites=with_sites)
    return Features(values, tuple(failures), labels)


def _invalid(batch: CrystalBatch) -> list[Failure]:
    """Find the structures whose arrays are no crystal."""
    failures: list[Failure] = []
    with np.errstate(invalid="ignore"):
        volumes = np.abs(np.linalg.det(batch.lattices)) if len(batch) else np.zeros(0)
    for i in range(len(batch)):
        sites_of = slice(int(batch.offsets[i]), int(batch.offsets[i + 1]))
        numbers, coords = batch.atomic_numbers[sites_of], batch.frac_coords[sites_of]
        if not len(numbers):
            failures.append(Failure(i, "no_sites", "the structure holds no atom"))
        elif not (np.isfinite(volumes[i]) and np.isfinite(coords).all()):
            failures.append(Failure(i, "not_finite", "a lattice vector or coordinate is no number"))
        elif volumes[i] < _MIN_VOLUME:
            failures.append(Failure(i, "flat_cell", f"cell volume {volumes[i]:.2e} Å³"))
        elif numbers.min() < 1 or numbers.max() > 118:
            failures.append(Failure(i, "unknown_element", f"atomic numbers {sorted(set(numbers))}"))
    return failures


def _chunks(batch: CrystalBatch, rows: IntArray) -> list[IntArray]:
    """Cut rows where the number of their sites passes the next multiple of the chunk size."""
    if not len(rows):
        return []
    sizes = np.diff(batch.offsets)[rows]
    chunk = np.cumsum(sizes) // _CHUNK_SITES
    return np.split(rows, np.flatnonzero(np.diff(chunk)) + 1)


def _take(batch: CrystalBatch, rows: IntArray) -> CrystalBatch:
    """Take some structures of a batch."""
    starts, sizes = batch.offsets[rows], np.diff(batch.offsets)[rows]
    offsets = np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64)
    index = np.arange(offsets[-1]) + np.repeat(starts - offsets[:-1], sizes)
    return CrystalBatch(
        batch.lattices[rows],
        batch.atomic_numbers[index],
        batch.frac_coords[index],
        offsets,
        [batch.ids[i] for i in rows],
    )
