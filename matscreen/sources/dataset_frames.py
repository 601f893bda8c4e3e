"""Read the files of published data sets: tables, and the crystals in or beside them.

Nothing of a file is executed: cells are read from plain JSON, no class that a file names is
imported. Sizes are limited after decompression too.
"""

from __future__ import annotations

import bz2
import gzip
import io
import json
import re
import zipfile
import zlib
from collections.abc import Iterator, Mapping, Sequence
from contextlib import ExitStack
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from matscreen.errors import SourceError, StructureError
from matscreen.sources.dataset_registry import Cells
from matscreen.structures import Crystal

if TYPE_CHECKING:
    import pandas as pd

MAX_TEXT: Final = 2 * 2**30
"""Largest file after decompression, bytes."""

_TAG = re.compile(r"<[^>]*>")
_SYMBOL = re.compile(r"^[A-Z][a-z]?")


def read_frame(path: Path, format: str) -> pd.DataFrame:  # noqa: A002
    """Read a table; the columns of a .csv stay text, those of a `frame` what they are.

    Args:
        path: The file; a name ending in .gz is decompressed.
        format: `csv`, `frame` or `records`.

    Raises:
        SourceError: The file is not of this format, or larger than `MAX_TEXT` unpacked.
    """
    import pandas as pd

    content = _content(path)
    try:
        if format == "csv":
            # As text: sodium nitride is written NaN, and so would be a missing formula.
            return pd.read_csv(io.BytesIO(content), dtype=str, keep_default_na=False)
        document = json.loads(content)
        if format == "records":
            return pd.DataFrame(_records(document))
        return pd.DataFrame(document["data"], columns=document["columns"])
    except (ValueError, KeyError, TypeError) as error:
        raise SourceError(f"{path}: not a readable {format} table ({error})") from error


def read_cells(path: Path, cells: Cells) -> dict[str, Any]:
    """Read a file of crystals into its entries by key, as plain JSON.

    Raises:
        SourceError: It is no JSON mapping and no JSON lines.
    """
    content = _content(path)
    try:
        if ".jsonl" in path.name:
            rows = [json.loads(line) for line in content.splitlines() if line.strip()]
            return {str(row[cells.key]): row for row in rows}
        document = json.loads(content)
        return {str(key): value for key, value in document.items()}
    except (ValueError, KeyError, TypeError, AttributeError) as error:
        raise SourceError(f"{path}: not a readable file of crystals ({error})") from error


def read_crystal(entry: Any, member: str | None = None) -> Crystal:
    """Read one crystal from JSON: of pymatgen, of JARVIS, or lattice, species and coordinates.

    Args:
        entry: A mapping. Either `lattice` (with `matrix`) and `sites`, as pymatgen writes it; or
            `lattice` (three vectors) or `abc` and `angles`, with `species` and `frac_coords`; or
            `lattice_mat`, `elements`, `coords` and `cartesian`, as JARVIS writes it.
        member: Key of the cell within the entry.

    Raises:
        StructureError: It is missing, disordered or malformed.
    """
    if isinstance(entry, Mapping) and member is not None:
        entry = entry.get(member)
    if not isinstance(entry, Mapping):
        raise StructureError("no_structure", "the set holds no crystal for this row")
    try:
        if "sites" in entry:
            return _from_sites(entry)
        if "lattice_mat" in entry:
            return _from_jarvis(entry)
        numbers = [_atomic_number(symbol) for symbol in entry["species"]]
        return Crystal(_lattice(entry), np.array(numbers), np.array(entry["frac_coords"]))
    except StructureError:
        raise
    except Exception as error:
        raise StructureError(
            "malformed", f"the crystal cannot be read ({type(error).__name__}: {error})"
        ) from error


def plain_text(value: Any) -> str:
    """Return a table cell as text: markup left out, a composition of JSON as a formula."""
    if isinstance(value, Mapping):
        amounts = {key: float(n) for key, n in value.items() if not str(key).startswith("@")}
        return "".join(f"{symbol}{n:g}" for symbol, n in amounts.items())
    if value is None or value != value:  # noqa: PLR0124 - NaN is a missing cell
        return ""
    return _TAG.sub("", str(value)).strip()


def texts(column: Sequence[Any]) -> list[str]:
    """Return a column as text; see `plain_text`."""
    return [plain_text(value) for value in column]


def _from_sites(entry: Mapping[str, Any]) -> Crystal:
    numbers, coords = [], []
    for site in entry["sites"]:
        species = site["species"]
        if len(species) != 1 or abs(float(species[0].get("occu", 1.0)) - 1.0) > 1e-6:
            raise StructureError("disordered", "a site is shared or partly empty")
        numbers.append(_atomic_number(species[0]["element"]))
        coords.append(site["abc"])
    return Crystal(np.array(entry["lattice"]["matrix"]), np.array(numbers), np.array(coords))


def _from_jarvis(entry: Mapping[str, Any]) -> Crystal:
    lattice = np.array(entry["lattice_mat"], dtype=np.float64)
    coords = np.array(entry["coords"], dtype=np.float64)
    if entry["cartesian"]:
        coords = coords @ np.linalg.inv(lattice)
    numbers = [_atomic_number(symbol.strip()) for symbol in entry["elements"]]
    return Crystal(lattice, np.array(numbers), coords)


def _records(document: Any) -> list[dict[str, Any]]:
    """Return the rows of a JSON list; the data of a computed entry lie beside its structure."""
    entries = document["entries"] if isinstance(document, dict) else document
    rows = []
    for entry in entries:
        data = entry.get("data")
        rows.append({**data, **entry} if isinstance(data, dict) else entry)
    return rows


def _lattice(entry: Mapping[str, Any]) -> Any:
    if "lattice" in entry:
        return np.array(entry["lattice"])
    from pymatgen.core import Lattice

    return Lattice.from_parameters(*entry["abc"], *entry["angles"]).matrix


def _atomic_number(symbol: str) -> int:
    from matscreen.descriptors.composition import parse_formula

    # Charges, as in Ti4+, are left out.
    match = _SYMBOL.match(symbol)
    try:
        (number,) = parse_formula(match.group() if match else "")
    except StructureError:
        raise StructureError("unknown_element", f"no element {symbol!r}") from None
    return number


def _content(path: Path) -> bytes:
    try:
        with ExitStack() as stack:
            parts = list(_chunks(_opened(path, stack)))
    except (OSError, EOFError, zlib.error, zipfile.BadZipFile) as error:
        raise SourceError(f"{path}: cannot be read ({error})") from error
    return b"".join(parts)


def _opened(path: Path, stack: ExitStack) -> Any:
    """Open a file, packed or not; of a zip archive the only file."""
    if path.suffix == ".gz":
        return stack.enter_context(gzip.open(path))
    if path.suffix == ".bz2":
        return stack.enter_context(bz2.open(path))
    if path.suffix == ".zip":
        archive = stack.enter_context(zipfile.ZipFile(path))
        inside = [entry for entry in archive.infolist() if not entry.is_dir()]
        if len(inside) != 1:
            raise SourceError(f"{path}: {len(inside)} files in it, one is expected")
        return stack.enter_context(archive.open(inside[0]))
    return stack.enter_context(path.open("rb"))


def _chunks(file: Any) -> Iterator[bytes]:
    total = 0
    while chunk := file.read(1 << 20):
        total += len(chunk)
        if total > MAX_TEXT:
            raise SourceError(
                f"{getattr(file, 'name', 'the file')}: larger than {MAX_TEXT:,} bytes unpacked"
            )
        yield chunk
