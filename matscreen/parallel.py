"""Work on chunks in several processes, one thread each, in order and a few chunks ahead."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from itertools import islice
from typing import Final, TypeVar

_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

THREAD_VARIABLES: Final = (
    "OMP_NUM_THREADS",
    "OPENBLAS_NUM_THREADS",
    "MKL_NUM_THREADS",
    "NUMEXPR_NUM_THREADS",
)
"""What keeps a process to one thread, set before its libraries load."""
_AHEAD = 2  # chunks waiting for each process: enough to keep it busy, few enough for the memory


def map_chunks(
    work: Callable[[_Item], _Result], chunks: Iterable[_Item], *, workers: int
) -> Iterator[_Result]:
    """Apply a function to chunks and yield the results in order.

    With one worker everything happens in this process. The chunks are taken as they are needed:
    memory does not grow with their number.

    Args:
        work: A module-level function, or a partial of one.
        chunks: Items that can be sent to another process.
        workers: Number of processes.
    """
    if workers <= 1:
        yield from map(work, chunks)
        return
    from concurrent.futures import Future, ProcessPoolExecutor
    from multiprocessing import get_context

    context = get_context("spawn")
    source = iter(chunks)
    saved = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    try:
        with ProcessPoolExecutor(workers, mp_context=context) as pool:
            waiting: deque[Future[_Result]] = deque(
                pool.submit(work, chunk) for chunk in islice(source, _AHEAD * workers)
            )
            while waiting:
                result = waiting.popleft().result()
                waiting.extend(pool.submit(work, chunk) for chunk in islice(source, 1))
                yield result
    finally:
        for name, value in saved.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def sensible_workers(items: int, *, each: int) -> int:
    """Return how many processes are worth starting: one for every `each` items, at most the cores.

    A process takes seconds to start and load its libraries.
    """
    cores = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count()
    return max(1, min(cores or 1, items // each))
