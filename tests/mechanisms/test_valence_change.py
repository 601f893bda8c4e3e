import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from matscreen.mechanisms import Device, FilamentGeometry, get_mechanism, switching_energy
from matscreen.mechanisms.base import BOLTZMANN
from matscreen.mechanisms.base import ELEMENTARY_CHARGE as Q
from matscreen.mechanisms.filament import (
    lowered_barriers,
    nanoscale_conductivity,
    retention_barrier,
    retention_time,
    switching_temperature,
    thermal_resistance,
)
from matscreen.mechanisms.valence_change import event_distance


def test_lowered_barriers_of_the_worked_example():
    along, against = lowered_barriers(1.602176634e-19, 2e8, charge=2, hop_distance=2.5e-10)
    assert along == pytest.approx(1.5228795430186329e-19, rel=1e-5)
    assert against == pytest.approx(1.6830972064186328e-19, rel=1e-5)
    assert along / Q == pytest.approx(0.950507, rel=1e-5)


def test_small_fields_tilt_the_barrier_by_half_the_work_of_a_hop():
    along, against = lowered_barriers(Q, 1e5, charge=2, hop_distance=2.5e-10)
    assert (against - along) / Q == pytest.approx(2 * 2.5e-10 * 1e5, rel=1e-6)


def test_a_field_beyond_the_barrier_leaves_none():
    along, _ = lowered_barriers(0.05 * Q, 5e9, charge=2, hop_distance=2.5e-10)
    assert along == pytest.approx(0.0, abs=1e-25)


def test_drift_velocity_of_the_worked_example():
    along, against = lowered_barriers(Q, 2e8, charge=2, hop_distance=2.5e-10)
    kt = BOLTZMANN * 900.0
    velocity = 2.5e-10 * 2e13 * (np.exp(-along / kt) - np.exp(-against / kt))
    assert velocity == pytest.approx(1.723623e-2, rel=1e-5)


def test_power_and_energy_of_the_worked_example():
    part = FilamentGeometry(gap=5e-9, voltage=1.0)
    hot = switching_temperature(Q, voltage=1.0, time=1e-8, gap=5e-9, geometry=part)
    assert hot == pytest.approx(1197.585668291394, rel=1e-5)
    resistance = thermal_resistance(
        5.0, length=5e-9, radius=2.5e-9, outer_radius=25e-9, surrounding_conductivity=1.0
    )
    assert resistance == pytest.approx(5857427.992608694, rel=1e-5)
    power = (hot - 300.0) / resistance
    assert power == pytest.approx(0.00015323887368722748, rel=1e-5)
    ions = 2 * Q * 1e27 * np.pi * 2.5e-9**2 * 5e-9 * 1.0
    assert ions == pytest.approx(3.145866464454765e-17, rel=1e-5)
    assert power * 1e-8 + ions == pytest.approx(1.5324201955369193e-12, rel=1e-5)


def test_axial_resistance_of_the_worked_example():
    resistance = thermal_resistance(
        5.0, length=5e-9, radius=2.5e-9, outer_radius=25e-9, surrounding_conductivity=1e-12
    )
    assert resistance == pytest.approx(6.366198e6, rel=1e-6)


def test_retention_barrier_of_the_worked_example():
    barrier = retention_barrier(315576000.0, 358.0, attempt_frequency=1e13, hops=8.0)
    assert barrier == pytest.approx(2.241259806074757e-19, rel=1e-5)
    assert barrier / Q == pytest.approx(1.398884, rel=1e-5)


def test_retention_time_of_the_worked_example():
    lasts = retention_time(0.7 * Q, 300.0, attempt_frequency=1e13, hops=8.0)
    assert lasts == pytest.approx(3.678429, rel=1e-5)


def test_retention_time_inverts_the_retention_barrier():
    barrier = retention_barrier(1e6, 400.0, attempt_frequency=2e13, hops=12.0)
    assert retention_time(barrier, 400.0, attempt_frequency=2e13, hops=12.0) == pytest.approx(1e6)


@pytest.mark.parametrize(
    ("barrier", "published_pj"),
    [(0.62, 0.80), (0.70, 1.06), (1.40, 3.3)],
    ids=["STO", "HfO2", "10y"],
)
def test_published_illustration_is_reproduced(barrier, published_pj):
    part = FilamentGeometry()
    hot = switching_temperature(
        barrier * Q, voltage=part.voltage, time=1e-8, gap=part.gap, geometry=part
    )
    resistance = thermal_resistance(
        5.0,
        length=part.gap,
        radius=part.radius,
        outer_radius=part.outer_radius,
        surrounding_conductivity=1.0,
    )
    assert (hot - 300.0) / resistance * 1e-8 == pytest.approx(published_pj * 1e-12, rel=0.02)
    # The mechanism has one conductivity in and around the filament: 5 W/m/K after its size limit.
    energy = switching_energy(
        "valence_change",
        {
            "oxygen_migration_barrier": barrier,
            "vacancy_binding_energy": 0.0,
            "thermal_conductivity": 6.25,
        },
    )
    assert energy.nominal_J == pytest.approx(published_pj * 1e-12, rel=0.15)


def test_model_error_adds_up_to_eleven_tenths_of_a_decade():
    assert get_mechanism("valence_change").model_error.total == pytest.approx(1.1, abs=0.01)


@given(
    hop=st.floats(0.05, 6.0),
    shift=st.floats(-4.0, 4.0),
    binding=st.floats(0.0, 3.0),
    conductivity=st.floats(0.05, 500.0),
    permittivity=st.floats(1.0, 1e5),
    time=st.floats(1e-11, 1.0),
    gap=st.floats(0.3e-9, 20e-9),
    voltage=st.floats(0.05, 5.0),
    application=st.sampled_from(["synapse", "logic", "neuron"]),
)
@settings(max_examples=150, deadline=None)
def test_order_of_the_three_energies_holds_everywhere(
    hop, shift, binding, conductivity, permittivity, time, gap, voltage, application
):
    device = Device(switching_time=time, filament=FilamentGeometry(gap=gap, voltage=voltage))
    energy = get_mechanism("valence_change").energies(
        {
            "oxygen_migration_barrier": hop,
            "migration_charge_shift": shift,
            "vacancy_binding_energy": binding,
            "thermal_conductivity": conductivity,
            "relative_permittivity": permittivity,
        },
        device,
        application,
    )
    numbers = [float(energy.floor_J), float(energy.nominal_J), float(energy.ceiling_J)]
    assert np.isfinite(numbers).all()
    assert numbers[0] <= numbers[1] <= numbers[2]


def test_binding_rules_writing_and_keeping_alike():
    loose = switching_energy(
        "valence_change", {"oxygen_migration_barrier": 0.7, "vacancy_binding_energy": 0.0}
    )
    bound = switching_energy(
        "valence_change", {"oxygen_migration_barrier": 0.7, "vacancy_binding_energy": 0.75}
    )
    assert bound.nominal_J > 2 * loose.nominal_J
    assert bound.diagnostics["retention_time_s"] > 315576000.0
    assert loose.diagnostics["retention_time_s"] < 1.0
    assert not loose.feasible
    assert bound.feasible


def test_bare_hop_that_keeps_no_state_is_flagged():
    energy = switching_energy("valence_change", {"oxygen_migration_barrier": 0.8})
    assert any(sentence.startswith("needs_binding") for sentence in energy.warnings[0])


def test_one_level_of_a_synapse_costs_nearly_a_full_reversal():
    properties = {"oxygen_migration_barrier": 0.8}
    level = switching_energy("valence_change", properties, application="synapse").nominal_J
    whole = switching_energy("valence_change", properties, application="logic").nominal_J
    assert 0.6 < level / whole < 1.0


def test_event_distance_is_at_least_one_hop():
    assert event_distance(Device(), "logic") == pytest.approx(3e-9)
    assert event_distance(Device(n_levels=10**6), "synapse") == pytest.approx(0.25e-9, rel=1e-3)


def _codes(application="logic", **changes):
    properties = {
        "oxygen_migration_barrier": 0.8,
        "melting_temperature": 2500.0,
        "band_gap": 2.0,
        "oxygen_vacancy_formation_energy": 5.0,
    } | changes
    energy = switching_energy("valence_change", properties, application=application)
    return [sentence.split(":")[0] for sentence in energy.reasons[0]]


@pytest.mark.parametrize(
    ("change", "code"),
    [
        ({"oxygen_migration_barrier": 0.4}, "retention"),
        ({"melting_temperature": 1500.0}, "melting"),
        ({"band_gap": 0.0}, "metal"),
        ({"oxygen_vacancy_formation_energy": -0.5}, "reduces_by_itself"),
        ({"application": "neuron"}, "not_volatile"),
    ],
)
def test_each_gate_closes_for_its_own_reason(change, code):
    assert _codes() == []
    assert _codes(**change) == [code]


def test_too_short_an_event_is_impossible():
    energy = switching_energy(
        "valence_change", {"oxygen_migration_barrier": 0.8}, Device(switching_time=1.2e-12)
    )
    assert any(sentence.startswith("too_fast") for sentence in energy.reasons[0])
    assert np.isfinite(energy.nominal_J)


def test_heat_leaks_through_the_better_conductor():
    assert nanoscale_conductivity(25.0, 25.0) == pytest.approx(12.5)
    cold = switching_energy(
        "valence_change", {"oxygen_migration_barrier": 0.8, "thermal_conductivity": 50.0}
    )
    hot = switching_energy(
        "valence_change", {"oxygen_migration_barrier": 0.8, "thermal_conductivity": 1.0}
    )
    assert cold.nominal_J / hot.nominal_J == pytest.approx((50 * 25 / 75) / (25 / 26), rel=0.01)
