"""Columns that say whether a candidate could be made, and the constraints that use them."""

from __future__ import annotations

import csv
from collections.abc import Collection
from functools import cache
from typing import TYPE_CHECKING, Final

import numpy as np

from matscreen.data import data_path
from matscreen.fabrication.elements import hazards, restricted, supply_concentration
from matscreen.facts import load_facts
from matscreen.formulas import reduced_amounts, spelling

if TYPE_CHECKING:
    import pandas as pd

MADE_SOURCES: Final = ("known", "cod", "icsd")
"""Sources whose entries were made and measured."""


def assess(candidates: pd.DataFrame, melting_temperature: pd.Series) -> pd.DataFrame:
    """Say what stands in the way of making each candidate.

    Args:
        candidates: Columns structure_id, formula and, where known, source.
        melting_temperature: Melting points, K, by structure_id.

    Returns:
        structure_id, hazards, restricted (sentences joined by "; "), hhi_production, hhi_reserve
        (0 to 10,000), made (True where a measurement or an experimental source is known, else
        missing), crystallisation_temperature (K, an estimate; see `crystallisation_ratio`).
    """
    import pandas as pd

    formulas = candidates["formula"].astype(str)
    markets = np.array([supply_concentration(formula) for formula in formulas]).reshape(-1, 2)
    ratio, _ = crystallisation_ratio()
    sources = candidates["source"].tolist() if "source" in candidates else [None] * len(formulas)
    measured = {spelling(str(name)) for name in load_facts()["formula"].unique()}
    made = [
        True if spelling(formula) in measured or _experimental(source) else None
        for formula, source in zip(formulas, sources, strict=True)
    ]
    return pd.DataFrame(
        {
            "structure_id": candidates["structure_id"].to_numpy(),
            "hazards": ["; ".join(hazards(formula)) for formula in formulas],
            "restricted": ["; ".join(restricted(formula)) for formula in formulas],
            "hhi_production": markets[:, 0],
            "hhi_reserve": markets[:, 1],
            "made": pd.array(made, dtype="boolean"),
            "crystallisation_temperature": ratio
            * melting_temperature.reindex(candidates["structure_id"]).to_numpy(dtype=float),
        }
    )


def barred(
    assessed: pd.DataFrame,
    *,
    allow_hazardous: bool = False,
    exclude_elements: Collection[str] = (),
    formulas: pd.Series | None = None,
    max_hhi: float | None = None,
    require_made: bool = False,
    max_process_temperature: float | None = None,
) -> dict[str, tuple[str, ...]]:
    """Return the candidates that break a constraint, with one sentence for each broken one.

    Args:
        assessed: From `assess`.
        allow_hazardous: Keep toxic and radioactive compounds.
        exclude_elements: Symbols of elements that no candidate may hold.
        formulas: Formulas in the order of `assessed`, for `exclude_elements`.
        max_hhi: Largest index of reserves; unknown values pass.
        require_made: Keep only compounds that are known to have been made.
        max_process_temperature: Largest crystallisation temperature, K; unknown values pass.
    """
    unwanted = set(exclude_elements)
    found: dict[str, tuple[str, ...]] = {}
    for index, row in enumerate(assessed.to_dict("records")):
        stated = str(row["hazards"])
        why = [] if allow_hazardous or not stated else stated.split("; ")
        if unwanted and formulas is not None:
            held = {s for s, _ in reduced_amounts(str(formulas.iloc[index]))} & unwanted
            why += [f"excluded_element: holds {symbol}" for symbol in sorted(held)]
        index_of_reserves = float(row["hhi_reserve"])
        if max_hhi is not None and index_of_reserves > max_hhi:
            why.append(f"scarce: index of reserves {index_of_reserves:.0f}, {max_hhi:.0f} allowed")
        if require_made and row["made"] is not True:
            why.append("never_made: no measurement or experimental source is known")
        heat = float(row["crystallisation_temperature"])
        if max_process_temperature is not None and heat > max_process_temperature:
            why.append(
                f"thermal_budget: crystallises near {heat:.0f} K, "
                f"{max_process_temperature:.0f} K allowed"
            )
        if why:
            found[str(row["structure_id"])] = tuple(why)
    return found


@cache
def crystallisation_ratio() -> tuple[float, float]:
    """Return crystallisation over melting temperature of oxide films, and its scatter in decades.

    Geometric mean over the films of `data/reference/crystallisation.csv` whose melting point is
    known: a rough rule, the rows are recalled.
    """
    facts = load_facts()
    melting = facts[facts["property"] == "melting_temperature"].set_index("formula")["value"]
    with data_path("reference", "crystallisation.csv").open(encoding="utf-8", newline="") as file:
        logs = [
            np.log10(float(row["temperature_K"]) / float(np.ravel(melting.loc[row["formula"]])[0]))
            for row in csv.DictReader(file)
            if row["formula"] in melting.index
        ]
    return float(10.0 ** np.mean(logs)), float(np.std(logs, ddof=1))


def _experimental(source: object) -> bool:
    """Whether one of the sources of a candidate, such as `optimade:cod;bundle`, measures."""
    names = source.lower().split(";") if isinstance(source, str) else []
    return any(name.rpartition(":")[2] in MADE_SOURCES for name in names)
