import numpy as np
import pytest

from matscreen.errors import InputError
from matscreen.mechanisms import (
    MECHANISMS,
    Device,
    Mechanism,
    get_mechanism,
    landauer,
    switching_energy,
    thermal_barrier,
)
from matscreen.mechanisms.base import BOLTZMANN, floor_energy, get_entry, with_model_error


@pytest.mark.parametrize("name", MECHANISMS)
def test_mechanisms_keep_their_contract(name):
    mechanism = get_mechanism(name)
    assert isinstance(mechanism, Mechanism)
    assert mechanism.name == name
    for used in (*mechanism.requires, *mechanism.optional):
        get_entry(used)
    assert mechanism.model_error.shared > 0
    assert mechanism.model_error.material > 0


@pytest.mark.parametrize("name", MECHANISMS)
@pytest.mark.parametrize("application", ["synapse", "logic", "neuron"])
def test_samples_and_materials_broadcast(name, application):
    mechanism = get_mechanism(name)
    entries = [get_entry(n) for n in (*mechanism.requires, *mechanism.optional)]
    rng = np.random.default_rng(0)
    values = {
        e.name: rng.uniform(e.lower, min(e.upper, e.lower + 5000.0), size=(7, 4)) for e in entries
    }
    energy = mechanism.energies(values, Device(), application)
    assert energy.nominal_J.shape == energy.feasible.shape == (7, 4)
    one = mechanism.energies({k: v[2] for k, v in values.items()}, Device(), application)
    np.testing.assert_array_equal(one.nominal_J, energy.nominal_J[2])
    np.testing.assert_array_equal(one.feasible, energy.feasible[2])
    assert [not reasons for reasons in one.reasons] == list(one.feasible)


def test_landauer_of_the_worked_example():
    assert landauer(300.0) == pytest.approx(2.870978885078724e-21, rel=1e-5)


def test_thermal_barrier_of_the_worked_example():
    assert thermal_barrier(315576000.0, 300.0) == pytest.approx(1.9550375544046493e-19, rel=1e-5)


def test_floor_is_retention_or_read_charge():
    device = Device()
    assert floor_energy(device) == pytest.approx(thermal_barrier(315576000.0, 358.0))
    many = Device(read_electrons=1000.0)
    assert floor_energy(many) == pytest.approx(1000 * BOLTZMANN * 300.0)


def test_no_model_error_falls_under_the_floor():
    assert with_model_error(1.0, 3.0, -50.0) == pytest.approx(1.0)
    assert with_model_error(1.0, 3.0, 1.0) == pytest.approx(21.0)


def test_interval_covers_the_model_error():
    energy = switching_energy("valence_change", {"oxygen_migration_barrier": [0.7, 0.9]})
    assert energy.upper_J / energy.nominal_J == pytest.approx(10 ** (1.645 * 1.0966), rel=0.01)
    assert (energy.lower_J > energy.floor_J).all()


@pytest.mark.parametrize(
    ("properties", "words"),
    [
        ({}, "needs spontaneous_polarization"),
        ({"spontaneous_polarization": 20.0}, "needs well_depth"),
        ({"spontaneous_polarisation": 20.0}, "did you mean 'spontaneous_polarization'?"),
        ({"critical_temperature": 20.0}, "does not use"),
        ({"spontaneous_polarization": -1.0, "well_depth": 1.0}, "must be between 0 and 300"),
        ({"spontaneous_polarization": float("nan"), "well_depth": 1.0}, "must be between"),
        ({"spontaneous_polarization": "much", "well_depth": 1.0}, "must be a number"),
        ({"spontaneous_polarization": [[1.0]], "well_depth": 1.0}, "one-dimensional"),
        ({"spontaneous_polarization": [1.0, 2.0], "well_depth": [1.0, 2.0, 3.0]}, "do not fit"),
    ],
)
def test_wrong_properties_are_named(properties, words):
    with pytest.raises(InputError, match=words.replace("?", r"\?")):
        switching_energy("ferroelectric", properties)


def test_unknown_names_are_named():
    with pytest.raises(InputError, match="did you mean 'ferroelectric'"):
        get_mechanism("feroelectric")
    with pytest.raises(InputError, match="unknown application 'brain'"):
        switching_energy("valence_change", {"oxygen_migration_barrier": 0.7}, application="brain")
