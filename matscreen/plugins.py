"""What other packages add to the registries of matscreen, through entry points."""

from __future__ import annotations

from importlib import metadata
from typing import Any

from matscreen.errors import InputError


def outside_names(group: str) -> tuple[str, ...]:
    """Return the names that installed packages add to a registry, sorted; nothing is imported.

    Args:
        group: Entry-point group, such as `matscreen.mechanisms`.
    """
    return tuple(sorted({point.name for point in metadata.entry_points(group=group)}))


def load_outside(group: str, name: str) -> Any | None:
    """Import what an installed package registered under a name; None when there is nothing.

    Args:
        group: Entry-point group, such as `matscreen.mechanisms`.
        name: Name in that group.

    Raises:
        InputError: The package is broken: its object cannot be imported.
    """
    for point in metadata.entry_points(group=group, name=name):
        try:
            return point.load()
        except Exception as error:
            package = f"the package {point.dist.name}" if point.dist else "an installed package"
            raise InputError(
                f"{name!r} comes from {package}, whose {point.value} cannot be imported: "
                f"{type(error).__name__}: {error}; update or remove it"
            ) from error
    return None
