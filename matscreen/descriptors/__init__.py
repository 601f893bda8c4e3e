"""Descriptors: numbers that describe crystals, for a whole batch at once.

`get_descriptor_set("standard").featurize(batch)` gives one row a structure. Sets:

- `composition`: Magpie statistics and charges; also from formulas alone (`featurize_formulas`).
- `fast`: the same, and the ions on the A, B and X sites.
- `standard`: the same, and geometry and symmetry.
- `full`: the same, and octahedra, Voronoi cells, radial distribution and electrostatics. Install
  the extra `compiled` (numba) for it: without, it runs a few hundred times slower.

Another package adds a set through the entry-point group ``matscreen.descriptors``: an entry
that loads to a `DescriptorSet`, or to a callable that makes one.
"""

from __future__ import annotations

from typing import cast

from matscreen.descriptors.base import DescriptorSet, Failure, Features
from matscreen.descriptors.sets import (
    ANION_SITES,
    CHARGES,
    COMPOSITION,
    ELECTROSTATICS,
    GEOMETRY,
    OCTAHEDRA,
    OXYGEN_AFFINITY,
    RADIAL,
    SITES,
    SYMMETRY,
    VORONOI,
    BlockSet,
    featurize_formulas,
)
from matscreen.errors import InputError
from matscreen.plugins import load_outside, outside_names

_MAGPIE = "Ward et al., npj Comput. Mater. 2, 16028 (2016)"
_SITES = (
    "Shannon, Acta Cryst. A 32, 751 (1976); Goldschmidt, Naturwissenschaften 14, 477 (1926); "
    "Bartel et al., Sci. Adv. 5, eaav0693 (2019); Hoppe, Z. Kristallogr. 150, 23 (1979)"
)
_GEOMETRY = (
    "O'Keeffe and Brese, J. Am. Chem. Soc. 113, 3226 (1991); Salinas-Sanchez et al., J. Solid "
    "State Chem. 100, 201 (1992); Steinhardt, Nelson and Ronchetti, Phys. Rev. B 28, 784 (1983)"
)

_FULL = (
    "Ward et al., Phys. Rev. B 96, 024104 (2017); Seko et al., Phys. Rev. B 95, 144110 (2017); "
    "Robinson, Gibbs and Ribbe, Science 172, 567 (1971); Baur, Acta Cryst. B 30, 1195 (1974); "
    "Glazer, Acta Cryst. B 28, 3384 (1972); Ewald, Ann. Phys. 369, 253 (1921)"
)

DESCRIPTOR_SETS: dict[str, DescriptorSet] = {
    one.name: one
    for one in (
        BlockSet("composition", "1", _MAGPIE, (COMPOSITION, CHARGES)),
        BlockSet(
            "fast",
            "2",
            f"{_MAGPIE}; {_SITES}",
            (COMPOSITION, CHARGES, SITES, OXYGEN_AFFINITY),
        ),
        BlockSet(
            "standard",
            "2",
            f"{_MAGPIE}; {_SITES}; {_GEOMETRY}",
            (COMPOSITION, CHARGES, SITES, OXYGEN_AFFINITY, GEOMETRY, SYMMETRY),
        ),
        BlockSet(
            "full",
            "2",
            f"{_MAGPIE}; {_SITES}; {_GEOMETRY}; {_FULL}",
            (
                COMPOSITION,
                CHARGES,
                SITES,
                OXYGEN_AFFINITY,
                GEOMETRY,
                SYMMETRY,
                OCTAHEDRA,
                VORONOI,
                RADIAL,
                ELECTROSTATICS,
                ANION_SITES,
            ),
        ),
    )
}
"""The shipped sets, by name."""

__all__ = [
    "DESCRIPTOR_SETS",
    "BlockSet",
    "DescriptorSet",
    "Failure",
    "Features",
    "featurize_formulas",
    "get_descriptor_set",
    "set_names",
]


_GROUP = "matscreen.descriptors"


def set_names() -> tuple[str, ...]:
    """Return the names that `get_descriptor_set` knows: shipped ones, then those of packages."""
    return (*DESCRIPTOR_SETS, *(n for n in outside_names(_GROUP) if n not in DESCRIPTOR_SETS))


def get_descriptor_set(name: str) -> DescriptorSet:
    """Return a descriptor set by name: one of `DESCRIPTOR_SETS`, or an installed entry point.

    Args:
        name: Its name.

    Raises:
        InputError: No set has this name.

    Examples:
        >>> described = get_descriptor_set("standard")
        >>> len(described.labels), described.units[described.labels.index("volume_per_atom")]
        (283, 'Å³')
    """
    if name in DESCRIPTOR_SETS:
        return DESCRIPTOR_SETS[name]
    loaded = load_outside(_GROUP, name)
    if loaded is not None:
        # A class with name and labels in its body has all that the protocol asks for, too.
        ready = isinstance(loaded, DescriptorSet) and not isinstance(loaded, type)
        return cast(DescriptorSet, loaded if ready else loaded())
    raise InputError(f"unknown descriptor set {name!r}; known: {', '.join(set_names())}")
