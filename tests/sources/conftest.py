"""Fixtures shared by the tests of the sources."""

from __future__ import annotations

from collections.abc import Callable, Iterator
from contextlib import ExitStack

import pytest

from tests.sources.fake_materials_project import KEY, FakeMaterialsProject, serve
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
