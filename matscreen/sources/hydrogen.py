"""Candidates that differ in their hydrogen only: one may be the other with hydrogen left out.

X-ray diffraction hardly sees hydrogen, so databases hold hydrates and hydroxides twice: with the
hydrogens of a neutron study, and without.
"""

from __future__ import annotations

from collections import defaultdict
from collections.abc import Collection, Mapping, Sequence
from functools import lru_cache
from math import gcd
from typing import TYPE_CHECKING

import numpy as np

from matscreen.descriptors.composition import parse_formula
from matscreen.errors import StructureError
from matscreen.identity import SAME_MATERIAL, distance_invariant
from matscreen.sources.flags import flag, flag_name
from matscreen.structures import Crystal, CrystalBatch, FloatArray

if TYPE_CHECKING:
    import pyarrow as pa

_HYDROGEN = 1
_Heavy = tuple[tuple[int, int], ...]


def hydrogen_variants(
    candidates: pa.Table, among: Collection[str] | None = None
) -> dict[str, tuple[str, ...]]:
    """Find candidates that are equal but for hydrogen.

    Two candidates are compared when their formulas without hydrogen are the same and the hydrogen
    is not as much. They are variants when the distances between their other atoms, each scaled by
    the cube root of the volume for each of these atoms, differ by less than `SAME_MATERIAL`.

    Args:
        candidates: Columns structure_id, formula, lattice, atomic_numbers, frac_coords.
        among: Only pairs with one of these; all pairs when None.

    Returns:
        Structure ids of the variants of each candidate that has one.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    table = candidates.filter(pc.is_valid(candidates["lattice"]))
    names = table["structure_id"].to_pylist()
    pairs = hydrogen_pairs(names, table["formula"].to_pylist(), among)
    rows = sorted({row for pair in pairs for row in pair})
    crystals = CrystalBatch.from_arrow(table.take(pa.array(rows, pa.int64())))
    skeletons = {row: _skeleton(crystal) for row, crystal in zip(rows, crystals, strict=True)}
    found: dict[str, set[str]] = defaultdict(set)
    for first, second in pairs:
        one, other = skeletons[first], skeletons[second]
        if one is not None and other is not None and _alike(one, other):
            found[names[first]].add(names[second])
            found[names[second]].add(names[first])
    return {name: tuple(sorted(others)) for name, others in found.items()}


def hydrogen_pairs(
    names: Sequence[str], formulas: Sequence[str], among: Collection[str] | None = None
) -> list[tuple[int, int]]:
    """List the pairs of rows whose formulas differ in the amount of hydrogen only.

    Args:
        names: Structure ids, (n,).
        formulas: Their formulas, (n,).
        among: Only pairs with one of these; all pairs when None.
    """
    groups: dict[_Heavy, dict[int, float]] = defaultdict(dict)
    for row, formula in enumerate(formulas):
        split = _split(formula)
        if split is not None:
            heavy, hydrogen = split
            groups[heavy][row] = hydrogen
    return [
        (first, second)
        for group in groups.values()
        if len(set(group.values())) > 1
        for first in group
        for second in group
        if first < second
        and group[first] != group[second]
        and (among is None or names[first] in among or names[second] in among)
    ]


def with_variants(candidates: pa.Table, variants: Mapping[str, tuple[str, ...]]) -> pa.Table:
    """Return the rows of candidates whose flag `hydrogen_variant` is new or changed.

    Args:
        candidates: A table of candidates.
        variants: What `hydrogen_variants` found.
    """
    import pyarrow as pa
    import pyarrow.compute as pc

    mask = pc.is_in(candidates["structure_id"], value_set=pa.array(sorted(variants), pa.string()))
    rows = candidates.filter(mask)
    flags, changed = [], []
    for name, old in zip(rows["structure_id"].to_pylist(), rows["flags"].to_pylist(), strict=True):
        others = [text for text in old or () if flag_name(text) != "hydrogen_variant"]
        new = [*others, flag("hydrogen_variant", f"but for hydrogen, {', '.join(variants[name])}")]
        flags.append(new)
        changed.append(sorted(new) != sorted(old or ()))
    place = rows.schema.get_field_index("flags")
    field = rows.schema.field("flags")
    return rows.set_column(place, field, pa.array(flags, field.type)).filter(
        pa.array(changed, pa.bool_())
    )


@lru_cache(maxsize=100_000)
def _split(formula: str) -> tuple[_Heavy, float] | None:
    """Split a formula into its reduced rest without hydrogen, and hydrogen for each unit of that.

    None for a formula that cannot be read, has fractions, or is hydrogen alone.
    """
    try:
        amounts = parse_formula(formula)
    except StructureError:
        return None
    hydrogen = amounts.pop(_HYDROGEN, 0.0)
    if not amounts or any(amount != round(amount) for amount in amounts.values()):
        return None
    common = gcd(*(round(amount) for amount in amounts.values()))
    heavy = tuple(sorted((z, round(amount) // common) for z, amount in amounts.items()))
    return heavy, hydrogen / common


def _skeleton(crystal: Crystal) -> FloatArray | None:
    """Describe the atoms other than hydrogen by distances that do not change with the volume."""
    heavy = crystal.atomic_numbers != _HYDROGEN
    rest = Crystal(crystal.lattice, crystal.atomic_numbers[heavy], crystal.frac_coords[heavy])
    try:
        invariant = distance_invariant(rest)
    except StructureError:
        return None
    return np.asarray(invariant / (rest.volume / rest.nsites) ** (1 / 3), dtype=np.float64)


def _alike(one: FloatArray, other: FloatArray) -> bool:
    return bool((np.abs(one - other) <= SAME_MATERIAL * np.maximum(one, other)).all())
