"""A descriptor set: how densely atoms fill the cell."""

from __future__ import annotations

import numpy as np

from matscreen.descriptors import Failure, Features
from matscreen.errors import StructureError
from matscreen.structures import Crystal, CrystalBatch

GRAMS_PER_DALTON = 1.66053906660e-24


class Packing:
    """Share of the cell that atomic spheres fill, volume per atom, and density.

    Spheres have the empirical atomic radii of Slater (1964), as pymatgen lists them; the share is
    NaN where an element has none.
    """

    name = "packing"
    version = "1"
    labels = ("packing_fraction", "volume_per_atom", "density")
    units = ("1", "Å³", "g/cm³")
    citation = "Slater, J. Chem. Phys. 41, 3199 (1964)"

    def featurize(self, batch: CrystalBatch) -> Features:
        """Describe every structure; one that is no crystal becomes a failure with its reason."""
        values = np.full((len(batch), len(self.labels)), np.nan)
        failures = []
        for row in range(len(batch)):
            try:
                values[row] = _describe(batch[row])
            except StructureError as error:
                failures.append(Failure(row, error.reason, error.detail))
        return Features(values, tuple(failures), self.labels)


def _describe(crystal: Crystal) -> tuple[float, float, float]:
    from pymatgen.core import Element

    elements = [Element.from_Z(int(number)) for number in crystal.atomic_numbers]
    radii = np.array([float(each.atomic_radius or np.nan) for each in elements])
    grams = sum(float(each.atomic_mass) for each in elements) * GRAMS_PER_DALTON
    filled = 4.0 / 3.0 * np.pi * (radii**3).sum() / crystal.volume
    return filled, crystal.volume / crystal.nsites, grams / (crystal.volume * 1e-24)
