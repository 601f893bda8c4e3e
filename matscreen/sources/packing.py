"""How full the cells of many crystals are: space taken by their ions, and gaps between atoms."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from matscreen.descriptors.composition import Compositions
from matscreen.descriptors.elements import ionic_radius
from matscreen.descriptors.oxidation import anion_mask, frequent_charges
from matscreen.errors import StructureError
from matscreen.sources.contacts import covalent_radii
from matscreen.sources.flags import flag
from matscreen.structures import CrystalBatch, FloatArray

FILLING: Final = (0.15, 0.31, 0.90, 1.25)
"""Share of the cell that the ions fill: refused below the first and above the last number, flagged
below the second and above the third.

Ions are spheres of Shannon's radii at coordination six (Shannon 1976). Of 2,044 published oxides
(Crystallography Open Database, Petretto et al. 2018, Kumagai et al. 2021, Smidt et al. 2020) the
loosest is Ca4Sb2O with 0.19, then the zeolite RWY with 0.20, the densest stishovite with 1.00; 99 %
are above 0.31, 99.9 % below 0.89. The outer bounds lie a quarter beyond the extremes.
"""

VOLUME_PER_ATOM: Final = (4.0, 1000.0)
"""Smallest and largest cell volume per site, Å³. Diamond, the densest solid, has 5.7; a thousand is
more vacuum than any slab is padded with."""

VACUUM: Final = 6.0
"""Gap between planes of atoms that counts as vacuum, Å. The widest of the published oxides is 4.4 Å
(Ni(OH)2), cells padded with vacuum have 10 and more."""

# Space left between the layers of a layered crystal, Å.
_LAYER_SPACING = 3.0
_AXES = "abc"


@dataclass(frozen=True, eq=False)
class Ions:
    """The ions that compositions imply.

    Attributes:
        radius: Shannon's radius at coordination six, (n, m), Å.
        anion: Which slots are anions, (n, m).
        balanced: Whether a neutral assignment of known states exists, (n,).
    """

    radius: FloatArray
    anion: np.ndarray
    balanced: np.ndarray

    @classmethod
    def of(cls, compositions: Compositions, charges: FloatArray) -> Ions:
        """Look the ions up.

        Where no charges are known each element counts as its most frequent ion in the ICSD. An
        ion without a tabulated radius gets two thirds of the element's covalent radius.

        Args:
            compositions: The compositions.
            charges: Their oxidation states, (n, m), e; NaN where unknown.
        """
        anion = anion_mask(compositions, charges)
        numbers = compositions.numbers
        usual = np.where(anion, frequent_charges(-1)[numbers], frequent_charges(1)[numbers])
        known = np.where(np.isnan(charges), usual, charges)
        radius = ionic_radius(numbers, known, np.full(known.shape, 6.0))
        radius = np.where(np.isnan(radius), covalent_radii()[numbers] * (2 / 3), radius)
        balanced = np.isfinite(np.where(compositions.present, charges, 0.0)).all(axis=1)
        # The proton's tabulated radius is negative: it sits inside its oxygen.
        return cls(np.maximum(radius, 0.0), anion, np.asarray(balanced))


@dataclass(frozen=True, eq=False)
class Packing:
    """How full the cells of a batch are.

    Attributes:
        volume_per_atom: Cell volume per site, (n,), Å³.
        filling: Share of the cell, without vacuum, that the ions fill, (n,).
        gap: Widest gap between planes of atoms along each cell axis, (n, 3), Å.
    """

    volume_per_atom: FloatArray
    filling: FloatArray
    gap: FloatArray

    @classmethod
    def of(cls, batch: CrystalBatch, compositions: Compositions, ions: Ions) -> Packing:
        """Measure the packing.

        Args:
            batch: Crystals whose coordinates lie inside the cell.
            compositions: Their compositions.
            ions: Their ions.
        """
        volume = np.abs(np.linalg.det(batch.lattices)) / np.diff(batch.offsets)
        spheres = (4 / 3 * np.pi * ions.radius**3 * compositions.fractions).sum(axis=1)
        gap, height = widest_gaps(batch)
        empty = np.where(gap > VACUUM, (gap - _LAYER_SPACING) / height, 0.0)
        return cls(volume, spheres / (volume * (1 - empty).prod(axis=1)), gap)

    def refusal(self, i: int) -> StructureError | None:
        """Say why the volume of a crystal is absurd, or return None."""
        volume, filling = float(self.volume_per_atom[i]), float(self.filling[i])
        seen = f"{volume:.2f} Å³ per atom"
        if volume < VOLUME_PER_ATOM[0]:
            seen += f"; diamond, the densest solid, has 5.7 and at least {VOLUME_PER_ATOM[0]:g}"
            return StructureError("absurd_volume", f"{seen} is needed")
        if volume > VOLUME_PER_ATOM[1]:
            return StructureError("absurd_volume", f"{seen}, at most {VOLUME_PER_ATOM[1]:g}")
        if not FILLING[0] <= filling <= FILLING[3]:
            return StructureError(
                "absurd_volume",
                f"{seen}: its ions would fill {filling:.2f} of the cell, "
                f"oxides have {FILLING[0]:g}-{FILLING[3]:g}",
            )
        return None

    @cached_property
    def _odd(self) -> np.ndarray:
        """Which crystals have a flag, (n,)."""
        usual = (self.filling >= FILLING[1]) & (self.filling <= FILLING[2])
        return np.asarray(~usual | (self.gap > VACUUM).any(axis=1))

    def flags(self, i: int) -> tuple[str, ...]:
        """Return the flags of a crystal that the packing raises."""
        if not self._odd[i]:
            return ()
        filling, found = float(self.filling[i]), []
        if not FILLING[1] <= filling <= FILLING[2]:
            name = "loosely_packed" if filling < FILLING[1] else "densely_packed"
            found.append(flag(name, f"the ions fill {filling:.2f} of the cell"))
        wide = np.flatnonzero(self.gap[i] > VACUUM)
        if wide.size:
            seen = ", ".join(
                f"{self.gap[i, k]:.1f} Å without an atom along {_AXES[k]}" for k in wide
            )
            found.append(flag("vacuum", seen))
        return tuple(found)


def widest_gaps(batch: CrystalBatch) -> tuple[FloatArray, FloatArray]:
    """Find the widest layer without an atom between planes of atoms along each cell axis.

    Args:
        batch: Crystals whose coordinates lie inside the cell.

    Returns:
        Widest gap, and distance between the two faces of the cell, along each axis, (n, 3), Å.
    """
    volumes = np.abs(np.linalg.det(batch.lattices))
    a, b, c = (batch.lattices[:, k] for k in range(3))
    areas = np.stack(
        [np.linalg.norm(np.cross(u, v), axis=1) for u, v in ((b, c), (c, a), (a, b))], axis=1
    )
    heights = volumes[:, None] / areas
    owner = np.repeat(np.arange(len(batch)), np.diff(batch.offsets))
    starts, ends = batch.offsets[:-1], batch.offsets[1:] - 1
    widest = np.empty((len(batch), 3))
    for axis in range(3):
        place = batch.frac_coords[:, axis]
        place = place[np.lexsort((place, owner))]
        step = np.diff(place, append=0.0)
        # After the last atom of a cell comes the first of the next one.
        step[ends] = place[starts] + 1.0 - place[ends]
        widest[:, axis] = np.maximum.reduceat(step, starts)
    return widest * heights, heights
