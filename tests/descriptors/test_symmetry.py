"""Symmetry flags follow from the space group, whatever the cell."""

import numpy as np

from matscreen.descriptors.symmetry import COLUMNS, symmetry_features
from matscreen.structures import Crystal, CrystalBatch


def test_features(crystals):
    names = ["BaTiO3 cubic", "BaTiO3 tetragonal", "LiNbO3", "CaTiO3 Pnma", "ZnO wurtzite"]
    values = symmetry_features(CrystalBatch.from_crystals(crystals[name] for name in names))
    table = dict(zip([label for label, _ in COLUMNS], values.T, strict=True))
    assert table["spacegroup_number"].tolist() == [221, 99, 161, 62, 186]
    assert table["crystal_system"].tolist() == [7, 4, 5, 3, 6]
    assert table["point_group_order"].tolist() == [48, 8, 6, 8, 12]
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
