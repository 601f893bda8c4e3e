"""What a finished screen says of itself: `screen.json`, versions and costs."""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass
from datetime import UTC, datetime
from importlib.metadata import version
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from matscreen.atomic import write_atomically
from matscreen.ranking_record import SUMMARY

if TYPE_CHECKING:
    import pandas as pd

    from matscreen.config import Screen
    from matscreen.power import Ledger
    from matscreen.report.result import ScreenInfo, ScreenResult

_LIBRARIES: Final = (
    "matscreen",
    "pymatgen",
    "ase",
    "moyopy",
    "numpy",
    "pandas",
    "scikit-learn",
    "prefect",
)


@dataclass(frozen=True)
class Screening:
    """A finished screen: its result tables and where its files are.

    Attributes:
        result: What was found, as the report shows it.
        folder: Folder of the result files.
    """

    result: ScreenResult
    folder: Path

    @property
    def ranking(self) -> pd.DataFrame:
        """The ranking, one row for each material and mechanism.

        Of a screen of compositions it holds the best rows; `candidates.parquet` holds all.
        """
        return self.result.ranking


def screen_info(screen: Screen, sources: Sequence[str]) -> ScreenInfo:
    """Return what was asked, as the report shows it.

    Args:
        screen: The screen.
        sources: The sources that were ranked.
    """
    from matscreen.mechanisms.device import Device
    from matscreen.report.result import ScreenInfo

    return ScreenInfo(
        name=screen.name,
        title=screen.title,
        application=screen.application,
        description=screen.description,
        device=asdict(Device.from_mapping(screen.device)),
        sources=tuple(sources),
        mechanisms=screen.mechanisms,
        max_energy_above_hull=screen.constraints.max_energy_above_hull,
    )


def provenance(
    command: str, ledger: Ledger, *, store_versions: Mapping[str, int], seed: int
) -> dict[str, Any]:
    """Return versions, costs and identifiers of a run."""
    return {
        "command": command,
        "versions": {name: version(name) for name in _LIBRARIES},
        "seconds": {cost.stage: round(cost.seconds, 3) for cost in ledger.costs},
        "joules": {cost.stage: round(cost.joules, 2) for cost in ledger.costs},
        "joules_method": ledger.costs[0].method if ledger.costs else "",
        "store_versions": dict(store_versions),
        "identifiers": {"run_id": ledger.run_id, "seed": seed},
    }


def write_summary(folder: Path, screen: Screen, result: ScreenResult) -> None:
    """Write the configuration, counts, versions and costs; the last file of a screen."""
    content = {
        "screen": screen.model_dump(mode="json"),
        "counts": dict(result.counts),
        "provenance": dict(result.provenance),
        "finished_at": datetime.now(UTC).isoformat(timespec="seconds"),
    }
    write_atomically(folder / SUMMARY, json.dumps(content, indent=2) + "\n")
