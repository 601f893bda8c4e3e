"""Structure types as templates: roles on sites, scaled to the ions that take the roles."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

import numpy as np

from matscreen.sources._ions import BOND_VALENCE_B, Ion, bond_valence_r0
from matscreen.structures import Crystal, FloatArray

# Stand-in elements of the roles while a template is built with ASE or pymatgen.
_STAND_IN = {"A": "Sr", "B": "Ti", "C": "Zn", "O": "O"}
_CUTOFF = 4.2


@dataclass(frozen=True, eq=False)
class Template:
    """A structure type with roles instead of elements.

    Attributes:
        name: Name of the structure type.
        spacegroup: Number of its space group.
        roles: Role of each site: ``A``, ``B``, ``C`` for cations, ``O`` for oxygen.
        lattice: Lattice vectors as rows for the archetype's ions, (3, 3), Å.
        frac_coords: Fractional coordinates, (n, 3).
    """

    name: str
    spacegroup: int
    roles: tuple[str, ...]
    lattice: FloatArray
    frac_coords: FloatArray

    @cached_property
    def cation_roles(self) -> tuple[str, ...]:
        """Roles of the cations, sorted."""
        return tuple(sorted(set(self.roles) - {"O"}))

    @cached_property
    def counts(self) -> dict[str, int]:
        """Number of sites of each role in the cell."""
        return {role: self.roles.count(role) for role in (*self.cation_roles, "O")}

    @cached_property
    def bonds(self) -> dict[str, FloatArray]:
        """Cation-oxygen distances of all sites of each cation role, Å."""
        from ase.neighborlist import neighbor_list

        first, second, length = neighbor_list("ijd", self._atoms(), _CUTOFF)
        roles = np.array(self.roles)
        return {
            role: np.asarray(length[(roles[first] == role) & (roles[second] == "O")], np.float64)
            for role in self.cation_roles
        }

    @cached_property
    def shortest(self) -> float:
        """Shortest distance between any two sites, Å."""
        from ase.neighborlist import neighbor_list

        return float(neighbor_list("d", self._atoms(), _CUTOFF).min())

    def is_neutral(self, ions: Mapping[str, Ion]) -> bool:
        """Say whether the ions in their roles balance the charge of the oxygens."""
        total = sum(ions[role].charge * self.counts[role] for role in self.cation_roles)
        return total == 2 * self.counts["O"]

    def scale(self, ions: Mapping[str, Ion]) -> float:
        """Return the factor on the lattice at which all bond valences add up to all charges.

        It solves sum over bonds of exp((R0 - scale d) / 0.37 Å) = sum of cation charges.
        """
        target = math.log(sum(ions[r].charge * self.counts[r] for r in self.cation_roles))
        length = np.concatenate([self.bonds[role] for role in self.cation_roles])
        origin = np.concatenate(
            [np.full(len(self.bonds[r]), _r0(ions[r])) for r in self.cation_roles]
        )
        factor = 1.0
        # The logarithm of the sum is nearly linear in the factor: Newton settles in a few steps.
        for _ in range(12):
            valence = np.exp((origin - factor * length) / BOND_VALENCE_B)
            total = valence.sum()
            slope = -float((valence * length).sum()) / (BOND_VALENCE_B * total)
            step = (math.log(total) - target) / slope
            factor -= step
            if abs(step) < 1e-9:
                break
        return factor

    def instability(self, ions: Mapping[str, Ion], factor: float) -> float:
        """Return the root mean square misfit of cation valence sums, valence units.

        The misfit is taken over roles, weighted by their number of sites (global instability
        index of Salinas-Sanchez et al. 1992, cations only).
        """
        square, sites = 0.0, 0
        for role in self.cation_roles:
            number = self.counts[role]
            lengths = factor * self.bonds[role]
            valence = float(np.exp((_r0(ions[role]) - lengths) / BOND_VALENCE_B).sum()) / number
            square += number * (valence - ions[role].charge) ** 2
            sites += number
        return math.sqrt(square / sites)

    def build(self, ions: Mapping[str, Ion], factor: float) -> Crystal:
        """Return the crystal with the ions in their roles and the lattice scaled."""
        symbols = {role: _number(ion.symbol) for role, ion in ions.items()} | {"O": 8}
        numbers = np.array([symbols[role] for role in self.roles], dtype=np.int64)
        return Crystal(self.lattice * factor, numbers, self.frac_coords)

    def _atoms(self) -> Any:
        from ase import Atoms

        return Atoms(
            [_STAND_IN[role] for role in self.roles],
            scaled_positions=self.frac_coords,
            cell=self.lattice,
            pbc=True,
        )


def from_wyckoff(
    name: str,
    spacegroup: int,
    cell: Sequence[float],
    sites: Sequence[tuple[str, tuple[float, float, float]]],
    *,
    setting: int = 1,
) -> Template:
    """Build a template from one representative of each orbit, with ASE.

    Args:
        name: Name of the structure type.
        spacegroup: Number of its space group.
        cell: a, b, c in Å and the three angles in degrees of the conventional cell.
        sites: Role and fractional coordinates of each orbit.
        setting: Origin choice of ASE's space-group table.
    """
    from ase.spacegroup import Spacegroup, crystal

    # A primitive lattice needs no reduction, and ASE's loses atoms near a cell face.
    centred = Spacegroup(spacegroup, setting=setting).lattice != "P"
    atoms = crystal(
        [_STAND_IN[role] for role, _ in sites],
        [list(position) for _, position in sites],
        spacegroup=spacegroup,
        setting=setting,
        cellpar=list(cell),
        primitive_cell=centred,
        symprec=1e-4,
    )
    return _finish(
        name,
        spacegroup,
        atoms.get_chemical_symbols(),
        atoms.cell.array,
        atoms.get_scaled_positions(),
    )


def from_aflow(name: str, spacegroup: int, label: str, roles: Mapping[str, str]) -> Template:
    """Take a template from pymatgen's copy of the AFLOW prototype library.

    Args:
        name: Name of the structure type.
        spacegroup: Number of its space group.
        label: AFLOW label, such as ``A2B_tP6_136_f_a``.
        roles: Element of the library's structure to role.
    """
    structure = _aflow_library()[label]
    lookup = {element: _STAND_IN[role] for element, role in roles.items()}
    symbols = [lookup[site.specie.symbol] for site in structure]
    return _finish(name, spacegroup, symbols, structure.lattice.matrix, structure.frac_coords)


def from_pymatgen(name: str, spacegroup: int, prototype: str, roles: str, edge: float) -> Template:
    """Build one of pymatgen's named cubic prototypes in its primitive cell.

    Args:
        name: Name of the structure type.
        spacegroup: Number of its space group.
        prototype: Name that ``Structure.from_prototype`` knows.
        roles: Roles of its orbits, one letter each.
        edge: Cubic lattice parameter, Å.
    """
    from pymatgen.core import Structure

    full = Structure.from_prototype(prototype, [_STAND_IN[role] for role in roles], a=edge)
    structure = full.get_primitive_structure()
    symbols = [site.specie.symbol for site in structure]
    return _finish(name, spacegroup, symbols, structure.lattice.matrix, structure.frac_coords)


def _finish(
    name: str, spacegroup: int, symbols: Sequence[str], lattice: Any, positions: Any
) -> Template:
    roles = {element: role for role, element in _STAND_IN.items()}
    # Rounding removes the last bits that depend on the linear algebra library; the structures
    # must be the same on every machine.
    matrix: FloatArray = np.asarray(lattice, dtype=np.float64)
    coords: FloatArray = np.asarray(positions, dtype=np.float64)
    sites = tuple(roles[symbol] for symbol in symbols)
    return Template(name, spacegroup, sites, matrix.round(8), coords.round(8) % 1.0)


@cache
def _aflow_library() -> dict[str, Any]:
    import warnings

    with warnings.catch_warnings():
        # The module's import chain reaches a parser that warns about its own grammar.
        warnings.simplefilter("ignore")
        from pymatgen.analysis.prototypes import AFLOW_PROTOTYPE_LIBRARY

    return {entry["tags"]["aflow"]: entry["snl"].structure for entry in AFLOW_PROTOTYPE_LIBRARY}


@cache
def _number(symbol: str) -> int:
    from pymatgen.core import Element

    return int(Element(symbol).Z)


def _r0(ion: Ion) -> float:
    return bond_valence_r0(ion.symbol, ion.charge)
