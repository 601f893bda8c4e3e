"""Drill the schedules on a real server: two firings, a worker and its run killed, the retry.

    python tests/benchmarks/drill_schedules.py [--light] [--store PREPARED] [--every 30]

Everything happens in a temporary folder with a server of its own on a free port, offline. A store
that `matscreen screen` has filled (bundle, descriptors, surrogates) saves the first minutes. Prints
one table; exit code 1 when a figure is not what it should be.
"""

from __future__ import annotations

import argparse
import shutil
import subprocess
import sys
import tempfile
import time
from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

from served_schedules import (
    ROOT,
    Drill,
    lighten,
    prepare,
    rows_written,
    version,
    write_crystals,
    write_screen,
)

FAMILIES = "prototypes:perovskite-Pnma,perovskite-R3c,ilmenite-R-3,linbo3-R3c"
PARTITION = 100
CRASHED_WITHIN = 120.0


def drill_schedule(drill: Drill, base: Path) -> Iterator[tuple[str, str, bool]]:
    """Two firings on time, the second incremental, the third with nothing to do."""
    store, results, few = (drill.folder / name for name in ("store1", "results1", "few"))
    shutil.copytree(base, store)
    write_crystals(few, "Sr-Ti", "Ba-Zr", "Ca-Hf", "Pb-Ti", "K-Nb", "Na-Ta")
    screen = write_screen(drill.folder / "few.toml", "few", f"files:{few}")
    drill.start(screen, store, results, partition=PARTITION, limit=2)

    def completed(number: int) -> Any:
        runs = drill.runs()
        if any(run.state.is_failed() or run.state.is_crashed() for run in runs):
            raise SystemExit(f"a run failed: {[run.state for run in runs]}")
        done = [run for run in runs if run.state.is_completed()]
        return done if len(done) >= number else None

    runs = drill.wait(lambda: drill.runs() or None, "the first firing", 240)
    first = drill.wait(lambda: completed(1), "the first run", 400)[0]
    write_crystals(few, "Li-Nb")
    before = version(store, "descriptors_standard")
    known = {run.id for run in drill.runs()}

    def next_change() -> Any:
        for run in completed(1):
            if run.id not in known and "nothing new" not in run.state.message:
                return run
        return None

    second = drill.wait(next_change, "the incremental run", 400)
    described = rows_written(store, "descriptors_standard", before)
    known |= {run.id for run in drill.runs() if run.state.is_completed()}

    def idle() -> Any:
        for run in completed(1):
            if run.id not in known and "nothing new" in run.state.message:
                return run
        return None

    third = drill.wait(idle, "a run with nothing to do", 400)
    runs = drill.runs()
    late = [(run.start_time - run.expected_start_time).total_seconds() for run in runs]
    gap = (runs[1].expected_start_time - runs[0].expected_start_time).total_seconds()
    yield "seconds between the first two firings", f"{gap:.1f}", abs(gap - drill.every) < 1
    yield "late by, s (first two)", f"{late[0]:.1f}, {late[1]:.1f}", max(late[:2]) < drill.every
    yield "first run, s", f"{first.total_run_time.total_seconds():.1f}", True
    yield "incremental run, s", f"{second.total_run_time.total_seconds():.1f}", True
    yield "described in the incremental run", f"{described} (1 new)", described == 1
    idle_seconds = third.total_run_time.total_seconds()
    yield "run with nothing new, s", f"{idle_seconds:.1f}", idle_seconds < 10
    yield "what it said", str(third.state.message), "nothing new" in third.state.message
    drill.stop()


def drill_crash(drill: Drill, base: Path) -> Iterator[tuple[str, str, bool]]:
    """Kill worker and run in the middle of describing; the retry ends with the same result."""
    screen = write_screen(drill.folder / "many.toml", "many", FAMILIES)
    undisturbed, store, results = (drill.folder / name for name in ("store0", "store2", "results2"))
    shutil.copytree(base, undisturbed)
    shutil.copytree(base, store)
    before = version(base, "descriptors_standard")
    command = [sys.executable, "-m", "flows", "run", str(screen), "--store", str(undisturbed)]
    environment = {k: v for k, v in drill.environment.items() if k != "PREFECT_API_URL"}
    environment["PREFECT_HOME"] = str(drill.folder / "prefect0")
    subprocess.run(
        [*command, "--output", str(drill.folder / "results0")],
        cwd=ROOT,
        env=environment,
        check=True,
        capture_output=True,
    )
    wanted = rows_written(undisturbed, "descriptors_standard", before)

    drill.every = 900  # one run, and no other that would go on in its place
    known = {run.id for run in drill.runs()} if drill.answers() else set()
    drill.start(screen, store, results, partition=PARTITION, limit=1)

    def working() -> Any:
        return True if version(store, "descriptors_standard") >= before + 3 else None

    fresh = drill.wait(
        lambda: next((r for r in drill.fired() if r.id not in known), None), "a firing", 300
    )
    drill.wait(working, "the middle of describing", 300, pause=0.02)
    killed = drill.kill()
    died = time.monotonic()
    at_death = rows_written(store, "descriptors_standard", before)
    drill.start(screen, store, results, partition=PARTITION, limit=1)

    def this() -> Any:
        return next(run for run in drill.runs() if run.id == fresh.id)

    def crashed() -> Any:
        with drill.client() as client:
            states = client.read_flow_run_states(fresh.id)
        return next((each for each in states if each.type.value == "CRASHED"), None)

    drill.wait(crashed, "the run to be marked as crashed", 300)
    marked = time.monotonic() - died
    done = drill.wait(
        lambda: this() if this().state.is_completed() or this().state.is_failed() else None,
        "the retry",
        400,
    )
    total = rows_written(store, "descriptors_standard", before)
    ours = (results / "many" / "candidates.csv").read_bytes()
    theirs = (drill.folder / "results0" / "many" / "candidates.csv").read_bytes()
    yield "processes killed with the worker", str(killed), killed >= 1
    yield "described before the kill", f"{at_death} of {wanted}", 0 < at_death < wanted
    yield "marked as crashed after, s", f"{marked:.0f}", marked < CRASHED_WITHIN
    yield "state of the retried run", str(done.state.name), done.state.is_completed()
    yield "attempts", str(done.run_count), done.run_count == 2
    yield "same bytes as undisturbed", str(ours == theirs), ours == theirs
    twice = total - wanted
    yield f"described twice (partition {PARTITION})", str(twice), 0 <= twice <= PARTITION
    drill.stop()


def main() -> int:
    """Run both drills and print what was seen."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--store", type=Path, help="A store that is filled already.")
    parser.add_argument("--every", type=int, default=30, help="Seconds between firings.")
    parser.add_argument(
        "--light",
        action="store_true",
        help="Leave out bundle and surrogates: the same schedules, crashes and retries in minutes.",
    )
    parser.add_argument("--only", choices=["schedule", "crash"], help="One of the two drills.")
    asked = parser.parse_args()
    from rich.console import Console
    from rich.table import Table

    table = Table("what", "seen", "", box=None, title="Schedules", title_justify="left")
    good = True
    began = datetime.now(UTC)
    with tempfile.TemporaryDirectory() as place:
        folder = Path(place)
        base = asked.store or folder / "base"
        if asked.light:
            lighten(folder / "site")
            base.mkdir(exist_ok=True)
        elif asked.store is None:
            prepare(base)
        for name, drilled in (("schedule", drill_schedule), ("crash", drill_crash)):
            if asked.only not in {None, name}:
                continue
            own = folder / name
            own.mkdir()
            drill = Drill(own, asked.every)
            try:
                for what, seen, right in drilled(drill, base):
                    table.add_row(what, seen, "" if right else "[bold red]wrong")
                    good &= right
            finally:
                drill.stop()
    Console(width=110).print(table)
    print(f"{(datetime.now(UTC) - began).total_seconds():.0f} s in all")
    return 0 if good else 1


if __name__ == "__main__":
    sys.exit(main())
