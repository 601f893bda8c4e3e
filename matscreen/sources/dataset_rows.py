"""From the file of a published data set to rows: which are usable, and values in our units."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import numpy.typing as npt

from matscreen.errors import SourceError, StructureError
from matscreen.formulas import chemical_system
from matscreen.properties import get_property
from matscreen.sources.base import Failure
from matscreen.sources.dataset_files import Origin, companion
from matscreen.sources.dataset_frames import read_cells, read_crystal, read_frame, texts
from matscreen.sources.dataset_registry import Dataset, Keep, Layout, Target
from matscreen.structures import Crystal, FloatArray

if TYPE_CHECKING:
    import pandas as pd

Crystals = tuple[Crystal | None, ...]

# Of several rows that stand for one, the reason of the one that came furthest is told.
_REASONS = ("out_of_bounds", "no_structure", "filtered", "no_value")


@dataclass(frozen=True, eq=False)
class Rows:
    """The rows of a file whose formula can be read.

    Attributes:
        dataset: The set.
        origin: The file.
        frame: All rows of the file.
        numbers: Row of the file of each good row, (n,).
        ids: Identifier of each good row; unique unless the layout merges, (n,).
        formulas: Formula, (n,).
        groups: Chemical system, (n,).
    """

    dataset: Dataset
    origin: Origin
    frame: pd.DataFrame
    numbers: tuple[int, ...]
    ids: tuple[str, ...]
    formulas: tuple[str, ...]
    groups: tuple[str, ...]

    @property
    def layout(self) -> Layout:
        """Layout of the file."""
        return self.origin.layout

    def cells(self, column: str) -> list[Any]:
        """Return a column of the good rows as it is.

        Raises:
            SourceError: The file has no such column.
        """
        if column not in self.frame.columns:
            raise SourceError(
                f"{self.dataset.name}: {self.origin.path} has no column {column!r}; it holds "
                f"{', '.join(map(str, self.frame.columns[:12]))}"
            )
        every = self.frame[column].tolist()
        return [every[row] for row in self.numbers]

    def texts(self, column: str) -> list[str]:
        """Return a column of the good rows as text."""
        return texts(self.cells(column))

    def floats(self, column: str) -> FloatArray:
        """Return a column of the good rows as numbers; NaN where it holds none."""
        import pandas as pd

        found = pd.to_numeric(pd.Series(self.cells(column), dtype=object), errors="coerce")
        return np.asarray(found.to_numpy(np.float64), dtype=np.float64)


class Column(NamedTuple):
    """Values of one property.

    Attributes:
        value: In the registry's unit, NaN where unknown, (n,).
        std: Their standard deviations, NaN where not stated, (n,).
        omitted: How many rows have no value, by reason.
    """

    value: FloatArray
    std: FloatArray
    omitted: Mapping[str, int]


def good_rows(dataset: Dataset, origin: Origin) -> tuple[Rows, tuple[Failure, ...]]:
    """Read the file of a set; rows whose formula cannot be read are failures.

    Raises:
        SourceError: The file is unreadable, or lacks a column.
    """
    layout = origin.layout
    frame = read_frame(origin.path, layout.format)
    every = Rows(dataset, origin, frame, tuple(range(len(frame))), (), (), ())
    formulas = every.texts(layout.formula)
    numbers, groups, failures = [], [], []
    names = _names(every, layout)
    for row, formula in enumerate(formulas):
        try:
            group = chemical_system(formula)
        except StructureError as error:
            failures.append(Failure(names[row], error.reason, error.detail))
        else:
            numbers.append(row)
            groups.append(group)
    good = Rows(
        dataset,
        origin,
        frame,
        tuple(numbers),
        tuple(names[row] for row in numbers),
        tuple(formulas[row] for row in numbers),
        tuple(groups),
    )
    return good, tuple(failures)


def merged(rows: Rows) -> tuple[list[int], list[list[int]]]:
    """Say which good rows make one row of the table.

    Returns:
        The first good row of each, and all good rows of each.
    """
    if rows.layout.merge is None:
        return list(range(len(rows.numbers))), [[i] for i in range(len(rows.numbers))]
    groups: dict[str, list[int]] = {}
    for i, name in enumerate(rows.ids):
        groups.setdefault(name, []).append(i)
    return [group[0] for group in groups.values()], list(groups.values())


def read_crystals(rows: Rows, first: Sequence[int]) -> tuple[Crystals | None, tuple[Failure, ...]]:
    """Read the crystal of each row of the table; None for a layout without crystals.

    Raises:
        InputError: The file of crystals is missing beside the table.
        SourceError: It is unreadable.
    """
    layout = rows.layout
    member = None
    if layout.structure is not None:
        cells = rows.cells(layout.structure)
        entries = [cells[i] for i in first]
    elif layout.cells is not None and (path := companion(rows.origin)) is not None:
        found, key, member = read_cells(path, layout.cells), layout.cells.key, layout.cells.member
        names = rows.ids if key == "id" else rows.texts(key)
        entries = [found.get(names[i]) for i in first]
    else:
        return None, ()
    crystals: list[Crystal | None] = []
    failures = []
    for i, entry in zip(first, entries, strict=True):
        try:
            crystals.append(read_crystal(entry, member))
        except StructureError as error:
            crystals.append(None)
            failures.append(Failure(rows.ids[i], error.reason, error.detail))
    return tuple(crystals), tuple(failures)


def read_values(
    rows: Rows, target: Target, members: Sequence[Sequence[int]], crystals: Crystals | None
) -> Column:
    """Convert one property of each row of the table into the registry's unit.

    A value that is missing (`no_value`), fails a condition of the target (`filtered`), needs a
    crystal that is not there (`no_structure`) or lies beyond the physical bounds (`out_of_bounds`)
    is NaN, and counted.

    Raises:
        SourceError: The file lacks a column.
    """
    layout = rows.layout.name
    raw = rows.floats(target.columns[layout])
    noise = rows.floats(target.noise[layout]) if layout in target.noise else raw * math.nan
    kept = np.all([np.ones(len(raw), bool), *(_meets(rows, rule) for rule in target.keep)], axis=0)
    bounds = get_property(target.property)
    values, stds = np.full(len(members), np.nan), np.full(len(members), np.nan)
    omitted: Counter[str] = Counter()
    for row, group in enumerate(members):
        factor = target.scale
        if target.per_volume:
            crystal = crystals[row] if crystals is not None else None
            factor *= crystal.nsites / crystal.volume if crystal is not None else math.nan
        reasons, usable = [], []
        for i in group:
            value = raw[i] * factor
            if target.floor is not None and value < target.floor:
                value = target.floor
            if not math.isfinite(raw[i]):
                reasons.append("no_value")
            elif not kept[i]:
                reasons.append("filtered")
            elif not math.isfinite(value):
                reasons.append("no_structure")
            elif not bounds.lower <= value <= bounds.upper:
                reasons.append("out_of_bounds")
            else:
                usable.append((value, noise[i] * abs(factor)))
        if usable:
            lowest = rows.layout.merge == "lowest"
            values[row], stds[row] = min(usable, key=lambda pair: pair[0]) if lowest else usable[0]
        else:
            omitted[next(reason for reason in _REASONS if reason in reasons)] += 1
    return Column(values, stds, dict(sorted(omitted.items())))


def read_classes(rows: Rows, first: Sequence[int]) -> dict[str, npt.NDArray[np.str_]]:
    """Read the labels that are no numbers, by name; an unknown one is an empty text."""
    found = {}
    for label in rows.dataset.classes:
        if rows.layout.name in label.columns:
            numbers = rows.floats(label.columns[rows.layout.name])[list(first)]
            meant = [label.meanings.get(int(n), "") if math.isfinite(n) else "" for n in numbers]
            found[label.name] = np.array(meant, dtype=str)
    return found


def read_sites(rows: Rows, first: Sequence[int]) -> tuple[tuple[str, str, str], ...] | None:
    """Read the elements on A, B and X of each row; None when the set does not say."""
    layout = rows.layout
    if not layout.sites:
        return None
    a, b = (rows.texts(column) for column in layout.sites)
    x = rows.texts(layout.anion) if layout.anion else ["O"] * len(rows.numbers)
    return tuple((a[i], b[i], x[i]) for i in first)


def _meets(rows: Rows, rule: Keep) -> npt.NDArray[np.bool_]:
    column = rule.columns.get(rows.layout.name)
    met = np.ones(len(rows.numbers), dtype=bool)
    if column is not None and rule.above is not None:
        met &= rows.floats(column) > rule.above
    if column is not None and rule.equals is not None:
        met &= np.array([text in rule.equals for text in rows.texts(column)], dtype=bool)
    return met


def _names(rows: Rows, layout: Layout) -> list[str]:
    """Name every row of a file; where rows are not merged, no two get the same name."""
    if not layout.id:
        return [str(row) for row in rows.numbers]
    columns = [rows.texts(column) for column in layout.id]
    names = ["|".join(parts) for parts in zip(*columns, strict=True)]
    return names if layout.merge else list(_unique(names))


def _unique(names: Sequence[str]) -> Iterator[str]:
    seen: Counter[str] = Counter()
    for name in names:
        seen[name] += 1
        yield name if seen[name] == 1 else f"{name}#{seen[name]}"
