"""Published data sets as tables: formula, crystal, sites, and values in registry units.

    table = read_dataset("wolverton_oxides")
    table.values["oxygen_vacancy_formation_energy"]   # eV, NaN where unknown

Every row of the file is a row of the table, merged into one, or a failure with its reason.
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np
import numpy.typing as npt

from matscreen.errors import InputError
from matscreen.properties import get_property
from matscreen.sources.base import Failure
from matscreen.sources.dataset_files import Downloader, Origin, Progress, locate
from matscreen.sources.dataset_registry import Dataset, Target, get_dataset
from matscreen.sources.dataset_rows import (
    good_rows,
    merged,
    read_classes,
    read_crystals,
    read_sites,
    read_values,
)
from matscreen.structures import Crystal, FloatArray

if TYPE_CHECKING:
    import pandas as pd


@dataclass(frozen=True, eq=False)
class DatasetTable:
    """A published data set, read.

    Attributes:
        dataset: What the set is: citation, licence, notes.
        origin: The file it was read from.
        ids: Identifier of each row within the set, (n,).
        formulas: Formula of each row as the file writes it, (n,).
        groups: Chemical system of each row, elements in alphabetical order joined by `-`, (n,).
        values: Values by registry property, in the registry's unit, NaN where unknown, (n,).
        stds: Standard deviations of the values where the set states them, by property, (n,).
        classes: Labels that are no numbers, by name, (n,); empty where unknown.
        crystals: Crystal of each row, None where it has none, (n,); None for a set of formulas.
        sites: Elements on A, B and X of each row, (n,); None when the set does not say.
        failures: Rows of the file that are not in the table, with their reason.
        cell_failures: Rows of the table without a usable crystal, with the reason.
        omitted: For each property, how many rows have no value of it and why: `no_value`,
            `filtered`, `out_of_bounds`, `no_structure`.
        n_rows: Rows of the file.
        n_merged: Rows of the file that became one with a row before.
    """

    dataset: Dataset
    origin: Origin
    ids: tuple[str, ...]
    formulas: tuple[str, ...]
    groups: npt.NDArray[np.str_]
    values: Mapping[str, FloatArray]
    stds: Mapping[str, FloatArray]
    classes: Mapping[str, npt.NDArray[np.str_]]
    crystals: tuple[Crystal | None, ...] | None
    sites: tuple[tuple[str, str, str], ...] | None
    failures: tuple[Failure, ...]
    cell_failures: tuple[Failure, ...]
    omitted: Mapping[str, Mapping[str, int]]
    n_rows: int
    n_merged: int

    def __len__(self) -> int:
        return len(self.ids)

    @property
    def targets(self) -> tuple[Target, ...]:
        """Properties that this layout of the set holds, in the order of the registry."""
        return tuple(t for t in self.dataset.targets if t.property in self.values)

    def to_pandas(self) -> pd.DataFrame:
        """Return id, formula, group, sites and classes where known, and one column a property."""
        import pandas as pd

        columns: dict[str, Any] = {"id": self.ids, "formula": self.formulas, "group": self.groups}
        if self.sites is not None:
            for column, role in enumerate("ABX"):
                columns[f"site_{role.lower()}"] = [row[column] for row in self.sites]
        frame = pd.DataFrame({**columns, **self.classes, **self.values})
        frame.attrs = {
            "citation": self.dataset.citation,
            "licence": self.dataset.licence,
            "units": {name: get_property(name).unit for name in self.values},
        }
        return frame


def read_dataset(
    name: str,
    mirror: str | os.PathLike[str] | None = None,
    *,
    cache: str | os.PathLike[str] | None = None,
    downloader: Downloader | None = None,
    progress: Progress | None = None,
) -> DatasetTable:
    """Read a published data set by name.

    Args:
        name: One of `list_datasets()`, such as `wolverton_oxides`.
        mirror: Folder that is searched before the network; `MATSCREEN_MIRROR` by default.
        cache: Folder of downloads; `MATSCREEN_CACHE`, or the user's cache, by default.
        downloader: Called instead of the https download.
        progress: Called with `download kB`, what is done, and the total.

    Raises:
        InputError: No set has this name, or it is neither in the mirror nor at a known address.
        SourceError: It cannot be fetched or read, or is not the file that the registry knows.
    """
    dataset = get_dataset(name)
    if all(layout.is_folder for layout in dataset.layouts.values()):
        raise InputError(
            f"{dataset.name} is crystals without values; pull it: matscreen pull dataset:"
            f"{dataset.name}"
        )
    origin = locate(dataset, mirror=mirror, cache=cache, downloader=downloader, progress=progress)
    rows, failures = good_rows(dataset, origin)
    first, members = merged(rows)
    crystals, cell_failures = read_crystals(rows, first)
    columns = {
        target.property: read_values(rows, target, members, crystals)
        for target in dataset.targets
        if origin.layout.name in target.columns
    }
    noisy = {target.property for target in dataset.targets if target.noise}
    return DatasetTable(
        dataset=dataset,
        origin=origin,
        ids=tuple(rows.ids[i] for i in first),
        formulas=tuple(rows.formulas[i] for i in first),
        groups=np.array([rows.groups[i] for i in first], dtype=str),
        values={name: column.value for name, column in columns.items()},
        stds={name: column.std for name, column in columns.items() if name in noisy},
        classes=read_classes(rows, first),
        crystals=crystals,
        sites=read_sites(rows, first),
        failures=failures,
        cell_failures=cell_failures,
        omitted={name: column.omitted for name, column in columns.items()},
        n_rows=len(rows.frame),
        n_merged=len(rows.numbers) - len(first),
    )
