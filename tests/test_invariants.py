"""The distance invariant: compiled and searched alike, and the same as when the bundle was made."""

from __future__ import annotations

import numpy as np
import pytest

from matscreen import invariants
from matscreen.errors import StructureError
from matscreen.invariants import distance_invariant, distance_invariants
from matscreen.leader_matching import SCHEME, leader_id
from matscreen.structures import Crystal, CrystalBatch
from tests.crystal_copies import bundle_candidates, bundle_sample


def test_every_id_of_the_bundle_follows_from_its_crystal():
    table = bundle_candidates()
    batch = list(CrystalBatch.from_arrow(table))
    groups, ids = table["spacegroup"].to_pylist(), table["structure_id"].to_pylist()
    found = distance_invariants(batch)
    wrong = [
        expected
        for crystal, group, invariant, expected in zip(batch, groups, found, ids, strict=True)
        if leader_id(crystal.formula, group, invariant) != expected
    ]
    assert SCHEME == "distances-1"
    assert len(ids) > 6000
    assert not wrong


def test_the_search_without_numba_gives_the_same_numbers(monkeypatch):
    crystals = bundle_sample(1)
    compiled = distance_invariants(crystals)
    monkeypatch.setattr(invariants, "COMPILED", False)
    searched = distance_invariants(crystals)
    assert max(np.abs(a - b).max() for a, b in zip(compiled, searched, strict=True)) < 1e-12


def test_a_batch_is_its_crystals_one_by_one():
    crystals = bundle_sample(1)[:30]
    alone = [distance_invariant(crystal) for crystal in crystals]
    assert all((a == b).all() for a, b in zip(distance_invariants(crystals), alone, strict=True))
    assert distance_invariants([]) == []


@pytest.mark.parametrize("compiled", [True, False])
def test_a_sheet_of_a_cell_is_an_error_of_its_own(compiled, monkeypatch, srtio3):
    if not compiled:
        monkeypatch.setattr(invariants, "COMPILED", False)
    # Two vectors of 1 km all but parallel: millions of translations to look at.
    lattice = np.array([[1e7, 0, 0], [1e7, 1e-3, 0], [0, 0, 4.0]])
    sheet = Crystal(lattice, np.array([8]), np.zeros((1, 3)))
    bad, good = distance_invariants([sheet, srtio3])
    assert isinstance(bad, StructureError)
    assert bad.reason == "no_invariant"
    assert np.allclose(good, distance_invariant(srtio3))
    with pytest.raises(StructureError, match="no_invariant"):
        distance_invariant(sheet)


def test_a_single_atom_has_neighbours_of_its_own_element(cubic_perovskite):
    copper = Crystal(np.eye(3) * 2.5, np.array([29]), np.zeros((1, 3)))
    invariant = distance_invariant(copper)
    assert len(invariant) == 72
    assert np.allclose(invariant[:6], 2.5)
    assert np.allclose(invariant[6:18], 2.5 * np.sqrt(2))
    assert np.allclose(invariant[60:66], 2.5)
