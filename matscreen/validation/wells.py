"""Energies and polarizations of published ferroelectrics beside the potential's."""

from __future__ import annotations

from collections.abc import Callable, Mapping

import numpy as np
import pandas as pd

from matscreen.errors import StructureError
from matscreen.simulations.calculators import Potential
from matscreen.simulations.reference import polarization
from matscreen.simulations.relaxing import attach, energy_of, relax_cell
from matscreen.structures import Crystal, FloatArray


def compare_wells(
    table: pd.DataFrame,
    crystals: Mapping[str, tuple[Crystal, Crystal]],
    potential: Potential,
    *,
    relax_up_to: int = 0,
    progress: Callable[[int, int], None] = lambda _done, _total: None,
) -> pd.DataFrame:
    """Compute polar minus nonpolar energy of published pairs, as they are (single points).

    Pairs of small cells are relaxed by the potential too, each in its symmetry: that is how
    labels are made, and a structure that the potential never saw.

    Args:
        table: From `readers.read_wells`.
        crystals: From there too.
        potential: The potential.
        relax_up_to: Largest cell to relax, atoms; zero relaxes none.
        progress: Called with pairs done and their total.

    Returns:
        `table` with computed (eV/atom), polarization (µC/cm², nominal charges along the straight
        path from the nonpolar structure), relaxed (eV/atom, NaN for larger cells), and, where
        rejected, reason (of the single points) and relax_reason.
    """
    rows = []
    for done, name in enumerate(table["pair"]):
        progress(done, len(table))
        polar, nonpolar = crystals[name]
        row: dict[str, object] = {"computed": np.nan, "polarization": np.nan, "reason": None}
        row |= {"relaxed": np.nan, "relax_reason": None}
        try:
            row["computed"] = _per_atom(polar, potential) - _per_atom(nonpolar, potential)
            value = polarization(polar, _displacements(polar, nonpolar))
            row["polarization"] = np.nan if value is None else value
        except StructureError as error:
            row["reason"] = error.reason
        if polar.nsites <= relax_up_to:
            try:
                row["relaxed"] = _relaxed(polar, potential) - _relaxed(nonpolar, potential)
            except StructureError as error:
                row["relax_reason"] = error.reason
        rows.append(row)
    progress(len(table), len(table))
    return pd.concat([table.reset_index(drop=True), pd.DataFrame(rows)], axis=1)


def _per_atom(crystal: Crystal, potential: Potential) -> float:
    return energy_of(attach(crystal.to_ase(), potential)) / crystal.nsites


def _relaxed(crystal: Crystal, potential: Potential) -> float:
    atoms = attach(crystal.to_ase(), potential)
    relax_cell(atoms)
    return energy_of(atoms) / crystal.nsites


def _displacements(polar: Crystal, nonpolar: Crystal) -> FloatArray:
    """From the nonpolar to the polar positions in the polar cell, mean zero, (n, 3), Å."""
    if not (polar.atomic_numbers == nonpolar.atomic_numbers).all():
        raise StructureError("different_order", "the two structures list other atoms")
    delta = polar.frac_coords - nonpolar.frac_coords
    delta -= np.round(delta)
    moved = delta @ polar.lattice
    return np.asarray(moved - moved.mean(axis=0), dtype=np.float64)
