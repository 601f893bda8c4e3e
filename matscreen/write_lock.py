"""One writer of a table at a time on this machine: a courtesy that spares lost races.

Delta's commits are safe without it: of two writers that collide one must begin again. Where several
write all the time, one of them might lose every race; so they queue where they can see each other.
"""

from __future__ import annotations

import random
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final

_FOLDER: Final = "_locks"
_PATIENCE: Final = 60.0


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
    try:
        import fcntl
    except ImportError:  # not a Unix machine
        yield False
        return
    if "://" in root:
        yield False
        return
    path = Path(root) / _FOLDER / f"{name}.lock"
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        file = path.open("a")
    except OSError:  # nobody may write here: the write itself will say so
        yield False
        return
    with file:  # the lock ends with the file handle, also when the process is killed
        end = time.monotonic() + patience
        while True:
            try:
                fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
            except BlockingIOError:
                if time.monotonic() > end:
                    yield False
                    return
                time.sleep(random.uniform(0.002, 0.01))
            except OSError:  # a file system without locks
                yield False
                return
            else:
                break
        yield True
