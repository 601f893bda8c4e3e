"""Drill the schedules on a real server: two firings, a worker and its run killed, the retry.

    python tests/benchmarks/drill_schedules.py [--light] [--store PREPARED] [--every 30]

Everything happens in a temporary folder with a server of its own on a free port, offline. A store
that `matscreen screen` has filled (bundle, descriptors, surrogates) saves the first minutes. Prints
one table; exit code 1 when a figure is not what it should be.
"""

from __future__ import annotations

import argparse
import contextlib
import json
import os
import shutil
import signal
import socket
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
FAMILIES = "prototypes:perovskite-Pnma,perovskite-R3c,ilmenite-R-3,linbo3-R3c"
PARTITION = 100
LIGHT = """
from matscreen import shipped, stages, tables

def predict(store, *args, **kwargs):
    store.replace("predictions", tables.SCHEMAS["predictions"].empty_table())
    return 0

stages.load_bundle = lambda *args, **kwargs: shipped.Pulled("bundle", (), 0, 0, 0)
stages.train = lambda *args, **kwargs: []
stages.predict = predict
"""
"""Read by every process of a light drill as it starts: no bundle, no surrogates, only priors."""
CRASHED_WITHIN = 120.0


class Drill:
    """A folder, a server and a worker to be ill-treated.

    Args:
        folder: Where everything is.
        every: Seconds between the firings.
    """

    def __init__(self, folder: Path, every: int) -> None:
        self.folder = folder
        self.every = every
        with socket.socket() as free:
            free.bind(("127.0.0.1", 0))
            port = free.getsockname()[1]
        self.url = f"http://127.0.0.1:{port}/api"
        self.environment = {
            **os.environ,
            "PREFECT_HOME": str(folder / "prefect"),
            "PREFECT_API_URL": self.url,
            "OMP_NUM_THREADS": "1",
        }
        os.environ.update(self.environment)
        self.worker: subprocess.Popen[bytes] | None = None
        self.server_pid: int | None = None

    def start(
        self, screen: Path, store: Path, results: Path, *, partition: int, limit: int
    ) -> None:
        """Serve the nightly flow of one screen."""
        file = self.folder / "drill.yaml"
        file.write_text(
            json.dumps(
                {
                    "deployments": [
                        {
                            "name": "nightly",
                            "entrypoint": "flows/nightly.py:nightly",
                            "tags": ["matscreen"],
                            "parameters": {
                                "screens": [str(screen)],
                                "store": str(store),
                                "results": str(results),
                                "partition": partition,
                            },
                            "schedules": [{"interval": self.every}],
                        }
                    ]
                }
            ),
            encoding="utf-8",
        )
        with (self.folder / "serve.log").open("ab") as log:
            self.worker = subprocess.Popen(
                [
                    sys.executable,
                    "-m",
                    "flows",
                    "serve",
                    "--file",
                    str(file),
                    "--limit",
                    str(limit),
                ],
                cwd=ROOT,
                env=self.environment,
                stdout=log,
                stderr=log,
            )

    def runs(self) -> list[Any]:
        """Return the runs that began, the first one first."""
        from prefect.client.orchestration import get_client
        from prefect.client.schemas.filters import FlowFilter, FlowFilterName, FlowRunFilter
        from prefect.client.schemas.filters import FlowRunFilterStartTime as Began
        from prefect.client.schemas.sorting import FlowRunSort

        with get_client(sync_client=True) as client:
            return list(
                client.read_flow_runs(
                    flow_filter=FlowFilter(name=FlowFilterName(any_=["nightly"])),
                    flow_run_filter=FlowRunFilter(start_time=Began(is_null_=False)),
                    sort=FlowRunSort.START_TIME_ASC,
                    limit=100,
                )
            )

    def wait(self, found: Callable[[], Any], what: str, seconds: float, pause: float = 1.0) -> Any:
        """Return what a function finds, as soon as it finds something.

        Raises:
            SystemExit: It did not within so many seconds.
        """
        end = time.monotonic() + seconds
        while time.monotonic() < end:
            with contextlib.suppress(httpx.HTTPError, OSError, RuntimeError):  # the server is busy
                if (value := found()) is not None:
                    return value
            time.sleep(pause)
        log = (self.folder / "serve.log").read_text(errors="replace")[-3000:]
        raise SystemExit(f"waited {seconds:.0f} s in vain for {what}\n{log}")

    def children(self) -> list[int]:
        """Return the processes of the runs under the worker; the server is not among them."""
        import psutil

        assert self.worker is not None
        below = psutil.Process(self.worker.pid).children(recursive=True)
        server = [each for each in below if "server" in each.cmdline()]
        spared = {each.pid for one in server for each in (one, *one.children(recursive=True))}
        if server:
            self.server_pid = server[0].pid
        return [each.pid for each in below if each.pid not in spared]

    def kill(self) -> int:
        """Kill worker and runs at once, as a power cut would; the server survives."""
        assert self.worker is not None
        victims = self.children()
        for pid in (self.worker.pid, *victims):
            with contextlib.suppress(ProcessLookupError):
                os.kill(pid, signal.SIGKILL)
        self.worker.wait()
        return len(victims)

    def stop(self) -> None:
        """End worker and server."""
        if self.worker is not None and self.worker.poll() is None:
            self.children()
            self.worker.terminate()
            try:
                self.worker.wait(60)
            except subprocess.TimeoutExpired:
                self.kill()
        if self.server_pid is not None:
            with contextlib.suppress(ProcessLookupError):
                os.kill(self.server_pid, signal.SIGTERM)


def write_crystals(folder: Path, *pairs: str) -> None:
    """Write slightly polar perovskites, such as `Sr-Ti`, as CIF files."""
    from ase import Atoms
    from ase.io import write

    folder.mkdir(exist_ok=True)
    sites = [[0, 0, 0], [0.5, 0.5, 0.53], [0.5, 0.5, 0.97], [0.5, 0, 0.48], [0, 0.5, 0.48]]
    for pair in pairs:
        a, b = pair.split("-")
        atoms = Atoms(f"{a}{b}O3", scaled_positions=sites, cell=[4, 4, 4.05], pbc=True)
        write(folder / f"{pair}.cif", atoms)


def write_screen(path: Path, name: str, source: str) -> Path:
    """Write a small screen."""
    path.write_text(
        f'name = "{name}"\napplication = "synapse"\nsources = ["{source}"]\n'
        'mechanisms = ["ferroelectric"]\n[ranking]\nsamples = 200\n',
        encoding="utf-8",
    )
    return path


def prepare(store: Path) -> None:
    """Fill a store with the bundle, its descriptors and surrogates."""
    from matscreen import stages
    from matscreen.store import Store

    tables = Store(store)
    pulled = stages.load_bundle(tables)
    stages.describe(tables, "standard", pulled.ids)
    stages.explain_models(tables, stages.train(tables, "standard"))


def rows_written(store: Path, name: str, after: int) -> int:
    """Count the rows that commits after a version added to a table."""
    from deltalake import DeltaTable

    table = DeltaTable(str(store / name))
    total = 0
    for commit in table.history():
        if int(commit["version"]) > after:
            metrics = commit.get("operationMetrics", {})
            total += int(metrics.get("num_added_rows", metrics.get("num_target_rows_inserted", 0)))
    return total


def version(store: Path, name: str) -> int:
    """Return the version of a table, -1 when there is none."""
    from matscreen.store import Store

    return Store(store).version(name)


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
        [*command, "--results", str(drill.folder / "results0")],
        cwd=ROOT,
        env=environment,
        check=True,
        capture_output=True,
    )
    wanted = rows_written(undisturbed, "descriptors_standard", before)

    drill.every = 900  # one run, and no other that would go on in its place
    known = {run.id for run in drill.runs()} if _answers(drill) else set()
    drill.start(screen, store, results, partition=PARTITION, limit=1)

    def working() -> Any:
        return True if version(store, "descriptors_standard") >= before + 3 else None

    fresh = drill.wait(
        lambda: next((r for r in _fired(drill) if r.id not in known), None), "a firing", 300
    )
    drill.wait(working, "the middle of describing", 300, pause=0.02)
    killed = drill.kill()
    died = time.monotonic()
    at_death = rows_written(store, "descriptors_standard", before)
    drill.start(screen, store, results, partition=PARTITION, limit=1)

    def this() -> Any:
        return next(run for run in drill.runs() if run.id == fresh.id)

    def crashed() -> Any:
        from prefect.client.orchestration import get_client

        with get_client(sync_client=True) as client:
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


def _answers(drill: Drill) -> bool:
    from flows.server import healthy

    return healthy(drill.url)


def _fired(drill: Drill) -> list[Any]:
    from prefect.client.orchestration import get_client
    from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName

    runs = drill.runs()
    if runs:
        return runs
    # The schedule has its first firing far ahead: ask for one now.
    with get_client(sync_client=True) as client:
        found = client.read_deployments(
            deployment_filter=DeploymentFilter(name=DeploymentFilterName(any_=["nightly"])),
            limit=1,
            sort="NAME_ASC",
        )
        if found and drill.folder.joinpath("asked").exists() is False:
            client.create_flow_run_from_deployment(found[0].id)
            drill.folder.joinpath("asked").touch()
    return []


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
            (folder / "site").mkdir()
            (folder / "site" / "sitecustomize.py").write_text(LIGHT, encoding="utf-8")
            paths = [str(folder / "site"), str(ROOT), os.environ.get("PYTHONPATH", "")]
            os.environ["PYTHONPATH"] = os.pathsep.join(each for each in paths if each)
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
