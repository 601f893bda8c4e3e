"""The source `optimade`: any database that answers the OPTIMADE API (v1).

Evans et al. 2024, Digital Discovery 3, 1509, describe the standard.
"""

from __future__ import annotations

import asyncio
import hashlib
import re
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import ClassVar, Final, Self
from urllib.parse import urlsplit

import httpx

from matscreen.errors import InputError, SourceError, StructureError
from matscreen.sources.base import Failure, Page, SourceItem
from matscreen.sources.disorder import DisorderError
from matscreen.sources.element_lists import symbols
from matscreen.sources.http import HostGates, JsonClient, Politeness, Retry, certificates
from matscreen.sources.optimade_entries import entry_id, entry_licence, parse
from matscreen.sources.optimade_pager import Pager
from matscreen.sources.optimade_providers import (
    ALL,
    Provider,
    get_provider,
    list_providers,
    provider_at,
)
from matscreen.sources.optimade_query import FAMILIES, Query, validate
from matscreen.sources.streams import PageCache, RawPage, arrivals

DEFAULT_FILTER: Final = FAMILIES["perovskites"]
"""What is asked for when nothing else is: oxides with the formulas of perovskites."""

_TIMEOUT = httpx.Timeout(60.0, connect=15.0)
_USER_AGENT: Final = "matscreen"


@dataclass(frozen=True)
class OptimadeSource:
    """Reads the structures of one OPTIMADE database, page by page as they arrive.

    Entries that are no ordered crystal become failures one by one. A page limit that the server
    finds too large is lowered; a busy or failing server is asked again with growing waits, a
    limited number of times; pages that repeat or lead in a circle end the reading. Provider
    fields known to mean a registry property are asked for where the server offers them; a null
    is missing, not zero.

    An item's source is `optimade:` and the short name of a known provider, such as `optimade:mp`,
    else the prefix the server states, because identifiers are unique only within a provider.

    Attributes:
        url: Base URL, with or without `/v1`.
        filter: OPTIMADE filter; an empty one takes everything.
        max_hull: Entries further above the hull, or without a value, become failures, eV/atom.
        page_limit: Entries to ask for at once.
        max_pages: Stop after this many pages.
        max_items: Stop with the page that brings this many entries.
        cursor: `Page.cursor` of an earlier run, to go on after that page.
        since: Ask only for what changed after this moment, where the server can.
        cache: Keeps pages that arrived until they are stored.
        client: HTTP client to use and leave open; by default a new one.
        retry: How long to insist.
        gates: Limits of requests to each host, shared by sources that are read together.
        sleep: Waits for some seconds.
    """

    name: ClassVar[str] = "optimade"

    url: str
    filter: str = DEFAULT_FILTER
    max_hull: float | None = None
    page_limit: int = 500
    max_pages: int | None = None
    max_items: int | None = None
    cursor: str | None = None
    since: datetime | None = None
    cache: PageCache | None = None
    client: httpx.AsyncClient | None = None
    retry: Retry = field(default_factory=Retry)
    gates: HostGates | None = None
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    def __post_init__(self) -> None:
        try:
            url = httpx.URL(self.url)
            valid = url.scheme in {"http", "https"} and bool(url.host)
            urlsplit(self.url)
        except (httpx.InvalidURL, ValueError):
            valid = False
        if not valid:
            raise InputError(f"{self.url!r} is no http or https address of an OPTIMADE database")
        if url.userinfo:
            raise InputError(
                f"the address of {url.host} holds a user or a password, which would be stored with "
                "every structure; leave it out"
            )
        for name in ("page_limit", "max_pages", "max_items"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name} is {value}, it must be at least 1")
        validate(self.filter)

    @property
    def base_url(self) -> str:
        """Versioned base URL, as every provider must serve it."""
        parts = urlsplit(self.url)
        path = re.sub(r"(/structures)?/*$", "", parts.path)
        if not re.search(r"/v\d+(\.\d+)*$", path):
            path += "/v1"
        return f"{parts.scheme}://{parts.netloc}{path}"

    @property
    def provider(self) -> Provider | None:
        """The known provider that lives there."""
        return provider_at(self.base_url)

    @property
    def label(self) -> str:
        """Name for people, before the server has stated its own."""
        known = self.provider
        return known.source if known else f"optimade:{urlsplit(self.url).netloc}"

    @property
    def query(self) -> str:
        """Identifier of what is asked of whom: the same query goes on where it stopped."""
        asked = f"{self.base_url}\n{self.filter}"
        if self.max_hull is not None:
            asked += f"\nmax_hull={self.max_hull:g}"
        return hashlib.sha256(asked.encode()).hexdigest()[:16]

    def streams(self) -> tuple[Self, ...]:
        """Return the queries that make up this source: itself."""
        return (self,)

    def placed(
        self, *, cursor: str | None, since: datetime | None, cache: PageCache | None
    ) -> Self:
        """Return the same query from a cursor on, or for what changed since a moment."""
        return replace(self, cursor=cursor, since=since, cache=cache)

    def pages(self) -> Iterator[Page]:
        """Read page by page; the next page is fetched while the caller works on this one.

        Reasons of failures: `malformed`, `not_periodic`, `missing_coordinates`, `missing_atoms`,
        `disordered`, `unknown_element`, `duplicate_id`, `above_hull`, and those of `Crystal`.

        Raises:
            SourceError: The server cannot be read (any further); pages already given are good.
            InputError: The filter names a provider field that this server does not have.
        """
        for arrival in arrivals([self]):
            if arrival.error is not None:
                raise arrival.error
            if arrival.raw is not None:
                yield self.page(arrival.raw)

    async def documents(self) -> AsyncIterator[RawPage]:
        """Fetch page after page without converting them.

        Raises:
            SourceError: The server cannot be read any further; pages already given are good.
            InputError: The filter names a provider field that this server does not have.
        """
        async with AsyncExitStack() as stack:
            async for raw in (await self._pager(stack)).pages():
                yield raw

    async def count(self) -> tuple[int | None, int | None]:
        """Ask how many entries match and how many the database has; None where it does not say.

        Raises:
            SourceError: The server does not answer, or refuses the filter.
            InputError: The filter names a provider field that this server does not have.
        """
        async with AsyncExitStack() as stack:
            return await (await self._pager(stack)).count()

    async def _pager(self, stack: AsyncExitStack) -> Pager:
        client = self.client
        if client is None:
            client = httpx.AsyncClient(
                timeout=_TIMEOUT, headers={"User-Agent": _USER_AGENT}, verify=certificates()
            )
            await stack.enter_async_context(client)
        return Pager(
            http=JsonClient(client, self.retry, self.gates or HostGates(), self.sleep),
            base_url=self.base_url,
            filter=self.filter,
            page_limit=self.page_limit,
            max_pages=self.max_pages,
            max_items=self.max_items,
            cursor=self.cursor,
            since=self.since,
            cache=self.cache,
        )

    def page(self, raw: RawPage) -> Page:
        """Convert a page; every entry becomes an item or a failure."""
        now = datetime.now(UTC)
        known = self.provider
        netloc = urlsplit(self.url).netloc
        source = known.source if known else f"{self.name}:{raw.provider or netloc}"
        licence = raw.licence or (known.licence if known else None)
        items: list[SourceItem] = []
        failures: list[Failure] = []
        for index, entry in enumerate(raw.entries):
            shown = entry_id(entry) or f"page {raw.number} entry {index}"
            if index in raw.repeated:
                failures.append(Failure(shown, "duplicate_id", "the server sent this id before"))
                continue
            try:
                parsed = parse(entry)
                self._check_hull(parsed.properties.get("energy_above_hull"))
            except DisorderError as error:
                own = entry_licence(entry["attributes"])
                failures.append(
                    Failure(shown, error.reason, error.detail, error.crystal, own or licence, now)
                )
                continue
            except StructureError as error:
                failures.append(Failure(shown, error.reason, error.detail))
                continue
            except (TypeError, ValueError, ArithmeticError, LookupError, AttributeError) as error:
                detail = f"{type(error).__name__}: {error}"[:300]
                failures.append(Failure(shown, "malformed", detail))
                continue
            items.append(
                SourceItem(
                    crystal=parsed.crystal,
                    source=source,
                    source_id=parsed.source_id,
                    licence=parsed.licence or licence,
                    properties=parsed.properties,
                    retrieved_at=now,
                    attributes={"url": self.base_url},
                    method=known.label_method if known else None,
                )
            )
        return Page(tuple(items), tuple(failures), raw.following, source)

    def _check_hull(self, energy: float | None) -> None:
        """Apply `max_hull` here too: not every database can filter by its own hull."""
        if self.max_hull is None:
            return
        if energy is None:
            raise StructureError("above_hull", "the provider gives no energy above the hull")
        if energy > self.max_hull:
            raise StructureError(
                "above_hull", f"{energy:.3f} eV/atom, at most {self.max_hull:g} was asked for"
            )


@dataclass(frozen=True)
class OptimadeSources:
    """Several databases, read side by side; one that is dead does not hurt the others.

    Attributes:
        members: One source a database.
    """

    name: ClassVar[str] = "optimade"

    members: tuple[OptimadeSource, ...]

    def streams(self) -> tuple[OptimadeSource, ...]:
        """Return the queries that make up this source."""
        return self.members

    def pages(self) -> Iterator[Page]:
        """Read all databases side by side, pages in the order of their arrival.

        Raises:
            SourceError: Databases that could not be read (any further), after all others ended.
        """
        errors = []
        for arrival in arrivals(self.members):
            if arrival.error is not None:
                errors.append(f"{self.members[arrival.index].label}: {arrival.error}")
            elif arrival.raw is not None:
                yield self.members[arrival.index].page(arrival.raw)
        if errors:
            raise SourceError("; ".join(errors))


def open_optimade(
    target: str | None = None,
    *,
    url: str | None = None,
    filter: str | None = None,  # noqa: A002 - the standard's own word
    family: str | None = None,
    elements: str | Sequence[str] = (),
    any_of: str | Sequence[str] = (),
    exclude_elements: str | Sequence[str] = (),
    anonymous: str | None = None,
    max_sites: int | None = None,
    max_hull: float | None = None,
    page_limit: int = 500,
    max_pages: int | None = None,
    max_items: int | None = None,
    cursor: str | None = None,
    client: httpx.AsyncClient | None = None,
    politeness: Politeness | None = None,
    retry: Retry | None = None,
) -> OptimadeSource | OptimadeSources:
    """Open `optimade:NAME`, `optimade:URL`, several joined by commas, or `optimade:all`.

    What to read is either a raw `filter` or the parts of a friendly query (`Query`). Without a
    filter, a family and a formula type the family is `perovskites`.

    Args:
        target: Names of known providers and base URLs after the colon.
        url: The same as an option.
        filter: OPTIMADE filter; an empty one takes everything.
        family: `perovskites`, `oxides` or another of the families.
        elements: All of these are present, a list or `Ba,Ti`.
        any_of: At least one of these is present.
        exclude_elements: None of these is present.
        anonymous: Formula type, such as `ABO3`.
        max_sites: Largest cell, in sites.
        max_hull: Largest energy above the hull, eV/atom.
        page_limit: Entries to ask for at once.
        max_pages: Stop after this many pages.
        max_items: Stop with the page that brings this many entries; for each database.
        cursor: `Page.cursor` of an earlier run; for one database only.
        client: HTTP client to use.
        politeness: Limits of requests to each host.
        retry: How long to insist.

    Raises:
        InputError: No provider or an unknown one, two different URLs, a filter that does not
            parse or that comes with a friendly query, or an option out of range.
    """
    given = url or target
    if not given or not given.strip(" ,"):
        raise InputError(
            "the source 'optimade' needs a database: optimade:mp, optimade:mp,oqmd, optimade:all, "
            f"or a base URL. Known: {', '.join(each.name for each in list_providers())}"
        )
    if url and target and url != target:
        raise InputError(f"two URLs are given: {target} and {url}")
    query = Query(
        family=family,
        elements=symbols(elements),
        any_of=symbols(any_of),
        without=symbols(exclude_elements),
        anonymous=anonymous,
        max_sites=max_sites,
        max_hull=max_hull,
    )
    if filter is not None and query != Query(max_hull=max_hull):
        raise InputError("give either an OPTIMADE filter or the parts of a query, not both")
    if filter is None and family is None and anonymous is None:
        query = replace(query, family="perovskites")
    gates = HostGates(politeness)
    members = []
    for address in _addresses(given):
        known = provider_at(address)
        hull_field = known.hull_field if known else None
        members.append(
            OptimadeSource(
                address,
                filter=query.to_filter(hull_field) if filter is None else filter,
                max_hull=max_hull,
                page_limit=page_limit,
                max_pages=max_pages,
                max_items=max_items,
                cursor=cursor,
                client=client,
                retry=retry or Retry(),
                gates=gates,
            )
        )
    if cursor is not None and len(members) > 1:
        raise InputError("a cursor belongs to one database, but several are given")
    return members[0] if len(members) == 1 else OptimadeSources(tuple(members))


def _addresses(given: str) -> tuple[str, ...]:
    """Turn names and URLs joined by commas into base URLs, each once."""
    found: list[str] = []
    for part in (part.strip() for part in given.split(",")):
        if set(part) & set("/:."):
            found.append(part)
        elif part == ALL:
            found += [provider.url for provider in list_providers()]
        elif part:
            found.append(get_provider(part).url)
    return tuple(dict.fromkeys(found))
