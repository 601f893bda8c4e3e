"""The table of binary oxides comes from the bundle."""

import csv

import numpy as np
import pytest

from matscreen.data import data_path
from matscreen.simulations.bundle_reading import (
    element_energies,
    read_table,
    stored_entries,
    stored_references,
)
from matscreen.simulations.calculators import MP2020_OXIDE_CORRECTION
from matscreen.simulations.oxide_energies import (
    FURTHER,
    further_crystals,
    lower_hull,
    stable_oxides,
)
from matscreen.simulations.stability import Entry, PhaseSpace


def test_hull_drops_what_is_unstable():
    points = {0.5: -1.0, 1.0: -4.0, 1.5: -4.5, 2.0: -6.0, 3.0: -5.0}
    assert lower_hull(points) == [(1.0, -4.0), (2.0, -6.0)]
    assert lower_hull({1.0: 0.5}) == []


def test_stable_oxides_per_cation():
    entries = [
        Entry("a", None, {"Mg": 1, "O": 1}, -6.0, "x"),
        Entry("b", None, {"Mg": 2, "O": 2}, -5.9, "x"),
        Entry("c", None, {"Mg": 1, "Ti": 1, "O": 3}, -8.0, "x"),
    ]
    space = PhaseSpace(entries, {"Mg": -1.5, "O": -4.9, "Ti": -7.0}, oxide_correction=0.0)
    (found,) = stable_oxides(entries, space)
    assert (found.element, found.oxygen_per_cation) == ("Mg", 1.0)
    assert found.energy == pytest.approx(2 * -6.0 + 1.5 + 4.9)


def test_further_crystals_are_small_and_of_their_elements():
    found = list(further_crystals(("Th", "As")))
    assert {name.split()[1] for name, _ in found} >= {"fluorite", "corundum"}
    assert all(crystal.nsites <= 14 for _, crystal in found)


def test_table_is_that_of_the_bundle():
    """Every row of an element that the bundle covers is made from the bundle."""
    bundle = data_path("bundle")
    labels = read_table(bundle, "labels", derived=False)
    entries = [
        entry
        for entry in stored_entries(read_table(bundle, "candidates"), labels)
        if entry.calculator == "7net-0"
    ]
    space = PhaseSpace(
        entries,
        element_energies(stored_references(bundle), "7net-0"),
        oxide_correction=MP2020_OXIDE_CORRECTION,
    )
    made = {(o.element, o.oxygen_per_cation): o.energy for o in stable_oxides(entries, space)}
    path = data_path("reference") / "oxide_energies.csv"
    with path.open(newline="", encoding="utf-8") as file:
        rows = [row for row in csv.DictReader(file) if row["element"] not in FURTHER]
    table = {
        (row["element"], float(row["oxygen_per_cation"])): float(row["energy_eV_per_cation"])
        for row in rows
    }
    made = {key: value for key, value in made.items() if key[0] not in FURTHER}
    assert made.keys() == table.keys()
    assert np.allclose([made[key] for key in made], [table[key] for key in made], atol=2e-4)
