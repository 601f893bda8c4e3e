import numpy as np
import pandas as pd
import pytest

from matscreen.crystal_facts import POLAR_SPACE_GROUPS, crystal_facts


def test_polar_space_groups_are_those_of_the_ten_polar_point_groups():
    import moyopy

    classes = {"1", "2", "m", "mm2", "4", "4mm", "3", "3m", "6", "6mm"}
    polar = {
        number
        for number in range(1, 231)
        if moyopy.SpaceGroupType(number).geometric_crystal_class in classes
    }
    assert polar == POLAR_SPACE_GROUPS
    assert len(polar) == 68


def test_facts_of_crystals():
    tetragonal = np.diag([3.9, 3.9, 4.9])
    frame = pd.DataFrame(
        {
            "formula": ["PbTiO3", "PbTiO3", "YMnO3", "HfO2"],
            "spacegroup": [99, 221, 185, None],
            "nsites": [5, 5, 30, None],
            "lattice": [tetragonal.ravel().tolist(), np.eye(3).ravel() * 4, None, None],
        }
    )
    facts = crystal_facts(frame, np.array([np.nan, np.nan, 12.0, 11.0]))
    assert facts["polar"][:3].tolist() == [1.0, 0.0, 1.0]
    assert np.isnan(facts["polar"][3])
    assert facts["improper"][:3].tolist() == [0.0, 0.0, 1.0]
    assert facts["axial_ratio"][0] == pytest.approx(4.9 / 3.9)
    assert np.isnan(facts["axial_ratio"][1:]).all()
    assert facts["formula_unit_volume"] == pytest.approx([3.9 * 3.9 * 4.9, 64.0, 60.0, 33.0])


def test_a_flat_tetragonal_cell_has_a_ratio_under_one():
    frame = pd.DataFrame(
        {
            "formula": ["PbTiO3"],
            "spacegroup": [99],
            "nsites": [5],
            "lattice": [np.diag([3.8, 4.0, 4.0]).ravel()],
        }
    )
    assert crystal_facts(frame)["axial_ratio"][0] == pytest.approx(0.95)
