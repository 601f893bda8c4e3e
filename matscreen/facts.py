"""Measured facts of well-known oxides, joined to candidates by formula and space group."""

from __future__ import annotations

from functools import cache
from typing import TYPE_CHECKING, Final

from matscreen.data import data_path
from matscreen.formulas import spelling

if TYPE_CHECKING:
    import pandas as pd

RELATIVE_STD: Final = {"verified": 0.05, "medium": 0.10, "low": 0.30}
"""Standard deviation of a fact over its value, by confidence: sample to sample and recall."""

COLUMNS: Final = (
    "structure_id",
    "property",
    "mean",
    "std",
    "lower",
    "upper",
    "evidence",
    "in_domain",
    "confidence",
    "method",
)
"""Columns of a tidy property table; mean, std, lower and upper are in registry units."""


@cache
def _table() -> pd.DataFrame:
    import pandas as pd

    return pd.read_csv(
        data_path("reference", "facts.csv"),
        dtype={"formula": "str", "spacegroup": "Int64", "note": "str"},
    )


def load_facts() -> pd.DataFrame:
    """Return `data/reference/facts.csv`.

    Returns:
        Columns formula, spacegroup (null for any), property, value, unit, source, confidence
        (`verified`: read in a public text; `medium`, `low`: recalled), note.
    """
    return _table().copy()


def facts_for(candidates: pd.DataFrame) -> pd.DataFrame:
    """Join the facts to candidates by reduced formula and space group.

    A fact without a space group holds for every polymorph; where both kinds exist, the one with the
    space group is used.

    Args:
        candidates: Columns structure_id, formula and, where known, spacegroup.

    Returns:
        A tidy property table (see `COLUMNS`), evidence `measured`. Facts of low confidence say so
        in `confidence`; they never outrank a computed value (`matscreen.evidence.best_evidence`).
    """
    import pandas as pd

    if candidates.empty:
        return pd.DataFrame(columns=list(COLUMNS))
    # pymatgen orders by electronegativity (TiPbO3), people write PbTiO3: compare one spelling.
    left = candidates[["structure_id"]].assign(key=candidates["formula"].map(spelling))
    if "spacegroup" in candidates:
        left["spacegroup"] = candidates["spacegroup"].astype("Int64")
    else:
        left["spacegroup"] = pd.array([pd.NA] * len(left), dtype="Int64")
    table = _table().rename(columns={"spacegroup": "fact_spacegroup"})
    joined = left.merge(table.assign(key=table["formula"].map(spelling)), on="key", how="inner")
    exact = (joined["spacegroup"] == joined["fact_spacegroup"]).fillna(value=False).astype(bool)
    joined["exact"] = exact
    joined = joined[exact | joined["fact_spacegroup"].isna()]
    joined = joined.sort_values(
        ["structure_id", "property", "exact"], ascending=[True, True, False], kind="stable"
    ).drop_duplicates(["structure_id", "property"])
    std = joined["value"].abs() * joined["confidence"].map(RELATIVE_STD).astype(float)
    return pd.DataFrame(
        {
            "structure_id": joined["structure_id"],
            "property": joined["property"],
            "mean": joined["value"].astype(float),
            "std": std.astype(float),
            "lower": joined["value"] - 1.645 * std,
            "upper": joined["value"] + 1.645 * std,
            "evidence": "measured",
            "in_domain": True,
            "confidence": joined["confidence"],
            "method": joined["source"],
        }
    ).reset_index(drop=True)
