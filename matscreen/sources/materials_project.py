"""The source `materials_project`: the Materials Project through its own client, page by page.

Jain et al. 2013, APL Mater. 1, 011002, describe the database. The client is an optional package
(extra `mp`), and the database asks for a key; see `materials_project_key`.
"""

from __future__ import annotations

import logging
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field, replace
from datetime import UTC, datetime
from importlib.util import find_spec
from typing import Any, ClassVar, Final, Literal, get_args

from matscreen.errors import InputError, MissingDependencyError, SourceError, StructureError
from matscreen.sources import materials_project_client as client
from matscreen.sources.base import Failure, Page, SourceItem
from matscreen.sources.materials_project_documents import (
    SIDE_FIELDS,
    SUMMARY_FIELDS,
    Sides,
    by_material,
    has_property,
    material_id,
    to_item,
)
from matscreen.sources.materials_project_key import require_key
from matscreen.sources.suitability import MAX_SITES

Kind = Literal["perovskites", "oxides"]

PAGE: Final = 256
"""Documents a page: halved down to one document where the server stumbles over one of them."""

_MOST_POISONED: Final = 16
_GNOME: Final = "gnome_r2scan_statics"
_CURSOR = re.compile(r"^(?P<version>[^;]*);(?P<size>\d{1,4});(?P<page>\d{1,7})$")
_LOG = logging.getLogger(__name__)


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
    of one version of the database, and a new version is read from its beginning. Where the server
    fails over a page, the page is halved until the documents that it fails over stand alone: each
    is a failure, the others arrive. Another endpoint that fails costs its values on that page,
    which is a failure of its own beside those of the entries (`dielectric, page 3`).

    Attributes:
        query: What is asked.
        client: The client; one with the user's key by default.
        page_limit: Documents a page, a power of two.
        max_items: Stop after this many items.
        cursor: `Page.cursor` of an earlier run, to go on after that page.
    """

    name: ClassVar[str] = "materials_project"

    client: client.Client
    query: Query = field(default_factory=Query)
    page_limit: int = PAGE
    max_items: int | None = None
    cursor: str | None = None

    def total(self) -> int:
        """Return how many documents the database holds for the query.

        Raises:
            InputError: The key or the query is refused.
            SourceError: The database cannot be reached.
        """
        return self.client.count(self.query.criteria())

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
        version = self.client.database_version()
        size, page = self._start(version)
        total = self.total()
        seen: set[str] = set()
        taken = 0
        while (page - 1) * size < total:
            found = self._read(page, size, min(size, total - (page - 1) * size), seen)
            last = page * size >= total
            room = len(found.items) if self.max_items is None else self.max_items - taken
            if room < len(found.items):
                # The rest of the page is not lost: resuming reads this page again.
                yield replace(found, items=found.items[:room], cursor=f"{version};{size};{page}")
                return
            taken += len(found.items)
            page += 1
            yield replace(found, cursor=None if last else f"{version};{size};{page}")
            if taken == self.max_items:
                return

    def _start(self, version: str) -> tuple[int, int]:
        """Return page size and number of the first page to read."""
        if self.cursor is None:
            return self.page_limit, 1
        found = _CURSOR.match(self.cursor)
        if found is None:
            raise InputError(f"{self.cursor!r} is no cursor of {self.name}; leave it out")
        if found["version"] != version:
            _LOG.warning(
                "the Materials Project is at version %s, the last pull read %s: reading anew",
                version,
                found["version"],
            )
            return self.page_limit, 1
        return int(found["size"]), max(int(found["page"]), 1)

    def _read(self, page: int, size: int, expected: int, seen: set[str]) -> Page:
        documents, failures = self._documents(page, size)
        if len(documents) + len(failures) < expected:
            raise SourceError(
                f"page {page} of the Materials Project holds "
                f"{len(documents) + len(failures)} documents instead of {expected}: nothing of it "
                "was taken; run the pull again"
            )
        sides, missing = self._sides(documents, page)
        failures += missing
        now = datetime.now(UTC)
        items: list[SourceItem] = []
        for index, document in enumerate(documents):
            name = material_id(document)
            shown = name or f"page {page} of {size}, document {index}"
            if name in seen:
                failures.append(Failure(shown, "duplicate_id", "the server sent this id before"))
                continue
            seen.add(shown)
            try:
                items.append(to_item(document, sides, source=self.name, now=now))
            except StructureError as error:
                failures.append(Failure(shown, error.reason, error.detail))
            except (TypeError, ValueError, OverflowError, KeyError, AttributeError) as error:
                failures.append(Failure(shown, "malformed", f"{type(error).__name__}: {error}"))
        return Page(tuple(items), tuple(failures))

    def _documents(self, page: int, size: int) -> tuple[list[Any], list[Failure]]:
        """Read a page; what the server cannot give of it are failures."""
        failures: list[Failure] = []
        documents: list[Any] = []
        waiting = [(page, size)]
        while waiting:
            number, length = waiting.pop()
            try:
                documents += self.client.summaries(
                    self.query.search(), SUMMARY_FIELDS, page=number, size=length
                )
            except client.TroubleError as error:
                if len(failures) >= _MOST_POISONED:
                    raise
                self.total()  # a server that does not even count is down: that ends the reading
                if length == 1:
                    place = f"document {number} in the order of ids"
                    failures.append(Failure(place, "server_error", str(error)[:300]))
                else:
                    waiting += [(2 * number, length // 2), (2 * number - 1, length // 2)]
        return documents, failures

    def _sides(self, documents: Sequence[Any], page: int) -> tuple[Sides, list[Failure]]:
        """Ask the other endpoints about the materials of a page."""
        summaries = {name: one for one in documents if (name := material_id(one)) is not None}
        found: dict[str, dict[str, tuple[Any, ...]]] = {}
        failures = []
        for route, fields in SIDE_FIELDS.items():
            asked = [
                name
                for name, one in summaries.items()
                if route == "thermo" or has_property(one, route)
            ]
            try:
                answer = self.client.side_data(route, asked, fields) if asked else []
            except (client.TroubleError, InputError) as error:
                failures.append(
                    Failure(f"{route}, page {page}", "endpoint_failed", str(error)[:300])
                )
                answer = []
            found[route] = by_material(answer)
        return (
            Sides(
                dielectric={name: rows[0] for name, rows in found["dielectric"].items()},
                piezoelectric={name: rows[0] for name, rows in found["piezoelectric"].items()},
                thermo=found["thermo"],
            ),
            failures,
        )


def open_materials_project(
    target: str | None = None,
    *,
    elements: str | Sequence[str] = (),
    exclude_elements: str | Sequence[str] = (),
    max_hull: float | None = None,
    max_sites: int = MAX_SITES,
    include_gnome: bool = False,
    page_limit: int = PAGE,
    max_items: int | None = None,
    cursor: str | None = None,
    patience: client.Patience | None = None,
) -> MaterialsProjectSource:
    """Open `materials_project`, `materials_project:perovskites` or `materials_project:oxides`.

    Args:
        target: Kind of compound; perovskites by default.
        elements: Elements that must be there, a list or `Ti,Ba`.
        exclude_elements: Elements that must not be there.
        max_hull: Largest energy above the hull, eV/atom.
        max_sites: Largest cell, in sites.
        include_gnome: Whether the compounds of GNoME come too (licence CC-BY-NC-4.0).
        page_limit: Documents a page; the next lower power of two is taken, 512 at most.
        max_items: Stop after this many items.
        cursor: `Page.cursor` of an earlier run.
        patience: How long to insist on an answer.

    Raises:
        InputError: No key is set, or an option is out of range.
        MissingDependencyError: mp-api is not installed.
    """
    kind = target or "perovskites"
    if kind not in get_args(Kind):
        raise InputError(
            f"materials_project:{kind} is not known; take {' or '.join(get_args(Kind))}"
        )
    if max_hull is not None and not 0 <= max_hull < 10:
        raise InputError(f"max_hull is {max_hull} eV/atom; it lies from 0 to 10")
    for name, value in (("max_sites", max_sites), ("page_limit", page_limit)):
        if value < 1:
            raise InputError(f"{name} is {value}, it must be at least 1")
    if max_items is not None and max_items < 1:
        raise InputError(f"max_items is {max_items}, it must be at least 1")
    query = Query(
        kind="oxides" if kind == "oxides" else "perovskites",
        elements=_elements(elements),
        exclude_elements=_elements(exclude_elements),
        max_hull=max_hull,
        max_sites=max_sites,
        include_gnome=include_gnome,
    )
    if find_spec("mp_api") is None:
        raise MissingDependencyError("mp-api", "mp")
    asker = client.Client(
        require_key(), client.endpoint(), patience if patience is not None else client.Patience()
    )
    power = 1 << (min(page_limit, 512).bit_length() - 1)
    return MaterialsProjectSource(asker, query, power, max_items, cursor)


def _elements(given: str | Sequence[str]) -> tuple[str, ...]:
    from pymatgen.core import Element

    symbols = re.split(r"[\s,]+", given.strip()) if isinstance(given, str) else list(given)
    symbols = [symbol for symbol in symbols if symbol]
    wrong = [symbol for symbol in symbols if not Element.is_valid_symbol(symbol)]
    if wrong:
        raise InputError(f"{', '.join(map(repr, wrong))} is no element")
    return tuple(symbols)
