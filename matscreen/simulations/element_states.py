"""The elements as they are at rest: the zero of every formation energy."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any

from matscreen.sources.base import SourceItem
from matscreen.structures import Crystal

REFERENCE = "reference"
"""Source name of elements and O2, which are relaxed for their energies and are no candidates."""

_Sites = tuple[tuple[float, float, float], ...]

GROUND_STATES: dict[str, tuple[str, int, tuple[float, ...], _Sites]] = {
    "B": (
        "alpha",
        166,
        (4.908, 4.908, 12.567, 90, 90, 120),
        ((0.1192, 0.2384, 0.8912), (0.1965, 0.3930, 0.0243)),
    ),
    "Ga": ("alpha", 64, (4.511, 7.646, 4.517, 90, 90, 90), ((0.0, 0.1539, 0.0810),)),
    "P": ("black", 64, (3.314, 10.478, 4.376, 90, 90, 90), ((0.0, 0.1017, 0.0806),)),
    "Se": ("trigonal", 152, (4.366, 4.366, 4.954, 90, 90, 120), ((0.2254, 0.0, 1 / 3),)),
    "Te": ("trigonal", 152, (4.457, 4.457, 5.929, 90, 90, 120), ((0.2636, 0.0, 1 / 3),)),
}
"""Ground states that ASE has no builder for: name, space group, cell (Å, degrees) and the free
sites, as tabulated by Donohue, The Structures of the Elements (1974)."""


def reference_items(symbols: Sequence[str]) -> list[SourceItem]:
    """Return the elements in their reference states and O2 in a box.

    States are those of `GROUND_STATES`, else of ASE's table. The few elements that neither knows
    are tried as bcc, fcc and hcp and the lowest one counts. Of those only Mn is common in oxides:
    its fcc form is 9 meV/atom below alpha-Mn with 7net-0, so nothing is lost.
    """
    items = []
    for symbol in dict.fromkeys(symbols):
        for number, (structure, crystal) in enumerate(_reference_states(symbol)):
            items.append(
                SourceItem(
                    crystal=crystal,
                    source=REFERENCE,
                    source_id=f"{symbol}/{structure}/{number}",
                    licence=None,
                    prototype=f"element-{structure}",
                )
            )
    return items


def _reference_states(symbol: str) -> Iterator[tuple[str, Crystal]]:
    from ase import Atoms
    from ase.build import bulk
    from ase.data import atomic_numbers, covalent_radii

    if symbol == "O":
        molecule = Atoms(
            "O2", positions=[[0, 0, 0], [0, 0, 1.23]], cell=[12.0, 12.1, 12.2], pbc=True
        )
        yield "O2", Crystal.from_ase(molecule)
        return
    if symbol in GROUND_STATES:
        name, atoms = _tabulated(symbol)
        yield name, Crystal.from_ase(atoms)
        return
    try:
        ground = Crystal.from_ase(bulk(symbol))
    except (ValueError, RuntimeError, KeyError, TypeError, NotImplementedError):
        ground = None  # ASE knows no builder for this ground state
    if ground is not None:
        yield "ground", ground
        return
    radius = float(covalent_radii[atomic_numbers[symbol]])
    for structure, edge in (("bcc", 2.31), ("fcc", 2.83), ("hcp", 2.0)):
        yield structure, Crystal.from_ase(bulk(symbol, structure, a=edge * radius))


def _tabulated(symbol: str) -> tuple[str, Any]:
    from ase.spacegroup import crystal

    name, group, cell, sites = GROUND_STATES[symbol]
    atoms = crystal(
        [symbol] * len(sites),
        basis=sites,
        spacegroup=group,
        cellpar=cell,
        primitive_cell=True,
        symprec=1e-3,
    )
    return name, atoms
