"""The ledger of a run: how long each stage took, how many joules it spent and how much CO2."""

from __future__ import annotations

import contextlib
import time
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import asdict, dataclass, field
from datetime import UTC, datetime
from typing import TYPE_CHECKING, Any

from matscreen.power import meters
from matscreen.power.carbon import intensity_or_unknown
from matscreen.power.meters import Meter

if TYPE_CHECKING:
    from matscreen.store import Store


@dataclass(frozen=True)
class StageCost:
    """What one stage spent.

    Attributes:
        stage: Name of the stage.
        items: Number of items it worked on.
        seconds: Wall time, s.
        cpu_seconds: CPU time of this process and its children, s.
        joules: Energy, J.
        method: How the joules were obtained.
    """

    stage: str
    items: int
    seconds: float
    cpu_seconds: float
    joules: float
    method: str


@dataclass
class Ledger:
    """Costs of the stages of one run, in order.

    Attributes:
        task: What the run is for, such as `screen synapse` or `simulate`.
        run_id: Identifies the run.
        costs: What was spent so far.
    """

    task: str = ""
    run_id: str = field(default_factory=lambda: uuid.uuid4().hex)
    costs: list[StageCost] = field(default_factory=list)
    _written: int = field(default=0, init=False, repr=False)

    @contextmanager
    def stage(self, name: str) -> Iterator[Counted]:
        """Measure a block; set `.items` on the yielded counter.

        A block that fails is recorded as well: what it spent is spent.

        Raises:
            InputError: `MATSCREEN_WATTS_PER_CORE` is no power; the block is not begun.
        """
        counter = Counted()
        counters = [*meters.rapl_counters(), *meters.nvml_counters()]
        if all(each.kind != "RAPL" for each in counters):
            meters.power_model()  # a mistake in the environment is told before the work, not after
        meter = Meter(counters)
        meter.start()
        wall, cpu = time.perf_counter(), meters.cpu_seconds()
        try:
            yield counter
        finally:
            seconds = time.perf_counter() - wall
            spent = max(meters.cpu_seconds() - cpu, 0.0)
            joules, kinds = meter.stop()
            model = None if "RAPL" in kinds else meters.power_model()
            if model is not None:
                joules += spent * model.watts_per_core
            method = meters.describe(kinds, model)
            self.costs.append(StageCost(name, counter.items, seconds, spent, joules, method))

    def rows(self, since: int = 0) -> list[dict[str, Any]]:
        """Return the costs as rows of the `ledger` table.

        Args:
            since: How many of the first costs to leave out, as already written.
        """
        at, carbon = datetime.now(UTC), intensity_or_unknown()
        return [
            {
                "run_id": self.run_id,
                "task": self.task or None,
                "at": at,
                **asdict(cost),
                "grams_CO2": carbon.grams(cost.joules),
                "region": carbon.region or None,
                "carbon_source": carbon.source,
            }
            for cost in self.costs[since:]
        ]

    def write(self, store: Store) -> None:
        """Append the costs to the table `ledger` of a store, each once however often it is called.

        A task that is tried again goes on with the ledger of its first try.
        """
        from matscreen import tables

        rows = self.rows(self._written)
        if rows:
            store.append("ledger", tables.from_rows("ledger", rows))
            self._written += len(rows)


@dataclass
class Counted:
    """What a stage counts.

    Attributes:
        items: Number of items it worked on.
    """

    items: int = 0


@contextmanager
def recorded(store: Store, task: str, stage: str | None = None) -> Iterator[Counted]:
    """Measure a block and write what it spent to the ledger of a store, also when it fails.

    Args:
        store: Whose ledger.
        task: What the run is for.
        stage: Name of the stage; that of the task when not given.
    """
    ledger = Ledger(task)
    failed = True
    try:
        with ledger.stage(stage or task) as counter:
            yield counter
        failed = False
    finally:
        # The error of the block says more than that of a store which went away with it.
        with contextlib.suppress(Exception) if failed else contextlib.nullcontext():
            ledger.write(store)
