"""Fetch the pages of an OPTIMADE query one after another, as the server links them."""

from __future__ import annotations

import re
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, replace
from datetime import UTC, datetime
from typing import Any, Final
from urllib.parse import urljoin, urlsplit

import httpx

from matscreen.errors import InputError, SourceError
from matscreen.sources.http import JsonClient, NoAnswerError, RefusedError, short_url
from matscreen.sources.optimade_entries import STRUCTURE_FIELDS, entry_id, wanted_fields
from matscreen.sources.optimade_query import changed_since, provider_fields
from matscreen.sources.streams import PageCache, RawPage

_PAGE_LIMITS = (500, 200, 100, 50, 20, 10, 1)
_BEARABLE_LIMITS = (100, 20)
_ATTEMPTS_OF_LARGE_PAGES: Final = 3
_MOST_IDLE_PAGES: Final = 3


@dataclass(frozen=True)
class Pager:
    """Pages of one query.

    Attributes:
        http: How to fetch.
        base_url: Versioned base URL.
        filter: OPTIMADE filter; an empty one takes everything.
        page_limit: Entries to ask for at once; lowered until the server agrees.
        max_pages: Stop after this many pages.
        max_items: Stop with the page that brings this many entries.
        cursor: Where to go on; None starts at the first page.
        since: Ask only for what changed after this moment, where the server can.
        cache: Keeps pages until they are stored.
    """

    http: JsonClient
    base_url: str
    filter: str
    page_limit: int
    max_pages: int | None = None
    max_items: int | None = None
    cursor: str | None = None
    since: datetime | None = None
    cache: PageCache | None = None

    async def pages(self) -> AsyncIterator[RawPage]:
        """Fetch page after page; circles, repeated pages and empty pages without end are errors.

        Raises:
            SourceError: The server cannot be read any further; pages already given are good.
            InputError: The filter names a provider field that this server does not have.
        """
        licence = _licence(await self._info("info"))
        url, document = (self.cursor, None) if self.cursor else await self._first()
        visited: set[str] = set()
        seen: set[str] = set()
        taken = pages = idle = 0
        while True:
            try:
                if document is None and pages == 0:
                    url, document = await self._resumed(url)
                document = document or await self._get(url)
            except SourceError as error:
                raise SourceError(f"{error} (after {pages} pages, {taken} structures)") from error
            visited.add(url)
            entries = document["data"]
            known = len(seen)
            repeated = _repeated(entries, seen)
            fresh = len(seen) > known
            idle = 0 if fresh else idle + 1
            if repeated and not fresh:
                raise SourceError(f"{short_url(url)} repeats entries that were already read")
            pages += 1
            taken += len(entries)
            page = RawPage(
                url=url,
                number=pages,
                entries=entries,
                repeated=repeated,
                provider=_provider(document),
                licence=licence,
                expected=_count(document, "data_returned"),
                modified=_latest_change(entries),
            )
            try:
                following = _next_url(document, url)
            except SourceError:
                # The page is good; reading it again some day may show the way on.
                yield replace(page, following=url)
                raise
            yield replace(page, following=following)
            enough = self.max_items is not None and taken >= self.max_items
            if following is None or enough or pages == self.max_pages:
                return
            if following in visited:
                raise SourceError(f"{short_url(url)}: the next link leads back to an earlier page")
            if idle >= _MOST_IDLE_PAGES:
                raise SourceError(f"{short_url(url)}: {idle} pages in a row without an entry")
            url, document = following, None

    async def count(self) -> tuple[int | None, int | None]:
        """Ask how many entries match and how many there are, without reading them.

        Raises:
            SourceError: The server does not answer, or refuses the filter.
            InputError: The filter names a provider field that this server does not have.
        """
        await self._fields()
        params = {"page_limit": "1", "response_fields": "last_modified"}
        if self.filter:
            params["filter"] = self.filter
        document = await self.http.get(f"{self.base_url}/structures", params)
        return _count(document, "data_returned"), _count(document, "data_available")

    async def _get(
        self, url: str, params: Mapping[str, str] | None = None, *, attempts: int | None = None
    ) -> dict[str, Any]:
        """Fetch a listing, or take it from those that wait to be stored."""
        address = str(httpx.URL(url, params=dict(params))) if params else url
        kept = self.cache.get(address) if self.cache else None
        if kept is not None:
            return dict(kept)
        answer = await self.http.fetch(address, attempts=attempts)
        if not isinstance(answer.document.get("data"), list):
            raise SourceError(f"{short_url(url)} is no OPTIMADE listing: its data is no list")
        if self.cache:
            self.cache.put(address, answer.content)
        return answer.document

    async def _resumed(self, url: str) -> tuple[str, dict[str, Any]]:
        """Fetch the page of a cursor; one that the server no longer knows starts anew."""
        try:
            return url, await self._get(url)
        except RefusedError:
            return await self._first()

    async def _first(self) -> tuple[str, dict[str, Any]]:
        """Fetch the first page with the largest page limit that the server accepts."""
        offered = await self._fields()
        url = f"{self.base_url}/structures"
        limit = min(self.page_limit, self.max_items or self.page_limit)
        since = self.since if await self._compares_dates(offered) else None
        while True:
            params = {
                "page_limit": str(limit),
                "response_fields": ",".join((*STRUCTURE_FIELDS, *wanted_fields(offered))),
            }
            asked = changed_since(self.filter, since) if since else self.filter
            if asked:
                params["filter"] = asked
            smaller = _smaller_page(limit)
            try:
                # A page that is too much for the server is not insisted on.
                attempts = _ATTEMPTS_OF_LARGE_PAGES if smaller else None
                document = await self._get(url, params, attempts=attempts)
            except RefusedError as refusal:
                lower = lower_limit(refusal, limit)
                if lower is None:
                    raise
                limit = lower
            except NoAnswerError as trouble:
                if not trouble.overloaded or smaller is None:
                    raise
                limit = smaller
            else:
                return str(httpx.URL(url, params=params)), document

    async def _compares_dates(self, offered: Mapping[str, Any]) -> bool:
        """Say whether the server can tell what changed; if not, all is read again.

        Some databases keep their dates as text: every comparison then matches nothing, without a
        word. One that finds nothing since 1970 either does not count.
        """
        if self.since is None or (offered and "last_modified" not in offered):
            return False
        params = {
            "page_limit": "1",
            "response_fields": "last_modified",
            "filter": changed_since(self.filter, datetime(1970, 1, 1, tzinfo=UTC)),
        }
        try:
            document = await self.http.get(f"{self.base_url}/structures", params)
        except RefusedError:
            return False
        return bool(document.get("data"))

    async def _fields(self) -> Mapping[str, Any]:
        """Return the fields that the server lists, after checking those that the filter names.

        A field that a server does not know matches nothing, without a word: better refused.
        """
        found = (await self._info("info/structures")).get("properties")
        offered = found if isinstance(found, Mapping) else {}
        unknown = [name for name in provider_fields(self.filter) if name not in offered]
        if offered and unknown:
            known = sorted(name for name in offered if name.startswith("_"))
            raise InputError(
                f"{self.base_url} has no field {', '.join(unknown)}, so the filter would match "
                f"nothing; its own fields are {', '.join(known) or 'none'}"
            )
        return offered

    async def _info(self, path: str) -> dict[str, Any]:
        """Read a description that a server may well lack or answer badly: then an empty one."""
        try:
            data = (await self.http.get(f"{self.base_url}/{path}", attempts=2)).get("data")
        except SourceError:
            return {}
        found = data if isinstance(data, dict) else {}
        attributes = found.get("attributes")
        return {**found, **attributes} if isinstance(attributes, dict) else found


def _smaller_page(limit: int) -> int | None:
    """Return the page limit for a server that cannot bear this one; None if it must be borne."""
    return next((n for n in _BEARABLE_LIMITS if n < limit), None)


def lower_limit(refusal: RefusedError, limit: int) -> int | None:
    """Return the next page limit to try, or None when the refusal is about something else."""
    about_limit = not refusal.detail or "page_limit" in refusal.detail.lower()
    if refusal.status not in {400, 403, 413, 422} or not about_limit:
        return None
    told = [n for n in map(int, re.findall(r"\d{1,9}", refusal.detail)) if 0 < n < limit]
    return max(told, default=None) or next((n for n in _PAGE_LIMITS if n < limit), None)


def _count(document: Mapping[str, Any], name: str) -> int | None:
    """Read a number of entries that the server claims; None where it does not."""
    meta = document.get("meta")
    value = meta.get(name) if isinstance(meta, Mapping) else None
    return value if isinstance(value, int) and not isinstance(value, bool) and value >= 0 else None


def _repeated(entries: list[Any], seen: set[str]) -> frozenset[int]:
    places = []
    for index, entry in enumerate(entries):
        name = entry_id(entry)
        if name is None:
            continue
        if name in seen:
            places.append(index)
        seen.add(name)
    return frozenset(places)


def _latest_change(entries: list[Any]) -> datetime | None:
    """Return the latest `last_modified`; None unless every entry states one.

    An entry without a date would never be asked for again, so then nothing may be left out.
    """
    moments = []
    for entry in entries:
        attributes = entry.get("attributes") if isinstance(entry, Mapping) else None
        text = attributes.get("last_modified") if isinstance(attributes, Mapping) else None
        try:
            moment = datetime.fromisoformat(text) if isinstance(text, str) else None
        except ValueError:
            moment = None
        if moment is None:
            return None
        moments.append(moment if moment.tzinfo else moment.replace(tzinfo=UTC))
    return max(moments, default=None)


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
    try:
        following = urljoin(url, link.strip())
        here, there = urlsplit(url), urlsplit(following)
        httpx.URL(following)
    except (ValueError, httpx.InvalidURL):
        raise SourceError(f"{short_url(url)} gives a broken next link: {link[:80]!r}") from None
    if there.scheme not in {"http", "https"}:
        raise SourceError(
            f"{short_url(url)} gives a next link that is no http address: {link[:80]}"
        )
    if (here.scheme, there.scheme) == ("https", "http"):
        if here.hostname != there.hostname:
            raise SourceError(f"{short_url(url)} gives a next link without https: {link[:80]}")
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
