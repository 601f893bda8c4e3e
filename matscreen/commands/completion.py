"""Names for the shell to complete; each function returns what begins with the typed text."""

from __future__ import annotations

from collections.abc import Iterable
from typing import Final

from matscreen.errors import MatscreenError

Completions = list[str] | list[tuple[str, str]]

_SETS: Final = ("composition", "fast", "standard", "full")
_CALCULATORS: Final = ("7net-0", "chgnet", "mace")


def screens(incomplete: str) -> list[str]:
    """Shipped screens, and the screen files of this folder."""
    from pathlib import Path

    from matscreen.config import shipped_screens

    files = sorted(str(path) for path in Path().glob("*.toml") if path.name != "pyproject.toml")
    return _matching([*shipped_screens(), *files], incomplete)


def mechanisms(incomplete: str) -> list[str]:
    """Switching mechanisms."""
    from matscreen.mechanisms import MECHANISMS

    return _matching(MECHANISMS, incomplete)


def properties(incomplete: str) -> list[str]:
    """Material properties."""
    from matscreen.properties import PROPERTIES

    return _matching(PROPERTIES, incomplete)


def datasets(incomplete: str) -> list[tuple[str, str]]:
    """Published data sets with their titles."""
    from matscreen.sources.dataset_registry import list_datasets

    return [(one.name, one.title) for one in list_datasets() if one.name.startswith(incomplete)]


def tables(incomplete: str) -> list[str]:
    """Tables of a store."""
    from matscreen.tables import SCHEMAS

    return _matching(SCHEMAS, incomplete)


def families(incomplete: str) -> list[str]:
    """Families of compounds that a database can be asked for."""
    from matscreen.sources.optimade_query import FAMILIES

    return _matching(FAMILIES, incomplete)


def workloads(incomplete: str) -> list[str]:
    """Networks whose inference is counted."""
    from matscreen.impact import workloads as known

    return _matching((one.name for one in known()), incomplete)


def descriptor_sets(incomplete: str) -> list[str]:
    """Descriptor sets."""
    return _matching(_SETS, incomplete)


def calculators(incomplete: str) -> list[str]:
    """Potentials."""
    return _matching(_CALCULATORS, incomplete)


def pulled_sources(incomplete: str) -> list[str]:
    """Sources of `pull`: databases by provider, data sets, files."""
    head, colon, tail = incomplete.partition(":")
    if not colon:
        kinds = ("optimade:", "materials_project", "files:", "dataset:", "prototypes")
        return _matching(kinds, incomplete)
    if head == "dataset":
        return [f"dataset:{name}" for name, _ in datasets(tail)]
    if head == "optimade":
        # Several providers are given by commas: the last one is being typed.
        done, comma, last = tail.rpartition(",")
        return [f"optimade:{done}{comma}{name}" for name in providers(last)]
    return []


def providers(incomplete: str) -> list[str]:
    """OPTIMADE providers."""
    from matscreen.sources.optimade_providers import list_providers

    return _matching([*(one.name for one in list_providers()), "all"], incomplete)


def ranked_sources(incomplete: str) -> list[str]:
    """Sources that a screen can rank."""
    kinds = ("store", "bundle", "known", "prototypes", "files:", "compositions:")
    return _matching(kinds, incomplete)


def _matching(names: Iterable[str], incomplete: str) -> list[str]:
    try:
        return [name for name in names if name.startswith(incomplete)]
    except MatscreenError:  # a broken table of names must not disturb typing
        return []
