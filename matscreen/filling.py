"""Complete the properties of candidates by priors, so that every formula has what it needs."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

from matscreen.priors import PRIORS, prior

if TYPE_CHECKING:
    import pandas as pd

_PHENOMENA: Final = ("transition_temperature", "critical_temperature")
"""Properties that only a measurement shows to exist."""


def fill_missing(
    candidates: pd.DataFrame, properties: pd.DataFrame, wanted: tuple[str, ...]
) -> pd.DataFrame:
    """Add prior rows where a candidate lacks a property.

    Args:
        candidates: Columns structure_id and formula; unique structure_id.
        properties: A tidy property table with at most one row a structure and property.
        wanted: Properties that every candidate should have; those without a prior are skipped.

    Returns:
        The table with the prior rows appended.
    """
    import pandas as pd

    wide = properties.pivot_table(
        index="structure_id", columns="property", values="mean", aggfunc="first"
    )
    info = candidates[["structure_id", "formula"]].set_index("structure_id", drop=False)
    info = info.join(wide.reindex(info.index))
    for name in _PHENOMENA:
        rows = properties[properties["property"] == name]
        evidence = rows.drop_duplicates("structure_id").set_index("structure_id")["evidence"]
        info[f"{name}_evidence"] = evidence.reindex(info.index)
    parts = [properties]
    for name in PRIORS:
        if name not in wanted:
            continue
        known = info[name].notna() if name in info else pd.Series(data=False, index=info.index)
        missing = info[~known]
        if missing.empty:
            continue
        guess = prior(name, missing)
        info.loc[missing.index, name] = guess["mean"]
        parts.append(
            guess.assign(
                structure_id=missing.index, property=name, in_domain=True, confidence="prior"
            ).reset_index(drop=True)
        )
    parts = [part for part in parts if not part.empty]
    return pd.concat(parts, ignore_index=True) if parts else properties
