"""Work on chunks in several processes, one thread each, in order and a few chunks ahead."""

from __future__ import annotations

import os
import sys
from collections import deque
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager
from itertools import islice
from pathlib import Path
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
_ONE_THREAD: Final = dict.fromkeys(THREAD_VARIABLES, "1")
_SEARCH: Final = ("PYTHONPATH", "PYTHONSAFEPATH")
_METHOD: Final = "forkserver" if sys.platform == "linux" else "spawn"
"""How processes start: forked from a server without threads, which has the libraries loaded. Never
from this process, whose threads may hold locks; nor on macOS, where the libraries of the system do
not stand a fork."""
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
def meanwhile(call: Callable[[], _Result], *, workers: int) -> Iterator[Callable[[], _Result]]:
    """Make a call in a process of its own while a block runs; what is given waits for its result.

    With one worker the call is made here, when its result is asked for.

    Args:
        call: A module-level function, or a partial of one.
        workers: Number of processes that may work.
    """
    if workers <= 1:
        yield call
        return
    from concurrent.futures import ThreadPoolExecutor
    from concurrent.futures.process import BrokenProcessPool

    with ThreadPoolExecutor(1) as thread, _pool(1) as pool:

        def made() -> _Result:
            found = pool.submit(call).result()
            pool.shutdown(wait=False)  # its memory is needed elsewhere
            return found

        # In a thread: where the server still loads its module, a process waits for it to start.
        future = thread.submit(made)

        def result() -> _Result:
            try:
                return future.result()
            except BrokenProcessPool:  # it was killed
                return call()

        yield result


def start_server(module: str) -> None:
    """Begin to load a module once for all processes that are started from now on.

    It is loaded in another process while this one goes on. Where processes are not forked, or some
    were started before, each loads what it needs by itself.

    Args:
        module: Name of a module that leaves no thread behind.
    """
    if _METHOD == "forkserver":
        from multiprocessing import get_context

        get_context(_METHOD).set_forkserver_preload([module])
        _ensure_server()


def _ensure_server() -> None:
    from multiprocessing import forkserver

    # As in this process, where a module may come from a folder that others do not look into.
    search = os.pathsep.join(str(Path(place).absolute()) for place in sys.path)
    with _environment({**_ONE_THREAD, **dict(zip(_SEARCH, (search, "1"), strict=True))}):
        forkserver.ensure_running()


@contextmanager
def _pool(workers: int) -> Iterator[ProcessPoolExecutor]:
    """Open a pool whose processes keep to one thread each."""
    from concurrent.futures import ProcessPoolExecutor
    from multiprocessing import get_context

    with ExitStack() as stack:
        if _METHOD == "forkserver":
            _ensure_server()  # whose environment they have
        else:
            stack.enter_context(_environment(_ONE_THREAD))
        yield stack.enter_context(
            ProcessPoolExecutor(
                workers,
                mp_context=get_context(_METHOD),
                # The server has its own, be it ours or one that somebody else started.
                initializer=_set_environment,
                initargs=({**{name: os.environ.get(name) for name in _SEARCH}, **_ONE_THREAD},),
            )
        )


@contextmanager
def _environment(wanted: Mapping[str, str]) -> Iterator[None]:
    """Set variables for processes that are started meanwhile."""
    saved = {name: os.environ.get(name) for name in wanted}
    os.environ.update(wanted)
    try:
        yield
    finally:
        _set_environment(saved)


def _set_environment(wanted: Mapping[str, str | None]) -> None:
    for name, value in wanted.items():
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
