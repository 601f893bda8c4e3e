"""What a bundle holds, in numbers: the source of every figure in `data/README.md`."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from matscreen.data import data_path
from matscreen.errors import InputError
from matscreen.properties import get_property
from matscreen.simulations.bundle_reading import REFERENCES_FILE, read_table

if TYPE_CHECKING:
    import pandas as pd

_BARS = " ▁▂▃▄▅▆▇█"
_BINS = 24


def data_card(bundle: Path | None = None) -> str:
    """Describe a bundle as Markdown tables.

    Sections: what it holds; labels by property with count, quartiles, method error and a
    histogram; recipes with versions, cost and joules; rejects by stage and reason; cations.

    Args:
        bundle: Bundle folder; None takes the shipped one.

    Raises:
        InputError: The folder is no bundle.
    """
    tables = _tables(bundle or data_path("bundle"))
    parts = [
        ("Contents", contents(tables)),
        ("Labels", label_counts(tables["labels"])),
        ("Recipes", recipe_costs(tables["labels"], tables["failures"])),
        ("Rejects", rejects(tables["failures"])),
        ("Cations of the relaxed oxides", cations(tables)),
    ]
    return "\n\n".join(f"### {title}\n\n{markdown(table)}" for title, table in parts) + "\n"


def contents(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Count crystals and chemistries of a bundle."""
    import pandas as pd

    relaxed = _relaxed(tables)
    rows = [
        ("candidates (relaxed and starting points)", len(tables["candidates"])),
        ("relaxed crystals", len(relaxed)),
        ("formulas", relaxed["formula"].nunique()),
        ("chemical systems", relaxed["chemsys"].nunique()),
        ("structure types", relaxed["prototype"].nunique()),
        ("space groups", relaxed["spacegroup"].nunique()),
        ("largest cell, atoms", int(relaxed["nsites"].max())),
        ("relaxed elements (and O2)", len(tables["references"])),
        ("labels", len(tables["labels"])),
        ("rejects", len(tables["failures"])),
    ]
    return pd.DataFrame(rows, columns=["what", "count"])


def label_counts(labels: pd.DataFrame) -> pd.DataFrame:
    """Summarise labels by property and method: counts, quartiles, stated error, histogram.

    The histogram has 24 bars between the 1st and the 99th percentile, in logarithms where the
    registry says that the property is of log scale.
    """
    import pandas as pd

    rows = []
    for (name, method), group in labels.groupby(["property", "method"]):
        values = group["value"].to_numpy(dtype=float)
        low, middle, high = np.quantile(values, [0.25, 0.5, 0.75])
        rows.append(
            {
                "property": name,
                "method": method,
                "labels": len(group),
                "crystals": group["structure_id"].nunique(),
                "quartile 1": f"{low:.3g}",
                "median": f"{middle:.3g}",
                "quartile 3": f"{high:.3g}",
                "unit": get_property(str(name)).unit,
                "median std": f"{group['std'].median():.2g}",
                "1 % to 99 %": histogram(values, log=get_property(str(name)).scale == "log"),
            }
        )
    return pd.DataFrame(rows)


def recipe_costs(labels: pd.DataFrame, failures: pd.DataFrame) -> pd.DataFrame:
    """Summarise what each simulation cost; derived labels cost nothing and are left out.

    A record's cost is split over its labels, so that sums are right. Joules are processor seconds
    times the assumed watts of one core. Rejected work is not in the cost.
    """
    import pandas as pd

    rows = []
    costed = labels.dropna(subset=["joules"])
    for method, group in costed.groupby("method"):
        runs = group["structure_id"].nunique()
        stage = str(method).partition("/")[0]
        seconds, joules = group["seconds"].sum(), group["joules"].sum()
        rows.append(
            {
                "recipe": method,
                "versions": ", ".join(sorted(group["version"].unique())),
                "crystals": runs,
                "rejected": int((failures["stage"] == stage).sum()),
                "wall s per crystal": f"{seconds / runs:.1f}",
                "CPU s per crystal": f"{joules / _watts() / runs:.1f}",
                "J per crystal": f"{joules / runs:.0f}",
                "J per label": f"{joules / len(group):.0f}",
            }
        )
    return pd.DataFrame(rows)


def rejects(failures: pd.DataFrame) -> pd.DataFrame:
    """Count rejected work by stage and reason."""
    counted = failures.groupby(["stage", "reason"]).size().rename("count").reset_index()
    return counted.sort_values(["stage", "count"], ascending=[True, False])


def cations(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    """Count relaxed crystals by cation, the most frequent first, in one row a dozen."""
    import pandas as pd

    found: dict[str, int] = {}
    for system in _relaxed(tables)["chemsys"]:
        for symbol in set(str(system).split("-")) - {"O"}:
            found[symbol] = found.get(symbol, 0) + 1
    ordered = sorted(found.items(), key=lambda pair: (-pair[1], pair[0]))
    texts = [f"{symbol} {count}" for symbol, count in ordered]
    lines = [", ".join(texts[i : i + 12]) for i in range(0, len(texts), 12)]
    return pd.DataFrame({f"{len(found)} cations, crystals with each": lines})


def histogram(values: Any, *, log: bool = False) -> str:
    """Draw the distribution of values in one line of text; empty for fewer than 5 values."""
    numbers = np.asarray(values, dtype=float)
    if log:
        numbers = np.log10(numbers[numbers > 0.0])
    if len(numbers) < 5:
        return ""
    low, high = np.quantile(numbers, [0.01, 0.99])
    if not high > low:
        return ""
    counts, _ = np.histogram(np.clip(numbers, low, high), bins=_BINS, range=(low, high))
    heights = np.ceil(counts / counts.max() * (len(_BARS) - 1)).astype(int)
    return "`" + "".join(_BARS[height] for height in heights) + "`"


def markdown(table: pd.DataFrame) -> str:
    """Return a table as Markdown."""
    lines = ["| " + " | ".join(map(str, table.columns)) + " |", "|---" * table.shape[1] + "|"]
    lines += [
        "| " + " | ".join("" if value is None else str(value) for value in row) + " |"
        for row in table.itertuples(index=False)
    ]
    return "\n".join(lines)


def _tables(bundle: Path) -> dict[str, pd.DataFrame]:
    import pandas as pd

    from matscreen.tables import SCHEMAS

    found: dict[str, pd.DataFrame] = {}
    for name in ("candidates", "labels", "provenance", "failures"):
        table = read_table(bundle, name)
        if table is None and name in ("candidates", "labels"):
            raise InputError(f"{bundle} is no bundle: it has no {name}")
        found[name] = (SCHEMAS[name].empty_table() if table is None else table).to_pandas()
    path = bundle / REFERENCES_FILE
    found["references"] = pd.read_parquet(path) if path.exists() else pd.DataFrame()
    return found


def _relaxed(tables: dict[str, pd.DataFrame]) -> pd.DataFrame:
    labels, candidates = tables["labels"], tables["candidates"]
    ids = labels.loc[labels["property"] == "energy_per_atom", "structure_id"].unique()
    return candidates[candidates["structure_id"].isin(ids)]


def _watts() -> float:
    from matscreen.tables import WATTS_PER_CORE

    return WATTS_PER_CORE
