import math

import numpy as np
import pytest

from matscreen.errors import ConfigError, InputError
from matscreen.mechanisms import Device, JosephsonGeometry, landauer, switching_energy
from matscreen.mechanisms.base import BOLTZMANN
from matscreen.mechanisms.josephson import (
    adiabatic_energy,
    characteristic_voltage,
    cooling_factor,
    junction_energy,
    least_critical_current,
)

KNOWN = {"superconductivity_score": 6.0}


def test_worked_examples():
    assert junction_energy(1e-4) == pytest.approx(2.067833848e-19, rel=1e-5)
    assert least_critical_current(4.2, 60) == pytest.approx(5.28588920944917e-06, rel=1e-5)
    assert cooling_factor(4.2, 0.2) == pytest.approx(353.1428571428571, rel=1e-5)
    assert cooling_factor(77.0, 0.2) == pytest.approx(15.480519, rel=1e-5)
    assert characteristic_voltage(9.2, 4.2) == pytest.approx(0.0019984200892179268, rel=1e-5)
    assert characteristic_voltage(30.0, 15.0) == pytest.approx(6.263813e-3, rel=1e-5)
    assert adiabatic_energy(5e-5, 1e-12, 2e-10) == pytest.approx(1.033916924e-21, rel=1e-5)


@pytest.mark.parametrize(
    ("temperature", "attojoules"), [(4.2, 3.860), (15.0, 3.748), (40.0, 3.487), (77.0, 3.102)]
)
def test_wall_plug_energy_at_the_thermal_limit(temperature, attojoules):
    device = Device(josephson=JosephsonGeometry(operating_temperature=temperature))
    energy = switching_energy(
        "josephson", {"critical_temperature": 3 * temperature, **KNOWN}, device
    )
    limit = float(energy.diagnostics["thermal_limit_J"])
    assert limit * 1e18 == pytest.approx(attojoules, abs=2e-3)
    at_stage = limit / float(energy.diagnostics["cooling_factor"])
    assert at_stage == pytest.approx(60 * math.pi * BOLTZMANN * temperature, rel=1e-9)


def test_adiabatic_logic_lies_under_the_limit_and_over_landauer():
    energy = switching_energy("josephson", {"critical_temperature": 9.3, **KNOWN})
    clocked = float(energy.diagnostics["adiabatic_energy_J"])
    assert clocked < float(energy.diagnostics["thermal_limit_J"])
    assert clocked >= landauer(4.65) * float(energy.diagnostics["cooling_factor"])


def test_the_stage_follows_the_critical_temperature():
    energy = switching_energy("josephson", {"critical_temperature": np.array([9.3, 39.0]), **KNOWN})
    np.testing.assert_allclose(energy.diagnostics["operating_temperature_K"], [4.65, 19.5])
    assert energy.feasible.all()


def test_gates_name_the_reason():
    def codes(tc: float, application: str = "logic", **geometry: float) -> list[str]:
        device = Device(josephson=JosephsonGeometry(**geometry))
        found = switching_energy(
            "josephson", {"critical_temperature": tc, **KNOWN}, device, application=application
        )
        return [reason.split(":")[0] for reason in found.reasons[0]]

    assert codes(4.0) == ["too_cold"]
    assert "above_critical" in codes(4.0, operating_temperature=4.2)
    assert codes(9.3, "synapse") == ["one_bit_only"]
    assert codes(9.3) == []
    unknown = switching_energy(
        "josephson", {"critical_temperature": 9.3, "superconductivity_score": -2.0}
    )
    assert unknown.reasons[0][0].startswith("no_known_superconductor")


def test_geometry_under_the_thermal_limit_is_an_error():
    with pytest.raises(ConfigError, match=r"josephson\.stability_ratio.*60.*got 20"):
        JosephsonGeometry(stability_ratio=20.0)
    with pytest.raises(InputError, match="critical_temperature must be between"):
        switching_energy("josephson", {"critical_temperature": -1.0})
