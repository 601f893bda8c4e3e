"""Vacancy correction on new oxides: `python tests/benchmarks/holdout_vacancies.py TABLE MIRROR`.

TABLE is the vacancies.csv that `matscreen validate simulations --mirror MIRROR` leaves in its folder.
The correction is fitted to a part of its oxides and applied to the others, over random splits: it
says what to expect of a fixed fit on chemistry that it has not seen.
"""

from __future__ import annotations

import sys
from pathlib import Path

import numpy as np
import pandas as pd

from matscreen.simulations.corrections import GROUPS, fit_correction, group_shares
from matscreen.validation.readers import read_vacancies

SPLITS, FITTED = 50, 104


def main(table: Path, mirror: Path) -> None:
    rows = pd.read_csv(table)
    rows = rows[rows["raw"].notna()].reset_index(drop=True)
    _, crystals = read_vacancies(mirror)
    counts = np.array([crystals[name].counts for name in rows["material"]], dtype=object)
    raw, published = rows["raw"].to_numpy(float), rows["published"].to_numpy(float)
    shares = group_shares(list(counts))
    names = rows["material"].unique()
    found = []
    for seed in range(SPLITS):
        fitted = np.random.default_rng(seed).permutation(names)[:FITTED]
        inside = rows["material"].isin(fitted).to_numpy()
        correction, _ = fit_correction(
            raw[inside],
            published[inside],
            list(counts[inside]),
            rows["material"][inside].tolist(),
            calculator="",
        )
        error = correction.apply(raw[~inside], shares[~inside]) - published[~inside]
        part = {"all": np.ones(len(error), dtype=bool), "other": shares[~inside].sum(axis=1) == 0}
        part |= {name: shares[~inside][:, i] > 0 for i, name in enumerate(GROUPS)}
        found += [
            (name, error[mask].mean(), np.abs(error[mask]).mean())
            for name, mask in part.items()
            if mask.any()
        ]
    frame = pd.DataFrame(found, columns=["group", "bias", "mae"])
    summary = frame.groupby("group").agg(["mean", "std"])
    print(f"{FITTED} of {len(names)} oxides fitted, the others predicted, {SPLITS} splits (eV)")
    print(summary.round(3).to_string())


if __name__ == "__main__":
    if len(sys.argv) != 3:
        sys.exit(__doc__)
    main(Path(sys.argv[1]), Path(sys.argv[2]))
