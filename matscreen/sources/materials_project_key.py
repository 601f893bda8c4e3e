"""Find the user's key of the Materials Project; its value is for the request header alone."""

from __future__ import annotations

from typing import Final

from matscreen.api_keys import ApiKey, how_to_keep, key_from_environment, key_from_keyring
from matscreen.errors import InputError

KEY_VARIABLES: Final = ("MP_API_KEY", "PMG_MAPI_KEY")
"""Environment variables that are looked at, in this order."""

_LENGTH: Final = 32
_HOW: Final = (
    f"get one at https://next-gen.materialsproject.org/api and {how_to_keep(KEY_VARIABLES[0])}"
)


def find_key() -> ApiKey | None:
    """Look for a key: environment, pymatgen's settings, the system's keyring; None without one.

    A key of the wrong form is returned too: `require_key` refuses it.
    """
    return (
        key_from_environment(*KEY_VARIABLES)
        or _key_from_pymatgen()
        or key_from_keyring(KEY_VARIABLES[0])
    )


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


def _key_from_pymatgen() -> ApiKey | None:
    try:
        from pymatgen.core import SETTINGS

        value = str(SETTINGS.get("PMG_MAPI_KEY") or "").strip()
    except Exception:  # a broken settings file is pymatgen's to report
        return None
    return ApiKey(value, "pymatgen's settings (PMG_MAPI_KEY)") if value else None
