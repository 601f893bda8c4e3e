"""Save and load surrogates of either kind: those of labels alone, and transferred ones.

A transferred surrogate is a folder with `card.json` and two surrogates in folders of their own,
`source-<hash>` and `target-<hash>`. The card names them with the hashes of their cards, which name
their files and hashes, and is renamed into place last.
"""

from __future__ import annotations

import hashlib
import json
import os
import shutil
from pathlib import Path
from typing import Any

import numpy as np

from matscreen.atomic import write_atomically
from matscreen.errors import ModelError
from matscreen.surrogates.card_schema import check_card
from matscreen.surrogates.label_source import KIND, LabelSource
from matscreen.surrogates.persistence import (
    CARD,
    card_of,
    check_descriptors,
    check_sealed,
    load,
    load_card,
    save,
)
from matscreen.surrogates.source_view import Source
from matscreen.surrogates.surrogate import Surrogate
from matscreen.surrogates.transferred import DELTA, STACKED, Transferred

_ROLES = ("source", "target")


def save_any(model: Source, directory: str | os.PathLike[str]) -> Path:
    """Write a surrogate of either kind into its own folder, replacing the one that is there.

    Returns:
        The path of the card.

    Raises:
        ModelError: A fitted part is of a type that `load_any` would refuse.
    """
    folder = Path(directory)
    if isinstance(model, LabelSource):
        text = json.dumps(model.card, indent=1, ensure_ascii=False) + "\n"
        write_atomically(folder / CARD, text)
        return folder / CARD
    if isinstance(model, Surrogate):
        path = save(model, folder)
        _remove_others(folder, keep=())
        return path
    if not isinstance(model, Transferred):
        raise ModelError(f"{type(model).__name__} is no surrogate that can be saved")
    check_card(model.card, f"the transferred surrogate of {model.property}")
    parts: dict[str, Any] = {}
    for role in _ROLES:
        part: Source = getattr(model, role)
        name = f"{role}-{str(part.card['data_hash'])[:16]}"
        save_any(part, folder / name)
        parts[role] = {"folder": name, "sha256": _hash_of_card(folder / name)}
    columns = None if model.columns is None else model.columns.tolist()
    fitted = {
        "mode": model.mode,
        "columns": columns,
        "slope": model.slope,
        "offset": model.offset,
    }
    card = {**model.card, "parts": parts, "fitted": fitted}
    text = json.dumps(card, indent=1, ensure_ascii=False, allow_nan=False) + "\n"
    write_atomically(folder / CARD, text)
    _remove_others(folder, keep=[part["folder"] for part in parts.values()])
    for old in folder.glob("model-*.skops"):
        old.unlink(missing_ok=True)
    return folder / CARD


def load_any(
    directory: str | os.PathLike[str], *, descriptor_version: str | None = None
) -> Surrogate | Transferred:
    """Read a surrogate of either kind.

    Args:
        directory: Its folder.
        descriptor_version: Version of the descriptors to predict from; None skips the comparison.

    Raises:
        ModelError: As `load`; or a part of a transferred surrogate is missing or another one.
    """
    folder = Path(directory)
    card = load_card(folder)
    if "parts" not in card:
        return load(folder, descriptor_version=descriptor_version)
    try:
        parts = {role: _load_part(folder, card["parts"][role]) for role in _ROLES}
        fitted = card["fitted"]
        mode, columns = str(fitted["mode"]), fitted["columns"]
        slope, offset = float(fitted["slope"]), float(fitted["offset"])
    except (KeyError, TypeError, ValueError) as error:
        raise ModelError(
            f"{folder}: the card of a transferred surrogate lacks {error}: train again"
        ) from error
    target = parts["target"]
    if mode not in (DELTA, STACKED) or not isinstance(target, Surrogate):
        raise ModelError(f"{folder}: no transferred surrogate of mode {mode!r}: train again")
    check_descriptors(card, folder, descriptor_version)
    return Transferred(
        card=_card_of_transferred(card),
        source=parts["source"],
        target=target,
        mode=mode,
        columns=None if columns is None else np.asarray(columns, dtype=np.int64),
        slope=slope,
        offset=offset,
    )


def whole_card(
    directory: str | os.PathLike[str], *, descriptor_version: str | None = None
) -> dict[str, Any]:
    """Read the card of a surrogate of either kind, and see that all its files are there.

    Reading the surrogate takes a second; its card and the hashes of its files some milliseconds.

    Args:
        directory: Its folder.
        descriptor_version: Version of the descriptors to predict from; None skips the comparison.

    Returns:
        The card that `load_any` would give.

    Raises:
        ModelError: As `load_any`, but for what is wrong inside a file that is the one it names.
    """
    folder = Path(directory)
    card = load_card(folder)
    check_descriptors(card, folder, descriptor_version)
    if "parts" not in card:
        check_sealed(folder, card)
        return card_of(card)
    for role in _ROLES:
        try:
            place = _part_folder(folder, card["parts"][role])
        except (KeyError, TypeError) as error:
            raise ModelError(
                f"{folder}: the card of a transferred surrogate lacks {error}: train again"
            ) from error
        if _label_source(place) is None:
            whole_card(place)
    return _card_of_transferred(card)


def _card_of_transferred(card: dict[str, Any]) -> dict[str, Any]:
    return {name: value for name, value in card.items() if name not in ("parts", "fitted")}


def _load_part(folder: Path, part: dict[str, Any]) -> Surrogate | Transferred | LabelSource:
    place = _part_folder(folder, part)
    return _label_source(place) or load_any(place)


def _part_folder(folder: Path, part: dict[str, Any]) -> Path:
    name = str(part["folder"])
    if Path(name).name != name or name.startswith("."):
        raise ModelError(f"{folder}: {name!r} is no folder inside it")
    if _hash_of_card(folder / name) != part["sha256"]:
        raise ModelError(f"{folder}: {name} is not the surrogate the card names: train again")
    return folder / name


def _label_source(folder: Path) -> LabelSource | None:
    """Return the label source that a folder keeps; None where it keeps a surrogate."""
    about = json.loads((folder / CARD).read_text(encoding="utf-8"))
    if isinstance(about, dict) and about.get("kind") == KIND:
        return LabelSource(str(about["property"]))
    return None


def _hash_of_card(folder: Path) -> str:
    try:
        return hashlib.sha256((folder / CARD).read_bytes()).hexdigest()
    except OSError as error:
        raise ModelError(f"{folder}: no surrogate here ({error.strerror})") from error


def _remove_others(folder: Path, *, keep: list[str] | tuple[str, ...]) -> None:
    for role in _ROLES:
        for old in folder.glob(f"{role}-*"):
            if old.name not in keep and (old / CARD).is_file():
                shutil.rmtree(old)
