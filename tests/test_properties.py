"""The registry of properties: names and units of the design, sane bounds, clear refusals."""

from __future__ import annotations

import math

import pytest
from hypothesis import given
from hypothesis import strategies as st

from matscreen.errors import InputError
from matscreen.properties import EVIDENCE, PROPERTIES, get_property, is_physical

DESIGN_UNITS = {
    "formation_energy_per_atom": "eV/atom",
    "energy_above_hull": "eV/atom",
    "band_gap": "eV",
    "volume_per_atom": "Å³",
    "relative_permittivity": "1",
    "spontaneous_polarization": "µC/cm²",
    "polar_barrier": "meV/Å³",
    "well_depth": "meV/Å³",
    "curie_temperature": "K",
    "oxygen_vacancy_formation_energy": "eV",
    "oxygen_migration_barrier": "eV",
    "transition_temperature": "K",
    "critical_temperature": "K",
    "melting_temperature": "K",
    "thermal_conductivity": "W/m/K",
    "heat_capacity": "J/m³/K",
    "insertion_voltage": "V",
}

# Room-temperature facts about common oxides that no bound may exclude.
REAL_VALUES = [
    ("band_gap", 0.0),  # a metal
    ("band_gap", 7.8),  # MgO
    ("relative_permittivity", 300.0),  # SrTiO3
    ("spontaneous_polarization", 75.0),  # PbTiO3
    ("curie_temperature", 1480.0),  # LiNbO3
    ("oxygen_migration_barrier", 0.5),  # SrTiO3
    ("transition_temperature", 340.0),  # VO2
    ("critical_temperature", 93.0),  # YBa2Cu3O7
    ("melting_temperature", 3098.0),  # MgO
    ("thermal_conductivity", 1.5),  # ZrO2
    ("heat_capacity", 2.7e6),  # SrTiO3
    ("insertion_voltage", 3.4),  # LiFePO4
]


def test_names_and_units_are_those_of_the_design():
    assert {name: PROPERTIES[name].unit for name in DESIGN_UNITS} == DESIGN_UNITS


@pytest.mark.parametrize("entry", PROPERTIES.values(), ids=lambda entry: entry.name)
def test_entries_are_sound(entry):
    assert PROPERTIES[entry.name] is entry
    assert entry.lower < entry.upper
    assert entry.scale in ("linear", "log")
    assert entry.scale == "linear" or entry.lower > 0
    assert entry.meaning
    assert not entry.meaning.endswith(".")


@pytest.mark.parametrize(("name", "value"), REAL_VALUES)
def test_real_values_are_physical(name, value):
    assert is_physical(name, value)


@given(name=st.sampled_from(sorted(PROPERTIES)), value=st.floats())
def test_is_physical_means_finite_and_within_bounds(name, value):
    entry = PROPERTIES[name]
    expected = math.isfinite(value) and entry.lower <= value <= entry.upper
    assert is_physical(name, value) is expected


def test_unknown_names_are_refused_with_the_known_ones():
    with pytest.raises(InputError, match=r"unknown property 'bandgap'.*band_gap"):
        get_property("bandgap")
    with pytest.raises(InputError, match="unknown property"):
        is_physical("nonsense", 1.0)


def test_evidence_is_ordered_from_measured_to_prior():
    assert EVIDENCE == ("measured", "dft", "mlip", "surrogate", "prior")
