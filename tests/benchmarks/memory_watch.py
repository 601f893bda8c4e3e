"""The memory that a process and its children hold together."""

from __future__ import annotations

import contextlib
import threading
from collections.abc import Iterator
from dataclasses import dataclass

import psutil


@dataclass
class Peak:
    """The largest memory seen, MiB; pages that processes share count once (PSS)."""

    together: float = 0.0
    largest_child: float = 0.0


@contextlib.contextmanager
def watch_memory(pause: float = 0.2) -> Iterator[Peak]:
    """Look at this process and its children every `pause` seconds until the block ends."""
    peak, ended = Peak(), threading.Event()

    def look() -> None:
        own = psutil.Process()
        while not ended.wait(pause):
            held = []
            for process in (own, *own.children(recursive=True)):
                with contextlib.suppress(psutil.Error):  # it ended meanwhile
                    held.append(process.memory_full_info().pss / 2**20)
            peak.together = max(peak.together, sum(held))
            peak.largest_child = max(peak.largest_child, *held[1:], 0.0)

    watcher = threading.Thread(target=look, daemon=True)
    watcher.start()
    try:
        yield peak
    finally:
        ended.set()
        watcher.join()
