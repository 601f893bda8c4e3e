from __future__ import annotations

import numpy as np
import pandas as pd
import pytest

from matscreen.identity import structure_id
from matscreen.structures import Crystal


def _rhombohedral() -> Crystal:
    """R3c-like LiNbO3 in the hexagonal cell: coordinates on and next to thirds."""
    oxygen = np.array([0.0486, 0.3436, 0.0640])
    x, y, z = oxygen
    orbit = [(x, y, z), (-y, x - y, z), (-x + y, -x, z)]
    orbit += [(-y, -x, z + 0.5), (-x + y, y, z + 0.5), (x, x - y, z + 0.5)]
    sites = [(0, 0, 0.2785), (0, 0, 0.7785), (0, 0, 0), (0, 0, 0.5), *orbit]
    shifts = np.array([[0, 0, 0], [2 / 3, 1 / 3, 1 / 3], [1 / 3, 2 / 3, 2 / 3]])
    coords = (np.array(sites)[None] + shifts[:, None]).reshape(-1, 3)
    numbers = np.tile([3, 3, 41, 41, 8, 8, 8, 8, 8, 8], 3)
    lattice = np.array([[5.148, 0, 0], [-2.574, 2.574 * np.sqrt(3), 0], [0, 0, 13.863]])
    return Crystal(lattice, numbers, coords)


def _triclinic() -> Crystal:
    rng = np.random.default_rng(7)
    lattice = np.diag([4.1, 4.4, 8.3]) + rng.normal(scale=0.4, size=(3, 3))
    coords = np.array([[i, j, k] for i in (0, 0.5) for j in (0, 0.5) for k in (0, 0.25, 0.5, 0.75)])
    coords = coords[:15] + rng.normal(scale=0.012, size=(15, 3))
    coords[0] = [-1e-15, 1.0 - 1e-15, -0.4]
    return Crystal(lattice, np.array([12] * 5 + [40] * 3 + [8] * 7), coords)


@pytest.fixture(scope="session")
def crystals(batio3, srtio3) -> dict[str, Crystal]:
    found = [batio3, srtio3, _rhombohedral(), _triclinic()]
    return {structure_id(crystal): crystal for crystal in found}


@pytest.fixture
def ranking(crystals) -> pd.DataFrame:
    ids = list(crystals)
    order = [0, 2, 0, 1, 3, 2]
    count = len(order)
    table = pd.DataFrame(
        {
            "rank": range(1, count + 1),
            "formula": [crystals[ids[i]].formula for i in order],
            "structure_id": [ids[i] for i in order],
            "mechanism": ["ferroelectric", "ferroelectric", "valence_change"] * 2,
            "energy_nominal_J": np.array([1.23456789e-18, 2e-17, -0.0, np.nan, 1 / 3, 12345678.9]),
            "feasible": [True, True, False, True, False, True],
            "reasons": ["", "", "not_polar: 4/mmm; leaky: 3 eV", "", "", ""],
            "energy_above_hull": [0.0, 0.012, 0.0, np.nan, 0.05, 0.012],
            "in_domain": pd.array([True, False, None, True, None, True], dtype="boolean"),
            "source": ["files", "µ-source", "files", None, "files", "files"],
        }
    )
    table.attrs["units"] = {"energy_nominal_J": "J", "energy_above_hull": "eV/atom"}
    table.attrs["made_at"] = "a moment that differs between runs"
    return table


@pytest.fixture
def awkward(ranking) -> pd.DataFrame:
    """Return the ranking with every kind of column, and texts that formats stumble over."""
    table = ranking.assign(
        energy_lower_J=[1e-19, 1e-17, 0.0, np.nan, 0.1, 1.0],
        energy_upper_J=[1e-17, 3e-17, 1e-15, np.nan, 0.5, 2e7],
        evidence=["mlip", "prior", "prior", "measured", "prior", "prior"],
        source_id=["1000017", "=1+1", "1000017", None, "a, b", "=1+1"],
        film_plane=["001", "True", "001", None, "110", "True"],
        spacegroup=[99.0, 161.0, 99.0, np.nan, np.nan, 161.0],
        prototype=["T", 'say "a b"', "T", "", "x", 'say "a b"'],
        band_gap=[3.2, 3.7, 3.2, 3.25, np.nan, 3.7],
        band_gap_evidence=["mlip"] * 6,
    )
    units = {name: "J" for name in table if name.endswith("_J")}
    table.attrs = {"units": {**units, "energy_above_hull": "eV/atom", "band_gap": "eV"}}
    return table


@pytest.fixture
def best(awkward) -> dict[str, dict]:
    """Return what each structure's best row holds, by structure id."""
    rows = awkward.drop_duplicates("structure_id").set_index("structure_id")
    return {str(name): row.to_dict() for name, row in rows.iterrows()}
