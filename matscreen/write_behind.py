"""Write one page while the next is being made; pages are written one by one, in their order.

Delta writes compress and wait for the disk outside Python, so a thread of their own costs the
maker of pages next to nothing.
"""

from __future__ import annotations

from collections.abc import Callable
from concurrent.futures import Future, ThreadPoolExecutor
from typing import Self


class WriteBehind:
    """A thread that writes, never more than one page behind.

    Leaving the context waits for what is being written, also after an error.

    Examples:
        >>> written, told = [], []
        >>> with WriteBehind() as behind:
        ...     behind.put(lambda: written.append("page 1"), lambda: told.append(len(written)))
        ...     behind.put(lambda: written.append("page 2"), lambda: told.append(len(written)))
        >>> written, told
        (['page 1', 'page 2'], [1, 2])
    """

    def __init__(self) -> None:
        self._pool = ThreadPoolExecutor(1, thread_name_prefix="matscreen-store")
        self._pending: tuple[Future[None], Callable[[], None]] | None = None

    def __enter__(self) -> Self:
        return self

    def __exit__(self, kind: type[BaseException] | None, *_: object) -> None:
        try:
            if kind is None:
                self.settle()
        finally:
            self._pool.shutdown()

    def put(self, write: Callable[[], None], then: Callable[[], None]) -> None:
        """Begin to write, once what was put before is written.

        Args:
            write: Called in the thread.
            then: Called in the thread of the caller, at the next `put` or `settle`, when the
                writing has succeeded.

        Raises:
            Exception: Whatever the writing before raised; this one is then not begun.
        """
        self.settle()
        self._pending = self._pool.submit(write), then

    def settle(self) -> None:
        """Wait until everything is written, and raise what that raised."""
        if self._pending is None:
            return
        (future, then), self._pending = self._pending, None
        future.result()
        then()
