"""Turn one OPTIMADE `structures` entry into a crystal and the provider's own properties."""

from __future__ import annotations

import math
import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from functools import cache
from typing import Any, Final

import numpy as np

from matscreen.errors import StructureError
from matscreen.properties import is_physical
from matscreen.sources.disorder import DisorderedCrystal, DisorderError
from matscreen.structures import Crystal

STRUCTURE_FIELDS: Final = (
    "lattice_vectors",
    "cartesian_site_positions",
    "species",
    "species_at_sites",
    "structure_features",
    "dimension_types",
    "last_modified",
)
"""The standard fields that make a crystal, and when it last changed."""

# Provider prefix to registry property to the provider's field; the first field with a number
# wins. Nested names are joined by "/" because provider keys hold dots and plus signs. Every field
# here is in the registry's unit (eV or eV/atom).
_PROVIDER_FIELDS: Final[dict[str, dict[str, tuple[str, ...]]]] = {
    "mp": {
        "energy_above_hull": (
            "_mp_stability/gga_gga+u_r2scan/energy_above_hull",
            "_mp_stability/gga_gga+u/energy_above_hull",
        ),
        "formation_energy_per_atom": (
            "_mp_stability/gga_gga+u_r2scan/formation_energy_per_atom",
            "_mp_stability/gga_gga+u/formation_energy_per_atom",
        ),
    },
    "alexandria": {
        "energy_above_hull": ("_alexandria_hull_distance",),
        "band_gap": ("_alexandria_band_gap",),
        "formation_energy_per_atom": ("_alexandria_formation_energy_per_atom",),
    },
    "oqmd": {
        "energy_above_hull": ("_oqmd_stability",),
        "band_gap": ("_oqmd_band_gap",),
        "formation_energy_per_atom": ("_oqmd_delta_e",),
    },
    "jarvis": {
        "energy_above_hull": ("_jarvis_ehull",),
        "band_gap": ("_jarvis_optb88vdw_bandgap",),
        "formation_energy_per_atom": ("_jarvis_formation_energy_peratom",),
    },
    "odbx": {
        "energy_above_hull": ("_odbx_thermodynamics/hull_distance",),
        "formation_energy_per_atom": ("_odbx_thermodynamics/formation_energy",),
    },
    "gnome": {"band_gap": ("_gnome_band_gap", "_gnome_bandgap")},
    "twodmatpedia": {"band_gap": ("_twodmatpedia_band_gap",)},
    "aflow": {
        "band_gap": ("_aflow_Egap",),
        "formation_energy_per_atom": ("_aflow_enthalpy_formation_atom",),
    },
}

_LICENCE = re.compile(r"_[a-z0-9]+_licen[cs]e$")

# Features that the site list alone does not tell, with the reason they are refused for.
_REFUSED_FEATURES: Final = {
    "disorder": "disordered",
    "assemblies": "disordered",
    "implicit_atoms": "missing_atoms",
    "site_attachments": "missing_atoms",
    "unknown_positions": "missing_coordinates",
}


@dataclass(frozen=True)
class ParsedEntry:
    """What an entry says.

    Attributes:
        source_id: The provider's identifier.
        crystal: The crystal.
        properties: Registry property name to value; a null of the provider is absent.
        licence: Licence of this entry, when it states one of its own.
    """

    source_id: str
    crystal: Crystal
    properties: Mapping[str, float] = field(default_factory=dict)
    licence: str | None = None


def wanted_fields(offered: Iterable[str]) -> tuple[str, ...]:
    """Choose the provider fields worth asking for among those that `/info/structures` lists."""
    known = {
        path.split("/")[0]
        for fields in _PROVIDER_FIELDS.values()
        for paths in fields.values()
        for path in paths
    }
    return tuple(sorted(name for name in offered if name in known or _LICENCE.match(name)))


def entry_id(entry: object) -> str | None:
    """Return the identifier of an entry, however broken the rest of it is."""
    name = entry.get("id") if isinstance(entry, Mapping) else None
    return str(name) if isinstance(name, str | int) and str(name) else None


def parse(entry: object) -> ParsedEntry:
    """Parse one entry of `data`.

    Raises:
        StructureError: `malformed`, `not_periodic`, `missing_coordinates`, `missing_atoms`,
            `disordered`, `unknown_element`, or a reason of `Crystal`.
        DisorderError: `disordered`, with the crystal where shared sites are all that is wrong.
    """
    attributes = entry.get("attributes") if isinstance(entry, Mapping) else None
    name = entry_id(entry)
    if not isinstance(attributes, Mapping) or name is None:
        raise StructureError("malformed", "the entry lacks an id or attributes")
    try:
        return _parse(name, attributes)
    except StructureError as error:
        if error.reason != "disordered":
            raise
        raise DisorderError(error.detail, _disordered(attributes)) from None


def _parse(name: str, attributes: Mapping[str, Any]) -> ParsedEntry:
    for feature in _list(attributes, "structure_features"):
        if feature in _REFUSED_FEATURES:
            raise StructureError(_REFUSED_FEATURES[feature], f"the provider flags {feature}")
    lattice = _array(attributes, "lattice_vectors", "not_periodic")
    positions = _array(attributes, "cartesian_site_positions", "missing_coordinates")
    dimensions = _list(attributes, "dimension_types")
    if lattice.shape != (3, 3) or (dimensions and [bool(d) for d in dimensions] != [True] * 3):
        raise StructureError("not_periodic", f"dimension_types is {dimensions}")
    numbers = _atomic_numbers(attributes)
    if positions.shape != (len(numbers), 3):
        raise StructureError(
            "malformed", f"{len(numbers)} species but positions of shape {positions.shape}"
        )
    try:
        fractional = positions @ np.linalg.inv(lattice)
    except np.linalg.LinAlgError:
        raise StructureError("flat_cell", "the lattice vectors lie in one plane") from None
    return ParsedEntry(
        name,
        Crystal(lattice, numbers, fractional),
        _properties(attributes),
        entry_licence(attributes),
    )


def entry_licence(attributes: object) -> str | None:
    """Return the licence that an entry states of its own, or None."""
    if not isinstance(attributes, Mapping):
        return None
    found = (v for k, v in attributes.items() if _LICENCE.match(k) and isinstance(v, str))
    return next(found, None)


def _disordered(attributes: Mapping[str, Any]) -> DisorderedCrystal | None:
    """Read the occupancies of an entry; None where something else is wrong with it as well."""
    features = set(map(str, _list(attributes, "structure_features"))) - {"disorder"}
    if not features.isdisjoint(_REFUSED_FEATURES):
        return None
    try:
        lattice = _array(attributes, "lattice_vectors", "not_periodic")
        positions = _array(attributes, "cartesian_site_positions", "missing_coordinates")
        species = {
            str(kind["name"]): {
                _atomic_number(symbol): float(share)
                for symbol, share in zip(
                    kind["chemical_symbols"], kind["concentration"], strict=True
                )
                if symbol != "vacancy" and share > 0
            }
            for kind in _list(attributes, "species")
        }
        occupancies = tuple(species[str(name)] for name in attributes["species_at_sites"])
        return DisorderedCrystal(lattice, positions @ np.linalg.inv(lattice), occupancies)
    except (StructureError, LookupError, TypeError, ValueError):
        # LinAlgError is a ValueError.
        return None


def _list(attributes: Mapping[str, Any], key: str) -> list[Any]:
    value = attributes.get(key)
    if value is None:
        return []
    if not isinstance(value, list):
        raise StructureError("malformed", f"{key} is no list")
    return value


def _array(attributes: Mapping[str, Any], key: str, reason: str) -> np.ndarray[Any, Any]:
    """Read a list of vectors; null, or null in it, is `reason`."""
    rows = _list(attributes, key)
    try:
        found = np.array(rows, dtype=np.float64)
    except (TypeError, ValueError):
        found = None
    # NumPy reads null as NaN, so only where there is one it is looked for.
    if (found is None or np.isnan(found).any() or not rows) and _lacks(rows):
        raise StructureError(reason, f"{key} is null or holds null")
    if found is None:
        raise StructureError("malformed", f"{key} is no list of vectors of numbers")
    return found


def _lacks(rows: list[Any]) -> bool:
    """Say whether there are no vectors, or null among them or in them."""
    return not rows or any(row is None or (isinstance(row, list) and None in row) for row in rows)


def _atomic_numbers(attributes: Mapping[str, Any]) -> np.ndarray[Any, Any]:
    """Return the atomic number of each site.

    A missing `species` list is read as one species per element, which its names then must be.
    """
    sites = _list(attributes, "species_at_sites")
    if not sites:
        raise StructureError("malformed", "species_at_sites is null or empty")
    species: dict[str, int] = {}
    for kind in _list(attributes, "species"):
        if not isinstance(kind, Mapping) or not isinstance(kind.get("name"), str):
            raise StructureError("malformed", "a species has no name")
        if kind["name"] in sites:
            species[kind["name"]] = _element_of(kind)
    if not species:
        species = {name: _atomic_number(name) for name in set(map(str, sites))}
    unknown = sorted({str(name) for name in sites} - species.keys())
    if unknown:
        raise StructureError("malformed", f"species_at_sites names {unknown}, species does not")
    return np.array([species[str(name)] for name in sites], dtype=np.int64)


def _element_of(kind: Mapping[str, Any]) -> int:
    symbols = kind.get("chemical_symbols")
    if not isinstance(symbols, list) or not symbols:
        raise StructureError("malformed", f"species {kind['name']!r} has no chemical_symbols")
    shares = kind.get("concentration") or [1.0] * len(symbols)
    if len(symbols) > 1 or "vacancy" in symbols or not _is_one(shares[0]):
        raise StructureError(
            "disordered", f"species {kind['name']!r} is {dict(zip(symbols, shares, strict=False))}"
        )
    if kind.get("attached"):
        raise StructureError("missing_atoms", f"species {kind['name']!r} has attached atoms")
    return _atomic_number(symbols[0])


def _is_one(share: object) -> bool:
    return isinstance(share, int | float) and abs(share - 1.0) < 1e-3


def _atomic_number(symbol: object) -> int:
    number = _numbers_of_symbols().get(symbol if isinstance(symbol, str) else "")
    if number is None:
        raise StructureError("unknown_element", f"{symbol!r} is no element")
    return number


@cache
def _numbers_of_symbols() -> dict[str, int]:
    from pymatgen.core import Element

    # Deuterium and tritium are isotopes, not elements of their own.
    return {element.symbol: int(element.Z) for element in Element} | {"D": 1, "T": 1}


def _properties(attributes: Mapping[str, Any]) -> dict[str, float]:
    found: dict[str, float] = {}
    if not any(key.startswith("_") for key in attributes):
        return found
    for fields in _PROVIDER_FIELDS.values():
        for name, paths in fields.items():
            numbers = (_number(attributes, path) for path in paths)
            value = next((number for number in numbers if number is not None), None)
            if value is None:
                continue
            if name == "energy_above_hull":
                # Providers report a phase below the hull of the others as negative: it is on it.
                value = max(value, 0.0)
            if is_physical(name, value):
                found[name] = value
    return found


def _number(attributes: Mapping[str, Any], path: str) -> float | None:
    value: Any = attributes
    for key in path.split("/"):
        value = value.get(key) if isinstance(value, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
