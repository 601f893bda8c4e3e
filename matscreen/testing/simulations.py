"""The contract of a simulation, clause by clause."""

from __future__ import annotations

import math
import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cached_property
from typing import Any, Final

import numpy as np

from matscreen.errors import StructureError
from matscreen.properties import PROPERTIES, get_property, is_physical
from matscreen.simulations import (
    Label,
    Potential,
    Simulated,
    Simulation,
    get_potential,
    get_simulation,
)
from matscreen.structures import Crystal
from matscreen.testing.contract import (
    Clause,
    check_clauses,
    in_other_state,
    name_of,
    opened,
    pickled,
    require,
    require_code,
    require_documented,
    require_identifier,
    require_members,
    require_registered,
    require_same_state,
    require_text,
)
from matscreen.testing.crystals import TRANSFORMS

_SITE: Final = re.compile(r"([A-Z][a-z]?)(\d+)")

Key = tuple[str, int | None, str | None, float | None]
"""What sets a label apart beside its site: property, charge, path, temperature."""


@dataclass(frozen=True, eq=False)
class SimulationCase:
    """What the clauses of a simulation look at.

    Attributes:
        simulation: The simulation.
        registered: Name by which it was opened; None when it was given itself.
        crystal: A crystal within its scope.
        potential: The calculator.
        phases: Other phases of the compound, as the simulation gets them.
        refuses: Crystals out of its scope.
        settings: What of the setting of the crystal is changed.
        tolerance: Largest change of a label with the setting of the crystal, in its own std.
        before: The bytes of the crystal and the phases before anything ran.
    """

    simulation: Simulation
    registered: str | None
    crystal: Crystal
    potential: Potential
    phases: Mapping[str, Crystal] | None
    refuses: Sequence[Crystal]
    settings: Sequence[str]
    tolerance: float
    before: Mapping[str, bytes]

    @cached_property
    def found(self) -> Simulated:
        """What the simulation says of the crystal."""
        return self.run()

    def run(self, crystal: Crystal | None = None, potential: Potential | None = None) -> Simulated:
        """Simulate, the crystal and the potential of the case unless told otherwise."""
        return self.simulation.run(
            crystal or self.crystal, potential or self.potential, phases=self.phases
        )


def check_simulation(
    simulation: Simulation | type[Simulation] | str,
    crystal: Crystal,
    potential: Potential | str = "emt",
    *,
    phases: Mapping[str, Crystal] | None = None,
    refuses: Sequence[Crystal] = (),
    settings: Sequence[str] = ("permutation", "origin", "rotation"),
    tolerance: float = 0.25,
) -> tuple[str, ...]:
    """Check that a simulation keeps its contract (`matscreen.simulations.Simulation`).

    It runs four times, so give it something cheap: the contract is about what comes out, not
    about whether the potential is right.

    Args:
        simulation: The simulation, its class, or the name under which it is registered.
        crystal: A crystal that it can label.
        potential: A potential that depends on nothing but the atoms, or its name.
        phases: Other phases of the compound, by Hermann-Mauguin symbol.
        refuses: Crystals that it must refuse with a StructureError.
        settings: What of the setting of the crystal is changed at once, by the names of
            `matscreen.testing.crystals.TRANSFORMS`; leave out what a toy potential depends on.
        tolerance: Largest change of a label with that, in its own std; 1 % of the value where it
            has none.

    Returns:
        Names of the clauses that were checked.

    Raises:
        ContractError: A clause fails; `clause` names it and `seen` says what was seen.
        InputError: No simulation or calculator has this name.
        MissingDependencyError: The package of the potential is not installed.

    Examples:
        >>> from matscreen.testing import sample_crystals
        >>> copper = sample_crystals()["Cu"]
        >>> check_simulation("relaxation", copper, "emt")[:3]
        ('registered', 'protocol', 'labels')
    """
    instance = opened(simulation, get_simulation)
    case = SimulationCase(
        instance,
        simulation if isinstance(simulation, str) else None,
        crystal,
        get_potential(potential) if isinstance(potential, str) else potential,
        phases,
        refuses,
        settings,
        tolerance,
        _fingerprints(crystal, phases),
    )
    return check_clauses(f"simulation {name_of(instance, 'method')}", case, CLAUSES)


def registered(case: SimulationCase) -> None:
    """The registry finds the simulation under its method, by which its labels are found again."""
    require_registered(case.registered, case.simulation.method, "method")


def protocol(case: SimulationCase) -> None:
    """It has a property of the registry, a method, a version of digits and dots, and run."""
    simulation = case.simulation
    require_members(simulation, ("property", "method", "version", "run"))
    name = simulation.property
    require(name in PROPERTIES, f"its property is {name!r}; known: {', '.join(PROPERTIES)}")
    require_identifier(simulation.method, "its method")
    version = simulation.version
    numbers = isinstance(version, str) and re.fullmatch(r"\d+(\.\d+)*", version)
    require(
        numbers, f"its version is {version!r}; a later one must sort after it, so use '1' or '1.2'"
    )


def labels(case: SimulationCase) -> None:
    """Labels are of the registry, physical, with an honest error; its property is among them."""
    found = case.found
    require(isinstance(found, Simulated), f"run returns {type(found).__name__}, not Simulated")
    require(found.labels, "it gives no label; refuse the crystal with a StructureError instead")
    for label in found.labels:
        _require_label(label, case.crystal)
    names = {label.property for label in found.labels}
    seen = f"it labels {', '.join(sorted(names))}, not its property {case.simulation.property}"
    require(case.simulation.property in names, seen)
    keys = [(*_key(label), label.site) for label in found.labels]
    twice = [key for key in keys if keys.count(key) > 1]
    require(not twice, f"two labels have property, charge, path, temperature and site {twice[:1]}")


def relaxed(case: SimulationCase) -> None:
    """What it returns as relaxed is the same compound, and notes are numbers or texts."""
    found = case.found
    if found.relaxed is not None:
        kind = type(found.relaxed).__name__
        require(isinstance(found.relaxed, Crystal), f"the relaxed crystal is {kind}")
        left, right = case.crystal.formula, found.relaxed.formula
        require(left == right, f"{left} was relaxed to {right}")
    for name, note in (found.notes or {}).items():
        require_text(name, "a note")
        require(isinstance(note, float | int | str), f"the note {name} is {note!r}")


def deterministic(case: SimulationCase) -> None:
    """The same crystal gives the same labels, whatever ran before and the random generators."""
    first, again = case.found.labels, in_other_state(case.run).labels
    require(len(again) == len(first), f"run again, {len(first)} labels become {len(again)}")
    for one, two in zip(first, again, strict=True):
        same = _key(one) == _key(two) and math.isclose(one.value, two.value, rel_tol=1e-9)
        require(same, f"run again, {one} becomes {two}")


def inputs_untouched(case: SimulationCase) -> None:
    """It does not write into the arrays of the crystal or of the phases."""
    before, after = case.before, _fingerprints(case.crystal, case.phases)
    changed = [name for name in after if after[name] != before[name]]
    require(not changed, f"it changed {', '.join(changed)}")


def invariant(case: SimulationCase) -> None:
    """The order of the sites, origin and orientation move no label by more than its error."""
    rng = np.random.default_rng(7)
    other = case.crystal
    for name in case.settings:
        other = TRANSFORMS[name](other, rng)
    before = _values(case.found.labels, case.crystal)
    after = _values(case.run(other).labels, other)
    seen = (
        f"it labels {sorted(after, key=str)} in another setting, before {sorted(before, key=str)}"
    )
    require(before.keys() == after.keys(), seen)
    for key, (values, allowed) in before.items():
        others, _ = after[key]
        require(
            len(others) == len(values), f"{key[0]} has {len(others)} sites, it had {len(values)}"
        )
        change = float(np.abs(np.asarray(values) - np.asarray(others)).max())
        most = max(allowed * case.tolerance, 1e-6)
        unit = get_property(key[0]).unit
        seen = f"{key[0]} {values} becomes {others} {unit}; it may move by {most:.2g}"
        require(change <= most, seen)


def refuses(case: SimulationCase) -> None:
    """What it cannot simulate is a StructureError with a stable reason: no label, no crash."""
    for crystal in case.refuses:
        _require_refusal(lambda each=crystal: case.run(each), crystal.formula)  # type: ignore[misc]
    for what, factory in _BROKEN.items():
        broken = replace(case.potential, name=f"{case.potential.name}-broken", factory=factory)
        _require_refusal(lambda bad=broken: case.run(potential=bad), what)  # type: ignore[misc]


def pickles(case: SimulationCase) -> None:
    """The simulation and its result pass through pickle, for pools of processes."""
    pickled(case.simulation, "the simulation")
    again = pickled(case.found, "its result")
    require(again.labels == case.found.labels, "the labels differ after pickling")


def no_global_state(case: SimulationCase) -> None:
    """`run` changes nothing outside: environment, folder, how numpy prints and treats errors."""
    require_same_state(case.run, warm=True, may_draw=True)


def documented(case: SimulationCase) -> None:
    """Its class says what the labels mean and how good they are, `run` the reasons it refuses."""
    require_documented(case.simulation, "run")


CLAUSES: Final[Mapping[str, Clause[SimulationCase]]] = {
    clause.__name__: clause
    for clause in (
        registered,
        protocol,
        labels,
        relaxed,
        deterministic,
        inputs_untouched,
        invariant,
        refuses,
        pickles,
        no_global_state,
        documented,
    )
}
"""The clauses, by name, in the order in which they are checked."""


def _require_label(label: object, crystal: Crystal) -> None:
    require(isinstance(label, Label), f"a label is {type(label).__name__}, not a Label")
    assert isinstance(label, Label)  # for the type checker
    name = label.property
    require(name in PROPERTIES, f"it labels {name!r}; known: {', '.join(PROPERTIES)}")
    entry = get_property(name)
    bounds = f"{entry.lower:g} to {entry.upper:g} {entry.unit}"
    seen = f"{name} is {label.value!r}; physical is {bounds}: check the unit"
    require(is_physical(name, float(label.value)), seen)
    sound = label.std is None or (math.isfinite(label.std) and label.std > 0.0)
    require(sound, f"the std of {name} is {label.std!r}: it is positive, or None when unknown")
    if label.site is not None:
        seen = f"{name} is of site {label.site!r}, which {crystal.formula} does not have"
        require(_is_site(label.site, crystal), seen)
    warm = label.temperature is None or label.temperature > 0.0
    require(warm, f"the temperature of {name} is {label.temperature!r} K; None means static")


def _require_refusal(act: Callable[[], Simulated], what: str) -> None:
    try:
        found = act()
    except StructureError as error:
        require_code(error.reason, f"the reason to refuse {what}")
    except Exception as error:
        seen = f"{what}: it raised {type(error).__name__}: {error}, not a StructureError"
        require(condition=False, seen=seen)
    else:
        require(condition=False, seen=f"{what}: it gives {[label.value for label in found.labels]}")


def _key(label: Label) -> Key:
    return label.property, label.charge, label.path, label.temperature


def _values(labels: Sequence[Label], crystal: Crystal) -> dict[Key, tuple[list[float], float]]:
    """Collect the values of all sites of a property, sorted, with the error that they may have."""
    found: dict[Key, list[Label]] = defaultdict(list)
    for label in labels:
        name, charge, path, temperature = _key(label)
        # The numbers of sites change with their order: a hop from O2 to O3 is one from O to O.
        ends = (path or "").split("-")
        if all(_is_site(end, crystal) for end in ends):
            path = "-".join(end.rstrip("0123456789") for end in ends)
        found[name, charge, path, temperature].append(label)
    return {
        key: (
            sorted(label.value for label in each),
            max(label.std or 0.04 * abs(label.value) for label in each),
        )
        for key, each in found.items()
    }


def _is_site(text: str, crystal: Crystal) -> bool:
    """Say whether a text such as `O2` is element and index of a site of the crystal."""
    parts = _SITE.fullmatch(text)
    if parts is None or int(parts[2]) >= crystal.nsites:
        return False
    from ase.data import chemical_symbols

    return bool(chemical_symbols[crystal.atomic_numbers[int(parts[2])]] == parts[1])


def _fingerprints(crystal: Crystal, phases: Mapping[str, Crystal] | None) -> dict[str, bytes]:
    given = {"the crystal": crystal, **(phases or {})}
    return {
        name: b"".join(
            array.tobytes() for array in (each.lattice, each.atomic_numbers, each.frac_coords)
        )
        for name, each in given.items()
    }


def _undefined() -> Any:
    """Make a calculator that answers NaN to everything."""
    from ase.calculators.calculator import Calculator, all_changes

    class Undefined(Calculator):  # type: ignore[misc]
        implemented_properties = ("energy", "free_energy", "forces", "stress")

        def calculate(
            self,
            atoms: Any = None,
            properties: Sequence[str] = ("energy",),
            system_changes: Sequence[str] = all_changes,
        ) -> None:
            super().calculate(atoms, properties, system_changes)
            self.results = {
                "energy": math.nan,
                "free_energy": math.nan,
                "forces": np.full((len(self.atoms), 3), math.nan),
                "stress": np.full(6, math.nan),
            }

    return Undefined()


def _crashing() -> Any:
    """Make a calculator that raises whatever it is asked."""
    from ase.calculators.calculator import Calculator

    class Crashing(Calculator):  # type: ignore[misc]
        implemented_properties = ("energy", "free_energy", "forces", "stress")

        def calculate(self, *_: Any, **__: Any) -> None:
            raise RuntimeError("the calculator crashed")

    return Crashing()


_BROKEN: Final = {"a calculator that answers NaN": _undefined, "one that crashes": _crashing}
