"""The source `optimade`: any database that answers the OPTIMADE API (v1).

Evans et al. 2024, Digital Discovery 3, 1509, describe the standard.
"""

from __future__ import annotations

import re
import time
from collections.abc import Callable, Iterator, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from typing import Any, ClassVar, Final
from urllib.parse import urljoin, urlsplit

import httpx

from matscreen.errors import InputError, SourceError, StructureError
from matscreen.sources.base import Failure, Page, SourceItem
from matscreen.sources.http import JsonClient, RefusedError, Retry, short_url
from matscreen.sources.optimade_entries import STRUCTURE_FIELDS, entry_id, parse, wanted_fields

PEROVSKITE_OXIDES: Final = 'elements HAS "O" AND nelements=3 AND chemical_formula_anonymous="A3BC"'
"""Default filter. The standard orders counts from large to small: ABO3 is `A3BC`."""

_PAGE_LIMITS = (500, 200, 100, 50, 20, 10, 1)
_TIMEOUT = httpx.Timeout(60.0, connect=15.0)
_MOST_IDLE_PAGES: Final = 3


@dataclass(frozen=True)
class OptimadeSource:
    """Reads the structures of one OPTIMADE database, page by page as they arrive.

    Entries that are no ordered crystal become failures one by one. A page limit that the server
    finds too large is lowered; a busy or failing server is asked again with growing waits, a
    limited number of times; pages that repeat or lead in a circle end the reading. Provider
    fields known to mean a registry property are asked for where the server offers them; a null
    is missing, not zero.

    An item's source is `optimade:` and the provider's prefix, such as `optimade:mp`, because
    identifiers are unique only within a provider.

    Attributes:
        url: Base URL, with or without `/v1`.
        filter: OPTIMADE filter; an empty one takes everything.
        page_limit: Entries to ask for at once.
        max_pages: Stop after this many pages.
        max_items: Stop after this many items.
        cursor: `Page.cursor` of an earlier run, to go on after that page.
        client: HTTP client to use and leave open; by default a new one.
        retry: How long to insist.
        sleep: Called with seconds to wait.
    """

    name: ClassVar[str] = "optimade"

    url: str
    filter: str = PEROVSKITE_OXIDES
    page_limit: int = 100
    max_pages: int | None = None
    max_items: int | None = None
    cursor: str | None = None
    client: httpx.Client | None = None
    retry: Retry = field(default_factory=Retry)
    sleep: Callable[[float], None] = time.sleep

    def __post_init__(self) -> None:
        try:
            url = httpx.URL(self.url)
            valid = url.scheme in {"http", "https"} and bool(url.host)
            urlsplit(self.url)
        except (httpx.InvalidURL, ValueError):
            valid = False
        if not valid:
            raise InputError(f"{self.url!r} is no http or https address of an OPTIMADE database")
        for name in ("page_limit", "max_pages", "max_items"):
            value = getattr(self, name)
            if value is not None and value < 1:
                raise InputError(f"{name} is {value}, it must be at least 1")

    @property
    def base_url(self) -> str:
        """Versioned base URL, as every provider must serve it."""
        parts = urlsplit(self.url)
        path = re.sub(r"(/structures)?/*$", "", parts.path)
        if not re.search(r"/v\d+(\.\d+)*$", path):
            path += "/v1"
        return f"{parts.scheme}://{parts.netloc}{path}"

    def pages(self) -> Iterator[Page]:
        """Read page by page.

        Reasons of failures: `malformed`, `not_periodic`, `missing_coordinates`, `missing_atoms`,
        `disordered`, `unknown_element`, `duplicate_id`, and those of `Crystal`.

        Raises:
            SourceError: The server cannot be read (any further); pages already given are good.
        """
        with ExitStack() as stack:
            client = self.client or stack.enter_context(
                httpx.Client(timeout=_TIMEOUT, follow_redirects=True)
            )
            yield from self._pages(JsonClient(client, self.retry, self.sleep))

    def _pages(self, http: JsonClient) -> Iterator[Page]:
        licence = _licence(self._info(http, "info"))
        url, document = (self.cursor, None) if self.cursor else self._first(http)
        visited: set[str] = set()
        seen: set[str] = set()
        taken = pages = idle = 0
        while True:
            visited.add(url)
            try:
                document = document or http.get(url)
            except SourceError as error:
                raise SourceError(f"{error} (after {pages} pages, {taken} structures)") from error
            known = len(seen)
            page = self._page(document, url=url, number=pages + 1, licence=licence, seen=seen)
            pages += 1
            fresh = len(seen) > known
            idle = 0 if fresh else idle + 1
            if not fresh and any(failure.reason == "duplicate_id" for failure in page.failures):
                raise SourceError(f"{short_url(url)} repeats entries that were already read")
            room = len(page.items) if self.max_items is None else self.max_items - taken
            if room < len(page.items):
                # The rest of the page is not lost: resuming reads this page again.
                yield replace(page, items=page.items[:room], cursor=url)
                return
            try:
                following = _next_url(document, url)
            except SourceError:
                yield replace(page, cursor=url)
                raise
            taken += len(page.items)
            yield replace(page, cursor=following)
            if following is None or taken == self.max_items or pages == self.max_pages:
                return
            if following in visited:
                raise SourceError(f"{short_url(url)}: the next link leads back to an earlier page")
            if idle >= _MOST_IDLE_PAGES:
                raise SourceError(f"{short_url(url)}: {idle} pages in a row without an entry")
            url, document = following, None

    def _first(self, http: JsonClient) -> tuple[str, dict[str, Any]]:
        """Fetch the first page with the largest page limit that the server accepts."""
        offered = self._info(http, "info/structures").get("properties")
        extra = wanted_fields(offered if isinstance(offered, Mapping) else ())
        url = f"{self.base_url}/structures"
        limit = min(self.page_limit, self.max_items or self.page_limit)
        while True:
            params = {
                "page_limit": str(limit),
                "response_fields": ",".join((*STRUCTURE_FIELDS, *extra)),
            }
            if self.filter:
                params["filter"] = self.filter
            try:
                return str(httpx.URL(url, params=params)), http.get(url, params)
            except RefusedError as refusal:
                lower = _lower_limit(refusal, limit)
                if lower is None:
                    raise
                limit = lower

    def _info(self, http: JsonClient, path: str) -> dict[str, Any]:
        """Read a description that a server may well lack or answer badly: then an empty one."""
        try:
            data = http.get(f"{self.base_url}/{path}", attempts=2).get("data")
        except SourceError:
            return {}
        found = data if isinstance(data, dict) else {}
        attributes = found.get("attributes")
        return {**found, **attributes} if isinstance(attributes, dict) else found

    def _page(
        self,
        document: Mapping[str, Any],
        *,
        url: str,
        number: int,
        licence: str | None,
        seen: set[str],
    ) -> Page:
        entries = document.get("data")
        if not isinstance(entries, list):
            raise SourceError(f"{short_url(url)} is no OPTIMADE listing: its data is no list")
        now = datetime.now(UTC)
        source = f"{self.name}:{_provider(document) or urlsplit(url).netloc}"
        items: list[SourceItem] = []
        failures: list[Failure] = []
        for index, entry in enumerate(entries):
            name = entry_id(entry)
            shown = name or f"page {number} entry {index}"
            if name in seen:
                failures.append(Failure(shown, "duplicate_id", "the server sent this id before"))
                continue
            if name is not None:
                seen.add(name)
            try:
                parsed = parse(entry)
            except StructureError as error:
                failures.append(Failure(shown, error.reason, error.detail))
                continue
            except (TypeError, ValueError, OverflowError) as error:
                failures.append(Failure(shown, "malformed", str(error)[:300]))
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
                )
            )
        return Page(tuple(items), tuple(failures))


def open_optimade(
    target: str | None = None,
    *,
    url: str | None = None,
    filter: str = PEROVSKITE_OXIDES,  # noqa: A002 - the standard's own word
    page_limit: int = 100,
    max_pages: int | None = None,
    max_items: int | None = None,
    cursor: str | None = None,
    client: httpx.Client | None = None,
) -> OptimadeSource:
    """Open `optimade` with a URL, or `optimade:URL`.

    Args:
        target: Base URL after the colon.
        url: Base URL as an option.
        filter: OPTIMADE filter; an empty one takes everything.
        page_limit: Entries to ask for at once.
        max_pages: Stop after this many pages.
        max_items: Stop after this many items.
        cursor: `Page.cursor` of an earlier run.
        client: HTTP client to use.

    Raises:
        InputError: No URL, two different ones, or an option out of range.
    """
    given = url or target
    if not given:
        raise InputError(
            "the source 'optimade' needs the base URL of a database, "
            "for example https://optimade.materialsproject.org"
        )
    if url and target and url != target:
        raise InputError(f"two URLs are given: {target} and {url}")
    return OptimadeSource(
        given,
        filter=filter,
        page_limit=page_limit,
        max_pages=max_pages,
        max_items=max_items,
        cursor=cursor,
        client=client,
    )


def _lower_limit(refusal: RefusedError, limit: int) -> int | None:
    """Return the next page limit to try, or None when the refusal is about something else."""
    about_limit = not refusal.detail or "page_limit" in refusal.detail.lower()
    if refusal.status not in {400, 403, 413, 422} or not about_limit:
        return None
    told = [n for n in map(int, re.findall(r"\d{1,9}", refusal.detail)) if 0 < n < limit]
    return max(told, default=None) or next((n for n in _PAGE_LIMITS if n < limit), None)


def _next_url(document: Mapping[str, Any], url: str) -> str | None:
    """Return the absolute address of the next page; None at the end.

    Raises:
        SourceError: There is more data but no usable link to it.
    """
    links, meta = document.get("links"), document.get("meta")
    link = links.get("next") if isinstance(links, Mapping) else None
    if isinstance(link, Mapping):
        link = link.get("href")
    more = meta.get("more_data_available") if isinstance(meta, Mapping) else None
    if not isinstance(link, str) or not link.strip():
        if more is True:
            raise SourceError(f"{short_url(url)} says there is more data but gives no next link")
        return None
    if more is False:
        return None
    following = urljoin(url, link.strip())
    here, there = urlsplit(url), urlsplit(following)
    if there.scheme not in {"http", "https"}:
        raise SourceError(
            f"{short_url(url)} gives a next link that is no http address: {link[:80]}"
        )
    if (here.scheme, there.scheme) == ("https", "http") and here.netloc == there.netloc:
        # A server behind a proxy does not know that it is reached by https.
        following = there._replace(scheme="https").geturl()
    return following


def _provider(document: Mapping[str, Any]) -> str | None:
    meta = document.get("meta")
    provider = meta.get("provider") if isinstance(meta, Mapping) else None
    prefix = provider.get("prefix") if isinstance(provider, Mapping) else None
    return prefix if isinstance(prefix, str) and prefix else None


def _licence(info: Mapping[str, Any]) -> str | None:
    """Read the licence of all entries from `/info` (OPTIMADE 1.2)."""
    for key in ("available_licenses_for_entries", "available_licenses"):
        names = info.get(key)
        if isinstance(names, list) and names:
            return " OR ".join(map(str, names))
    link = info.get("license")
    if isinstance(link, Mapping):
        link = link.get("href")
    return link if isinstance(link, str) and link else None
