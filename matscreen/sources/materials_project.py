"""The source `materials_project`: the Materials Project through its own client, page by page.

Jain et al. 2013, APL Mater. 1, 011002, describe the database. The client is an optional package
(extra `mp`), and the database asks for a key; see `materials_project_key`.
"""

from __future__ import annotations

import asyncio
import hashlib
from collections.abc import AsyncIterator, Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import Any, ClassVar, Final, Literal, get_args
from urllib.parse import urlencode

from matscreen.errors import InputError, MissingDependencyError, StructureError
from matscreen.sources.base import Failure, Page, SourceItem
from matscreen.sources.element_lists import check_elements, symbols
from matscreen.sources.materials_project_client import Client, Patience, endpoint
from matscreen.sources.materials_project_documents import Sides, material_id, to_item
from matscreen.sources.materials_project_key import require_key
from matscreen.sources.materials_project_reader import Reader, Reading
from matscreen.sources.streams import PageCache, RawPage
from matscreen.sources.suitability import MAX_SITES

Kind = Literal["perovskites", "oxides"]

PAGE: Final = 256
"""Documents a page: halved down to one document where the server stumbles over one of them."""

_GNOME: Final = "gnome_r2scan_statics"


@dataclass(frozen=True)
class Query:
    """What is asked of the database.

    Attributes:
        kind: `perovskites` (ABO3 of any two elements) or `oxides` (anything with oxygen).
        elements: Elements that must be there, besides oxygen.
        exclude_elements: Elements that must not be there.
        max_hull: Largest energy above the hull, eV/atom; None for any.
        max_sites: Largest cell, in sites.
        include_gnome: Whether the compounds of GNoME come too. Not by default: their licence
            forbids commercial use (CC-BY-NC-4.0), they were proposed by a network and nearly none
            has been made, and they would outnumber all others.
    """

    kind: Kind = "perovskites"
    elements: tuple[str, ...] = ()
    exclude_elements: tuple[str, ...] = ()
    max_hull: float | None = None
    max_sites: int = MAX_SITES
    include_gnome: bool = False

    def search(self) -> dict[str, Any]:
        """Return the keywords of the client's `materials.summary.search`."""
        words: dict[str, Any] = {
            "elements": sorted({"O", *self.elements}),
            "deprecated": False,
            "num_sites": (1, self.max_sites),
            "include_gnome": self.include_gnome,
        }
        if self.kind == "perovskites":
            words["formula"] = "**O3"
        if self.exclude_elements:
            words["exclude_elements"] = sorted(set(self.exclude_elements))
        if self.max_hull is not None:
            words["energy_above_hull"] = (0.0, self.max_hull)
        return words

    def criteria(self) -> dict[str, Any]:
        """Return the same question in the words of the API, which counting needs."""
        words: dict[str, Any] = {
            "elements": ",".join(sorted({"O", *self.elements})),
            "deprecated": False,
            "nsites_min": 1,
            "nsites_max": self.max_sites,
        }
        if self.kind == "perovskites":
            words["formula"] = "**O3"
        if self.exclude_elements:
            words["exclude_elements"] = ",".join(sorted(set(self.exclude_elements)))
        if self.max_hull is not None:
            words |= {"energy_above_hull_min": 0.0, "energy_above_hull_max": self.max_hull}
        if not self.include_gnome:
            words["batch_id_not_eq"] = _GNOME
        return words


@dataclass(frozen=True)
class MaterialsProjectSource:
    """Reads the summaries of the Materials Project, with dielectric and piezoelectric data.

    One request brings one page, in the order of the identifiers; the pages of a cursor are those
    of one version of the database, and a new version is read from its beginning. What the server
    cannot give is a failure; see `Reader`. It is its own only stream, so that the stage `pull`
    resumes it.

    Attributes:
        client: The client.
        asked: What is asked.
        page_limit: Documents a page, a power of two.
        max_items: Stop after this many documents.
        cursor: `Page.cursor` of an earlier run, to go on after that page.
    """

    name: ClassVar[str] = "materials_project"
    label: ClassVar[str] = "materials_project"

    client: Client
    asked: Query = field(default_factory=Query)
    page_limit: int = PAGE
    max_items: int | None = None
    cursor: str | None = None

    @property
    def url(self) -> str:
        """Address of the API."""
        return self.client.endpoint

    @property
    def filter(self) -> str:
        """What is asked for, in the words of the API."""
        return urlencode(self.asked.criteria())

    @property
    def query(self) -> str:
        """Identifier of the query: database and filter."""
        return hashlib.sha256(f"{self.url} {self.filter}".encode()).hexdigest()[:16]

    def total(self) -> int:
        """Return how many documents the database holds for the query.

        Raises:
            InputError: The key or the query is refused.
            SourceError: The database cannot be reached.
        """
        return self.client.count(self.asked.criteria())

    def streams(self) -> tuple[MaterialsProjectSource]:
        """Return itself: one query to one database."""
        return (self,)

    def placed(
        self,
        *,
        cursor: str | None,
        since: datetime | None = None,  # noqa: ARG002 - the database cannot be asked for changes
        cache: PageCache | None = None,  # noqa: ARG002 - a page of it is several requests
    ) -> MaterialsProjectSource:
        """Return the same query from a cursor on."""
        return replace(self, cursor=cursor)

    def pages(self) -> Iterator[Page]:
        """Read page by page.

        Reasons of failures: `malformed`, `no_structure`, `disordered`, `unknown_element`,
        `duplicate_id`, those of `Crystal`, `server_error` (the server cannot give this document)
        and `endpoint_failed` (values of another endpoint are missing on a page).

        Raises:
            InputError: The key or the query is refused.
            MissingDependencyError: mp-api is not installed.
            SourceError: The server does not answer (any more) or gives fewer documents than it
                counts; pages already given are good.
        """
        yield from map(self.page, self._raw())

    async def documents(self) -> AsyncIterator[RawPage]:
        """Fetch page after page without holding up other sources; raises as `pages`."""
        raw = self._raw()
        while (page := await asyncio.to_thread(next, raw, None)) is not None:
            yield page

    def page(self, raw: RawPage) -> Page:
        """Convert a page; every document becomes an item or a failure."""
        lost = list(raw.lost) if isinstance(raw, Reading) else []
        sides = raw.sides if isinstance(raw, Reading) else Sides()
        now = datetime.now(UTC)
        items: list[SourceItem] = []
        for index, document in enumerate(raw.entries):
            shown = material_id(document) or f"page {raw.number}, document {index}"
            if index in raw.repeated:
                lost.append(Failure(shown, "duplicate_id", "the server sent this id before"))
                continue
            try:
                items.append(to_item(document, sides, source=self.name, now=now))
            except StructureError as error:
                lost.append(Failure(shown, error.reason, error.detail))
            except (TypeError, ValueError, OverflowError, KeyError, AttributeError) as error:
                lost.append(Failure(shown, "malformed", f"{type(error).__name__}: {error}"))
        return Page(tuple(items), tuple(lost), cursor=raw.following)

    def _raw(self) -> Iterator[Reading]:
        reader = Reader(self.client, self.asked.search(), self.asked.criteria())
        return reader.read(self.page_limit, self.cursor, self.max_items)


def open_materials_project(
    target: str | None = None,
    *,
    family: str | None = None,
    elements: str | Sequence[str] = (),
    exclude_elements: str | Sequence[str] = (),
    max_hull: float | None = None,
    max_sites: int = MAX_SITES,
    include_gnome: bool = False,
    page_limit: int = PAGE,
    max_items: int | None = None,
    cursor: str | None = None,
    patience: Patience | None = None,
) -> MaterialsProjectSource:
    """Open `materials_project`, `materials_project:perovskites` or `materials_project:oxides`.

    Args:
        target: Kind of compound; perovskites (ABO3 of any two elements) by default.
        family: The same as an option; `simple_perovskites` is another word for perovskites.
        elements: Elements that must be there, a list or `Ti,Ba`.
        exclude_elements: Elements that must not be there.
        max_hull: Largest energy above the hull, eV/atom.
        max_sites: Largest cell, in sites.
        include_gnome: Whether the compounds of GNoME come too (licence CC-BY-NC-4.0).
        page_limit: Documents a page; the next lower power of two is taken, 512 at most.
        max_items: Stop after this many documents.
        cursor: `Page.cursor` of an earlier run.
        patience: How long to insist on an answer.

    Raises:
        InputError: No key is set, or an option is out of range.
        MissingDependencyError: mp-api is not installed.
    """
    if target and family and target != family:
        raise InputError(f"two kinds of compound are given: {target} and {family}")
    kind = (target or family or "perovskites").removeprefix("simple_")
    if kind not in get_args(Kind):
        raise InputError(
            f"materials_project cannot be asked for {kind!r}; take {' or '.join(get_args(Kind))}"
        )
    if max_hull is not None and not 0 <= max_hull < 10:
        raise InputError(f"max_hull is {max_hull} eV/atom; it lies from 0 to 10")
    for name, value in (("max_sites", max_sites), ("page_limit", page_limit)):
        if value < 1:
            raise InputError(f"{name} is {value}, it must be at least 1")
    if max_items is not None and max_items < 1:
        raise InputError(f"max_items is {max_items}, it must be at least 1")
    wanted, unwanted = symbols(elements), symbols(exclude_elements)
    check_elements((*wanted, *unwanted))
    query = Query(
        kind="oxides" if kind == "oxides" else "perovskites",
        elements=wanted,
        exclude_elements=unwanted,
        max_hull=max_hull,
        max_sites=max_sites,
        include_gnome=include_gnome,
    )
    if find_spec("mp_api") is None:
        raise MissingDependencyError("mp-api", "mp")
    asker = Client(require_key(), endpoint(), patience or Patience())
    power = 1 << (min(page_limit, 512).bit_length() - 1)
    return MaterialsProjectSource(asker, query, power, max_items, cursor)
