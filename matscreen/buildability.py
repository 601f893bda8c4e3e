"""Whether the candidates of a screen could be made: what rules some out, what is worth a note."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

if TYPE_CHECKING:
    import pandas as pd

    from matscreen.config import Constraints


UNITS: Final = {"crystallisation_temperature": "K"}
"""Units of the columns that `with_notes` adds."""


def assess_candidates(candidates: pd.DataFrame, values: pd.DataFrame) -> pd.DataFrame:
    """Say what stands in the way of making each candidate; see `matscreen.fabrication.assess`.

    Args:
        candidates: Columns structure_id, formula and, where known, source.
        values: Tidy property table; melting points that it lacks are guessed.
    """
    from matscreen.fabrication import assess
    from matscreen.filling import fill_missing

    known = values[values["property"] == "melting_temperature"]
    melting = fill_missing(candidates, known, ("melting_temperature",))
    return assess(candidates, melting.set_index("structure_id")["mean"])


def ruled_out(
    constraints: Constraints, candidates: pd.DataFrame, assessed: pd.DataFrame
) -> dict[str, tuple[str, ...]]:
    """Return the candidates that break a constraint on their elements or process, with reasons."""
    from matscreen.fabrication import barred

    return barred(
        assessed,
        formulas=candidates["formula"],
        allow_hazardous=constraints.allow_hazardous,
        exclude_elements=constraints.exclude_elements,
        max_hhi=constraints.max_hhi,
        require_made=constraints.require_made,
        max_process_temperature=constraints.max_process_temperature,
    )


def smallest_diagnostics(constraints: Constraints) -> dict[str, float]:
    """Return the diagnostics that must reach a value, with the value."""
    asked = {
        "endurance_margin": constraints.min_endurance_margin,
        "on_off_decades": constraints.min_on_off_decades,
    }
    return {name: value for name, value in asked.items() if value is not None}


def with_notes(ranking: pd.DataFrame, assessed: pd.DataFrame) -> pd.DataFrame:
    """Add the columns of `assess_candidates` to a ranking, restricted elements to its flags."""
    columns = [name for name in assessed if name != "restricted"]
    table = ranking.merge(assessed[columns], on="structure_id", how="left")
    notes = ranking["structure_id"].map(assessed.set_index("structure_id")["restricted"])
    joined = [
        "; ".join(text for text in pair if text)
        for pair in zip(ranking["flags"], notes.fillna(""), strict=True)
    ]
    table["flags"] = np.array(joined, dtype=object)
    table.attrs.update(ranking.attrs)
    table.attrs["units"] = {**ranking.attrs.get("units", {}), **UNITS}
    return table
