"""Write the crystals of the best candidates as OPTIMADE JSON Lines, ready to be served.

The format is that of optimade-maker and of the reference server: a header, a description of the
entry type, one entry a line (Evans et al. 2024, Digital Discovery 3, 1509, describe the standard).
"""

from __future__ import annotations

import json
import os
import string
from collections.abc import Mapping
from datetime import UTC, datetime
from functools import reduce
from math import gcd
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from matscreen.atomic import write_atomically
from matscreen.exports.columns import Column, table_columns
from matscreen.exports.records import WHOLE, RankedCrystal, Scalar, ranked_crystals
from matscreen.structures import Crystal

if TYPE_CHECKING:
    import pandas as pd

PREFIX: Final = "_matscreen_"
API_VERSION: Final = "1.2.0"
_STANDARD: Final = {"formula", "structure_id", "chemsys"}
"""Columns that the standard has properties of its own for."""

_UCUM: Final = (("µ", "u"), ("Å", "Ao"), ("²", "2"), ("³", "3"), ("atom", "{atom}"))


def write_optimade(
    ranking: pd.DataFrame,
    crystals: Mapping[str, Crystal],
    path: str | os.PathLike[str],
    *,
    top_k: int | None = None,
    made_at: datetime | None = None,
) -> Path:
    """Write the first structures of a ranking as OPTIMADE JSON Lines, best first.

    An entry's `id` is its structure id. The columns of its best row are `_matscreen_<column>` in
    lower case, as the standard asks for, null where unknown, with unit, type and meaning in the
    line `info` (units in UCUM); `_matscreen_by_mechanism` lists every mechanism.

    Args:
        ranking: As for `write_cifs`; units are `attrs["units"]`.
        crystals: As for `write_cifs`.
        path: Target file.
        top_k: How many structures are written at most; all by default.
        made_at: When the ranking was made, `last_modified` of every entry; now by default.

    Returns:
        The path written.
    """
    candidates = ranked_crystals(ranking, crystals, top_k=top_k)
    moment = (made_at or datetime.now(UTC)).astimezone(UTC).strftime("%Y-%m-%dT%H:%M:%SZ")
    columns = [column for column in table_columns(ranking) if column.name not in _STANDARD]
    kinds = {column.name: _kind(column.name, candidates) for column in columns}
    lines: list[dict[str, Any]] = [
        {"x-optimade": {"meta": {"api_version": API_VERSION}}},
        {
            "type": "info",
            "id": "structures",
            "description": "Crystals ranked by the energy of one switching event",
            "properties": _definitions(columns, kinds),
        },
        *(_entry(candidate, columns, moment) for candidate in candidates),
    ]
    text = "".join(json.dumps(line, allow_nan=False, ensure_ascii=False) + "\n" for line in lines)
    return write_atomically(path, text)


def property_name(column: str) -> str:
    """Return the OPTIMADE property that a column of a ranking becomes."""
    return PREFIX + column.lower()


def _definitions(columns: list[Column], kinds: Mapping[str, str]) -> dict[str, dict[str, Any]]:
    definitions = {}
    for column in columns:
        entry: dict[str, Any] = {
            "description": column.meaning or column.name,
            "type": kinds[column.name],
            "sortable": True,
        }
        if column.unit:
            entry["unit"] = _ucum(column.unit)
        definitions[property_name(column.name)] = entry
    definitions[f"{PREFIX}by_mechanism"] = {
        "description": "Rank, energies in J, chances and evidence under each mechanism, best first",
        "type": "list",
        "sortable": False,
    }
    return definitions


def _ucum(unit: str) -> str:
    """Return a unit as the Unified Code for Units of Measure writes it; the standard asks for it.

    An ångström is `Ao`, and what is counted stands in braces.
    """
    for symbol, code in _UCUM:
        unit = unit.replace(symbol, code)
    return unit


def _kind(name: str, candidates: tuple[RankedCrystal, ...]) -> str:
    """Return the OPTIMADE type of a column, from the table it comes from."""
    import pandas.api.types as kinds

    if not candidates:
        return "string"
    column = candidates[0].rows[name]
    if kinds.is_bool_dtype(column):
        return "boolean"
    if name in WHOLE or kinds.is_integer_dtype(column):
        return "integer"
    return "float" if kinds.is_float_dtype(column) else "string"


def _entry(candidate: RankedCrystal, columns: list[Column], moment: str) -> dict[str, Any]:
    facts = candidate.facts()
    own: dict[str, Scalar | None] = {property_name(c.name): facts.get(c.name) for c in columns}
    return {
        "id": candidate.structure_id,
        "type": "structures",
        "attributes": {
            "immutable_id": candidate.structure_id,
            "last_modified": moment,
            **_crystal(candidate.crystal, str(facts["formula"])),
            **own,
            f"{PREFIX}by_mechanism": candidate.by_mechanism(),
        },
    }


def _crystal(crystal: Crystal, pretty: str) -> dict[str, Any]:
    """Return the standard's properties of an ordered crystal."""
    counts = dict(sorted(crystal.counts.items()))
    shared = reduce(gcd, counts.values())
    reduced = {symbol: count // shared for symbol, count in counts.items()}
    falling = sorted(reduced.values(), reverse=True)
    anonymous = zip(string.ascii_uppercase, falling, strict=False)
    symbols = crystal.to_ase().get_chemical_symbols()
    return {
        "elements": list(counts),
        "nelements": len(counts),
        "elements_ratios": [count / crystal.nsites for count in counts.values()],
        "chemical_formula_descriptive": pretty,
        "chemical_formula_reduced": "".join(map(_counted, reduced.items())),
        "chemical_formula_anonymous": "".join(map(_counted, anonymous)),
        "dimension_types": [1, 1, 1],
        "nperiodic_dimensions": 3,
        "lattice_vectors": crystal.lattice.tolist(),
        "cartesian_site_positions": (crystal.frac_coords @ crystal.lattice).tolist(),
        "nsites": crystal.nsites,
        "species": [
            {"name": symbol, "chemical_symbols": [symbol], "concentration": [1.0]}
            for symbol in counts
        ],
        "species_at_sites": symbols,
        "structure_features": [],
    }


def _counted(pair: tuple[str, int]) -> str:
    name, count = pair
    return f"{name}{count}" if count > 1 else name
