"""What to simulate next: expected improvement per second, in batches that do not repeat."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np
import numpy.typing as npt
from scipy.special import ndtr

from matscreen.errors import InputError

FloatArray = npt.NDArray[np.float64]

BATCH_LENGTH = 0.5
"""Distance, in standardised features, within which candidates of a batch count as alike."""


def expected_improvement(
    mean: npt.ArrayLike, std: npt.ArrayLike, best: npt.ArrayLike
) -> FloatArray:
    """Return E[max(best - y, 0)] of a normal y, in the unit of y (to be minimised).

    (best - mean) Phi(z) + std phi(z) with z = (best - mean) / std (Jones, Schonlau and Welch
    1998); without uncertainty it is max(best - mean, 0).

    Args:
        mean: Predicted means, (n,).
        std: Standard deviations, (n,).
        best: Lowest value known, one for all or one for each.
    """
    mu, sigma = np.asarray(mean, dtype=np.float64), np.asarray(std, dtype=np.float64)
    gain = np.asarray(best, dtype=np.float64) - mu
    safe = np.where(sigma > 0, sigma, 1.0)
    z = gain / safe
    density = np.exp(-0.5 * z**2) / np.sqrt(2 * np.pi)
    value = gain * ndtr(z) + safe * density
    return np.asarray(np.where(sigma > 0, value, np.maximum(gain, 0.0)), dtype=np.float64)


def kth_best(values: npt.ArrayLike, k: int) -> float:
    """Return the k-th lowest value, or the highest when there are fewer.

    What a search for the best k has to beat: improving on the very best alone would pass over
    candidates that are sure to belong to the k.

    Raises:
        InputError: There is no value, or k is not positive.
    """
    known = np.sort(np.asarray(values, dtype=np.float64))
    if k < 1 or not len(known):
        raise InputError(f"the k-th best needs a value and k >= 1, got {len(known)} and k = {k}")
    return float(known[min(k, len(known)) - 1])


def per_second(
    improvement: npt.ArrayLike, feasible: npt.ArrayLike, seconds: npt.ArrayLike
) -> FloatArray:
    """Return improvement times the probability of being feasible, per second of simulation.

    Cost-aware expected improvement after Snoek, Larochelle and Adams (2012).

    Raises:
        InputError: A duration is not positive.
    """
    cost = np.asarray(seconds, dtype=np.float64)
    if (cost <= 0).any():
        raise InputError(f"expected seconds must be positive; the smallest is {cost.min():g}")
    return np.asarray(np.asarray(improvement) * np.asarray(feasible) / cost, dtype=np.float64)


def diverse_batch(
    scores: npt.ArrayLike,
    features: FloatArray,
    groups: Sequence[str],
    size: int,
    *,
    length: float = 1.0,
) -> list[int]:
    """Pick a batch greedily: the best score first, its neighbours penalised.

    After each pick the scores are multiplied by 1 - exp(-d^2 / 2 l^2), with d the distance in
    standardised features per square root of their number (local penalisation in the spirit of
    González, Dai, Hennig and Lawrence 2016), and the group of the pick is left out.

    Args:
        scores: Acquisition values, (n,); those that are not positive are never picked.
        features: Descriptors, (n, p).
        groups: Name of each candidate's group, such as its formula; one pick a group.
        size: Number of picks.
        length: Length l of the penalty; about the distance of unrelated materials.

    Returns:
        Indices, at most `size`, in the order of picking.
    """
    left = np.array(scores, dtype=np.float64)
    left[~np.isfinite(left)] = 0.0
    spread = features.std(axis=0)
    scaled = (features - features.mean(axis=0)) / np.where(spread > 0, spread, 1.0)
    scaled = np.nan_to_num(scaled) / np.sqrt(max(features.shape[1], 1))
    names = np.asarray(groups)
    picks: list[int] = []
    while len(picks) < size and left.max(initial=0.0) > 0:
        pick = int(left.argmax())
        picks.append(pick)
        distance2 = ((scaled - scaled[pick]) ** 2).sum(axis=1)
        left *= 1.0 - np.exp(-distance2 / (2 * length**2))
        left[names == names[pick]] = 0.0
    return picks


def overlap(before: Sequence[str], after: Sequence[str]) -> float:
    """Return the share of `after` that was in `before` already; 0 when `after` is empty."""
    now = set(after)
    return len(set(before) & now) / len(now) if now else 0.0


def settled(tops: Sequence[Sequence[str]], *, patience: int) -> bool:
    """Say whether the best few were the same set in each of the last `patience` rounds.

    Args:
        tops: Names of the best few after each round, oldest first.
        patience: Number of rounds without a change.
    """
    if len(tops) <= patience:
        return False
    last = [frozenset(top) for top in tops[-patience - 1 :]]
    return len(set(last)) == 1
