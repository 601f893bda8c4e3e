"""Keep the explanation of a surrogate beside it, so that it is made once."""

from __future__ import annotations

import json
import os
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from matscreen.atomic import write_atomically
from matscreen.surrogates.explaining import SCHEME, explain
from matscreen.surrogates.persistence import load, load_card
from matscreen.surrogates.training_set import load_training_set

FILE = "explanation.json"


def explanation_of(directory: str | os.PathLike[str], *, seed: int = 0) -> dict[str, Any]:
    """Return the explanation of the surrogate in a folder; see `explaining.explain`.

    It is read where it was made from the same data by the same protocol, else made and kept.

    Raises:
        ModelError: The folder holds no surrogate, or not the rows that it learned from.
    """
    folder = Path(directory)
    kept = read_explanation(folder, load_card(folder))
    if kept is not None:
        return kept
    made = explain(load(folder), load_training_set(folder), seed=seed)
    text = json.dumps(made, ensure_ascii=False, separators=(",", ":"), allow_nan=False) + "\n"
    write_atomically(folder / FILE, text)
    return made


def read_explanation(folder: Path, card: Mapping[str, Any]) -> dict[str, Any] | None:
    """Return the kept explanation of a card, or None where there is none of these data."""
    try:
        kept = json.loads((folder / FILE).read_text(encoding="utf-8"))
    except (OSError, ValueError):
        return None
    if not isinstance(kept, dict):
        return None
    same = kept.get("scheme") == SCHEME and kept.get("data_hash") == card.get("data_hash")
    return kept if same else None
