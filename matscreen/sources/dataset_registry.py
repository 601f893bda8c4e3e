"""The published data sets that matscreen knows: where they live, who made them, what they mean.

The facts are in `data/reference/datasets.toml`; none of their rows is shipped.
"""

from __future__ import annotations

import difflib
import tomllib
from collections.abc import Mapping
from dataclasses import dataclass, field, replace
from functools import cache
from pathlib import Path
from typing import Any, Final, Literal
from urllib.parse import urlsplit

from matscreen.data import data_path
from matscreen.errors import InputError
from matscreen.properties import EVIDENCE, get_property

LayoutName = Literal["mirror", "home"]
LAYOUTS: Final[tuple[LayoutName, ...]] = ("mirror", "home")
"""Layouts a set may have, in the order in which a mirror folder is searched for them."""

FORMATS: Final = ("csv", "frame", "records", "structures")
"""`csv`, also as .csv.gz; `frame` is a pandas table in JSON, orientation `split`, as .json.gz;
`records` a JSON list of mappings, or pymatgen entries with their `data`, as .json, .gz, .bz2 or the
only file of a .zip; `structures` anything that the source `files` reads, also a folder: crystals
without a table."""


@dataclass(frozen=True)
class Cells:
    """A file of crystals beside the table of a set.

    Attributes:
        file: Its name in the mirror folder: .json.gz (one mapping) or .jsonl.gz (one a line).
        key: Column of the table that names the crystal; `id` for the row's own identifier.
        member: Key of the cell within an entry; None when the entry is the cell.
    """

    file: str
    key: str
    member: str | None = None


@dataclass(frozen=True)
class Layout:
    """One file that a set can be read from, and what its columns are.

    Attributes:
        name: `home` or `mirror`.
        file: Name of the file.
        format: One of `FORMATS`.
        formula: Column of the formula; empty for `structures`, which have no columns.
        id: Columns that together name a row; its number when empty.
        sites: Columns of the elements on A and B; empty when the set does not say.
        anion: Column of the element on X; oxygen when None.
        structure: Column of pymatgen structures, or None.
        cells: A file of crystals, or None.
        merge: What becomes of rows with one id: `None` keeps each, `first` takes the first usable
            value, `lowest` the lowest.
        url: Address of the file, https; None when none is known for certain.
        sha256: Hash of the file; None when it is not known.
        size: Size, bytes; None when it is not known.
        rows: Rows of the complete set; None when not known.
        parts: Number of files of a set in parts: `{part:03d}` in `file` and `url` is the number,
            from 0; None for a set of one file.
        origin: Where address and hash were read.
    """

    name: LayoutName
    file: str
    format: str
    formula: str = ""
    id: tuple[str, ...] = ()
    sites: tuple[str, ...] = ()
    anion: str | None = None
    structure: str | None = None
    cells: Cells | None = None
    merge: Literal["first", "lowest"] | None = None
    url: str | None = None
    sha256: str | None = None
    size: int | None = None
    rows: int | None = None
    parts: int | None = None
    origin: str | None = None

    @property
    def has_structures(self) -> bool:
        """Whether crystals come with it."""
        return self.is_folder or self.structure is not None or self.cells is not None

    @property
    def is_folder(self) -> bool:
        """Whether it is structure files, perhaps a folder of them, and no table."""
        return self.format == "structures"


@dataclass(frozen=True)
class Keep:
    """A condition on rows, for one target.

    Attributes:
        columns: Column by layout; a layout without one is not filtered.
        above: Smallest value, itself left out; None for no limit.
        equals: The texts of which the column must hold one; None for any.
    """

    columns: Mapping[str, str]
    above: float | None = None
    equals: tuple[str, ...] | None = None


@dataclass(frozen=True)
class Target:
    """One registry property that a set holds.

    Attributes:
        property: Registry name.
        columns: Column by layout; a layout that lacks the property is absent.
        unit: Unit of the file.
        evidence: One of the kinds of evidence.
        method: How the values were made.
        scale: Factor from the file's unit to the registry's.
        per_volume: Whether the value is divided by the volume per atom of the crystal, Å³.
        floor: Smaller values become it, after scaling; None for no floor.
        noise: Column of standard deviations in the file's unit, by layout.
        keep: Conditions on rows; a row must meet all.
    """

    property: str
    columns: Mapping[str, str]
    unit: str
    evidence: str
    method: str
    scale: float = 1.0
    per_volume: bool = False
    floor: float | None = None
    noise: Mapping[str, str] = field(default_factory=dict)
    keep: tuple[Keep, ...] = ()


@dataclass(frozen=True)
class ClassLabel:
    """A label that is no number, such as metal or insulator.

    Attributes:
        name: Name.
        columns: Column by layout.
        meanings: Meaning of each number of the file.
        evidence: One of the kinds of evidence.
    """

    name: str
    columns: Mapping[str, str]
    meanings: Mapping[int, str]
    evidence: str


@dataclass(frozen=True)
class Dataset:
    """One published data set.

    Attributes:
        name: Name that users write.
        title: What it is.
        authors: Who made it.
        year: Year of publication.
        journal: Journal, volume and page.
        licence: Licence of the file at its home, as far as it is stated.
        home_page: Page for people.
        doi: Only where it is certain.
        aliases: Other names.
        notes: Traps.
        layouts: The layouts, by name.
        targets: Registry properties that it holds.
        classes: Labels that are no numbers.
    """

    name: str
    title: str
    authors: str
    year: int
    journal: str
    licence: str
    home_page: str
    doi: str | None
    aliases: tuple[str, ...]
    notes: tuple[str, ...]
    layouts: Mapping[str, Layout]
    targets: tuple[Target, ...]
    classes: tuple[ClassLabel, ...]

    @property
    def citation(self) -> str:
        """Authors, journal and year in one line."""
        return f"{self.authors}, {self.journal} ({self.year})"

    @property
    def has_structures(self) -> bool:
        """Whether any of its layouts brings crystals."""
        return any(layout.has_structures for layout in self.layouts.values())


def list_datasets() -> tuple[Dataset, ...]:
    """Return the known data sets in the order of the table."""
    return tuple(_registry().values())


def get_dataset(name: str) -> Dataset:
    """Return a data set by its name or an alias.

    Raises:
        InputError: No set has this name.
    """
    registry = _registry()
    base, slash, part = name.partition("/")
    for dataset in registry.values():
        if base == dataset.name or base in dataset.aliases:
            return _part(dataset, part if slash else None)
    near = difflib.get_close_matches(name, registry, n=1)
    hint = f"; did you mean {near[0]!r}?" if near else ""
    raise InputError(f"unknown data set {name!r}{hint}; known: {', '.join(registry)}")


def _part(dataset: Dataset, asked: str | None) -> Dataset:
    """Return a set with the file names and addresses of one of its parts, the first by default."""
    most = max((layout.parts or 0 for layout in dataset.layouts.values()), default=0)
    if not most:
        if asked is not None:
            raise InputError(f"{dataset.name} has no parts; leave out '/{asked}'")
        return dataset
    text = asked if asked is not None else "0"
    if not (text.isascii() and text.isdigit() and int(text) < most):
        raise InputError(f"{dataset.name} has the parts 0 to {most - 1}, not {text!r}")
    layouts = {
        name: replace(
            layout,
            file=layout.file.format(part=int(text)),
            url=layout.url and layout.url.format(part=int(text)),
        )
        for name, layout in dataset.layouts.items()
    }
    return replace(dataset, layouts=layouts)


@cache
def _registry() -> dict[str, Dataset]:
    with data_path("reference", "datasets.toml").open("rb") as file:
        return parse_registry(tomllib.load(file))


def parse_registry(document: Mapping[str, Any]) -> dict[str, Dataset]:
    """Read the table of data sets, refusing what could not be used safely.

    Raises:
        InputError: An address is not https, a file name is a path, a property or kind of evidence
            is unknown, or an entry is missing.
    """
    found = {}
    for name, entry in document.items():
        try:
            found[name] = _dataset(name, entry)
        except (KeyError, TypeError, ValueError) as error:
            reason = f"no {error}" if isinstance(error, KeyError) else str(error)
            raise InputError(f"data set {name!r}: {reason}") from error
    return found


def _dataset(name: str, entry: Mapping[str, Any]) -> Dataset:
    layouts: dict[str, Layout] = {key: _layout(key, entry[key]) for key in LAYOUTS if key in entry}
    if not layouts:
        raise ValueError("neither a home nor a mirror layout")
    return Dataset(
        name=name,
        title=entry["title"],
        authors=entry["authors"],
        year=entry["year"],
        journal=entry["journal"],
        licence=entry["licence"],
        home_page=entry["home_page"],
        doi=entry.get("doi"),
        aliases=tuple(entry.get("aliases", ())),
        notes=tuple(entry.get("notes", ())),
        layouts=layouts,
        targets=tuple(_target(row) for row in entry.get("targets", ())),
        classes=tuple(
            ClassLabel(
                row["name"],
                _columns(row),
                {int(key): meaning for key, meaning in row["values"].items()},
                row["evidence"],
            )
            for row in entry.get("classes", ())
        ),
    )


def _layout(name: LayoutName, entry: Mapping[str, Any]) -> Layout:
    given = dict(entry)
    cells = given.pop("structures", None)
    layout = Layout(
        name=name,
        cells=Cells(**cells) if cells else None,
        origin=given.pop("from", None),
        id=tuple(given.pop("id", ())),
        sites=tuple(given.pop("sites", ())),
        **given,
    )
    for file in (layout.file, *([layout.cells.file] if layout.cells else [])):
        if Path(file).name != file or file.startswith("."):
            raise ValueError(f"{file!r} is no plain file name")
    if layout.format not in FORMATS:
        raise ValueError(f"unknown format {layout.format!r}; known: {', '.join(FORMATS)}")
    if bool(layout.formula) == layout.is_folder:
        raise ValueError("a table needs a column `formula`, and structure files have none")
    if layout.url is not None and urlsplit(layout.url).scheme != "https":
        raise ValueError(f"{layout.url!r} is not an https address")
    return layout


def _target(row: Mapping[str, Any]) -> Target:
    get_property(row["property"])
    if row["evidence"] not in EVIDENCE:
        raise ValueError(f"evidence {row['evidence']!r} is none of {', '.join(EVIDENCE)}")
    return Target(
        property=row["property"],
        columns=_columns(row),
        unit=row["unit"],
        evidence=row["evidence"],
        method=row["method"],
        scale=float(row.get("scale", 1.0)),
        per_volume=bool(row.get("per_volume", False)),
        floor=row.get("floor"),
        noise=dict(row.get("noise", {})),
        keep=tuple(
            Keep(_columns(rule), rule.get("above"), _alternatives(rule.get("equals")))
            for rule in row.get("keep", ())
        ),
    )


def _alternatives(given: str | list[str] | None) -> tuple[str, ...] | None:
    return (given,) if isinstance(given, str) else None if given is None else tuple(given)


def _columns(row: Mapping[str, Any]) -> dict[str, str]:
    return {name: row[name] for name in LAYOUTS if name in row}
