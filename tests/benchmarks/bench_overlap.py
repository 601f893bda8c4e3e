"""How well workers that share an accelerator overlap their work with its own.

    python tests/benchmarks/bench_overlap.py [--milliseconds 10 20 40] [--workers 1 2 3] [--atoms 40]

Needs the extra `simulate`. Each worker is a process with a potential of its own, as in a campaign;
every force call builds neighbour list and graph on the processor, exactly as the potential does,
and hands them to the accelerator. Where there is none, a stand-in takes its place: a queue whose
calls take a given time each, one after another, without using the processor, as the kernels of
several processes do on one device. What is measured then is the overlap, not the speed of a device.

Columns: force calls a second; the share of the time that the accelerator was busy, which is what
calls reach of the limit; calls a second beside those of one worker; processor time of a call.
"""

from __future__ import annotations

import argparse
import multiprocessing
import sys
import time
from multiprocessing.synchronize import Barrier
from queue import Queue
from typing import Any

import numpy as np

from matscreen.errors import MissingDependencyError
from matscreen.simulations.calculators import describe_calculator, get_potential
from matscreen.simulations.workers import single_thread

POTENTIAL = "7net-0"
SITES = [[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]]
SECONDS = 10.0


def perovskite(atoms: int) -> Any:
    """Return SrTiO3 in a cube of about so many atoms, a little off its sites."""
    from ase import Atoms

    side = max(1, round((atoms / 5) ** (1 / 3)))
    cell = Atoms("SrTiO3", scaled_positions=SITES, cell=[3.94] * 3, pbc=True).repeat(side)
    cell.rattle(0.02, seed=0)
    return cell


def standing_in(model: Any, free_at: Any, seconds: float) -> Any:
    """Return a model that waits for its turn on a device and answers what `model` said first.

    Args:
        model: The potential.
        free_at: When the device has done all that was given to it, a shared clock with a lock.
        seconds: What one call takes there, s.
    """
    import torch

    class StandIn(torch.nn.Module):
        answer: Any = None

        def forward(self, graph: Any) -> Any:
            if self.answer is None:
                self.answer = model(graph)
            with free_at.get_lock():
                free_at.value = done = max(free_at.value, time.monotonic()) + seconds
            # No lock is held meanwhile: its waiters would be woken on the core that gives it back.
            time.sleep(max(0.0, done - time.monotonic()))
            return self.answer

    return StandIn()


def work(
    free_at: Any, ready: Barrier, results: Queue[Any], atoms: int, seconds: float | None
) -> None:
    """Call for forces again and again until the time is over."""
    calculator = get_potential(POTENTIAL).calculator()
    crystal = perovskite(atoms)
    if seconds is not None:
        calculator.model = standing_in(calculator.model, free_at, seconds)
    for _ in range(2):  # the first calls load and compile
        calculator.calculate(crystal)
    ready.wait()
    began, cpu, calls = time.perf_counter(), time.process_time(), 0
    while time.perf_counter() - began < SECONDS:
        crystal.rattle(0.001, seed=calls)
        calculator.calculate(crystal)
        calls += 1
    results.put((calls, time.process_time() - cpu, time.perf_counter() - began))


def measure(workers: int, atoms: int, seconds: float | None) -> tuple[float, float]:
    """Return force calls a second, and processor seconds for each."""
    context = multiprocessing.get_context("spawn")
    free_at, ready, results = context.Value("d", 0.0), context.Barrier(workers), context.Queue()
    with single_thread():
        processes = [
            context.Process(target=work, args=(free_at, ready, results, atoms, seconds))
            for _ in range(workers)
        ]
        for process in processes:
            process.start()
    found = np.array([results.get(timeout=300) for _ in processes])
    for process in processes:
        process.join()
    calls, cpu, wall = found.T
    return float((calls / wall).sum()), float(cpu.sum() / calls.sum())


def main() -> int:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--milliseconds", type=float, nargs="+", default=[10.0, 20.0, 40.0])
    parser.add_argument("--workers", type=int, nargs="+", default=[1, 2, 3])
    parser.add_argument("--atoms", type=int, default=40)
    asked = parser.parse_args()
    try:
        describe_calculator(POTENTIAL)
        import torch
    except (MissingDependencyError, ImportError) as error:
        print(error)
        return 1
    from rich.console import Console
    from rich.table import Table

    from matscreen.simulations.devices import CPU, torch_device

    device = torch_device(torch)
    times = [None] if device != CPU else [each / 1000 for each in asked.milliseconds]
    atoms = len(perovskite(asked.atoms))
    title = f"{POTENTIAL} on {'a stand-in' if device == CPU else device}, {atoms} atoms"
    table = Table(title=title, title_justify="left", box=None)
    for name in ("call, ms", "workers", "calls/s", "busy", "to one", "CPU ms a call"):
        table.add_column(name, justify="right")
    for seconds in times:
        alone = None
        for workers in asked.workers:
            rate, cpu = measure(workers, asked.atoms, seconds)
            alone = alone or rate
            table.add_row(
                "-" if seconds is None else f"{seconds * 1000:g}",
                str(workers),
                f"{rate:.1f}",
                "-" if seconds is None else f"{rate * seconds:.0%}",
                f"{rate / alone:.2f}",
                f"{cpu * 1000:.1f}",
            )
    Console(width=100).print(table)
    return 0


if __name__ == "__main__":
    sys.exit(main())
