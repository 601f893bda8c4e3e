"""Descriptors of the composition alone: the Magpie statistics, stoichiometry, ionic character.

The statistics equal those of matminer (Ward et al. 2016, 2018); they are computed for a whole
batch at once, about a microsecond a composition.
"""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache, lru_cache
from itertools import chain

import numpy as np

from matscreen.descriptors.base import Column
from matscreen.descriptors.elements import N_ELEMENTS, element_table, magpie_table
from matscreen.errors import StructureError
from matscreen.structures import CrystalBatch, FloatArray, IntArray

_CHUNK = 1024
_STATISTICS = ("minimum", "maximum", "range", "mean", "avg_dev", "mode")
_PROPERTIES: tuple[tuple[str, str, str], ...] = (
    ("Number", "number", "1"),
    ("MendeleevNumber", "mendeleev_number", "1"),
    ("AtomicWeight", "atomic_weight", "u"),
    ("MeltingT", "melting_t", "K"),
    ("Column", "column", "1"),
    ("Row", "row", "1"),
    ("CovalentRadius", "covalent_radius", "pm"),
    ("Electronegativity", "electronegativity", "1"),
    ("NsValence", "ns_valence", "1"),
    ("NpValence", "np_valence", "1"),
    ("NdValence", "nd_valence", "1"),
    ("NfValence", "nf_valence", "1"),
    ("NValence", "n_valence", "1"),
    ("NsUnfilled", "ns_unfilled", "1"),
    ("NpUnfilled", "np_unfilled", "1"),
    ("NdUnfilled", "nd_unfilled", "1"),
    ("NfUnfilled", "nf_unfilled", "1"),
    ("NUnfilled", "n_unfilled", "1"),
    ("GSvolume_pa", "gs_volume_pa", "Å³"),
    ("GSbandgap", "gs_bandgap", "eV"),
    ("GSmagmom", "gs_magmom", "µ_B"),
    ("SpaceGroupNumber", "space_group_number", "1"),
)
_NORMS = (0, 2, 3, 5, 7, 10)
_ORBITALS = "spdf"

MAGPIE_COLUMNS: tuple[Column, ...] = tuple(
    (f"magpie_{statistic}_{slug}", unit)
    for _, slug, unit in _PROPERTIES
    for statistic in _STATISTICS
)
STOICHIOMETRY_COLUMNS: tuple[Column, ...] = tuple((f"stoichiometry_{p}_norm", "1") for p in _NORMS)
ORBITAL_COLUMNS: tuple[Column, ...] = tuple(
    (f"valence_{kind}_{orbital}", "1") for kind in ("mean", "fraction") for orbital in _ORBITALS
)
IONIC_COLUMNS: tuple[Column, ...] = (("ionic_character_max", "1"), ("ionic_character_mean", "1"))
COLUMNS = MAGPIE_COLUMNS + STOICHIOMETRY_COLUMNS + ORBITAL_COLUMNS + IONIC_COLUMNS

MATMINER_LABELS: dict[str, str] = {
    **{
        f"magpie_{statistic}_{slug}": f"MagpieData {statistic} {name}"
        for name, slug, _ in _PROPERTIES
        for statistic in _STATISTICS
    },
    **{f"stoichiometry_{p}_norm": f"{p}-norm" for p in _NORMS},
    **{f"valence_mean_{o}": f"avg {o} valence electrons" for o in _ORBITALS},
    **{f"valence_fraction_{o}": f"frac {o} valence electrons" for o in _ORBITALS},
    "ionic_character_max": "max ionic char",
    "ionic_character_mean": "avg ionic char",
}
"""The label that matminer gives to the same number."""

_TERMS = re.compile(r"[A-Z][a-z]?(?:\d+\.?\d*|\.\d+)?")


@dataclass(frozen=True, eq=False)
class Compositions:
    """Which elements, and how much of each, for many compounds.

    Attributes:
        numbers: Atomic numbers, ascending, (n, m). Slots beyond the last element repeat the
            first element with amount zero, so that extrema need no mask.
        amounts: Number of atoms, any scale, (n, m).
    """

    numbers: IntArray
    amounts: FloatArray

    def __len__(self) -> int:
        return len(self.numbers)

    @property
    def present(self) -> np.ndarray:
        """Which slots hold an element, (n, m)."""
        return self.amounts > 0

    @property
    def fractions(self) -> FloatArray:
        """Atomic fractions, (n, m)."""
        return np.asarray(self.amounts / self.amounts.sum(axis=1, keepdims=True))

    @classmethod
    def from_batch(cls, batch: CrystalBatch) -> tuple[Compositions, IntArray]:
        """Count the elements of every structure of a batch.

        Returns:
            The compositions, and for every site the slot of its element.
        """
        owner = np.repeat(np.arange(len(batch)), np.diff(batch.offsets))
        keys, inverse, counts = np.unique(
            owner * (N_ELEMENTS + 1) + batch.atomic_numbers,
            return_inverse=True,
            return_counts=True,
        )
        rows, elements = keys // (N_ELEMENTS + 1), keys % (N_ELEMENTS + 1)
        starts = np.searchsorted(rows, np.arange(len(batch)))
        slots = np.arange(len(keys)) - starts[rows]
        width = int(slots.max(initial=0)) + 1
        first = elements[starts] if len(keys) else np.zeros(0, dtype=np.int64)
        numbers = np.repeat(first[:, None], width, axis=1)
        amounts = np.zeros((len(batch), width))
        numbers[rows, slots] = elements
        amounts[rows, slots] = counts
        return cls(numbers, amounts), slots[inverse]

    @classmethod
    def from_amounts(cls, amounts: Sequence[Mapping[int, float]]) -> Compositions:
        """Pack amounts by atomic number, as `parse_formula` gives them."""
        sizes = np.fromiter(map(len, amounts), dtype=np.int64, count=len(amounts))
        total = int(sizes.sum())
        found = chain.from_iterable(amounts)
        elements = np.fromiter(found, dtype=np.int64, count=total)
        values = np.fromiter(
            chain.from_iterable(one.values() for one in amounts), dtype=np.float64, count=total
        )
        rows = np.repeat(np.arange(len(amounts)), sizes)
        order = np.argsort(rows * (N_ELEMENTS + 1) + elements, kind="stable")
        elements, values = elements[order], values[order]
        starts = np.cumsum(sizes) - sizes
        slots = np.arange(total) - starts[rows]
        width = max(int(sizes.max(initial=1)), 1)
        first = np.zeros(len(amounts), dtype=np.int64)
        filled = sizes > 0
        first[filled] = elements[starts[filled]]
        numbers = np.repeat(first[:, None], width, axis=1)
        packed = np.zeros((len(amounts), width))
        numbers[rows, slots] = elements
        packed[rows, slots] = values
        return cls(numbers, packed)


def magpie_property(slug: str) -> FloatArray:
    """Return one property of the Magpie table by its slug, such as `melting_t`, (119,)."""
    return np.asarray(magpie_table()[[row[1] for row in _PROPERTIES].index(slug)])


@cache
def _atomic_numbers() -> dict[str, int]:
    from pymatgen.core import Element

    return {Element.from_Z(z).symbol: z for z in range(1, N_ELEMENTS + 1)}


@lru_cache(maxsize=65536)
def _read_term(term: str) -> tuple[int | None, float]:
    """Read an element and its amount, such as `O3`; None for a symbol that is no element."""
    symbol = term.rstrip("0123456789.")
    amount = term[len(symbol) :]
    return _atomic_numbers().get(symbol), float(amount) if amount else 1.0


def parse_formula(formula: str) -> dict[int, float]:
    """Read one formula into amounts by atomic number.

    Plain formulas are read directly; brackets and the like go to pymatgen.

    Raises:
        StructureError: It is not a formula (`bad_formula`).
    """
    amounts: dict[int, float] = {}
    terms = _TERMS.findall(formula)
    if terms and "".join(terms) == formula:
        for term in terms:
            z, amount = _read_term(term)
            if z is None:
                symbol = term.rstrip("0123456789.")
                raise StructureError("bad_formula", f"{formula!r}: no element {symbol!r}")
            amounts[z] = amounts.get(z, 0.0) + amount
        if min(amounts.values()) > 0.0:
            return amounts
    else:
        from pymatgen.core import Composition

        try:
            elements = Composition(formula).element_composition
            amounts = {element.Z: float(amount) for element, amount in elements.items()}
        except Exception as error:  # pymatgen raises many kinds
            raise StructureError("bad_formula", f"{formula!r}: {error}") from error
    amounts = {z: amount for z, amount in amounts.items() if amount > 0}
    # pymatgen reads words such as "Quartz" as dummy species.
    if not amounts or not all(1 <= z <= N_ELEMENTS for z in amounts):
        raise StructureError("bad_formula", f"{formula!r} is not made of elements")
    return amounts


def magpie_statistics(compositions: Compositions) -> FloatArray:
    """Compute the 132 Magpie statistics (Ward et al. 2016).

    For each of 22 element properties x with atomic fractions f: minimum, maximum, range, mean
    Σ f x, average deviation Σ f |x - mean|, and mode (the value of the most abundant element,
    the smallest one on a tie).

    Returns:
        Statistics in the order of `MAGPIE_COLUMNS`, (n, 132).
    """
    table = magpie_table()
    result = np.empty((len(compositions), len(_PROPERTIES), len(_STATISTICS)))
    for start in range(0, len(compositions), _CHUNK):
        part = slice(start, start + _CHUNK)
        # Contiguous over compositions: each operation runs over a long inner axis in cache.
        amounts = np.ascontiguousarray(compositions.amounts[part].T)
        amounts = amounts[: max(1, np.flatnonzero(amounts.any(axis=1))[-1] + 1)]
        numbers = np.ascontiguousarray(compositions.numbers[part, : len(amounts)].T)
        weights = amounts / amounts.sum(axis=0)
        values = [table[:, row] for row in numbers]
        low, high = values[0], values[0]
        mean = values[0] * weights[0]
        for x, w in zip(values[1:], weights[1:], strict=True):
            low, high = np.minimum(low, x), np.maximum(high, x)
            mean = mean + x * w
        deviation = np.abs(values[0] - mean) * weights[0]
        for x, w in zip(values[1:], weights[1:], strict=True):
            deviation += np.abs(x - mean) * w
        # The tolerance of numpy.isclose, which matminer uses to find ties.
        most = amounts.max(axis=0)
        frequent = np.abs(amounts - most) <= 1e-8 + 1e-5 * most
        mode = np.where(frequent[0], values[0], np.inf)
        for x, tied in zip(values[1:], frequent[1:], strict=True):
            mode = np.minimum(mode, np.where(tied, x, np.inf))
        chunk = result[part]
        for column, block in enumerate((low, high, high - low, mean, deviation, mode)):
            chunk[:, :, column] = block.T
    return result.reshape(len(compositions), -1)


def stoichiometry_norms(compositions: Compositions) -> FloatArray:
    """Compute the p-norms of the atomic fractions for p = 0, 2, 3, 5, 7, 10 (Ward et al. 2016).

    Returns:
        Norms, (n, 6); p = 0 counts the elements.
    """
    fractions = compositions.fractions
    columns = [compositions.present.sum(axis=1).astype(float)]
    columns += [(fractions**p).sum(axis=1) ** (1 / p) for p in _NORMS[1:]]
    return np.stack(columns, axis=1)


def valence_orbitals(compositions: Compositions) -> FloatArray:
    """Compute the mean number and the fraction of s, p, d, f valence electrons (Ward et al. 2016).

    Returns:
        Four means, then four fractions, (n, 8).
    """
    numbers, fractions = compositions.numbers, compositions.fractions
    electrons = np.stack([magpie_property(f"n{orbital}_valence") for orbital in _ORBITALS])
    mean = np.einsum("pnm,nm->np", electrons[:, numbers], fractions)
    total = (magpie_property("n_valence")[numbers] * fractions).sum(axis=1)
    return np.hstack([mean, mean / total[:, None]])


def ionic_character(compositions: Compositions) -> FloatArray:
    """Compute Pauling's ionic character of the element pairs (Ward et al. 2016).

    1 - exp(-(X_i - X_j)² / 4): its maximum over pairs, and its mean Σ_{i<j} f_i f_j weighted by
    the atomic fractions. An element without electronegativity takes the mean of all others.

    Returns:
        Maximum and mean, (n, 2); zero for an element.
    """
    table = element_table().electronegativity
    table = np.where(np.isnan(table), np.nanmean(table), table)
    X, fractions = table[compositions.numbers], compositions.fractions
    character = 1 - np.exp(-0.25 * (X[:, :, None] - X[:, None, :]) ** 2)
    mean = 0.5 * np.einsum("ni,nj,nij->n", fractions, fractions, character)
    return np.stack([character.max(axis=(1, 2)), mean], axis=1)


def composition_features(compositions: Compositions) -> FloatArray:
    """Compute every descriptor of `COLUMNS`.

    Returns:
        Values, (n, 148).
    """
    return np.hstack(
        [
            magpie_statistics(compositions),
            stoichiometry_norms(compositions),
            valence_orbitals(compositions),
            ionic_character(compositions),
        ]
    )
