"""Synthetic labels: heteroscedastic, grouped, and cheap to train on."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np
import pytest

from matscreen.surrogates import Surrogate, train

PROPERTY = "oxygen_vacancy_formation_energy"
LABELS = tuple(f"f{i}" for i in range(8))


@dataclass(frozen=True)
class Data:
    X: np.ndarray
    y: np.ndarray
    groups: list[str]
    sigma: np.ndarray


def make_data(n: int, seed: int, *, prefix: str = "g") -> Data:
    """Two rows a group; the noise grows tenfold along the first feature."""
    rng = np.random.default_rng(seed)
    X = rng.uniform(-1.0, 1.0, size=(n, len(LABELS)))
    sigma = 0.1 * 10.0 ** ((X[:, 0] + 1.0) / 2.0)
    y = 4.0 + 2.0 * X[:, 1] - X[:, 2] ** 2 + sigma * rng.normal(size=n)
    return Data(X, y, [f"{prefix}{i // 2}" for i in range(n)], sigma)


@pytest.fixture(scope="session")
def data() -> Data:
    return make_data(400, seed=1)


@pytest.fixture(scope="session")
def surrogate(data: Data) -> Surrogate:
    return train(
        data.X,
        data.y,
        groups=data.groups,
        property=PROPERTY,
        labels=LABELS,
        ids=[f"s{i}" for i in range(len(data.y))],
        descriptor_set="standard",
        descriptor_version="3",
    )


@pytest.fixture(scope="session")
def small() -> Surrogate:
    rows = make_data(60, seed=2)
    return train(
        rows.X,
        rows.y,
        groups=rows.groups,
        property=PROPERTY,
        labels=LABELS,
        descriptor_set="standard",
        descriptor_version="3",
    )
