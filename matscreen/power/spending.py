"""What a store's work has cost: by stage, candidate, label, model, screen and day."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from matscreen.power.carbon import J_PER_KWH, Intensity

if TYPE_CHECKING:
    import pandas as pd

    from matscreen.store import Store

CANDIDATE_STAGES: Final = ("pull", "describe", "predict", "rank", "rank partitions")
"""Stages whose work is for each candidate."""

_RANKING: Final = ("rank", "rank partitions")


@dataclass(frozen=True)
class Spending:
    """The ledger of a store, summed up. Joules; grams of CO2 are null where nobody knows.

    Attributes:
        stages: One row a stage: joules and their share, seconds, items, joules_per_item, grams_CO2.
        screens: One row a run that ranked: task, at, joules, seconds, candidates, grams_CO2.
        labels: One row a method of simulation: labels, joules, joules_per_label.
        models: One row a trained model: property, joules, seconds.
        days: One row a day: joules, grams.
        methods: How the joules were obtained: method and the joules it accounts for.
        carbon: Where the carbon intensities are from, and the joules each accounts for.
    """

    stages: pd.DataFrame
    screens: pd.DataFrame
    labels: pd.DataFrame
    models: pd.DataFrame
    days: pd.DataFrame
    methods: pd.DataFrame
    carbon: pd.DataFrame

    @property
    def joules(self) -> float:
        """All that the ledger holds, J."""
        return float(self.stages["joules"].sum())

    @property
    def grams(self) -> float | None:
        """CO2 of all that the ledger holds, g; None unless all of it is known."""
        known = self.stages["grams_CO2"]
        return None if known.empty or known.isna().any() else float(known.sum())

    @property
    def joules_per_candidate(self) -> dict[str, float]:
        """Energy for each item of the stages that work on candidates, J."""
        table = self.stages.set_index("stage")["joules_per_item"].dropna()
        return {name: float(table[name]) for name in CANDIDATE_STAGES if name in table}

    @property
    def joules_per_label(self) -> float | None:
        """Mean energy of a simulated label, J; None without labels of known cost."""
        count = int(self.labels["labels"].sum())
        return float(self.labels["joules"].sum()) / count if count else None

    @property
    def joules_per_model(self) -> float | None:
        """Mean energy of a trained model, J; None without models of known cost."""
        return float(self.models["joules"].mean()) if len(self.models) else None

    @property
    def joules_per_screen(self) -> float | None:
        """Median energy of a screen, J; None without screens."""
        return float(self.screens["joules"].median()) if len(self.screens) else None

    def to_dict(self) -> dict[str, Any]:
        """Return plain JSON types."""
        tables = ("stages", "screens", "labels", "models", "days", "methods", "carbon")
        return {
            "joules": self.joules,
            "grams_CO2": self.grams,
            "joules_per_candidate": self.joules_per_candidate,
            "joules_per_label": self.joules_per_label,
            "joules_per_model": self.joules_per_model,
            "joules_per_screen": self.joules_per_screen,
            **{
                name: json.loads(getattr(self, name).to_json(orient="records", date_format="iso"))
                for name in tables
            },
        }


def spending(store: Store, carbon: Intensity | None = None) -> Spending:
    """Sum up what the work in a store has cost.

    Args:
        store: Whose ledger, labels and models are read.
        carbon: Carbon intensity for all rows, in place of the one stored with each.
    """
    ledger = store.read("ledger").to_pandas()
    if carbon is not None and carbon.grams_per_kWh is not None:
        ledger["grams_CO2"] = ledger["joules"] * (carbon.grams_per_kWh / J_PER_KWH)
        ledger["carbon_source"] = f"{carbon.region} {carbon.source}".strip()
    return Spending(
        stages=_stages(ledger),
        screens=_screens(ledger),
        labels=_labels(store),
        models=_models(store),
        days=_days(ledger),
        methods=_by(ledger, "method"),
        carbon=_by(ledger, "carbon_source"),
    )


def _sum_known(values: pd.Series) -> float:
    """Sum, or NaN where one is unknown: part of a sum would look like all of it."""
    return float(values.sum(skipna=False))


def _stages(ledger: pd.DataFrame) -> pd.DataFrame:
    table = (
        ledger.groupby("stage", sort=False)
        .agg(
            joules=("joules", "sum"),
            seconds=("seconds", "sum"),
            cpu_seconds=("cpu_seconds", "sum"),
            items=("items", "sum"),
            runs=("run_id", "nunique"),
            grams_CO2=("grams_CO2", _sum_known),
        )
        .reset_index()
        .sort_values("joules", ascending=False, ignore_index=True)
    )
    total = table["joules"].sum()
    table["share"] = table["joules"] / total if total else 0.0
    table["joules_per_item"] = table["joules"].where(table["items"] > 0) / table["items"]
    return table


def _screens(ledger: pd.DataFrame) -> pd.DataFrame:
    """A screen is a run that ranked; what it had not to compute again it did not pay again."""
    ranked = ledger.loc[ledger["stage"].isin(_RANKING), "run_id"]
    runs = ledger[ledger["run_id"].isin(ranked)]
    table = runs.groupby("run_id", sort=False).agg(
        task=("task", "first"),
        at=("at", "max"),
        joules=("joules", "sum"),
        seconds=("seconds", "sum"),
        grams_CO2=("grams_CO2", _sum_known),
    )
    pulled = ledger[ledger["stage"] == "pull"].groupby("run_id")["items"].sum()
    table["candidates"] = pulled.reindex(table.index).fillna(0).astype(int)
    table["task"] = table["task"].fillna("screen")
    return table.reset_index().sort_values("at", ignore_index=True)


def _labels(store: Store) -> pd.DataFrame:
    labels = store.read("labels").to_pandas()
    known = labels[labels["joules"].notna()]
    table: pd.DataFrame = (
        known.groupby("method")
        .agg(labels=("joules", "size"), joules=("joules", "sum"), seconds=("seconds", "sum"))
        .reset_index()
        .sort_values("joules", ascending=False, ignore_index=True)
    )
    table["joules_per_label"] = table["joules"] / table["labels"]
    return table


def _models(store: Store) -> pd.DataFrame:
    """Read what training cost from the cards beside the models of a local store."""
    import pandas as pd

    rows = []
    root = Path(store.root) / "models"
    for file in sorted(root.glob("*/*/card.json")) if "://" not in store.root else ():
        try:
            card = json.loads(file.read_text(encoding="utf-8"))
            rows.append(
                {
                    "property": str(card["property"]),
                    "joules": float(card["joules"]),
                    "seconds": float(card["seconds"]),
                }
            )
        except (OSError, ValueError, KeyError, TypeError):
            continue  # not a card
    table = pd.DataFrame(rows, columns=["property", "joules", "seconds"])
    return table.sort_values("joules", ascending=False, ignore_index=True)


def _days(ledger: pd.DataFrame) -> pd.DataFrame:
    day = ledger["at"].dt.strftime("%Y-%m-%d").rename("day")
    table = ledger.groupby(day).agg(joules=("joules", "sum"), grams_CO2=("grams_CO2", _sum_known))
    return table.reset_index().sort_values("day", ignore_index=True)


def _by(ledger: pd.DataFrame, column: str) -> pd.DataFrame:
    told = ledger[column].fillna("not stated")
    table = ledger.groupby(told)["joules"].sum().reset_index()
    return table.sort_values("joules", ascending=False, ignore_index=True)
