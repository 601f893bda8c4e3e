import numpy as np
import pytest

from matscreen.mechanisms import Device, ElectrolyteGeometry, switching_energy
from matscreen.mechanisms.base import ELEMENTARY_CHARGE, floor_energy
from matscreen.mechanisms.electrochemical import cell_pulse, diffusion_time, moved_charge

AREA, THICKNESS = 2.5e-15, 10e-9
COBALTITE = {"oxygen_vacancy_formation_energy": 0.4, "oxygen_migration_barrier": 0.3}
SLOW = Device(switching_time=1e-2, retention_time=3e8)


def _pulse(charge, voltage, **changes):
    return cell_pulse(
        charge,
        voltage,
        **{
            "area": AREA,
            "time": 1e-3,
            "temperature": 300.0,
            "exchange_current": 1.0,
            "electrolyte_thickness": 10e-9,
            "conductivity": 1e-3,
            **changes,
        },
    )


def test_cobaltite_of_the_worked_example():
    charge = moved_charge(ion_density=0.5 / 5.9e-29, electrons=2, area=AREA, thickness=THICKNESS)
    assert charge == pytest.approx(6.78888404237288e-14, rel=1e-5)
    pulse = _pulse(charge, 0.1)
    assert pulse.overpotential == pytest.approx(0.5278635153725467, rel=1e-5)
    assert pulse.ohmic == pytest.approx(0.27155536169491523, rel=1e-5)
    assert pulse.voltage == pytest.approx(0.8994188770674619, rel=1e-5)
    assert pulse.energy == pytest.approx(6.106050461932228e-14, rel=1e-5)
    assert pulse.reversible == pytest.approx(6.788884042372881e-15, rel=1e-5)
    thick = _pulse(charge, 0.1, electrolyte_thickness=100e-9)
    assert thick.voltage == pytest.approx(3.34342, rel=1e-5)
    assert thick.energy == pytest.approx(2.26981e-13, rel=1e-5)


def test_tungsten_bronze_step_of_the_worked_example():
    charge = moved_charge(
        ion_density=1 / 5.3e-29, electrons=1, area=AREA, thickness=THICKNESS, levels=100
    )
    assert charge == pytest.approx(7.55744e-17, rel=1e-5)
    pulse = _pulse(charge, 0.3, exchange_current=10.0, conductivity=1e-2)
    assert pulse.reversible == pytest.approx(2.26723e-17, rel=1e-5)


@pytest.mark.parametrize(("barrier", "seconds"), [(0.4, 3.496334600228719e-3), (0.3, 7.306122e-5)])
def test_diffusion_time_of_the_worked_example(barrier, seconds):
    found = diffusion_time(10e-9, barrier * ELEMENTARY_CHARGE, 300.0)
    assert found == pytest.approx(seconds, rel=1e-5)


def test_ten_nanoseconds_are_too_short_for_oxygen():
    energy = switching_energy("electrochemical", COBALTITE, application="synapse")
    codes = {reason.split(":")[0] for reason in energy.reasons[0]}
    assert codes == {"diffusion_time", "outside_validity"}
    assert np.isfinite(energy.nominal_J)
    assert switching_energy("electrochemical", COBALTITE, SLOW, application="synapse").feasible


def test_voltage_follows_the_vacancy_energy_unless_it_is_known():
    low = switching_energy("electrochemical", COBALTITE, SLOW)
    high = switching_energy(
        "electrochemical", {**COBALTITE, "oxygen_vacancy_formation_energy": 2.4}, SLOW
    )
    assert float(high.diagnostics["cell_voltage_V"] - low.diagnostics["cell_voltage_V"]) == (
        pytest.approx(1.0)
    )
    known = switching_energy("electrochemical", {**COBALTITE, "insertion_voltage": 1.2}, SLOW)
    np.testing.assert_allclose(known.nominal_J, high.nominal_J)


def test_floor_holds_the_reversible_work():
    energy = switching_energy("electrochemical", COBALTITE, SLOW)
    reversible = float(energy.diagnostics["moved_charge_C"]) * 0.2
    assert float(energy.floor_J) == pytest.approx(floor_energy(SLOW) + reversible)


def test_overdriven_cells_are_outside_the_model():
    device = Device(
        switching_time=1e-2,
        retention_time=3e8,
        electrolyte=ElectrolyteGeometry(conductivity=1e-7),
    )
    energy = switching_energy("electrochemical", COBALTITE, device)
    assert energy.reasons[0][0].startswith("outside_validity")
