"""A finished screen of four materials and its store, without the minutes that a real one takes."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import pandas as pd

from matscreen import tables
from matscreen.config import load_screen
from matscreen.exports import write_parquet
from matscreen.store import Store
from matscreen.structures import Crystal

PEROVSKITE = np.array([[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])


@dataclass(frozen=True)
class SmallScreen:
    """What was made: the ranked crystals, the ranking, and where they lie."""

    results: Path
    store: Store
    crystals: dict[str, Crystal]
    ranking: pd.DataFrame


def make_screen(folder: Path) -> SmallScreen:
    """Leave what a screen leaves: results in `results`, its tables in `store`.

    The best material is known by its composition only; two have crystals and are feasible; the
    last is not feasible.
    """
    crystals = {
        "aa11": _perovskite(56, 22, shift=0.02),
        "bb22": _perovskite(38, 22),
        "cc33": _perovskite(56, 40),
    }
    store = Store(folder / "store")
    rows = [
        tables.candidate_row(crystal, structure_id=name, spacegroup=99 if name == "aa11" else 221)
        for name, crystal in crystals.items()
    ]
    bare = {"structure_id": "dd44", "formula": "VO2", "chemsys": "O-V", "nsites": 0}
    store.upsert("candidates", tables.from_rows("candidates", [*rows, bare]))
    origin = [
        {"structure_id": name, "source": "files", "source_id": f"{name}.cif", "licence": "CC0-1.0"}
        for name in crystals
    ]
    store.upsert("provenance", tables.from_rows("provenance", origin))
    results = folder / "results"
    ranking = _ranking(crystals)
    write_parquet(ranking, results / "candidates.parquet")
    summary = {
        "screen": load_screen("synapse").model_dump(mode="json"),
        "provenance": {
            "store_versions": store.versions(),
            "versions": {"matscreen": "0.1.0"},
            "identifiers": {"run_id": "ab12"},
        },
        "finished_at": "2026-03-01T12:00:00+00:00",
    }
    (results / "screen.json").write_text(json.dumps(summary))
    return SmallScreen(results, store, crystals, ranking)


def _perovskite(a: int, b: int, *, shift: float = 0.0) -> Crystal:
    """Return a cubic perovskite whose B ion is moved along c."""
    coords = PEROVSKITE + shift * np.outer(np.arange(5) == 1, [0, 0, 1])
    return Crystal(np.eye(3) * 4.0, np.array([a, b, 8, 8, 8]), coords)


def _ranking(crystals: dict[str, Crystal]) -> pd.DataFrame:
    ids = ["dd44", "aa11", "bb22", "cc33", "aa11"]
    table = pd.DataFrame(
        {
            "rank": range(1, 6),
            "rank_in_mechanism": [1, 1, 2, 3, 2],
            "formula": ["VO2", *(crystals[name].formula for name in ids[1:])],
            "structure_id": ids,
            "mechanism": ["valence_change", *["ferroelectric"] * 3, "valence_change"],
            "energy_nominal_J": [1e-18, 1.23456789012345e-17, 2e-16, 3e-15, 4e-15],
            "energy_lower_J": [1e-19, 1e-18, 1e-17, 1e-16, 1e-16],
            "energy_upper_J": [1e-17, 1e-16, 1e-15, 1e-14, 1e-13],
            "feasible": [True, True, True, False, False],
            "reasons": ["", "", "", "nonpolar: no polar axis", "leaky: a gap of 1 eV"],
            "evidence": ["measured", "mlip", "mlip", "mlip", "prior"],
            "source": ["known", *["files"] * 4],
            "source_id": ["VO2", *(f"{name}.cif" for name in ids[1:])],
            "spacegroup": [np.nan, 99.0, 221.0, 221.0, 99.0],
            "energy_above_hull": [np.nan, 0.01, 0.02, 0.0, 0.01],
        }
    )
    table.attrs["units"] = {
        "energy_nominal_J": "J",
        "energy_lower_J": "J",
        "energy_upper_J": "J",
        "energy_above_hull": "eV/atom",
    }
    return table
