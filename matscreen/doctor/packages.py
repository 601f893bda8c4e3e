"""Look at the installed packages: what matscreen needs, its extras, and Prefect."""

from __future__ import annotations

import os
from collections.abc import Iterator, Sequence
from importlib.metadata import PackageNotFoundError, requires, version
from typing import TYPE_CHECKING, Final

from matscreen.doctor.finding import Finding

if TYPE_CHECKING:
    from packaging.requirements import Requirement

EXTRAS: Final = {
    "compiled": "descriptors several times faster",
    "optimade": "checks raw OPTIMADE filters by their grammar",
    "mp": "pulls from the Materials Project",
    "simulate": "makes labels with a machine-learned potential",
    "edge": "bundles models for small devices",
    "dask": "runs on a cluster",
}
"""The extras of an installation, and what each is for."""

_TOPIC: Final = "packages"


def examine_packages() -> Iterator[Finding]:
    """Look at matscreen itself, its data, the packages it needs, and its extras."""
    yield from _itself()
    needed = _requirements()
    yield core(needed)
    for extra, purpose in EXTRAS.items():
        yield extra_of(extra, purpose, needed)
    yield prefect(_installed("prefect"), _installed("fastapi"))


def core(needed: Sequence[Requirement]) -> Finding:
    """Compare the installed packages with those that matscreen asks for."""
    asked = [one for one in needed if one.marker is None or one.marker.evaluate({"extra": ""})]
    wrong = [fault for one in asked if (fault := _fault(one)) is not None]
    if wrong:
        return Finding(
            _TOPIC, "needed", "problem", "; ".join(wrong), "pip install --upgrade matscreen"
        )
    return Finding(_TOPIC, "needed", "ok", f"{len(asked)} packages in the versions asked for")


def extra_of(extra: str, purpose: str, needed: Sequence[Requirement]) -> Finding:
    """Judge one extra; one that is not installed at all is fine, a half one is not."""
    own = [
        one
        for one in needed
        if one.marker is not None
        and one.marker.evaluate({"extra": extra})
        and not one.marker.evaluate({"extra": ""})
    ]
    install = f"pip install 'matscreen[{extra}]'"
    name = f"extra {extra}"
    there = [one for one in own if _installed(one.name) is not None]
    if not there:
        return Finding(_TOPIC, name, "ok", f"not installed; {purpose}", install)
    wrong = [fault for one in own if (fault := _fault(one)) is not None]
    if wrong:
        return Finding(_TOPIC, name, "warning", "; ".join(wrong), install)
    return Finding(
        _TOPIC, name, "ok", ", ".join(f"{one.name} {_installed(one.name)}" for one in own)
    )


def prefect(installed: str | None, fastapi: str | None) -> Finding:
    """Judge Prefect and the one package that breaks it."""
    from packaging.version import Version

    if installed is None or fastapi is None:
        return Finding(
            _TOPIC, "Prefect", "problem", "not installed", "pip install --upgrade matscreen"
        )
    server = os.environ.get("PREFECT_API_URL")
    where = f"server {server}" if server else "no server: each run brings its own"
    seen = f"{installed} with fastapi {fastapi}; {where}"
    if Version(fastapi) >= Version("0.155") and Version(installed) < Version("3.9"):
        return Finding(
            _TOPIC,
            "Prefect",
            "problem",
            f"{seen}: Prefect 3.8 breaks with fastapi 0.155 or newer",
            "pip install 'fastapi<0.155'",
        )
    return Finding(_TOPIC, "Prefect", "ok", seen)


def _itself() -> Iterator[Finding]:
    from matscreen.config import shipped_screens
    from matscreen.data import data_path

    try:
        own = version("matscreen")
    except PackageNotFoundError:
        yield Finding(
            _TOPIC, "matscreen", "problem", "runs from a folder, not installed", "pip install -e ."
        )
    else:
        yield Finding(_TOPIC, "matscreen", "ok", own)
    try:
        screens = ", ".join(shipped_screens())
        yield Finding(_TOPIC, "shipped data", "ok", f"{data_path()}; screens {screens}")
    except Exception as error:
        yield Finding(_TOPIC, "shipped data", "problem", f"{error}", "reinstall matscreen")


def _requirements() -> list[Requirement]:
    from packaging.requirements import Requirement

    try:
        texts = requires("matscreen") or []
    except PackageNotFoundError:
        return []
    return [Requirement(text) for text in texts]


def _fault(needed: Requirement) -> str | None:
    """Say what is wrong with a package; None when it is as asked."""
    found = _installed(needed.name)
    if found is None:
        return f"{needed.name} is missing"
    if not needed.specifier.contains(found, prereleases=True):
        return f"{needed.name} {found} is not {needed.specifier}"
    return None


def _installed(package: str) -> str | None:
    try:
        return version(package)
    except PackageNotFoundError:
        return None
