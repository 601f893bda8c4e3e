from __future__ import annotations

import math

import numpy as np
from monty.serialization import loadfn
from pymatgen.core import Structure

from matscreen.exports import write_pymatgen
from matscreen.structures import Crystal


def test_monty_gives_back_the_structures_with_their_ranking(awkward, crystals, best, tmp_path):
    structures = loadfn(write_pymatgen(awkward, crystals, tmp_path / "c.json"))
    assert [s.properties["structure_id"] for s in structures] == list(best)
    for structure in structures:
        assert isinstance(structure, Structure)
        properties = structure.properties
        original = crystals[properties["structure_id"]]
        again = Crystal.from_pymatgen(structure)
        assert again.atomic_numbers.tolist() == original.atomic_numbers.tolist()
        np.testing.assert_array_equal(again.lattice, original.lattice)
        np.testing.assert_allclose(again.frac_coords, original.frac_coords, atol=1e-14)
        expected = best[properties["structure_id"]]
        for column in ("rank", "mechanism", "energy_nominal_J", "evidence", "source_id"):
            value = expected[column]
            if (isinstance(value, float) and not math.isfinite(value)) or value is None:
                assert column not in properties
            else:
                assert properties[column] == value


def test_units_and_the_other_mechanisms_are_there(awkward, crystals, tmp_path):
    first = loadfn(write_pymatgen(awkward, crystals, tmp_path / "c.json", top_k=1))[0]
    assert first.properties["units"]["energy_nominal_J"] == "J"
    assert first.properties["units"]["band_gap"] == "eV"
    assert [each["rank"] for each in first.properties["by_mechanism"]] == [1, 3]
    assert [each["energy_nominal_J"] for each in first.properties["by_mechanism"]] == [
        1.23456789e-18,
        0.0,
    ]
