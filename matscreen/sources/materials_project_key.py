"""Find the user's key of the Materials Project; its value is for the request header alone."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from typing import Final

from matscreen.errors import InputError

KEY_VARIABLES: Final = ("MP_API_KEY", "PMG_MAPI_KEY")
"""Environment variables that are looked at, in this order."""

KEYRING_ENTRY: Final = ("matscreen", "MP_API_KEY")
"""Service and name under which the system's keyring may hold the key."""

_LENGTH: Final = 32
_HOW: Final = (
    "get one at https://next-gen.materialsproject.org/api and set MP_API_KEY, or keep it in the "
    f"system's keyring: keyring set {' '.join(KEYRING_ENTRY)}"
)


@dataclass(frozen=True, slots=True)
class ApiKey:
    """A key and where it was found; printing it shows only the latter.

    Attributes:
        value: The key.
        found_in: Where it was found, in words.
    """

    value: str = field(repr=False)
    found_in: str

    def hide(self, text: str) -> str:
        """Return a text in which the key, should it occur, is blotted out."""
        return text.replace(self.value, "[key]")


def find_key() -> ApiKey | None:
    """Look for a key: environment, pymatgen's settings, the system's keyring; None without one.

    A key of the wrong form is returned too: `require_key` refuses it.
    """
    for name in KEY_VARIABLES:
        if value := os.environ.get(name, "").strip():
            return ApiKey(value, f"the variable {name}")
    if value := _from_pymatgen():
        return ApiKey(value, "pymatgen's settings (PMG_MAPI_KEY)")
    if value := _from_keyring():
        return ApiKey(value, "the system's keyring")
    return None


def require_key() -> ApiKey:
    """Return the user's key.

    Raises:
        InputError: There is none, or it has not the form of one (32 letters and digits).
    """
    key = find_key()
    if key is None:
        raise InputError(f"the Materials Project asks for a key and none is set: {_HOW}")
    trouble = malformed(key)
    if trouble is not None:
        raise InputError(f"{trouble}; {_HOW}")
    return key


def malformed(key: ApiKey) -> str | None:
    """Say what is wrong with the form of a key, without showing it; None for a good one."""
    if len(key.value) == _LENGTH and key.value.isascii() and key.value.isalnum():
        return None
    return (
        f"the key in {key.found_in} has {len(key.value)} characters, those of the Materials "
        f"Project have {_LENGTH} letters and digits"
    )


def _from_pymatgen() -> str:
    try:
        from pymatgen.core import SETTINGS

        return str(SETTINGS.get("PMG_MAPI_KEY") or "").strip()
    except Exception:  # a broken settings file is pymatgen's to report
        return ""


def _from_keyring() -> str:
    # Locked, absent or without a desktop: then there is simply no key in it.
    with contextlib.suppress(Exception):
        import keyring

        return (keyring.get_password(*KEYRING_ENTRY) or "").strip()
    return ""
