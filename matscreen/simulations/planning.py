"""Which tasks a campaign runs: what follows from a relaxed crystal, and in which order."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache

import numpy as np

from matscreen.errors import StructureError
from matscreen.identity import analyze_symmetry
from matscreen.simulations.base import SIMULATIONS
from matscreen.simulations.journal import Task
from matscreen.simulations.supercells import defect_repeats
from matscreen.sources.base import SourceItem
from matscreen.structures import Crystal, reduced_formula

FAMOUS: tuple[str, ...] = tuple(
    """
    BaTiO3 PbTiO3 KNbO3 SrTiO3 BaZrO3 LaAlO3 CaTiO3 KTaO3 NaNbO3 BiFeO3 LiNbO3 LiTaO3 HfO2
    ZrO2 ZnO MgO CeO2 TiO2 LaMnO3 LaFeO3 LaCoO3 SrFeO3 CaMnO3 SrZrO3 CaZrO3 SrHfO3 BaHfO3
    PbZrO3 SrMnO3 LaCrO3 LaNiO3 SrCoO3 SrRuO3 BaSnO3 SrSnO3 SrVO3 NaTaO3 AgNbO3 BiAlO3 BiScO3
    LaGaO3 LaScO3 KVO3 CaO SrO BaO NiO Al2O3 Ta2O5 SnO2 VO2 NbO2 In2O3 Y2O3
    """.split()  # noqa: SIM905  one line a compound would bury the table
)
"""Compounds whose behaviour is known, run first so that every campaign can be checked early."""

_WANTED: Mapping[str, tuple[tuple[str, ...], float]] = {
    "relaxation": (("relaxation",), 0.20),
    "double_well": (("double_well",), 0.20),
    "oxygen": (("oxygen_vacancy", "oxygen_migration"), 0.45),
    "elastic": (("elastic",), 0.10),
    "insertion": (("insertion_voltage",), 0.05),
}

KINDS: Mapping[str, tuple[str, ...]] = {
    kind: names for kind, (names, _) in _WANTED.items() if set(names) <= set(SIMULATIONS)
}
"""Task kinds and their recipes: vacancy and migration share the relaxed defect cell."""

SHARES: Mapping[str, float] = {kind: _WANTED[kind][1] for kind in KINDS}
"""Part of the processor time that each kind gets, so that all kinds of label grow together."""

SAME_ENERGY = 0.003
"""Phases this close, eV/atom, cannot be told apart by the potential."""
ELASTIC_SITES = 10
"""Largest cell whose elastic tensor is planned: its cost grows with the sites."""

_PEROVSKITE_PHASES = {
    221: ("Pm-3m", 5),
    99: ("P4mm", 5),
    38: ("Amm2", 5),
    160: ("R3m", 5),
    161: ("R3c", 10),
    167: ("R-3c", 10),
    140: ("I4/mcm", 10),
    127: ("P4/mbm", 10),
    74: ("Imma", 10),
    62: ("Pnma", 20),
}
"""Perovskite phases that a double well compares: symbol and atoms of the primitive cell."""


@dataclass(frozen=True, eq=False)
class Relaxed:
    """A relaxed crystal as the planner sees it.

    Attributes:
        crystal: The relaxed crystal.
        root: content_hash of its source item.
        prototype: Structure type of the source item.
        energy_per_atom: Energy of the potential, eV/atom.
        order: Queue position of its source item.
    """

    crystal: Crystal
    root: str
    prototype: str | None
    energy_per_atom: float
    order: float


def queue_orders(items: Sequence[SourceItem]) -> list[float]:
    """Queue position of each source item, lower first.

    Famous compounds come first. Then every structure type is served in turn, each in the order of
    its source (likely chemistry first) and the larger its cell the more sparsely; all phases of
    one compound run together, because what follows compares them.
    """
    seen: dict[str, int] = {}
    by_formula: dict[str, float] = {}
    for item in items:
        formula = item.crystal.formula
        if formula in by_formula:
            continue
        kind = (item.prototype or "").partition("-")[0]
        rank = seen.get(kind, 0)
        seen[kind] = rank + 1
        famous = _famous().get(formula)
        if famous is not None:
            by_formula[formula] = famous - 1e6
        else:
            by_formula[formula] = rank * max((item.crystal.nsites / 5.0) ** 1.5, 1.0)
    return [by_formula[item.crystal.formula] for item in items]


@cache
def _famous() -> dict[str, int]:
    """Rank of each famous compound under the formula that crystals carry."""
    return {reduced_formula(name): rank for rank, name in enumerate(FAMOUS)}


def follow_ups(phases: Sequence[Relaxed]) -> list[Task]:
    """Plan the tasks that follow when all phases of one compound are relaxed.

    A polar phase gets a double well, and so does the cubic perovskite parent, whose family of
    polar phases is compared. One phase of the compound gets the oxygen defects: the cubic parent
    (its ground state is then searched in the defect cell), else the most stable phase among
    those with a small defect cell. The same phase takes up ions, and the phase of lowest energy
    gets its elastic tensor when its cell holds ten sites at most.
    """
    tasks: list[Task] = []
    known: dict[str, Crystal] = {}
    polar: list[Relaxed] = []
    cubic: Relaxed | None = None
    for phase in sorted(phases, key=lambda p: p.energy_per_atom):
        try:
            symmetry = analyze_symmetry(phase.crystal)
        except StructureError:
            continue
        prototype = phase.prototype or ""
        if prototype.startswith("perovskite"):
            symbol, nsites = _PEROVSKITE_PHASES.get(symmetry.number, ("", 0))
            if phase.crystal.nsites == nsites:
                known.setdefault(symbol, phase.crystal)
                if symbol == "Pm-3m" and (cubic is None or prototype.endswith("Pm-3m")):
                    cubic = phase
        if symmetry.polar:
            polar.append(phase)
    wells = ([cubic] if cubic else []) + polar
    for phase in wells:
        others = known if phase.crystal.nsites in (5, 10) else {}
        tasks.append(
            Task(KINDS["double_well"], phase.crystal, phase.root, dict(others), phase.order)
        )
    stable = min(phases, key=lambda p: p.energy_per_atom) if phases else None
    if stable is not None and "elastic" in KINDS:
        small = stable.crystal.nsites <= ELASTIC_SITES
        if small and 8 in stable.crystal.atomic_numbers:
            tasks.append(_task("elastic", stable))
    host = cubic or _small_host(phases)
    if host is not None and 8 in host.crystal.atomic_numbers:
        size = host.crystal.nsites * int(np.prod(defect_repeats(host.crystal)))
        if size <= 100:
            late = 0.0 if size <= 48 else 1e4
            kinds = [kind for kind in ("oxygen", "insertion") if kind in KINDS]
            tasks += [_task(kind, host, late=late) for kind in kinds]
    return tasks


def _task(kind: str, phase: Relaxed, *, late: float = 0.0) -> Task:
    return Task(KINDS[kind], phase.crystal, phase.root, {}, phase.order + late)


def _small_host(phases: Sequence[Relaxed]) -> Relaxed | None:
    if not phases:
        return None
    best = min(phase.energy_per_atom for phase in phases)
    # Phases this close cannot be told apart by the potential: the smallest primitive cell, which
    # is the most symmetric description, wins.
    near = [phase for phase in phases if phase.energy_per_atom < best + SAME_ENERGY]
    return min(near, key=lambda phase: phase.crystal.nsites)
