"""Fixtures shared by the tests of the sources."""

from __future__ import annotations

import json
import subprocess
import sys
import threading
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

STARTUP_SECONDS = 60.0


@pytest.fixture(scope="session")
def serve_optimade(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., str]]:
    """Start reference OPTIMADE servers; each call takes entries and returns a base URL."""
    servers: list[subprocess.Popen[str]] = []

    def start(
        entries: list[dict], *, page_limit_max: int = 500, fields: tuple[str, ...] = ()
    ) -> str:
        folder = tmp_path_factory.mktemp("optimade")
        described = {name: {"description": name, "type": "string"} for name in fields}
        lines = [
            {"x-optimade": {"meta": {"api_version": "1.1.0"}}},
            {"type": "info", "id": "structures", "properties": described},
            *entries,
        ]
        jsonl = folder / "structures.jsonl"
        jsonl.write_text("".join(json.dumps(line) + "\n" for line in lines))
        script = Path(__file__).with_name("optimade_server.py")
        command = [sys.executable, str(script), "--jsonl", str(jsonl)]
        command += ["--page-limit-max", str(page_limit_max)]
        with (folder / "stderr").open("w") as errors:
            server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
        servers.append(server)
        # A server that hangs is ended, which ends the loop below.
        timer = threading.Timer(STARTUP_SECONDS, server.kill)
        timer.start()
        try:
            for line in server.stdout:
                if line.startswith("READY "):
                    return line.split()[1]
        finally:
            timer.cancel()
        pytest.fail(f"the OPTIMADE server did not start: {(folder / 'stderr').read_text()[-2000:]}")

    yield start
    for server in servers:
        server.terminate()
    for server in servers:
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        server.stdout.close()
