"""What every descriptor set has in common: its protocol and its result."""

from __future__ import annotations

from dataclasses import dataclass
from typing import NamedTuple, Protocol, runtime_checkable

from matscreen.structures import CrystalBatch, FloatArray


class Failure(NamedTuple):
    """One structure that could not be described.

    Attributes:
        row: Its position in the batch.
        reason: Short, stable code such as `overlapping_atoms`.
        detail: What was seen, in one sentence.
    """

    row: int
    reason: str
    detail: str


@dataclass(frozen=True, eq=False)
class Features:
    """Descriptors of a batch.

    Attributes:
        values: One row a structure, one column a label, (n, k). NaN means undefined for this
            structure (the A site of a binary oxide); a failed row is all NaN.
        failures: The rows that failed and why.
        labels: Column names, (k,); empty when the set that made them says it.
    """

    values: FloatArray
    failures: tuple[Failure, ...] = ()
    labels: tuple[str, ...] = ()


@runtime_checkable
class DescriptorSet(Protocol):
    """A named, versioned list of descriptors.

    A set is intensive and depends on the crystal only: not on the order of its sites, the
    origin, the orientation, or the choice of cell. One bad structure gives a NaN row and a
    failure, never an exception.

    Attributes:
        name: Name in screens and tables.
        version: Bumped whenever a change moves values.
        labels: Column names, (k,).
        units: Unit of each column, `1` for a pure number, (k,).
        citation: Publications behind the set.
    """

    @property
    def name(self) -> str:
        """Name in screens and tables."""
        ...

    @property
    def version(self) -> str:
        """Bumped whenever a change moves values."""
        ...

    @property
    def labels(self) -> tuple[str, ...]:
        """Column names, (k,)."""
        ...

    @property
    def units(self) -> tuple[str, ...]:
        """Unit of each column, (k,)."""
        ...

    @property
    def citation(self) -> str:
        """Publications behind the set."""
        ...

    def featurize(self, batch: CrystalBatch) -> Features:
        """Describe every structure of a batch."""
        ...


Column = tuple[str, str]
"""Label and unit of one column."""
