"""Look at the store, the folder of downloads and the mirror."""

from __future__ import annotations

import os
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Final

from matscreen.doctor.finding import Finding
from matscreen.doctor.machine import existing_part
from matscreen.errors import MatscreenError

if TYPE_CHECKING:
    from matscreen.store import Store

_TOPIC: Final = "storage"


def examine_store(root: str) -> Iterator[Finding]:
    """Look whether the store can be read and written, and what it holds."""
    from matscreen.store import Store

    try:
        store = Store(root)
    except MatscreenError as error:
        yield Finding(_TOPIC, "store", "problem", str(error), "name another folder with --store")
        return
    if "://" in store.root:
        yield _remote(store)
        return
    folder = Path(store.root)
    if not folder.exists():
        yield _absent(folder)
        return
    yield writable("store", folder)
    names = sorted(log.parent.name for log in folder.glob("*/_delta_log"))
    yield Finding(
        _TOPIC, "tables", "ok", f"{len(names)} tables, {_size(folder)}" if names else "none yet"
    )
    for name in names:
        yield table(store.uri(name), name)


def table(uri: str, name: str) -> Finding:
    """Look at one table: its version and rows, or why it cannot be read."""
    from deltalake import DeltaTable

    from matscreen.table_files import dataset

    try:
        stored = DeltaTable(uri)
        rows = dataset(stored, uri).count_rows()
        seen = f"{rows:,} rows, version {stored.version()}, {_size(Path(uri))}"
    except Exception as error:  # the library raises many kinds
        return Finding(
            _TOPIC,
            f"table {name}",
            "problem",
            f"cannot be read: {' '.join(str(error).split())[:200]}",
            f"restore {uri} from a copy, or remove that folder and run its stage again",
        )
    return Finding(_TOPIC, f"table {name}", "ok", seen)


def examine_downloads(cache: Path, mirror: str | None) -> Iterator[Finding]:
    """Look at the folder of downloads and, where one is named, the mirror folder."""
    yield writable("downloads", existing_part(cache), shown=cache)
    if mirror is None:
        yield Finding(_TOPIC, "mirror", "ok", "none is named; sets come from their homes")
        return
    folder = Path(mirror).expanduser()
    if not folder.is_dir():
        fix = "name an existing folder with --mirror or MATSCREEN_MIRROR"
        yield Finding(_TOPIC, "mirror", "problem", f"{folder} is no folder", fix)
        return
    from matscreen.sources.dataset_files import where
    from matscreen.sources.dataset_registry import list_datasets

    known = list_datasets()
    held = [one.name for one in known if where(one, mirror=folder)[0] == "mirror"]
    seen = f"{folder}: {len(held)} of {len(known)} known sets"
    if held:
        yield Finding(_TOPIC, "mirror", "ok", seen)
    else:
        fix = "see the file names with: matscreen datasets NAME"
        yield Finding(_TOPIC, "mirror", "warning", seen, fix)


def writable(name: str, folder: Path, *, shown: Path | None = None) -> Finding:
    """Write a file into a folder and remove it."""
    place = shown or folder
    if not os.access(folder, os.R_OK | os.X_OK):
        fix = f"give yourself the right to read it: chmod u+rx {folder}"
        return Finding(_TOPIC, name, "problem", f"{place} cannot be read", fix)
    try:
        with tempfile.NamedTemporaryFile(dir=folder, prefix=".matscreen-"):
            pass
    except OSError as error:
        fix = f"give yourself the right to write there, or name another folder: {folder}"
        return Finding(_TOPIC, name, "problem", f"{place} cannot be written: {error}", fix)
    return Finding(_TOPIC, name, "ok", f"{place} can be read and written")


def _absent(folder: Path) -> Finding:
    found = writable("store", existing_part(folder), shown=folder)
    if found.state != "ok":
        return found
    return Finding(_TOPIC, "store", "ok", f"{folder} is not there yet; the first pull makes it")


def _remote(store: Store) -> Finding:
    root = store.root
    try:
        number = store.version("candidates")
    except Exception as error:
        seen = f"{root} cannot be read: {' '.join(str(error).split())[:200]}"
        return Finding(_TOPIC, "store", "problem", seen, "check the address and its credentials")
    return Finding(_TOPIC, "store", "ok", f"{root}: candidates version {number}")


def _size(folder: Path) -> str:
    total = sum(file.stat().st_size for file in folder.rglob("*") if file.is_file())
    return f"{total / 1e9:.1f} GB" if total > 1e9 else f"{total / 1e6:.1f} MB"
