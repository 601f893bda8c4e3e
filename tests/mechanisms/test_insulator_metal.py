import math

import numpy as np
import pytest

from matscreen.mechanisms import Device, ThresholdGeometry, switching_energy
from matscreen.mechanisms.base import BOLTZMANN, ELEMENTARY_CHARGE
from matscreen.mechanisms.insulator_metal import (
    landau_zener_field,
    runaway_temperature,
    spike_energy,
    thermal_switch,
)

VO2 = {
    "transition_temperature": 340.0,
    "transition_enthalpy": 2.35e8,
    "heat_capacity": 3e6,
    "transition_score": 6.0,
}
NBO2 = {
    "transition_temperature": 1081.0,
    "conduction_activation_energy": 0.14,
    "transition_score": 6.0,
}


def test_heat_pulse_of_the_worked_example():
    pulse = thermal_switch(
        volume=1.8e-23, heat_capacity=3e6, rise=40.0, enthalpy=2.35e8, resistance=1e6, time=1e-9
    )
    assert pulse.total == pytest.approx(1.1833333440637528e-13, rel=1e-5)
    assert pulse.adiabatic == pytest.approx(6.39e-15, rel=1e-5)
    assert pulse.time_constant == pytest.approx(5.4e-11, rel=1e-5)
    assert pulse.loss_factor == pytest.approx(18.518518686443706, rel=1e-5)


def test_adiabatic_heat_of_niobium_dioxide():
    volume = math.pi * 30e-9**2 * 20e-9
    pulse = thermal_switch(
        volume=volume, heat_capacity=2.6e6, rise=780.0, enthalpy=1.6e8, resistance=1e6, time=1e-15
    )
    assert pulse.adiabatic == pytest.approx(1.237285e-13, rel=1e-5)
    assert pulse.total == pytest.approx(1.237285e-13, rel=1e-3)


def test_short_pulses_are_adiabatic_and_long_ones_leak():
    common = {"volume": 1e-23, "heat_capacity": 3e6, "rise": 50.0, "enthalpy": 1e8}
    fast = thermal_switch(**common, resistance=1e6, time=1e-16)
    slow = thermal_switch(**common, resistance=1e6, time=1e-6)
    assert fast.total == pytest.approx(fast.adiabatic, rel=1e-4)
    assert slow.total == pytest.approx((50.0 + 1e8 / 3e6) * 1e-6 / 1e6, rel=1e-4)


def test_landau_zener_field_of_the_worked_example():
    field = landau_zener_field(
        0.6 * ELEMENTARY_CHARGE, hop_distance=2.86e-10, hopping_energy=0.3 * ELEMENTARY_CHARGE
    )
    assert field == pytest.approx(524475524.4755245, rel=1e-5)


def test_spike_of_the_worked_example():
    device, supply = spike_energy(1e-15, 1.0, 0.4, 1.2)
    assert device == pytest.approx(4.2e-16, rel=1e-5)
    assert supply == pytest.approx(7.2e-16, rel=1e-5)


def test_runaway_solves_its_balance_and_needs_an_activation():
    energy = np.array([0.14, 0.3, 1.0]) * ELEMENTARY_CHARGE
    found = runaway_temperature(300.0, energy)
    np.testing.assert_allclose(found - 300.0, BOLTZMANN * found**2 / energy, rtol=1e-9)
    assert found[2] == pytest.approx(300.0 + BOLTZMANN * 300.0**2 / energy[2], rel=0.01)
    assert np.isinf(runaway_temperature(300.0, 0.1 * ELEMENTARY_CHARGE))


def test_vanadium_dioxide_trips_before_niobium_dioxide():
    vanadium = switching_energy("insulator_metal", VO2, application="neuron")
    niobium = switching_energy("insulator_metal", NBO2, application="neuron")
    hot, cool = (
        niobium.diagnostics["trip_temperature_K"],
        vanadium.diagnostics["trip_temperature_K"],
    )
    assert cool < hot
    assert hot == pytest.approx(400.0, abs=15.0)  # far under its transition, as measured
    assert vanadium.nominal_J < niobium.nominal_J


def test_it_keeps_no_state():
    for application in ("synapse", "logic"):
        energy = switching_energy("insulator_metal", VO2, application=application)
        assert not energy.feasible
        assert energy.reasons[0][0].startswith("keeps_no_state")
    assert switching_energy("insulator_metal", VO2, application="neuron").feasible


def test_a_transition_under_ambient_is_a_metal_and_a_warm_chip_is_flagged():
    cold = switching_energy(
        "insulator_metal", {**VO2, "transition_temperature": 150.0}, application="neuron"
    )
    assert [reason.split(":")[0] for reason in cold.reasons[0]] == ["metal_at_rest"]
    warm = switching_energy("insulator_metal", VO2, application="neuron")
    assert warm.warnings[0][0].startswith("metal_in_warm_chip")


def test_no_transition_no_switch():
    unknown = switching_energy(
        "insulator_metal", {**VO2, "transition_score": -1.3}, application="neuron"
    )
    assert unknown.reasons[0][0].startswith("no_known_transition")


def test_energy_grows_with_time_and_volume():
    def nominal(time: float, radius: float) -> float:
        device = Device(switching_time=time, threshold=ThresholdGeometry(radius=radius))
        return float(
            switching_energy("insulator_metal", VO2, device, application="neuron").nominal_J
        )

    assert nominal(1e-8, 15e-9) < nominal(1e-7, 15e-9)
    assert nominal(1e-8, 15e-9) < nominal(1e-8, 30e-9)
