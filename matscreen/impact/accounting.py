"""From the cost of one MAC and one update to inference, training step, training and footprint."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from matscreen.errors import InputError
from matscreen.impact.machines import Cost, Machine
from matscreen.impact.workloads import FORWARD_AND_BACKWARD, Workload, benchmarks
from matscreen.mechanisms import reference_lines

if TYPE_CHECKING:
    import pandas as pd

JOULES_PER_KWH: Final = 3.6e6
BASELINES: Final = {"inference": "NVIDIA A100, INT8", "training": "NVIDIA A100, BF16"}
"""Reference hardware that the factors of a candidate are taken to."""
ENERGIES: Final = ("energy_nominal_J", "energy_lower_J", "energy_upper_J")


@dataclass(frozen=True, kw_only=True)
class Usage:
    """How the hardware is used and powered.

    Attributes:
        updates_per_step: Switching events of a cell in one training step; 1: every weight moves
            by one level each step. Assumption: few move in fact, some by more.
        batch: Inferences a training step; None takes that of the workload.
        carbon_kg_per_kWh: CO2 per electricity, kg/kWh; 0.4 is an assumption near the world's mean
            (0.436 in 2022, 0.481 in 2023 as reported by Ember).
        compute_share: Share of a data centre's energy that its MACs take and that other hardware
            would change; 0.5 is an assumption, the rest is memory, network, hosts and cooling.

    Raises:
        InputError: A value is out of range.
    """

    updates_per_step: float = 1.0
    batch: float | None = None
    carbon_kg_per_kWh: float = 0.4
    compute_share: float = 0.5

    def __post_init__(self) -> None:
        for name in ("updates_per_step", "carbon_kg_per_kWh"):
            if not 0.0 <= getattr(self, name) < math.inf:
                raise InputError(f"{name} must be at least 0, got {getattr(self, name)!r}")
        if self.batch is not None and not 1.0 <= self.batch < math.inf:
            raise InputError(f"batch must be at least 1, got {self.batch!r}")
        if not 0.0 <= self.compute_share <= 1.0:
            raise InputError(f"compute_share must be 0 to 1, got {self.compute_share!r}")

    def carbon_kg(self, joules: float) -> float:
        """Return the CO2 of so much electricity, kg."""
        return joules / JOULES_PER_KWH * self.carbon_kg_per_kWh


def training_step(
    machine: Machine, workload: Workload, event_J: float, usage: Usage | None = None
) -> Cost | None:
    """Return the cost of one update of all weights; None when the machine cannot train.

    3 x batch x inference + updates x parameters x update.
    """
    asked = usage or Usage()
    update = machine.update(event_J)
    if update is None:
        return None
    batch = workload.batch if asked.batch is None else asked.batch
    samples = machine.inference(workload, event_J).times(FORWARD_AND_BACKWARD * batch)
    return samples + update.times(asked.updates_per_step * workload.parameters)


def training(
    machine: Machine, workload: Workload, event_J: float, usage: Usage | None = None
) -> Cost | None:
    """Return the cost of a whole training, as many steps as its MACs allow."""
    asked = usage or Usage()
    step = training_step(machine, workload, event_J, asked)
    return None if step is None else step.times(workload.updates(asked.batch))


def breakeven_event(
    machine: Machine, workload: Workload, usage: Usage | None = None
) -> float | None:
    """Return the joules per event at which switching takes half of a training step.

    Far below it a cheaper switch no longer matters. None when the machine cannot train.
    """
    idle = training_step(machine, workload, 0.0, usage)
    unit = training_step(machine, workload, 1.0, usage)
    if idle is None or unit is None or unit.switching_J == 0.0:
        return None
    return idle.total_J / unit.switching_J


def cmos_gate() -> float:
    """Return the joules of a CMOS gate of the 7 nm class with its local wire, from `limits.csv`.

    The fair comparison of a logic switch: the same units with other gates.
    """
    lines = {line.name: line.energy_J for line in reference_lines("logic")}
    return lines["CMOS gate, 7 nm class"]


def replace_compute(total: float, *, share: float, factor: float) -> float:
    """Return a footprint whose compute share costs `factor` times less, the rest unchanged."""
    return total * (1.0 - share + share / factor)


def best_candidates(ranking: pd.DataFrame, top: int | None = None) -> pd.DataFrame:
    """Return the cheapest rows of each mechanism, feasible before infeasible.

    Args:
        ranking: Columns of `candidates.csv`; `feasible` may be absent.
        top: Rows of each mechanism; None keeps all.

    Returns:
        The rows with a known energy, mechanisms by their cheapest feasible row.

    Raises:
        InputError: A required column is missing, or no row has usable energies.
    """
    import pandas as pd

    missing = [name for name in ("formula", "mechanism", *ENERGIES) if name not in ranking]
    if missing:
        raise InputError(f"the ranking has no column {missing[0]!r}; give a candidates.csv")
    rows = ranking.copy()
    for name in ENERGIES:
        rows[name] = pd.to_numeric(rows[name], errors="coerce")
    if "feasible" not in rows:
        rows["feasible"] = True
    rows["feasible"] = rows["feasible"].astype(str).str.lower().isin(("true", "1", "yes"))
    positive = (rows[list(ENERGIES)] > 0.0).all(axis=1)
    rows = rows[positive & (rows[list(ENERGIES)] < math.inf).all(axis=1)]
    if rows.empty:
        raise InputError("no row of the ranking has energies over 0 J")
    rows = rows.sort_values(["feasible", ENERGIES[0]], ascending=[False, True], kind="stable")
    groups = rows.groupby("mechanism", sort=False)
    chosen = rows if top is None else groups.head(top)
    order = {name: place for place, name in enumerate(rows["mechanism"].unique())}
    place = chosen["mechanism"].map(order)
    return chosen.assign(_place=place).sort_values("_place", kind="stable").drop(columns="_place")


def impact_row(
    candidate: Mapping[str, Any], machine: Machine, workload: Workload, usage: Usage
) -> dict[str, Any]:
    """Return what a candidate costs on a workload, with the ends of its 90 % interval.

    Args:
        candidate: One row of a ranking.
        machine: Hardware built of it.
        workload: The network.
        usage: How it is used.

    Returns:
        Energies in J, shares of switching and periphery, CO2 in kg, and factors that say how many
        times less than the A100 it takes (under 1: more). None where the machine cannot train.
    """
    events = [float(candidate[name]) for name in ENERGIES]
    inference, low, high = (machine.inference(workload, event) for event in events)
    update = machine.update(events[0])
    step = training_step(machine, workload, events[0], usage)
    whole, cheap, dear = (training(machine, workload, event, usage) for event in events)
    hardware = {task: benchmarks()[name].value for task, name in BASELINES.items()}
    row: dict[str, Any] = {
        "formula": candidate["formula"],
        "structure_id": candidate.get("structure_id", ""),
        "mechanism": candidate["mechanism"],
        "feasible": bool(candidate["feasible"]),
        "workload": workload.name,
        "event_J": events[0],
        "event_lower_J": events[1],
        "event_upper_J": events[2],
        "mac_J": inference.total_J / workload.macs_per_inference,
        "inference_J": inference.total_J,
        "inference_lower_J": low.total_J,
        "inference_upper_J": high.total_J,
        "inference_switching_share": inference.switching_share,
        "inference_peripheral_share": inference.peripheral_share,
        "inference_factor": hardware["inference"] * workload.macs_per_inference / inference.total_J,
        "update_J": None if update is None else update.total_J,
        "training_step_J": None if step is None else step.total_J,
        "training_switching_share": None if step is None else step.switching_share,
    }
    for name, cost in (("", whole), ("_lower", cheap), ("_upper", dear)):
        row[f"training{name}_J"] = None if cost is None else cost.total_J
    row["training_kg_CO2"] = None if whole is None else usage.carbon_kg(whole.total_J)
    row["training_factor"] = (
        None if whole is None else hardware["training"] * workload.training_macs / whole.total_J
    )
    return row
