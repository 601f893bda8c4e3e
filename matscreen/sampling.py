"""How the errors of properties are drawn: within physical bounds, the same for the same seed."""

from __future__ import annotations

import hashlib
import math
from typing import TYPE_CHECKING, Final

import numpy as np
import numpy.typing as npt

from matscreen.mechanisms.base import Z90, FloatArray

if TYPE_CHECKING:
    import pandas as pd

    from matscreen.properties import Property


_LN10: Final = math.log(10.0)


def sigma_of(entry: Property, table: pd.DataFrame) -> FloatArray:
    """Return one-sigma errors of rows of one property: decades on a log scale, else its unit.

    The 90 % interval counts where there is one; else std, taken in the property's unit. An interval
    that was cut at a physical bound says how wide it is on the other side only.
    """
    mean = table["mean"].to_numpy(dtype=float)
    std = np.nan_to_num(table["std"].to_numpy(dtype=float), nan=0.0)
    lower, upper = (table[name].to_numpy(dtype=float) for name in ("lower", "upper"))
    with np.errstate(invalid="ignore", divide="ignore"):
        if entry.scale == "log":
            low, middle, high = np.log10(lower), np.log10(mean), np.log10(upper)
            by_std = np.log10(1.0 + std / np.clip(mean, entry.lower, entry.upper))
        else:
            low, middle, high = lower, mean, upper
            by_std = std
        by_interval = (high - low) / (2.0 * Z90)
        cut_below, cut_above = _at(lower, entry.lower), _at(upper, entry.upper)
        for cut, half in (
            (cut_below & ~cut_above, high - middle),
            (cut_above & ~cut_below, middle - low),
        ):
            by_interval = np.where(cut, np.fmax(by_interval, half / Z90), by_interval)
    usable = np.isfinite(by_interval) & (by_interval >= 0.0)
    return np.asarray(np.where(usable, by_interval, np.nan_to_num(by_std, nan=0.0)))


def _at(values: FloatArray, bound: float) -> npt.NDArray[np.bool_]:
    return np.isclose(values, bound, rtol=1e-6, atol=1e-9)


def draw(entry: Property, mean: FloatArray, sigma: FloatArray, normals: FloatArray) -> FloatArray:
    """Turn standard normals into draws of a property within its physical bounds.

    Log-normal on a log scale, else normal; draws beyond a bound are reflected at it, or take its
    value where `entry.at_bounds` says so.

    Args:
        entry: Registry entry.
        mean: (n,), registry unit.
        sigma: (n,), see `sigma_of`.
        normals: (n, samples).

    Returns:
        (n, samples), registry unit.
    """
    if entry.scale == "log":
        center = np.log10(np.clip(mean, entry.lower, entry.upper))[:, None]
        low, high = np.log10(entry.lower), np.log10(entry.upper)
        decades = _reflected(center + sigma[:, None] * normals, low, high)
        return np.asarray(np.exp(_LN10 * decades))  # three times as fast as a power of ten
    values = mean[:, None] + sigma[:, None] * normals
    if entry.at_bounds == "clip":
        return np.asarray(np.clip(values, entry.lower, entry.upper))
    return _reflected(values, entry.lower, entry.upper)


def normals(count: int, samples: int, *key: object) -> FloatArray:
    """Return standard normals that depend on the key alone, (count, samples).

    Each structure has its own stream, so that neither the order of the rows nor what else is
    ranked changes its draws.
    """
    return np.asarray(_generator(*key).standard_normal((count, samples)))


def stratified_normals(samples: int, *key: object) -> FloatArray:
    """Return one standard normal from each of `samples` equally likely slices, shuffled."""
    from scipy.special import ndtri

    grid = ndtri((np.arange(samples) + 0.5) / samples)
    return np.asarray(_generator(*key).permutation(grid))


def _reflected(values: FloatArray, low: float, high: float) -> FloatArray:
    # `not >=` rather than `<`: one unknown value must not keep the others from being reflected.
    if not values.min() >= low:
        values = np.where(values < low, 2.0 * low - values, values)
    if not values.max() <= high:
        values = np.where(values > high, 2.0 * high - values, values)
    return np.asarray(np.clip(values, low, high, out=values))


def _generator(*key: object) -> np.random.Generator:
    digest = hashlib.sha256("|".join(str(part) for part in key).encode()).digest()
    return np.random.Generator(np.random.SFC64(np.frombuffer(digest[:16], dtype="<u4").tolist()))
