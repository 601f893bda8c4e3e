"""The source `files`: structure files, folders and archives of them, as found in the wild."""

from __future__ import annotations

import glob
import logging
import os
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import UTC, datetime
from itertools import takewhile
from pathlib import Path
from typing import ClassVar, Final

from matscreen.errors import InputError, StructureError
from matscreen.sources import archives
from matscreen.sources.base import Failure, Page, SourceItem
from matscreen.sources.disorder import DisorderError
from matscreen.sources.formats import Entry, count_rows, holds_one, read_ase_db, reader_of
from matscreen.sources.suitability import MAX_SITES

READABLE: Final = (
    "CIF, POSCAR/CONTCAR/.vasp, .xyz/.extxyz, ASE .db, pymatgen .json, OPTIMADE .jsonl; .gz, .zip "
    "and .tar(.gz) of them too"
)
"""Kinds of file that the source reads, told by their names."""

_PAGE: Final = 100


@dataclass(frozen=True)
class FilesSource:
    """Reads every structure of a file, a folder, an archive, or of what a pattern matches.

    Folders are read with their subfolders in sorted order, hidden ones left out; files of other
    kinds are passed over. Each structure is either an item or a failure: with one structure a
    file, items and failures add up to the files. An item is named by the identifier in its file
    (`cod:` and the number in the Crystallography Open Database, or an OPTIMADE id), else by its
    path relative to the folder, `archive.zip/path` within an archive; structures of a file that
    holds several get `#0`, `#1`... A failure is always named by its path.

    Attributes:
        path: The file or folder; with a pattern, the folder that it starts from.
        max_sites: Larger cells are refused with the reason `too_large`.
        pattern: Files and folders to read instead of all, such as `**/*.cif`, relative to `path`.
    """

    name: ClassVar[str] = "files"

    path: Path
    max_sites: int = MAX_SITES
    pattern: str | None = None

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

    def total(self) -> int | None:
        """Say how many structures there are, where a look at the files' names is enough.

        Returns:
            The number for files of one structure (a CIF counts as one), databases of ASE and zip
            archives; None as soon as a file would have to be read for it.
        """
        counts = [_count(file) for file in self.files()]
        known = [count for count in counts if count is not None]
        return sum(known) if len(known) == len(counts) else None

    def files(self) -> tuple[Path, ...]:
        """List the structure files and archives, sorted by relative path.

        Raises:
            InputError: The path does not exist, or nothing in it is a structure file.
        """
        if self.pattern is not None:
            found = _matching(self.path, self.pattern)
            shown = str(self.path / self.pattern)
            if not found:
                raise InputError(f"nothing matches {shown}")
        else:
            if not self.path.exists():
                raise InputError(f"no such file or folder: {self.path}")
            shown = str(self.path)
            if not self.path.is_dir():
                if not _is_readable(self.path):
                    raise InputError(
                        f"cannot tell what {self.path} is by its name; read are {READABLE}"
                    )
                return (self.path,)
            found = _walk(self.path)
        readable = [file for file in found if _is_readable(file)]
        if not readable:
            raise InputError(
                f"no structure file in {shown} ({len(found)} other files); read are {READABLE}"
            )
        return tuple(sorted(readable, key=self._relative))

    def _relative(self, file: Path) -> str:
        return file.name if file == self.path else file.relative_to(self.path).as_posix()

    def _entries(self, file: Path) -> Iterator[tuple[str, Entry | Exception]]:
        """Read a file or the members of an archive, each entry with its place."""
        place = self._relative(file)
        if not archives.is_archive(file):
            yield from self._structures(file, place)
            return
        given = 0
        members = archives.members(file, lambda name: reader_of(Path(name)) is not None)
        try:
            for member in members:
                given += 1
                inside = f"{place}/{member.name}"
                if member.path is None:
                    yield inside, member.error or StructureError("unreadable", "it is empty")
                else:
                    yield from self._structures(member.path, inside)
        except Exception as error:
            yield place, error
            return
        if not given:
            yield place, StructureError("unreadable", "the archive holds no structure file")

    def _structures(self, file: Path, place: str) -> Iterator[tuple[str, Entry | Exception]]:
        """Read one file; a file that gives nothing at all is one failure."""
        reader = reader_of(file)
        if reader is None:  # only readable kinds come here
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
                yield f"{place}#{count}", held
                count += 1
            held = self._sized(entry)
        if held is None:
            held = StructureError("unreadable", "the file holds no structure")
        yield (f"{place}#{count}" if count else place), held

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
    """Open `files:PATH` or `files:PATTERN`.

    Args:
        target: File, folder, archive, or a pattern with `*`, `?`, `[...]` or `**`.
        max_sites: Largest cell to take.

    Raises:
        InputError: No path was given, or there is nothing to read there.
    """
    if not target:
        raise InputError("the source 'files' needs a path, for example files:structures")
    path = Path(target).expanduser()
    if path.exists() or not glob.has_magic(str(path)):  # a name may hold brackets
        source = FilesSource(path, max_sites)
    else:
        plain = list(takewhile(lambda part: not glob.has_magic(part), path.parts))
        start = Path(*plain)
        source = FilesSource(start, max_sites, str(Path(*path.parts[len(plain) :])))
    source.files()
    return source


def _is_readable(file: Path) -> bool:
    return reader_of(file) is not None or archives.is_archive(file)


def _walk(folder: Path) -> list[Path]:
    found: list[Path] = []
    for place, folders, names in os.walk(folder):
        folders[:] = [name for name in folders if not name.startswith(".")]
        found += [Path(place, name) for name in names if not name.startswith(".")]
    return found


def _matching(start: Path, pattern: str) -> list[Path]:
    """List the files that a pattern matches, and those in the folders that it matches."""
    found: dict[Path, None] = {}
    for name in glob.iglob(pattern, root_dir=start, recursive=True):  # noqa: PTH207 - as a shell
        path = start / name
        found.update(dict.fromkeys(_walk(path) if path.is_dir() else [path]))
    return list(found)


def _count(file: Path) -> int | None:
    """Say how many structures a file is expected to hold, where that is cheap to know."""
    if archives.is_archive(file):
        try:
            inside = [Path(name) for name in archives.names(file)]
        except Exception:  # a damaged archive is one failure, told when it is read
            return 1
        kinds = [name for name in inside if reader_of(name) is not None]
        return len(kinds) if kinds and all(map(holds_one, kinds)) else None
    if holds_one(file):
        return 1
    return count_rows(file) if reader_of(file) is read_ase_db else None


def _failure(place: str, error: Exception) -> Failure:
    """Make a failure, with its reason and one line of detail, of anything a parser may raise."""
    if isinstance(error, StructureError):
        reason, text = error.reason, error.detail
    else:
        reason, text = "unreadable", f"the parser stopped at {type(error).__name__}: {error}"
    crystal = error.crystal if isinstance(error, DisorderError) else None
    return Failure(
        place,
        reason,
        " ".join(text.split())[:300],
        disordered=crystal,
        retrieved_at=None if crystal is None else datetime.now(UTC),
    )


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
