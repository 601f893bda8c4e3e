"""Write the crystals of the best candidates as CIF and POSCAR files that any reader takes."""

from __future__ import annotations

import os
import re
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from matscreen.atomic import write_atomically
from matscreen.exports.records import BY_MECHANISM, RankedCrystal, ranked_crystals
from matscreen.structures import Crystal

if TYPE_CHECKING:
    import pandas as pd

DECIMALS = 12
"""Decimals of cells and coordinates: far below the tolerance of identity, 0.01 Å."""

_NAME = r"\d{3,}_[A-Za-z0-9.-]+_[A-Za-z0-9]{1,8}"
_CIF = ".cif"
_POSCAR = ".POSCAR.vasp"
_SHARED = {
    "structure_id": "structure_id",
    "energy_above_hull": "energy_above_hull_eV_per_atom",
    "source": "source",
    "source_id": "source_id",
}


def write_cifs(
    ranking: pd.DataFrame,
    crystals: Mapping[str, Crystal],
    directory: str | os.PathLike[str],
    *,
    top_k: int | None = None,
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
        top_k: How many structures are written at most; all by default.

    Returns:
        The paths written, best first.
    """
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    written = [
        write_atomically(folder / f"{each.name}{_CIF}", cif_text(each.crystal, each.rows))
        for each in ranked_crystals(ranking, crystals, top_k=top_k)
    ]
    remove_earlier(folder, _CIF, written)
    return tuple(written)


def write_poscars(
    ranking: pd.DataFrame,
    crystals: Mapping[str, Crystal],
    directory: str | os.PathLike[str],
    *,
    top_k: int | None = None,
) -> tuple[Path, ...]:
    """Write one POSCAR file, by pymatgen, for each of the first structures of a ranking.

    Files are named `001_BaTiO3_<first 8 characters of the structure id>.POSCAR.vasp`, which
    pymatgen, ASE and viewers know for what they are. Sites are sorted by element; a left-handed
    cell is inverted, because VASP takes none. The first line names the material, its place, its
    energy with the 90 % interval, evidence and ids. Files of an earlier ranking in the same folder
    are removed, other files stay.

    Args:
        ranking: As for `write_cifs`.
        crystals: As for `write_cifs`.
        directory: Target folder.
        top_k: How many structures are written at most; all by default.

    Returns:
        The paths written, best first.
    """
    folder = Path(directory)
    folder.mkdir(parents=True, exist_ok=True)
    written = [
        write_atomically(folder / f"{each.name}{_POSCAR}", poscar_text(each))
        for each in ranked_crystals(ranking, crystals, top_k=top_k)
    ]
    remove_earlier(folder, _POSCAR, written)
    return tuple(written)


def poscar_text(candidate: RankedCrystal) -> str:
    """Return a ranked crystal as POSCAR text, fractional coordinates with 12 decimals."""
    from pymatgen.io.vasp import Poscar

    wrapped = _with_wrapped_coords(candidate.crystal).to_pymatgen()
    comment = _one_line(candidate)
    text = Poscar(wrapped, comment=comment, sort_structure=True).get_str(
        significant_figures=DECIMALS
    )
    return str(text)


def _one_line(candidate: RankedCrystal) -> str:
    """Say what a structure is and what the ranking makes of it, in one line."""
    facts = candidate.facts()
    words = [str(facts["formula"])]
    if "rank" in facts:
        words.append(f"rank {facts['rank']}")
    if "mechanism" in facts:
        words.append(str(facts["mechanism"]))
    if "energy_nominal_J" in facts:
        words.append(f"{facts['energy_nominal_J']:.3g} J")
    if "energy_lower_J" in facts and "energy_upper_J" in facts:
        words.append(f"(90 %: {facts['energy_lower_J']:.3g} to {facts['energy_upper_J']:.3g} J)")
    words += [
        str(facts[name]) for name in ("evidence", "structure_id", "source_id") if name in facts
    ]
    return " ".join(" ".join(words).split())


def remove_earlier(folder: Path, suffix: str, written: Sequence[Path]) -> None:
    """Remove the numbered files of an earlier ranking from a folder.

    Args:
        folder: The folder.
        suffix: End of their names.
        written: Files that stay.
    """
    ours = re.compile(_NAME + re.escape(suffix))
    for path in folder.iterdir():
        if ours.fullmatch(path.name) and path not in written:
            path.unlink()


def cif_text(crystal: Crystal, rows: pd.DataFrame | None = None) -> str:
    """Return a crystal as CIF text, in P 1 and with 12 decimals.

    Args:
        crystal: The crystal.
        rows: Rows of the ranking to put into `_matscreen_*` data items, one a mechanism.
    """
    from pymatgen.io.cif import CifWriter

    wrapped = _with_wrapped_coords(crystal).to_pymatgen()
    file = CifWriter(wrapped, significant_figures=DECIMALS).cif_file
    if rows is not None and len(rows):
        (block,) = file.data.values()
        first = rows.iloc[0]
        for column, item in _SHARED.items():
            if column in rows:
                block.data[f"_matscreen_{item}"] = _value(first[column])
        columns = [column for column in BY_MECHANISM if column in rows]
        for column in columns:
            block.data[f"_matscreen_{column}"] = [_value(value) for value in rows[column]]
        if columns:
            block.loops.append([f"_matscreen_{column}" for column in columns])
    return str(file) + "\n"


def _with_wrapped_coords(crystal: Crystal) -> Crystal:
    """Return a crystal whose coordinates print in [0, 1): neither -0 nor 1.000000000000."""
    coords = np.round(crystal.frac_coords - np.floor(crystal.frac_coords), DECIMALS)
    wrapped = np.where(coords >= 1.0, 0.0, coords) + 0.0
    return Crystal(crystal.lattice, crystal.atomic_numbers, wrapped)


def _value(value: Any) -> str:
    if isinstance(value, bool | np.bool_):
        return "yes" if value else "no"
    if isinstance(value, float | np.floating):
        return f"{value:.6g}" if np.isfinite(value) else "?"
    # None, NaN of pandas and empty text are the unknown value of CIF.
    text = "" if value is None or value != value else str(value)  # noqa: PLR0124
    return text.strip() or "?"
