"""Check what a user wrote for a candidate before anything is computed."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Final

from matscreen.errors import InputError, StructureError

_FILES: Final = {".cif", ".vasp", ".xyz", ".extxyz", ".json", ".db", ".poscar"}
_ID: Final = re.compile(r"[0-9a-f]{12,64}")
_WAYS: Final = (
    "give a formula such as BaTiO3, a structure id of candidates.csv, or a structure file"
)


def check_candidate(text: str) -> None:
    """Refuse what can be neither a formula, nor a structure id, nor a file.

    Raises:
        InputError: A path that is no file, or a formula that is none.
    """
    from matscreen.descriptors.composition import parse_formula

    path = Path(text or "nothing")
    if path.is_file() or _ID.fullmatch(text):
        return
    if path.is_dir():
        raise InputError(f"{text} is a folder; {_WAYS}")
    if path.suffix.lower() in _FILES or "/" in text:
        raise InputError(f"there is no file {text}; {_WAYS}")
    try:
        parse_formula(text)
    except StructureError as error:
        why = error.detail.removeprefix(f"{text!r}: ").removesuffix("!")
        raise InputError(f"{text!r} is no formula ({why}); {_WAYS}") from None
