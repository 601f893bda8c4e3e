"""What every source of candidates has in common: pages of items and failures."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Protocol, runtime_checkable

from matscreen.sources.disorder import DisorderedCrystal
from matscreen.structures import Crystal


@dataclass(frozen=True, slots=True)
class SourceItem:
    """One candidate as its source gives it, before it has an identity.

    Attributes:
        crystal: Cell, species and positions.
        source: Name of the source, such as ``"prototypes"``.
        source_id: The source's own identifier; unique within the source.
        licence: SPDX identifier or the provider's wording; None when unknown.
        prototype: Name of the structure type, when the source knows it.
        properties: Registry property name to value in the registry's unit. These become labels.
        retrieved_at: Moment of retrieval, with a time zone; None for generated items.
        attributes: Any other facts about the item (oxidation states, tolerance factors, the
            provider's own fields); never read as labels.
        evidence: Kind of evidence by property; ``dft``, a provider's computed value, where absent.
        method: How the values were made; ``provider:`` and the source when None.
        flags: What the source knows to be odd about the crystal (`matscreen.sources.flags`).
    """

    crystal: Crystal
    source: str
    source_id: str
    licence: str | None
    prototype: str | None = None
    properties: Mapping[str, float] = field(default_factory=dict)
    retrieved_at: datetime | None = None
    attributes: Mapping[str, float | str] = field(default_factory=dict)
    evidence: Mapping[str, str] = field(default_factory=dict)
    method: str | None = None
    flags: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True)
class Failure:
    """One entry that a source could not turn into a candidate.

    Attributes:
        source_id: The source's identifier of the entry.
        reason: Short machine-readable reason, such as ``"disordered"``.
        detail: One sentence for a person.
        disordered: The crystal of an entry that was refused as ``disordered`` only, so that it
            may be ordered.
        licence: Licence of that crystal, when known.
        retrieved_at: Moment of its retrieval.
    """

    source_id: str
    reason: str
    detail: str
    disordered: DisorderedCrystal | None = None
    licence: str | None = None
    retrieved_at: datetime | None = None


@dataclass(frozen=True, slots=True)
class Page:
    """One step of a source: what it read, what it could not read, and where it stands.

    Attributes:
        items: Candidates, in the source's order.
        failures: Entries that could not be read; items and failures together account for every
            entry of the page.
        cursor: Where to resume after this page; None when the source cannot resume or has ended.
        source: Source name of its entries where it is finer than the source's own, as
            `optimade:mp` is; identifiers are unique within it.
    """

    items: tuple[SourceItem, ...]
    failures: tuple[Failure, ...] = ()
    cursor: str | None = None
    source: str | None = None


@runtime_checkable
class Source(Protocol):
    """A place that candidates come from.

    Attributes:
        name: Short name, stored in the provenance of every candidate.
    """

    name: str

    def pages(self) -> Iterator[Page]:
        """Read the source page by page.

        Yields:
            Pages in a stable order. An entry that cannot be read is a ``Failure`` of its page.

        Raises:
            InputError: The source was asked for something that does not exist.
            SourceError: The source as a whole cannot be read any further.
        """
        ...
