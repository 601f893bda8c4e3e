"""What every test shares: no network beyond this machine, reproducible draws, a few crystals."""

from __future__ import annotations

import ipaddress
import os
import shutil
import socket
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from hypothesis import settings

from matscreen.store import Store
from matscreen.structures import Crystal

# Set before numpy's libraries start their threads in a subprocess of a test.
os.environ.setdefault("OMP_NUM_THREADS", "1")

settings.register_profile("matscreen", deadline=None, derandomize=True)
settings.load_profile("matscreen")

_connect = socket.socket.connect


def _is_here(address: object) -> bool:
    if not isinstance(address, tuple):  # a Unix socket
        return True
    host = str(address[0])
    if host in {"localhost", ""}:
        return True
    try:
        return ipaddress.ip_address(host).is_loopback
    except ValueError:
        return False


@pytest.fixture(autouse=True)
def no_network(monkeypatch: pytest.MonkeyPatch) -> None:
    """Fail a test that would reach another machine."""

    def connect(self: socket.socket, address: object) -> object:
        if self.family in (socket.AF_INET, socket.AF_INET6) and not _is_here(address):
            pytest.fail(f"a test tried to reach {address}")
        return _connect(self, address)  # type: ignore[arg-type]

    monkeypatch.setattr(socket.socket, "connect", connect)


@pytest.fixture(scope="session")
def repo() -> Path:
    """Return the root of the checkout."""
    return Path(__file__).resolve().parent.parent


def _cubic(a: int, b: int, *, cell: float = 3.905) -> Crystal:
    return _polar(a, b, cell=cell, c_over_a=1.0, shift=0.0)


def _polar(
    a: int, b: int, *, cell: float = 3.99, c_over_a: float = 1.01, shift: float = 0.03
) -> Crystal:
    """Return a perovskite whose B and O sublattices are moved apart along c; 0 gives Pm-3m."""
    return Crystal(
        np.diag([cell, cell, cell * c_over_a]),
        np.array([a, b, 8, 8, 8]),
        np.array(
            [
                [0, 0, 0],
                [0.5, 0.5, 0.5 + shift],
                [0.5, 0.5, -shift],
                [0.5, 0, 0.5 - 0.7 * shift],
                [0, 0.5, 0.5 - 0.7 * shift],
            ]
        ),
    )


@pytest.fixture(scope="session")
def cubic_perovskite() -> Callable[..., Crystal]:
    """Make cubic ABO3 from atomic numbers: `cubic_perovskite(38, 22)` is SrTiO3."""
    return _cubic


@pytest.fixture(scope="session")
def polar_perovskite() -> Callable[..., Crystal]:
    """Make tetragonal polar ABO3 from atomic numbers: `polar_perovskite(56, 22)` is BaTiO3."""
    return _polar


@pytest.fixture(scope="session")
def srtio3() -> Crystal:
    """Return cubic SrTiO3, 5 atoms."""
    return _cubic(38, 22)


@pytest.fixture(scope="session")
def batio3() -> Crystal:
    """Return tetragonal polar BaTiO3, 5 atoms."""
    return _polar(56, 22)


@pytest.fixture(scope="session")
def shared_store(tmp_path_factory: pytest.TempPathFactory) -> Store:
    """Return a store with the bundle described and the surrogates trained and explained.

    It is made once; of processes that test side by side, each has a copy of its own.
    """
    from filelock import FileLock

    from matscreen import stages

    own = tmp_path_factory.getbasetemp()
    # With several processes the folder of each one is inside that of the run.
    base = own.parent if "PYTEST_XDIST_WORKER" in os.environ else own
    with FileLock(base / "trained.lock"):
        if not (base / "trained").exists():
            store = Store(base / "training")
            stages.load_bundle(store)
            stages.describe(store, "standard")
            stages.explain_models(store, stages.train(store, "standard"))
            (base / "training").rename(base / "trained")
    shutil.copytree(base / "trained", own / "shared" / "store")
    return Store(own / "shared" / "store")
