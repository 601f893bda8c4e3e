"""Find the user's key of ENTSO-E; its value is for the request alone."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from typing import Final

from matscreen.errors import InputError

VARIABLE: Final = "ENTSOE_API_KEY"
"""Environment variable that is looked at first."""

KEYRING_ENTRY: Final = ("matscreen", VARIABLE)
"""Service and name under which the system's keyring may hold the key."""

_HOW: Final = (
    "ask for one at https://transparency.entsoe.eu (My Account, Web API Security Token) and set "
    f"{VARIABLE}, or keep it in the system's keyring: keyring set {' '.join(KEYRING_ENTRY)}"
)


@dataclass(frozen=True, slots=True)
class EntsoeKey:
    """A key; printing it does not show it.

    Attributes:
        value: The key.
    """

    value: str = field(repr=False)

    def hide(self, text: str) -> str:
        """Return a text in which the key, should it occur, is blotted out."""
        return text.replace(self.value, "[key]")


def require_key() -> EntsoeKey:
    """Return the user's key: environment, then the system's keyring.

    Raises:
        InputError: There is none.
    """
    value = os.environ.get(VARIABLE, "").strip()
    if not value:
        # Locked, absent or without a desktop: then there is simply no key in it.
        with contextlib.suppress(Exception):
            import keyring

            value = (keyring.get_password(*KEYRING_ENTRY) or "").strip()
    if not value:
        raise InputError(f"ENTSO-E asks for a key and none is set: {_HOW}")
    return EntsoeKey(value)
