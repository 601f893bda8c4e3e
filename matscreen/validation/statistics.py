"""How well computed values agree with reference values."""

from __future__ import annotations

from collections.abc import Mapping

import numpy as np
import pandas as pd

from matscreen.structures import FloatArray


def agreement(computed: FloatArray, reference: FloatArray) -> dict[str, float]:
    """Return n, Spearman, MAE and bias (computed minus reference) of paired values.

    Spearman is NaN where fewer than three pairs or no variation make it meaningless.
    """
    from scipy.stats import spearmanr

    n = len(computed)
    error = np.asarray(computed, dtype=float) - np.asarray(reference, dtype=float)
    varied = n > 2 and np.ptp(computed) > 0 and np.ptp(reference) > 0
    return {
        "n": n,
        "spearman": float(spearmanr(computed, reference)[0]) if varied else float("nan"),
        "mae": float(np.abs(error).mean()) if n else float("nan"),
        "bias": float(error.mean()) if n else float("nan"),
    }


def agreement_table(
    frame: pd.DataFrame, computed: str, reference: str, groups: Mapping[str, pd.Series]
) -> pd.DataFrame:
    """Return `agreement` for all rows and for each named subset.

    Args:
        frame: One row a pair.
        computed: Column of computed values.
        reference: Column of reference values.
        groups: Boolean masks by name.
    """
    rows = []
    for name, mask in {"all": pd.Series(data=True, index=frame.index), **groups}.items():
        part = frame[mask]
        rows.append(
            {
                "group": name,
                **agreement(part[computed].to_numpy(float), part[reference].to_numpy(float)),
            }
        )
    return pd.DataFrame(rows)


def bootstrap(
    frame: pd.DataFrame,
    computed: str,
    reference: str,
    by: str,
    *,
    draws: int = 1000,
    seed: int = 0,
) -> dict[str, tuple[float, float]]:
    """Return the 90 % intervals of Spearman, MAE and bias under another choice of materials.

    Args:
        frame: One row a pair.
        computed: Column of computed values.
        reference: Column of reference values.
        by: Column of the material; all pairs of one are drawn together.
        draws: Resampled sets.
        seed: Seed of the resampling.
    """
    parts = [part[[computed, reference]].to_numpy(float) for _, part in frame.groupby(by)]
    rng = np.random.default_rng(seed)
    found = []
    for _ in range(draws):
        drawn = np.concatenate([parts[k] for k in rng.integers(len(parts), size=len(parts))])
        scores = agreement(drawn[:, 0], drawn[:, 1])
        found.append([scores["spearman"], scores["mae"], scores["bias"]])
    low, high = np.nanpercentile(np.array(found), [5, 95], axis=0)
    names = ("spearman", "mae", "bias")
    return {name: (float(a), float(b)) for name, a, b in zip(names, low, high, strict=True)}
