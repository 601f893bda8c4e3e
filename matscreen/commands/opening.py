"""Open the store that a command was told to use."""

from __future__ import annotations

from pathlib import Path
from shlex import quote
from typing import TYPE_CHECKING

from matscreen.errors import InputError

if TYPE_CHECKING:
    from matscreen.store import Store


def open_store(place: Path, *, must_exist: bool = False) -> Store:
    """Open a store.

    Args:
        place: Its folder or URL.
        must_exist: Refuse a folder that does not exist: the command only reads, so that a mistyped
            path would look like a store without anything in it.

    Raises:
        InputError: The folder must exist and does not.
        StoreError: No store can lie there.
    """
    from matscreen.store import Store

    store = Store(place)
    if must_exist and "://" not in store.root and not Path(store.root).is_dir():
        raise InputError(
            f"there is no store at {place}; `matscreen screen synapse --store "
            f"{quote(str(place))}` makes one, and --store or MATSCREEN_STORE names another"
        )
    return store


def model_folder(place: Path) -> Path:
    """Return the folder of a kept model, checked.

    Raises:
        InputError: There is no model in it.
    """
    if (place / "card.json").is_file():
        return place
    inside = sorted(str(card.parent) for card in place.glob("*/card.json"))
    hint = f"; there are {', '.join(inside)}" if inside else ""
    raise InputError(f"there is no model in {place} (it would hold card.json){hint or _TRAIN}")


_TRAIN = "; `matscreen train --dataset NAME -o models` makes some, and says where"


def store_words(place: Path) -> str:
    """Return the option that names a store in a suggested command; nothing for the default."""
    from matscreen.commands.options import DEFAULT_STORE

    return "" if place == DEFAULT_STORE else f" --store {quote(str(place))}"
