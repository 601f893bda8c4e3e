"""The ranking that a folder of results held before, as far as its files tell."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import TYPE_CHECKING, Any

from matscreen.made_of import COMPARED_COLUMNS, DECISIVE, MadeOf, Record, TableContent
from matscreen.ranking_record import RANKING, SUMMARY

if TYPE_CHECKING:
    import pandas as pd

    from matscreen.config import Screen


def last_screen(folder: str | Path) -> Record | None:
    """Return the ranking that a folder holds; call it before it is written over.

    Returns:
        None where there is none, or one of another version that cannot be read: nothing is lost
        but the comparison.
    """
    import pandas as pd
    import pyarrow as pa

    place = Path(folder)
    try:
        content = json.loads((place / SUMMARY).read_text(encoding="utf-8"))
        ranking = pd.read_parquet(place / RANKING, columns=list(COMPARED_COLUMNS))
        provenance = content["provenance"]
        return Record(
            made_of=_made_of(content["screen"], provenance),
            finished_at=str(content["finished_at"]),
            run_id=str(provenance["identifiers"]["run_id"]),
            models={},
            ranking=ranking,
        )
    except (OSError, ValueError, KeyError, TypeError, AttributeError, pa.ArrowInvalid):
        return None


def changes_since(
    before: Record | None, screen: Screen, ranking: pd.DataFrame, provenance: Mapping[str, Any]
) -> dict[str, Any] | None:
    """Say what changed among the best of each mechanism since the last screen of a folder.

    Args:
        before: What `last_screen` found.
        screen: What is asked now.
        ranking: The ranking now.
        provenance: Versions of libraries and tables now, as for `screen.json`.

    Returns:
        The fields of `changes.Changes` as plain values, and its one line as `summary`.
    """
    if before is None:
        return None
    from matscreen.changes import changes

    now = _made_of(screen.model_dump(mode="json"), provenance)
    found = changes(before, ranking, now, labels={}, models={})
    return {**found.as_dict(), "summary": found.summary()}


def _made_of(screen: Mapping[str, Any], provenance: Mapping[str, Any]) -> MadeOf:
    """Return what the files of a screen say went in: versions, where a record has contents."""
    asked = {key: value for key, value in screen.items() if key != "sources"}
    libraries = dict(provenance["versions"])
    stored = provenance["store_versions"]
    return MadeOf(
        screen=_digest(asked),
        sources=_digest(screen.get("sources")),
        code=str(libraries.pop("matscreen", "")),
        libraries={str(name): str(version) for name, version in libraries.items()},
        store={
            name: TableContent(int(stored.get(name, -1)), str(stored.get(name, -1)))
            for name in DECISIVE
        },
    )


def _digest(value: Any) -> str:
    return hashlib.sha256(json.dumps(value, sort_keys=True).encode()).hexdigest()[:16]
