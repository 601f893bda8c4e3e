"""A campaign: thousands of tasks, a journal, worker processes, and a bundle at the end.

Run it as `python -m matscreen.simulations.campaign --help`.
"""

from __future__ import annotations

import heapq
import sys
import time
from collections import defaultdict
from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from itertools import count
from pathlib import Path

from matscreen.simulations.base import get_simulation
from matscreen.simulations.calculators import describe_calculator
from matscreen.simulations.journal import Journal, Record, Task, record_key
from matscreen.simulations.planning import (
    KINDS,
    SHARES,
    Relaxed,
    follow_ups,
    queue_orders,
)
from matscreen.simulations.stability import REFERENCE
from matscreen.simulations.workers import Pool
from matscreen.sources.base import SourceItem

PAUSE_FILE = "PAUSE"
"""While a file of this name lies in the campaign's folder, no new task starts."""


@dataclass
class Progress:
    """What a campaign has done so far.

    Attributes:
        done: Successful records by recipe.
        failed: Failed records by recipe.
        waiting: Tasks in the queue by kind.
        cpu_seconds: Processor time spent by kind, this run.
        paused: The pause file is present.
    """

    done: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    failed: dict[str, int] = field(default_factory=lambda: defaultdict(int))
    waiting: dict[str, int] = field(default_factory=dict)
    cpu_seconds: dict[str, float] = field(default_factory=lambda: defaultdict(float))
    paused: bool = False

    def __str__(self) -> str:
        parts = [
            f"{name} {self.done[name]}" + (f" (-{self.failed[name]})" * (self.failed[name] > 0))
            for name in (*self.done.keys(), *(self.failed.keys() - self.done.keys()))
        ]
        queue = ", ".join(f"{kind} {n}" for kind, n in self.waiting.items())
        return f"{', '.join(parts)} | waiting: {queue}" + (" | PAUSED" if self.paused else "")


class Scheduler:
    """Queues of tasks by kind; the kind that got least of its share of time comes next."""

    def __init__(self, items: Iterable[SourceItem], calculator: str) -> None:
        self._calculator = calculator
        self._calculator_version = describe_calculator(calculator)
        self._versions = {
            name: get_simulation(name).version for names in KINDS.values() for name in names
        }
        self._done: set[str] = set()
        self._planned: set[str] = set()
        self._queues: dict[str, list[tuple[float, int, Task]]] = {kind: [] for kind in KINDS}
        self._tick = count()
        self._spent = dict.fromkeys(KINDS, 0.0)
        self._pending: dict[str, int] = defaultdict(int)
        self._relaxed: dict[str, list[Relaxed]] = defaultdict(list)
        self._items: dict[str, tuple[SourceItem, float]] = {}
        unique = list({item.crystal.content_hash: item for item in items}.values())
        for item, order in zip(unique, queue_orders(unique), strict=True):
            self._items[item.crystal.content_hash] = (item, order)
            self._pending[item.crystal.formula] += 1
        self._wanted = set(self._items)

    @property
    def items(self) -> list[SourceItem]:
        """The source items, once each."""
        return [item for item, _ in self._items.values()]

    def begin(self, records: Iterable[Record]) -> None:
        """Replay what was done before, then queue what is left."""
        for record in records:
            self.finish(record, replay=True)
        for root in self._wanted:
            item, order = self._items[root]
            self._push("relaxation", Task(KINDS["relaxation"], item.crystal, root, {}, order))

    def finish(self, record: Record, *, replay: bool = False) -> None:
        """Take note of a record and queue what follows from it."""
        current = (
            record.version == self._versions.get(record.simulation)
            and record.calculator == self._calculator
            and record.calculator_version == self._calculator_version
        )
        if not current or record.key in self._done:
            return
        self._done.add(record.key)
        if not replay:
            kind = next(k for k, names in KINDS.items() if record.simulation in names)
            self._spent[kind] += record.cpu_seconds or record.seconds
        if record.simulation != "relaxation" or record.root not in self._wanted:
            return
        self._wanted.discard(record.root)
        item, order = self._items[record.root]
        if item.source == REFERENCE:
            return
        formula = item.crystal.formula
        if record.ok and record.relaxed is not None:
            energy = record.value("energy_per_atom")
            self._relaxed[formula].append(
                Relaxed(record.relaxed, record.root, item.prototype, energy or 0.0, order)
            )
        self._pending[formula] -= 1
        if self._pending[formula] == 0:
            for task in follow_ups(self._relaxed.pop(formula, [])):
                kind = next(k for k, names in KINDS.items() if names == task.simulations)
                self._push(kind, task)

    def next(self) -> Task | None:
        """Return the next task, None when all queues are empty."""
        while True:
            open_kinds = [kind for kind, queue in self._queues.items() if queue]
            if not open_kinds:
                return None
            kind = min(open_kinds, key=lambda k: self._spent[k] / SHARES[k])
            task = heapq.heappop(self._queues[kind])[2]
            left = tuple(
                name
                for name in task.simulations
                if self._key(task.crystal.content_hash, name) not in self._done
            )
            if left:
                return Task(left, task.crystal, task.root, task.phases, task.order)

    def waiting(self) -> dict[str, int]:
        """Number of queued tasks by kind."""
        return {kind: len(queue) for kind, queue in self._queues.items()}

    def _push(self, kind: str, task: Task) -> None:
        mark = f"{kind}|{task.crystal.content_hash}"
        if mark not in self._planned:
            self._planned.add(mark)
            heapq.heappush(self._queues[kind], (task.order, next(self._tick), task))

    def _key(self, crystal_hash: str, name: str) -> str:
        return record_key(
            crystal_hash,
            name,
            self._versions[name],
            self._calculator,
            self._calculator_version,
        )


def run_campaign(
    items: Iterable[SourceItem],
    out_dir: Path,
    calculator: str = "7net-0",
    *,
    workers: int = 2,
    hours: float | None = None,
    time_limit: float = 600.0,
    max_tasks: int | None = None,
    known: Iterable[Record] = (),
    report: Callable[[Progress], None] | None = None,
) -> Progress:
    """Relax and label source items with worker processes until done or out of time.

    Every finished recipe is appended to `out_dir/records.jsonl` and synced; a second run with the
    same folder skips it (same crystal, recipe, recipe version, calculator). A task that crashes
    its worker or exceeds the time limit becomes a failed record and a fresh worker goes on.

    Args:
        items: Source items in order of interest.
        out_dir: Folder of the journal; created when missing.
        calculator: Name of the potential.
        workers: Number of processes, one thread each.
        hours: Stop starting tasks after this time; None runs to the end.
        time_limit: Longest wall time of one task, s.
        max_tasks: Stop after this many tasks; None has no limit.
        known: Records from elsewhere (a bundle) that count as done.
        report: Called with the progress about every second.

    Returns:
        What has been done, earlier runs included.

    Raises:
        InputError: Another campaign is writing to the folder, or no calculator has this name.
    """
    journal = Journal(out_dir)
    with journal.locked():
        return _run(
            journal,
            items,
            calculator,
            workers=workers,
            hours=hours,
            time_limit=time_limit,
            max_tasks=max_tasks,
            known=known,
            report=report,
        )


def _run(
    journal: Journal,
    items: Iterable[SourceItem],
    calculator: str,
    *,
    workers: int,
    hours: float | None,
    time_limit: float,
    max_tasks: int | None,
    known: Iterable[Record],
    report: Callable[[Progress], None] | None,
) -> Progress:
    scheduler = Scheduler(items, calculator)
    stored = journal.inputs()
    journal.append_inputs([i for i in scheduler.items if i.crystal.content_hash not in stored])
    progress = Progress()
    past = [*known, *journal.records()]
    scheduler.begin(past)
    for record in past:
        _count(progress, record)
    pause = journal.folder / PAUSE_FILE
    while pause.exists():  # a paused campaign does not even load the potential
        progress.paused, progress.waiting = True, scheduler.waiting()
        if report is not None:
            report(progress)
        time.sleep(1.0)
    pool = Pool(calculator, workers=workers, time_limit=time_limit)
    started, given = time.monotonic(), 0
    try:
        while True:
            progress.paused = pause.exists()
            over = (hours is not None and time.monotonic() - started > hours * 3600) or (
                max_tasks is not None and given >= max_tasks
            )
            while pool.idle and not progress.paused and not over:
                task = scheduler.next()
                if task is None:
                    break
                pool.submit(task)
                given += 1
                over = max_tasks is not None and given >= max_tasks
            progress.waiting = scheduler.waiting()
            if not pool.busy and (
                over or (not progress.paused and not any(progress.waiting.values()))
            ):
                break
            if not pool.busy:
                time.sleep(0.5)
            for record in pool.results(timeout=1.0):
                journal.append(record)
                scheduler.finish(record)
                _count(progress, record)
                progress.cpu_seconds[record.simulation] += record.cpu_seconds
            if report is not None:
                report(progress)
    finally:
        pool.close()
    return progress


def _count(progress: Progress, record: Record) -> None:
    (progress.done if record.ok else progress.failed)[record.simulation] += 1


def line_reporter(*, every: float = 30.0) -> Callable[[Progress], None]:
    """Return a reporter for logs: one plain line from time to time."""
    last = [time.monotonic()]
    start = time.monotonic()

    def report(progress: Progress) -> None:
        now = time.monotonic()
        if now - last[0] >= every:
            last[0] = now
            sys.stderr.write(f"[{(now - start) / 60:6.1f} min] {progress}\n")
            sys.stderr.flush()

    return report


if __name__ == "__main__":
    from matscreen.simulations.command import main

    main()
