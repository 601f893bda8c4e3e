"""Work on chunks in several processes, one thread each, in order and a few chunks ahead."""

from __future__ import annotations

import os
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from itertools import islice
from typing import TYPE_CHECKING, Final, TypeVar

from matscreen.errors import MatscreenError

if TYPE_CHECKING:
    from concurrent.futures import Future, ProcessPoolExecutor

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
_RESTARTS = 3


def map_chunks(
    work: Callable[[_Item], _Result], chunks: Iterable[_Item], *, workers: int
) -> Iterator[_Result]:
    """Apply a function to chunks and yield the results in order.

    With one worker everything happens in this process. The chunks are taken as they are needed:
    memory does not grow with their number. Where a process is killed, the pool is started anew and
    only the chunks without a result are done again.

    Args:
        work: A module-level function, or a partial of one.
        chunks: Items that can be sent to another process.
        workers: Number of processes.

    Raises:
        MatscreenError: Processes were killed again and again.
    """
    if workers <= 1:
        yield from map(work, chunks)
        return
    from concurrent.futures.process import BrokenProcessPool

    source = iter(chunks)
    waiting: deque[_Item] = deque(islice(source, _AHEAD * workers))
    broken = 0
    while waiting:
        try:
            with _pool(workers) as pool:
                futures: deque[Future[_Result]] = deque(
                    pool.submit(work, chunk) for chunk in waiting
                )
                while futures:
                    result = futures[0].result()
                    futures.popleft()
                    waiting.popleft()
                    # Before another chunk is sent: that fails where a process has been killed.
                    yield result
                    for chunk in islice(source, 1):
                        waiting.append(chunk)
                        futures.append(pool.submit(work, chunk))
        except BrokenProcessPool as error:
            broken += 1
            if broken > _RESTARTS:
                raise MatscreenError(
                    f"processes were killed {broken} times, most likely for lack of memory: "
                    f"give fewer workers or smaller chunks; {error}"
                ) from error


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Open a pool whose processes keep to one thread each."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    saved = {name: os.environ.get(name) for name in THREAD_VARIABLES}
    os.environ.update(dict.fromkeys(THREAD_VARIABLES, "1"))
    try:
        with ProcessPoolExecutor(workers, mp_context=get_context("spawn")) as pool:
            yield pool
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
    return max(1, min(cores(), items // each))


def cores() -> int:
    """Return how many cores this process may use."""
    if hasattr(os, "sched_getaffinity"):
        return len(os.sched_getaffinity(0))
    return os.cpu_count() or 1
