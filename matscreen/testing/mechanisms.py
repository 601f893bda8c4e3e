"""The contract of a switching mechanism, clause by clause."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Final

import numpy as np

from matscreen.errors import InputError
from matscreen.mechanisms import (
    APPLICATIONS,
    Device,
    Mechanism,
    ModelError,
    get_mechanism,
)
from matscreen.mechanisms.base import FACTS, get_entry
from matscreen.properties import PROPERTIES
from matscreen.testing.contract import (
    Broken,
    Clause,
    DoesNotApply,
    check_clauses,
    in_other_state,
    name_of,
    opened,
    pickled,
    require,
    require_documented,
    require_identifier,
    require_members,
    require_registered,
    require_same_state,
    require_text,
)
from matscreen.testing.materials import draw_materials
from matscreen.testing.mechanism_case import (
    ENERGIES,
    MechanismCase,
    require_energies,
    require_equal,
    require_gate,
)

_ROUNDING: Final = 1e-12


def check_mechanism(
    mechanism: Mechanism | type[Mechanism] | str,
    *,
    device: Device | None = None,
    rising: Sequence[str] = (),
    falling: Sequence[str] = (),
    count: int = 200,
    seed: int = 0,
) -> tuple[str, ...]:
    """Check that a mechanism keeps its contract (`matscreen.mechanisms.Mechanism`).

    Materials are drawn over the whole range of every property, most of them unlike anything real.

    Args:
        mechanism: The mechanism, its class, or the name under which it is registered.
        device: The specification; the common one by default.
        rising: Properties with which the nominal energy never falls, all else equal.
        falling: Properties with which the nominal energy never rises.
        count: Materials to draw.
        seed: Seed of the draws.

    Returns:
        Names of the clauses that were checked.

    Raises:
        ContractError: A clause fails; `clause` names it and `seen` says what was seen.
        InputError: No mechanism has this name.

    Examples:
        >>> check_mechanism("josephson", falling=["critical_temperature"])[:3]
        ('registered', 'protocol', 'known_properties')
    """
    registered = mechanism if isinstance(mechanism, str) else None
    instance = opened(mechanism, get_mechanism)
    case = MechanismCase(instance, registered, device or Device(), count, seed, rising, falling)
    return check_clauses(f"mechanism {name_of(instance)}", case, CLAUSES)


def registered(case: MechanismCase) -> None:
    """The registry finds the mechanism under the name that it has itself."""
    require_registered(case.registered, case.mechanism.name)


def protocol(case: MechanismCase) -> None:
    """It has name, title, requires, optional, a model error in decades, and energies."""
    mechanism = case.mechanism
    names = ("name", "title", "requires", "optional", "model_error", "energies")
    require_members(mechanism, names)
    require_identifier(mechanism.name, "its name")
    require_text(mechanism.title, "its title")
    error = mechanism.model_error
    require(isinstance(error, ModelError), f"its model error is {error!r}, not a ModelError")
    parts = (error.shared, error.material)
    sound = all(np.isfinite(part) and part >= 0.0 for part in parts) and error.total > 0.0
    require(sound, f"its model error is {error}: no formula is exact, and no error is negative")


def known_properties(case: MechanismCase) -> None:
    """It requires properties of the registry; what else it may use is known too, and named once."""
    requires, optional = case.mechanism.requires, case.mechanism.optional
    for what, names in (("requires", requires), ("optional", optional)):
        require(isinstance(names, tuple), f"`{what}` is {names!r}, not a tuple of names")
    require(requires, "it requires nothing, so every material would be the same")
    for name in requires:
        known = f"the registry of properties has no {name!r}; known: {', '.join(PROPERTIES)}"
        require(name in PROPERTIES, known)
    for name in optional:
        try:
            get_entry(name)
        except InputError as error:
            raise Broken(str(error)) from None
    used = (*requires, *optional)
    twice = sorted({name for name in used if used.count(name) > 1})
    require(not twice, f"{', '.join(twice)} is named twice")


def shape(case: MechanismCase) -> None:
    """Energies are positive finite joules, float64, one a material, for every application."""
    for application, energy in case.found.items():
        require_energies(energy, (case.count,), application)


def order(case: MechanismCase) -> None:
    """Floor <= nominal <= ceiling for every material, and the interval holds the nominal energy."""
    for application, energy in case.found.items():
        pairs = (
            ("floor_J", "nominal_J"),
            ("nominal_J", "ceiling_J"),
            ("lower_J", "nominal_J"),
            ("nominal_J", "upper_J"),
            ("floor_J", "lower_J"),
        )
        for small, large in pairs:
            left, right = getattr(energy, small), getattr(energy, large)
            wrong = np.flatnonzero(left > right * (1 + _ROUNDING))
            if len(wrong):
                index = int(wrong[0])
                seen = f"{small} {left[index]:.4g} is over {large} {right[index]:.4g}"
                where = f"{application}, for {case.material(index)}"
                require(condition=False, seen=f"{seen} ({where}; {len(wrong)} of {case.count})")


def one_by_one(case: MechanismCase) -> None:
    """A material's energy depends on its own properties only; numbers, rows and tables agree."""
    energy = case.found["logic"]
    for index in range(min(case.count, 5)):
        alone = case.energies({name: v[index : index + 1] for name, v in case.materials.items()})
        require_equal(alone, energy, index, f"alone differs: {case.material(index)}")
    turned = case.energies({name: v[::-1] for name, v in case.materials.items()})
    for name in ENERGIES:
        same = np.allclose(getattr(turned, name)[::-1], getattr(energy, name), rtol=1e-9, atol=0.0)
        require(same, f"{name} changes when the materials are given in another order")
    table = {name: np.stack([v, v[::-1]]) for name, v in case.materials.items()}
    stacked = case.energies(table)
    require_energies(stacked, (2, case.count), "(samples, n)")
    same = np.allclose(stacked.nominal_J[0], energy.nominal_J, rtol=1e-9, atol=0.0)
    require(same, "nominal_J of a table (samples, n) differs from that of its first row")


def broadcasts(case: MechanismCase) -> None:
    """Properties of shape () and (n,) may be mixed; the energies have the shape of both."""
    for name in case.mechanism.requires:
        mixed = {other: values[0] for other, values in case.materials.items()}
        mixed[name] = case.materials[name]
        require_energies(case.energies(mixed), (case.count,), f"only {name} is an array")


def optional_is_optional(case: MechanismCase) -> None:
    """The required properties are enough, and one that is NaN does what one that is absent does."""
    required = {name: case.materials[name] for name in case.mechanism.requires}
    bare = case.energies(required)
    require_energies(bare, (case.count,), "required properties only")
    for name in case.mechanism.optional:
        with_one = case.energies({**required, name: case.materials[name]})
        require_energies(with_one, (case.count,), f"required properties and {name}")
        unknown = case.energies({**required, name: np.full(case.count, np.nan)})
        for each in ENERGIES:
            same = np.allclose(getattr(unknown, each), getattr(bare, each), rtol=1e-9, atol=0.0)
            require(same, f"{each} with {name} NaN differs from that without {name}")
        if name in FACTS:
            same = np.array_equal(unknown.feasible, bare.feasible)
            require(same, f"an unknown {name} decides what is feasible")


def gates_give_reasons(case: MechanismCase) -> None:
    """A material is infeasible exactly when gates fail, each with a code, once, and a sentence."""
    for application, energy in case.found.items():
        for gate in (*energy.gates, *energy.flags):
            require_gate(gate, case.count, application)
        reasons, feasible = energy.reasons, energy.feasible
        require(feasible.shape == (case.count,), f"feasible has shape {feasible.shape}")
        for index in range(case.count):
            told = bool(reasons[index])
            seen = f"feasible is {feasible[index]}, the reasons are {reasons[index]}"
            require(told != bool(feasible[index]), f"{seen} ({application})")
            codes = [reason.partition(":")[0] for reason in reasons[index]]
            require(len(set(codes)) == len(codes), f"one material fails {codes} ({application})")


def longer_costs_more(case: MechanismCase) -> None:
    """A state that must last longer costs no less at the floor, all else equal."""
    longer = replace(case.device, retention_time=case.device.retention_time * 1e3)
    for application in APPLICATIONS:
        more = case.energies(application=application, device=longer)
        require_energies(more, (case.count,), f"{application}, a thousandfold retention")
        wrong = np.flatnonzero(more.floor_J < case.found[application].floor_J * (1 - _ROUNDING))
        if len(wrong):
            index = int(wrong[0])
            before, after = case.found[application].floor_J[index], more.floor_J[index]
            seen = f"floor_J falls from {before:.4g} to {after:.4g} with a thousandfold retention"
            require(condition=False, seen=f"{seen} ({application}, {case.material(index)})")


def asking_more_excludes_more(case: MechanismCase) -> None:
    """A device that must be faster, or last longer or hotter, makes no material feasible."""
    device = case.device
    shorter = min(device.switching_time, max(device.switching_time / 10, 2 * device.attempt_time))
    hotter = device.retention_temperature * 1.2
    harder = {
        "a thousandfold retention": replace(device, retention_time=device.retention_time * 1e3),
        "a retention 20 % hotter": replace(device, retention_temperature=hotter),
        "a shorter time to switch": replace(device, switching_time=shorter),
    }
    for what, asked in harder.items():
        for application in APPLICATIONS:
            after = case.energies(application=application, device=asked)
            gained = np.flatnonzero(after.feasible & ~case.found[application].feasible)
            if len(gained):
                reasons = case.found[application].reasons[gained[0]]
                seen = f"with {what} a material becomes feasible that failed {reasons[0]!r}"
                require(condition=False, seen=f"{seen} ({application}, {case.material(gained[0])})")


def monotonic(case: MechanismCase) -> None:
    """The nominal energy rises and falls with the properties that its author says it does."""
    if not (case.rising or case.falling):
        raise DoesNotApply
    for sign, names in ((1.0, case.rising), (-1.0, case.falling)):
        for name in names:
            used = (*case.mechanism.requires, *case.mechanism.optional)
            require(name in used, f"it does not use {name!r}, which should move its energy")
            ladder = np.sort(draw_materials(case.mechanism, 25, seed=1, names=[name])[name])
            for index in range(min(case.count, 20)):
                fixed = {other: np.full(25, v[index]) for other, v in case.materials.items()}
                energy = case.energies({**fixed, name: ladder})
                require_energies(energy, (25,), f"only {name} varies")
                nominal = energy.nominal_J
                steps = sign * np.diff(nominal)
                wrong = np.flatnonzero(steps < -1e-9 * np.abs(nominal[1:]))
                if len(wrong):
                    at = int(wrong[0])
                    here = f"nominal_J goes from {nominal[at]:.4g} to {nominal[at + 1]:.4g}"
                    there = f"as {name} goes from {ladder[at]:.4g} to {ladder[at + 1]:.4g}"
                    require(condition=False, seen=f"{here} {there}, for {case.material(index)}")


def diagnostics_named(case: MechanismCase) -> None:
    """Diagnostics have names of letters, digits and `_`, and one number a material."""
    for application, energy in case.found.items():
        for name, values in energy.diagnostics.items():
            require(str(name).isidentifier(), f"a diagnostic is called {name!r}")
            fits = np.shape(values) in ((), (1,), (case.count,))
            require(fits, f"{name} has shape {np.shape(values)} ({application})")
            require(np.asarray(values).dtype == np.float64, f"{name} is not float64")


def refuses_other_applications(case: MechanismCase) -> None:
    """An application that does not exist is an InputError that lists the known ones."""
    try:
        case.energies(application="toaster")
    except InputError as error:
        require("synapse" in str(error), f"its error lists no application: {error}")
    else:
        require(condition=False, seen="it gives energies for the application 'toaster'")


def deterministic(case: MechanismCase) -> None:
    """The same numbers give the same energies, and the arrays given are not written to."""
    drawn = draw_materials(case.mechanism, case.count, seed=case.seed)
    again = in_other_state(case.energies)
    for name in ENERGIES:
        same = getattr(again, name).tobytes() == getattr(case.found["logic"], name).tobytes()
        require(same, f"{name} differs when asked for again")
    changed = [n for n, v in drawn.items() if v.tobytes() != case.materials[n].tobytes()]
    require(not changed, f"it wrote into {', '.join(changed)}")


def pickles(case: MechanismCase) -> None:
    """The mechanism and its result pass through pickle, for pools of processes."""
    again = pickled(case.mechanism, "the mechanism").energies(case.materials, case.device, "logic")
    same = np.array_equal(again.nominal_J, case.found["logic"].nominal_J)
    require(same, "its copy gives other energies")
    pickled(case.found["logic"], "its result")


def no_global_state(case: MechanismCase) -> None:
    """`energies` changes nothing outside: environment, folder, random generators, numpy."""
    require_same_state(case.energies)


def documented(case: MechanismCase) -> None:
    """Its class says what floor, nominal and ceiling are, and `energies` has a docstring."""
    require_documented(case.mechanism, "energies")


CLAUSES: Final[Mapping[str, Clause[MechanismCase]]] = {
    clause.__name__: clause
    for clause in (
        registered,
        protocol,
        known_properties,
        shape,
        order,
        one_by_one,
        broadcasts,
        optional_is_optional,
        gates_give_reasons,
        longer_costs_more,
        asking_more_excludes_more,
        monotonic,
        diagnostics_named,
        refuses_other_applications,
        deterministic,
        pickles,
        no_global_state,
        documented,
    )
}
"""The clauses, by name, in the order in which they are checked."""
