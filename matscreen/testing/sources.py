"""The contract of a source of candidates, clause by clause."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Collection, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import cached_property
from itertools import chain, islice, zip_longest
from pathlib import Path
from typing import Final, cast

from matscreen.errors import InputError
from matscreen.properties import EVIDENCE, PROPERTIES, get_property, is_physical
from matscreen.sources import Failure, Page, Source, SourceItem, open_source
from matscreen.sources.flags import FLAGS, flag_name
from matscreen.sources.streams import RawPage, Stream, Streaming, arrivals
from matscreen.structures import Crystal
from matscreen.testing.contract import (
    Clause,
    DoesNotApply,
    check_clauses,
    in_other_state,
    name_of,
    pickled,
    require,
    require_code,
    require_documented,
    require_members,
    require_same_state,
    require_text,
)


@dataclass(frozen=True, eq=False)
class SourceCase:
    """What the clauses of a source look at.

    Attributes:
        source: The source, open.
        spec: How it was asked for; None when it was given itself.
        failing: Identifiers of entries that cannot be read.
        entries: How many entries there are; None when nobody knows.
        max_pages: Pages that are read.
    """

    source: Source
    spec: str | None
    failing: Collection[str]
    entries: int | None
    max_pages: int

    @cached_property
    def pages(self) -> tuple[Page, ...]:
        """The first reading."""
        return self.read()

    @property
    def items(self) -> tuple[SourceItem, ...]:
        """All candidates of the first reading."""
        return tuple(chain.from_iterable(page.items for page in self.pages))

    @property
    def failures(self) -> tuple[Failure, ...]:
        """All failures of the first reading."""
        return tuple(chain.from_iterable(page.failures for page in self.pages))

    def read(self) -> tuple[Page, ...]:
        """Read the source from its beginning."""
        return tuple(islice(self.source.pages(), self.max_pages))


def check_source(
    source: Source | Callable[[], Source] | str,
    *,
    failing: Collection[str] = (),
    entries: int | None = None,
    max_pages: int = 20,
) -> tuple[str, ...]:
    """Check that a source keeps its contract (`matscreen.sources.Source`).

    It is read several times, so point it at something small that does not change meanwhile; the
    checks reach no network that the source itself does not reach.

    Args:
        source: The source, something that opens it, or its specification such as `files:DIR`.
        failing: Identifiers of entries that cannot be read and must become failures.
        entries: How many entries there are, the failing ones too, where the author knows.
        max_pages: Pages to read of a longer source.

    Returns:
        Names of the clauses that were checked.

    Raises:
        ContractError: A clause fails; `clause` names it and `seen` says what was seen.
        InputError: No source has this name.

    Examples:
        >>> from matscreen.sources import open_source
        >>> check_source(open_source("prototypes:perovskite", max_items=3))[:3]
        ('protocol', 'pages', 'items')
    """
    spec = source if isinstance(source, str) else None
    instance = _opened(source)
    case = SourceCase(instance, spec, failing, entries, max_pages)
    return check_clauses(f"source {name_of(instance)}", case, CLAUSES)


def registered(case: SourceCase) -> None:
    """Its name begins with that of the registry, and unknown options are an InputError."""
    if case.spec is None:
        raise DoesNotApply
    known, name = case.spec.partition(":")[0], case.source.name
    require(name == known or name.startswith(f"{known}:"), f"{known!r} opens a source {name!r}")
    try:
        open_source(case.spec, no_such_option=1)
    except InputError as error:
        require("no_such_option" in str(error), f"the error names no option: {error}")
    else:
        require(condition=False, seen="it takes an option `no_such_option` without complaint")


def protocol(case: SourceCase) -> None:
    """It has a name, which is stored with every candidate, and pages."""
    require_members(case.source, ("name", "pages"))
    require_text(case.source.name, "its name")
    require(case.source.name.strip() == case.source.name, f"its name is {case.source.name!r}")


def pages(case: SourceCase) -> None:
    """`pages` gives Page after Page; items and failures are tuples, and something is there."""
    for number, page in enumerate(case.pages, 1):
        require(isinstance(page, Page), f"page {number} is {type(page).__name__}, not a Page")
        for what, kind in (("items", SourceItem), ("failures", Failure)):
            entries = getattr(page, what)
            require(isinstance(entries, tuple), f"{what} of page {number} are no tuple")
            for entry in entries:
                seen = f"{what} of page {number} hold {type(entry).__name__}, not {kind.__name__}"
                require(isinstance(entry, kind), seen)
    require(case.items, f"it gives no candidate in {len(case.pages)} pages")


def items(case: SourceCase) -> None:
    """Every item has a crystal, an identifier, the name of its source, and an honest licence."""
    for page in case.pages:
        for item in page.items:
            who = f"item {item.source_id!r}"
            require_text(item.source_id, "a source_id")
            kind = type(item.crystal).__name__
            require(isinstance(item.crystal, Crystal), f"the crystal of {who} is {kind}")
            expected = page.source or case.source.name
            seen = f"{who} says it is from {item.source!r}, its page is from {expected!r}"
            require(item.source == expected, seen)
            for what in ("licence", "prototype", "method"):
                value = getattr(item, what)
                if value is not None:
                    require_text(value, f"the {what} of {who}")
            moment = item.retrieved_at
            known = moment is None or moment.tzinfo is not None
            require(known, f"{who} was retrieved at {moment}, without a time zone")
            for text in item.flags:
                seen = f"{who} has the flag {text!r}; known: {', '.join(FLAGS)}"
                require(flag_name(text) in FLAGS, seen)


def values(case: SourceCase) -> None:
    """Properties are of the registry, in its units and bounds; other facts are attributes."""
    for item in case.items:
        who = f"item {item.source_id!r}"
        for name, value in item.properties.items():
            known = f"{who} has a property {name!r}; known: {', '.join(PROPERTIES)}"
            require(name in PROPERTIES, known)
            entry = get_property(name)
            number = isinstance(value, float | int) and not isinstance(value, bool)
            require(number, f"{name} of {who} is {value!r}, not a number")
            bounds = f"{entry.lower:g} to {entry.upper:g} {entry.unit}"
            seen = f"{name} of {who} is {value:g}; physical is {bounds}: check the unit"
            require(is_physical(name, value), seen)
        for name, kind in item.evidence.items():
            seen = f"{who} gives evidence of {name}, but no value"
            require(name in item.properties, seen)
            seen = f"evidence of {name} of {who} is {kind!r}; known: {', '.join(EVIDENCE)}"
            require(kind in EVIDENCE, seen)
        for name, fact in item.attributes.items():
            require_text(name, f"an attribute of {who}")
            kind = type(fact).__name__
            require(isinstance(fact, float | int | str), f"{name} of {who} is a {kind}")


def failures(case: SourceCase) -> None:
    """A failure has the identifier of its entry, a stable reason, and a sentence for people."""
    for failure in case.failures:
        require_text(failure.source_id, "the source_id of a failure")
        require_code(failure.reason, f"the reason of failure {failure.source_id!r}")
        require_text(failure.detail, f"the detail of failure {failure.source_id!r}")


def accounted(case: SourceCase) -> None:
    """Every entry is one item or one failure, none is lost behind a bad one; names are unique."""
    ids = [item.source_id for item in case.items]
    twice = sorted({name for name in ids if ids.count(name) > 1})
    require(not twice, f"several items are called {', '.join(twice[:3])}")
    count = getattr(case.source, "total", None)
    claims = {
        "the author says": case.entries,
        "total() says": count() if count is not None else None,
    }
    for who, claimed in claims.items():
        if claimed is not None and len(case.pages) < case.max_pages:
            seen = f"{who} {claimed} entries; read are {len(ids)} items and {len(case.failures)}"
            require(claimed == len(ids) + len(case.failures), f"{seen} failures")


def one_bad_entry(case: SourceCase) -> None:
    """An entry that cannot be read is a failure; it is not passed over in silence."""
    if not case.failing:
        raise DoesNotApply
    failed = {failure.source_id for failure in case.failures}
    lost = sorted(set(case.failing) - failed)
    require(not lost, f"{', '.join(lost)} should have failed; failed: {', '.join(sorted(failed))}")


def deterministic(case: SourceCase) -> None:
    """Reading again gives the same entries in the same order on the same pages."""
    _require_same(case.pages, in_other_state(case.read), "a second reading")


def independent_readings(case: SourceCase) -> None:
    """Two readings at the same time do not disturb each other; one may be given up half-way."""
    given_up = iter(case.source.pages())
    next(given_up, None)
    one, two = case.source.pages(), case.source.pages()
    pairs = list(islice(zip_longest(one, two), case.max_pages))
    for which, name in ((0, "the first of two readings"), (1, "the second of two readings")):
        found = tuple(pair[which] for pair in pairs if pair[which] is not None)
        _require_same(case.pages, found, name)


def resumes(case: SourceCase) -> None:
    """A stream placed at the cursor of a page goes on after it, and is not changed by that."""
    if not isinstance(case.source, Streaming):
        raise DoesNotApply
    for stream in case.source.streams():
        raws = _raw_pages(stream, case.max_pages)
        whole = tuple(stream.page(raw) for raw in raws)
        for raw, page in zip(raws, whole, strict=True):
            count = len(page.items) + len(page.failures)
            seen = f"page {raw.number} of {stream.label} has {len(raw.entries)} entries, {count}"
            require(count == len(raw.entries), f"{seen} of them became an item or a failure")
        for place, raw in enumerate(raws[:-1]):
            require(raw.following, f"page {raw.number} of {stream.label} has no cursor to go on")
            placed = stream.placed(cursor=raw.following, since=None, cache=None)
            require(placed.query == stream.query, "a stream that goes on is another query")
            rest = tuple(placed.page(each) for each in _raw_pages(placed, case.max_pages))
            _require_same(whole[place + 1 :], rest, f"{stream.label} after page {raw.number}")
        again = tuple(stream.page(raw) for raw in _raw_pages(stream, case.max_pages))
        _require_same(whole, again, f"{stream.label} after it was placed elsewhere")


def stored(case: SourceCase) -> None:
    """`pull` keeps its candidates, and pulling the same entries again adds none."""
    from matscreen.pulling import pull_each
    from matscreen.store import Store

    with tempfile.TemporaryDirectory() as folder:
        store = Store(Path(folder) / "store")
        replayed = _Replay(case.source.name, case.pages)
        [first] = pull_each(store, replayed)
        require(first.error is None, f"the pull ended early: {first.error}")
        seen = f"the store refuses all {first.entries} entries"
        if first.failed == first.entries:
            reasons = sorted(set(store.read("failures")["reason"].to_pylist()))
            require(condition=False, seen=f"{seen}: {', '.join(reasons)}")
        [second] = pull_each(store, replayed)
        require(second.new == 0, f"pulled again, {second.new} of {second.entries} are new")


def pickles(case: SourceCase) -> None:
    """Its pages pass through pickle, for pools of processes."""
    _require_same(case.pages, pickled(case.pages, "a page"), "the pickled reading")


def no_global_state(case: SourceCase) -> None:
    """Reading changes nothing outside: environment, folder, random generators, numpy."""
    require_same_state(case.read)


def documented(case: SourceCase) -> None:
    """Its class and `pages` have docstrings: what it reads, and the reasons of its failures."""
    require_documented(case.source, "pages")


CLAUSES: Final[Mapping[str, Clause[SourceCase]]] = {
    clause.__name__: clause
    for clause in (
        registered,
        protocol,
        pages,
        items,
        values,
        failures,
        accounted,
        one_bad_entry,
        deterministic,
        independent_readings,
        resumes,
        stored,
        pickles,
        no_global_state,
        documented,
    )
}
"""The clauses, by name, in the order in which they are checked."""


@dataclass
class _Replay:
    """A source that gives pages which were read before."""

    name: str
    read: tuple[Page, ...]

    def pages(self) -> Iterator[Page]:
        yield from self.read


def _opened(source: Source | Callable[[], Source] | str) -> Source:
    if isinstance(source, str):
        return open_source(source)
    if hasattr(source, "pages") and not isinstance(source, type):
        return cast(Source, source)
    return cast(Callable[[], Source], source)()


def _raw_pages(stream: Stream, most: int) -> list[RawPage]:
    found = []
    for arrival in arrivals([stream]):
        if arrival.error is not None:
            raise arrival.error
        if arrival.raw is not None:
            found.append(arrival.raw)
        if len(found) == most:
            break
    return found


def _require_same(pages: tuple[Page, ...], others: tuple[Page, ...], name: str) -> None:
    for number, (page, other) in enumerate(zip(pages, others, strict=False), 1):
        for one, two in zip_longest(page.items, other.items):
            _require_same_item(one, two, f"page {number} of {name}")
        left = [(each.source_id, each.reason) for each in page.failures]
        right = [(each.source_id, each.reason) for each in other.failures]
        require(left == right, f"page {number} of {name} fails {right}, it was {left}")
    seen = f"{name} has {len(others)} pages, the first reading {len(pages)}"
    require(len(pages) == len(others), seen)


def _require_same_item(one: SourceItem | None, two: SourceItem | None, where: str) -> None:
    ids = [None if each is None else each.source_id for each in (one, two)]
    require(ids[0] == ids[1], f"{where} has {ids[1]!r} where the first reading has {ids[0]!r}")
    assert one is not None  # for the type checker: the two identifiers are equal
    assert two is not None
    same = one.crystal.content_hash == two.crystal.content_hash
    require(same, f"{where}: the crystal of {one.source_id!r} has other numbers")
    # The moment of retrieval is the only thing that may differ.
    plain = replace(one, crystal=two.crystal, retrieved_at=two.retrieved_at)
    require(plain == two, f"{where}: {one.source_id!r} has other properties or facts")
