"""Sources of candidate crystals behind one protocol.

A source is opened by a short specification: ``"prototypes"``, ``"files:FOLDER"``, ``"optimade"``,
``"dataset:NAME"``.
Packages outside matscreen add their own through the entry-point group ``matscreen.sources``; the
entry point loads a callable that takes the text after the colon (or None) and keyword options, and
returns a ``Source``.
"""

from __future__ import annotations

from collections.abc import Callable
from importlib import import_module
from typing import Any, Final, cast

from matscreen.errors import InputError
from matscreen.plugins import load_outside, outside_names
from matscreen.sources.base import Failure, Page, Source, SourceItem

__all__ = ["Failure", "Page", "Source", "SourceItem", "open_source", "source_names"]

ENTRY_POINT_GROUP: Final = "matscreen.sources"

SourceFactory = Callable[..., Source]

# Module and callable, imported when the source is opened: opening one source must not pay for
# the libraries of the others.
_BUILT_IN: Final[dict[str, tuple[str, str]]] = {
    "prototypes": ("matscreen.sources.prototypes", "open_prototypes"),
    "files": ("matscreen.sources.files", "open_files"),
    "optimade": ("matscreen.sources.optimade", "open_optimade"),
    "materials_project": ("matscreen.sources.materials_project", "open_materials_project"),
    "dataset": ("matscreen.sources.datasets", "open_dataset"),
}


def source_names() -> tuple[str, ...]:
    """List the names that ``open_source`` knows, built-in ones first."""
    outside = outside_names(ENTRY_POINT_GROUP)
    return (*_BUILT_IN, *(name for name in outside if name not in _BUILT_IN))


def open_source(spec: str, **options: Any) -> Source:
    """Open a source by its specification.

    Args:
        spec: ``NAME`` or ``NAME:TARGET``, such as ``"prototypes"`` or ``"files:structures"``.
        **options: Options of the source, such as ``url`` and ``filter`` of ``optimade``.

    Raises:
        InputError: No source has this name, or it does not take these options.

    Examples:
        >>> source = open_source("prototypes:perovskite", max_items=2)
        >>> [item.crystal.formula for page in source.pages() for item in page.items]
        ['BaHfO3', 'BaHfO3']
    """
    name, colon, target = spec.partition(":")
    factory = _factory(name)
    try:
        return factory(target if colon else None, **options)
    except TypeError as error:
        if "unexpected keyword argument" not in str(error):
            raise
        raise InputError(f"source {name!r}: {error}") from error


def _factory(name: str) -> SourceFactory:
    if name in _BUILT_IN:
        module, attribute = _BUILT_IN[name]
        return cast("SourceFactory", getattr(import_module(module), attribute))
    factory = load_outside(ENTRY_POINT_GROUP, name)
    if factory is not None:
        return cast("SourceFactory", factory)
    raise InputError(f"unknown source {name!r}; known: {', '.join(source_names())}")
