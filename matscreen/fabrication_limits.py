"""What a screen rules out for want of a way to make it, substrates of stored crystals included."""

from __future__ import annotations

import math
from collections.abc import Sequence
from typing import TYPE_CHECKING

from matscreen.buildability import assess_candidates, ruled_out, with_notes
from matscreen.gathering import stored_crystals
from matscreen.shipped import Progress, quiet

if TYPE_CHECKING:
    import pandas as pd

    from matscreen.config import Screen
    from matscreen.store import Store


def fabrication_limits(
    screen: Screen,
    store: Store,
    candidates: pd.DataFrame,
    values: pd.DataFrame,
    *,
    progress: Progress = quiet,
) -> tuple[pd.DataFrame, dict[str, tuple[str, ...]]]:
    """Say what stands in the way of making each candidate, and which ones a screen rules out."""
    asked = screen.constraints
    assessed = assess_candidates(candidates, values)
    excluded = ruled_out(asked, candidates, assessed)
    if asked.max_mismatch is not None:
        left = [name for name in candidates["structure_id"] if name not in excluded]
        matched = _substrates(screen, store, left, progress=progress)
        fits = matched["mismatch"] <= asked.max_mismatch
        for row in matched[~fits].to_dict("records"):
            strain = float(row["mismatch"])
            found = "none within 6 %" if math.isnan(strain) else f"{strain:.1f} %"
            excluded[str(row["structure_id"])] = (
                f"no_substrate: best match {found}, {asked.max_mismatch:g} % allowed",
            )
    return assessed, excluded


def with_fabrication(
    screen: Screen, store: Store, ranking: pd.DataFrame, assessed: pd.DataFrame
) -> pd.DataFrame:
    """Add what `assess` says, and the substrates of the best candidates, to a ranking."""
    best = ranking.loc[ranking["feasible"], "structure_id"].drop_duplicates()
    matched = _substrates(screen, store, list(best.head(screen.ranking.top_k)))
    noted = with_notes(ranking, assessed)
    table = noted.merge(matched, on="structure_id", how="left")
    table.attrs.update(noted.attrs)
    table.attrs["units"] = {**noted.attrs["units"], "mismatch": "%", "match_area": "Å²"}
    return table


def _substrates(
    screen: Screen, store: Store, ids: Sequence[str], *, progress: Progress = quiet
) -> pd.DataFrame:
    import pandas as pd

    from matscreen.fabrication import match_substrates

    crystals = stored_crystals(store, ids)
    parts = []
    for done, (name, crystal) in enumerate(crystals.items(), start=1):
        parts.append(match_substrates({name: crystal}, substrates=screen.constraints.substrates))
        progress("match substrates", done, len(crystals))
    return pd.concat(parts, ignore_index=True) if parts else match_substrates({})
