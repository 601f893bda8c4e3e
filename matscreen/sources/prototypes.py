"""Oxides enumerated from chemistry: charge-balanced ions in common structure types.

Nothing here comes from a list of known compounds. Cations with their oxidation states are put
into structure types that their radii suit, the cell is scaled until the bond valences add up to
the charges, and polar types start displaced along their polar mode.
"""

from __future__ import annotations

import math
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from functools import cache, partial

from matscreen.errors import InputError, StructureError
from matscreen.identity import analyze_symmetry
from matscreen.sources import _perovskites
from matscreen.sources._binary_oxides import BINARY
from matscreen.sources._families import Family, template
from matscreen.sources._ions import Ion
from matscreen.sources._templates import Template
from matscreen.sources._ternary_oxides import TERNARY
from matscreen.sources.base import Failure, Page, SourceItem

LICENCE = "CC0-1.0"
MINIMUM_DISTANCE = 1.2
"""Two sites closer than this, Å, cannot be a crystal."""

PAGE_SIZE = 256

GROUPS: Mapping[str, tuple[str, ...]] = {
    "binary": tuple(family.name for family in BINARY),
    "perovskite": _perovskites.FAMILIES,
    "ternary": tuple(family.name for family in TERNARY),
}
"""Families by group; a group's name selects all of its families."""

FAMILIES: tuple[str, ...] = tuple(name for names in GROUPS.values() for name in names)
"""Names of all families of structure types."""

# A triple of uncommon or scarce cations is no use to a first screen.
_TERNARY_COST_LIMIT = 4.5
_SMALLEST_T = 0.72


@dataclass(frozen=True, eq=False)
class PrototypeSource:
    """Source of enumerated oxides.

    Attributes:
        max_items: Stop after this many candidates; None for all.
        families: Families or groups of families to enumerate; None for all.
        name: Name of the source.
    """

    max_items: int | None = None
    families: tuple[str, ...] | None = None
    name: str = field(default="prototypes", init=False)

    def __post_init__(self) -> None:
        if self.max_items is not None and self.max_items < 1:
            raise InputError(f"max_items is {self.max_items}; it must be 1 or more")
        select_families(self.families)

    def pages(self) -> Iterator[Page]:
        """Enumerate candidates, common and well-known chemistry first.

        The order is the same on every machine. An entry whose built structure has another space
        group than its type, or atoms closer than ``MINIMUM_DISTANCE``, is a failure.

        Yields:
            Pages of up to ``PAGE_SIZE`` entries.
        """
        items: list[SourceItem] = []
        failures: list[Failure] = []
        built = 0
        for entry in _plan(select_families(self.families)):
            if built == self.max_items:
                break
            try:
                items.append(entry.build())
                built += 1
            except StructureError as error:
                failures.append(Failure(entry.source_id, error.reason, error.detail))
            if len(items) + len(failures) == PAGE_SIZE:
                yield Page(tuple(items), tuple(failures))
                items, failures = [], []
        if items or failures:
            yield Page(tuple(items), tuple(failures))


def open_prototypes(
    target: str | None = None,
    *,
    max_items: int | None = None,
    families: str | Iterable[str] | None = None,
) -> PrototypeSource:
    """Open the source; ``prototypes:binary,perovskite-P4mm`` selects families.

    Args:
        target: Families or groups, separated by commas; None for all.
        max_items: Stop after this many candidates.
        families: The same selection as names; not together with ``target``.

    Raises:
        InputError: A family is unknown, or the selection is given twice.
    """
    if target and families is not None:
        raise InputError("give families either after 'prototypes:' or as an option, not both")
    names = target or families
    if isinstance(names, str):
        names = [name.strip() for name in names.split(",") if name.strip()]
    return PrototypeSource(max_items, None if names is None else tuple(names))


def select_families(names: Iterable[str] | None) -> tuple[str, ...]:
    """Resolve names of families and groups to families, in the standard order.

    Raises:
        InputError: A name is neither a family nor a group, or nothing is selected.
    """
    if names is None:
        return FAMILIES
    wanted: set[str] = set()
    for name in names:
        if name not in FAMILIES and name not in GROUPS:
            known = ", ".join((*GROUPS, *FAMILIES))
            raise InputError(f"unknown prototype family {name!r}; known: {known}")
        wanted.update(GROUPS.get(name, (name,)))
    if not wanted:
        raise InputError("no prototype family is selected")
    return tuple(family for family in FAMILIES if family in wanted)


def competing_phases(elements: Iterable[str] | None = None) -> tuple[SourceItem, ...]:
    """Return the simple binary oxides that ternary ones may decompose into.

    Args:
        elements: Only oxides of these cations; None for all.
    """
    wanted = None if elements is None else set(elements)
    return tuple(
        entry.build()
        for entry in _plan(GROUPS["binary"])
        if wanted is None or entry.ions["A"].symbol in wanted
    )


@dataclass(frozen=True, slots=True)
class _Entry:
    """One planned candidate; ``order`` sorts the enumeration."""

    order: tuple[float, tuple[Ion, ...], int]
    family: str
    ions: Mapping[str, Ion]
    make: Callable[[], Template]
    numbers: Mapping[str, int]
    anions: int
    attributes: Mapping[str, float | str] = field(default_factory=dict)

    @property
    def source_id(self) -> str:
        parts = [(ion.symbol, self.numbers[role]) for role, ion in sorted(self.ions.items())]
        parts.append(("O", self.anions))
        formula = "".join(symbol + (str(n) if n > 1 else "") for symbol, n in parts)
        return f"{formula}/{self.family}"

    def build(self) -> SourceItem:
        shape = self.make()
        factor = round(shape.scale(self.ions), 6)
        if shape.shortest * factor < MINIMUM_DISTANCE:
            raise StructureError(
                "atoms_too_close", f"shortest distance {shape.shortest * factor:.2f} Å"
            )
        crystal = shape.build(self.ions, factor)
        number = analyze_symmetry(crystal).number
        if number != shape.spacegroup:
            raise StructureError("wrong_symmetry", f"space group {number}, not {shape.spacegroup}")
        states = " ".join(f"{ion.symbol}{ion.charge}+" for _, ion in sorted(self.ions.items()))
        return SourceItem(
            crystal=crystal,
            source="prototypes",
            source_id=self.source_id,
            licence=LICENCE,
            prototype=self.family,
            attributes={
                "oxidation_states": f"{states} O2-",
                "spacegroup": float(number),
                "valence_misfit": round(shape.instability(self.ions, factor), 4),
                **self.attributes,
            },
        )


@cache
def _plan(families: tuple[str, ...]) -> tuple[_Entry, ...]:
    """List the entries of some families in their order, one for each source_id."""
    wanted = set(families)
    entries = [
        entry
        for entry in (*_perovskite_entries(), *_oxide_entries(wanted))
        if entry.family in wanted
    ]
    entries.sort(key=lambda entry: entry.order)
    # Two sets of oxidation states can give one formula (Eu2+Ti4+O3, Eu3+Ti3+O3): the crystal is
    # the same, the more common set comes first and stays.
    unique: dict[str, _Entry] = {}
    for entry in entries:
        unique.setdefault(entry.source_id, entry)
    return tuple(unique.values())


def _perovskite_entries() -> Iterator[_Entry]:
    for pair in _perovskites.pairs():
        if pair.t < _SMALLEST_T:
            continue
        attributes: dict[str, float | str] = {"goldschmidt_t": round(pair.t, 4)}
        if math.isfinite(pair.tau):
            attributes["bartel_tau"] = round(pair.tau, 4)
        for family, amplitude in _perovskites.phases(pair):
            yield _Entry(
                order=(round(pair.cost, 6), (pair.a, pair.b), FAMILIES.index(family)),
                family=family,
                ions={"A": pair.a, "B": pair.b},
                make=partial(
                    _perovskites.template,
                    family,
                    _perovskites.rounded(amplitude),
                    pair.a.has_lone_pair,
                ),
                numbers={"A": 1, "B": 1},
                anions=3,
                attributes=attributes,
            )


def _oxide_entries(wanted: set[str]) -> Iterator[_Entry]:
    for family in (*BINARY, *TERNARY):
        if family.name not in wanted:
            continue
        for ions in family.assignments():
            cost = family.cost + sum(ion.cost for ion in ions.values())
            if len(ions) > 1 and (cost > _TERNARY_COST_LIMIT or not _suits(family, ions)):
                continue
            yield _Entry(
                order=(cost, tuple(ions.values()), FAMILIES.index(family.name)),
                family=family.name,
                ions=ions,
                make=partial(template, family),
                numbers=dict(zip("ABC", family.counts, strict=False)),
                anions=family.anions,
            )


def _suits(family: Family, ions: Mapping[str, Ion]) -> bool:
    shape = template(family)
    return shape.instability(ions, shape.scale(ions)) <= family.misfit
