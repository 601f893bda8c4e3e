"""Where partitions are worked on: this process, a pool of processes, or a Dask cluster.

All three do the same: apply a function to a plan, which every partition shares, and to one small
item each, and give the results back in order. A function must be importable by its name.
"""

from __future__ import annotations

import pickle
import tempfile
import warnings
from collections import deque
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final, Protocol, TypeVar

from matscreen.errors import InputError, MatscreenError, MissingDependencyError
from matscreen.parallel import cores, map_chunks, start_server

if TYPE_CHECKING:
    from distributed import Client

_Plan = TypeVar("_Plan")
_Item = TypeVar("_Item")
_Result = TypeVar("_Result")

LOCAL: Final = "local"
"""Asks for a Dask cluster of processes on this machine."""
_RETRIES: Final = 3
_CONNECT_SECONDS: Final = 30
_AHEAD: Final = 2
"""Partitions that wait for each worker of a cluster."""


class Engine(Protocol):
    """Works on partitions.

    Attributes:
        name: What it is, for people and records.
        workers: How many processes work.
    """

    @property
    def name(self) -> str:
        """What it is."""
        ...

    @property
    def workers(self) -> int:
        """How many processes work."""
        ...

    def get_ready(self, module: str) -> None:
        """Begin to load what the work needs, where that can be done ahead of it.

        Args:
            module: Name of the module; see `parallel.start_server`.
        """
        ...

    def map(
        self, work: Callable[[_Plan, _Item], _Result], plan: _Plan, items: Iterable[_Item]
    ) -> Iterator[_Result]:
        """Yield `work(plan, item)` for each item, in order.

        Args:
            work: A module-level function.
            plan: What all partitions share; sent to each process once or a few times.
            items: One a partition, small; taken as they are needed.
        """
        ...


@dataclass(frozen=True)
class Processes:
    """This process where `workers` is 1, else a pool of as many.

    Attributes:
        workers: Number of processes.
    """

    workers: int = 1

    @property
    def name(self) -> str:
        """What it is."""
        return "this process" if self.workers <= 1 else f"{self.workers} processes"

    def get_ready(self, module: str) -> None:
        """Begin to load what the work needs, once for all processes."""
        if self.workers > 1:
            start_server(module)

    def map(
        self, work: Callable[[_Plan, _Item], _Result], plan: _Plan, items: Iterable[_Item]
    ) -> Iterator[_Result]:
        """Yield `work(plan, item)` for each item, in order."""
        if self.workers <= 1:
            yield from map(partial(work, plan), items)
            return
        # Through a file: with every item, a plan of many models would be copied again and again.
        with tempfile.TemporaryDirectory(prefix="matscreen-") as folder:
            path = Path(folder) / "plan.pickle"
            path.write_bytes(pickle.dumps(plan))
            yield from map_chunks(partial(_with_plan, work, path), items, workers=self.workers)


@dataclass(frozen=True, eq=False)
class Dask:
    """A Dask cluster; partitions of a worker that dies are done again by another.

    Attributes:
        client: An open client of the cluster.
    """

    client: Client

    @property
    def workers(self) -> int:
        """How many processes of the cluster work."""
        return max(len(self.client.scheduler_info(n_workers=-1)["workers"]), 1)

    @property
    def name(self) -> str:
        """What it is."""
        address = self.client.scheduler_info(n_workers=0)["address"]
        return f"Dask cluster at {address}, {self.workers} workers"

    def get_ready(self, module: str) -> None:
        """Do nothing: the workers of a cluster run already and load with their first partition."""

    def map(
        self, work: Callable[[_Plan, _Item], _Result], plan: _Plan, items: Iterable[_Item]
    ) -> Iterator[_Result]:
        """Yield `work(plan, item)` for each item, in order.

        Raises:
            MatscreenError: A partition killed its worker again and again.
        """
        from distributed import KilledWorker

        # A task, not scattered data: the scheduler makes it again where its worker dies.
        with warnings.catch_warnings():
            warnings.filterwarnings("ignore", message="Sending large graph")
            shared = self.client.submit(_unpickled, pickle.dumps(plan), pure=False)
        source = iter(items)

        def submit(item: _Item) -> Any:
            return self.client.submit(work, shared, item, pure=False, retries=_RETRIES)

        try:
            waiting = deque(submit(item) for item in islice(source, _AHEAD * self.workers))
            while waiting:
                result = waiting.popleft().result()
                waiting.extend(submit(item) for item in islice(source, 1))
                yield result
        except KilledWorker as error:
            raise MatscreenError(
                f"a partition ended its Dask worker {_RETRIES + 1} times, most likely for lack of "
                f"memory: give the workers more, or the partitions fewer rows; {error}"
            ) from error


@contextmanager
def open_engine(dask: str | None = None, *, workers: int | None = None) -> Iterator[Engine]:
    """Open what works on partitions, and close it again.

    Args:
        dask: Address of a running scheduler such as `tcp://host:8786`, or `local` for a cluster of
            processes on this machine; none for processes without Dask.
        workers: Processes on this machine; one for each core by default. Of no account with an
            address: that cluster has its own.

    Raises:
        InputError: The address is none, or nobody answers there.
        MissingDependencyError: Dask is not installed.
    """
    if dask is None:
        yield Processes(workers if workers is not None else cores())
        return
    with open_client(dask, workers=workers) as client:
        yield Dask(client)


@contextmanager
def open_client(dask: str, *, workers: int | None = None) -> Iterator[Client]:
    """Connect to a Dask scheduler, or start one with workers on this machine.

    Raises:
        InputError: The address is none, or nobody answers there.
        MissingDependencyError: Dask is not installed.
    """
    if dask != LOCAL and "://" not in dask:
        raise InputError(
            f"{dask!r} is no Dask scheduler: give its address, such as tcp://host:8786, or 'local'"
        )
    try:
        from distributed import Client, LocalCluster
    except ImportError as error:
        raise MissingDependencyError("distributed", "dask") from error
    if dask != LOCAL:
        try:
            client = Client(dask, timeout=_CONNECT_SECONDS, set_as_default=False)
        except (OSError, ValueError) as error:
            raise InputError(f"no Dask scheduler answers at {dask}: {error}") from error
        with client:
            yield client
        return
    # One thread each: the numerical libraries and scikit-learn hold the lock of the interpreter.
    with (
        LocalCluster(
            n_workers=workers if workers is not None else cores(),
            threads_per_worker=1,
            dashboard_address=None,
        ) as cluster,
        Client(cluster, set_as_default=False) as client,
    ):
        yield client


def _with_plan(work: Callable[[Any, _Item], _Result], path: Path, item: _Item) -> _Result:
    return work(_read_plan(path), item)


@lru_cache(maxsize=1)
def _read_plan(path: Path) -> Any:
    return pickle.loads(path.read_bytes())  # noqa: S301 - written by the parent of this process


def _unpickled(content: bytes) -> Any:
    return pickle.loads(content)  # noqa: S301 - sent by the client that we work for
