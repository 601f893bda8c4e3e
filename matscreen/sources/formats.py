"""Read the structure files of other programs, entry by entry.

Each reader yields one `Entry` or one exception per structure of its file, in file order, so that a
bad structure never hides the ones after it.
"""

from __future__ import annotations

import contextlib
import gzip
import io
import json
import re
import sqlite3
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Final

from matscreen.errors import StructureError
from matscreen.sources import optimade_entries
from matscreen.sources.cif import read_block, split_blocks
from matscreen.sources.disorder import DisorderedCrystal, DisorderError
from matscreen.structures import Crystal

MAX_BYTES: Final = 64 * 2**20
"""Largest text file that is read whole."""

# ASE makes a list of the columns that a frame says it has.
_MANY_COLUMNS = re.compile(r":\d{5,}")


@dataclass(frozen=True)
class Entry:
    """One structure of a file.

    Attributes:
        crystal: The crystal.
        identifier: The structure's own identifier, when the file gives one that others know.
        licence: Licence, when the file gives it.
        properties: Registry property name to value in the registry's unit.
    """

    crystal: Crystal
    identifier: str | None = None
    licence: str | None = None
    properties: Mapping[str, float] = field(default_factory=dict)


Reader = Callable[[Path, int], Iterator[Entry | Exception]]


def reader_of(path: Path) -> Reader | None:
    """Return the reader for a file name, or None for a kind of file that holds no structures."""
    name = path.name.lower().removesuffix(".gz")
    if name.startswith(("poscar", "contcar")) or name.endswith((".vasp", ".poscar")):
        return read_poscar
    return _BY_SUFFIX.get(Path(name).suffix)


def holds_one(path: Path) -> bool:
    """Say whether a file of this name usually holds one structure."""
    return reader_of(path) in {read_cif, read_poscar}


def count_rows(path: Path) -> int | None:
    """Return how many rows an ASE database has; None when it is none."""
    try:
        with _sqlite(path) as base:
            return int(base.execute("SELECT COUNT(*) FROM systems").fetchone()[0])
    except (sqlite3.Error, OSError):
        return None


def read_cif(path: Path, max_sites: int) -> Iterator[Entry | Exception]:
    """Read every data block of a CIF file that lists atoms."""
    for block in split_blocks(_text(path)):
        try:
            entry = read_block(block, max_sites=max_sites)
        except Exception as error:
            yield error
            continue
        # The database has placed all its entries in the public domain.
        known = entry.cod_id is not None
        yield Entry(
            entry.crystal,
            identifier=f"cod:{entry.cod_id}" if known else None,
            licence="public domain (COD)" if known else None,
        )


def read_poscar(path: Path, max_sites: int) -> Iterator[Entry | Exception]:
    """Read a VASP POSCAR or CONTCAR.

    Raises:
        StructureError: `too_large` for more sites than asked for, `unknown_element` when the file
            names none.
    """
    from pymatgen.io.vasp import Poscar

    text = _text(path)
    # The parser makes a list of so many atoms before it looks whether they are there.
    for line in text.splitlines()[5:7]:
        counts = [int(word) for word in line.split() if word.isdigit() and len(word) < 20]
        if sum(counts) > max_sites:
            raise StructureError("too_large", f"{sum(counts)} sites in the cell")
    poscar = Poscar.from_str(text, read_velocities=False)
    if not poscar.true_names:
        raise StructureError("unknown_element", "the file counts atoms but names no elements")
    yield Entry(Crystal.from_pymatgen(poscar.structure))


def read_xyz(path: Path, max_sites: int) -> Iterator[Entry | Exception]:
    """Read every frame of an extended XYZ file; a plain one has no cell and fails as such."""
    from ase.io import read

    for frame in _frames(_text(path).splitlines(), max_sites):
        if isinstance(frame, Exception):
            yield frame
        else:
            yield _attempt(
                lambda text: Crystal.from_ase(read(io.StringIO(text), format="extxyz")), frame
            )


def _frames(lines: Sequence[str], max_sites: int) -> Iterator[str | Exception]:
    """Cut an XYZ file into its frames: a count, a comment, and a line for each atom."""
    start = 0
    while start < len(lines):
        head = lines[start].strip()
        if not head:  # blank lines at the end
            start += 1
            continue
        if not (head.isascii() and head.isdigit() and len(head) < 10):
            yield StructureError("unreadable", f"line {start + 1} does not count atoms: {head!r}")
            return
        end = start + 2 + int(head)
        # ASE would look for the missing atoms as often as the file counts them.
        if end > len(lines):
            left = max(len(lines) - start - 2, 0)
            yield StructureError("unreadable", f"line {start + 1} counts {head} atoms, {left} come")
            return
        while end < len(lines) and lines[end].lstrip().startswith("VEC"):
            end += 1
        if int(head) > max_sites:
            yield StructureError("too_large", f"{head} sites in the cell")
        elif _MANY_COLUMNS.search(lines[start + 1]):
            yield StructureError("unreadable", f"line {start + 2} names over 9,999 columns")
        else:
            yield "\n".join(lines[start:end]) + "\n"
        start = end


def read_ase_db(path: Path, max_sites: int) -> Iterator[Entry | Exception]:  # noqa: ARG001
    """Read every row of an ASE database (SQLite).

    Raises:
        StructureError: `unreadable` when it is no such database.
    """
    from ase.db import connect

    # ASE would turn any other file into a database of its own, so look first, without writing.
    with _sqlite(path) as base:
        if not base.execute("SELECT 1 FROM sqlite_master WHERE name = 'systems'").fetchall():
            raise StructureError("unreadable", "this is no ASE database")
    for row in connect(path, type="db", use_lock_file=False).select():
        yield _attempt(lambda stored: Crystal.from_ase(stored.toatoms()), row)


def read_json(path: Path, max_sites: int) -> Iterator[Entry | Exception]:  # noqa: ARG001
    """Read pymatgen JSON: a structure, anything holding one, a list or mapping of them.

    Raises:
        StructureError: `unreadable` when it holds no structure.
    """
    document = json.loads(_text(path))
    entries = document.get("entries") if isinstance(document, dict) else None
    if isinstance(entries, list):  # the dumps of databases: computed entries under this key
        document = entries
    if isinstance(document, dict) and isinstance(document.get("data"), list):
        yield from (_attempt(_optimade, entry) for entry in document["data"])
    elif _structure_dict(document) is not None:
        yield _attempt(_pymatgen, document)
    else:
        values = document.values() if isinstance(document, dict) else document
        if not isinstance(document, (dict, list)) or not any(map(_structure_dict, values)):
            raise StructureError("unreadable", "the JSON holds no pymatgen structure")
        yield from (_attempt(_pymatgen, value) for value in values)


def read_jsonl(path: Path, max_sites: int) -> Iterator[Entry | Exception]:  # noqa: ARG001
    """Read OPTIMADE JSON Lines (or one pymatgen structure a line), line by line.

    Raises:
        StructureError: `too_large` for a line of over 64 MiB.
    """
    with _open(path) as lines:
        # A line has a limit, so that a packed file cannot fill the memory.
        while line := lines.readline(MAX_BYTES + 1):
            if len(line) > MAX_BYTES:
                raise StructureError("too_large", f"a line has more than {MAX_BYTES} characters")
            if not line.strip():
                continue
            try:
                document = json.loads(line)
            except (ValueError, RecursionError) as error:
                yield StructureError("unreadable", f"a line is no JSON: {error}")
                continue
            if isinstance(document, dict) and (
                "x-optimade" in document or document.get("type", "structures") != "structures"
            ):
                continue
            is_pymatgen = _structure_dict(document) is not None
            yield _attempt(_pymatgen if is_pymatgen else _optimade, document)


def _attempt(read: Callable[[Any], Crystal | Entry], item: Any) -> Entry | Exception:
    try:
        result = read(item)
    except Exception as error:
        return error
    return result if isinstance(result, Entry) else Entry(result)


def _optimade(entry: Any) -> Entry:
    parsed = optimade_entries.parse(entry)
    return Entry(
        parsed.crystal,
        identifier=parsed.source_id,
        licence=parsed.licence,
        properties=parsed.properties,
    )


def _structure_dict(document: Any) -> dict[str, Any] | None:
    """Return the structure that a JSON value is or holds under the key `structure`."""
    for candidate in (document, document.get("structure")) if isinstance(document, dict) else ():
        if isinstance(candidate, dict) and {"lattice", "sites"} <= candidate.keys():
            return candidate
    return None


def _pymatgen(document: Any) -> Crystal:
    from pymatgen.core import Structure

    structure = _structure_dict(document)
    if structure is None:
        raise StructureError("unreadable", "no pymatgen structure here")
    # Not MontyDecoder: it would import whatever module the file names.
    read = Structure.from_dict(structure)
    if not read.is_ordered:
        raise DisorderError(
            f"{read.formula} has partial occupancies", DisorderedCrystal.from_pymatgen(read)
        )
    return Crystal.from_pymatgen(read)


@contextlib.contextmanager
def _sqlite(path: Path) -> Iterator[sqlite3.Connection]:
    with contextlib.closing(
        sqlite3.connect(f"{path.resolve().as_uri()}?mode=ro", uri=True)
    ) as base:
        yield base


def _open(path: Path) -> io.TextIOBase:
    """Open a text file, plain or .gz; a stray byte of an old encoding is no reason to fail."""
    if path.suffix.lower() == ".gz":
        return io.TextIOWrapper(gzip.open(path), encoding="utf-8-sig", errors="replace")
    return path.open(encoding="utf-8-sig", errors="replace")


def _text(path: Path) -> str:
    with _open(path) as file:
        text = file.read(MAX_BYTES + 1)
    if len(text) > MAX_BYTES:
        raise StructureError("too_large", f"the file is larger than {MAX_BYTES // 2**20} MiB")
    if not text.strip():
        raise StructureError("unreadable", "the file is empty")
    return text


_BY_SUFFIX: Final[dict[str, Reader]] = {
    ".cif": read_cif,
    ".xyz": read_xyz,
    ".extxyz": read_xyz,
    ".db": read_ase_db,
    ".json": read_json,
    ".jsonl": read_jsonl,
}
