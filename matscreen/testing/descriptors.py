"""The contract of a descriptor set, clause by clause."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from functools import cached_property
from typing import Final

import numpy as np

from matscreen.descriptors import DescriptorSet, Features, get_descriptor_set
from matscreen.structures import Crystal, CrystalBatch, FloatArray
from matscreen.testing.contract import (
    Clause,
    check_clauses,
    in_other_state,
    name_of,
    opened,
    pickled,
    require,
    require_code,
    require_documented,
    require_identifier,
    require_members,
    require_registered,
    require_same_state,
    require_text,
)
from matscreen.testing.crystals import TRANSFORMS, batch_with_bad_rows, sample_crystals


@dataclass(frozen=True, eq=False)
class DescriptorCase:
    """What the clauses of a descriptor set look at.

    Attributes:
        described: The set.
        registered: Name by which it was opened; None when it was given itself.
        crystals: What it describes, by name.
        rtol: Largest relative difference between settings of one crystal.
        atol: Largest absolute difference, in the unit of each column.
    """

    described: DescriptorSet
    registered: str | None
    crystals: Mapping[str, Crystal]
    rtol: float
    atol: float

    @cached_property
    def batch(self) -> CrystalBatch:
        """All crystals."""
        return CrystalBatch.from_crystals(self.crystals.values(), list(self.crystals))

    @cached_property
    def found(self) -> Features:
        """All crystals, described together."""
        return self.described.featurize(self.batch)

    def differing(self, row: FloatArray, other: FloatArray) -> str:
        """Name the columns in which two rows differ, with both values; empty when they agree."""
        wrong = np.flatnonzero(
            ~np.isclose(row, other, rtol=self.rtol, atol=self.atol, equal_nan=True)
        )
        shown = [
            f"{self.described.labels[j]} {row[j]:.6g} becomes {other[j]:.6g}" for j in wrong[:3]
        ]
        more = f" and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        return ", ".join(shown) + more


def check_descriptor(
    described: DescriptorSet | type[DescriptorSet] | str,
    *,
    crystals: Mapping[str, Crystal] | None = None,
    rtol: float = 1e-6,
    atol: float = 1e-4,
) -> tuple[str, ...]:
    """Check that a descriptor set keeps its contract (`matscreen.descriptors.DescriptorSet`).

    Args:
        described: The set, its class, or the name under which it is registered.
        crystals: Crystals to describe, by name; `sample_crystals()` by default. None of them may
            be one that the set cannot describe.
        rtol: Largest relative difference between two settings of one crystal.
        atol: Largest absolute difference, in the unit of each column.

    Returns:
        Names of the clauses that were checked.

    Raises:
        ContractError: A clause fails; `clause` names it and `seen` says what was seen.
        InputError: No set has this name.

    Examples:
        >>> check_descriptor("composition")[:3]
        ('registered', 'protocol', 'columns')
    """
    registered = described if isinstance(described, str) else None
    instance = opened(described, get_descriptor_set)
    described_crystals = sample_crystals() if crystals is None else crystals
    case = DescriptorCase(instance, registered, described_crystals, rtol, atol)
    return check_clauses(f"descriptor set {name_of(instance)}", case, CLAUSES)


def registered(case: DescriptorCase) -> None:
    """The registry finds the set under the name that the set itself has."""
    require_registered(case.registered, case.described.name)


def protocol(case: DescriptorCase) -> None:
    """It has name, version, labels, units, citation and featurize; none of the texts is blank."""
    described = case.described
    names = ("name", "version", "labels", "units", "citation", "featurize")
    require_members(described, names)
    require_identifier(described.name, "its name")
    require_text(described.version, "its version")
    require_text(described.citation, "its citation")


def columns(case: DescriptorCase) -> None:
    """Labels are different texts that never change; every column has a unit, `1` for a number."""
    labels, units = case.described.labels, case.described.units
    require(isinstance(labels, tuple) and labels, f"labels are {labels!r}, not a filled tuple")
    for label in labels:
        require_text(label, "a label")
    twice = sorted({label for label in labels if labels.count(label) > 1})
    require(not twice, f"two columns are called {', '.join(twice)}")
    taken = sorted({"structure_id", "version"} & set(labels))
    require(not taken, f"{', '.join(taken)} is a column of every descriptor table")
    require(len(units) == len(labels), f"{len(labels)} labels but {len(units)} units")
    for label, unit in zip(labels, units, strict=True):
        require_text(unit, f"the unit of {label}")
    require(case.described.labels == labels, "the labels differ when asked for again")


def shape(case: DescriptorCase) -> None:
    """`featurize` gives float64 of one row a structure and one column a label, never infinite."""
    _require_shape(case, case.found, len(case.batch))
    infinite = np.argwhere(np.isinf(case.found.values))
    if len(infinite):
        row, column = infinite[0]
        where = f"{case.described.labels[column]} of {list(case.crystals)[row]}"
        require(condition=False, seen=f"{where} is infinite; say NaN where it is undefined")
    failed = [f"{list(case.crystals)[each.row]} ({each.reason})" for each in case.found.failures]
    require(not failed, f"it cannot describe {', '.join(failed)}")
    require(np.isfinite(case.found.values).any(), "every value of every crystal is NaN")


def empty_batch(case: DescriptorCase) -> None:
    """A batch without structures gives no rows and no failures."""
    found = case.described.featurize(CrystalBatch.from_crystals([]))
    _require_shape(case, found, 0)
    require(not found.failures, f"it reports the failures {found.failures}")


def deterministic(case: DescriptorCase) -> None:
    """The same batch gives the same bytes, whatever the global random generators."""
    again = in_other_state(lambda: case.described.featurize(case.batch))
    same = again.values.tobytes() == case.found.values.tobytes()
    row = next(
        (
            index
            for index in range(len(case.batch))
            if again.values[index].tobytes() != case.found.values[index].tobytes()
        ),
        0,
    )
    difference = case.differing(case.found.values[row], again.values[row]) or "the last digits"
    require(same, f"{list(case.crystals)[row]} described twice differs: {difference}")


def batch_independent(case: DescriptorCase) -> None:
    """A row depends on its own structure only: not on the others of the batch, nor their order."""
    backwards = list(reversed(list(case.crystals.values())))
    turned = case.described.featurize(CrystalBatch.from_crystals(backwards)).values[::-1]
    for index, (name, crystal) in enumerate(case.crystals.items()):
        alone = case.described.featurize(CrystalBatch.from_crystals([crystal])).values[0]
        difference = case.differing(case.found.values[index], alone)
        require(not difference, f"{name} alone differs from {name} in a batch: {difference}")
        difference = case.differing(case.found.values[index], turned[index])
        require(not difference, f"{name} differs when the batch is turned round: {difference}")


def inputs_untouched(case: DescriptorCase) -> None:
    """`featurize` does not write into the arrays that it is given."""
    batch = CrystalBatch.from_crystals(case.crystals.values())
    before = {name: getattr(batch, name).copy() for name in _ARRAYS}
    case.described.featurize(batch)
    changed = [n for n, array in before.items() if not np.array_equal(array, getattr(batch, n))]
    require(not changed, f"it changed {', '.join(changed)} of the batch")


def one_bad_structure(case: DescriptorCase) -> None:
    """A structure that is no crystal gives a NaN row and a failure with a reason, nothing more."""
    good = next(iter(case.crystals.values()))
    batch, wrong = batch_with_bad_rows(good)
    found = case.described.featurize(batch)
    _require_shape(case, found, len(batch))
    reasons = {failure.row: failure for failure in found.failures}
    for row, what in wrong.items():
        require(row in reasons, f"a structure with {what} is no failure")
        require(np.isnan(found.values[row]).all(), f"the row of {what} holds numbers, not NaN")
        require_code(reasons[row].reason, f"the reason for {what}")
        require_text(reasons[row].detail, f"the detail for {what}")
    more = sorted(set(reasons) - set(wrong))
    require(not more, f"good structures fail beside bad ones: rows {more} of {len(batch)}")
    for row in set(range(len(batch))) - set(wrong):
        difference = case.differing(case.found.values[0], found.values[row])
        require(not difference, f"a good structure changes beside bad ones: {difference}")


def invariant(case: DescriptorCase) -> None:
    """The order of the sites, origin, orientation and choice of cell do not move a value."""
    rng = np.random.default_rng(7)
    for kind, transform in TRANSFORMS.items():
        settings = [transform(crystal, rng) for crystal in case.crystals.values()]
        found = case.described.featurize(CrystalBatch.from_crystals(settings))
        for index, name in enumerate(case.crystals):
            difference = case.differing(case.found.values[index], found.values[index])
            require(not difference, f"{kind} of {name}: {difference}")


def pickles(case: DescriptorCase) -> None:
    """Its result passes through pickle; a process of a pool opens the set itself by its name."""
    again = pickled(case.found, "its result")
    same = np.array_equal(again.values, case.found.values, equal_nan=True)
    require(same, "the result has other values after pickling")


def no_global_state(case: DescriptorCase) -> None:
    """`featurize` changes nothing outside: environment, folder, random generators, numpy."""
    require_same_state(lambda: case.described.featurize(case.batch))


def documented(case: DescriptorCase) -> None:
    """Its class and `featurize` have docstrings: what the columns are and where they come from."""
    require_documented(case.described, "featurize")


_ARRAYS: Final = ("lattices", "atomic_numbers", "frac_coords", "offsets")

CLAUSES: Final[Mapping[str, Clause[DescriptorCase]]] = {
    clause.__name__: clause
    for clause in (
        registered,
        protocol,
        columns,
        shape,
        empty_batch,
        deterministic,
        batch_independent,
        inputs_untouched,
        one_bad_structure,
        invariant,
        pickles,
        no_global_state,
        documented,
    )
}
"""The clauses, by name, in the order in which they are checked."""


def _require_shape(case: DescriptorCase, found: object, rows: int) -> None:
    require(isinstance(found, Features), f"featurize returns {type(found).__name__}, not Features")
    assert isinstance(found, Features)  # for the type checker
    expected = (rows, len(case.described.labels))
    seen = f"values are {found.values.dtype} {found.values.shape}, not float64 {expected}"
    require(found.values.shape == expected and found.values.dtype == np.float64, seen)
    fits = found.labels in ((), case.described.labels)
    require(fits, "the labels of the result are not those of the set")
