"""One at a time where two runs would write over each other: predictions and result files."""

from __future__ import annotations

import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from flows.progress import show
from matscreen.errors import StoreError

_WAIT_SECONDS = 6 * 3600.0
_POLL_SECONDS = 0.2


@contextmanager
def only_run(folder: Path, *, patience: float = _WAIT_SECONDS) -> Iterator[None]:
    """Be the only run that ranks in a folder; wait for another one first.

    The lock ends with the process, however that ends, so a killed run locks nobody out. Where the
    system has no such locks nothing is locked, and the version of the predictions is compared
    afterwards instead (`flows.tasks.finish`).

    Raises:
        StoreError: The other run did not end within `patience` seconds.
    """
    try:
        import fcntl
    except ImportError:  # not a Unix machine
        yield
        return
    folder.mkdir(parents=True, exist_ok=True)
    with (folder / "_rank.lock").open("a") as lock:
        end, told = time.monotonic() + patience, False
        while True:
            try:
                fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
                break
            except OSError:
                if time.monotonic() > end:
                    raise StoreError(
                        f"another run has been ranking in {folder} for {patience:.0f} s; stop it, "
                        "or give this one another store"
                    ) from None
                if not told:
                    show(f"waiting: another run is ranking in {folder}")
                told = True
                time.sleep(_POLL_SECONDS)
        yield
