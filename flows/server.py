"""Find a Prefect server, or start one on this machine."""

from __future__ import annotations

import os
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Final
from urllib.parse import urlsplit

import flows  # sets Prefect up, so it comes before prefect
from matscreen.errors import MatscreenError

__all__ = ["ServerError", "api_url", "flows", "healthy", "named_server", "running_server"]

_PORT: Final = 4200
_START_SECONDS: Final = 180.0
_STOP_SECONDS: Final = 20.0


class ServerError(MatscreenError):
    """The Prefect server cannot be reached or started."""


def api_url() -> str:
    """Return the address that Prefect is set to, else that of a server on this machine."""
    from prefect.settings import PREFECT_API_URL

    return str(PREFECT_API_URL.value() or f"http://127.0.0.1:{_PORT}/api")


def healthy(url: str, *, timeout: float = 3.0) -> bool:
    """Say whether a Prefect server answers there."""
    import httpx

    try:
        answer = httpx.get(f"{url.rstrip('/')}/health", timeout=timeout)
    except (httpx.HTTPError, httpx.InvalidURL):
        return False
    return answer.is_success and answer.text.strip() == "true"


def named_server() -> str | None:
    """Return the address of the server that Prefect is set to; None where a run brings its own.

    Raises:
        ServerError: Nobody is there.
    """
    import httpx
    from prefect.settings import PREFECT_API_URL

    url = PREFECT_API_URL.value()
    if not url:
        return None
    try:
        # Whatever is answered: Prefect Cloud has no such page.
        httpx.get(f"{str(url).rstrip('/')}/health", timeout=10.0)
    except (httpx.TransportError, httpx.InvalidURL) as error:
        raise ServerError(
            f"no Prefect server answers at {url} ({type(error).__name__}); start it there, or "
            "unset PREFECT_API_URL: the run then brings its own"
        ) from error
    return str(url)


@contextmanager
def running_server(url: str) -> Iterator[bool]:
    """Have a server at an address while inside; yield True where it was started for this.

    One that answers already is taken and left alone.

    Raises:
        ServerError: None answers, and none can be started there.
    """
    if healthy(url):
        yield False
        return
    parts = urlsplit(url)
    if parts.hostname not in {"127.0.0.1", "localhost"} or parts.scheme != "http":
        raise ServerError(
            f"no Prefect server answers at {url}; start it there, or unset PREFECT_API_URL to have "
            "one on this machine"
        )
    _check_libraries()
    process, log = _start(parts.hostname, parts.port or _PORT)
    try:
        _wait(process, url, log)
        yield True
    finally:
        process.terminate()
        try:
            process.wait(_STOP_SECONDS)
        except subprocess.TimeoutExpired:
            process.kill()
            process.wait()


def _check_libraries() -> None:
    """Refuse what would let schedules pass in silence: Prefect's scheduler fails on SQLAlchemy 2.1.

    It builds runs by a bulk statement that SQLAlchemy 2.1 does not take ("Can't evaluate bulk DML
    statement"), so no scheduled run would ever be made.
    """
    from importlib.metadata import version

    found = version("sqlalchemy")
    if tuple(int(part) for part in found.split(".")[:2]) >= (2, 1):
        raise ServerError(
            f"the schedules of Prefect do not work with SQLAlchemy {found}; install an earlier "
            "one: pip install 'sqlalchemy<2.1'"
        )


def _start(host: str, port: int) -> tuple[subprocess.Popen[bytes], Path]:
    home = Path(os.environ["PREFECT_HOME"])
    home.mkdir(parents=True, exist_ok=True)
    log = home / "server.log"
    command = [sys.executable, "-m", "prefect", "server", "start"]
    command += ["--host", host, "--port", str(port)]
    # A session of its own: Ctrl-C reaches the runs first, and they still need the server.
    with log.open("ab") as sink:
        process = subprocess.Popen(  # noqa: S603 - our own command
            command, stdout=sink, stderr=subprocess.STDOUT, start_new_session=True
        )
    return process, log


def _wait(process: subprocess.Popen[bytes], url: str, log: Path) -> None:
    end = time.monotonic() + _START_SECONDS
    while time.monotonic() < end:
        if healthy(url, timeout=1.0):
            return
        if process.poll() is not None:
            break
        time.sleep(0.25)
    lines = log.read_text(encoding="utf-8", errors="replace").strip().splitlines()
    last = lines[-1] if lines else "it said nothing"
    raise ServerError(f"the Prefect server at {url} did not start: {last} (all of it: {log})")
