"""Read a CIF entry, and refuse the ones that would silently give another crystal.

CIF files in the wild often parse into something else than was measured: hydrogens never located,
a space group in another setting than the cell, every symmetry copy listed as an atom of its own.
An entry is taken only when its symmetry fits its cell and its atoms add up to its own formula.
"""

from __future__ import annotations

import io
import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from itertools import pairwise
from typing import Any, Final

import numpy as np
from ase.io.cif import parse_cif
from pymatgen.core import Composition, Lattice
from pymatgen.io.cif import CifParser

from matscreen.errors import StructureError
from matscreen.sources.disorder import DisorderedCrystal, DisorderError
from matscreen.structures import Crystal, FloatArray

_BLOCK = re.compile(r"^[ \t]*data_", re.MULTILINE | re.IGNORECASE)
_OPERATIONS = ("symop_operation_xyz", "symop.operation_xyz", "equiv_pos_as_xyz")
_FORMULAS = ("_chemical_formula_sum", "_chemical_formula_structural")

# Amounts are quoted with two or three digits, for example 0.33 for a third.
_FORMULA_TOLERANCE: Final = 0.02
_METRIC_TOLERANCE: Final = 0.02
# Coinciding atoms of one kind are merged into one site up to this many; the formula decides
# whether the file meant that.
_MOST_COPIES: Final = 1000.0
# Special positions are quoted with three or four digits, so that copies miss each other by that.
_SITE_TOLERANCE: Final = 1e-3


@dataclass(frozen=True)
class CifEntry:
    """One crystal of a CIF file.

    Attributes:
        crystal: The crystal, in the cell of the file.
        cod_id: Number in the Crystallography Open Database, when the file gives it.
    """

    crystal: Crystal
    cod_id: str | None


def split_blocks(text: str) -> Iterator[str]:
    """Yield the data blocks of a CIF text that list atoms; all its text when none does."""
    starts = [match.start() for match in _BLOCK.finditer(text)]
    blocks = [text[start:end] for start, end in pairwise([*starts, len(text)])]
    with_atoms = [block for block in blocks if "_atom_site_" in block.lower()]
    yield from with_atoms or [text]


def read_block(block: str, *, max_sites: int) -> CifEntry:
    """Read one data block.

    Args:
        block: Text from `data_` on.
        max_sites: Largest cell to read; a listing much longer than this is refused unread.

    Raises:
        StructureError: `unreadable`, `too_large`, `disordered`, `missing_atoms`,
            `missing_hydrogen`, `wrong_formula` or `wrong_symmetry`.
        Exception: Whatever the CIF parser raises on broken text.
    """
    parser = CifParser.from_str(
        block,
        occupancy_tolerance=_MOST_COPIES,
        site_tolerance=_SITE_TOLERANCE,
        check_cif=False,
    )
    tags: dict[str, Any] = next(iter(parser.as_dict().values()), {})
    listed = len(tags.get("_atom_site_label", tags.get("_atom_site_type_symbol", ())))
    if listed == 0:
        raise StructureError("unreadable", "the file lists no atoms")
    if listed > 2 * max_sites:  # symmetry copies may be listed, so leave room
        raise StructureError("too_large", f"the file lists {listed} atoms")
    crystal, doubt = _as_written(parser, tags)
    if doubt is not None:
        other = _other_setting(block, tags)
        if other is None:
            raise doubt
        crystal = other
    if crystal.nsites > max_sites:
        raise StructureError("too_large", f"{crystal.nsites} sites in the cell")
    cod_id = str(tags.get("_cod_database_code") or "").strip()
    return CifEntry(crystal, cod_id if cod_id.isdigit() else None)


def _as_written(
    parser: CifParser, tags: Mapping[str, Any]
) -> tuple[Crystal, StructureError | None]:
    """Read the block as it stands; also say what speaks against the result."""
    structure = parser.parse_structures(primitive=False, on_error="raise")[0]
    rotations = np.array([op.rotation_matrix for op in parser.symmetry_operations])
    if not structure.is_ordered:
        disordered = DisorderedCrystal.from_pymatgen(structure)
        # What contradicts itself is not worth ordering.
        sound = _fits(rotations, structure.lattice)
        sound = sound and _formula_doubt(structure.composition, tags) is None
        raise DisorderError(
            f"{structure.formula} has partial occupancies", disordered if sound else None
        )
    crystal = Crystal.from_pymatgen(structure)
    doubt = _formula_doubt(structure.composition, tags)
    if not _fits(rotations, structure.lattice):
        doubt = StructureError("wrong_symmetry", "the symmetry operations do not fit the cell")
    elif _formula(tags) is None:
        # Nothing in the file can confirm a guess, so none is taken.
        if "implicit_hydrogens" in structure.site_properties:
            doubt = StructureError(
                "missing_hydrogen", "water or hydroxyl without hydrogen positions"
            )
        elif any("sum to > 1" in warning for warning in parser.warnings):
            doubt = StructureError("overlapping_sites", "several atoms share one site")
    return crystal, doubt


def _other_setting(block: str, tags: Mapping[str, Any]) -> Crystal | None:
    """Try both standard settings of a space group that is given by name only.

    Rhombohedral groups have two, and old files name the group without saying which one.
    """
    if any(key.lower().endswith(_OPERATIONS) for key in tags) or _formula(tags) is None:
        return None
    for setting in (2, 1):
        try:
            cif = next(iter(parse_cif(io.StringIO(_plain_symbol(block, setting)))))
            atoms = cif.get_atoms()
            rotations = cif.get_spacegroup(subtrans_included=True).get_op()[0]
        except Exception:  # noqa: S112 - a setting that does not exist or does not parse
            continue
        composition = Composition(atoms.get_chemical_formula())
        if _fits(rotations, Lattice(atoms.cell.array)) and not _formula_doubt(composition, tags):
            return Crystal.from_ase(atoms)
    return None


def _plain_symbol(block: str, setting: int) -> str:
    """Drop remarks such as `{rhombohedral axes}` from the space group, and state a setting."""
    plain = re.sub(r"(_name_H-M\w*\s+'[^'{]*?)\s*\{[^}]*\}", r"\1", block, flags=re.IGNORECASE)
    head, newline, rest = plain.partition("\n")
    return f"{head}{newline}_symmetry_space_group_setting {setting}\n{rest}"


def _fits(rotations: FloatArray, lattice: Lattice) -> bool:
    """Say whether every rotation keeps the lengths and angles of the cell."""
    metric = lattice.matrix @ lattice.matrix.T
    moved = np.einsum("nji,jk,nkl->nil", rotations, metric, rotations)
    return bool(np.abs(moved - metric).max() <= _METRIC_TOLERANCE * np.abs(metric).max())


def _formula(tags: Mapping[str, Any]) -> Composition | None:
    """Return the formula the file states, deuterium as hydrogen, or None."""
    for key in _FORMULAS:
        text = str(tags.get(key) or "").strip().strip("?.'\" ")
        if not text:
            continue
        try:
            stated = Composition(text).remove_charges()
        except (ValueError, KeyError):
            continue
        return _without_isotopes(stated)
    return None


def _formula_doubt(found: Composition, tags: Mapping[str, Any]) -> StructureError | None:
    stated = _formula(tags)
    if stated is None:
        return None
    found = _without_isotopes(found.remove_charges())
    missing = sorted({e.symbol for e in stated} - {e.symbol for e in found})
    if missing:
        reason = "missing_hydrogen" if missing == ["H"] else "missing_atoms"
        return StructureError(reason, f"the file names {', '.join(missing)} but gives no position")
    shares = {e.symbol for e in stated} | {e.symbol for e in found}
    if any(
        abs(stated.get_atomic_fraction(e) - found.get_atomic_fraction(e))
        > _FORMULA_TOLERANCE * max(stated.get_atomic_fraction(e), 0.05)
        for e in shares
    ):
        return StructureError(
            "wrong_formula",
            f"the atoms add up to {found.reduced_formula}, the file says {stated.reduced_formula}",
        )
    return None


def _without_isotopes(composition: Composition) -> Composition:
    amounts: dict[str, float] = {}
    for element, amount in composition.items():
        symbol = "H" if element.symbol in {"D", "T"} else str(element.symbol)
        amounts[symbol] = amounts.get(symbol, 0.0) + amount
    return Composition(amounts)
