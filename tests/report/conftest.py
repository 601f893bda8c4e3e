"""A screen as it comes out of the pipeline, made up but plausible: 800 rows, two mechanisms."""

from __future__ import annotations

from dataclasses import asdict, replace
from typing import Any

import numpy as np
import pandas as pd
import pytest

from matscreen.mechanisms import Device, reference_lines
from matscreen.report.dossier import (
    Dossier,
    GateChance,
    KnownProperty,
    UncertaintySource,
    carded,
)
from matscreen.report.result import Candidate, ScreenInfo, ScreenResult
from matscreen.structures import Crystal
from matscreen.validation.mechanisms import summarize

A_SITES = ["Ba", "Sr", "Ca", "Pb", "K", "Na", "La", "Bi", "Rb", "Ag", "Cd", "Y"]
B_SITES = [
    "Ti",
    "Zr",
    "Hf",
    "Nb",
    "Ta",
    "Sn",
    "Al",
    "Ga",
    "Fe",
    "Mn",
    "Co",
    "Ni",
    "Cr",
    "V",
    "Sc",
    "In",
    "Ge",
    "W",
]
PHASES = ((99, "perovskite_P4mm"), (160, "perovskite_R3m"), (221, "perovskite"), (62, "GdFeO3"))
BINARIES = (("HfO2", 29), ("ZrO2", 14), ("TiO2", 136), ("Ta2O5", 15), ("ZnO", 186), ("Y2O3", 206))


def make_ranking(n: int = 800, *, seed: int = 7) -> pd.DataFrame:
    rng, more = np.random.default_rng(seed), np.random.default_rng(seed + 1)
    pool = [(f"{a}{b}O3", *phase) for a in A_SITES for b in B_SITES for phase in PHASES]
    pool = [pool[i] for i in rng.permutation(len(pool))]
    pool = [(f, s, "prototype") for f, s in BINARIES] + pool
    rows = []
    for i in range(n):
        ferroelectric = i % 2 == 0
        formula, spacegroup, prototype = pool[i // 2]
        nominal = 10.0 ** rng.normal(-14.3 if ferroelectric else -11.9, 0.45)
        sigma = 0.45 if ferroelectric else 0.9
        feasible = bool(rng.random() < (0.2 if ferroelectric else 0.35))
        reasons = rng.choice(
            [
                "nonpolar: symmetry forbids it",
                "well_under_noise: 3 meV/f.u.",
                "curie_temperature: 310 K",
            ]
            if ferroelectric
            else ["retention: 3 s at 358 K", "melting: 2100 K", "breakdown", "metal: no gap"],
            size=0 if feasible else int(rng.integers(1, 3)),
            replace=False,
        )
        lower, upper = nominal * 10.0 ** (-1.64 * sigma), nominal * 10.0 ** (1.64 * sigma)
        rows.append(
            {
                "formula": formula,
                "structure_id": f"ms-{i // 2:012x}",
                "mechanism": "ferroelectric" if ferroelectric else "valence_change",
                "energy_nominal_J": nominal,
                "energy_lower_J": lower,
                "energy_upper_J": upper,
                "energy_floor_J": nominal * 10.0 ** -rng.uniform(1.9, 2.6),
                "energy_ceiling_J": nominal * 10.0 ** rng.uniform(1.0, 1.8),
                "p_feasible": rng.uniform(0.5, 1.0) if feasible else rng.uniform(0.0, 0.4),
                "p_top_10": 0.0,
                "feasible": feasible,
                "reasons": "; ".join(reasons),
                "pareto": False,
                "flags": "" if i % 9 else "supertetragonal: c/a is 1.19",
                "energy_above_hull": abs(rng.normal(0.0, 0.06)) if rng.random() > 0.05 else np.nan,
                "in_domain": bool(rng.random() > 0.15),
                "evidence": str(rng.choice(["mlip", "surrogate", "measured"], p=[0.4, 0.5, 0.1])),
                "source": "prototypes",
                "source_id": f"{prototype}:{formula}",
                "spacegroup": spacegroup,
                "prototype": prototype,
                "curie_temperature": more.uniform(360.0, 1200.0) if ferroelectric else np.nan,
                "retention_time_s": np.nan if ferroelectric else 10.0 ** more.uniform(8.6, 15.0),
                "crystallisation_temperature": more.uniform(600.0, 1000.0),
                "substrate": "SrTiO3",
                "substrate_plane": "(001)",
                "film_plane": "(001)",
                "mismatch": more.uniform(0.1, 3.0),
                "hazards": "" if i % 5 else "lead",
                "hhi_production": more.uniform(900.0, 6000.0),
            }
        )
    frame = pd.DataFrame(rows).sort_values(
        ["feasible", "energy_nominal_J"], ascending=[False, True], ignore_index=True
    )
    frame.insert(0, "rank", np.arange(1, n + 1))
    frame.insert(1, "rank_in_mechanism", frame.groupby("mechanism").cumcount() + 1)
    place = frame["rank_in_mechanism"].to_numpy()
    frame["p_top_10"] = np.where(frame["feasible"], 0.9 * np.exp(-place / 14.0), 0.0)
    best_hull = frame["energy_above_hull"].where(frame["feasible"]).cummin()
    frame["pareto"] = frame["feasible"] & (frame["energy_above_hull"] <= best_hull)
    frame.attrs["split_sensitivity"] = [
        {
            "mechanism": mechanism,
            "structure_id": rows["structure_id"].iloc[0],
            "p_top_10_stated": 0.84,
            "p_top_10_independent": 0.17,
            "p_top_10_shared": 0.99,
        }
        for mechanism, rows in frame.groupby("mechanism")
    ]
    return frame


def make_card(
    name: str, unit: str, n: int, *, seed: int, scale: float, skill: float
) -> dict[str, Any]:
    rng = np.random.default_rng(seed)
    y = scale * rng.lognormal(0.0, 0.5, n)
    noise = scale * 0.6 * (1.0 - skill)
    mean = y + rng.normal(0.0, noise, n)
    return {
        "property": name,
        "unit": unit,
        "n_labels": n,
        "metrics": {"null_mae": float(np.abs(y - np.median(y)).mean())},
        "out_of_fold": {
            "y": y.tolist(),
            "mean": mean.tolist(),
            "lower": (mean - 1.64 * noise).tolist(),
            "upper": (mean + 1.64 * noise).tolist(),
        },
    }


def make_failures(n: int = 130) -> pd.DataFrame:
    rng = np.random.default_rng(3)
    stages = {
        "disordered": ("pull", "2 sites have partial occupancy"),
        "no_oxygen": ("pull", "the cell holds no oxygen"),
        "unreadable": ("pull", "the file ends inside a loop"),
        "not_converged": ("simulate", "force 0.21 eV/Å after 300 steps"),
        "lost_symmetry": ("simulate", "relaxed from P4mm to Pm-3m"),
    }
    reasons = rng.choice(list(stages), n, p=[0.15, 0.45, 0.1, 0.2, 0.1])
    return pd.DataFrame(
        {
            "structure_id": [f"ms-{900 + i:012x}" for i in range(n)],
            "stage": [stages[r][0] for r in reasons],
            "reason": reasons,
            "detail": [stages[r][1] for r in reasons],
        }
    )


def make_dossier(row: Candidate) -> Dossier:
    return Dossier(
        structure_id=row.structure_id,
        mechanism=row.mechanism,
        properties=(
            KnownProperty("band_gap", 3.2, 2.4, 4.0, "eV", "surrogate", "gap-1a2b"),
            KnownProperty("breakdown_field", 2.0e8, 6.3e7, 6.3e8, "V/m", "prior", "a gap relation"),
            KnownProperty("polar", 1.0, 1.0, 1.0, "1", "crystal", ""),
        ),
        uncertainty=(
            UncertaintySource("model error, shared", 0.1 * row.nominal, 10.0 * row.nominal, 0.64),
            UncertaintySource("band_gap", 0.8 * row.nominal, 1.3 * row.nominal, 0.12),
            UncertaintySource("breakdown_field", row.nominal, row.nominal, 0.0),
        ),
        gates=(GateChance("retention", 0.54), GateChance("metal", 1.0)),
        advice=(
            "settle the gate retention: passed in 54 % of the draws",
            "measure its band gap: 12 % of the variance, 0.2 decades of energy",
        ),
    )


def make_crystal(c_over_a: float = 1.05) -> Crystal:
    """A tetragonal BaTiO3 with titanium off the centre."""
    places = [(0, 0, 0), (0.5, 0.5, 0.52), (0.5, 0.5, 0), (0.5, 0, 0.5), (0, 0.5, 0.5)]
    return Crystal(
        np.diag([3.99, 3.99, 3.99 * c_over_a]), np.array([56, 22, 8, 8, 8]), np.array(places)
    )


def make_devices() -> pd.DataFrame:
    rng = np.random.default_rng(5)
    formulas = ["BaTiO3", "PbTiO3", "KNbO3", "BiFeO3", "HfO2", "LiNbO3"]
    energy = 10.0 ** rng.uniform(-15.0, -11.0, 6)
    predicted = energy * 10.0 ** rng.normal(0.0, 0.4, 6)
    return pd.DataFrame(
        {
            "id": [f"fe{i}" for i in range(6)],
            "formula": formulas,
            "mechanism": "ferroelectric",
            "device": "capacitor",
            "energy_J": energy,
            "time_s": 1e-8,
            "area_m2": 1e-12,
            "thickness_m": 5e-8,
            "levels": np.nan,
            "basis": "reported",
            "excluded": ["", "", "", "", "", "low confidence"],
            "predicted_J": np.where(np.arange(6) < 5, predicted, np.nan),
            "lower_J": 0.1 * predicted,
            "upper_J": 10.0 * predicted,
            "null_J": 1e-13,
            "decades": np.log10(energy / predicted),
            "source": "Someone et al. (2020)",
            "doi": None,
        }
    )


CHANGES = {
    "since": "2026-11-20T08:00:00+00:00",
    "causes": ("the table labels has changed",),
    "summary": "1 entered, 1 left",
    "entered": (
        {
            "kind": "entered",
            "structure_id": "ms-000000000001",
            "formula": "KNbO3",
            "mechanism": "ferroelectric",
            "before": None,
            "after": 3,
            "energy_before_J": None,
            "energy_after_J": 2.0e-15,
            "why": ("new candidate (files)",),
        },
    ),
    "left": (
        {
            "kind": "left",
            "structure_id": "ms-000000000002",
            "formula": "BiFeO3",
            "mechanism": "ferroelectric",
            "before": 9,
            "after": 14,
            "energy_before_J": 2.0e-15,
            "energy_after_J": 4.0e-15,
            "why": ("its energy went from 2e-15 to 4e-15 J",),
        },
    ),
    "moved": (),
}


def make_result() -> ScreenResult:
    """The screen with everything that a report can show."""
    bare = make_bare()
    best, devices = carded(bare), make_devices()
    return replace(
        bare,
        dossiers=tuple(map(make_dossier, best)),
        structures={row.structure_id: make_crystal() for row in best[:-1]},
        devices=devices,
        device_scores=summarize(devices),
        changes=CHANGES,
    )


def make_bare() -> ScreenResult:
    """The screen as older results and screens of compositions have it."""
    ranking, failures = make_ranking(), make_failures()
    return ScreenResult(
        screen=ScreenInfo(
            name="synapse",
            title="Non-volatile analog weights for neuromorphic computing",
            application="synapse",
            description=(
                "Which oxides keep an analog weight for ten years and change it with the least "
                "energy? One event moves the weight by one of its levels."
            ),
            device=asdict(Device()),
            sources=("bundle",),
            mechanisms=("ferroelectric", "valence_change"),
            max_energy_above_hull=0.1,
        ),
        ranking=ranking,
        reference_lines=reference_lines("synapse"),
        model_cards=(
            make_card("polar_barrier", "meV/Å³", 160, seed=1, scale=1.5, skill=0.6),
            make_card("oxygen_vacancy_formation_energy", "eV", 52, seed=2, scale=4.0, skill=0.7),
            make_card("oxygen_migration_barrier", "eV", 28, seed=3, scale=0.9, skill=0.2),
            make_card("volume_per_atom", "Å³", 640, seed=4, scale=12.0, skill=0.95),
        ),
        failures=failures,
        counts={
            "seen": 530,
            "candidates": 400,
            "ranked": len(ranking),
            "feasible": int(ranking["feasible"].sum()),
            "failures": len(failures),
        },
        provenance={
            "created_at": "2026-11-23T12:00:00Z",
            "command": "matscreen screen synapse -o results/synapse",
            "seconds": {"pull": 2.1, "describe": 8.4, "train": 21.7, "predict": 1.2, "rank": 3.9},
            "joules": {
                "pull": 11.0,
                "describe": 60.2,
                "train": 160.0,
                "predict": 9.0,
                "rank": 30.0,
            },
            "versions": {"matscreen": "0.1.0", "python": "3.11.2", "numpy": "2.3.4"},
            "store_versions": {"candidates": 3, "labels": 7, "predictions": 2},
            "identifiers": {"screen": "5f2c1d0e", "descriptor set": "standard 1"},
        },
        files={
            "candidates.csv": "candidates.csv",
            "candidates.parquet": "candidates.parquet",
            "screen.json": "screen.json",
        },
    )


@pytest.fixture(scope="session")
def result() -> ScreenResult:
    return make_result()


@pytest.fixture(scope="session")
def hopeless(result: ScreenResult) -> ScreenResult:
    """The same screen, with nothing feasible."""
    ranking = result.ranking.assign(feasible=False, pareto=False, p_top_10=0.0, p_feasible=0.02)
    ranking["reasons"] = ranking["reasons"].replace("", "retention: 3 s at 358 K")
    return replace(result, ranking=ranking, counts={**result.counts, "feasible": 0})
