"""One process at a time, by a locked file; the lock goes with its process, however that ends."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import contextmanager
from pathlib import Path


@contextmanager
def lock(
    path: Path,
    *,
    patience: float,
    poll: float = 0.2,
    waiting: Callable[[], None] | None = None,
) -> Iterator[bool]:
    """Hold a file while the block runs; yield whether it could be locked at all.

    Some file systems have no locks, and some folders take no files: there the block runs without.

    Args:
        path: File to lock; made with its folder.
        patience: Longest wait for another process, s.
        poll: Time between two tries, s.
        waiting: Called once when another process is there first.

    Raises:
        TimeoutError: Another process held it all that time.
    """
    import filelock

    # A soft lock, a file that is there or not, would outlive a killed process.
    file = filelock.FileLock(
        path, poll_interval=poll, fallback_to_soft=False, preserve_lock_file=True
    )
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        try:
            file.acquire(timeout=0)
        except filelock.Timeout:
            if waiting is not None and patience > 0:
                waiting()
            file.acquire(timeout=patience)
    except filelock.Timeout:
        raise
    except (OSError, NotImplementedError):
        pass  # `is_locked` says so
    try:
        yield file.is_locked
    finally:
        file.release()
