"""One writer of a table at a time on this machine: a courtesy that spares lost races.

Delta's commits are safe without it: of two writers that collide one must begin again. Where several
write all the time, one of them might lose every race; so they queue where they can see each other.
"""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path
from typing import Final

from matscreen.file_lock import lock

_FOLDER: Final = "_locks"
_PATIENCE: Final = 60.0
_POLL: Final = 0.005


@contextmanager
def turn_to_write(root: str, name: str, *, patience: float = _PATIENCE) -> Iterator[bool]:
    """Wait until no other process of this machine writes a table; yield whether that is known.

    After `patience` seconds (a writer may have been suspended), on a bucket, and where files
    cannot be locked, one goes on without.

    Args:
        root: Folder or URL of the store.
        name: The table.
        patience: Longest wait, s.
    """
    with ExitStack() as stack:
        known = False
        if "://" not in root:
            path = Path(root) / _FOLDER / f"{name}.lock"
            try:
                known = stack.enter_context(lock(path, patience=patience, poll=_POLL))
            except TimeoutError:
                known = False
        yield known
