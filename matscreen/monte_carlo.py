"""Monte-Carlo draws of properties and model errors, and what they say of each material."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import partial
from typing import Final

import numpy as np

from matscreen.mechanisms.base import FACTS, FloatArray, Mechanism, get_entry, with_model_error
from matscreen.mechanisms.device import Device
from matscreen.sampling import draw, normals, stratified_normals

TOP: Final = 10
"""k of the column p_top_10."""
SPLITS: Final = ("stated", "independent", "shared")
"""Splits of the model error that are compared: as stated, all per material, all shared."""
PILOT: Final = 200
"""Draws for a material that fails a gate at its best values; if all fail, no more are drawn."""
_CHUNK: Final = 48
"""Materials at a time: their draws fit in the cache of a core."""


@dataclass(frozen=True, eq=False)
class Inputs:
    """One property of the materials of one ranking.

    Attributes:
        mean: Values in registry units, (n,).
        sigma: Their standard deviations, (n,), in decades on a logarithmic scale; None for a fact
            of the crystal.
    """

    mean: FloatArray
    sigma: FloatArray | None


@dataclass(frozen=True, eq=False)
class Draws:
    """What the Monte Carlo says of each material, (n,) each.

    Attributes:
        lower: 5 % quantile of the energy, J.
        upper: 95 % quantile, J.
        p_feasible: Share of draws that pass every gate.
        p_top: Share of draws among the best ten, by split of the model error.
        leaders: The best ten of each draw, by split; owners are rows.
    """

    lower: FloatArray
    upper: FloatArray
    p_feasible: FloatArray
    p_top: Mapping[str, FloatArray]
    leaders: Mapping[str, Leaders]


def uncertain_properties(mechanism: Mechanism) -> tuple[str, ...]:
    """Return what a mechanism takes with an error; the place of each is that of its draws.

    All that it asks for, known or not: else the draws of one property would depend on whether
    another is known of any candidate.
    """
    names = dict.fromkeys((*mechanism.requires, *mechanism.optional))
    return tuple(name for name in names if name not in FACTS)


def simulate(
    mechanism: Mechanism,
    inputs: Mapping[str, Inputs],
    stable: np.ndarray,
    likely: np.ndarray,
    ids: np.ndarray,
    device: Device,
    application: str,
    samples: int,
    seed: int,
) -> Draws:
    """Draw in chunks of materials; memory does not grow with their number.

    Args:
        mechanism: How they switch.
        inputs: Properties and facts by name.
        stable: Whether each material may be chosen at all, (n,).
        likely: Whether each passes every gate at its best values, (n,). The others get a pilot of
            `PILOT` draws first, and the full number only if one of these passes.
        ids: Structure ids, which seed the draws, (n,).
        device: The specification.
        application: The event.
        samples: Number of draws.
        seed: Seed of the draws.
    """
    n = len(ids)
    result = Draws(np.zeros(n), np.zeros(n), np.zeros(n), {}, {})
    # In a fixed order, so that equal energies fall the same way whatever order the rows come in.
    order = np.argsort(ids, kind="stable")
    draw_rows = partial(
        _draw_rows, mechanism, inputs, stable, ids, device, application, seed, result
    )
    doubtful = order[~likely[order]] if samples > PILOT else order[:0]
    draw_rows(doubtful, PILOT)
    hopeless = np.zeros(n, dtype=bool)
    hopeless[doubtful] = result.p_feasible[doubtful] == 0.0
    leaders = draw_rows(order[~hopeless[order]], samples)
    shares = {split: leaders[split].shares(n) for split in SPLITS}
    return Draws(result.lower, result.upper, result.p_feasible, shares, leaders)


def _draw_rows(
    mechanism: Mechanism,
    inputs: Mapping[str, Inputs],
    stable: np.ndarray,
    ids: np.ndarray,
    device: Device,
    application: str,
    seed: int,
    result: Draws,
    order: np.ndarray,
    samples: int,
) -> dict[str, Leaders]:
    """Draw some rows, write their quantiles and chances to `result`, and return the leaders."""
    error = mechanism.model_error
    lower, upper, p_feasible = result.lower, result.upper, result.p_feasible
    uncertain = uncertain_properties(mechanism)
    shared = error.shared * stratified_normals(samples, seed, mechanism.name, "shared")
    leaders = {split: Leaders(samples) for split in SPLITS}
    quantiles = [round(q * (samples - 1)) for q in (0.05, 0.95)]
    for start in range(0, len(order), _CHUNK):
        rows = order[start : start + _CHUNK]
        z = np.stack(
            [normals(len(uncertain) + 1, samples, seed, ids[row], mechanism.name) for row in rows]
        )
        values: dict[str, FloatArray] = {}
        for name, item in inputs.items():
            if item.sigma is None:
                values[name] = item.mean[rows][:, None]
            else:
                values[name] = draw(
                    get_entry(name),
                    item.mean[rows],
                    item.sigma[rows],
                    z[:, uncertain.index(name)],
                )
        energy = mechanism.energies(values, device, application)
        own = error.material * z[:, -1]
        passed = energy.feasible & stable[rows][:, None]
        p_feasible[rows] = passed.mean(axis=1)
        # The shared error moves all materials of a mechanism alike: it changes no rank in it.
        ranked = {
            "stated": with_model_error(energy.floor_J, energy.nominal_J, own),
            "independent": with_model_error(
                energy.floor_J, energy.nominal_J, error.total * z[:, -1]
            ),
            "shared": energy.nominal_J,
        }
        for split in SPLITS:
            leaders[split].add(np.where(passed, ranked[split], np.inf), rows)
        total = with_model_error(energy.floor_J, ranked["stated"], shared)
        lower[rows], upper[rows] = np.partition(total, quantiles, axis=1)[:, quantiles].T
    return leaders


class Leaders:
    """The ten best feasible materials of each draw, kept while chunks pass by.

    Attributes:
        energy: Energies of the best, in no order, infinite where there are fewer, (samples, 10).
        owner: The materials they belong to, -1 where there is none, (samples, 10).
    """

    def __init__(self, samples: int) -> None:
        self.energy = np.full((samples, TOP), np.inf)
        self.owner = np.full((samples, TOP), -1, dtype=np.int64)

    def add(self, energies: FloatArray, rows: np.ndarray) -> None:
        """Take the energies of some materials, (materials, samples), infinite where infeasible."""
        worst = self.energy.max(axis=1)
        useful = (energies < worst).any(axis=1)
        if not useful.any():
            return
        new = energies[useful].T
        self.merge(new, np.broadcast_to(rows[useful], new.shape))

    def merge(self, energy: FloatArray, owner: np.ndarray) -> None:
        """Take the energies of any materials in each draw, (samples, k), and their owners."""
        everything = np.concatenate([self.energy, energy], axis=1)
        owners = np.concatenate([self.owner, owner], axis=1)
        best = np.argpartition(everything, TOP - 1, axis=1)[:, :TOP]
        self.energy = np.take_along_axis(everything, best, axis=1)
        self.owner = np.take_along_axis(owners, best, axis=1)

    def shares(self, n: int) -> FloatArray:
        """Share of the draws in which each of n materials is among the best."""
        owners = self.owner[np.isfinite(self.energy)]
        return np.bincount(owners, minlength=n)[:n] / len(self.energy)
