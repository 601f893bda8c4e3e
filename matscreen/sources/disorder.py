"""A crystal whose sites are shared by several elements or only partly filled."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import numpy as np

from matscreen.errors import StructureError
from matscreen.structures import FloatArray

if TYPE_CHECKING:
    from pymatgen.core import Structure


@dataclass(frozen=True, eq=False)
class DisorderedCrystal:
    """A periodic structure with occupancies.

    Attributes:
        lattice: Lattice vectors as rows, (3, 3), Å.
        frac_coords: Fractional coordinates, (n, 3).
        occupancies: Share of each element at each site by atomic number; what is missing to one
            is empty.
    """

    lattice: FloatArray
    frac_coords: FloatArray
    occupancies: tuple[Mapping[int, float], ...]

    def __post_init__(self) -> None:
        if len(self.occupancies) != len(self.frac_coords) or not self.occupancies:
            raise StructureError(
                "bad_sites",
                f"{len(self.occupancies)} occupancies but {len(self.frac_coords)} coordinates",
            )
        for shares in self.occupancies:
            values = np.array([*shares.values()])
            if not (values > 0).all() or not np.isfinite(values).all() or values.sum() > 1.01:
                raise StructureError("bad_sites", f"occupancies of a site are {dict(shares)}")

    @classmethod
    def from_pymatgen(cls, structure: Structure) -> DisorderedCrystal:
        """Take a pymatgen structure; oxidation states are dropped.

        Raises:
            StructureError: A species is not an element.
        """
        occupancies = []
        for site in structure:
            shares: dict[int, float] = {}
            for species, share in site.species.items():
                number = getattr(species, "Z", None)
                if number is None:
                    raise StructureError("unknown_element", f"{species} is no element")
                shares[int(number)] = shares.get(int(number), 0.0) + float(share)
            occupancies.append(shares)
        return cls(
            np.asarray(structure.lattice.matrix),
            np.asarray(structure.frac_coords),
            tuple(occupancies),
        )

    @property
    def formula(self) -> str:
        """Formula of the cell with its fractional amounts, for example `Pb1 Ti0.35 Zr0.65 O3`."""
        from ase.data import chemical_symbols

        amounts: dict[int, float] = {}
        for shares in self.occupancies:
            for number, share in shares.items():
                amounts[number] = amounts.get(number, 0.0) + share
        ordered = sorted(amounts, key=lambda number: (number == 8, -number))
        return " ".join(f"{chemical_symbols[z]}{round(amounts[z], 3):g}" for z in ordered)


class DisorderError(StructureError):
    """An entry is refused as `disordered`; `crystal` is what could be ordered.

    Args:
        detail: What was seen, in one sentence.
        crystal: The disordered crystal, where the entry describes it completely.
    """

    def __init__(self, detail: str, crystal: DisorderedCrystal | None = None) -> None:
        self.crystal = crystal
        super().__init__("disordered", detail)

    def __reduce__(self) -> tuple[Any, ...]:
        return type(self), (self.detail, self.crystal)
