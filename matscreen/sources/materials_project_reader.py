"""Fetch the pages of a query to the Materials Project, whatever its server stumbles over."""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any, Final

from matscreen.errors import InputError, SourceError
from matscreen.sources.base import Failure
from matscreen.sources.materials_project_client import Client, TroubleError
from matscreen.sources.materials_project_documents import (
    SIDE_FIELDS,
    SUMMARY_FIELDS,
    Sides,
    by_material,
    has_property,
    material_id,
)
from matscreen.sources.streams import RawPage

_MOST_POISONED: Final = 16
_CURSOR = re.compile(r"^(?P<version>[^;]*);(?P<size>\d{1,4});(?P<page>\d{1,7})$")
_LOG = logging.getLogger(__name__)


@dataclass(frozen=True)
class Reading(RawPage):
    """One page of summary documents.

    Attributes:
        sides: What the other endpoints say of its materials.
        lost: What could not be had.
    """

    sides: Sides = field(default_factory=Sides)
    lost: tuple[Failure, ...] = ()


@dataclass(frozen=True)
class Reader:
    """Reads a query page by page.

    Where the server fails over a page, the page is halved until the documents that it fails over
    stand alone: each is a failure, the others arrive. Another endpoint that fails costs its values
    on that page, which is a failure beside those of the entries (`dielectric, page 3`).

    Attributes:
        client: The client.
        search: Keywords of the client's search.
        criteria: The same question in the words of the API.
    """

    client: Client
    search: Mapping[str, Any]
    criteria: Mapping[str, Any]

    def read(self, size: int, cursor: str | None, most: int | None) -> Iterator[Reading]:
        """Read page by page.

        Args:
            size: Documents a page, a power of two.
            cursor: `following` of an earlier page, to go on from there.
            most: Stop after this many documents.

        Raises:
            InputError: The key or the query is refused, or the cursor is none.
            SourceError: The server does not answer (any more) or gives fewer documents than it
                counts; pages already given are good.
        """
        version = self.client.database_version()
        size, page = _start(cursor, version, size)
        total = self.client.count(self.criteria)
        seen: set[str] = set()
        taken = 0
        while (before := (page - 1) * size) < total:
            found = self._page(page, size, min(size, total - before), seen)
            room = None if most is None else most - taken
            if room is not None and len(found.entries) > room:
                # The rest of the page is not lost: resuming reads this page again.
                yield replace(
                    found,
                    entries=found.entries[:room],
                    repeated=frozenset(place for place in found.repeated if place < room),
                    following=f"{version};{size};{page}",
                    expected=total,
                )
                return
            page += 1
            taken += len(found.entries)
            ended = (page - 1) * size >= total
            following = None if ended else f"{version};{size};{page}"
            yield replace(found, following=following, expected=total)
            if taken == most:
                return

    def _page(self, page: int, size: int, expected: int, seen: set[str]) -> Reading:
        documents, lost = self._documents(page, size)
        if (had := len(documents) + len(lost)) < expected:
            raise SourceError(
                f"page {page} of the Materials Project holds {had} documents instead of "
                f"{expected}: nothing of it was taken; run the pull again"
            )
        repeated = set()
        for place, document in enumerate(documents):
            name = material_id(document)
            if name in seen:
                repeated.add(place)
            elif name is not None:
                seen.add(name)
        sides, missing = self._sides(documents, page)
        return Reading(
            url=self.client.endpoint,
            number=page,
            entries=documents,
            repeated=frozenset(repeated),
            provider="materials_project",
            sides=sides,
            lost=(*lost, *missing),
        )

    def _documents(self, page: int, size: int) -> tuple[list[Any], list[Failure]]:
        """Read a page; what the server cannot give of it are failures."""
        documents: list[Any] = []
        lost: list[Failure] = []
        waiting = [(page, size)]
        while waiting:
            number, length = waiting.pop()
            try:
                documents += self.client.summaries(
                    self.search, SUMMARY_FIELDS, page=number, size=length
                )
            except TroubleError as error:
                if len(lost) >= _MOST_POISONED:
                    raise
                # A server that does not even count is down: that ends the reading.
                self.client.count(self.criteria)
                if length == 1:
                    place = f"document {number} in the order of ids"
                    lost.append(Failure(place, "server_error", str(error)[:300]))
                else:
                    waiting += [(2 * number, length // 2), (2 * number - 1, length // 2)]
        return documents, lost

    def _sides(self, documents: Sequence[Any], page: int) -> tuple[Sides, list[Failure]]:
        """Ask the other endpoints about the materials of a page."""
        summaries = {name: one for one in documents if (name := material_id(one)) is not None}
        found: dict[str, dict[str, tuple[Any, ...]]] = {}
        missing = []
        for route, fields in SIDE_FIELDS.items():
            asked = [
                name
                for name, one in summaries.items()
                if route == "thermo" or has_property(one, route)
            ]
            answer: list[Any] = []
            try:
                answer = self.client.side_data(route, asked, fields) if asked else []
            except (TroubleError, InputError) as error:
                place = f"{route}, page {page}"
                missing.append(Failure(place, "endpoint_failed", str(error)[:300]))
            found[route] = by_material(answer)
        sides = Sides(
            dielectric={name: rows[0] for name, rows in found["dielectric"].items()},
            piezoelectric={name: rows[0] for name, rows in found["piezoelectric"].items()},
            thermo=found["thermo"],
        )
        return sides, missing


def _start(cursor: str | None, version: str, size: int) -> tuple[int, int]:
    """Return page size and number of the first page to read."""
    if cursor is None:
        return size, 1
    found = _CURSOR.match(cursor)
    if found is None:
        raise InputError(f"{cursor!r} is no cursor of materials_project; leave it out")
    if found["version"] != version:
        _LOG.warning(
            "the Materials Project is at version %s, the last pull read %s: reading anew",
            version,
            found["version"],
        )
        return size, 1
    return int(found["size"]), max(int(found["page"]), 1)
