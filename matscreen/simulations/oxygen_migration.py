"""Barrier of an oxygen-vacancy hop: constrained midpoint, elastic band when that fails."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING

import numpy as np

from matscreen.errors import StructureError
from matscreen.simulations.base import Label, Simulated
from matscreen.simulations.calculators import Potential
from matscreen.simulations.oxygen_vacancy import OXYGEN, Vacancy, lowest_vacancy, relaxed_vacancy
from matscreen.simulations.relaxing import DEFECT_FMAX, attach, energy_of, relax_positions
from matscreen.simulations.supercells import GroundState, defect_repeats, site_orbits
from matscreen.structures import Crystal, FloatArray

if TYPE_CHECKING:
    from ase import Atoms

MIN_BARRIER = 0.05
MAX_ASYMMETRY = 0.05
MAX_DISTINCT_ASYMMETRY = 0.5
MAX_BARRIER = 6.0
MAX_STEPS = 40
MAX_HOPS = 3
HOP_LENGTH = 3.6
"""Longest hop that is tried when a shorter one exists, Å: edges of oxygen polyhedra."""
MAX_NEIGHBOUR = 4.5
PARALLEL_FORCE = 0.1
BAND_STEPS = 60


class OxygenMigration:
    """Lowest barrier of a vacancy hop between neighbouring oxygen sites.

    From the most stable vacancy the hops that symmetry tells apart are tried, three at most: to
    the nearest oxygen of each class (site class of the parent crystal and hop length within
    0.1 Å) up to 3.6 Å away, the shortest first. The hopping oxygen is placed half way, may move
    only in the plane across the path (so may the cation farthest from it, which keeps the crystal
    from sliding), and everything else relaxes: E_b = E(midpoint) - E(lower end). When the oxygen
    still feels more than 0.1 eV/Å along the path, or the midpoint takes more than 40 steps, it is
    not the saddle, and a climbing-image nudged elastic band of three images (Henkelman, Uberuaga
    and Jónsson 2000) takes over. The lowest barrier that is not rejected is the label; the notes
    name the other hops.

    Rejected: E_b of 0.05 eV or less, equivalent ends that differ by more than 0.05 eV (the cell
    was not in its ground state), distinct ends by more than 0.5 eV. These thresholds were chosen
    by hand on 13 oxides.

    std: potentials differ by 0.3 eV among perovskites. The vacancy is neutral and the potential
    knows neither charge nor spin: the charged vacancy, which carries the current of a device,
    hops more easily (`migration_charge_shift`).
    """

    property = "oxygen_migration_barrier"
    method = "oxygen_migration"
    version = "2"

    def run(
        self,
        crystal: Crystal,
        potential: Potential,
        *,
        phases: Mapping[str, Crystal] | None = None,
    ) -> Simulated:
        """Label one relaxed oxide.

        Raises:
            StructureError: ``no_oxygen``, ``no_neighbour``, or no hop was accepted and the last
                reason was ``unequal_ends``, ``barrier_too_low``, ``out_of_range``,
                ``not_converged`` or another failure of a relaxation.
        """
        del phases  # part of the protocol; one crystal is enough here
        base, start = lowest_vacancy(crystal, potential)
        hops: list[_Hop] = []
        notes: dict[str, float | str] = {}
        failure: StructureError | None = None
        for target, distance in distinct_hops(crystal, base, start.site):
            path = f"O{start.site % crystal.nsites}-O{target % crystal.nsites}"
            try:
                hop = _hop(base, start, target, distance, path, potential)
            except StructureError as error:
                failure = error
                notes[f"rejected {path} {distance:.2f} Å"] = error.reason
                continue
            notes[f"barrier {path} {distance:.2f} Å"] = hop.barrier
            hops.append(hop)
        if not hops:
            raise failure or StructureError("no_neighbour", crystal.formula)
        best = min(hops, key=lambda hop: hop.barrier)
        return Simulated(
            (
                Label(
                    "oxygen_migration_barrier",
                    best.barrier,
                    std=0.3,
                    site=f"O{start.site % crystal.nsites}",
                    charge=0,
                    path=best.path,
                ),
            ),
            notes={
                "hop_length": best.length,
                "ends_differ": best.asymmetry,
                "saddle": best.saddle,
                **notes,
            },
        )


@dataclass(frozen=True)
class _Hop:
    """An accepted hop: energies in eV, length in Å."""

    path: str
    length: float
    barrier: float
    asymmetry: float
    saddle: str


def _hop(
    base: GroundState,
    start: Vacancy,
    target: int,
    length: float,
    path: str,
    potential: Potential,
) -> _Hop:
    end = relaxed_vacancy(base, target, potential)
    difference = abs(start.energy - end.energy)
    allowed = MAX_ASYMMETRY if _equivalent(base, start.site, target) else MAX_DISTINCT_ASYMMETRY
    if difference > allowed:
        raise StructureError(
            "unequal_ends", f"the two ends differ by {difference:.2f} eV, {allowed} is allowed"
        )
    energy, on_saddle, middle = _midpoint(base, start, end, potential)
    if not on_saddle:
        energy = _band(base, start, end, middle, potential)
    barrier = energy - min(start.energy, end.energy)
    if barrier <= MIN_BARRIER:
        raise StructureError(
            "barrier_too_low", f"{barrier:.3f} eV: the cell found a lower state on the way"
        )
    if barrier > MAX_BARRIER:
        raise StructureError("out_of_range", f"{barrier:.1f} eV is no hop")
    return _Hop(path, length, barrier, difference, "midpoint" if on_saddle else "neb")


def distinct_hops(crystal: Crystal, base: GroundState, site: int) -> list[tuple[int, float]]:
    """Return the hops from an oxygen site that symmetry tells apart, the shortest first.

    Classes are those of the parent crystal, so that the small distortions of a relaxed defect
    cell do not multiply them.

    Args:
        crystal: The parent crystal.
        base: Its defect cell.
        site: Index of the vacant oxygen in the defect cell.

    Returns:
        Index of the oxygen that hops and its distance in the parent, Å; three at most.

    Raises:
        StructureError: ``no_neighbour``.
    """
    parent = crystal.to_ase().repeat(defect_repeats(crystal))
    oxygens = np.flatnonzero(parent.numbers == OXYGEN)
    others = oxygens[oxygens != site]
    if not len(others):
        raise StructureError("no_neighbour", "the cell holds a single oxygen")
    distances = parent.get_distances(site, others, mic=True)
    nearest = float(distances.min())
    if nearest > MAX_NEIGHBOUR:
        raise StructureError("no_neighbour", f"the next oxygen is {nearest:.1f} Å away")
    hops: dict[tuple[int, int], tuple[int, float]] = {}
    for i in np.argsort(distances.round(3), kind="stable"):
        length = float(distances[i])
        if length > max(HOP_LENGTH, nearest + 0.1):
            break
        key = (int(base.orbits[others[i]]), round(length / 0.1))
        hops.setdefault(key, (int(others[i]), length))
    return list(hops.values())[:MAX_HOPS]


def _equivalent(base: GroundState, first: int, second: int) -> bool:
    """Say whether two sites are symmetric in the ground state (0.1 Å, it is relaxed loosely)."""
    if base.orbits[first] != base.orbits[second]:
        return False
    if not base.broken:
        return True
    try:
        orbits = site_orbits(Crystal.from_ase(base.atoms), symprec=0.1)
    except StructureError:
        return False
    return bool(orbits[first] == orbits[second])


def _ends(base: GroundState, start: Vacancy, end: Vacancy) -> tuple[Atoms, Atoms, int]:
    """Bring both ends to one order of atoms, the hopping oxygen last."""
    a, b = start.site, end.site
    full = np.arange(len(base.atoms))
    rest = [i for i in full if i not in (a, b)]
    in_start = {int(i): k for k, i in enumerate(np.delete(full, a))}
    in_end = {int(i): k for k, i in enumerate(np.delete(full, b))}
    first = start.atoms[[in_start[int(i)] for i in rest] + [in_start[b]]]
    last = end.atoms[[in_end[int(i)] for i in rest] + [in_end[a]]]
    delta = last.get_scaled_positions(wrap=False) - first.get_scaled_positions(wrap=False)
    last.positions -= np.round(delta) @ first.cell.array
    # Both ends drift freely: their cations are superposed before a path is drawn.
    moved = (last.positions - first.positions)[:-1]
    last.positions -= moved[np.linalg.norm(moved, axis=1) < 0.3].mean(axis=0)
    return first, last, len(first) - 1


def _midpoint(
    base: GroundState, start: Vacancy, end: Vacancy, potential: Potential
) -> tuple[float, bool, Atoms]:
    """Return the energy, whether it is a saddle, and the relaxed midpoint."""
    from ase.constraints import FixedPlane

    first, last, hopper = _ends(base, start, end)
    along = last.positions[hopper] - first.positions[hopper]
    along /= np.linalg.norm(along)
    middle = first.copy()
    middle.positions = (first.positions + last.positions) / 2
    attach(middle, potential)
    anchor = _farthest_cation(middle, hopper)
    try:
        relax_positions(
            middle,
            steps=MAX_STEPS,
            constraint=FixedPlane([hopper, anchor], along),
        )
    except StructureError as error:
        if error.reason == "not_converged":
            return energy_of(middle), False, middle
        raise
    force = abs(float(_forces(middle)[hopper] @ along))
    return energy_of(middle), force <= PARALLEL_FORCE, middle


def _farthest_cation(atoms: Atoms, site: int) -> int:
    cations = np.flatnonzero(atoms.numbers != OXYGEN)
    if not len(cations):
        raise StructureError("no_cation", "an anchor against sliding is needed")
    return int(cations[np.argmax(atoms.get_distances(site, cations, mic=True))])


def _forces(atoms: Atoms) -> FloatArray:
    with warnings.catch_warnings():
        warnings.simplefilter("ignore")
        return np.asarray(atoms.get_forces(apply_constraint=False), dtype=np.float64)


def _band(
    base: GroundState, start: Vacancy, end: Vacancy, middle: Atoms, potential: Potential
) -> float:
    """Return the highest energy of a climbing-image band seeded with the midpoint.

    Each image has its own calculator: a shared one loses its cache at every step.
    """
    from ase.mep import NEB
    from ase.optimize import BFGS

    first, last, _ = _ends(base, start, end)
    quarter, three = first.copy(), last.copy()
    quarter.positions = (first.positions + middle.positions) / 2
    three.positions = (last.positions + middle.positions) / 2
    images = [first, quarter, middle.copy(), three, last]
    for image in images:
        attach(image, potential)
    band = NEB(images, climb=True, method="improvedtangent")
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            converged = BFGS(band, logfile=None, maxstep=0.1).run(
                fmax=2 * DEFECT_FMAX, steps=BAND_STEPS
            )
    except (ValueError, RuntimeError, ArithmeticError) as error:
        raise StructureError("calculator_failed", f"{type(error).__name__}: {error}") from error
    if not converged:
        raise StructureError("not_converged", f"the band did not settle in {BAND_STEPS} steps")
    return max(energy_of(image) for image in images[1:-1])
