"""Fixtures shared by the tests of the sources."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack
from pathlib import Path

import httpx
import pytest

from matscreen.sources.http import HostGates, Politeness
from matscreen.sources.optimade import OptimadeSource
from tests.sources.fake_materials_project import KEY, FakeMaterialsProject, serve
from tests.sources.optimade_transport import BASE
from tests.sources.servers import start_optimade


@pytest.fixture(scope="session")
def serve_optimade(
    tmp_path_factory: pytest.TempPathFactory,
) -> Iterator[Callable[..., str]]:
    """Start reference OPTIMADE servers; each call takes entries and returns a base URL."""
    with ExitStack() as servers:

        def start(entries: list[dict], **options: object) -> str:
            folder = tmp_path_factory.mktemp("optimade")
            return servers.enter_context(start_optimade(entries, folder, **options))

        yield start


@pytest.fixture
def fake_mp(monkeypatch: pytest.MonkeyPatch) -> Iterator[FakeMaterialsProject]:
    """Start a Materials Project in miniature, and point the client to it."""
    with serve() as server:
        monkeypatch.setenv("MP_API_ENDPOINT", server.url)
        monkeypatch.setenv("MP_API_KEY", KEY)
        yield server


@pytest.fixture
def no_mirror_and_own_cache(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Keep published sets of this machine out of the tests, and downloads in a folder of theirs."""
    monkeypatch.delenv("MATSCREEN_MIRROR", raising=False)
    monkeypatch.setenv("MATSCREEN_CACHE", str(tmp_path / "cache"))


@pytest.fixture
def waits() -> list[float]:
    """Return the list of the waits that a source asked for, s."""
    return []


@pytest.fixture
def source(waits: list[float]) -> Callable[..., OptimadeSource]:
    """Return a function that opens a database in a transport, without any real wait."""

    def make(database: Callable[[httpx.Request], httpx.Response], **options) -> OptimadeSource:
        async def sleep(seconds: float) -> None:
            waits.append(seconds)

        client = httpx.AsyncClient(transport=httpx.MockTransport(database))
        options.setdefault("page_limit", 2)
        gates = HostGates(Politeness(interval=0.0))
        return OptimadeSource(BASE, client=client, sleep=sleep, gates=gates, **options)

    return make
