"""The registry of material properties: name, unit, physical bounds, scale and meaning.

Every table that carries a property value uses these names and these units.
"""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import Literal

from matscreen.errors import InputError

Scale = Literal["linear", "log"]

EVIDENCE = ("measured", "dft", "mlip", "surrogate", "prior")
"""Kinds of evidence, best first."""


@dataclass(frozen=True)
class Property:
    """One material property.

    Attributes:
        name: Registry name, also the column name.
        unit: Unit of every stored value, as pint would spell it; `1` for a pure number.
        lower: Smallest physical value.
        upper: Largest physical value.
        scale: `log` when relative errors are natural (a positive quantity spanning decades).
        meaning: What the number is, in one line.
        at_bounds: What a draw beyond a bound becomes: reflected into the range, or the bound
            itself where that is a state of its own (a negative gap is a metal).
    """

    name: str
    unit: str
    lower: float
    upper: float
    scale: Scale
    meaning: str
    at_bounds: Literal["reflect", "clip"] = "reflect"


_ROWS: tuple[Property, ...] = (
    Property(
        "energy_per_atom",
        "eV/atom",
        -50.0,
        10.0,
        "linear",
        "Total energy of the calculator, its own zero; only differences mean something",
    ),
    Property(
        "formation_energy_per_atom",
        "eV/atom",
        -10.0,
        10.0,
        "linear",
        "Energy of formation from the elements at 0 K",
    ),
    Property(
        "energy_above_hull",
        "eV/atom",
        0.0,
        10.0,
        "linear",
        "Energy above the convex hull of the competing phases; a lower bound if some are missing",
    ),
    Property("band_gap", "eV", 0.0, 20.0, "linear", "Fundamental gap of the ground state", "clip"),
    Property("volume_per_atom", "Å³", 1.0, 200.0, "log", "Cell volume over number of sites"),
    Property(
        "relative_permittivity",
        "1",
        1.0,
        1e5,
        "log",
        "Static relative permittivity, polycrystalline average",
    ),
    Property(
        "electronic_permittivity",
        "1",
        1.0,
        1e5,
        "log",
        "Relative permittivity of clamped ions: the square of the refractive index",
    ),
    Property(
        "spontaneous_polarization",
        "µC/cm²",
        0.0,
        300.0,
        "linear",
        "Polarization of the ground state relative to its nonpolar reference",
    ),
    Property(
        "polar_barrier",
        "meV/Å³",
        0.0,
        1e3,
        "linear",
        "Over homogeneous paths from P to -P, the lowest of their highest energies, per volume",
    ),
    Property(
        "well_depth",
        "meV/Å³",
        0.0,
        1e3,
        "linear",
        "Depth of the deepest polar phase under its nonpolar reference, per volume; not a barrier",
    ),
    Property("curie_temperature", "K", 0.0, 3000.0, "linear", "Ferroelectric Curie temperature"),
    Property(
        "oxygen_vacancy_formation_energy",
        "eV",
        -5.0,
        15.0,
        "linear",
        "Neutral vacancy, lowest site, reservoir 1/2 O2",
    ),
    Property(
        "oxygen_migration_barrier",
        "eV",
        0.05,
        6.0,
        "log",
        "Lowest barrier of one oxygen-vacancy hop",
    ),
    Property(
        "transition_temperature", "K", 1.0, 3000.0, "log", "Insulator-metal transition temperature"
    ),
    Property(
        "transition_enthalpy",
        "J/m³",
        1e4,
        1e10,
        "log",
        "Latent heat of the insulator-metal transition per volume",
    ),
    Property(
        "conduction_activation_energy",
        "eV",
        0.01,
        5.0,
        "log",
        "Activation energy of electronic conduction in the insulating state",
    ),
    Property(
        "critical_temperature", "K", 0.0, 300.0, "linear", "Superconducting critical temperature"
    ),
    Property("melting_temperature", "K", 300.0, 5000.0, "log", "Melting point at 1 bar"),
    Property(
        "thermal_conductivity", "W/m/K", 0.05, 500.0, "log", "Lattice thermal conductivity at 300 K"
    ),
    Property("heat_capacity", "J/m³/K", 1e5, 1e7, "log", "Volumetric heat capacity at 300 K"),
    Property("bulk_modulus", "GPa", 1.0, 600.0, "log", "Voigt-Reuss-Hill bulk modulus at 0 K"),
    Property("shear_modulus", "GPa", 0.1, 600.0, "log", "Voigt-Reuss-Hill shear modulus at 0 K"),
    Property(
        "debye_temperature", "K", 10.0, 2500.0, "log", "Debye temperature of the sound velocities"
    ),
    Property(
        "energy_above_polymorphs",
        "eV/atom",
        0.0,
        10.0,
        "linear",
        "Energy above the lowest known phase of the same formula; a lower bound",
    ),
    Property(
        "tilt_energy",
        "meV/Å³",
        0.0,
        1e3,
        "linear",
        "Depth of the lowest nonpolar tilted phase under the cubic perovskite parent, per volume",
    ),
    Property("insertion_voltage", "V", -5.0, 6.0, "linear", "Average voltage of ion insertion"),
    Property(
        "migration_charge_shift",
        "eV",
        -3.0,
        3.0,
        "linear",
        "Barrier of the charged vacancy's hop minus that of the neutral one",
    ),
    Property(
        "vacancy_binding_energy",
        "eV",
        0.0,
        3.0,
        "linear",
        "Extra energy that holds a switched vacancy: clustering, trapping, electrode reaction",
    ),
    Property(
        "surrogate_correction",
        "1",
        -1e6,
        1e6,
        "linear",
        "What a transferred surrogate adds to its source: a difference on the scale, and in the "
        "unit, of the property that it corrects (decades of a logarithmic one)",
    ),
    Property(
        "breakdown_field", "V/m", 1e6, 1e11, "log", "Intrinsic dielectric breakdown field of a film"
    ),
)

PROPERTIES: dict[str, Property] = {row.name: row for row in _ROWS}


def get_property(name: str) -> Property:
    """Return the registry entry of a property.

    Args:
        name: Registry name.

    Raises:
        InputError: The name is not in the registry.

    Examples:
        >>> get_property("spontaneous_polarization").unit
        'µC/cm²'
    """
    try:
        return PROPERTIES[name]
    except KeyError:
        known = ", ".join(sorted(PROPERTIES))
        raise InputError(f"unknown property {name!r}; known: {known}") from None


def is_physical(name: str, value: float) -> bool:
    """Say whether a value is finite and within the physical bounds of its property.

    Args:
        name: Registry name.
        value: The value, in the unit of the registry.

    Raises:
        InputError: The name is not in the registry.

    Examples:
        >>> is_physical("band_gap", 3.2), is_physical("band_gap", -1.0)
        (True, False)
    """
    entry = get_property(name)
    return math.isfinite(value) and entry.lower <= value <= entry.upper
