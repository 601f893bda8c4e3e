"""The source `files`: a structure file, or a folder of them, as they are found in the wild."""

from __future__ import annotations

import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import ClassVar, Final

from matscreen.errors import InputError, StructureError
from matscreen.sources.base import Failure, Page, SourceItem
from matscreen.sources.disorder import DisorderError
from matscreen.sources.formats import Entry, reader_of
from matscreen.sources.suitability import MAX_SITES

READABLE: Final = (
    "CIF, POSCAR/CONTCAR/.vasp, .xyz/.extxyz, ASE .db, pymatgen .json, OPTIMADE .jsonl; .gz too"
)
"""Kinds of file that the source reads, told by their names."""

_PAGE: Final = 100


@dataclass(frozen=True)
class FilesSource:
    """Reads every structure of a file or folder.

    Folders are read with their subfolders in sorted order, hidden ones left out; files of other
    kinds are passed over. Each structure is either an item or a failure: with one structure a
    file, items and failures add up to the files. An item is named by the identifier in its file
    (`cod:` and the number in the Crystallography Open Database, or an OPTIMADE id), else by its
    path relative to the folder; structures of a file that holds several get `#0`, `#1`...
    A failure is always named by its path.

    Attributes:
        path: The file or folder.
        max_sites: Larger cells are refused with the reason `too_large`.
    """

    name: ClassVar[str] = "files"

    path: Path
    max_sites: int = MAX_SITES

    def pages(self) -> Iterator[Page]:
        """Read the files, about a hundred structures a page.

        Reasons of failures: `unreadable`, `disordered`, `not_periodic`, `too_large`,
        `unknown_element`, `missing_atoms`, `missing_hydrogen`, `wrong_formula` and
        `wrong_symmetry` (the file contradicts itself), `overlapping_sites`, `malformed`,
        `missing_coordinates`, and those of `Crystal`.

        Raises:
            InputError: The path does not exist, or nothing in it is a structure file.
        """
        files = self.files()
        seen: set[str] = set()
        items: list[SourceItem] = []
        failures: list[Failure] = []
        for file in files:
            for place, entry in self._entries(file):
                if isinstance(entry, Entry):
                    items.append(self._item(place, entry, seen))
                else:
                    failures.append(_failure(place, entry))
                if len(items) + len(failures) >= _PAGE:
                    yield Page(tuple(items), tuple(failures))
                    items, failures = [], []
        if items or failures:
            yield Page(tuple(items), tuple(failures))

    def files(self) -> tuple[Path, ...]:
        """List the structure files, sorted by relative path.

        Raises:
            InputError: The path does not exist, or nothing in it is a structure file.
        """
        if not self.path.exists():
            raise InputError(f"no such file or folder: {self.path}")
        if not self.path.is_dir():
            if reader_of(self.path) is None:
                raise InputError(
                    f"cannot tell what {self.path} is by its name; read are {READABLE}"
                )
            return (self.path,)
        found: list[Path] = []
        for folder, folders, names in os.walk(self.path):
            folders[:] = [name for name in folders if not name.startswith(".")]
            found += [Path(folder, name) for name in names if not name.startswith(".")]
        readable = [file for file in found if reader_of(file) is not None]
        if not readable:
            raise InputError(
                f"no structure file in {self.path} ({len(found)} other files); read are {READABLE}"
            )
        return tuple(sorted(readable, key=self._relative))

    def _relative(self, file: Path) -> str:
        return file.name if file == self.path else file.relative_to(self.path).as_posix()

    def _entries(self, file: Path) -> Iterator[tuple[str, Entry | Exception]]:
        """Read one file; a file that gives nothing at all is one failure."""
        relative = self._relative(file)
        reader = reader_of(file)
        if reader is None:  # files() lists only readable kinds
            raise InputError(f"cannot tell what {file} is")
        entries = reader(file, self.max_sites)
        # One entry is held back to learn whether it is the only one of its file.
        held: Entry | Exception | None = None
        count = 0
        while True:
            with _quiet():
                try:
                    entry: Entry | Exception | None = next(entries, None)
                except Exception as error:
                    entry = error
            if entry is None:
                break
            if held is not None:
                yield f"{relative}#{count}", held
                count += 1
            held = self._sized(entry)
        if held is None:
            held = StructureError("unreadable", "the file holds no structure")
        yield (f"{relative}#{count}" if count else relative), held

    def _sized(self, entry: Entry | Exception) -> Entry | Exception:
        if isinstance(entry, Entry) and entry.crystal.nsites > self.max_sites:
            return StructureError("too_large", f"{entry.crystal.nsites} sites in the cell")
        return entry

    def _item(self, place: str, entry: Entry, seen: set[str]) -> SourceItem:
        # Two files may hold the same database entry; the second goes by its path.
        identifier = entry.identifier
        if identifier is None or identifier in seen:
            identifier = place
        seen.add(identifier)
        return SourceItem(
            crystal=entry.crystal,
            source=self.name,
            source_id=identifier,
            licence=entry.licence,
            properties=entry.properties,
            retrieved_at=datetime.now(UTC),
            attributes={"path": place},
        )


def open_files(target: str | None, *, max_sites: int = MAX_SITES) -> FilesSource:
    """Open `files:PATH`.

    Args:
        target: File or folder.
        max_sites: Largest cell to take.

    Raises:
        InputError: No path was given, or there is nothing to read there.
    """
    if not target:
        raise InputError("the source 'files' needs a path, for example files:structures")
    source = FilesSource(Path(target).expanduser(), max_sites)
    source.files()
    return source


def _failure(place: str, error: Exception) -> Failure:
    disordered = error.crystal if isinstance(error, DisorderError) else None
    return Failure(place, *_reason(error), disordered, retrieved_at=datetime.now(UTC))


def _reason(error: Exception) -> tuple[str, str]:
    """Give the reason code and one line of detail for anything a parser may raise."""
    if isinstance(error, StructureError):
        reason, text = error.reason, error.detail
    else:
        reason, text = "unreadable", f"the parser stopped at {type(error).__name__}: {error}"
    return reason, " ".join(text.split())[:300]


@contextmanager
def _quiet() -> Iterator[None]:
    """Silence the libraries: what matters of their warnings becomes a failure with a reason."""
    before = logging.root.manager.disable
    logging.disable(logging.WARNING)
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            yield
    finally:
        logging.disable(before)
