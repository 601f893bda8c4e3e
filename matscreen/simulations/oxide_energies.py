"""How strongly each element binds oxygen: makes data/reference/oxide_energies.csv.

For every element the formation energies per cation of its binary oxides over the oxygen per cation,
of which the stable ones, the lower convex hull, are kept. Most come from the shipped bundle;
elements that the enumeration of candidates leaves out (radioactive, or with oxides that are no
switch) are relaxed here in the same structure types with the same potential. Run as

    python -m matscreen.simulations.oxide_energies --out data/reference/oxide_energies.csv
"""

from __future__ import annotations

import argparse
import csv
import sys
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Final

from matscreen.data import data_path
from matscreen.errors import StructureError
from matscreen.simulations.bundle_reading import (
    element_energies,
    read_table,
    stored_entries,
    stored_references,
)
from matscreen.simulations.calculators import Potential, get_potential
from matscreen.simulations.element_states import reference_items
from matscreen.simulations.relaxing import attach, energy_of, relax_cell
from matscreen.simulations.stability import Entry, PhaseSpace
from matscreen.structures import Crystal

FURTHER: Final = ("B", "P", "As", "Tc", "Pm", "Au", "Ac", "Th", "Pa", "U", "Np", "Pu")
"""Elements with Shannon radii whose binary oxides the bundle lacks."""

COLUMNS: Final = ("element", "oxygen_per_cation", "energy_eV_per_cation", "calculator")

# Radii of the structure types are widened: a type that suits badly only loses.
_WIDER: Final = 0.25
_MOST_SITES: Final = 14


@dataclass(frozen=True, order=True)
class OxideEnergy:
    """A stable binary oxide.

    Attributes:
        element: Symbol of the cation.
        oxygen_per_cation: Oxygens per cation.
        energy: Formation energy per cation, eV.
    """

    element: str
    oxygen_per_cation: float
    energy: float


def lower_hull(points: dict[float, float]) -> list[tuple[float, float]]:
    """Return the stable points (x, E) between the element at (0, 0) and O2 at infinite x.

    Stable are those on the lower convex hull up to its minimum.

    Args:
        points: Lowest formation energy per cation at each oxygen per cation.
    """
    hull: list[tuple[float, float]] = []
    for x, energy in sorted({0.0: 0.0, **points}.items()):
        while len(hull) > 1:
            (x1, e1), (x2, e2) = hull[-2:]
            if (e2 - e1) * (x - x1) < (energy - e1) * (x2 - x1):
                break
            hull.pop()
        hull.append((x, energy))
    while len(hull) > 1 and hull[-1][1] >= hull[-2][1]:
        hull.pop()
    return hull[1:]


def stable_oxides(entries: Sequence[Entry], space: PhaseSpace) -> list[OxideEnergy]:
    """Return the stable binary oxides of every element among some relaxed compounds."""
    lowest: dict[str, dict[float, float]] = {}
    for entry in entries:
        others = [symbol for symbol in entry.counts if symbol != "O"]
        energy = space.formation_energy(entry)
        if len(others) != 1 or "O" not in entry.counts or energy is None:
            continue
        n = entry.counts[others[0]]
        x = round(entry.counts["O"] / n, 4)
        found = lowest.setdefault(others[0], {})
        found[x] = min(found.get(x, 0.0), energy * (entry.counts["O"] + n) / n)
    return [
        OxideEnergy(element, x, round(energy, 4))
        for element, points in sorted(lowest.items())
        for x, energy in lower_hull(points)
    ]


def further_crystals(elements: Sequence[str] = FURTHER) -> Iterator[tuple[str, Crystal]]:
    """Build the binary oxides of elements that are no candidates, small cells only."""
    from pymatgen.core import Element

    from matscreen.sources._binary_oxides import BINARY
    from matscreen.sources._families import template
    from matscreen.sources._ions import Ion, radius

    for symbol in elements:
        charges = sorted(int(q) for q in Element(symbol).data["Shannon radii"] if int(q) > 0)
        for family in BINARY:
            coordination, least, most = family.ranges[0]
            for charge in charges:
                if (charge,) not in family.charges:
                    continue
                size = radius(symbol, charge, coordination)
                if not least - _WIDER <= size <= most + _WIDER:
                    continue
                shape, ions = template(family), {"A": Ion(symbol, charge)}
                crystal = shape.build(ions, shape.scale(ions))
                if crystal.nsites <= _MOST_SITES:
                    yield f"{symbol}{charge}+ {family.name}", crystal


def relax(crystal: Crystal, potential: Potential, name: str) -> Entry:
    """Relax a crystal, however far its volume has to go, and return it as an entry.

    Raises:
        StructureError: As of `relaxing.relax_cell`.
    """
    atoms = attach(crystal.to_ase(), potential)
    relax_cell(atoms, volume_ratio=(0.1, 10.0))
    return Entry(name, None, crystal.counts, energy_of(atoms) / len(atoms), potential.name)


def main() -> None:
    """Relax what is missing and write the table."""
    parser = argparse.ArgumentParser(description=str(__doc__).splitlines()[0])
    parser.add_argument("--out", type=Path, required=True)
    parser.add_argument("--potential", default="7net-0")
    arguments = parser.parse_args()
    from rich.progress import track

    bundle = data_path("bundle")
    potential = get_potential(arguments.potential)
    entries = [
        entry
        for entry in stored_entries(
            read_table(bundle, "candidates"), read_table(bundle, "labels", derived=False)
        )
        if entry.calculator == potential.name
    ]
    elements = dict(element_energies(stored_references(bundle), potential.name))
    for item in track(reference_items(FURTHER), "elements"):
        symbol = next(iter(item.crystal.counts))
        try:
            energy = relax(item.crystal, potential, item.source_id).energy_per_atom
        except StructureError as error:
            print(f"{item.source_id}: {error}", file=sys.stderr)  # noqa: T201
            continue
        elements[symbol] = min(energy, elements.get(symbol, energy))
    for name, crystal in track(list(further_crystals()), "oxides"):
        try:
            entries.append(relax(crystal, potential, name))
        except StructureError as error:
            print(f"{name}: {error}", file=sys.stderr)  # noqa: T201
    space = PhaseSpace(entries, elements, oxide_correction=potential.oxide_correction)
    rows = stable_oxides(entries, space)
    with arguments.out.open("w", newline="", encoding="utf-8") as file:
        writer = csv.writer(file, lineterminator="\n")
        writer.writerow(COLUMNS)
        writer.writerows(
            [row.element, row.oxygen_per_cation, row.energy, potential.name] for row in rows
        )
    print(f"{len(rows)} stable oxides of {len({row.element for row in rows})} elements")  # noqa: T201


if __name__ == "__main__":
    main()
