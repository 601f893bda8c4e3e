"""Where the shipped data files are: screens, reference facts, the bundle."""

from __future__ import annotations

from pathlib import Path

from matscreen.errors import InputError


def data_path(*parts: str) -> Path:
    """Return the path of a shipped data file or folder.

    An installed wheel carries the folder `data/` as `matscreen/_data`; a checkout has it beside
    the package.

    Raises:
        InputError: There is no such file.
    """
    package = Path(__file__).resolve().parent
    shipped = package / "_data"
    root = shipped if shipped.is_dir() else package.parent / "data"
    path = root.joinpath(*parts)
    if not path.exists():
        raise InputError(f"matscreen ships no data file {'/'.join(parts)!r} (looked in {root})")
    return path
