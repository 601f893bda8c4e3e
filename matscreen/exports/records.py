"""The crystals of a ranking with what the ranking says of them, one record a structure."""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from matscreen.exports.columns import Column, name_with_unit, table_columns
from matscreen.structures import Crystal

if TYPE_CHECKING:
    import pandas as pd

Scalar = str | int | float | bool

BY_MECHANISM: Final = (
    "mechanism",
    "rank",
    "rank_in_mechanism",
    "feasible",
    "energy_nominal_J",
    "energy_lower_J",
    "energy_upper_J",
    "energy_floor_J",
    "energy_ceiling_J",
    "p_feasible",
    "p_top_10",
    "evidence",
)
"""Columns that differ between the rows of one structure and are kept for each of its mechanisms."""

WHOLE: Final = ("spacegroup",)
"""Columns of whole numbers that have gaps."""


@dataclass(frozen=True, eq=False)
class RankedCrystal:
    """A crystal and its rows of a ranking.

    Attributes:
        number: Its place among the structures of the ranking, from 1.
        name: Name for files, `001_BaTiO3_<first 8 characters of the structure id>`.
        structure_id: Its identity.
        crystal: The crystal.
        rows: Its rows, one a mechanism, best first.
        columns: What the columns of the rows are.
    """

    number: int
    name: str
    structure_id: str
    crystal: Crystal
    rows: pd.DataFrame
    columns: tuple[Column, ...]

    def facts(self) -> dict[str, Scalar]:
        """Return the known values of its best row by column."""
        return _known(self.rows.iloc[0])

    def facts_with_units(self) -> dict[str, Scalar]:
        """Return the known values of its best row by column with the unit in the name."""
        known = self.facts()
        return {name_with_unit(c): known[c.name] for c in self.columns if c.name in known}

    def by_mechanism(self) -> list[dict[str, Scalar]]:
        """Return what each of its mechanisms makes of it, best first."""
        columns = [name for name in BY_MECHANISM if name in self.rows]
        return [_known(row) for _, row in self.rows[columns].iterrows()]


def ranked_crystals(
    ranking: pd.DataFrame, crystals: Mapping[str, Crystal], *, top_k: int | None = None
) -> tuple[RankedCrystal, ...]:
    """Pair the first structures of a ranking with their crystals.

    Args:
        ranking: Rows best first; columns structure_id and formula, and where known those of
            `candidates.csv`.
        crystals: Crystal of each structure id. A structure without one (known by its composition
            only) keeps its number and is left out.
        top_k: How many structures are looked at; all by default.
    """
    best = list(dict.fromkeys(ranking["structure_id"]))[:top_k]
    digits = max(3, len(str(len(best))))
    shown = ranking[ranking["structure_id"].isin(set(best) & set(crystals))]
    rows = dict(iter(shown.groupby("structure_id", sort=False)))
    columns = table_columns(ranking)
    found = []
    for number, structure_id in enumerate(best, start=1):
        if structure_id in crystals:
            formula = re.sub(r"[^A-Za-z0-9.]+", "-", str(rows[structure_id]["formula"].iloc[0]))
            short = re.sub(r"[^A-Za-z0-9]", "", structure_id)[:8]
            name = f"{number:0{digits}d}_{formula.strip('-.')}_{short}"
            crystal = crystals[structure_id]
            mine = rows[structure_id]
            found.append(RankedCrystal(number, name, structure_id, crystal, mine, columns))
    return tuple(found)


def scalar(value: Any) -> Scalar | None:
    """Return a value of a table as Python has it; None where it is unknown."""
    if isinstance(value, bool | np.bool_):
        return bool(value)
    if isinstance(value, int | np.integer):
        return int(value)
    if isinstance(value, float | np.floating):
        return float(value) if np.isfinite(value) else None
    if isinstance(value, list | tuple):
        return "; ".join(map(str, value)) or None
    # None, pandas' NA and NaT, and empty texts.
    if value is None or type(value).__name__ in {"NAType", "NaTType"}:
        return None
    return str(value).strip() or None


def _known(row: pd.Series[Any]) -> dict[str, Scalar]:
    values = {str(name): scalar(value) for name, value in row.items()}
    # A column with gaps is one of floats.
    return {
        name: int(value) if name in WHOLE and isinstance(value, float) else value
        for name, value in values.items()
        if value is not None
    }
