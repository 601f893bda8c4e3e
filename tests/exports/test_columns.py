from __future__ import annotations

import pandas as pd
import pytest

from matscreen.exports import Column, describe_columns
from matscreen.exports.columns import name_with_unit, table_columns
from matscreen.mechanisms import MECHANISMS
from matscreen.ranking import rank


@pytest.fixture(scope="module")
def ranked() -> pd.DataFrame:
    """Return a ranking under every mechanism, made of priors."""
    candidates = pd.DataFrame(
        {
            "structure_id": ["a", "b"],
            "formula": ["BaTiO3", "VO2"],
            "spacegroup": [99, 136],
            "volume_per_atom": [12.8, 9.8],
        }
    )
    known = pd.DataFrame(
        {
            "structure_id": ["a", "b"],
            "property": ["band_gap", "transition_temperature"],
            "mean": [3.2, 340.0],
            "evidence": ["measured", "measured"],
        }
    )
    return rank(candidates, known, mechanisms=list(MECHANISMS), samples=100)


def test_every_column_of_a_ranking_says_what_it_holds(ranked):
    unexplained = [column.name for column in table_columns(ranked) if not column.meaning]
    assert unexplained == []


def test_every_physical_number_has_its_unit(ranked):
    columns = {column.name: column for column in table_columns(ranked)}
    assert columns["energy_nominal_J"].unit == "J"
    assert columns["energy_above_hull"].unit == "eV/atom"
    assert columns["transition_temperature"].unit == "K"
    assert columns["write_field_V_per_m"].unit == "V/m"
    assert columns["moved_charge_C"].unit == "C"
    assert columns["relative_permittivity"].unit == ""
    for name, column in columns.items():
        end = name.rsplit("_", 1)[-1]
        if end in {"J", "V", "K", "A", "C", "s"}:
            assert column.unit == end, name


def test_columns_that_say_whether_it_could_be_made_are_explained():
    from matscreen.fabrication import assess, match_substrates

    formulas = pd.DataFrame({"structure_id": ["a"], "formula": ["BaTiO3"]})
    assessed = assess(formulas, pd.Series({"a": 1900.0}))
    made = [*assessed.columns, *match_substrates({}).columns]
    described = describe_columns([name for name in made if name != "restricted"])
    assert [column.name for column in described if not column.meaning] == []


def test_an_unknown_column_has_no_meaning_and_keeps_its_unit():
    assert describe_columns(["novel"], {"novel": "K"}) == (Column("novel", "K", ""),)


@pytest.mark.parametrize(
    ("name", "unit", "expected"),
    [
        ("energy_nominal_J", "J", "energy_nominal_J"),
        ("write_field_V_per_m", "V/m", "write_field_V_per_m"),
        ("energy_above_hull", "eV/atom", "energy_above_hull_eV_per_atom"),
        ("spontaneous_polarization", "µC/cm²", "spontaneous_polarization_uC_per_cm2"),
        ("well_depth", "meV/Å³", "well_depth_meV_per_A3"),
        ("thermal_conductivity", "W/m/K", "thermal_conductivity_W_per_m_per_K"),
        ("mismatch", "%", "mismatch_percent"),
        ("rank", "", "rank"),
    ],
)
def test_a_name_with_its_unit_is_plain_ascii(name, unit, expected):
    assert name_with_unit(Column(name, unit, "")) == expected


def test_no_column_takes_a_key_that_ase_keeps_for_itself(ranked):
    from ase.db.core import check

    from matscreen.exports.atoms import _RENAMED

    keys = [name_with_unit(column) for column in table_columns(ranked)]
    check({_RENAMED.get(key, key): 1 for key in keys})
