"""Average voltage at which oxygen, hydrogen or lithium enters an oxide."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache
from typing import TYPE_CHECKING

import numpy as np

from matscreen.errors import StructureError
from matscreen.identity import analyze_symmetry
from matscreen.simulations.base import Label, Simulated
from matscreen.simulations.calculators import Potential
from matscreen.simulations.cubic_parent import is_cubic_perovskite
from matscreen.simulations.oxygen_vacancy import OXYGEN, lowest_vacancy, oxygen_chemical_potential
from matscreen.simulations.relaxing import attach, energy_of, relax_cell, relax_positions
from matscreen.simulations.supercells import SEED, GroundState
from matscreen.structures import Crystal, FloatArray

if TYPE_CHECKING:
    from ase import Atoms

OXYGEN_ELECTRONS = 2
O_H = 0.98
"""Length of the O-H bond that a proton starts with, Å."""
STD = 0.5
_RATTLE = 0.03
_GRID = 0.45  # Å between the points where a hole for lithium is looked for
_DIRECTIONS = 200


class InsertionVoltage:
    """Average insertion voltage of oxygen, hydrogen and lithium.

    V = -[E(host + n X) - E(host) - n mu_X] / (n z), in volts for energies in eV (Aydinol, Kohan,
    Ceder, Cho and Joannopoulos 1997), with z = 2 electrons for O and 1 for H and Li; entropy and
    volume terms are left out. A positive voltage means that the ion enters by itself. Paths:

    - ``O:vacancy``: oxygen fills a dilute vacancy, V = E_f / 2 with the vacancy energy of
      `OxygenVacancy`; the limit of an oxide that lost little oxygen.
    - ``O:A2B2O5``: a cubic perovskite is filled from its brownmillerite (rows of oxygen along
      [110] missing in every second BO2 layer, cell and positions relaxed without symmetry, 18
      atoms), the state of an electrochemical switch that lost a sixth of its oxygen.
    - ``H:dilute``: one proton and its electron on the best distinct oxygen of the defect cell,
      against half an H2 molecule.
    - ``Li:dilute``: one lithium in the largest hole of the defect cell, against the bcc metal.

    Oxygen counts against half an O2 with the oxide correction of the potential
    (`oxygen_chemical_potential`). An ion that the potential cannot treat is left out and named in
    the notes.

    std 0.5 V: semilocal functionals with and without +U differ by that much where a transition
    metal is reduced (Zhou, Cococcioni, Marianetti, Morgan and Ceder 2004).
    """

    property = "insertion_voltage"
    method = "insertion_voltage"
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
            StructureError: ``no_oxygen``, ``cell_too_large``, or no ion could be inserted.
        """
        del phases  # part of the protocol; one crystal is enough here
        if OXYGEN not in crystal.atomic_numbers:
            raise StructureError("no_oxygen", f"{crystal.formula} holds no oxygen")
        base, vacancy = lowest_vacancy(crystal, potential)
        paths: dict[str, Callable[[], float]] = {
            "O:vacancy": lambda: (
                (vacancy.energy - base.energy + oxygen_chemical_potential(potential))
                / OXYGEN_ELECTRONS
            ),
            "H:dilute": lambda: hydrogen_voltage(base, potential),
            "Li:dilute": lambda: lithium_voltage(base, potential),
        }
        if is_cubic_perovskite(crystal, analyze_symmetry(crystal).number):
            paths["O:A2B2O5"] = lambda: brownmillerite_voltage(crystal, potential)
        labels: list[Label] = []
        notes: dict[str, float | str] = {"cell_atoms": float(len(base.atoms))}
        failure: StructureError | None = None
        for path, voltage in paths.items():
            try:
                labels.append(Label(self.property, voltage(), std=STD, path=path))
            except StructureError as error:
                failure = error
                notes[f"rejected {path}"] = error.reason
        if not labels:
            raise failure or StructureError("no_path", crystal.formula)
        return Simulated(tuple(labels), notes=notes)


def brownmillerite_voltage(cubic: Crystal, potential: Potential) -> float:
    """Voltage of A2B2O5 + 1/2 O2 -> 2 ABO3, V.

    Both ends are relaxed in the same cell of four formula units from displaced positions, so that
    the octahedra of the full end may tilt as well.

    Raises:
        StructureError: A relaxation failed.
    """
    full, empty = brownmillerite(cubic)
    energies = []
    for end in (full, empty):
        atoms = end.to_ase()
        atoms.rattle(_RATTLE, seed=SEED)
        relax_cell(attach(atoms, potential), fmax=0.05, symprec=None)
        energies.append(energy_of(atoms))
    removed = full.nsites - empty.nsites
    loss = energies[1] + removed * oxygen_chemical_potential(potential) - energies[0]
    return loss / (removed * OXYGEN_ELECTRONS)


def brownmillerite(cubic: Crystal) -> tuple[Crystal, Crystal]:
    """Return a cubic perovskite and its brownmillerite in one cell: A4B4O12 and A4B4O10."""
    from ase.build import make_supercell

    atoms = cubic.to_ase()
    b_site = _octahedral(cubic)
    atoms.positions -= atoms.positions[b_site]
    cell = make_supercell(atoms, [[1, -1, 0], [1, 1, 0], [0, 0, 2]])
    cell.wrap(eps=1e-6)
    oxygens = np.flatnonzero(cell.numbers == OXYGEN)
    x, y, z = (cell.positions[oxygens] @ np.linalg.inv(cubic.lattice)).T
    layer = np.abs(z - 2 * np.round(z / 2)) < 1e-3
    # Rows along [110] alternate: x - y of their oxygens is 1/2 or -1/2, modulo two.
    row = np.abs((x - y - 0.5) - 2 * np.round((x - y - 0.5) / 2)) < 1e-3
    empty = cell.copy()
    del empty[oxygens[layer & row]]
    return Crystal.from_ase(cell), Crystal.from_ase(empty)


def _octahedral(cubic: Crystal) -> int:
    """Index of the cation half an edge from the oxygens."""
    atoms = cubic.to_ase()
    oxygens = np.flatnonzero(atoms.numbers == OXYGEN)
    cations = np.flatnonzero(atoms.numbers != OXYGEN)
    return int(min(cations, key=lambda i: atoms.get_distances(i, oxygens, mic=True).min()))


def hydrogen_voltage(base: GroundState, potential: Potential) -> float:
    """Voltage of host + H+ + e- -> host:H against half an H2 molecule, V.

    Raises:
        StructureError: No relaxation succeeded.
    """
    oxygens = np.flatnonzero(base.atoms.numbers == OXYGEN)
    _, first = np.unique(base.orbits[oxygens], return_index=True)
    energies, failure = [], StructureError("no_oxygen", "no oxygen holds the proton")
    for site in oxygens[first][:2]:
        start = base.atoms.positions[site] + O_H * _freest_direction(base.atoms, int(site))
        try:
            energies.append(_inserted(base, "H", start, potential))
        except StructureError as error:
            failure = error
    if not energies:
        raise failure
    return -(min(energies) - base.energy - _half_hydrogen(potential))


def lithium_voltage(base: GroundState, potential: Potential) -> float:
    """Voltage of host + Li+ + e- -> host:Li against the bcc metal, V.

    Raises:
        StructureError: The relaxation failed.
    """
    energy = _inserted(base, "Li", largest_hole(base.atoms), potential)
    return -(energy - base.energy - _lithium(potential))


def _inserted(base: GroundState, symbol: str, position: FloatArray, potential: Potential) -> float:
    from ase import Atom

    atoms = base.atoms.copy()
    atoms.set_constraint()
    atoms.append(Atom(symbol, position))
    relax_positions(attach(atoms, potential))
    return energy_of(atoms)


def _freest_direction(atoms: Atoms, site: int) -> FloatArray:
    """Unit vector along which a bond of `O_H` ends farthest from all other atoms."""
    k = np.arange(_DIRECTIONS) + 0.5
    polar, azimuth = np.arccos(1 - 2 * k / _DIRECTIONS), np.pi * (1 + 5**0.5) * k
    sphere = np.stack(
        [np.cos(azimuth) * np.sin(polar), np.sin(azimuth) * np.sin(polar), np.cos(polar)], axis=1
    )
    others = np.delete(np.arange(len(atoms)), site)
    ends = atoms.positions[site] + O_H * sphere
    return np.asarray(sphere[_clearance(atoms[others], ends).argmax()], dtype=np.float64)


def largest_hole(atoms: Atoms) -> FloatArray:
    """Return the point of a grid of 0.45 Å that is farthest from all atoms, (3,), Å."""
    counts = np.maximum(np.ceil(atoms.cell.lengths() / _GRID).astype(int), 1)
    axes = [np.arange(n) / n for n in counts]
    grid = np.stack(np.meshgrid(*axes, indexing="ij"), axis=-1).reshape(-1, 3)
    points = grid @ atoms.cell.array
    return np.asarray(points[_clearance(atoms, points).argmax()], dtype=np.float64)


def _clearance(atoms: Atoms, points: FloatArray) -> FloatArray:
    """Distance of each point from the nearest periodic image of an atom, (n,), Å."""
    from scipy.spatial import cKDTree

    shifts = np.stack(np.meshgrid(*[(-1, 0, 1)] * 3, indexing="ij"), axis=-1).reshape(-1, 3)
    wrapped = atoms.get_scaled_positions(wrap=True)
    images = (wrapped[None, :, :] + shifts[:, None, :]).reshape(-1, 3) @ atoms.cell.array
    inside = np.linalg.solve(atoms.cell.array.T, points.T).T % 1.0 @ atoms.cell.array
    return np.asarray(cKDTree(images).query(inside)[0], dtype=np.float64)


@lru_cache(maxsize=4)
def _half_hydrogen(potential: Potential) -> float:
    from ase import Atoms

    atoms = Atoms("H2", positions=[[0, 0, 0], [0.75, 0, 0]], cell=[12, 12.1, 12.2], pbc=True)
    relax_positions(attach(atoms, potential), fmax=0.01)
    return energy_of(atoms) / 2


@lru_cache(maxsize=4)
def _lithium(potential: Potential) -> float:
    from ase.build import bulk

    atoms = bulk("Li", "bcc", a=3.44)
    relax_cell(attach(atoms, potential))
    return energy_of(atoms) / len(atoms)
