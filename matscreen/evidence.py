"""From labels, predictions and facts to one value of each property of each structure."""

from __future__ import annotations

from typing import TYPE_CHECKING, Final

import numpy as np

from matscreen.errors import InputError
from matscreen.facts import COLUMNS, facts_for
from matscreen.mechanisms.evaluate import STAND_INS
from matscreen.properties import EVIDENCE, PROPERTIES
from matscreen.tables import recipe_order

if TYPE_CHECKING:
    import pandas as pd

_ORDER: Final = {name: 10 * position for position, name in enumerate(EVIDENCE)}
_LOW_CONFIDENCE: Final = _ORDER["surrogate"] + 5
_LOWEST_COUNTS: Final = (
    "oxygen_vacancy_formation_energy",
    "oxygen_migration_barrier",
    "polar_barrier",
)
"""Properties that are the lowest over sites, hops or paths, by definition."""
OXYGEN_PATHS: Final = "O:"
"""Paths of insertion_voltage that count: the mechanisms move oxygen, not hydrogen or lithium."""


def gather_properties(
    candidates: pd.DataFrame,
    *,
    labels: pd.DataFrame | None = None,
    predictions: pd.DataFrame | None = None,
    facts: bool = True,
) -> pd.DataFrame:
    """Put labels, predictions and facts into one tidy table, the best value of each.

    Args:
        candidates: Columns structure_id, formula and, where known, spacegroup, input_id.
        labels: A `labels` table. Labels of the structure that a candidate was relaxed from count
            as its own.
        predictions: A `predictions` table.
        facts: Whether to join `data/reference/facts.csv`.

    Returns:
        A tidy property table (see `matscreen.facts.COLUMNS`), at most one row a structure and
        property.
    """
    import pandas as pd

    parts = []
    if facts:
        parts.append(facts_for(candidates))
    if labels is not None and not labels.empty:
        parts.append(_from_labels(candidates, labels))
    if predictions is not None and not predictions.empty:
        parts.append(_from_predictions(candidates, predictions))
    parts = [part for part in parts if not part.empty]
    if not parts:
        return pd.DataFrame(columns=list(COLUMNS))
    return best_evidence(pd.concat(parts, ignore_index=True))


def best_evidence(properties: pd.DataFrame) -> pd.DataFrame:
    """Keep the best value of each property of each structure.

    measured > dft > mlip > surrogate > prior; a measured fact of low confidence stands between
    surrogate and prior. Among equals the lowest value counts where the property is defined as a
    lowest over sites, hops or paths; else the smallest std, then the smaller mean. Rows without a
    finite mean are dropped.

    Args:
        properties: Columns structure_id, property, mean, evidence and, where known, std, lower,
            upper, in_domain, confidence, method.

    Returns:
        At most one row a structure and property, sorted by both.

    Raises:
        InputError: A column is missing or a kind of evidence is unknown.
    """
    needed = ("structure_id", "property", "mean", "evidence")
    lacking = [name for name in needed if name not in properties]
    if lacking:
        raise InputError(f"the property table lacks the columns {', '.join(lacking)}")
    unknown = set(properties["evidence"]) - set(_ORDER)
    if unknown:
        raise InputError(f"unknown evidence {sorted(unknown)}; known: {', '.join(EVIDENCE)}")
    table = properties[np.isfinite(properties["mean"].to_numpy(dtype=float))].copy()
    if "method" in table:
        table = without_superseded(table)
    order = table["evidence"].map(_ORDER)
    if "confidence" in table:
        doubtful = (table["evidence"] == "measured") & (table["confidence"] == "low")
        order = order.mask(doubtful, _LOW_CONFIDENCE)
    for name in ("std", "lower", "upper"):
        if name not in table:
            table[name] = np.nan
    keys = ["structure_id", "property", "_order", "_low", "std", "mean"]
    low = table["mean"].where(table["property"].isin(_LOWEST_COUNTS), 0.0)
    table = table.assign(_order=order, _low=low).sort_values(keys, kind="stable")
    best: pd.DataFrame = table.drop_duplicates(["structure_id", "property"])
    return best.drop(columns=["_order", "_low"]).reset_index(drop=True)


def with_stand_ins(properties: pd.DataFrame) -> pd.DataFrame:
    """Add, where a property is unknown, the one that `matscreen.mechanisms` takes in its stead.

    Args:
        properties: At most one row a structure and property, from `best_evidence`.

    Returns:
        The rows, and a copy of each that stands in for another property.
    """
    import pandas as pd

    parts = [properties]
    for name, other in STAND_INS.items():
        known = set(properties.loc[properties["property"] == name, "structure_id"])
        rows = properties[properties["property"] == other]
        parts.append(rows[~rows["structure_id"].isin(known)].assign(property=name))
    parts = [part for part in parts if not part.empty]
    return pd.concat(parts, ignore_index=True) if parts else properties


def without_superseded(rows: pd.DataFrame) -> pd.DataFrame:
    """Drop what a newer version of a recipe, or a correction of its values, replaces.

    A recipe that is run again may find another site or path: the row of the older version is then
    still in the store, and would count as one more site. The method of a corrected value names its
    correction after the recipe: ``oxygen_vacancy+cation_group/7net-0`` replaces
    ``oxygen_vacancy/7net-0`` of the same structure and property.

    Args:
        rows: Columns structure_id, property, method and, where known, version.
    """
    rows = _newest(rows)
    method = rows["method"].astype("string").fillna("")
    corrected = method.str.contains(r"^[^/]*\+[^/]*/", regex=True).to_numpy(bool)
    if not corrected.any():
        return rows
    raw_method = method.str.replace(r"\+[^/]*", "", n=1, regex=True)
    keys = rows["structure_id"].astype(str) + "|" + rows["property"].astype(str) + "|" + raw_method
    replaced = keys.isin(set(keys[corrected])).to_numpy(bool) & ~corrected
    return rows[~replaced]


def _newest(rows: pd.DataFrame) -> pd.DataFrame:
    """Keep, of each recipe on each structure and property, the newest version."""
    if "version" not in rows:
        return rows
    version = rows["version"].astype("string").fillna("")
    orders = {text: recipe_order(text) for text in version.unique()}
    place = {order: number for number, order in enumerate(sorted(set(orders.values())))}
    if len(place) < 2:
        return rows
    age = version.map({text: place[order] for text, order in orders.items()}).astype(int)
    method = rows["method"].astype("string").fillna("")
    newest = age.groupby([rows["structure_id"], rows["property"], method]).transform("max")
    return rows[(age == newest).to_numpy(bool)]


def _from_labels(candidates: pd.DataFrame, labels: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    own = candidates[["structure_id"]].assign(label_id=candidates["structure_id"])
    owners = [own]
    if "input_id" in candidates:
        through = candidates[["structure_id", "input_id"]].dropna()
        owners.append(through.rename(columns={"input_id": "label_id"}))
    link = pd.concat(owners, ignore_index=True).drop_duplicates()
    table = without_superseded(labels[labels["property"].isin(list(PROPERTIES))])
    if "path" in table:
        other_ion = (table["property"] == "insertion_voltage") & ~table["path"].fillna(
            ""
        ).str.startswith(OXYGEN_PATHS)
        table = table[~other_ion]
    table = table.rename(columns={"structure_id": "label_id"}).merge(link, on="label_id")
    # A label of the structure itself before one of the structure that it came from.
    table = table.assign(
        _inherited=table["label_id"] != table["structure_id"],
        _low=table["value"].where(table["property"].isin(_LOWEST_COUNTS), 0.0),
    )
    table = table.sort_values(
        ["structure_id", "property", "evidence", "_inherited", "_low", "std", "value"],
        kind="stable",
    ).drop_duplicates(["structure_id", "property", "evidence"])
    return pd.DataFrame(
        {
            "structure_id": table["structure_id"],
            "property": table["property"],
            "mean": table["value"].astype(float),
            "std": table["std"].astype(float),
            "lower": np.nan,
            "upper": np.nan,
            "evidence": table["evidence"],
            "in_domain": True,
            "confidence": "",
            "method": table["method"],
        }
    ).reset_index(drop=True)


def _from_predictions(candidates: pd.DataFrame, predictions: pd.DataFrame) -> pd.DataFrame:
    table = predictions[predictions["structure_id"].isin(set(candidates["structure_id"]))]
    columns = ["structure_id", "property", "mean", "std", "lower", "upper", "in_domain"]
    table = table[columns].assign(
        evidence="surrogate", confidence="", method=table["model_id"].astype(str)
    )
    return table[list(COLUMNS)].reset_index(drop=True)
