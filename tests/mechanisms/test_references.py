import pytest

from matscreen.errors import InputError
from matscreen.mechanisms import Device, reference_lines


@pytest.mark.parametrize("application", ["synapse", "logic", "neuron"])
def test_lines_are_ordered_and_sourced(application):
    lines = reference_lines(application)
    energies = [line.energy_J for line in lines]
    assert energies == sorted(energies)
    assert all(line.lower_J <= line.energy_J <= line.upper_J for line in lines)
    assert all(line.source and line.includes for line in lines)
    assert {line.confidence for line in lines} <= {"verified", "medium", "low"}
    assert {"Landauer limit", "Retention limit"} <= {line.name for line in lines}


def test_each_application_has_its_own_yardsticks():
    names = {a: {line.name for line in reference_lines(a)} for a in ("synapse", "logic", "neuron")}
    assert any(name.startswith("CMOS gate") for name in names["logic"])
    assert {"Biological synapse", "TrueNorth synaptic event"} <= names["synapse"]
    assert any("neuron" in name for name in names["neuron"])


def test_a_simulated_chip_is_not_passed_off_as_measured():
    loihi = next(line for line in reference_lines("synapse") if line.name.startswith("Loihi"))
    assert "pre-silicon" in loihi.includes


def test_limits_follow_the_device():
    hot = reference_lines("logic", Device(retention_temperature=400.0))
    hold = next(line for line in hot if line.name == "Retention limit")
    assert hold.energy_J == pytest.approx(1.380649e-23 * 400 * 47.2004, rel=1e-4)
    assert "400 K" in hold.includes


def test_unknown_application():
    with pytest.raises(InputError, match="unknown application"):
        reference_lines("brain")
