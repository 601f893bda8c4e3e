"""Formation energies and distances to the hull from the energies of one potential."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

import numpy as np

from matscreen.simulations.base import Label
from matscreen.simulations.element_states import REFERENCE, reference_items

__all__ = [
    "REFERENCE",
    "Entry",
    "PhaseSpace",
    "corrected_energy",
    "hubbard_shifts",
    "reference_items",
    "stability_labels",
]

LOWER_BOUND = "lower_bound"
"""Path of a hull distance: competing phases that nobody has relaxed yet could only raise it."""

# Against the Materials Project of 2018 the formation energies of its stable oxides scatter by
# 0.04 eV/atom after the offset of its older corrections (`matscreen.validation.stability`); PBE
# itself is some 0.05 eV/atom from calorimetry. Errors partly cancel between oxides and between
# phases of one formula.
_FORMATION_STD = 0.08
_HULL_STD = 0.05
_POLYMORPH_STD = 0.02


@dataclass(frozen=True, eq=False)
class Entry:
    """One relaxed compound on its way to the hull.

    Attributes:
        structure_id: Identifier of the relaxed crystal.
        input_id: Identifier of the crystal it was relaxed from.
        counts: Atoms of each element in the cell.
        energy_per_atom: Uncorrected energy of the potential, eV/atom.
        calculator: Name of the potential.
        calculator_version: Package and version of the potential.
    """

    structure_id: str
    input_id: str | None
    counts: Mapping[str, int]
    energy_per_atom: float
    calculator: str
    calculator_version: str = ""


class PhaseSpace:
    """Everything that competes: relaxed compounds and elements of one potential.

    Energies of oxides are corrected as in the MP2020 scheme (Wang et al., Sci. Rep. 11, 15496,
    2021): the oxide shift per oxygen and the +U shift of V, Cr, Mn, Fe, Co, Ni, Mo and W, because
    the potential reproduces uncorrected GGA / GGA+U energies. The hull is built from these
    entries and the elements alone (convex hull, pymatgen), so a distance to it is a lower bound;
    it is left out when a cation has no binary oxide among the entries.

    Args:
        entries: All relaxed compounds of one potential.
        elements: Energy of each element's reference, eV/atom, by formula (``O2`` for oxygen).
        oxide_correction: Shift per oxygen, eV; zero means that the potential is trained on
            corrected energies and no correction at all is added.
    """

    def __init__(
        self, entries: Iterable[Entry], elements: Mapping[str, float], *, oxide_correction: float
    ) -> None:
        self._correction = oxide_correction
        self._elements = {formula.removesuffix("2"): e for formula, e in elements.items()}
        self._phases: dict[_Key, set[str]] = {}
        self._lowest: dict[_Key, float] = {}
        for entry in entries:
            key = _key(entry.counts)
            energy = self._per_atom(entry)
            self._phases.setdefault(key, set()).add(entry.structure_id)
            self._lowest[key] = min(energy, self._lowest.get(key, np.inf))
        self._systems = {key: frozenset(symbol for symbol, _ in key) for key in self._lowest}
        self._with_binary = frozenset(
            symbol
            for system in self._systems.values()
            if len(system) == 2 and "O" in system
            for symbol in system
        )
        self._diagrams: dict[frozenset[str], Any] = {}

    def formation_energy(self, entry: Entry) -> float | None:
        """Return the energy of formation from the elements, eV/atom; None without a reference."""
        if not entry.counts.keys() <= self._elements.keys():
            return None
        n = sum(entry.counts.values())
        pure = sum(k * self._elements[symbol] for symbol, k in entry.counts.items()) / n
        return self._per_atom(entry) - pure

    def above_hull(self, entry: Entry) -> float | None:
        """Return the distance to the hull of the other phases, eV/atom; negative below it.

        None when an element has no reference or a cation no binary oxide. An entry of the phase
        space itself is part of the hull and never below it.
        """
        symbols = frozenset(entry.counts)
        if not (symbols <= self._elements.keys() and symbols <= self._with_binary):
            return None
        from pymatgen.analysis.phase_diagram import PDEntry
        from pymatgen.core import Composition

        n = sum(entry.counts.values())
        above = self._diagram(symbols).get_e_above_hull(
            PDEntry(Composition(dict(entry.counts)), self._per_atom(entry) * n), allow_negative=True
        )
        return float(above) if above is not None and np.isfinite(above) else None

    def above_polymorphs(self, entry: Entry) -> float | None:
        """Return the energy above the lowest phase of the same formula, eV/atom.

        None when no other phase of the formula is known; negative for a new lowest one.
        """
        key = _key(entry.counts)
        if not self._phases.get(key, set()) - {entry.structure_id}:
            return None
        return self._per_atom(entry) - self._lowest[key]

    def labels(self, entry: Entry) -> list[Label]:
        """Return what can be said about an entry: up to three labels."""
        found = []
        formation = self.formation_energy(entry)
        if formation is not None:
            found.append(Label("formation_energy_per_atom", formation, std=_FORMATION_STD))
        for name, value, std in (
            ("energy_above_hull", self.above_hull(entry), _HULL_STD),
            ("energy_above_polymorphs", self.above_polymorphs(entry), _POLYMORPH_STD),
        ):
            if value is not None:
                found.append(Label(name, max(0.0, value), std=std, path=LOWER_BOUND))
        return found

    def _per_atom(self, entry: Entry) -> float:
        return corrected_energy(entry, self._correction) / sum(entry.counts.values())

    def _diagram(self, symbols: frozenset[str]) -> Any:
        if symbols not in self._diagrams:
            from pymatgen.analysis.phase_diagram import PDEntry, PhaseDiagram
            from pymatgen.core import Composition

            rivals = [
                PDEntry(Composition(dict(key)), self._lowest[key] * sum(k for _, k in key))
                for key, system in self._systems.items()
                if system <= symbols
            ]
            pure = [PDEntry(Composition({s: 1}), self._elements[s]) for s in sorted(symbols)]
            self._diagrams[symbols] = PhaseDiagram([*pure, *rivals])
        return self._diagrams[symbols]


def stability_labels(
    entries: Sequence[Entry], elements: Mapping[str, float], *, oxide_correction: float
) -> list[tuple[Entry, Label]]:
    """Label entries with formation energy, energy above hull and energy above polymorphs.

    Arguments are those of `PhaseSpace`; every entry competes with all others.
    """
    space = PhaseSpace(entries, elements, oxide_correction=oxide_correction)
    return [(entry, label) for entry in entries for label in space.labels(entry)]


_Key = tuple[tuple[str, int], ...]


def _key(counts: Mapping[str, int]) -> _Key:
    """Reduced composition as a key: far cheaper than a pymatgen formula."""
    divisor = int(np.gcd.reduce(list(counts.values())))
    return tuple(sorted((symbol, k // divisor) for symbol, k in counts.items()))


def corrected_energy(entry: Entry, oxide_correction: float) -> float:
    """Return the energy of the cell with the MP2020 shifts, eV."""
    n = sum(entry.counts.values())
    energy = entry.energy_per_atom * n
    if not oxide_correction or "O" not in entry.counts or len(entry.counts) == 1:
        return energy
    energy += oxide_correction * entry.counts["O"]
    shifts = hubbard_shifts()
    return energy + sum(shifts.get(symbol, 0.0) * k for symbol, k in entry.counts.items())


@cache
def hubbard_shifts() -> dict[str, float]:
    """Return the MP2020 shift per atom of the metals that carry a +U in oxides, eV."""
    from pymatgen.entries.compatibility import MaterialsProject2020Compatibility

    table = MaterialsProject2020Compatibility().u_corrections["O"]
    return {str(symbol): float(shift) for symbol, shift in table.items()}
