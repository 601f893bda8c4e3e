"""Read what a finished screen left: its ranking with units, and what is known of it."""

from __future__ import annotations

import json
from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matscreen.errors import InputError
from matscreen.ranking_record import RANKING, SUMMARY

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class FinishedScreen:
    """The results of a screen.

    Attributes:
        ranking: The whole ranking, best first; `attrs["units"]` maps columns to units, as the
            metadata of `candidates.parquet` have them.
        summary: Content of `screen.json`.
        folder: Folder of the results; None for a ranking that no folder holds.
    """

    ranking: pd.DataFrame
    summary: Mapping[str, Any]
    folder: Path | None = None

    @property
    def name(self) -> str:
        """Name of the screen; empty where not known."""
        return str(self.summary.get("screen", {}).get("name", ""))

    @property
    def top_k(self) -> int:
        """How many structures the screen itself exports."""
        return int(self.summary.get("screen", {}).get("ranking", {}).get("top_k", 30))

    @property
    def descriptor_set(self) -> str | None:
        """Descriptors that its surrogates saw; None where not known."""
        found = self.summary.get("screen", {}).get("descriptor_set")
        return None if found is None else str(found)

    @property
    def store_versions(self) -> dict[str, int]:
        """Version of every table that was ranked; empty where not known."""
        found = self.summary.get("provenance", {}).get("store_versions", {})
        return {str(name): int(number) for name, number in found.items()}

    @property
    def versions(self) -> dict[str, str]:
        """Versions of the software that made it; empty where not known."""
        found = self.summary.get("provenance", {}).get("versions", {})
        return {str(name): str(version) for name, version in found.items()}

    @property
    def made_at(self) -> datetime | None:
        """When it was made; None where not known."""
        text = self.summary.get("finished_at")
        return None if text is None else datetime.fromisoformat(str(text))

    @property
    def about(self) -> dict[str, str]:
        """What it is, in a few named texts."""
        screen = self.summary.get("screen", {})
        identifiers = self.summary.get("provenance", {}).get("identifiers", {})
        known = {
            "screen": self.name,
            "title": screen.get("title"),
            "application": screen.get("application"),
            "made_at": self.summary.get("finished_at"),
            "matscreen": self.versions.get("matscreen"),
            "run_id": identifiers.get("run_id"),
            "command": self.summary.get("provenance", {}).get("command"),
        }
        return {key: str(value) for key, value in known.items() if value}


def read_finished(folder: str | Path) -> FinishedScreen:
    """Read the results of a screen.

    Args:
        folder: Their folder, such as `results/synapse`.

    Raises:
        InputError: There is no such folder, it holds no finished screen, or a file of it cannot
            be read.
    """
    place = Path(folder)
    if not place.is_dir():
        raise InputError(
            f"there is no folder {place}; a screen makes one: "
            f"matscreen screen {_guess(place)} -o {place}"
        )
    for name in (RANKING, SUMMARY):
        if not (place / name).is_file():
            raise InputError(
                f"{place} holds no finished screen ({name} is missing); name the folder that one "
                f"left, or run one: matscreen screen {_guess(place)} -o {place}"
            )
    try:
        summary = json.loads((place / SUMMARY).read_text(encoding="utf-8"))
        str(summary["screen"]["name"])
    except (ValueError, KeyError, TypeError) as error:
        raise InputError(f"{place / SUMMARY} is not the summary of a screen: {error!r}") from error
    return FinishedScreen(_ranking(place / RANKING), summary, place)


def _ranking(path: Path) -> pd.DataFrame:
    import pyarrow as pa
    import pyarrow.parquet as pq

    try:
        table = pq.read_table(path)
    except (pa.ArrowInvalid, OSError) as error:
        raise InputError(f"{path} cannot be read: {error}; run the screen again") from error
    missing = sorted({"structure_id", "formula", "mechanism", "feasible"} - set(table.column_names))
    if missing:
        raise InputError(f"{path} is not a ranking: it lacks {', '.join(missing)}")
    frame: pd.DataFrame = table.to_pandas()
    frame.attrs["units"] = {
        field.name: field.metadata[b"unit"].decode()
        for field in table.schema
        if field.metadata and b"unit" in field.metadata
    }
    return frame


def _guess(folder: Path) -> str:
    """Name the screen that a folder was probably meant for."""
    from matscreen.config import shipped_screens

    return folder.name if folder.name in shipped_screens() else "synapse"
