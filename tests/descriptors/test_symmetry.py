"""Symmetry flags follow from the space group, whatever the cell."""

import numpy as np
import pytest

from matscreen.descriptors.symmetry import COLUMNS, point_group, symmetry_features
from matscreen.structures import Crystal, CrystalBatch


def test_polar_space_groups():
    # International Tables: the groups of the ten polar point groups.
    expected = {
        *(1, *range(3, 6), *range(6, 10), *range(25, 47), *range(75, 81), *range(99, 111)),
        *(*range(143, 147), *range(156, 162), *range(168, 174), *range(183, 187)),
    }
    assert {n for n in range(1, 231) if point_group(n)[1]} == expected


def test_centrosymmetric_space_groups():
    assert sum(point_group(n)[2] for n in range(1, 231)) == 92
    assert not any(point_group(n)[1] and point_group(n)[2] for n in range(1, 231))


@pytest.mark.parametrize(("number", "order"), [(1, 1), (2, 2), (99, 8), (161, 6), (221, 48)])
def test_orders(number, order):
    assert point_group(number)[0] == order


def test_features(crystals):
    names = ["BaTiO3 cubic", "BaTiO3 tetragonal", "LiNbO3", "CaTiO3 Pnma", "ZnO wurtzite"]
    values = symmetry_features(CrystalBatch.from_crystals(crystals[name] for name in names))
    table = dict(zip([label for label, _ in COLUMNS], values.T, strict=True))
    assert table["spacegroup_number"].tolist() == [221, 99, 161, 62, 186]
    assert table["crystal_system"].tolist() == [7, 4, 5, 3, 6]
    assert table["is_polar"].tolist() == [0, 1, 1, 0, 1]
    assert table["is_centrosymmetric"].tolist() == [1, 0, 0, 1, 0]
    assert table["n_primitive_sites"].tolist() == [5, 5, 10, 20, 4]
    assert table["n_wyckoff_orbits"].tolist() == [3, 4, 3, 4, 2]


def test_odd_supercell_keeps_the_point_group(make_perovskite):
    one = make_perovskite(56, 22)
    coords = np.vstack([one.frac_coords, one.frac_coords + np.array([1, 0, 0])]) / [2, 1, 1]
    double = Crystal(one.lattice * [[2], [1], [1]], np.tile(one.atomic_numbers, 2), coords)
    values = symmetry_features(CrystalBatch.from_crystals([one, double]))
    np.testing.assert_array_equal(values[0], values[1])
