"""The canonical crystal: three arrays, converted to pymatgen and ASE only at the edge.

`Crystal` is one structure; `CrystalBatch` is many of them in flat arrays, as they lie in the
store (Arrow lists), so that descriptors never build an object per structure.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property, lru_cache
from math import gcd
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from matscreen.errors import StructureError

if TYPE_CHECKING:
    import pyarrow as pa
    from ase import Atoms
    from pymatgen.core import Structure

FloatArray = npt.NDArray[np.float64]
IntArray = npt.NDArray[np.int64]


@dataclass(frozen=True, eq=False)
class Crystal:
    """An ordered periodic structure.

    Attributes:
        lattice: Lattice vectors as rows, (3, 3), Å.
        atomic_numbers: Atomic number of each site, (n,).
        frac_coords: Fractional coordinates, (n, 3).

    Raises:
        StructureError: The arrays are no crystal: `bad_sites`, `not_finite`, `flat_cell` or
            `unknown_element`.

    Examples:
        >>> salt = Crystal(2.105 * (1 - np.eye(3)), [12, 8], [[0, 0, 0], [0.5, 0.5, 0.5]])
        >>> salt.formula, salt.nsites, round(salt.volume, 2)
        ('MgO', 2, 18.65)
        >>> salt.to_pymatgen().get_space_group_info()
        ('Fm-3m', 225)
    """

    lattice: FloatArray
    atomic_numbers: IntArray
    frac_coords: FloatArray

    def __post_init__(self) -> None:
        lattice = np.ascontiguousarray(self.lattice, dtype=np.float64).reshape(3, 3)
        numbers = np.ascontiguousarray(self.atomic_numbers, dtype=np.int64).reshape(-1)
        coords = np.ascontiguousarray(self.frac_coords, dtype=np.float64).reshape(-1, 3)
        if len(numbers) != len(coords) or len(numbers) == 0:
            raise StructureError(
                "bad_sites", f"{len(numbers)} atomic numbers but {len(coords)} coordinates"
            )
        if not (np.isfinite(lattice).all() and np.isfinite(coords).all()):
            raise StructureError("not_finite", "the lattice or a coordinate is not a finite number")
        if abs(np.linalg.det(lattice)) < 1e-3:
            raise StructureError(
                "flat_cell", f"cell volume {np.linalg.det(lattice):.2e} Å³ is no crystal"
            )
        if numbers.min() < 1 or numbers.max() > 118:
            raise StructureError("unknown_element", f"atomic numbers {sorted(set(numbers))}")
        object.__setattr__(self, "lattice", lattice)
        object.__setattr__(self, "atomic_numbers", numbers)
        object.__setattr__(self, "frac_coords", coords)

    @classmethod
    def from_pymatgen(cls, structure: Structure) -> Crystal:
        """Take an ordered pymatgen structure; oxidation states are dropped.

        Raises:
            StructureError: A site is disordered, or a species is not an element.
        """
        if not structure.is_ordered:
            raise StructureError("disordered", f"{structure.formula} has partial occupancies")
        numbers = [getattr(site.specie, "Z", None) for site in structure]
        if None in numbers:
            raise StructureError("unknown_element", f"{structure.formula} holds a dummy species")
        return cls(structure.lattice.matrix, np.array(numbers), structure.frac_coords)

    @classmethod
    def from_ase(cls, atoms: Atoms) -> Crystal:
        """Take ASE atoms that are periodic in three directions.

        Raises:
            StructureError: The atoms are not periodic in three directions.
        """
        if not all(atoms.pbc):
            raise StructureError(
                "not_periodic", f"pbc is {list(atoms.pbc)}, a crystal needs all three"
            )
        return cls(atoms.cell.array, atoms.numbers, atoms.get_scaled_positions(wrap=False))

    def to_pymatgen(self) -> Structure:
        """Return the same crystal as a pymatgen `Structure`."""
        from pymatgen.core import Structure

        return Structure(self.lattice, [int(z) for z in self.atomic_numbers], self.frac_coords)

    def to_ase(self) -> Atoms:
        """Return the same crystal as ASE `Atoms`, periodic in three directions."""
        from ase import Atoms

        return Atoms(
            numbers=self.atomic_numbers,
            scaled_positions=self.frac_coords,
            cell=self.lattice,
            pbc=True,
        )

    @property
    def volume(self) -> float:
        """Cell volume, Å³."""
        return float(abs(np.linalg.det(self.lattice)))

    @property
    def nsites(self) -> int:
        """Number of sites in the cell."""
        return len(self.atomic_numbers)

    @cached_property
    def counts(self) -> dict[str, int]:
        """Number of atoms of each element in the cell, by symbol, in the order of the formula."""
        # Ten times faster than numpy.unique for the few atoms of a cell.
        found = {_symbol(z): n for z, n in Counter(self.atomic_numbers.tolist()).items()}
        return {symbol: found[symbol] for symbol in sorted(found, key=formula_place)}

    @cached_property
    def formula(self) -> str:
        """Reduced formula as chemists write it, for example `PbTiO3`; see `reduced_formula`."""
        return reduced_formula(self.counts)

    @property
    def chemsys(self) -> str:
        """Chemical system, elements in alphabetical order joined by `-`."""
        return "-".join(sorted(self.counts))

    @cached_property
    def content_hash(self) -> str:
        """sha256 of the exact arrays; a cache key, never an identity."""
        digest = hashlib.sha256()
        for array in (self.lattice, self.atomic_numbers, self.frac_coords):
            digest.update(np.ascontiguousarray(array).tobytes())
        return digest.hexdigest()


def reduced_formula(composition: str | Mapping[str, float]) -> str:
    """Return the reduced formula with the cations in order of falling ionic radius.

    pymatgen sorts by electronegativity and so writes TiPbO3 and FeBiO3; here the larger cation
    comes first, as in PbTiO3 and BiFeO3, and the anions come last.

    Args:
        composition: A formula in any order, or amounts by element symbol.

    Examples:
        >>> reduced_formula("Ti2Pb2O6"), reduced_formula({"Fe": 4.0, "O": 6.0})
        ('PbTiO3', 'Fe2O3')
    """
    amounts = _reduced_amounts(composition)
    return "".join(
        f"{symbol}{amounts[symbol]:g}" if amounts[symbol] != 1 else symbol
        for symbol in sorted(amounts, key=formula_place)
    )


@cache
def _symbol(number: int) -> str:
    from pymatgen.core import Element

    return str(Element.from_Z(number).symbol)


def _reduced_amounts(composition: str | Mapping[str, float]) -> dict[str, float]:
    if isinstance(composition, Mapping) and all(isinstance(n, int) for n in composition.values()):
        # Fast for the cells of a database; one and two elements have their exceptions (O2, Li2O2).
        divisor = gcd(*(int(n) for n in composition.values()))
        whole = {symbol: float(n // divisor) for symbol, n in composition.items()}
        return whole if len(whole) > 2 else dict(_reduced_few(tuple(whole.items())))
    return _reduced_by_pymatgen(composition)


@lru_cache(maxsize=1 << 12)
def _reduced_few(amounts: tuple[tuple[str, float], ...]) -> tuple[tuple[str, float], ...]:
    return tuple(_reduced_by_pymatgen(dict(amounts)).items())


def _reduced_by_pymatgen(composition: str | Mapping[str, float]) -> dict[str, float]:
    from pymatgen.core import Composition

    reduced, _ = Composition(composition).get_reduced_composition_and_factor()
    return {element.symbol: float(n) for element, n in reduced.items()}


# The common state is not the highest one for these.
_COMMON_STATE = {"Ce": 3, "Co": 2, "Cr": 3, "Hg": 2, "Mn": 3, "Ni": 2, "Pb": 2, "Pd": 2, "Tl": 1}


@cache
def formula_place(symbol: str) -> tuple[int, float, str]:
    """Return the sort key of an element in a formula: cations by falling radius, then anions."""
    from pymatgen.core import Element

    element = Element(symbol)
    electronegativity = element.X if element.X == element.X else 0.0
    if symbol in {"N", "O", "F", "S", "Cl", "Se", "Br", "I"}:
        return 1, electronegativity, symbol
    state = _COMMON_STATE.get(symbol, max(element.common_oxidation_states, default=0))
    shannon = element.data.get("Shannon radii") or {}
    sixfold = shannon.get(str(state), {}).get("VI", {})
    radii = [float(spin["ionic_radius"]) for spin in sixfold.values()]
    radius = max(radii, default=float(element.average_ionic_radius or element.atomic_radius or 0.0))
    return 0, -radius, symbol


@dataclass(frozen=True, eq=False)
class CrystalBatch:
    """Many crystals in flat arrays.

    Attributes:
        lattices: (n, 3, 3), Å.
        atomic_numbers: All sites one after another, (total sites,).
        frac_coords: (total sites, 3).
        offsets: Site range of structure i is offsets[i] .. offsets[i + 1], (n + 1,).
        ids: Identifier of each structure, (n,).
    """

    lattices: FloatArray
    atomic_numbers: IntArray
    frac_coords: FloatArray
    offsets: IntArray
    ids: Sequence[str]

    def __len__(self) -> int:
        return len(self.offsets) - 1

    def __getitem__(self, index: int) -> Crystal:
        sites = slice(int(self.offsets[index]), int(self.offsets[index + 1]))
        return Crystal(self.lattices[index], self.atomic_numbers[sites], self.frac_coords[sites])

    def __iter__(self) -> Iterator[Crystal]:
        return (self[i] for i in range(len(self)))

    @classmethod
    def from_crystals(
        cls, crystals: Iterable[Crystal], ids: Sequence[str] | None = None
    ) -> CrystalBatch:
        """Pack crystals.

        Args:
            crystals: The crystals.
            ids: Identifier of each; their positions when not given.
        """
        items = list(crystals)
        sizes = [c.nsites for c in items]
        if not items:
            return cls(
                np.zeros((0, 3, 3)),
                np.zeros(0, np.int64),
                np.zeros((0, 3)),
                np.zeros(1, np.int64),
                [],
            )
        return cls(
            np.stack([c.lattice for c in items]),
            np.concatenate([c.atomic_numbers for c in items]),
            np.concatenate([c.frac_coords for c in items]),
            np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            list(ids) if ids is not None else [str(i) for i in range(len(items))],
        )

    @classmethod
    def from_arrow(cls, candidates: pa.Table) -> CrystalBatch:
        """Read a `candidates` table straight into arrays, without an object for each row.

        Raises:
            StructureError: A candidate has a composition but no cell.
        """
        if candidates["lattice"].null_count:
            bare = candidates["lattice"].null_count
            raise StructureError("no_cell", f"{bare} of {candidates.num_rows} candidates")
        table = candidates.combine_chunks()
        if table.num_rows == 0:
            return cls.from_crystals([])

        def flat(name: str) -> npt.NDArray[Any]:
            values = table[name].chunk(0).flatten()
            return np.asarray(values.to_numpy(zero_copy_only=False))

        sizes = table["atomic_numbers"].chunk(0).value_lengths().to_numpy(zero_copy_only=False)
        return cls(
            flat("lattice").astype(np.float64).reshape(-1, 3, 3),
            flat("atomic_numbers").astype(np.int64),
            flat("frac_coords").astype(np.float64).reshape(-1, 3),
            np.concatenate([[0], np.cumsum(sizes)]).astype(np.int64),
            table["structure_id"].to_pylist(),
        )
