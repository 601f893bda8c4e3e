"""Unlabelled neighbours of the labelled rows, for a teacher to label."""

from __future__ import annotations

from typing import Final

import numpy as np

from matscreen.descriptors.composition import Compositions
from matscreen.edge.lean import lean_tables
from matscreen.structures import FloatArray

_SWAP: Final = 0.6
_MIX: Final = 0.2
_N_NEIGHBOURS: Final = 8


def substituted(compositions: Compositions, count: int, *, seed: int) -> Compositions:
    """Exchange elements in given compounds by others that the compounds hold.

    Each element is exchanged with probability 0.6, cations by cations and formers of anions by
    formers of anions, as often as they occur. One compound in five has a site shared by two
    elements.

    Args:
        compositions: The compounds to start from.
        count: How many to make.
        seed: Seed of every choice.
    """
    rng = np.random.default_rng(seed)
    former = lean_tables().anion > 0.0
    present = compositions.numbers[compositions.present]
    pools = {True: present[former[present]], False: present[~former[present]]}
    made: list[dict[int, float]] = []
    for row in rng.integers(len(compositions), size=count):
        kept = compositions.present[row]
        numbers, amounts = compositions.numbers[row][kept], compositions.amounts[row][kept]
        new: dict[int, float] = {}
        shared = rng.integers(len(numbers)) if rng.random() < _MIX else -1
        for i, (z, amount) in enumerate(zip(numbers.tolist(), amounts.tolist(), strict=True)):
            pool = pools[bool(former[z])]
            other = int(pool[rng.integers(len(pool))])
            if i == shared:
                part = amount * rng.uniform(0.1, 0.9)
                new[z] = new.get(z, 0.0) + amount - part
                new[other] = new.get(other, 0.0) + part
                continue
            chosen = other if rng.random() < _SWAP else z
            new[chosen] = new.get(chosen, 0.0) + amount
        made.append(new)
    return Compositions.from_amounts(made)


def between(X: FloatArray, count: int, *, seed: int) -> FloatArray:
    """Make rows of features between a given row and one of its eight nearest others.

    A feature that either row lacks is that of the first.

    Args:
        X: Rows of features, (n, k).
        count: How many to make.
        seed: Seed of every choice.
    """
    from sklearn.neighbors import NearestNeighbors

    rng = np.random.default_rng(seed)
    known = np.isfinite(X)
    columns = np.flatnonzero(known.any(axis=0))
    part = X[:, columns]
    mean, deviation = np.nanmean(part, axis=0), np.nanstd(part, axis=0)
    scaled = np.nan_to_num((part - mean) / np.where(deviation > 0.0, deviation, 1.0))
    index = NearestNeighbors(n_neighbors=min(_N_NEIGHBOURS + 1, len(X))).fit(scaled)
    near = index.kneighbors(scaled, return_distance=False)
    first = rng.integers(len(X), size=count)
    second = near[first, rng.integers(near.shape[1], size=count)]
    share = rng.random((count, 1))
    mixed = X[first] + share * (X[second] - X[first])
    return np.where(np.isfinite(mixed), mixed, X[first])
