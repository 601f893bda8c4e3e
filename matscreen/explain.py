"""Why a candidate stands where it does: properties, physics, energies, and what is uncertain."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Final

import numpy as np

from matscreen.errors import InputError
from matscreen.mechanisms.base import (
    PARAMETERS,
    Z90,
    FloatArray,
    get_entry,
    with_model_error,
)
from matscreen.monte_carlo import Inputs, uncertain_properties
from matscreen.ranking import mechanism_inputs, rank
from matscreen.sampling import draw, normals

if TYPE_CHECKING:
    import pandas as pd

    from matscreen.mechanisms import Device, Mechanism, SwitchingEnergy

SIMULATIONS: Final = {
    "well_depth": "double_well",
    "polar_barrier": "double_well",
    "spontaneous_polarization": "double_well",
    "oxygen_vacancy_formation_energy": "oxygen_vacancy",
    "oxygen_migration_barrier": "oxygen_migration",
    "thermal_conductivity": "elastic",
    "heat_capacity": "elastic",
    "insertion_voltage": "insertion_voltage",
    "energy_above_hull": "phase_energy",
}
"""Simulation that gives a property."""
_SOLID: Final = ("measured", "dft")
_BINS = 20


@dataclass(frozen=True, eq=False)
class Explanation:
    """One candidate under one mechanism.

    Attributes:
        structure_id: The candidate.
        formula: Its formula.
        mechanism: Name of the mechanism.
        ranking: Its row of the ranking, alone.
        properties: property, value, lower, upper, unit, evidence, method.
        physics: Intermediate results by name (with unit at the end) at the best values.
        uncertainty: source (a property or a part of the model error), low_J and high_J (nominal
            energy at the ends of its 90 % interval, all else at its best value) and share (first-
            order Sobol index of log energy), largest share first.
        gates: gate, passes (at the best values), chance, sentence for each failing one.
        advice: What to measure or simulate next, most useful first.
    """

    structure_id: str
    formula: str
    mechanism: str
    ranking: pd.Series
    properties: pd.DataFrame
    physics: dict[str, float]
    uncertainty: pd.DataFrame
    gates: pd.DataFrame
    advice: tuple[str, ...]


def explain(
    candidate: pd.DataFrame,
    properties: pd.DataFrame,
    mechanism: Mechanism,
    device: Device,
    application: str,
    *,
    samples: int = 4000,
    seed: int = 0,
    max_energy_above_hull: float | None = None,
    barred: Mapping[str, Sequence[str]] | None = None,
) -> Explanation:
    """Explain the energy of one candidate.

    Args:
        candidate: One row with the columns that `rank` asks for.
        properties: Tidy property table.
        mechanism: The mechanism.
        device: The specification.
        application: `synapse`, `logic` or `neuron`.
        samples: Number of draws.
        seed: Seed of the draws.
        max_energy_above_hull: Largest energy above hull, eV/atom.
        barred: Structures that may not be chosen, with the reasons.

    Raises:
        InputError: Not exactly one candidate was given.
    """
    if len(candidate) != 1:
        raise InputError(f"explain takes one candidate, got {len(candidate)}")
    inputs, values = mechanism_inputs(candidate, properties, mechanism)
    ranking = rank(
        candidate,
        properties,
        [mechanism],
        device,
        application,
        samples=samples,
        seed=seed,
        max_energy_above_hull=max_energy_above_hull,
        barred=barred,
    ).iloc[0]
    return _explanation(
        ranking, inputs, values, mechanism, device, application, samples=samples, seed=seed
    )


def explain_ranked(
    ranking: pd.DataFrame,
    candidates: pd.DataFrame,
    properties: pd.DataFrame,
    mechanism: Mechanism,
    device: Device,
    application: str,
    *,
    samples: int = 4000,
    seed: int = 0,
) -> list[Explanation]:
    """Explain some rows of a finished ranking, for much less than one `explain` a row.

    Args:
        ranking: Rows of one mechanism, as `rank` gives them.
        candidates: What was ranked, with the columns that `rank` asks for.
        properties: Tidy property table.
        mechanism: The mechanism.
        device: The specification.
        application: `synapse`, `logic` or `neuron`.
        samples: Number of draws.
        seed: Seed of the draws.

    Returns:
        One explanation a row, in their order.
    """
    if ranking.empty:
        return []
    ordered = candidates.set_index("structure_id").loc[ranking["structure_id"]].reset_index()
    inputs, values = mechanism_inputs(ordered, properties, mechanism)
    return [
        _explanation(
            row,
            {
                name: Inputs(
                    item.mean[place : place + 1],
                    None if item.sigma is None else item.sigma[place : place + 1],
                )
                for name, item in inputs.items()
            },
            values[values["structure_id"] == row["structure_id"]],
            mechanism,
            device,
            application,
            samples=samples,
            seed=seed,
        )
        for place, (_, row) in enumerate(ranking.iterrows())
    ]


def _explanation(
    row: pd.Series,
    inputs: dict[str, Inputs],
    values: pd.DataFrame,
    mechanism: Mechanism,
    device: Device,
    application: str,
    *,
    samples: int,
    seed: int,
) -> Explanation:
    """Explain one candidate from its row of a ranking and what the mechanism is given for it."""
    import pandas as pd

    centre = {name: item.mean for name, item in inputs.items()}
    best = mechanism.energies(centre, device, application)
    name = str(row["structure_id"])
    drawn, normal = _draws(inputs, mechanism, samples, seed, name)
    energy = mechanism.energies({k: v[None, :] for k, v in drawn.items()}, device, application)
    errors = normals(2, samples, seed, name, mechanism.name, "model error")
    uncertainty = pd.DataFrame(
        _contributions(inputs, centre, mechanism, device, application, energy, normal, errors)
    ).sort_values("share", ascending=False, kind="stable", ignore_index=True)
    chances = [float(np.mean(np.broadcast_to(g.passed, (1, samples)))) for g in energy.gates]
    gates = pd.DataFrame(
        {
            "gate": [gate.code for gate in best.gates],
            "passes": [bool(np.all(gate.passed)) for gate in best.gates],
            "chance": chances,
            "sentence": ["" if np.all(g.passed) else g.explain(0) for g in best.gates],
        }
    )
    return Explanation(
        structure_id=name,
        formula=str(row["formula"]),
        mechanism=mechanism.name,
        ranking=row,
        properties=_property_table(inputs, values),
        physics={k: float(np.ravel(v)[0]) for k, v in best.diagnostics.items()},
        uncertainty=uncertainty,
        gates=gates,
        advice=_advice(uncertainty, gates, values),
    )


def _draws(
    inputs: dict[str, Inputs], mechanism: Mechanism, samples: int, seed: int, structure_id: str
) -> tuple[dict[str, FloatArray], dict[str, FloatArray]]:
    uncertain = uncertain_properties(mechanism)
    z = normals(len(uncertain), samples, seed, structure_id, mechanism.name)
    values, normal = {}, {}
    for name, item in inputs.items():
        if item.sigma is None:
            values[name] = np.full(samples, item.mean[0])
        elif np.isnan(item.mean[0]):  # known of other candidates only, and there is no prior
            values[name] = np.full(samples, np.nan)
        else:
            normal[name] = z[uncertain.index(name)]
            values[name] = draw(get_entry(name), item.mean, item.sigma, normal[name][None, :])[0]
    return values, normal


def _contributions(
    inputs: dict[str, Inputs],
    centre: dict[str, FloatArray],
    mechanism: Mechanism,
    device: Device,
    application: str,
    energy: SwitchingEnergy,
    normal: dict[str, FloatArray],
    errors: FloatArray,
) -> list[dict[str, float | str]]:
    """One row a source of uncertainty; shares are of the variance of log energy, model included.

    Args:
        inputs: What the mechanism is given.
        centre: The best values of it.
        mechanism: The mechanism.
        device: The specification.
        application: The event.
        energy: Energies of the draws.
        normal: Standard normals behind the draws, by property.
        errors: Standard normals of the shared and of the material's model error, (2, samples).
    """
    error = mechanism.model_error
    parts = {"shared": (error.shared, errors[0]), "material": (error.material, errors[1])}
    moved = error.shared * errors[0] + error.material * errors[1]
    logs = np.log10(np.ravel(with_model_error(energy.floor_J, energy.nominal_J, moved)))
    total = max(float(logs.var()), 1e-300)
    rows: list[dict[str, float | str]] = []
    for name, z in normal.items():
        item, entry = inputs[name], get_entry(name)
        assert item.sigma is not None
        ends = []
        for side in (-Z90, Z90):
            value = draw(entry, item.mean, item.sigma, np.full((1, 1), side))[:, 0]
            found = mechanism.energies({**centre, name: value}, device, application)
            ends.append(float(np.ravel(found.nominal_J)[0]))
        rows.append(
            {
                "source": name,
                "low_J": min(ends),
                "high_J": max(ends),
                "share": _first_order(z, logs) / total,
            }
        )
    best = mechanism.energies(centre, device, application)
    for part, (sigma, z) in parts.items():
        low, high = (
            float(np.ravel(with_model_error(best.floor_J, best.nominal_J, side * sigma))[0])
            for side in (-Z90, Z90)
        )
        rows.append(
            {
                "source": f"model error, {part}",
                "low_J": low,
                "high_J": high,
                "share": _first_order(z, logs) / total,
            }
        )
    return rows


def _first_order(z: FloatArray, logs: FloatArray) -> float:
    """Variance of the mean of log energy given one input, Var[E(y | x)], by equal bins of x.

    Less what bins of pure noise would show.
    """
    parts = np.array_split(logs[np.argsort(z, kind="stable")], _BINS)
    means = np.array([part.mean() for part in parts])
    noise = float(np.mean([part.var() / len(part) for part in parts]))
    return max(float(means.var()) - noise, 0.0)


def _property_table(inputs: dict[str, Inputs], values: pd.DataFrame) -> pd.DataFrame:
    import pandas as pd

    by_name = values.drop_duplicates("property").set_index("property")
    rows = []
    for name, item in inputs.items():
        entry, mean = get_entry(name), float(item.mean[0])
        if not math.isfinite(mean):
            continue
        known = item.sigma is None
        sigma = 0.0 if item.sigma is None else float(item.sigma[0])
        low = mean * 10 ** (-Z90 * sigma) if entry.scale == "log" else mean - Z90 * sigma
        high = mean * 10 ** (Z90 * sigma) if entry.scale == "log" else mean + Z90 * sigma
        rows.append(
            {
                "property": name,
                "value": mean,
                "lower": max(low, entry.lower),
                "upper": min(high, entry.upper),
                "unit": entry.unit,
                "evidence": "crystal" if known else str(by_name.loc[name, "evidence"]),
                "method": "" if known else str(by_name.loc[name].get("method", "") or ""),
            }
        )
    return pd.DataFrame(rows)


def _advice(
    uncertainty: pd.DataFrame, gates: pd.DataFrame, values: pd.DataFrame
) -> tuple[str, ...]:
    evidence = values.drop_duplicates("property").set_index("property")["evidence"]
    doubtful = gates[(gates["chance"] > 0.02) & (gates["chance"] < 0.98)]
    found = [
        f"settle the gate {gate['gate']}: passed in {100 * gate['chance']:.0f} % of the draws"
        for gate in doubtful.sort_values("chance", kind="stable").to_dict("records")
    ]
    for row in uncertainty.to_dict("records"):
        source = str(row["source"])
        if row["share"] < 0.02:
            continue
        decades = math.log10(row["high_J"] / row["low_J"])
        if source.startswith("model error"):
            what = (
                "measure one device of this mechanism at this specification and calibrate"
                if source.endswith("shared")
                else "make it: what the formula misses of this material only a device shows"
            )
        elif source in PARAMETERS or source not in SIMULATIONS:
            what = f"measure its {source.replace('_', ' ')}"
        elif evidence.get(source) in _SOLID:
            what = f"measure its {source.replace('_', ' ')} again on a film"
        elif evidence.get(source) == "mlip":
            what = f"check its {source.replace('_', ' ')} by DFT (matscreen export dft)"
        else:
            what = (
                f"simulate {SIMULATIONS[source]} for its {source.replace('_', ' ')} "
                "(matscreen simulate)"
            )
        found.append(
            f"{what}: {100 * row['share']:.0f} % of the variance, {decades:.1f} decades of energy"
        )
    return tuple(found)
