"""Replay of active learning on data that are all known: how much simulation does it save?"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

import numpy as np
import numpy.typing as npt
import pandas as pd

from matscreen.data import data_path
from matscreen.descriptors import Features, featurize_formulas, get_descriptor_set
from matscreen.errors import InputError
from matscreen.simulations.bundle_reading import read_table
from matscreen.structures import CrystalBatch
from matscreen.surrogates.acquisition import expected_improvement
from matscreen.validation.readers import mirror_file

INITIAL, BATCH, BEST, TREES = 10, 5, 0.05, 200
NOISE = 15.0
"""A well under this, meV per formula unit, is no switch."""
MIRROR_FILE = "wolverton_oxides.csv"


@dataclass(frozen=True, eq=False)
class Replay:
    """A pool of materials with a known quantity to minimise.

    Attributes:
        name: What is minimised, and where the values come from.
        features: Descriptors, (n, p).
        target: Values, (n,); those of infeasible materials are the highest feasible one.
        feasible: Whether a material counts among the best, (n,).
    """

    name: str
    features: npt.NDArray[np.float64]
    target: npt.NDArray[np.float64]
    feasible: npt.NDArray[np.bool_]


def bundle_wells(bundle: Path | None = None) -> Replay:
    """Return the polar wells of the bundle: the switching energy per volume, log10.

    The coherent energy of a ferroelectric event is the depth of its well times the volume that
    switches, so at one device the lowest feasible depth is the least energy. One row a compound,
    its lowest phase with a well, because its phases share one simulation of the family.
    """
    folder = bundle or data_path("bundle")
    candidates, labels = read_table(folder, "candidates"), read_table(folder, "labels")
    if candidates is None or labels is None:
        raise InputError(f"{folder} holds no bundle")
    rows = labels.to_pandas()
    rows = rows[(rows["property"] == "well_depth")].sort_values("version")
    depth = rows.drop_duplicates("structure_id", keep="last").set_index("structure_id")["value"]
    owners = candidates.to_pandas()[["structure_id", "formula"]]
    owners = owners[owners["structure_id"].isin(depth.index)].drop_duplicates("formula")
    keep = owners.index.to_numpy()
    batch = CrystalBatch.from_arrow(candidates.take(keep))
    units = np.array([np.gcd.reduce(list(crystal.counts.values())) for crystal in batch])
    volume = np.array([crystal.volume for crystal in batch]) / units
    value = depth.loc[list(batch.ids)].to_numpy(float)
    described = get_descriptor_set("standard").featurize(batch)
    feasible = value * volume >= NOISE
    logs = np.log10(np.maximum(value, 1e-6))
    return Replay(
        "well depth of the bundle's polar oxides",
        _finite(described),
        np.where(feasible, logs, logs.max()),
        feasible,
    )


def _finite(described: Features) -> npt.NDArray[np.float64]:
    values = described.values  # noqa: PD011  a field of a dataclass, no frame
    return np.nan_to_num(np.asarray(values, dtype=np.float64))


def published_vacancies(mirror: Path) -> Replay:
    """Return published vacancy energies of ABO3 oxides: the lowest positive ones are sought.

    Moving oxygen in and out of an oxide costs at least its vacancy energy, and an oxide with a
    negative one does not keep its oxygen. Rows with e_hull of 0.1 eV/atom or more are left out.

    Raises:
        InputError: The mirror lacks ``wolverton_oxides.csv`` (Emery and Wolverton 2017).
    """
    table = pd.read_csv(mirror_file(mirror, MIRROR_FILE))
    stable = (table["e_hull_eV_per_atom"] < 0.1) & (table["e_vac_O_eV_per_O"] > -10)
    table = table[stable].drop_duplicates("formula")
    value = table["e_vac_O_eV_per_O"].to_numpy(float)
    feasible = value > 0
    described = featurize_formulas(table["formula"].tolist())
    return Replay(
        "published vacancy energy of ABO3 oxides",
        _finite(described),
        np.where(feasible, value, value.max()),
        feasible,
    )


def simulations_needed(replay: Replay, *, seed: int, strategy: str) -> int:
    """Count the simulations until half of the best 5 % are found.

    Ten random materials to begin with, then five a round: those of highest expected improvement
    under an ensemble of 200 extremely randomised trees (Geurts, Ernst and Wehenkel 2006), whose
    spread is the uncertainty. ``random`` takes them as they come.

    Args:
        replay: The pool.
        seed: Seed of the first ten and of the trees.
        strategy: ``expected_improvement`` or ``random``.
    """
    from sklearn.ensemble import ExtraTreesRegressor

    n = len(replay.target)
    best = max(1, round(BEST * n))
    value = np.where(replay.feasible, replay.target, np.inf)
    wanted = set(np.argsort(value, kind="stable")[:best].tolist())
    order = np.random.default_rng(seed).permutation(n).tolist()
    known = order if strategy == "random" else order[:INITIAL]
    while True:
        found = np.cumsum([index in wanted for index in known])
        if found[-1] >= (best + 1) // 2:
            return int(np.searchsorted(found, (best + 1) // 2)) + 1
        rest = np.setdiff1d(np.arange(n), known)
        forest = ExtraTreesRegressor(
            TREES, min_samples_leaf=2, max_features=0.33, random_state=seed
        ).fit(replay.features[known], replay.target[known])
        each = np.array([tree.predict(replay.features[rest]) for tree in forest.estimators_])
        score = expected_improvement(
            each.mean(axis=0), np.maximum(each.std(axis=0), 1e-3), replay.target[known].min()
        )
        known = [*known, *rest[np.argsort(-score, kind="stable")[:BATCH]].tolist()]


def replay_table(replays: list[Replay], *, seeds: int = 10) -> pd.DataFrame:
    """Return simulations needed by each strategy and seed: columns pool, n, strategy, seed."""
    rows = [
        {
            "pool": replay.name,
            "n": len(replay.target),
            "strategy": strategy,
            "seed": seed,
            "simulations": simulations_needed(replay, seed=seed, strategy=strategy),
        }
        for replay in replays
        for strategy in ("random", "expected_improvement")
        for seed in range(seeds)
    ]
    return pd.DataFrame(rows)


def summary(table: pd.DataFrame) -> pd.DataFrame:
    """Return mean and spread over seeds, and the ratio of the means to random choice."""
    grouped = table.groupby(["pool", "n", "strategy"])["simulations"].agg(["mean", "std"])
    wide = grouped.unstack("strategy")
    frame = pd.DataFrame(
        {
            "random": wide[("mean", "random")],
            "random_std": wide[("std", "random")],
            "acquisition": wide[("mean", "expected_improvement")],
            "acquisition_std": wide[("std", "expected_improvement")],
        }
    )
    return frame.assign(ratio=frame["acquisition"] / frame["random"]).reset_index()
