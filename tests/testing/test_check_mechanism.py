"""Our own mechanisms keep the contract, and broken ones are caught in the right clause."""

from dataclasses import replace

import numpy as np
import pytest

from matscreen.errors import InputError
from matscreen.mechanisms import (
    MECHANISMS,
    Device,
    ModelError,
    SwitchingEnergy,
    get_mechanism,
)
from matscreen.mechanisms.base import check_application, floor_energy, gate_at_least, value_or
from matscreen.mechanisms.bounded import Bounded
from matscreen.mechanisms.calibrated import Calibrated, Shift
from matscreen.testing import ContractError, check_mechanism, draw_materials
from matscreen.testing.mechanisms import CLAUSES


class Melting:
    """Melts the layer: floor of every switch, nominal the heat, ceiling with a loss."""

    name = "melting"
    title = "Melting"
    requires: tuple[str, ...] = ("melting_temperature", "heat_capacity")
    optional: tuple[str, ...] = ("band_gap",)
    model_error = ModelError(shared=0.5, material=0.3)

    def energies(self, properties, device, application):
        """Compute the energy of one event."""
        check_application(application)
        shape = np.broadcast_shapes(*(np.shape(value) for value in properties.values()))
        melting = np.asarray(properties["melting_temperature"], float)
        heat = device.volume * np.asarray(properties["heat_capacity"], float)
        rise = np.maximum(melting - device.temperature, 0.0)
        return self.result(
            shape, floor_energy(device), heat * rise, melting, value_or(properties, "band_gap", 9.0)
        )

    def result(self, shape, floor, heat, melting, gap):
        return SwitchingEnergy(
            floor_J=np.broadcast_to(floor, shape).copy(),
            nominal_J=np.broadcast_to(floor + heat, shape).copy(),
            ceiling_J=np.broadcast_to(floor + 3.0 * heat, shape).copy(),
            gates=(
                gate_at_least(
                    "melts_too_soon", np.broadcast_to(melting, shape), 600.0, "at {value:.0f} K"
                ),
                gate_at_least("metal", np.broadcast_to(gap, shape), 0.1, "gap {value:.1f} eV"),
            ),
            diagnostics={"heat_J": np.broadcast_to(heat, shape)},
            model_error=self.model_error,
        )


class NoError(Melting):
    """."""

    model_error = ModelError(0.0, 0.0)


class Untitled(Melting):
    """."""

    title = " "


class Unknown(Melting):
    """."""

    requires = ("melting_temperature", "heat_capacity", "colour")


class RequiresAFact(Melting):
    """."""

    requires = ("melting_temperature", "heat_capacity", "polar")


class Twice(Melting):
    """."""

    optional = ("band_gap", "melting_temperature")


class Negative(Melting):
    """."""

    def result(self, shape, floor, heat, melting, gap):
        found = super().result(shape, floor, heat, melting, gap)
        return replace(found, floor_J=found.floor_J * 0.0)


class Scalar(Melting):
    """."""

    def result(self, shape, floor, heat, melting, gap):
        found = super().result(shape, floor, heat, melting, gap)
        return replace(found, floor_J=np.asarray(floor))


class Disordered(Melting):
    """."""

    def result(self, shape, floor, heat, melting, gap):
        found = super().result(shape, floor, heat, melting, gap)
        return replace(found, ceiling_J=found.ceiling_J * 0.3)


class Relative(Melting):
    """."""

    def result(self, shape, floor, heat, melting, gap):
        return super().result(shape, floor, heat / np.max(heat) * 1e-12, melting, gap)


class FlatOnly(Melting):
    """."""

    def energies(self, properties, device, application):
        """Compute the energy of one event."""
        shapes = {np.shape(value) for value in properties.values()}
        assert len(shapes) == 1
        return super().energies(properties, device, application)


class NeedsTheGap(Melting):
    """."""

    def energies(self, properties, device, application):
        """Compute the energy of one event."""
        return super().energies(properties, device, application) and super().energies(
            {**properties, "heat_capacity": properties["heat_capacity"] + properties["band_gap"]},
            device,
            application,
        )


class NanMatters(Melting):
    """."""

    def energies(self, properties, device, application):
        """Compute the energy of one event."""
        used = dict(properties)
        if "band_gap" in used:
            used["heat_capacity"] = used["heat_capacity"] + np.nan_to_num(used["band_gap"], nan=1e5)
        return super().energies(used, device, application)


class Reasonless(Melting):
    """."""

    def result(self, shape, floor, heat, melting, gap):
        found = super().result(shape, floor, heat, melting, gap)
        return replace(found, gates=(replace(found.gates[0], text=""),))


class Shouts(Melting):
    """."""

    def result(self, shape, floor, heat, melting, gap):
        found = super().result(shape, floor, heat, melting, gap)
        return replace(found, gates=(replace(found.gates[0], code="Too Hot!"),))


class SaysItTwice(Melting):
    """."""

    def result(self, shape, floor, heat, melting, gap):
        found = super().result(shape, floor, heat, melting, gap)
        return replace(found, gates=(found.gates[0], found.gates[0]))


class BadTemplate(Melting):
    """."""

    def result(self, shape, floor, heat, melting, gap):
        found = super().result(shape, floor, heat, melting, gap)
        return replace(found, gates=(replace(found.gates[0], text="{kelvin}"),))


class Forgetful(Melting):
    """."""

    def energies(self, properties, device, application):
        """Compute the energy of one event."""
        asked = replace(device, read_electrons=1e4 / np.log(device.retention_time))
        return super().energies(properties, asked, application)


class GivesUp(Melting):
    """."""

    def energies(self, properties, device, application):
        """Compute the energy of one event."""
        found = super().energies(properties, device, application)
        known = np.where(device.retention_time > 1e10, np.nan, 1.0)
        return replace(found, floor_J=found.floor_J * known)


class Backwards(Melting):
    """."""

    def energies(self, properties, device, application):
        """Compute the energy of one event."""
        found = super().energies(properties, device, application)
        melting = np.broadcast_to(properties["melting_temperature"], found.nominal_J.shape)
        limit = 1e6 / device.retention_temperature
        return replace(found, gates=(gate_at_least("cold", melting, limit, "{value:.0f} K"),))


class NamelessDiagnostic(Melting):
    """."""

    def result(self, shape, floor, heat, melting, gap):
        found = super().result(shape, floor, heat, melting, gap)
        return replace(found, diagnostics={"heat (J)": found.floor_J})


class AnyApplication(Melting):
    """."""

    def energies(self, properties, device, application):
        """Compute the energy of one event."""
        return super().energies(properties, device, "logic")


class Drifts(Melting):
    """."""

    calls = 0

    def result(self, shape, floor, heat, melting, gap):
        self.calls += 1
        return super().result(shape, floor, heat * (1 + 1e-13 * self.calls), melting, gap)


class Overwrites(Melting):
    """."""

    def energies(self, properties, device, application):
        """Compute the energy of one event."""
        found = super().energies(properties, device, application)
        values = properties["melting_temperature"]
        if np.shape(values) == (200,):
            values[values < 310.0] = 310.0
        return found


class Unpicklable(Melting):
    """."""

    def __init__(self):
        self.rule = lambda: None


class Loud(Melting):
    """."""

    def result(self, shape, floor, heat, melting, gap):
        np.set_printoptions(precision=(np.get_printoptions()["precision"] + 1) % 17)
        return super().result(shape, floor, heat, melting, gap)


class Silent(Melting):
    __doc__ = None


BROKEN = [
    (NoError, "protocol", "no formula is exact"),
    (Untitled, "protocol", "its title"),
    (Unknown, "known_properties", "colour"),
    (RequiresAFact, "known_properties", "polar"),
    (Twice, "known_properties", "melting_temperature is named twice"),
    (Negative, "shape", "finite and positive"),
    (Scalar, "shape", r"floor_J is float64 \(\)"),
    (Disordered, "order", "nominal_J .* is over ceiling_J"),
    (Relative, "one_by_one", "alone differs"),
    (FlatOnly, "broadcasts", "AssertionError"),
    (NeedsTheGap, "optional_is_optional", "KeyError: 'band_gap'"),
    (NanMatters, "optional_is_optional", "band_gap NaN"),
    (Reasonless, "gates_give_reasons", "sentence of melts_too_soon"),
    (Shouts, "gates_give_reasons", "Too Hot!"),
    (SaysItTwice, "gates_give_reasons", "melts_too_soon"),
    (BadTemplate, "gates_give_reasons", "kelvin"),
    (Forgetful, "longer_costs_more", "floor_J falls"),
    (GivesUp, "longer_costs_more", "floor_J holds"),
    (Backwards, "asking_more_excludes_more", "retention 20 % hotter a material becomes feasible"),
    (NamelessDiagnostic, "diagnostics_named", r"heat \(J\)"),
    (AnyApplication, "refuses_other_applications", "toaster"),
    (Drifts, "deterministic", "nominal_J differs"),
    (Unpicklable, "pickles", "does not pickle"),
    (Loud, "no_global_state", "print options"),
    (Silent, "documented", "Silent has no docstring"),
]
# With these the nominal energy may not fall (rise): what the formulas of the mechanisms say.
DIRECTIONS = {
    "ferroelectric": {"rising": ["well_depth"]},
    "valence_change": {"rising": ["thermal_conductivity"]},
    "insulator_metal": {"rising": ["transition_temperature", "thermal_conductivity"]},
    "electrochemical": {"rising": ["oxygen_migration_barrier"]},
    # A warmer junction spends more in the cold, and its refrigerator far less.
    "josephson": {"falling": ["critical_temperature"]},
}


@pytest.fixture(autouse=True)
def print_options():
    kept = np.get_printoptions()
    yield
    np.set_printoptions(**kept)


@pytest.mark.parametrize("name", MECHANISMS)
def test_our_own_mechanisms_keep_the_contract(name):
    assert set(check_mechanism(name, **DIRECTIONS[name])) == set(CLAUSES)


@pytest.mark.parametrize("name", MECHANISMS)
@pytest.mark.parametrize(
    "device",
    [
        Device(switching_time=1e-3, retention_time=1e4, retention_temperature=300.0),
        Device(area=1e-17, thickness=2e-9, switching_time=1e-11, n_levels=4),
    ],
)
def test_and_do_so_at_other_specifications(name, device):
    assert check_mechanism(get_mechanism(name), device=device, seed=1)


def test_wrappers_keep_the_contract_of_what_they_wrap():
    shift = Shift(decades=-0.7, shared=0.2, material=0.3, n_devices=4, n_materials=3)
    assert check_mechanism(Calibrated(get_mechanism("ferroelectric"), shift))
    assert check_mechanism(Bounded(get_mechanism("ferroelectric"), {}))


def test_a_mechanism_from_outside_passes():
    checked = check_mechanism(Melting, rising=["melting_temperature", "heat_capacity"])
    assert set(checked) == set(CLAUSES) - {"registered"}


@pytest.mark.parametrize(("kind", "clause", "seen"), BROKEN)
def test_a_broken_mechanism_is_caught_in_the_right_clause(kind, clause, seen):
    with pytest.raises(ContractError, match=seen) as caught:
        check_mechanism(kind)
    assert caught.value.clause == clause


def test_an_author_who_errs_about_the_direction_is_told_where():
    with pytest.raises(ContractError, match="as melting_temperature goes from") as caught:
        check_mechanism(Melting, falling=["melting_temperature"])
    assert caught.value.clause == "monotonic"
    with pytest.raises(ContractError, match="does not use 'curie_temperature'"):
        check_mechanism(Melting, rising=["curie_temperature"])


def test_inputs_that_are_written_to_are_noticed():
    with pytest.raises(ContractError, match="wrote into melting_temperature") as caught:
        check_mechanism(Overwrites)
    assert caught.value.clause == "deterministic"


def test_every_clause_can_fail():
    rest = set(CLAUSES) - {clause for _, clause, _ in BROKEN}
    assert rest == {"registered", "monotonic"}


def test_draws_cover_the_range_of_the_registry():
    drawn = draw_materials(Melting(), 500, seed=3)
    assert set(drawn) == {"melting_temperature", "heat_capacity", "band_gap"}
    assert 300.0 <= drawn["melting_temperature"].min() < 330.0
    assert 4500.0 < drawn["melting_temperature"].max() <= 5000.0
    same = draw_materials(Melting(), 500, seed=3)
    np.testing.assert_array_equal(drawn["heat_capacity"], same["heat_capacity"])
    with pytest.raises(InputError, match="colour"):
        draw_materials(Melting(), 1, names=["colour"])


def test_a_name_that_nobody_registered():
    with pytest.raises(InputError, match="unknown mechanism"):
        check_mechanism("telepathy")
