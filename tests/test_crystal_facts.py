import numpy as np
import pandas as pd
import pytest

from matscreen.crystal_facts import POLAR_SPACE_GROUPS, crystal_facts, phase_gaps


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


def phases(*rows):
    """Candidates of 4 Å cubic cells and their energies: id, formula, number, prototype, energy."""
    candidates = pd.DataFrame(
        [
            (name, formula, number, prototype, 5, np.eye(3).ravel() * 4.0)
            for name, formula, number, prototype, _ in rows
        ],
        columns=["structure_id", "formula", "spacegroup", "prototype", "nsites", "lattice"],
    )
    labels = pd.DataFrame(
        [
            (name, "energy_per_atom", None, energy, "relaxation/toy")
            for name, *_, energy in rows
            if energy is not None
        ],
        columns=["structure_id", "property", "path", "value", "method"],
    )
    return candidates, labels


TITANATE = (
    ("polar", "CaTiO3", 161, "perovskite-R3c", -8.080),
    ("tilted", "CaTiO3", 62, "perovskite-Pnma", -8.090),
    ("cubic", "CaTiO3", 221, "perovskite-Pm-3m", -8.020),
    ("ilmenite", "CaTiO3", 148, "ilmenite-R-3", -8.110),
    ("other", "SrTiO3", 62, "perovskite-Pnma", -9.0),
)


def test_gaps_to_the_tilted_phase_and_to_any_polymorph():
    gaps = phase_gaps(*phases(*TITANATE)).set_index("structure_id")
    assert list(gaps.index) == ["polar"]  # nonpolar phases are not judged
    assert gaps.loc["polar", "tilted_gap"] == pytest.approx(0.010)
    assert gaps.loc["polar", "tilted_spacegroup"] == 62
    assert gaps.loc["polar", "polymorph_gap"] == pytest.approx(0.030)


def test_energies_of_two_calculators_are_not_compared():
    candidates, labels = phases(*TITANATE)
    labels.loc[labels["structure_id"] == "polar", "method"] = "relaxation/another"
    assert phase_gaps(candidates, labels).empty


def test_another_structure_type_has_no_tilted_relative():
    gaps = phase_gaps(*phases(("polar", "CaTiO3", 161, None, -8.08), *TITANATE[1:]))
    assert gaps["tilted_gap"].isna().all()
    assert gaps["polymorph_gap"].iloc[0] == pytest.approx(0.030)


def test_tilt_energy_of_the_parent_stands_in_for_a_phase_that_was_not_relaxed():
    candidates, labels = phases(TITANATE[0], TITANATE[2])
    tilt = {
        "structure_id": "cubic",
        "property": "tilt_energy",
        "path": "R-3c",
        "value": 7.5,  # meV/Å³ over 64 Å³ and five atoms: 96 meV/atom
        "method": "double_well/toy",
    }
    row = phase_gaps(candidates, pd.concat([labels, pd.DataFrame([tilt])], ignore_index=True))
    assert row["tilted_gap"].iloc[0] == pytest.approx(-8.080 - (-8.020 - 0.096))
    assert row["tilted_spacegroup"].iloc[0] == 167


def test_facts_carry_the_gaps_of_the_candidates():
    frame = pd.DataFrame({"formula": ["CaTiO3", "BaTiO3"], "tilted_gap": [0.01, None]})
    facts = crystal_facts(frame)
    assert facts["tilted_gap"][0] == 0.01
    assert np.isnan(facts["tilted_gap"][1])
    assert np.isnan(facts["polymorph_gap"]).all()
