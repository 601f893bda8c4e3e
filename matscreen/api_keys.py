"""Keys of services: from the environment or the system's keyring, for requests alone."""

from __future__ import annotations

import contextlib
import os
from dataclasses import dataclass, field
from typing import Final

SERVICE: Final = "matscreen"
"""Service under which the system's keyring may hold keys, each by the name of its variable."""


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


def key_from_environment(*names: str) -> ApiKey | None:
    """Return the key in the first of some environment variables that is set."""
    for name in names:
        if value := os.environ.get(name, "").strip():
            return ApiKey(value, f"the variable {name}")
    return None


def key_from_keyring(name: str) -> ApiKey | None:
    """Return the key that the system's keyring holds by a name."""
    value = None
    # Locked, absent or without a desktop: then there is simply no key in it.
    with contextlib.suppress(Exception):
        import keyring

        value = keyring.get_password(SERVICE, name)
    return ApiKey(value.strip(), "the system's keyring") if value and value.strip() else None


def how_to_keep(name: str) -> str:
    """Say how a user hands over a key, as the end of a sentence."""
    return f"set {name}, or keep it in the system's keyring: keyring set {SERVICE} {name}"
