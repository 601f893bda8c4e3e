"""`matscreen describe`: compute descriptors of stored candidates."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

from matscreen.commands.opening import open_store, store_words
from matscreen.commands.options import DEFAULT_STORE, StoreOption, set_option


def describe(
    descriptor_set: Annotated[
        str, set_option("Descriptor set: composition, fast, standard or full.")
    ] = "standard",
    store: StoreOption = DEFAULT_STORE,
) -> None:
    """Compute the missing or outdated descriptors of every stored candidate.

    Examples:
      matscreen describe
      matscreen describe --set full --store my_store
    """
    from rich.text import Text

    from matscreen import stages
    from matscreen.commands.output import next_steps, show
    from matscreen.commands.progress import stages_bars
    from matscreen.descriptors import get_descriptor_set
    from matscreen.power import recorded

    get_descriptor_set(descriptor_set)
    opened = open_store(store, must_exist=True)
    with stages_bars() as progress, recorded(opened, "describe") as spent:
        count = spent.items = stages.describe(opened, descriptor_set, progress=progress)
    show(
        lambda: {"set": descriptor_set, "described": count, "store": opened.root},
        lambda: Text(_said(count, descriptor_set, store)),
    )
    where = store_words(store)
    next_steps((f"matscreen train --set {descriptor_set}{where}", "learn from what is labelled"))


def _said(count: int, descriptor_set: str, store: Path) -> str:
    if count:
        return f"{count:,} structures described with the set {descriptor_set}."
    return f"Nothing to do: every structure of {store} has the set {descriptor_set}."
