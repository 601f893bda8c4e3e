"""Barrier of one oxygen-vacancy hop: constrained midpoint, elastic band when that fails."""

from __future__ import annotations

import warnings
from collections.abc import Mapping
from typing import TYPE_CHECKING

import numpy as np

from matscreen.errors import StructureError
from matscreen.simulations.base import Label, Simulated
from matscreen.simulations.calculators import Potential
from matscreen.simulations.oxygen_vacancy import OXYGEN, Vacancy, lowest_vacancy, relaxed_vacancy
from matscreen.simulations.relaxing import DEFECT_FMAX, attach, energy_of, relax_positions
from matscreen.simulations.supercells import GroundState, site_orbits
from matscreen.structures import Crystal, FloatArray

if TYPE_CHECKING:
    from ase import Atoms

MIN_BARRIER = 0.05
MAX_ASYMMETRY = 0.05
MAX_DISTINCT_ASYMMETRY = 0.5
MAX_STEPS = 40
PARALLEL_FORCE = 0.1
BAND_STEPS = 60


class OxygenMigration:
    """Lowest barrier of a vacancy hop between neighbouring oxygen sites.

    From the most stable vacancy the nearest oxygen hops in. It is placed half way, may move only
    in the plane across the path (so may the cation farthest from it, which keeps the crystal from
    sliding), and everything else relaxes: E_b = E(midpoint) - E(lower end). When the oxygen still
    feels more than 0.1 eV/Å along the path, the midpoint is not the saddle, and a climbing-image
    nudged elastic band of three images (Henkelman, Uberuaga and Jónsson 2000) takes over.

    Rejected: E_b of 0.05 eV or less, equivalent ends that differ by more than 0.05 eV (the cell
    was not in its ground state), a midpoint that takes more than 40 steps. These thresholds were
    chosen by hand on 13 oxides.

    std: potentials differ by 0.3 eV among perovskites. Neutral vacancy; the charged one hops more
    easily.
    """

    property = "oxygen_migration_barrier"
    method = "oxygen_migration"
    version = "1"

    def run(
        self,
        crystal: Crystal,
        potential: Potential,
        *,
        phases: Mapping[str, Crystal] | None = None,
    ) -> Simulated:
        """Label one relaxed oxide.

        Raises:
            StructureError: ``no_oxygen``, ``no_neighbour``, ``unequal_ends``, ``slow_midpoint``,
                ``barrier_too_low``, ``out_of_range``, or a relaxation failed.
        """
        del phases  # part of the protocol; one crystal is enough here
        base, start = lowest_vacancy(crystal, potential)
        target, distance = _neighbour(base, start.site)
        end = relaxed_vacancy(base, target, potential)
        difference = abs(start.energy - end.energy)
        allowed = MAX_ASYMMETRY if _equivalent(base, start.site, target) else MAX_DISTINCT_ASYMMETRY
        if difference > allowed:
            raise StructureError(
                "unequal_ends", f"the two ends differ by {difference:.2f} eV, {allowed} is allowed"
            )
        low = min(start.energy, end.energy)
        energy, parallel, middle = _midpoint(base, start, end, potential)
        method = "midpoint"
        if parallel > PARALLEL_FORCE:
            energy, method = _band(base, start, end, middle, potential), "neb"
        barrier = energy - low
        if barrier <= MIN_BARRIER:
            raise StructureError(
                "barrier_too_low", f"{barrier:.3f} eV: the cell found a lower state on the way"
            )
        if barrier > 6.0:
            raise StructureError("out_of_range", f"{barrier:.1f} eV is no hop")
        return Simulated(
            (
                Label(
                    "oxygen_migration_barrier",
                    barrier,
                    std=0.3,
                    site=f"O{start.site % crystal.nsites}",
                    charge=0,
                    path=f"O{start.site % crystal.nsites}-O{target % crystal.nsites}",
                ),
            ),
            notes={"hop_length": distance, "ends_differ": difference, "saddle": method},
        )


def _neighbour(base: GroundState, site: int) -> tuple[int, float]:
    """Return the oxygen nearest to a site in the defect-free cell, and how far it is, Å."""
    oxygens = np.flatnonzero(base.atoms.numbers == OXYGEN)
    others = oxygens[oxygens != site]
    if not len(others):
        raise StructureError("no_neighbour", "the cell holds a single oxygen")
    distances = base.atoms.get_distances(site, others, mic=True)
    nearest = int(np.argmin(distances.round(3)))
    if distances[nearest] > 4.5:
        raise StructureError("no_neighbour", f"the next oxygen is {distances[nearest]:.1f} Å away")
    return int(others[nearest]), float(distances[nearest])


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
) -> tuple[float, float, Atoms]:
    """Return energy, force along the path on the hopping oxygen, and the relaxed midpoint."""
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
            raise StructureError("slow_midpoint", f"more than {MAX_STEPS} steps") from error
        raise
    force = _forces(middle)[hopper] @ along
    return energy_of(middle), abs(float(force)), middle


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
