"""Write the crystals of the best candidates as CIF files that any reader takes."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from matscreen.atomic import write_atomically
from matscreen.structures import Crystal, FloatArray

if TYPE_CHECKING:
    import pandas as pd

DECIMALS = 12
"""Decimals of cells and coordinates: far below the tolerance of identity, 0.01 Å."""

_OURS = re.compile(r"\d{3,}_[A-Za-z0-9.-]+_[A-Za-z0-9]{1,8}\.cif")
_SHARED = {
    "structure_id": "structure_id",
    "energy_above_hull": "energy_above_hull_eV_per_atom",
    "source": "source",
    "source_id": "source_id",
}
_PER_MECHANISM = (
    "mechanism",
    "rank",
    "rank_in_mechanism",
    "feasible",
    "energy_nominal_J",
    "energy_lower_J",
    "energy_upper_J",
)


def write_cifs(
    ranking: pd.DataFrame,
    crystals: Mapping[str, Crystal],
    directory: str | os.PathLike[str],
    *,
    top_k: int,
) -> tuple[Path, ...]:
    """Write one CIF file for each of the first structures of a ranking.

    Files are named `001_BaTiO3_<first 8 characters of the structure id>.cif`, numbered in the
    order of the ranking. The cell is written as it is, in space group P 1; the ranking's rows of
    the structure stand in data items `_matscreen_*`. Files of an earlier ranking in the same
    folder are removed, other files stay.

    Args:
        ranking: Rows best first; columns structure_id and formula, and where known those of
            `candidates.csv`.
        crystals: Crystal of each structure id. A structure without one (known by its composition
            only) keeps its number and gets no file.
        directory: Target folder.
        top_k: How many structures are written at most.

    Returns:
        The paths written, best first.
    """
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    best = list(dict.fromkeys(ranking["structure_id"]))[:top_k]
    digits = max(3, len(str(len(best))))
    rows = dict(iter(ranking.groupby("structure_id", sort=False)))
    written = []
    for number, structure_id in enumerate(best, start=1):
        if structure_id not in crystals:
            continue
        formula = str(rows[structure_id]["formula"].iloc[0])
        short = re.sub(r"[^A-Za-z0-9]", "", structure_id)[:8]
        name = f"{number:0{digits}d}_{_plain(formula)}_{short}.cif"
        content = cif_text(crystals[structure_id], rows[structure_id])
        written.append(write_atomically(folder / name, content))
    for path in folder.glob("*.cif"):
        if _OURS.fullmatch(path.name) and path not in written:
            path.unlink()
    return tuple(written)


def cif_text(crystal: Crystal, rows: pd.DataFrame | None = None) -> str:
    """Return a crystal as CIF text, in P 1 and with 12 decimals.

    Args:
        crystal: The crystal.
        rows: Rows of the ranking to put into `_matscreen_*` data items, one a mechanism.
    """
    from pymatgen.io.cif import CifWriter

    wrapped = Crystal(crystal.lattice, crystal.atomic_numbers, _wrapped(crystal.frac_coords))
    file = CifWriter(wrapped.to_pymatgen(), significant_figures=DECIMALS).cif_file
    if rows is not None and len(rows):
        (block,) = file.data.values()
        first = rows.iloc[0]
        for column, item in _SHARED.items():
            if column in rows:
                block.data[f"_matscreen_{item}"] = _value(first[column])
        columns = [column for column in _PER_MECHANISM if column in rows]
        for column in columns:
            block.data[f"_matscreen_{column}"] = [_value(value) for value in rows[column]]
        if columns:
            block.loops.append([f"_matscreen_{column}" for column in columns])
    return str(file) + "\n"


def _wrapped(coords: FloatArray) -> FloatArray:
    """Return coordinates that print in [0, 1): neither -0 nor 1.000000000000."""
    result = np.round(coords - np.floor(coords), DECIMALS)
    return np.asarray(np.where(result >= 1.0, 0.0, result) + 0.0)


def _value(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating):
        return f"{value:.6g}" if np.isfinite(value) else "?"
    # None, NaN of pandas and empty text are the unknown value of CIF.
    text = "" if value is None or value != value else str(value)  # noqa: PLR0124
    return text.strip() or "?"


def _plain(text: str) -> str:
    return re.sub(r"[^A-Za-z0-9.]+", "-", text).strip("-.")
