"""Time and memory of ranking many candidates with many draws.

Synthetic oxides with the spread of properties of the shipped bundle, ranked for `--application`
under its eligible mechanisms. Run as

    python tests/benchmarks/bench_ranking.py --candidates 100000 --samples 1000
"""

from __future__ import annotations

import argparse
import resource
import time

import numpy as np
import pandas as pd

from matscreen.config import load_screen
from matscreen.mechanisms import Device
from matscreen.ranking import rank

SPREAD = {
    # property: (median or mean, sigma in decades or unit, error, log scale)
    "spontaneous_polarization": (35.0, 20.0, 6.0, False),
    "well_depth": (1.5, 1.2, 0.3, False),
    "polar_barrier": (1.2, 1.0, 0.3, False),
    "oxygen_vacancy_formation_energy": (4.5, 1.5, 0.5, False),
    "oxygen_migration_barrier": (0.8, 0.2, 0.1, True),
    "band_gap": (2.5, 1.2, 0.6, False),
    "relative_permittivity": (30.0, 0.35, 0.3, True),
    "melting_temperature": (2000.0, 0.1, 0.06, True),
    "thermal_conductivity": (4.0, 0.3, 0.3, True),
}
CATIONS_A = ("Ba", "Sr", "Ca", "Pb", "La", "Nd", "Bi", "K", "Na", "Li")
CATIONS_B = ("Ti", "Zr", "Hf", "Nb", "Ta", "V", "Ni", "Mn", "Fe", "Co", "Al", "Ga", "Sc")
GROUPS = (221, 99, 160, 161, 62, 38, 140, 14, 29, 167)


def tables(count: int, seed: int = 0) -> tuple[pd.DataFrame, pd.DataFrame]:
    """Return candidates and a tidy property table."""
    rng = np.random.default_rng(seed)
    ids = np.array([f"{i:07d}" for i in range(count)])
    candidates = pd.DataFrame(
        {
            "structure_id": ids,
            "formula": [
                f"{CATIONS_A[a]}{CATIONS_B[b]}O3"
                for a, b in zip(
                    rng.integers(len(CATIONS_A), size=count),
                    rng.integers(len(CATIONS_B), size=count),
                    strict=True,
                )
            ],
            "spacegroup": rng.choice(GROUPS, size=count),
            "energy_above_hull": rng.exponential(0.05, size=count),
        }
    )
    parts = []
    for name, (centre, sigma, error, logarithmic) in SPREAD.items():
        z = rng.standard_normal(count)
        mean = centre * 10.0 ** (sigma * z) if logarithmic else np.abs(centre + sigma * z)
        std = mean * (10.0**error - 1.0) if logarithmic else np.full(count, error)
        parts.append(
            pd.DataFrame(
                {
                    "structure_id": ids,
                    "property": name,
                    "mean": mean,
                    "std": std,
                    "evidence": "surrogate",
                }
            )
        )
    return candidates, pd.concat(parts, ignore_index=True)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--candidates", type=int, default=100_000)
    parser.add_argument("--samples", type=int, default=1000)
    parser.add_argument("--application", default="synapse")
    arguments = parser.parse_args()
    candidates, properties = tables(arguments.candidates)
    mechanisms = load_screen(arguments.application).mechanisms
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    started = time.perf_counter()
    table = rank(
        candidates,
        properties,
        mechanisms,
        Device(),
        arguments.application,
        samples=arguments.samples,
        max_energy_above_hull=0.1,
    )
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{arguments.application}: {', '.join(mechanisms)}")
    print(f"{len(table)} rows, {arguments.samples} draws: {seconds:.1f} s")
    print(f"peak memory {peak:.0f} MiB, of which {before:.0f} MiB hold the input tables")


if __name__ == "__main__":
    main()
