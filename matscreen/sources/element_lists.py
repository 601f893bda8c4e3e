"""Lists of elements as users write them, in the queries to databases."""

from __future__ import annotations

from collections.abc import Iterable, Sequence

from matscreen.errors import InputError


def symbols(given: str | Sequence[str]) -> tuple[str, ...]:
    """Take element symbols as a list or as a text such as `Ba,Ti`, each once."""
    parts = given.replace(",", " ").split() if isinstance(given, str) else given
    return tuple(dict.fromkeys(parts))


def check_elements(names: Iterable[str]) -> None:
    """Return quietly when every name is the symbol of an element.

    Raises:
        InputError: One is not.
    """
    from pymatgen.core import Element

    wrong = [name for name in names if not Element.is_valid_symbol(name)]
    if wrong:
        raise InputError(
            f"{', '.join(map(repr, wrong))} is no element; write symbols such as O, Ti"
        )
