"""Worker processes that outlive bad tasks: one model each, one thread each, replaced when dead."""

from __future__ import annotations

import multiprocessing
import os
import time
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from multiprocessing.connection import Connection, wait
from multiprocessing.context import SpawnProcess
from typing import Any

from matscreen.errors import rejection
from matscreen.simulations.base import get_simulation
from matscreen.simulations.calculators import describe_calculator, get_potential
from matscreen.simulations.journal import Record, Task

_THREADS = ("OMP_NUM_THREADS", "MKL_NUM_THREADS", "OPENBLAS_NUM_THREADS", "NUMEXPR_NUM_THREADS")
_DONE = "done"


@dataclass
class _Worker:
    process: SpawnProcess
    pipe: Connection
    task: Task | None = None
    started: float = 0.0
    reported: int = 0


class Pool:
    """A few spawned workers fed one task at a time.

    Args:
        calculator: Name of the potential that each worker loads once.
        workers: Number of processes.
        time_limit: Longest wall time of one task, s; a longer one becomes failed records.
    """

    def __init__(self, calculator: str, *, workers: int = 2, time_limit: float = 600.0) -> None:
        self._calculator = calculator
        self._version = describe_calculator(calculator)
        self._limit = time_limit
        self._context = multiprocessing.get_context("spawn")
        self._workers = [self._start() for _ in range(workers)]

    @property
    def idle(self) -> int:
        """Number of workers without a task."""
        return sum(worker.task is None for worker in self._workers)

    @property
    def busy(self) -> int:
        """Number of workers with a task."""
        return len(self._workers) - self.idle

    def submit(self, task: Task) -> None:
        """Give a task to an idle worker."""
        worker = next(worker for worker in self._workers if worker.task is None)
        worker.task, worker.started, worker.reported = task, time.monotonic(), 0
        worker.pipe.send(task)

    def results(self, *, timeout: float) -> Iterator[Record]:
        """Yield the records that arrive within a time, replacing workers that died or hang."""
        pipes = {worker.pipe: worker for worker in self._workers if worker.task is not None}
        for ready in wait(list(pipes), timeout):
            worker = pipes[ready]  # type: ignore[index]
            try:
                message = worker.pipe.recv()
            except (EOFError, ConnectionError):
                yield from self._replace(worker, "worker_died", "the process ended by itself")
                continue
            if message == _DONE:
                worker.task = None
            else:
                worker.reported += 1
                yield message
        for worker in self._workers:
            if worker.task is not None and time.monotonic() - worker.started > self._limit:
                yield from self._replace(
                    worker, "time_limit", f"longer than {self._limit:.0f} s of wall time"
                )

    def close(self) -> None:
        """End all workers."""
        for worker in self._workers:
            worker.process.kill()
            worker.process.join()
            worker.pipe.close()
        self._workers = []

    def _start(self) -> _Worker:
        ours, theirs = self._context.Pipe()
        process = self._context.Process(
            target=_work, args=(theirs, self._calculator, os.getpid()), daemon=True
        )
        with single_thread():
            process.start()
        theirs.close()
        return _Worker(process, ours)

    def _replace(self, worker: _Worker, reason: str, detail: str) -> Iterator[Record]:
        task, elapsed = worker.task, time.monotonic() - worker.started
        worker.process.kill()
        worker.process.join()
        worker.pipe.close()
        code = worker.process.exitcode
        self._workers[self._workers.index(worker)] = self._start()
        if task is None:
            return
        for name in task.simulations[worker.reported :]:
            yield Record(
                task.crystal.content_hash,
                task.root,
                name,
                get_simulation(name).version,
                self._calculator,
                self._version,
                reason=reason,
                detail=f"{detail} (exit code {code})",
                seconds=elapsed,
                at=datetime.now(UTC).isoformat(),
            )


@contextmanager
def single_thread() -> Iterator[None]:
    """Set one thread per process in the environment that a spawned child inherits."""
    before = {name: os.environ.get(name) for name in _THREADS}
    os.environ.update(dict.fromkeys(_THREADS, "1"))
    try:
        yield
    finally:
        for name, value in before.items():
            if value is None:
                os.environ.pop(name, None)
            else:
                os.environ[name] = value


def _work(pipe: Connection, calculator: str, parent: int) -> None:
    potential = get_potential(calculator)
    while True:
        # A parent killed with -9 cannot tell its children; they notice and leave.
        while not pipe.poll(5.0):
            if os.getppid() != parent:
                return
        try:
            task: Task = pipe.recv()
        except (EOFError, ConnectionError):
            return
        try:
            failed: Record | None = None
            for name in task.simulations:
                # The recipes of one task build on each other: what stopped one stops the next.
                record = (
                    simulate(task, name, potential) if failed is None else _blocked(failed, name)
                )
                failed = None if record.ok else record
                pipe.send(record)
            pipe.send(_DONE)
        except ConnectionError:
            return


def _blocked(failed: Record, name: str) -> Record:
    return replace(
        failed,
        simulation=name,
        version=get_simulation(name).version,
        detail=f"{failed.simulation}: {failed.detail}",
        seconds=0.0,
        cpu_seconds=0.0,
    )


def simulate(task: Task, name: str, potential: Any) -> Record:
    """Run one recipe and turn whatever happens into a record."""
    simulation = get_simulation(name)
    wall, cpu = time.perf_counter(), time.process_time()
    outcome: dict[str, Any]
    try:
        result = simulation.run(task.crystal, potential, phases=task.phases)
        outcome = {
            "labels": result.labels,
            "relaxed": result.relaxed,
            "notes": dict(result.notes or {}),
        }
    except Exception as error:
        reason, detail = rejection(error)
        outcome = {"reason": reason, "detail": detail}
    return Record(
        task.crystal.content_hash,
        task.root,
        name,
        simulation.version,
        potential.name,
        potential.version,
        seconds=time.perf_counter() - wall,
        cpu_seconds=time.process_time() - cpu,
        at=datetime.now(UTC).isoformat(),
        **outcome,
    )
