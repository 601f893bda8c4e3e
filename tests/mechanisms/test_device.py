import dataclasses

import pytest

from matscreen.config import load_screen
from matscreen.errors import ConfigError
from matscreen.mechanisms import Device, FilamentGeometry


def test_common_specification():
    device = Device()
    assert (device.area, device.thickness) == (2.5e-15, 10e-9)
    assert (device.switching_time, device.temperature) == (10e-9, 300.0)
    assert device.retention_time == pytest.approx(315576000.0)
    assert device.retention_temperature == 358.0
    assert device.volume == pytest.approx(2.5e-23)


def test_device_is_frozen():
    with pytest.raises(dataclasses.FrozenInstanceError):
        Device().area = 1.0


@pytest.mark.parametrize("name", ["synapse", "logic", "neuron"])
def test_shipped_screens_state_the_common_specification(name):
    screen = load_screen(name)
    assert screen.application == name
    kept = Device().retention_time if name != "neuron" else 1e-6
    assert Device.from_mapping(screen.device) == Device(retention_time=kept)


def test_nested_values_are_read():
    device = Device.from_mapping({"thickness": 5e-9, "filament": {"radius": 4e-9}})
    assert device.thickness == 5e-9
    assert device.filament == FilamentGeometry(radius=4e-9)


@pytest.mark.parametrize(
    ("mapping", "key", "words"),
    [
        (
            {"filament": {"radius": -1}},
            "device.filament.radius",
            "must be > 0 and finite, got -1 (m)",
        ),
        ({"thicknes": 1e-8}, "device.thicknes", "did you mean 'thickness'?"),
        ({"filament": {"gapp": 1e-9}}, "device.filament.gapp", "did you mean 'gap'?"),
        ({"filament": 3}, "device.filament", "must be a table, got 3"),
        ({"area": "big"}, "device.area", "must be a number, got 'big'"),
        ({"area": True}, "device.area", "must be a number"),
        ({"temperature": float("nan")}, "device.temperature", "must be > 0"),
        ({"temperature": float("inf")}, "device.temperature", "must be > 0 and finite"),
        ({"n_levels": 1}, "device.n_levels", "must be >= 2"),
        ({"n_levels": 2.5}, "device.n_levels", "must be a whole number"),
        ({"switching_time": 1e-13}, "device.switching_time", "attempt time"),
        ({"retention_time": 1e-9}, "device.retention_time", "switching time"),
        ({"filament": {"outer_radius": 1e-9}}, "device.filament.outer_radius", "filament radius"),
        ({"filament": {"gap": 1e-10}}, "device.filament.hop_distance", "must not exceed the gap"),
        ({"filament": {"pulse_factor": 0.5}}, "device.filament.pulse_factor", ">= 1"),
        (
            {"ferroelectric": {"dielectric_loss": 2.0}},
            "device.ferroelectric.dielectric_loss",
            "must be <= 1",
        ),
        ({"thickness": 8}, "device.thickness", "in m, such as 8e-9, and <= 0.001, got 8 (m)"),
        ({"area": 2500.0}, "device.area", "in m², such as 2.5e-15, and <= 0.0001, got 2500 (m²)"),
        ({"electrolyte": {"thickness": 10}}, "device.electrolyte.thickness", "in m, such as"),
        (
            {"ferroelectric": {"interlayer_thickness": 1.0}},
            "device.ferroelectric.interlayer_thickness",
            "in m, such as",
        ),
        ({"zzz": 1}, "device.zzz", "unknown key; known: area"),
    ],
)
def test_wrong_entries_are_named(mapping, key, words):
    with pytest.raises(ConfigError) as caught:
        Device.from_mapping(mapping)
    assert caught.value.key == key
    assert words in str(caught.value)
