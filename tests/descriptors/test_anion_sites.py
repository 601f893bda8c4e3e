"""What surrounds each anion."""

import numpy as np
import pytest

from matscreen.descriptors import get_descriptor_set
from matscreen.descriptors.anion_sites import SITE_COLUMNS
from matscreen.descriptors.sets import Analysis
from matscreen.structures import Crystal, CrystalBatch

SITE_LABELS = [label for label, _ in SITE_COLUMNS]
SITES = np.array([[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])
BA, TI, OXYGEN = 56, 22, 8


def perovskite(*, edge=4.0, shift=0.0):
    sites = SITES.copy()
    sites[1, 2] += shift
    return Crystal(np.eye(3) * edge, np.array([BA, TI, 8, 8, 8]), sites)


def of(crystal, label):
    analysis = Analysis(CrystalBatch.from_crystals([crystal]))
    return analysis.anion_sites[:, SITE_LABELS.index(label)]


def test_oxygens_of_the_cubic_cell_are_alike():
    analysis = Analysis(CrystalBatch.from_crystals([perovskite()]))
    oxygens = analysis.anion_sites[2:]
    assert oxygens == pytest.approx(np.repeat(oxygens[:1], 3, axis=0), nan_ok=True)


def test_bonds_of_an_oxygen():
    cell = perovskite()
    assert of(cell, "bond_min")[2] == pytest.approx(2.0)
    # Pauling: two bonds of 4/6 and four of 2/12.
    assert of(cell, "bond_strength")[2] == pytest.approx(2.0, abs=0.02)
    assert of(cell, "charge_max")[2] == 4.0
    assert of(cell, "charge_min")[2] == 2.0
    assert of(cell, "anion_distance")[2] == pytest.approx(4.0 / np.sqrt(2))


def test_a_displaced_cation_tells_its_oxygens_apart():
    cell = perovskite(shift=0.05)
    strength = of(cell, "bond_energy")[2:]
    assert np.ptp(strength) > 0.1
    described = get_descriptor_set("full")
    row = dict(
        zip(
            described.labels,
            described.featurize(CrystalBatch.from_crystals([cell])).values[0],
            strict=True,
        )
    )
    assert row["anion_site_bond_energy_min"] == pytest.approx(strength.min())
    assert row["anion_site_bond_energy_max"] == pytest.approx(strength.max())
    assert row["anion_site_bond_energy_mean"] == pytest.approx(strength.mean())


def test_a_supercell_changes_nothing():
    cell = perovskite(shift=0.03)
    double = Crystal(
        cell.lattice * np.array([[2], [1], [1]]),
        np.tile(cell.atomic_numbers, 2),
        np.vstack([cell.frac_coords, np.add(cell.frac_coords, [1, 0, 0])]) * [0.5, 1, 1],
    )
    described = get_descriptor_set("full")
    values = described.featurize(CrystalBatch.from_crystals([cell, double])).values
    mine = [i for i, label in enumerate(described.labels) if label.startswith("anion_site_")]
    assert values[0, mine] == pytest.approx(values[1, mine], rel=1e-6, nan_ok=True)


def test_without_anions_all_is_unknown():
    metal = Crystal(np.eye(3) * 2.9, np.array([26, 26]), np.array([[0, 0, 0], [0.5, 0.5, 0.5]]))
    described = get_descriptor_set("full")
    values = described.featurize(CrystalBatch.from_crystals([metal])).values[0]
    mine = [i for i, label in enumerate(described.labels) if label.startswith("anion_site_")]
    assert np.isnan(values[mine]).all()
