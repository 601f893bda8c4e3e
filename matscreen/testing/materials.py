"""Materials as numbers, drawn within the bounds of the registry, to put to a mechanism."""

from __future__ import annotations

from collections.abc import Iterable

import numpy as np

from matscreen.mechanisms import Mechanism
from matscreen.mechanisms.base import FACTS, FloatArray, get_entry

_SMALLEST = 1e-3


def draw_materials(
    mechanism: Mechanism,
    count: int,
    *,
    seed: int = 0,
    names: Iterable[str] | None = None,
) -> dict[str, FloatArray]:
    """Draw every property that a mechanism uses, over the whole range that the registry allows.

    Values are even in the logarithm where the property spans decades, else even; facts that are
    yes or no are 0 or 1. Most draws are no real material, and an energy must come out even so.

    Args:
        mechanism: Whose properties are drawn.
        count: Number of materials.
        seed: Seed of the draw.
        names: Properties to draw; all that the mechanism requires and may use by default.

    Returns:
        Arrays of shape (count,) by property, in the units of the registry.

    Raises:
        InputError: A name is in no registry.

    Examples:
        >>> from matscreen.mechanisms import get_mechanism
        >>> drawn = draw_materials(get_mechanism("josephson"), 4)
        >>> sorted(drawn), drawn["critical_temperature"].shape
        (['critical_temperature', 'superconductivity_score'], (4,))
    """
    rng = np.random.default_rng(seed)
    wanted = (*mechanism.requires, *mechanism.optional) if names is None else tuple(names)
    drawn = {}
    for name in wanted:
        entry = get_entry(name)
        low, high = entry.lower, entry.upper
        if entry.scale == "log":
            low = max(low, _SMALLEST)
            values = np.exp(rng.uniform(np.log(low), np.log(high), count))
        else:
            values = rng.uniform(low, high, count)
        if name in FACTS and (low, high) == (0.0, 1.0):
            values = np.round(values)
        drawn[name] = np.clip(values, low, high)
    return drawn
