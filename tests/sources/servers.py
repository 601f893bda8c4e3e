"""Start reference OPTIMADE servers in processes of their own, for tests and benchmarks."""

from __future__ import annotations

import subprocess
import sys
import threading
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path

from tests.sources.optimade_data import write_jsonl

STARTUP_SECONDS = 60.0


@contextmanager
def start_optimade(
    entries: Iterable[dict],
    folder: Path,
    *,
    page_limit_max: int = 500,
    fields: tuple[str, ...] = (),
    port: int = 0,
    dates_as_text: bool = False,
) -> Iterator[str]:
    """Serve entries from memory until the context ends; yields the base URL.

    Raises:
        RuntimeError: The server did not start; its own words are in the message.
    """
    jsonl = write_jsonl(entries, folder / "structures.jsonl", fields=fields)
    script = Path(__file__).with_name("optimade_server.py")
    command = [sys.executable, str(script), "--jsonl", str(jsonl), "--port", str(port)]
    command += ["--page-limit-max", str(page_limit_max)]
    command += ["--dates-as-text"] if dates_as_text else []
    with (folder / "stderr").open("w") as errors:
        server = subprocess.Popen(command, stdout=subprocess.PIPE, stderr=errors, text=True)
    try:
        yield _address(server, folder)
    finally:
        server.terminate()
        try:
            server.wait(10)
        except subprocess.TimeoutExpired:
            server.kill()
            server.wait()
        server.stdout.close()


def _address(server: subprocess.Popen[str], folder: Path) -> str:
    # A server that hangs is ended, which ends the loop below.
    timer = threading.Timer(STARTUP_SECONDS, server.kill)
    timer.start()
    try:
        for line in server.stdout:
            if line.startswith("READY "):
                return line.split()[1]
    finally:
        timer.cancel()
    words = (folder / "stderr").read_text()[-2000:]
    raise RuntimeError(f"the OPTIMADE server did not start: {words}")
