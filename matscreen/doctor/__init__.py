"""Examine an installation: `matscreen doctor`."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterator
from pathlib import Path

from matscreen.doctor.finding import Finding, State

__all__ = ["Finding", "State", "examine"]


def examine(store: str, *, mirror: str | None = None, offline: bool = False) -> Iterator[Finding]:
    """Look at everything that a pull, a screen or a flow needs; nothing is changed.

    An examination that itself fails is a problem of the thing it looked at, not the end.

    Args:
        store: Folder or URL of the store.
        mirror: Mirror folder; the one of `MATSCREEN_MIRROR` by default.
        offline: Ask no server.
    """
    from matscreen.doctor.machine import examine_machine
    from matscreen.doctor.packages import examine_packages
    from matscreen.doctor.services import examine_keys, examine_servers
    from matscreen.doctor.storage import examine_downloads, examine_store
    from matscreen.sources.dataset_files import MIRROR_VARIABLE, cache_folder

    cache = cache_folder()
    named = mirror or os.environ.get(MIRROR_VARIABLE) or None
    local = Path(store).expanduser().resolve() if "://" not in store else Path.cwd()
    yield from _guarded("machine", lambda: examine_machine(local, cache))
    yield from _guarded("packages", examine_packages)
    yield from _guarded("storage", lambda: examine_store(store))
    yield from _guarded("storage", lambda: examine_downloads(cache, named))
    yield from _guarded("databases", examine_keys)
    yield from _guarded("databases", lambda: examine_servers(offline=offline))


def _guarded(topic: str, look: Callable[[], Iterator[Finding]]) -> Iterator[Finding]:
    try:
        yield from look()
    except Exception as error:
        seen = f"the examination stopped at {type(error).__name__}: {error}"
        yield Finding(topic, topic, "problem", " ".join(seen.split())[:300], "report this as a bug")
