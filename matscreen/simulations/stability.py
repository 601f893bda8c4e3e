"""Formation energies and distances to the hull from the energies of one potential."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from matscreen.simulations.base import Label
from matscreen.sources.base import SourceItem
from matscreen.structures import Crystal

REFERENCE = "reference"
"""Source name of elements and O2, which are relaxed for their energies and are no candidates."""

_FORMATION_STD = 0.08
_HULL_STD = 0.05


@dataclass(frozen=True, eq=False)
class Entry:
    """One relaxed compound on its way to the hull.

    Attributes:
        structure_id: Identifier of the relaxed crystal.
        input_id: Identifier of the crystal it was relaxed from.
        counts: Atoms of each element in the cell.
        energy_per_atom: Uncorrected energy of the potential, eV/atom.
        calculator: Name of the potential.
    """

    structure_id: str
    input_id: str | None
    counts: Mapping[str, int]
    energy_per_atom: float
    calculator: str


def reference_items(symbols: Sequence[str]) -> list[SourceItem]:
    """Return the elements in their reference states (ASE's table) and O2 in a box.

    Elements whose ground state ASE cannot build (Mn, B, P...) are tried as bcc, fcc and hcp; the
    lowest one counts, some tenths of an eV per atom too high at worst.
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


def stability_labels(
    entries: Sequence[Entry], elements: Mapping[str, float], *, oxide_correction: float
) -> list[tuple[Entry, Label]]:
    """Compute formation energy and energy above hull of each entry.

    Energies of oxides are corrected as in the MP2020 scheme (Wang et al. 2021): the oxide shift
    per oxygen and the +U shift of V, Cr, Mn, Fe, Co, Ni, Mo and W, because the potential
    reproduces uncorrected GGA / GGA+U energies. The hull is built from these entries and the
    elements alone (convex hull, pymatgen), so its distance is a lower bound; it is left out when
    a cation has no binary oxide among the entries.

    Args:
        entries: All relaxed compounds of one potential.
        elements: Energy of each element's reference, eV/atom, by formula (``O2`` for oxygen).
        oxide_correction: Shift per oxygen, eV; zero means that the potential is trained on
            corrected energies and no correction at all is added.
    """
    from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
    from pymatgen.core import Composition, Element

    reference = {Composition(f).elements[0].symbol: e for f, e in elements.items()}
    energies = {entry.structure_id: corrected_energy(entry, oxide_correction) for entry in entries}
    lowest: dict[str, tuple[Composition, float]] = {}
    for entry in entries:
        composition = Composition(dict(entry.counts))
        formula = composition.reduced_formula
        per_atom = energies[entry.structure_id] / composition.num_atoms
        if formula not in lowest or per_atom < lowest[formula][1]:
            lowest[formula] = (composition, per_atom)
    with_binary = {
        element.symbol
        for composition, _ in lowest.values()
        if len(composition) == 2 and Element("O") in composition
        for element in composition
    }
    diagrams: dict[frozenset[str], Any] = {}
    labels: list[tuple[Entry, Label]] = []
    for entry in entries:
        symbols = frozenset(entry.counts)
        if not symbols <= reference.keys():
            continue
        n = sum(entry.counts.values())
        total = energies[entry.structure_id]
        formation = (total - sum(k * reference[s] for s, k in entry.counts.items())) / n
        labels.append(
            (entry, Label("formation_energy_per_atom", float(formation), std=_FORMATION_STD))
        )
        if not symbols <= with_binary:
            continue
        if symbols not in diagrams:
            rivals = [
                PDEntry(composition, per_atom * composition.num_atoms)
                for composition, per_atom in lowest.values()
                if {e.symbol for e in composition} <= symbols
            ]
            pure = [PDEntry(Composition({s: 1}), reference[s]) for s in sorted(symbols)]
            diagrams[symbols] = PhaseDiagram([*pure, *rivals])
        above = diagrams[symbols].get_e_above_hull(
            PDEntry(Composition(dict(entry.counts)), total), allow_negative=True
        )
        if above is not None and np.isfinite(above):
            labels.append(
                (entry, Label("energy_above_hull", max(0.0, float(above)), std=_HULL_STD))
            )
    return labels


def corrected_energy(entry: Entry, oxide_correction: float) -> float:
    """Return the energy of the cell with the MP2020 shifts, eV."""
    n = sum(entry.counts.values())
    energy = entry.energy_per_atom * n
    if not oxide_correction or "O" not in entry.counts or len(entry.counts) == 1:
        return energy
    energy += oxide_correction * entry.counts["O"]
    shifts = _hubbard_shifts()
    return energy + sum(shifts.get(symbol, 0.0) * k for symbol, k in entry.counts.items())


@cache
def _hubbard_shifts() -> dict[str, float]:
    from pymatgen.entries.compatibility import MaterialsProject2020Compatibility

    table = MaterialsProject2020Compatibility().u_corrections["O"]
    return {str(symbol): float(shift) for symbol, shift in table.items()}
