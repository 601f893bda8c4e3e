"""`matscreen datasets`: the published data sets that can be pulled or trained on."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from matscreen.commands import completion
from matscreen.commands.options import MirrorOption
from matscreen.commands.output import new_table

if TYPE_CHECKING:
    from matscreen.sources.dataset_registry import Dataset

DASH = "–"


def datasets(
    name: Annotated[
        str | None,
        typer.Argument(
            help="A set, to see all about it.", metavar="NAME", autocompletion=completion.datasets
        ),
    ] = None,
    mirror: MirrorOption = None,
) -> None:
    """List the published data sets: what they hold, who made them, where they are read from.

    Nothing is downloaded.

    Examples:
      matscreen datasets
      matscreen datasets wolverton_oxides
    """
    from matscreen.commands.output import next_steps, show
    from matscreen.sources.dataset_registry import get_dataset, list_datasets

    if name is None:
        every = list_datasets()
        show(lambda: [facts(one, mirror) for one in every], lambda: overview(every, mirror))
        next_steps(("matscreen datasets NAME", "all about one set"))
        return
    chosen = get_dataset(name)
    show(lambda: facts(chosen, mirror), lambda: details(chosen, mirror))
    steps = [(f"matscreen train --dataset {name}", "learn from it")]
    if chosen.has_structures:
        steps.append((f"matscreen pull dataset:{name}", "bring its crystals into the store"))
    next_steps(*steps)


def facts(dataset: Dataset, mirror: Path | None) -> dict[str, Any]:
    """Return what the registry knows of a set, for programs."""
    from matscreen.properties import get_property
    from matscreen.sources.dataset_files import where

    home = dataset.layouts.get("home")
    place, path = where(dataset, mirror=mirror)
    return {
        "name": dataset.name,
        "title": dataset.title,
        "citation": dataset.citation,
        "doi": dataset.doi,
        "licence": dataset.licence,
        "home_page": dataset.home_page,
        "aliases": dataset.aliases,
        "has_structures": dataset.has_structures,
        "rows": home.rows if home else None,
        "address": home.url if home else None,
        "sha256": home.sha256 if home else None,
        "read_from": path if path is not None else place,
        "properties": [
            {
                "property": one.property,
                "unit": get_property(one.property).unit,
                "evidence": one.evidence,
                "method": one.method,
            }
            for one in dataset.targets
        ],
        "classes": [{"label": one.name, "classes": one.meanings} for one in dataset.classes],
        "notes": dataset.notes,
    }


def overview(known: tuple[Dataset, ...], mirror: Path | None) -> Any:
    """Return the table of the known sets for the terminal."""
    from rich.table import Table
    from rich.text import Text

    from matscreen.report.formatting import words
    from matscreen.sources.dataset_files import where

    table = Table(box=None, pad_edge=False, padding=(0, 2, 1, 0), header_style="dim")
    table.add_column("set", no_wrap=True)
    table.add_column("holds")
    table.add_column("crystals", no_wrap=True)
    table.add_column("rows", justify="right", no_wrap=True)
    table.add_column("read from, size")
    table.add_column("citation, licence")
    for dataset in known:
        place, path = where(dataset, mirror=mirror)
        table.add_row(
            Text(dataset.name, style="bold"),
            ", ".join(words(name) for name in _holds(dataset)),
            "yes" if dataset.has_structures else DASH,
            _rows(dataset),
            Text(place.removeprefix("ndownloader.") + _size(dataset, path)),
            Text.assemble(f"{dataset.citation}\n", (dataset.licence, "dim")),
        )
    return table


def details(dataset: Dataset, mirror: Path | None) -> Any:
    """Return everything the registry knows of a set, for the terminal."""
    from rich.console import Group
    from rich.table import Table
    from rich.text import Text

    from matscreen.properties import get_property
    from matscreen.sources.dataset_files import where

    about = Table.grid(padding=(0, 2, 0, 0))
    about.add_column(style="dim", no_wrap=True)
    about.add_column(overflow="fold")
    home = dataset.layouts.get("home")
    place, path = where(dataset, mirror=mirror)
    known = {
        "citation": dataset.citation,
        "doi": dataset.doi,
        "licence": dataset.licence,
        "home page": dataset.home_page,
        "also named": ", ".join(dataset.aliases),
        "read from": f"{place}: {path}" if path else place,
        "address": home.url if home else None,
        "sha256": (home.sha256 or "not known: the one seen first is recorded") if home else None,
        "rows": _rows(dataset),
        "mirror files": ", ".join(_files(dataset)),
    }
    for caption, value in known.items():
        if value and value != DASH:
            about.add_row(caption, Text(value))
    held = new_table()
    for column in ("holds", "unit", "evidence", "method"):
        held.add_column(column, overflow="fold", no_wrap=column != "method")
    for target in dataset.targets:
        unit = get_property(target.property).unit
        held.add_row(target.property, unit, target.evidence, target.method)
    for label in dataset.classes:
        held.add_row(label.name, "class", label.evidence, ", ".join(label.meanings.values()))
    notes = [Text(f"- {note}") for note in dataset.notes]
    gap = [Text("")] if notes else []
    return Group(
        Text.assemble((dataset.name, "bold"), f"  {dataset.title}"),
        about,
        Text(""),
        held,
        *gap,
        *notes,
    )


def _holds(dataset: Dataset) -> list[str]:
    return [target.property for target in dataset.targets] + [c.name for c in dataset.classes]


def _rows(dataset: Dataset) -> str:
    home = dataset.layouts.get("home")
    return f"{home.rows:,}" if home is not None and home.rows else DASH


def _files(dataset: Dataset) -> list[str]:
    found = []
    for layout in dataset.layouts.values():
        found += [layout.file, *([layout.cells.file] if layout.cells else [])]
    return found


def _size(dataset: Dataset, path: Path | None) -> str:
    """Size of the file on this machine, else the one that the registry knows, if any."""
    home = dataset.layouts.get("home")
    size = path.stat().st_size if path is not None else home.size if home is not None else None
    return "" if size is None else f", {size / 1e6:.2g} MB"
