"""One at a time where two runs would write over each other: predictions and result files."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from pathlib import Path

from flows.progress import show
from matscreen.errors import StoreError
from matscreen.file_lock import lock

_WAIT_SECONDS = 6 * 3600.0


@contextmanager
def only_run(folder: Path, *, patience: float = _WAIT_SECONDS) -> Iterator[None]:
    """Be the only run that ranks in a folder; wait for another one first.

    A killed run locks nobody out. Where the system has no locks nothing is locked, and the version
    of the predictions is compared afterwards instead (`flows.tasks.finish`).

    Raises:
        StoreError: The other run did not end within `patience` seconds.
    """

    def say() -> None:
        show(f"waiting: another run is ranking in {folder}")

    with ExitStack() as stack:
        try:
            stack.enter_context(lock(folder / ".rank.lock", patience=patience, waiting=say))
        except TimeoutError:
            raise StoreError(
                f"another run has been ranking in {folder} for {patience:.0f} s; stop it, "
                "or give this one another store"
            ) from None
        yield
