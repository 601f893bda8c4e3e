"""A server of schedules to be ill-treated, and small stores, crystals and screens for it."""

from __future__ import annotations

import contextlib
import json
import os
import signal
import socket
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx

ROOT = Path(__file__).resolve().parents[2]
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

    def client(self) -> Any:
        """Return a client of this very server: settings of an earlier one stay in the process."""
        from prefect.client.orchestration import SyncPrefectClient

        return SyncPrefectClient(self.url)

    def runs(self) -> list[Any]:
        """Return the runs that began, the first one first."""
        from prefect.client.schemas.filters import FlowFilter, FlowFilterName, FlowRunFilter
        from prefect.client.schemas.filters import FlowRunFilterStartTime as Began
        from prefect.client.schemas.sorting import FlowRunSort

        with self.client() as client:
            return list(
                client.read_flow_runs(
                    flow_filter=FlowFilter(name=FlowFilterName(any_=["nightly"])),
                    flow_run_filter=FlowRunFilter(start_time=Began(is_null_=False)),
                    sort=FlowRunSort.START_TIME_ASC,
                    limit=100,
                )
            )

    def fired(self) -> list[Any]:
        """Return the runs that began; without any, ask once for one now."""
        from prefect.client.schemas.filters import DeploymentFilter, DeploymentFilterName

        runs = self.runs()
        if runs:
            return runs
        # The schedule has its first firing far ahead.
        with self.client() as client:
            found = client.read_deployments(
                deployment_filter=DeploymentFilter(name=DeploymentFilterName(any_=["nightly"])),
                limit=1,
                sort="NAME_ASC",
            )
            if found and not (self.folder / "asked").exists():
                client.create_flow_run_from_deployment(found[0].id)
                (self.folder / "asked").touch()
        return []

    def answers(self) -> bool:
        """Say whether the server is there."""
        from flows.server import healthy

        return healthy(self.url)

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


def lighten(folder: Path) -> None:
    """Let every process that starts from here on leave out bundle and surrogates."""
    folder.mkdir()
    (folder / "sitecustomize.py").write_text(LIGHT, encoding="utf-8")
    paths = [str(folder), str(ROOT), os.environ.get("PYTHONPATH", "")]
    os.environ["PYTHONPATH"] = os.pathsep.join(each for each in paths if each)
