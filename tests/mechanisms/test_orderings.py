"""What any expert expects of the energies, whatever the mechanism."""

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matscreen.mechanisms import (
    APPLICATIONS,
    MECHANISMS,
    Device,
    ElectrolyteGeometry,
    FerroelectricGeometry,
    FilamentGeometry,
    JosephsonGeometry,
    ThresholdGeometry,
    get_mechanism,
    switching_energy,
)
from matscreen.mechanisms.base import FACTS, get_entry


def _between(low: float, high: float) -> st.SearchStrategy[float]:
    if low > 0:
        logs = st.floats(math.log(low), math.log(high))
        return logs.map(lambda value: min(max(math.exp(value), low), high))
    return st.floats(low, high)


@st.composite
def devices(draw: st.DrawFn) -> Device:
    radius = draw(_between(1e-9, 40e-9))
    gap = draw(_between(1e-9, 30e-9))
    time = draw(_between(1e-11, 1e-2))
    hold = draw(_between(0.1, 0.9))
    threshold = hold * draw(_between(1.1, 3.0))
    return Device(
        area=draw(_between(1e-17, 1e-11)),
        thickness=draw(_between(1e-9, 1e-6)),
        switching_time=time,
        temperature=draw(_between(77.0, 400.0)),
        retention_time=time * draw(_between(1.1, 1e18)),
        retention_temperature=draw(_between(77.0, 450.0)),
        n_levels=draw(st.integers(2, 256)),
        read_electrons=draw(_between(1.0, 1e4)),
        ferroelectric=FerroelectricGeometry(
            interlayer_thickness=draw(st.floats(0.0, 3e-9)),
            dead_layer_thickness=draw(st.floats(0.0, 3e-9)),
            dielectric_loss=draw(st.floats(0.5, 1.0)),
            merz_exponent=draw(st.floats(0.5, 3.0)),
        ),
        filament=FilamentGeometry(
            radius=radius,
            gap=gap,
            outer_radius=radius * draw(_between(1.1, 50.0)),
            voltage=draw(_between(0.1, 5.0)),
        ),
        threshold=ThresholdGeometry(
            radius=radius,
            gap=gap,
            outer_radius=radius * draw(_between(1.1, 50.0)),
            hold_voltage=hold,
            threshold_voltage=threshold,
            supply_voltage=threshold * draw(_between(1.0, 3.0)),
        ),
        electrolyte=ElectrolyteGeometry(
            thickness=draw(_between(1e-9, 1e-6)), conductivity=draw(_between(1e-8, 10.0))
        ),
        josephson=JosephsonGeometry(cooling_efficiency=draw(_between(0.01, 1.0))),
    )


@st.composite
def materials(draw: st.DrawFn, name: str) -> dict[str, float]:
    mechanism = get_mechanism(name)
    values = {}
    for used in (*mechanism.requires, *mechanism.optional):
        entry = get_entry(used)
        if used in mechanism.requires or draw(st.booleans()):
            low = max(entry.lower, 1e-3) if entry.scale == "log" else entry.lower
            values[used] = draw(_between(low, entry.upper))
        if used in values and used in FACTS and entry.upper == 1.0:
            values[used] = float(round(values[used]))
    return values


@pytest.mark.parametrize("name", MECHANISMS)
@settings(max_examples=150, deadline=None)
@given(data=st.data(), device=devices(), application=st.sampled_from(APPLICATIONS))
def test_floor_nominal_ceiling(name, data, device, application):
    energy = switching_energy(name, data.draw(materials(name)), device, application=application)
    floor, nominal, ceiling = (
        float(value) for value in (energy.floor_J, energy.nominal_J, energy.ceiling_J)
    )
    assert all(math.isfinite(value) and value > 0 for value in (floor, nominal, ceiling))
    assert floor <= nominal * (1 + 1e-12)
    assert nominal <= ceiling * (1 + 1e-12)
    assert float(energy.lower_J) <= nominal <= float(energy.upper_J)
    assert bool(energy.feasible) == (not energy.reasons[0])


def _nominal_over_floor(name, properties, **changes):
    energy = switching_energy(name, properties, Device(**changes))
    return float(energy.nominal_J - energy.floor_J)


@given(factor=st.floats(1.0, 100.0))
def test_ferroelectric_energy_scales_with_area(factor):
    hafnia = {"spontaneous_polarization": 50.0, "well_depth": 2.0, "relative_permittivity": 30.0}
    one = _nominal_over_floor("ferroelectric", hafnia)
    many = _nominal_over_floor("ferroelectric", hafnia, area=2.5e-15 * factor)
    assert many == pytest.approx(one * factor, rel=1e-9)


@given(factor=st.floats(1.0, 100.0))
def test_electrochemical_energy_scales_with_area(factor):
    cobaltite = {"oxygen_vacancy_formation_energy": 0.4, "oxygen_migration_barrier": 0.3}
    one = _nominal_over_floor("electrochemical", cobaltite, switching_time=1e-3)
    many = _nominal_over_floor(
        "electrochemical", cobaltite, switching_time=1e-3, area=2.5e-15 * factor
    )
    assert many == pytest.approx(one * factor, rel=1e-9)


@given(factor=st.floats(1.0, 100.0))
def test_heated_spots_cost_power_times_time(factor):
    vanadium = {"transition_temperature": 340.0}
    stored = 4.2e-16
    one = _nominal_over_floor("insulator_metal", vanadium, switching_time=1e-7) - stored
    long = _nominal_over_floor("insulator_metal", vanadium, switching_time=1e-7 * factor) - stored
    assert long == pytest.approx(one * factor, rel=1e-2)


@given(ratio=st.floats(60.0, 1e4))
def test_josephson_energy_scales_with_the_stability_asked(ratio):
    def nominal(asked: float) -> float:
        device = Device(josephson=JosephsonGeometry(stability_ratio=asked))
        return float(
            switching_energy("josephson", {"critical_temperature": 20.0}, device).nominal_J
        )

    assert nominal(ratio) == pytest.approx(nominal(60.0) * ratio / 60.0, rel=1e-9)


def test_hafnia_stays_far_under_its_coherent_ceiling():
    hafnia = {"spontaneous_polarization": 50.0, "well_depth": 2.2, "relative_permittivity": 30.0}
    energy = switching_energy("ferroelectric", hafnia)
    assert float(energy.ceiling_J / energy.nominal_J) > 5.0


def test_an_isolated_vacancy_keeps_no_state_for_ten_years():
    alone = {"oxygen_migration_barrier": 0.7, "vacancy_binding_energy": 0.0}
    energy = switching_energy("valence_change", alone)
    assert any(reason.startswith("retention") for reason in energy.reasons[0])


def test_the_voltage_time_dilemma_takes_many_decades():
    hafnia = {"oxygen_migration_barrier": 0.65, "vacancy_binding_energy": 0.7}
    decades = switching_energy("valence_change", hafnia).diagnostics["voltage_time_decades"]
    assert float(decades) > 10.0


def test_unknown_facts_change_nothing():
    energy = switching_energy(
        "ferroelectric",
        {"spontaneous_polarization": 26.0, "well_depth": 0.3, "antiferroelectric": np.nan},
    )
    assert not any("antiferroelectric" in reason for reason in energy.reasons[0])
