"""Write the crystals of the best candidates for ASE: an extended XYZ file or a database."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from matscreen.atomic import replacing, write_atomically
from matscreen.exports.records import RankedCrystal, Scalar, ranked_crystals
from matscreen.structures import Crystal

if TYPE_CHECKING:
    import pandas as pd
    from ase import Atoms

_RENAMED: Final = {"formula": "reduced_formula"}
"""Keys that an ASE database keeps for itself."""


def write_extxyz(
    ranking: pd.DataFrame,
    crystals: Mapping[str, Crystal],
    path: str | os.PathLike[str],
    *,
    top_k: int | None = None,
) -> Path:
    """Write the first structures of a ranking as one extended XYZ file, by ASE, best first.

    The known columns of the best row of each structure are its `info`, with the unit in the key:
    `energy_nominal_J`, `energy_above_hull_eV_per_atom`. Coordinates have the eight decimals of the
    format.

    Args:
        ranking: As for `write_cifs`; units are `attrs["units"]`.
        crystals: As for `write_cifs`.
        path: Target file.
        top_k: How many structures are written at most; all by default.

    Returns:
        The path written.
    """
    from ase.io.extxyz import write_extxyz as write

    images: list[Atoms] = []
    for each in ranked_crystals(ranking, crystals, top_k=top_k):
        atoms = each.crystal.to_ase()
        atoms.info = {key: _kept_text(value) for key, value in each.facts_with_units().items()}
        images.append(atoms)
    text = io.StringIO()
    if images:
        write(text, images)
    return write_atomically(path, text.getvalue())


def write_ase_db(
    ranking: pd.DataFrame,
    crystals: Mapping[str, Crystal],
    path: str | os.PathLike[str],
    *,
    top_k: int | None = None,
) -> Path:
    """Write the first structures of a ranking as an ASE database (SQLite), best first.

    The known columns of the best row of each structure are its key-value pairs, with the unit in
    the key; the formula is `reduced_formula`, because `formula` is a key of ASE, and a text that
    reads as a number, such as 001, stands in quotes, because ASE takes no other. Its
    `data` hold `ranking` (the columns as they are), `units` and `by_mechanism`.

    Args:
        ranking: As for `write_cifs`; units are `attrs["units"]`.
        crystals: As for `write_cifs`.
        path: Target file.
        top_k: How many structures are written at most; all by default.

    Returns:
        The path written.
    """
    from ase.db import connect

    with replacing(path) as temporary:
        database = connect(temporary, type="db", use_lock_file=False)
        with database:
            for each in ranked_crystals(ranking, crystals, top_k=top_k):
                database.write(each.crystal.to_ase(), _key_values(each), data=_data(each))
        # An empty selection leaves no file behind by itself.
        temporary.touch()
    return Path(path)


def _key_values(candidate: RankedCrystal) -> dict[str, Scalar]:
    return {
        _RENAMED.get(key, key): f"'{value}'" if _reads_as_number(value) else value
        for key, value in candidate.facts_with_units().items()
    }


def _data(candidate: RankedCrystal) -> dict[str, Any]:
    return {
        "ranking": candidate.facts(),
        "units": {column.name: column.unit for column in candidate.columns if column.unit},
        "by_mechanism": candidate.by_mechanism(),
    }


def _kept_text(value: Scalar) -> Scalar:
    """Return a value that ASE reads back from an extended XYZ file as what it was.

    A text that would be taken for a number or a truth value is written as the JSON it is. ASE
    escapes no backslash: it becomes a slash, and what would end the line a space.
    """
    if not isinstance(value, str):
        return value
    text = "".join(letter if letter.isprintable() else " " for letter in value)
    text = text.replace("\\", "/").removeprefix("_JSON").strip()
    return f"_JSON {json.dumps(text)}" if _reads_as_number(text) or text in {"T", "F"} else text


def _reads_as_number(value: Scalar) -> bool:
    if not isinstance(value, str):
        return False
    if value.lower() in {"true", "false"}:
        return True
    try:
        # ASE takes a list of numbers for an array.
        [float(part) for part in value.split()]
    except ValueError:
        return False
    return True
