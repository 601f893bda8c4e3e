"""Labels per hour and joules per label: `python tests/benchmarks/bench_simulations.py [--live]`.

The first table reads the costs recorded in the bundle. `--live` runs every simulation on three
small crystals with the real potential (needs the extra `simulate`; some minutes of one core) and
counts processor seconds, so that other work on the machine does not matter. Both assume that two
cores give twice the labels of one. Joules are processor seconds times 10 W.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from matscreen.errors import MissingDependencyError, StructureError
from matscreen.simulations.base import SIMULATIONS, get_simulation
from matscreen.simulations.bundle_reading import read_table
from matscreen.simulations.calculators import Potential, get_potential
from matscreen.structures import Crystal
from matscreen.tables import WATTS_PER_CORE

CORES = 2
CRYSTALS = (("SrTiO3", 38, 22, 3.94), ("BaTiO3", 56, 22, 4.03), ("LaAlO3", 57, 13, 3.81))
SITES = np.array([[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
HEAD = (
    "| simulation | crystals | labels | CPU s per crystal | labels per hour, 2 cores | J per label |\n"
    "|---|---|---|---|---|---|"
)


def line(name: str, crystals: int, labels: int, cpu: float, note: str = "") -> None:
    if not labels:
        print(f"| {name} | {crystals} | 0 | {cpu / max(crystals, 1):.1f} | 0 | - |{note}")
        return
    rate = 3600.0 * CORES * labels / cpu
    joules = cpu * WATTS_PER_CORE / labels
    print(
        f"| {name} | {crystals} | {labels} | {cpu / crystals:.1f} | {rate:.0f} | {joules:.0f} |{note}"
    )


def recorded(bundle: Path) -> None:
    labels = read_table(bundle, "labels", derived=False)
    assert labels is not None
    table = labels.to_pandas().dropna(subset=["joules"])
    print(f"Recorded in {bundle} (rejected work not counted)\n\n{HEAD}")
    for method, group in table.groupby("method"):
        cpu = float(group["joules"].sum()) / WATTS_PER_CORE
        line(str(method), group["structure_id"].nunique(), len(group), cpu)


def live(potential: Potential) -> None:
    print(f"\nRun now with {potential.name} ({potential.version}), cubic perovskites\n\n{HEAD}")
    relaxation = get_simulation("relaxation")
    relaxed: list[Crystal] = []
    for _, a, b, edge in CRYSTALS:
        start = Crystal(np.eye(3) * edge, np.array([a, b, 8, 8, 8]), SITES)
        found = relaxation.run(start, potential).relaxed
        assert found is not None
        relaxed.append(found)
    for name in SIMULATIONS:
        simulation = get_simulation(name)
        labels, rejected = 0, []
        cpu = time.process_time()
        for crystal in relaxed:
            strained = Crystal(crystal.lattice * 1.01, crystal.atomic_numbers, crystal.frac_coords)
            try:
                # Relaxation starts 1 % off; everything else starts from relaxed crystals.
                subject = strained if name in ("relaxation", "phase_energy") else crystal
                labels += len(simulation.run(subject, potential).labels)
            except StructureError as error:
                rejected.append(error.reason)
        spent = time.process_time() - cpu
        note = f" rejected: {', '.join(rejected)}" if rejected else ""
        line(name, len(relaxed), labels, spent, note)


def main() -> None:
    root = Path(__file__).resolve().parents[2]
    recorded(root / "data" / "bundle")
    if "--live" in sys.argv:
        try:
            live(get_potential("7net-0"))
        except MissingDependencyError as error:
            print(f"no live run: {error}")


if __name__ == "__main__":
    main()
