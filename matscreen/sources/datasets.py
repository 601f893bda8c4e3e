"""The source `dataset:NAME`: a published data set with structures, as candidates with labels."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from pathlib import Path
from typing import Final

import numpy as np

from matscreen.errors import InputError
from matscreen.sources.base import Page, SourceItem
from matscreen.sources.dataset_files import locate
from matscreen.sources.dataset_registry import Dataset, get_dataset, list_datasets
from matscreen.sources.dataset_tables import DatasetTable, read_dataset
from matscreen.sources.files import FilesSource
from matscreen.structures import Crystal

_PAGE: Final = 500


@dataclass(frozen=True)
class DatasetSource:
    """Gives every crystal of a published set, with the values that the set holds for it.

    Rows whose formula or crystal cannot be used are failures; rows without a usable value are
    candidates without labels.

    Attributes:
        table: The set, read.
        name: `dataset:` and the name of the set.
    """

    table: DatasetTable
    name: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", f"dataset:{self.table.dataset.name}")

    def pages(self) -> Iterator[Page]:
        """Read the set, five hundred rows a page; the first page carries the unreadable rows."""
        table = self.table
        crystals = table.crystals or ()
        bare = {failure.source_id: failure for failure in table.cell_failures}
        failures = table.failures
        now = datetime.now(UTC)
        for start in range(0, max(len(crystals), 1), _PAGE):
            rows = range(start, min(start + _PAGE, len(crystals)))
            items = tuple(
                self._item(row, crystal, now)
                for row in rows
                if (crystal := crystals[row]) is not None
            )
            lost = tuple(bare[table.ids[row]] for row in rows if table.ids[row] in bare)
            yield Page(items, failures + lost)
            failures = ()

    def _item(self, row: int, crystal: Crystal, now: datetime) -> SourceItem:
        table = self.table
        properties = {
            name: float(values[row])
            for name, values in table.values.items()
            if np.isfinite(values[row])
        }
        return SourceItem(
            crystal=crystal,
            source=self.name,
            source_id=table.ids[row],
            licence=table.dataset.licence,
            properties=properties,
            retrieved_at=now,
            attributes={"citation": table.dataset.citation},
            evidence={target.property: target.evidence for target in table.targets},
            method=self.name,
        )


@dataclass(frozen=True)
class DatasetFiles:
    """Gives every crystal of a published set of structure files.

    Attributes:
        dataset: The set.
        path: Its file, folder or archive.
        name: `dataset:` and the name of the set.
    """

    dataset: Dataset
    path: Path
    name: str = field(init=False)

    def __post_init__(self) -> None:
        object.__setattr__(self, "name", f"dataset:{self.dataset.name}")

    def total(self) -> int | None:
        """Say how many crystals there are, where that is cheap to know."""
        return FilesSource(self.path).total()

    def pages(self) -> Iterator[Page]:
        """Read as the source `files` does; what an entry says of its licence goes first."""
        for page in FilesSource(self.path).pages():
            items = tuple(
                replace(
                    item,
                    source=self.name,
                    licence=item.licence or self.dataset.licence,
                    attributes={**item.attributes, "citation": self.dataset.citation},
                    method=self.name,
                )
                for item in page.items
            )
            failures = tuple(
                replace(failure, licence=failure.licence or self.dataset.licence)
                for failure in page.failures
            )
            yield replace(page, items=items, failures=failures)


def open_dataset(
    target: str | None, *, mirror: str | os.PathLike[str] | None = None
) -> DatasetSource | DatasetFiles:
    """Open `dataset:NAME`.

    Args:
        target: Name of the set.
        mirror: Folder that is searched before the network; `MATSCREEN_MIRROR` by default.

    Raises:
        InputError: No name was given, no set has it, or the set holds formulas only.
        SourceError: The set cannot be fetched or read.
    """
    if not target:
        known = ", ".join(dataset.name for dataset in list_datasets() if dataset.has_structures)
        raise InputError(f"the source 'dataset' needs the name of a set: {known}")
    dataset = get_dataset(target)
    if all(layout.is_folder for layout in dataset.layouts.values()):
        return DatasetFiles(dataset, locate(dataset, mirror=mirror).path)
    if dataset.has_structures:
        table = read_dataset(target, mirror)
        if table.crystals is not None:
            return DatasetSource(table)
    raise InputError(
        f"{dataset.name} has no crystals to pull, only formulas and values"
        f"{' in this file; a mirror may hold them' if dataset.has_structures else ''}; train on "
        f"it with: matscreen train --dataset {dataset.name}"
    )
