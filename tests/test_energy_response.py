from __future__ import annotations

import dataclasses

import pytest

import matscreen as ms
from matscreen.errors import ConfigError, InputError

BATIO3 = {
    "spontaneous_polarization": 26.0,
    "well_depth": 0.31,
    "curie_temperature": 393.0,
    "relative_permittivity": 500.0,
}
FILAMENT = {"oxygen_migration_barrier": 0.7, "vacancy_binding_energy": 0.7}


def test_a_sweep_is_the_energy_at_each_value():
    swept = ms.sweep("ferroelectric", BATIO3, "area", [1e-15, 1e-14], application="logic")
    for area, nominal in zip(swept["area"], swept["nominal_J"], strict=True):
        device = dataclasses.replace(ms.Device(), area=area)
        energy = ms.switching_energy("ferroelectric", BATIO3, device, application="logic")
        assert nominal == float(energy.nominal_J)
    assert swept.attrs["unit"] == "m²"


def test_a_sweep_reaches_into_the_geometry_and_into_the_material():
    blocks = ms.sweep("valence_change", FILAMENT, "filament.radius", [1e-9, 5e-9])
    assert blocks["nominal_J"].is_monotonic_increasing
    owned = ms.sweep("valence_change", FILAMENT, "oxygen_migration_barrier", [0.4, 1.2])
    assert owned.attrs["unit"] == "eV"
    assert owned["nominal_J"].is_monotonic_increasing


def test_a_sweep_says_where_the_switch_fails_and_why():
    swept = ms.sweep("ferroelectric", BATIO3, "retention_temperature", [300.0, 450.0])
    assert swept["feasible"].tolist() == [True, False]
    assert "curie_below_retention" in swept["reasons"].iloc[1]


@pytest.mark.parametrize(
    ("parameter", "error", "match"),
    [
        ("aria", InputError, "did you mean 'area'"),
        ("band_gap", InputError, "among the properties given"),
    ],
)
def test_what_cannot_be_varied(parameter, error, match):
    with pytest.raises(error, match=match):
        ms.sweep("ferroelectric", BATIO3, parameter, [1.0])


def test_a_value_out_of_range_is_refused():
    with pytest.raises(ConfigError, match=r"device\.area"):
        ms.sweep("ferroelectric", BATIO3, "area", [-1.0])


def test_exponents_are_those_of_the_formula():
    # The write is 2 Ps A V / N + k eps A V² / d: linear in the area, the floor is negligible.
    table = ms.sensitivities("ferroelectric", BATIO3, application="logic").set_index("parameter")
    assert table.loc["area", "exponent"] == pytest.approx(1.0, abs=0.01)
    assert table.loc["area", "at_twice"] == pytest.approx(2.0, abs=0.01)
    assert table.loc["well_depth", "exponent"] > 1.0
    assert table.loc["area", "of"] == "device"
    assert table.loc["well_depth", "of"] == "material"
    assert "filament.radius" not in table.index


def test_the_steepest_comes_first_and_counts_and_ends_of_a_range_have_an_exponent():
    table = ms.sensitivities("electrochemical", {
        "oxygen_vacancy_formation_energy": 2.0, "oxygen_migration_barrier": 0.3,
    })  # fmt: skip
    assert table["exponent"].abs().is_monotonic_decreasing
    levels = table.set_index("parameter").loc["n_levels"]
    assert levels["exponent"] == pytest.approx(-2.0, abs=0.01)
    ends = ms.sensitivities("ferroelectric", BATIO3).set_index("parameter")
    assert ends.loc["ferroelectric.dielectric_loss", "exponent"] > 0.5
    assert ends["at_twice"].isna()["ferroelectric.dielectric_loss"]


def test_an_odd_count_has_no_half_and_its_exponent_knows_the_step():
    # Two of five levels is not half of them: only the charge counts, and it goes as 1 / N.
    cell = {"oxygen_vacancy_formation_energy": 2.0, "oxygen_migration_barrier": 0.3}
    even, odd = (
        ms.sensitivities("electrochemical", cell, ms.Device(n_levels=n)).set_index("parameter")
        for n in (32, 33)
    )
    assert odd["exponent"]["n_levels"] == pytest.approx(even["exponent"]["n_levels"], abs=0.01)
    assert odd["at_half"].isna()["n_levels"]
    assert odd["at_twice"]["n_levels"] == pytest.approx(even["at_twice"]["n_levels"], abs=0.01)


def test_what_may_be_neither_halved_nor_doubled_still_has_an_exponent():
    geometry = dataclasses.replace(ms.Device().ferroelectric, dielectric_loss=0.7)
    device = ms.Device(ferroelectric=geometry)
    table = ms.sensitivities("ferroelectric", BATIO3, device).set_index("parameter")
    loss = table.loc["ferroelectric.dielectric_loss"]
    assert loss[["at_half", "at_twice"]].isna().all()
    assert 0.5 < loss["exponent"] < 1.0


def test_a_whole_number_of_volts_is_no_count():
    volts = [
        dataclasses.replace(
            ms.Device(), filament=dataclasses.replace(ms.Device().filament, voltage=value)
        )
        for value in (2, 2.0)
    ]
    swept = [
        ms.sweep("valence_change", FILAMENT, "filament.voltage", [1.0, 1.5], each)["nominal_J"]
        for each in volts
    ]
    assert swept[0].tolist() == swept[1].tolist()
    assert swept[0].nunique() == 2
    steep = [ms.sensitivities("valence_change", FILAMENT, each) for each in volts]
    assert steep[0]["exponent"].tolist() == steep[1]["exponent"].tolist()


def test_a_fraction_of_a_level_is_refused():
    with pytest.raises(ConfigError, match=r"device\.n_levels: must be a whole number"):
        ms.sweep("ferroelectric", BATIO3, "n_levels", [16.5])
