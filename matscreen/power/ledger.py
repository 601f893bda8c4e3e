"""The ledger of a run: how long each stage took and, by a stated model, how many joules."""

from __future__ import annotations

import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import Any

from matscreen.tables import WATTS_PER_CORE

METHOD = f"model: CPU seconds x {WATTS_PER_CORE:g} W per core"


@dataclass(frozen=True)
class StageCost:
    """What one stage spent.

    Attributes:
        stage: Name of the stage.
        items: Number of items it worked on.
        seconds: Wall time, s.
        cpu_seconds: CPU time of this process and its finished children, s.
        joules: Estimate, J.
        method: How the joules were obtained.
    """

    stage: str
    items: int
    seconds: float
    cpu_seconds: float
    joules: float
    method: str = METHOD


@dataclass
class Ledger:
    """Costs of the stages of one run, in order."""

    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    costs: list[StageCost] = field(default_factory=list)

    @contextmanager
    def stage(self, name: str) -> Iterator[_Counter]:
        """Measure a block; set `.items` on the yielded counter."""
        counter = _Counter()
        wall, cpu = time.perf_counter(), _cpu_seconds()
        try:
            yield counter
        finally:
            seconds, spent = time.perf_counter() - wall, _cpu_seconds() - cpu
            self.costs.append(
                StageCost(name, counter.items, seconds, spent, spent * WATTS_PER_CORE)
            )

    def rows(self) -> list[dict[str, Any]]:
        """Return the costs as rows of the `ledger` table."""
        at = datetime.now(UTC)
        return [{"run_id": self.run_id, "at": at, **asdict(cost)} for cost in self.costs]


@dataclass
class _Counter:
    items: int = 0


def _cpu_seconds() -> float:
    import os

    times = os.times()
    return times.user + times.system + times.children_user + times.children_system
