"""Geometry optimisation shared by all recipes: symmetric cells, fixed cells, and its rejects."""

from __future__ import annotations

import warnings
from typing import TYPE_CHECKING, Any

import numpy as np

from matscreen.errors import StructureError
from matscreen.simulations.calculators import Potential

if TYPE_CHECKING:
    from ase import Atoms

FMAX = 0.01
"""Largest force component after a full relaxation, eV/Å."""
DEFECT_FMAX = 0.05
"""Largest force on any atom of a defect cell, eV/Å."""
STIFFNESS = 28.0
"""First guess of the curvature, eV/Å²: oxides need a third fewer steps than with ASE's 70."""
MAX_STEP = 0.18
"""Longest step of an atom, Å."""
MIN_DISTANCE = 0.6
"""Two atoms closer than this, Å, mean that the potential was driven out of its domain."""


def attach(atoms: Atoms, potential: Potential) -> Atoms:
    """Give the atoms their own calculator.

    Raises:
        StructureError: The potential does not know one of the elements.
    """
    try:
        atoms.calc = potential.calculator()
    except (ValueError, KeyError, NotImplementedError) as error:
        raise StructureError("unsupported_element", str(error)[:200]) from error
    return atoms


def energy_of(atoms: Atoms) -> float:
    """Potential energy of atoms that have a calculator, eV.

    Raises:
        StructureError: The calculator failed or returned no finite number.
    """
    try:
        with warnings.catch_warnings():
            warnings.simplefilter("ignore")
            energy = float(atoms.get_potential_energy())
    except (ValueError, KeyError, NotImplementedError, RuntimeError) as error:
        raise StructureError(
            "calculator_failed", f"{type(error).__name__}: {error}"[:200]
        ) from error
    if not np.isfinite(energy):
        raise StructureError("calculator_failed", "the energy is not a finite number")
    return energy


def relax_cell(
    atoms: Atoms,
    *,
    fmax: float = FMAX,
    steps: int = 150,
    symprec: float | None = 1e-3,
    volume_ratio: tuple[float, float] = (0.6, 1.7),
) -> int:
    """Relax cell and positions in place and return the number of steps.

    Args:
        atoms: Atoms with a calculator.
        fmax: Convergence, eV/Å, for forces and for stress times volume per strain (Frechet
            derivative of the cell exponential; Tadmor et al. 1999).
        steps: Step cap.
        symprec: Tolerance, Å, at which the symmetry is found and kept; None keeps none.
        volume_ratio: Smallest and largest final volume over initial volume.

    Raises:
        StructureError: ``not_converged``, ``exploded_volume``, ``collapsed``,
            ``calculator_failed`` or ``symmetry_failed``.
    """
    from ase.constraints import FixSymmetry
    from ase.filters import FrechetCellFilter

    before = atoms.get_volume()
    if symprec is not None:
        try:
            with warnings.catch_warnings():
                warnings.simplefilter("ignore")
                atoms.set_constraint(FixSymmetry(atoms, symprec=symprec))
        except (RuntimeError, TypeError, ValueError, AttributeError) as error:
            raise StructureError("symmetry_failed", str(error)[:200]) from error
    try:
        taken = _optimise(FrechetCellFilter(atoms), atoms, fmax, steps)
    finally:
        atoms.set_constraint()
    ratio = atoms.get_volume() / before
    if not volume_ratio[0] <= ratio <= volume_ratio[1]:
        raise StructureError("exploded_volume", f"volume changed by a factor {ratio:.2f}")
    return taken


def relax_positions(
    atoms: Atoms, *, fmax: float = DEFECT_FMAX, steps: int = 120, constraint: Any = None
) -> int:
    """Relax positions at fixed cell in place and return the number of steps.

    Raises:
        StructureError: ``not_converged``, ``collapsed`` or ``calculator_failed``.
    """
    if constraint is not None:
        atoms.set_constraint(constraint)
    try:
        return _optimise(atoms, atoms, fmax, steps)
    finally:
        atoms.set_constraint()


def _optimise(target: Any, atoms: Atoms, fmax: float, steps: int) -> int:
    from ase.optimize import BFGS

    try:
        with warnings.catch_warnings(), np.errstate(all="ignore"):
            warnings.simplefilter("ignore")
            optimiser = BFGS(target, logfile=None, maxstep=MAX_STEP, alpha=STIFFNESS)
            converged = optimiser.run(fmax=fmax, steps=steps)
            taken = int(optimiser.nsteps)
    except (ValueError, KeyError, RuntimeError, ArithmeticError, np.linalg.LinAlgError) as error:
        raise StructureError(
            "calculator_failed", f"{type(error).__name__}: {error}"[:200]
        ) from error
    check_distances(atoms)
    energy_of(atoms)
    if not converged:
        raise StructureError("not_converged", f"forces above {fmax} eV/Å after {steps} steps")
    return taken


def check_distances(atoms: Atoms, *, minimum: float = MIN_DISTANCE) -> None:
    """Reject atoms that fell onto each other or lost their numbers.

    Raises:
        StructureError: ``collapsed``.
    """
    from ase.neighborlist import neighbor_list

    if not np.isfinite(atoms.positions).all() or not np.isfinite(atoms.cell.array).all():
        raise StructureError("collapsed", "a position is no longer a finite number")
    if len(neighbor_list("i", atoms, minimum)):
        raise StructureError("collapsed", f"two atoms closer than {minimum} Å")
