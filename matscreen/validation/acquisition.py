"""Replay of active learning on data that are all known: how much simulation does it save?"""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import numpy.typing as npt
import pandas as pd
from scipy.special import ndtr

from matscreen.data import data_path
from matscreen.descriptors import Features, featurize_formulas, get_descriptor_set
from matscreen.errors import InputError
from matscreen.evidence import without_superseded
from matscreen.simulations.bundle_reading import read_table
from matscreen.structures import CrystalBatch
from matscreen.surrogates.acquisition import (
    BATCH_LENGTH,
    diverse_batch,
    expected_improvement,
    kth_best,
)
from matscreen.validation.readers import mirror_file, read_vacancies

INITIAL, BATCH, BEST, TREES = 10, 5, 0.05, 100
SCORED = 1e-12
"""Lowest score: a material that promises nothing may still be taken when nothing else is left."""
NOISE = 15.0
"""A well under this, meV per formula unit, is no switch."""
MIRROR_FILE = "wolverton_oxides.csv"
_KNOWN_ENERGIES = ("formation_energy_per_atom", "energy_above_hull", "energy_above_polymorphs")
"""Labels that every relaxed oxide of the bundle has before anything dear is simulated."""


@dataclass(frozen=True, eq=False)
class Replay:
    """A pool of materials with a known quantity to minimise.

    Attributes:
        name: What is minimised, and where the values come from.
        features: What is known of each material beforehand, (n, p).
        target: Values, (n,).
        lowest: What the value must exceed for the material to be of use, (n,).
        formulas: Formula of each material; empty where nobody asks for it.
    """

    name: str
    features: npt.NDArray[np.float64]
    target: npt.NDArray[np.float64]
    lowest: npt.NDArray[np.float64]
    formulas: tuple[str, ...] = ()

    @property
    def feasible(self) -> npt.NDArray[np.bool_]:
        """Whether a material can be among the best, (n,)."""
        return self.target > self.lowest

    @property
    def wanted(self) -> npt.NDArray[np.int64]:
        """Rows of the best: the lowest feasible values, as many as 5 % of the pool."""
        rows = np.flatnonzero(self.feasible)
        order = rows[np.argsort(self.target[rows], kind="stable")]
        return order[: max(1, round(BEST * len(self.target)))].astype(np.int64)


def bundle_wells(bundle: Path | None = None) -> Replay:
    """Return the polar wells of the bundle: the switching energy per volume, log10.

    The coherent energy of a ferroelectric event is the depth of its well times the volume that
    switches, so at one device the lowest feasible depth is the least energy. One row a compound,
    because its phases share one simulation of the family.

    Raises:
        InputError: The folder holds no bundle.
    """
    batch, value, features = _bundle_pool(bundle, "well_depth")
    units = np.array([np.gcd.reduce(list(crystal.counts.values())) for crystal in batch])
    volume = np.array([crystal.volume for crystal in batch]) / units
    return Replay(
        "well depth, polar oxides of the bundle",
        features,
        np.log10(np.maximum(value, 1e-6)),
        np.log10(NOISE / volume),
        tuple(crystal.formula for crystal in batch),
    )


def bundle_vacancies(bundle: Path | None = None) -> Replay:
    """Return the vacancy energies of the bundle: the lowest positive ones are sought.

    Raises:
        InputError: The folder holds no bundle.
    """
    batch, value, features = _bundle_pool(bundle, "oxygen_vacancy_formation_energy")
    return Replay(
        "vacancy energy, oxides of the bundle",
        features,
        value,
        np.zeros(len(value)),
        tuple(crystal.formula for crystal in batch),
    )


def _bundle_pool(
    bundle: Path | None, wanted: str
) -> tuple[CrystalBatch, npt.NDArray[np.float64], npt.NDArray[np.float64]]:
    """Labelled crystals, values and what is known beforehand: each compound's lowest such phase."""
    folder = bundle or data_path("bundle")
    candidates, labels = read_table(folder, "candidates"), read_table(folder, "labels")
    if candidates is None or labels is None:
        raise InputError(f"{folder} holds no bundle")
    rows = without_superseded(labels.to_pandas())
    values = rows.pivot_table("value", "structure_id", "property", aggfunc="min")
    values = values.reindex(columns=[wanted, *_KNOWN_ENERGIES])
    owners = candidates.to_pandas()[["structure_id", "formula"]].join(values, on="structure_id")
    owners = owners[owners[wanted].notna()].fillna(0.0)
    phases = owners.sort_values("energy_above_polymorphs", kind="stable")
    owners = phases.drop_duplicates("formula").sort_index()
    batch = CrystalBatch.from_arrow(candidates.take(owners.index.to_numpy()))
    oxygen = np.array([crystal.counts["O"] / sum(crystal.counts.values()) for crystal in batch])
    energies = owners[list(_KNOWN_ENERGIES)].to_numpy(float)
    per_oxygen = owners["formation_energy_per_atom"].to_numpy(float) / oxygen
    described = _finite(get_descriptor_set("standard").featurize(batch))
    features = np.column_stack([described, energies, per_oxygen])
    return batch, owners[wanted].to_numpy(float), features


def _finite(described: Features) -> npt.NDArray[np.float64]:
    values = described.values  # noqa: PD011  a field of a dataclass, no frame
    return np.nan_to_num(np.asarray(values, dtype=np.float64))


def published_vacancies(mirror: Path) -> Replay:
    """Return the lowest published vacancy energy of each oxide (Kumagai et al. 2021).

    Raises:
        InputError: The mirror lacks the data set.
    """
    table, crystals = read_vacancies(mirror, max_atoms=10_000)
    value = table.groupby("material")["published"].min()
    batch = CrystalBatch.from_crystals([crystals[name] for name in value.index])
    return Replay(
        "published vacancy energy, semiconducting oxides",
        _finite(get_descriptor_set("standard").featurize(batch)),
        value.to_numpy(float),
        np.zeros(len(value)),
    )


def published_perovskites(mirror: Path) -> Replay:
    """Return published vacancy energies of ABO3 oxides: the lowest positive ones are sought.

    Moving oxygen in and out of an oxide costs at least its vacancy energy, and an oxide with a
    negative one does not keep its oxygen. Rows with e_hull of 0.1 eV/atom or more are left out.
    Only compositions are known.

    Raises:
        InputError: The mirror lacks ``wolverton_oxides.csv`` (Emery and Wolverton 2017).
    """
    table = pd.read_csv(mirror_file(mirror, MIRROR_FILE))
    stable = (table["e_hull_eV_per_atom"] < 0.1) & (table["e_vac_O_eV_per_O"] > -10)
    table = table[stable].drop_duplicates("formula")
    value = table["e_vac_O_eV_per_O"].to_numpy(float)
    described = featurize_formulas(table["formula"].tolist())
    return Replay(
        "published vacancy energy, ABO3 by composition",
        _finite(described),
        value,
        np.zeros(len(value)),
    )


def simulations_needed(replay: Replay, *, seed: int, strategy: str) -> int:
    """Count the simulations until half of the best 5 % are found.

    Args:
        replay: The pool.
        seed: Seed of the first ten and of the trees.
        strategy: ``expected_improvement`` or ``random``.
    """
    found = found_so_far(replay, simulation_order(replay, seed=seed, strategy=strategy))
    return int(np.searchsorted(found, half_of_the_best(replay))) + 1


def half_of_the_best(replay: Replay) -> int:
    """Return how many of the best 5 % are half of them, rounded up."""
    return (len(replay.wanted) + 1) // 2


def found_so_far(replay: Replay, order: list[int]) -> npt.NDArray[np.int64]:
    """Count the best 5 % that are found after each simulation of an order."""
    return np.cumsum(np.isin(order, replay.wanted)).astype(np.int64)


def simulation_order(replay: Replay, *, seed: int, strategy: str) -> list[int]:
    """Choose what to simulate, one material after the other, until half of the best are found.

    Ten random materials to begin with, then five unlike ones a round, those that promise most, by
    the rule of `matscreen.active` at equal cost. With k materials sought, that is the expected
    improvement on the k-th best found, times the probability of being feasible, under an ensemble
    of extremely randomised trees (Geurts, Ernst and Wehenkel 2006), whose spread is the
    uncertainty. ``random`` takes all of them as they come.

    Args:
        replay: The pool.
        seed: Seed of the first ten and of the trees.
        strategy: ``expected_improvement`` or ``random``.

    Returns:
        Rows of the pool in the order of their simulation.
    """
    from sklearn.ensemble import ExtraTreesRegressor

    n, sought = len(replay.target), half_of_the_best(replay)
    order: list[int] = np.random.default_rng(seed).permutation(n).tolist()
    if strategy == "random":
        return order
    known = order[:INITIAL]
    while found_so_far(replay, known)[-1] < sought:
        rest = np.setdiff1d(np.arange(n), known)
        forest = ExtraTreesRegressor(
            TREES, min_samples_leaf=2, max_features=0.33, random_state=seed
        ).fit(replay.features[known], replay.target[known])
        each = np.array([tree.predict(replay.features[rest]) for tree in forest.estimators_])
        mean, std = each.mean(axis=0), np.maximum(each.std(axis=0), 1e-3)
        usable = replay.target[known][replay.feasible[known]]
        beaten = kth_best(usable, sought) if len(usable) else replay.target[known].max()
        feasible = ndtr((mean - replay.lowest[rest]) / std)
        score = np.maximum(expected_improvement(mean, std, beaten) * feasible, SCORED)
        picks = diverse_batch(
            score, replay.features[rest], [str(index) for index in rest], BATCH, length=BATCH_LENGTH
        )
        known = [*known, *rest[picks].tolist()]
    return known


def replay_table(
    replays: list[Replay],
    *,
    seeds: int = 10,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> pd.DataFrame:
    """Return simulations needed by each strategy and seed.

    Args:
        replays: The pools.
        seeds: Number of repetitions of each.
        progress: Called with replays done and their number.

    Returns:
        Columns pool, n, strategy, seed, simulations.
    """
    runs = [
        (replay, strategy, seed)
        for replay in replays
        for strategy in ("random", "expected_improvement")
        for seed in range(seeds)
    ]
    rows: list[dict[str, Any]] = []
    for done, (replay, strategy, seed) in enumerate(runs, start=1):
        needed = simulations_needed(replay, seed=seed, strategy=strategy)
        rows.append(
            {
                "pool": replay.name,
                "n": len(replay.target),
                "strategy": strategy,
                "seed": seed,
                "simulations": needed,
            }
        )
        progress(done, len(runs))
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
