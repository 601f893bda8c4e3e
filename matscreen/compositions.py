"""Perovskite solid solutions A(1-x)A'x B(1-y)B'y O3 enumerated as arrays, without crystals.

Ions of common charge share each site in tenths; the charges balance and Goldschmidt's factor lies
where perovskites are found. A composition says nothing of symmetry, order or cell, so that only
mechanisms which need none of these can be judged.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from functools import cache, lru_cache
from typing import Final

import numpy as np
import numpy.typing as npt

from matscreen.descriptors.composition import Compositions
from matscreen.errors import InputError
from matscreen.formulas import element_symbols, formula_id
from matscreen.sources._ions import OXYGEN_RADIUS, Ion, cations, radius
from matscreen.structures import FloatArray, IntArray, formula_place

VERSION: Final = "1"
"""Bumped whenever a composition moves to another place or vanishes."""
TOLERANCE: Final = (0.80, 1.06)
"""Goldschmidt factors between which a composition counts as a possible perovskite."""
_STEPS: Final = 10
_RAREST: Final = 8
_B_RADIUS: Final = (0.40, 0.95)  # Å, six-coordinate, as in the enumerated prototypes
_A_RADIUS: Final = 1.05  # Å, of the highest tabulated coordination: smaller ions leave the A site
_LARGEST_COST: Final = 2
_OXYGEN: Final = 8


@dataclass(frozen=True, eq=False)
class Mixtures:
    """One or two ions on one site, in tenths.

    Attributes:
        numbers: Atomic numbers, (n, 2); a single ion stands twice.
        tenths: Tenths of the second ion, (n,); 0 for a single ion.
        charge: Mean charge in tenths of e, (n,).
        radius: Mean radius, Å, (n,).
        cost: How uncommon the ions are, (n,).
    """

    numbers: IntArray
    tenths: IntArray
    charge: IntArray
    radius: FloatArray
    cost: IntArray


@dataclass(frozen=True, eq=False)
class CompositionPart:
    """A run of the enumeration; small, since the ions stay where they are.

    Attributes:
        start: Place of the first composition in the enumeration.
        a: Mixture of the A site, an index, (n,).
        b: Mixture of the B site, an index, (n,).
    """

    start: int
    a: npt.NDArray[np.int32]
    b: npt.NDArray[np.int32]

    def __len__(self) -> int:
        return len(self.a)


@dataclass(frozen=True, eq=False)
class NamedCompositions:
    """The compositions of a part.

    Attributes:
        compositions: Elements and amounts.
        formulas: Reduced formulas.
        ids: Structure ids, made from the formulas as those of known compounds without a cell.
        systems: Chemical systems.
    """

    compositions: Compositions
    formulas: tuple[str, ...]
    ids: tuple[str, ...]
    systems: tuple[str, ...]


def parts(count: int, size: int) -> Iterator[CompositionPart]:
    """Yield the first compositions of the enumeration, common ions first.

    Among equally common ones the order is scrambled, always in the same way, so that any number of
    them spans the chemistry.

    Args:
        count: How many compositions.
        size: Compositions in a part.

    Raises:
        InputError: There are not that many, or the count is not positive.
    """
    if count < 1:
        raise InputError(f"{count} compositions are asked for; it must be 1 or more")
    for limit in range(_RAREST + 1):
        # A lower limit gives the same beginning in less memory.
        a, b = _enumeration(limit)
        if len(a) >= count:
            break
    else:
        raise InputError(f"the enumeration holds {len(a)} compositions, {count} are asked for")
    for start in range(0, count, size):
        rows = slice(start, min(start + size, count))
        yield CompositionPart(start, a[rows], b[rows])


def name_compositions(part: CompositionPart) -> NamedCompositions:
    """Return the compositions of a part with formulas and ids."""
    a, b = _site("A"), _site("B")
    numbers = np.column_stack(
        [a.numbers[part.a], b.numbers[part.b], np.full(len(part), _OXYGEN, dtype=np.int64)]
    )
    second_a, second_b = a.tenths[part.a], b.tenths[part.b]
    tenths = np.column_stack(
        [
            _STEPS - second_a,
            second_a,
            _STEPS - second_b,
            second_b,
            np.full(len(part), 3 * _STEPS, dtype=np.int64),
        ]
    )
    # Empty slots go last and repeat the first element, as the descriptors expect.
    order = np.argsort(np.where(tenths > 0, numbers, 1000), axis=1, kind="stable")
    numbers = np.take_along_axis(numbers, order, axis=1)
    tenths = np.take_along_axis(tenths, order, axis=1)
    numbers = np.where(tenths > 0, numbers, numbers[:, :1])
    names = element_symbols()
    formulas, systems = [], []
    for row, amounts in zip(numbers.tolist(), tenths.tolist(), strict=True):
        held = [(names[z], n) for z, n in zip(row, amounts, strict=True) if n]
        held.sort(key=lambda each: formula_place(each[0]))
        formulas.append("".join(name + _amount(n) for name, n in held))
        systems.append("-".join(sorted(name for name, _ in held)))
    return NamedCompositions(
        Compositions(numbers, tenths / _STEPS),
        tuple(formulas),
        tuple(map(formula_id, formulas)),
        tuple(systems),
    )


@cache
def _amount(tenths: int) -> str:
    return "" if tenths == _STEPS else f"{tenths / _STEPS:g}"


@cache
def _site(name: str) -> Mixtures:
    """Return every mixture of one or two ions on the A or the B site."""
    large = name == "A"
    charges, coordination = ((1, 2, 3), 12) if large else ((2, 3, 4, 5), 6)
    ions = [
        ion
        for charge in charges
        for ion in cations(charge)
        if ion.cost <= _LARGEST_COST
        and (
            radius(ion.symbol, charge, 12) >= _A_RADIUS
            if large
            else _B_RADIUS[0] <= radius(ion.symbol, charge, 6) <= _B_RADIUS[1]
        )
    ]
    found: list[tuple[Ion, Ion, int]] = [(ion, ion, 0) for ion in ions]
    for place, first in enumerate(ions):
        for second in ions[place + 1 :]:
            if first.symbol != second.symbol:
                found += [(first, second, tenths) for tenths in range(1, _STEPS)]
    numbers = {symbol: number for number, symbol in enumerate(element_symbols())}
    sizes = {ion: radius(ion.symbol, ion.charge, coordination) for ion in ions}
    own = np.array([sizes[one] for one, _, _ in found])
    other_radius = np.array([sizes[other] for _, other, _ in found])
    share = np.array([tenths for _, _, tenths in found], dtype=np.int64)
    charge = np.array(
        [one.charge * (_STEPS - n) + other.charge * n for one, other, n in found], dtype=np.int64
    )
    return Mixtures(
        numbers=np.array([[numbers[a.symbol], numbers[b.symbol]] for a, b, _ in found]),
        tenths=share,
        charge=charge,
        radius=own + (other_radius - own) * share / _STEPS,
        cost=np.array([one.cost + (other.cost if n else 0) for one, other, n in found]),
    )


@lru_cache(maxsize=1)
def _enumeration(limit: int) -> tuple[npt.NDArray[np.int32], npt.NDArray[np.int32]]:
    """Return the mixtures of both sites of the compositions up to a cost, common ones first."""
    a, b = _site("A"), _site("B")
    found = []
    for charge in np.unique(a.charge).tolist():
        rows = np.flatnonzero((a.charge == charge) & (a.cost <= limit))
        columns = np.flatnonzero((b.charge == 6 * _STEPS - charge) & (b.cost <= limit))
        t = (a.radius[rows, None] + OXYGEN_RADIUS) / (
            np.sqrt(2.0) * (b.radius[None, columns] + OXYGEN_RADIUS)
        )
        fits = (t >= TOLERANCE[0]) & (t <= TOLERANCE[1])
        fits &= a.cost[rows, None] + b.cost[None, columns] <= limit
        for i in (0, 1):
            for j in (0, 1):
                fits &= a.numbers[rows, None, i] != b.numbers[None, columns, j]
        row, column = np.nonzero(fits)
        found.append(np.stack([rows[row], columns[column]]))
    first, second = np.concatenate(found, axis=1)
    cost = a.cost[first] + b.cost[second]
    key = _keys(a, first, b, second)
    order = np.lexsort((first, second, _scrambled(key), cost))
    # Several assignments of charges or sites give one composition: the most common one stays.
    _, unique = np.unique(key[order], return_index=True)
    order = order[np.sort(unique)]
    return first[order].astype(np.int32), second[order].astype(np.int32)


def _keys(a: Mixtures, first: IntArray, b: Mixtures, second: IntArray) -> npt.NDArray[np.uint64]:
    """Return one number for the elements and amounts of each composition, whatever their sites."""
    numbers = np.concatenate([a.numbers[first], b.numbers[second]], axis=1)
    share, other = a.tenths[first], b.tenths[second]
    tenths = np.stack([_STEPS - share, share, _STEPS - other, other], axis=1)
    held = np.sort(np.where(tenths > 0, numbers * 16 + tenths, 0), axis=1).astype(np.uint64)
    key = held[:, 0]
    for column in held.T[1:]:
        key = key * np.uint64(1 << 11) + column
    return key


def _scrambled(key: npt.NDArray[np.uint64]) -> npt.NDArray[np.uint64]:
    """Mix the bits of keys (splitmix64), the same on every machine."""
    mixed = key + np.uint64(0x9E3779B97F4A7C15)
    mixed = (mixed ^ (mixed >> np.uint64(30))) * np.uint64(0xBF58476D1CE4E5B9)
    mixed = (mixed ^ (mixed >> np.uint64(27))) * np.uint64(0x94D049BB133111EB)
    return np.asarray(mixed ^ (mixed >> np.uint64(31)))
