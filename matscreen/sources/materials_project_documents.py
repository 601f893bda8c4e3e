"""Turn the documents of the Materials Project into candidates with their values."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Final

from matscreen.errors import StructureError
from matscreen.properties import is_physical
from matscreen.sources.base import SourceItem
from matscreen.sources.dataset_frames import read_crystal

SUMMARY_FIELDS: Final = (
    "material_id",
    "structure",
    "nsites",
    "volume",
    "energy_above_hull",
    "formation_energy_per_atom",
    "band_gap",
    "bulk_modulus",
    "shear_modulus",
    "e_total",
    "e_ij_max",
    "theoretical",
    "has_props",
    "builder_meta",
)
"""Fields of a summary document that are asked for."""

SIDE_FIELDS: Final[dict[str, tuple[str, ...]]] = {
    "thermo": (
        "material_id",
        "thermo_type",
        "energy_type",
        "energy_above_hull",
        "formation_energy_per_atom",
    ),
    "dielectric": ("material_id", "e_total", "e_electronic", "e_ionic"),
    "piezoelectric": ("material_id", "e_ij_max"),
}
"""Other endpoints, and the fields that are asked of them."""

# What the database calls its two licences; its terms of use state the full names.
_LICENCES = {"BY-C": "CC-BY-4.0", "BY-NC": "CC-BY-NC-4.0"}
_DEFAULT_LICENCE: Final = "CC-BY-4.0"


@dataclass(frozen=True)
class Sides:
    """What the other endpoints say of the materials of a page, by material id.

    Attributes:
        dielectric: Documents of the endpoint `dielectric`.
        piezoelectric: Documents of the endpoint `piezoelectric`.
        thermo: Documents of the endpoint `thermo`, one for each kind of hull.
    """

    dielectric: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    piezoelectric: Mapping[str, Mapping[str, Any]] = field(default_factory=dict)
    thermo: Mapping[str, tuple[Mapping[str, Any], ...]] = field(default_factory=dict)


def material_id(document: object) -> str | None:
    """Return the identifier of a document, however broken the rest of it is."""
    name = document.get("material_id") if isinstance(document, Mapping) else None
    return name if isinstance(name, str) and name else None


def has_property(document: Mapping[str, Any], name: str) -> bool:
    """Say whether the database offers a kind of data for the material of a summary."""
    offered = document.get("has_props")
    return isinstance(offered, Mapping) and offered.get(name) is True


def by_material(documents: Iterable[Any]) -> dict[str, tuple[Mapping[str, Any], ...]]:
    """Group the documents of another endpoint by material; what is none is passed over."""
    found: dict[str, tuple[Mapping[str, Any], ...]] = {}
    for document in documents:
        name = material_id(document)
        if name is not None:
            found[name] = (*found.get(name, ()), document)
    return found


def to_item(document: object, sides: Sides, *, source: str, now: datetime) -> SourceItem:
    """Turn a summary document into a candidate.

    Args:
        document: The document, a mapping as JSON gives it.
        sides: What the other endpoints say.
        source: Name of the source.
        now: Moment of retrieval.

    Returns:
        The candidate. A null is absent, never zero; a value beyond the physical bounds is absent
        too. The method names the hull and, where known, the functional of the energies.

    Raises:
        StructureError: `malformed`, `no_structure`, `disordered`, `unknown_element`, or a reason
            of `Crystal`.
    """
    name = material_id(document)
    if not isinstance(document, Mapping) or name is None:
        raise StructureError("malformed", "the document has no material_id")
    crystal = read_crystal(document.get("structure"))
    if _number(document, "nsites") not in {None, float(crystal.nsites)}:
        raise StructureError(
            "malformed", f"nsites is {document['nsites']}, the structure has {crystal.nsites}"
        )
    dielectric = sides.dielectric.get(name, {})
    total = _number(dielectric, "e_total")
    hull = _number(document, "energy_above_hull")
    values = {
        # A phase below the hull of the others is on it.
        "energy_above_hull": None if hull is None else max(hull, 0.0),
        "formation_energy_per_atom": _number(document, "formation_energy_per_atom"),
        "band_gap": _number(document, "band_gap"),
        "volume_per_atom": crystal.volume / crystal.nsites,
        "relative_permittivity": _number(document, "e_total") if total is None else total,
        "bulk_modulus": _number(document.get("bulk_modulus"), "vrh"),
        "shear_modulus": _number(document.get("shear_modulus"), "vrh"),
    }
    properties = {
        key: value for key, value in values.items() if value is not None and is_physical(key, value)
    }
    return SourceItem(
        crystal=crystal,
        source=source,
        source_id=name,
        licence=_licence(document),
        properties=properties,
        retrieved_at=now,
        attributes=_attributes(document, sides, name),
        evidence=dict.fromkeys(properties, "dft"),
        method=_method(document, sides.thermo.get(name, ()), source),
    )


def _attributes(document: Mapping[str, Any], sides: Sides, name: str) -> dict[str, float | str]:
    found: dict[str, float | str] = {}
    if isinstance(document.get("theoretical"), bool):
        found["theoretical"] = "yes" if document["theoretical"] else "no"
    piezoelectric = _number(sides.piezoelectric.get(name), "e_ij_max")
    numbers = {
        "piezoelectric_modulus_C_per_m2": (
            _number(document, "e_ij_max") if piezoelectric is None else piezoelectric
        ),
        "electronic_permittivity": _number(sides.dielectric.get(name), "e_electronic"),
        "ionic_permittivity": _number(sides.dielectric.get(name), "e_ionic"),
    }
    found.update({key: value for key, value in numbers.items() if value is not None})
    meta = document.get("builder_meta")
    version = meta.get("database_version") if isinstance(meta, Mapping) else None
    if isinstance(version, str):
        found["database_version"] = version
    return found


def _licence(document: Mapping[str, Any]) -> str:
    meta = document.get("builder_meta")
    stated = meta.get("license") if isinstance(meta, Mapping) else None
    return _LICENCES.get(str(stated), _DEFAULT_LICENCE)


def _method(document: Mapping[str, Any], thermo: Iterable[Mapping[str, Any]], source: str) -> str:
    """Name the hull whose energies the summary quotes; the same in every pull of the same data."""
    energies = ("energy_above_hull", "formation_energy_per_atom")
    for other in sorted(thermo, key=lambda other: str(other.get("thermo_type"))):
        pairs = [(_number(document, key), _number(other, key)) for key in energies]
        known = [(ours, theirs) for ours, theirs in pairs if ours is not None]
        same = all(theirs is not None and abs(ours - theirs) < 1e-9 for ours, theirs in known)
        if known and same and other.get("thermo_type"):
            functional = other.get("energy_type")
            return f"{source}: hull {other['thermo_type']}" + (
                f", energy {functional}" if functional else ""
            )
    return source


def _number(document: object, key: str) -> float | None:
    value = document.get(key) if isinstance(document, Mapping) else None
    if isinstance(value, bool) or not isinstance(value, int | float) or not math.isfinite(value):
        return None
    return float(value)
