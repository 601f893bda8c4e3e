"""What every simulation shares: its result types, its protocol and the registry."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from importlib import import_module
from typing import Protocol, cast, runtime_checkable

from matscreen.errors import InputError
from matscreen.plugins import load_outside, outside_names
from matscreen.simulations.calculators import Potential
from matscreen.structures import Crystal


@dataclass(frozen=True, slots=True)
class Label:
    """One computed value of one property.

    Attributes:
        property: Registry name; the value is in the registry's unit.
        value: The number.
        std: Honest one-sigma error of the method against experiment-quality reference, same unit.
        site: Site the value belongs to, such as ``O2`` (element and index in the input crystal).
        charge: Charge state of a defect, e.
        path: Path or reference the value belongs to, such as ``Pm-3m`` or ``rotation:Amm2``.
        temperature: Temperature of the value, K; None means a static 0 K energy.
    """

    property: str
    value: float
    std: float | None = None
    site: str | None = None
    charge: int | None = None
    path: str | None = None
    temperature: float | None = None


@dataclass(frozen=True, slots=True)
class Simulated:
    """What a simulation returns for one crystal.

    Attributes:
        labels: Values for the crystal that was passed in (or for ``relaxed`` when given).
        relaxed: The relaxed crystal when the simulation moved the atoms of the crystal itself.
        notes: Facts worth keeping that are not properties (steps taken, phases compared).
    """

    labels: tuple[Label, ...]
    relaxed: Crystal | None = None
    notes: Mapping[str, float | str] | None = None


@runtime_checkable
class Simulation(Protocol):
    """A recipe that turns a crystal and a potential into labels.

    Attributes:
        property: Registry name of the main property it yields.
        method: Name of the recipe, stored with every label.
        version: Version of the recipe; bumped whenever a change moves values.
    """

    property: str
    method: str
    version: str

    def run(
        self,
        crystal: Crystal,
        potential: Potential,
        *,
        phases: Mapping[str, Crystal] | None = None,
    ) -> Simulated:
        """Simulate one crystal.

        Args:
            crystal: The crystal to label.
            potential: The calculator, by `matscreen.simulations.calculators.get_potential`.
            phases: Other relaxed phases of the same compound by Hermann-Mauguin symbol, when they
                are known; a recipe that compares phases relaxes missing ones itself.

        Raises:
            StructureError: The crystal is out of scope or the result was rejected; its
                ``reason`` is a stable code.
        """
        ...


_MODULES: dict[str, tuple[str, str]] = {
    "relaxation": ("matscreen.simulations.relaxation", "Relaxation"),
    "double_well": ("matscreen.simulations.double_well", "DoubleWell"),
    "octahedral_tilt": ("matscreen.simulations.tilts", "OctahedralTilt"),
    "oxygen_vacancy": ("matscreen.simulations.oxygen_vacancy", "OxygenVacancy"),
    "oxygen_migration": ("matscreen.simulations.oxygen_migration", "OxygenMigration"),
    "insertion_voltage": ("matscreen.simulations.insertion_voltage", "InsertionVoltage"),
    "elastic": ("matscreen.simulations.elastic", "Elastic"),
    "phase_energy": ("matscreen.simulations.phase_energy", "PhaseEnergy"),
}
SIMULATIONS = tuple(_MODULES)
"""Names of the shipped simulations, in the order in which they build on each other."""


_GROUP = "matscreen.simulations"


def simulation_names() -> tuple[str, ...]:
    """Return the names that `get_simulation` knows: the shipped ones, then those of packages."""
    return (*SIMULATIONS, *(name for name in outside_names(_GROUP) if name not in _MODULES))


def get_simulation(name: str) -> Simulation:
    """Return a simulation by name: one of `SIMULATIONS`, or an installed entry point.

    A package adds its own through the entry-point group ``matscreen.simulations``. A name such as
    ``double_well~chgnet`` asks for a second opinion by another potential
    (`matscreen.simulations.disagreement`).

    Args:
        name: Its name.

    Raises:
        InputError: No simulation has this name.

    Examples:
        >>> get_simulation("double_well").property
        'polar_barrier'
    """
    recipe, _, second = name.partition("~")
    if second:
        from matscreen.simulations.disagreement import Disagreement

        return Disagreement(get_simulation(recipe), second)
    if name in _MODULES:
        module, attribute = _MODULES[name]
        return cast(Simulation, getattr(import_module(module), attribute)())
    made = load_outside(_GROUP, name)
    if made is not None:
        return cast(Simulation, made())
    raise InputError(f"unknown simulation {name!r}; known: {', '.join(simulation_names())}")
