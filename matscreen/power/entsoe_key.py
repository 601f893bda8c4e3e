"""Find the user's key of ENTSO-E; its value is for the request alone."""

from __future__ import annotations

from typing import Final

from matscreen.api_keys import ApiKey, how_to_keep, key_from_environment, key_from_keyring
from matscreen.errors import InputError

VARIABLE: Final = "ENTSOE_API_KEY"
"""Environment variable that is looked at first, and name of the key in the system's keyring."""


def require_key() -> ApiKey:
    """Return the user's key: environment, then the system's keyring.

    Raises:
        InputError: There is none.
    """
    key = key_from_environment(VARIABLE) or key_from_keyring(VARIABLE)
    if key is None:
        raise InputError(
            "ENTSO-E asks for a key and none is set: ask for one at https://transparency.entsoe.eu "
            f"(My Account, Web API Security Token) and {how_to_keep(VARIABLE)}"
        )
    return key
