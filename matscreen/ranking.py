"""Monte-Carlo ranking of candidates by the energy of one switching event.

Every draw takes each property from its error, applies the model error of the mechanism and ranks;
a draw in which a gate fails has rank infinity.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from matscreen.errors import InputError
from matscreen.evidence import best_evidence, with_stand_ins
from matscreen.filling import fill_missing
from matscreen.mechanisms import Device, Mechanism, SwitchingEnergy, get_mechanism
from matscreen.mechanisms.base import FACTS, PARAMETERS, get_entry
from matscreen.mechanisms.bounded import Bounded
from matscreen.monte_carlo import SPLITS, Draws, Inputs, Leaders, simulate
from matscreen.properties import EVIDENCE, PROPERTIES
from matscreen.property_columns import PropertyColumns
from matscreen.standings import pareto_front, ranks

if TYPE_CHECKING:
    import pandas as pd

LEADING_COLUMNS: Final = (
    "rank",
    "rank_in_mechanism",
    "formula",
    "structure_id",
    "mechanism",
    "energy_nominal_J",
    "energy_lower_J",
    "energy_upper_J",
    "energy_floor_J",
    "energy_ceiling_J",
    "p_feasible",
    "p_top_10",
    "feasible",
    "reasons",
    "pareto",
    "energy_above_hull",
    "in_domain",
    "evidence",
    "source",
    "source_id",
    "flags",
    "spacegroup",
    "prototype",
    "chemsys",
)
"""First columns of a ranking; properties with their evidence and diagnostics follow."""


def rank(
    candidates: pd.DataFrame,
    properties: pd.DataFrame,
    mechanisms: Sequence[str | Mechanism] = ("ferroelectric", "valence_change"),
    device: Device | None = None,
    application: str = "synapse",
    *,
    samples: int = 2000,
    seed: int = 0,
    max_energy_above_hull: float | None = None,
    barred: Mapping[str, Sequence[str]] | None = None,
    least: Mapping[str, float] | None = None,
) -> pd.DataFrame:
    """Rank materials by the energy of one event, one row a material and mechanism.

    - `energy_nominal_J`, `energy_floor_J`, `energy_ceiling_J`: at the best property values.
    - `energy_lower_J`, `energy_upper_J`: 5 and 95 % quantiles of the draws, property and model
      errors together, widened where needed to hold the nominal energy (a property at its physical
      bound can only err to one side).
    - `feasible`: every gate is passed at the best values; `p_feasible`: the share of draws that
      pass. `reasons` names the failed gates.
    - `p_top_10`: probability to be among the best ten of its mechanism.
    - `rank_in_mechanism` and the pooled `rank` order by nominal energy, feasible rows first; equal
      energies share the smaller rank. Between mechanisms the class of device sets the decades.
    - `pareto`: no feasible material of the mechanism is better in nominal energy, energy above hull
      and p_feasible at once.

    Candidates of one material (`material_id`) are represented by the one with the most computed or
    measured properties, then the lowest energy above hull. Missing properties are filled with
    priors. The draws of a structure depend on seed, structure and mechanism alone: neither the
    order nor the choice of the candidates changes its energies.

    Args:
        candidates: Columns structure_id, formula; where known material_id, spacegroup, prototype,
            chemsys, flags, lattice, nsites, source, source_id, energy_above_hull (eV/atom, for
            those without such a property).
        properties: Tidy table: structure_id, property, mean, evidence; where known std (in the
            unit of the property), lower, upper (90 %), in_domain, confidence.
        mechanisms: Names or mechanisms.
        device: The specification; the common one when not given.
        application: `synapse`, `logic` or `neuron`.
        samples: Number of draws.
        seed: Seed of the draws.
        max_energy_above_hull: Largest energy above hull, eV/atom; unknown values pass.
        barred: Structures that may not be chosen, with the reasons.
        least: Smallest value of a diagnostic of the mechanisms, such as `endurance_margin`; a
            mechanism without it passes.

    Returns:
        Rows by rank; columns begin with `LEADING_COLUMNS`. `attrs["units"]` maps columns to units,
        `attrs["model_error"]` gives the split of the model error and `attrs["split_sensitivity"]`
        what another split would make of the best candidate.

    Raises:
        InputError: A column is missing, a structure_id occurs twice, or a name is unknown.
    """
    import pandas as pd

    chosen = [get_mechanism(m) if isinstance(m, str) else m for m in mechanisms]
    blocks = rank_blocks(
        candidates,
        properties,
        chosen,
        device if device is not None else Device(),
        application,
        samples=samples,
        seed=seed,
        max_energy_above_hull=max_energy_above_hull,
        barred=barred,
        least=least,
    )
    result = pd.concat([block.table for block in blocks], ignore_index=True)
    result.insert(0, "rank", ranks(result["feasible"], result["energy_nominal_J"]))
    result = result.sort_values(["rank", "structure_id", "mechanism"], kind="stable")
    rest = [name for name in result if name not in LEADING_COLUMNS]
    result = result[[*LEADING_COLUMNS, *rest]].reset_index(drop=True)
    result.attrs["units"] = column_units([str(name) for name in result.columns])
    result.attrs["model_error"] = model_errors(chosen)
    result.attrs["split_sensitivity"] = [block.sensitivity for block in blocks]
    return result


@dataclass(frozen=True, eq=False)
class Block:
    """The ranking of some materials under one mechanism.

    Attributes:
        table: One row a material, sorted by structure_id: the columns of `rank` without `rank`.
        leaders: The best ten of each draw, by split of the model error; owners are rows.
        sensitivity: What the split of the model error makes of the best material.
    """

    table: pd.DataFrame
    leaders: Mapping[str, Leaders]
    sensitivity: Mapping[str, Any]


def model_errors(mechanisms: Sequence[Mechanism]) -> dict[str, dict[str, float]]:
    """Return the split of the model error by mechanism, decades."""
    return {
        m.name: {"shared": m.model_error.shared, "material": m.model_error.material}
        for m in mechanisms
    }


def rank_blocks(
    candidates: pd.DataFrame,
    properties: pd.DataFrame,
    mechanisms: Sequence[Mechanism],
    device: Device,
    application: str,
    *,
    samples: int,
    seed: int,
    max_energy_above_hull: float | None,
    barred: Mapping[str, Sequence[str]] | None,
    least: Mapping[str, float] | None,
) -> list[Block]:
    """Rank materials under each mechanism; the arguments are those of `rank`, all of them.

    What a row holds depends on its material alone, but for `rank_in_mechanism`, `p_top_10` and
    `pareto`: blocks of some of the candidates can be merged into the ranking of all of them.
    """
    _check(candidates, samples, mechanisms)
    table = best_evidence(properties)
    materials = _representatives(candidates, table)
    wanted = {name for m in mechanisms for name in (*m.requires, *m.optional)} - set(FACTS)
    known = table[table["structure_id"].isin(set(materials["structure_id"]))]
    filled = fill_missing(materials, with_stand_ins(known), tuple(sorted(wanted)))
    columns = PropertyColumns(materials, filled)
    return [
        _rank_one(
            Bounded(mechanism, least) if least else mechanism,
            columns,
            device,
            application,
            samples,
            seed,
            max_energy_above_hull,
            barred or {},
        )
        for mechanism in mechanisms
    ]


def mechanism_inputs(
    candidates: pd.DataFrame, properties: pd.DataFrame, mechanism: Mechanism
) -> tuple[dict[str, Inputs], pd.DataFrame]:
    """Return what a mechanism is given for each candidate, in the order of the candidates.

    Args:
        candidates: As for `rank`, one row a material.
        properties: As for `rank`.
        mechanism: The mechanism.

    Returns:
        Inputs by name, and the tidy table of the values behind them with priors filled in.
    """
    known = best_evidence(properties[properties["structure_id"].isin(candidates["structure_id"])])
    wanted = {*mechanism.requires, *mechanism.optional} - set(FACTS)
    filled = fill_missing(candidates, with_stand_ins(known), tuple(sorted(wanted)))
    inputs = PropertyColumns(candidates, filled).inputs(mechanism)
    return inputs, filled[filled["property"].isin(inputs)].reset_index(drop=True)


def column_units(columns: Sequence[str]) -> dict[str, str]:
    """Return the units of the columns of a ranking that have one."""
    units = {}
    for name in columns:
        if name in PROPERTIES or name in PARAMETERS or name in FACTS:
            units[name] = get_entry(name).unit
        elif name.endswith("_J"):
            units[name] = "J"
        elif name.endswith("_V_per_m"):
            units[name] = "V/m"
        elif name.rsplit("_", 1)[-1] in ("V", "K", "A", "C", "s"):
            units[name] = name.rsplit("_", 1)[-1]
    return units


def _rank_one(
    mechanism: Mechanism,
    columns: PropertyColumns,
    device: Device,
    application: str,
    samples: int,
    seed: int,
    max_hull: float | None,
    barred: Mapping[str, Sequence[str]],
) -> Block:
    import pandas as pd

    inputs = columns.inputs(mechanism)
    materials = columns.materials
    center = {name: item.mean for name, item in inputs.items()}
    energy = mechanism.energies(center, device, application)
    stable = ~(columns.hull > (np.inf if max_hull is None else max_hull))
    ids = materials["structure_id"].astype(str).to_numpy()
    guesses = {name: columns.texts(name, "evidence") == "prior" for name in mechanism.requires}
    # A guess over all oxides decides nothing: such a row is shown, and never chosen.
    excluded = np.isin(ids, list(barred))
    allowed = stable & ~excluded & ~np.any(list(guesses.values()), axis=0)
    feasible = np.broadcast_to(energy.feasible, stable.shape) & allowed
    drawn = simulate(mechanism, inputs, allowed, feasible, ids, device, application, samples, seed)
    reasons = [list(found) for found in energy.reasons]
    for index in np.flatnonzero(~stable):
        reasons[index].insert(
            0,
            f"above_hull: {columns.hull[index]:.3f} eV/atom above the hull, "
            f"{max_hull:.3f} are allowed",
        )
    for index in np.flatnonzero(excluded):
        reasons[index] = [*barred[ids[index]], *reasons[index]]
    used = [name for name, item in inputs.items() if item.sigma is not None]
    # What is odd about the crystal comes before what is odd about the device.
    flags = [
        [*odd, *found]
        for odd, found in zip(_crystal_flags(materials), energy.warnings, strict=True)
    ]
    for name, guessed in guesses.items():
        for index in np.flatnonzero(guessed):
            reasons[index].insert(0, f"no_estimate: {name} is a guess over all oxides")
    frame = pd.DataFrame(
        {
            "rank_in_mechanism": ranks(feasible, energy.nominal_J),
            "formula": materials["formula"].to_numpy(),
            "structure_id": ids,
            "mechanism": mechanism.name,
            "energy_nominal_J": energy.nominal_J,
            "energy_lower_J": np.minimum(drawn.lower, energy.nominal_J),
            "energy_upper_J": np.maximum(drawn.upper, energy.nominal_J),
            "energy_floor_J": energy.floor_J,
            "energy_ceiling_J": energy.ceiling_J,
            "p_feasible": drawn.p_feasible,
            "p_top_10": drawn.p_top["stated"],
            "feasible": feasible,
            "reasons": ["; ".join(found) for found in reasons],
            "pareto": pareto_front(energy.nominal_J, columns.hull, drawn.p_feasible, feasible),
            "energy_above_hull": columns.hull,
            "in_domain": columns.in_domain(used),
            "evidence": _worst_evidence(columns, mechanism.requires),
            "flags": ["; ".join(found) for found in flags],
        }
    )
    for name in ("source", "source_id", "spacegroup", "prototype", "chemsys"):
        frame[name] = materials[name].to_numpy() if name in materials else None
    for name in used:
        frame[name] = inputs[name].mean
        frame[f"{name}_evidence"] = columns.texts(name, "evidence")
    for name, values in energy.diagnostics.items():
        frame[name] = np.broadcast_to(values, len(frame))
    return Block(frame, drawn.leaders, _sensitivity(mechanism, energy, feasible, drawn, ids))


def _sensitivity(
    mechanism: Mechanism,
    energy: SwitchingEnergy,
    feasible: np.ndarray,
    drawn: Draws,
    ids: np.ndarray,
) -> dict[str, Any]:
    """What the split of the model error makes of the best candidate of a mechanism."""
    note: dict[str, Any] = {"mechanism": mechanism.name, "structure_id": None}
    if not feasible.any():
        return note
    best = int(np.lexsort((ids, np.where(feasible, energy.nominal_J, np.inf)))[0])
    note["structure_id"] = str(ids[best])
    for split in SPLITS:
        note[f"p_top_10_{split}"] = float(drawn.p_top[split][best])
    return note


def _check(candidates: pd.DataFrame, samples: int, mechanisms: Sequence[Mechanism]) -> None:
    lacking = [name for name in ("structure_id", "formula") if name not in candidates]
    if lacking:
        raise InputError(f"the candidates lack the columns {', '.join(lacking)}")
    if candidates["structure_id"].duplicated().any():
        twice = candidates.loc[candidates["structure_id"].duplicated(), "structure_id"].iloc[0]
        raise InputError(f"structure_id {twice!r} occurs twice among the candidates")
    if samples < 100:
        raise InputError(f"at least 100 samples are needed for a 90 % interval, got {samples}")
    if not mechanisms:
        raise InputError("name at least one mechanism")


def _representatives(candidates: pd.DataFrame, table: pd.DataFrame) -> pd.DataFrame:
    """One candidate a material, sorted by structure_id."""
    frame = candidates.sort_values("structure_id", kind="stable")
    if "material_id" not in frame:
        return frame.reset_index(drop=True)
    solid = table[table["evidence"].isin(["measured", "dft", "mlip"])]
    known = frame["structure_id"].map(solid["structure_id"].value_counts()).fillna(0)
    hulls = table[table["property"] == "energy_above_hull"].set_index("structure_id")["mean"]
    hull = frame["structure_id"].map(hulls).astype(float)
    if "energy_above_hull" in frame:
        hull = hull.fillna(frame["energy_above_hull"].astype(float))
    group = frame["material_id"].fillna(frame["structure_id"])
    frame = frame.assign(_known=-known, _hull=hull, _group=group)
    frame = frame.sort_values(["_known", "_hull", "structure_id"], kind="stable")
    frame = frame.drop_duplicates("_group").sort_values("structure_id", kind="stable")
    return frame.drop(columns=["_known", "_hull", "_group"]).reset_index(drop=True)


def _crystal_flags(materials: pd.DataFrame) -> list[tuple[str, ...]]:
    """Return the flags of each crystal; none where it was not checked."""
    if "flags" not in materials:
        return [()] * len(materials)
    # A join leaves NaN, a float, where a row has no partner.
    return [
        () if found is None or isinstance(found, float) else tuple(found)
        for found in materials["flags"]
    ]


def _worst_evidence(columns: PropertyColumns, names: Sequence[str]) -> np.ndarray:
    order = {name: position for position, name in enumerate(EVIDENCE)}
    worst = np.max([[order[e] for e in columns.texts(name, "evidence")] for name in names], axis=0)
    return np.array([EVIDENCE[position] for position in worst], dtype=object)
