"""Which value of a property is used: the best evidence there is, and which one that was."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np

from matscreen.data import data_path
from matscreen.training import best_labels

if TYPE_CHECKING:
    import pandas as pd

    from matscreen.store import Store

COLUMNS = (
    "structure_id",
    "property",
    "mean",
    "std",
    "lower",
    "upper",
    "evidence",
    "method",
    "in_domain",
)
Z90 = 1.6448536269514722
"""Half-width of a normal 90 % interval in standard deviations."""


def assemble(store: Store, candidates: pd.DataFrame, properties: Sequence[str]) -> pd.DataFrame:
    """Give every candidate the best value of every property.

    In order: measured facts of checked confidence, DFT labels, labels of a machine-learned
    potential, surrogate predictions, documented priors. A property that nothing knows has no row.

    Args:
        store: Where labels and predictions are.
        candidates: Rows with `structure_id`, `formula`, `spacegroup`, `volume_per_atom`.
        properties: Registry names.

    Returns:
        One row for each known (structure, property) with the columns `COLUMNS`, in registry
        units; sorted by structure and property.
    """
    import pandas as pd

    layers = [_measured(candidates), _labelled(store), _predicted(store)]
    wanted = set(candidates["structure_id"])
    known = pd.concat([layer.astype({"in_domain": object}) for layer in layers if len(layer)])
    known = known[known["property"].isin(properties) & known["structure_id"].isin(wanted)]
    # Layers stand in order of evidence, except that a label of the store may itself be a prior.
    known = known.drop_duplicates(["structure_id", "property"], keep="first")
    missing = []
    for name in properties:
        have = set(known.loc[known["property"] == name, "structure_id"])
        rest = candidates[~candidates["structure_id"].isin(have)]
        guess = _prior(name, rest, known)
        if len(guess):
            missing.append(guess)
    table = pd.concat([known, *missing])[list(COLUMNS)]
    return table.sort_values(["structure_id", "property"], kind="stable").reset_index(drop=True)


def load_facts() -> pd.DataFrame:
    """Read the measured facts that ship with matscreen, with their source and confidence."""
    import pandas as pd

    return pd.read_csv(data_path("reference", "facts.csv"), comment="#")


def _measured(candidates: pd.DataFrame) -> pd.DataFrame:
    facts = load_facts()
    # A fact that was only recalled never outranks a computed value.
    facts = facts[facts["confidence"].isin({"verified", "citation-verified"})]
    by_phase = facts.dropna(subset=["spacegroup"]).astype({"spacegroup": int})
    anywhere = facts[facts["spacegroup"].isna()].drop(columns="spacegroup")
    keys = candidates[["structure_id", "formula", "spacegroup"]].astype({"spacegroup": int})
    import pandas as pd

    joined = pd.concat(
        [keys.merge(by_phase, on=["formula", "spacegroup"]), keys.merge(anywhere, on="formula")]
    )
    joined = joined.drop_duplicates(["structure_id", "property"], keep="first")
    return _with_interval(
        joined.assign(
            mean=joined["value"], evidence="measured", method=joined["source"], in_domain=True
        )
    )


def _labelled(store: Store) -> pd.DataFrame:
    labels = best_labels(store.read("labels").to_pandas())
    return _with_interval(labels.assign(mean=labels["value"], in_domain=True))


def _predicted(store: Store) -> pd.DataFrame:
    table = store.read("predictions").to_pandas()
    table = table.assign(evidence="surrogate", method=table["model_id"])
    return table[list(COLUMNS)]


def _prior(name: str, candidates: pd.DataFrame, known: pd.DataFrame) -> pd.DataFrame:
    from matscreen.priors import has_prior, prior

    if candidates.empty or not has_prior(name):
        return candidates.head(0)
    # A prior may build on a better known property, as the Curie temperature on the barrier.
    values = known.pivot(index="structure_id", columns="property", values="mean")
    info = candidates.drop(columns=[c for c in values.columns if c in candidates.columns])
    guess = prior(name, info.join(values, on="structure_id"))
    return guess.assign(
        structure_id=candidates["structure_id"].to_numpy(),
        property=name,
        evidence="prior",
        in_domain=True,
    )[list(COLUMNS)]


def _with_interval(table: pd.DataFrame) -> pd.DataFrame:
    std = table["std"].fillna(0.0) if "std" in table else np.zeros(len(table))
    result = table.assign(std=std)
    result["lower"] = result["mean"] - Z90 * result["std"]
    result["upper"] = result["mean"] + Z90 * result["std"]
    return result[list(COLUMNS)]
