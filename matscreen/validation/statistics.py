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
