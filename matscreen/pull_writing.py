"""Write pages into the store: new rows are appended, changed ones merged, known ones left alone.

A merge reads and rewrites a table, an append does not. The keys of what is stored are read once,
so that most rows of a page are known to be new.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from contextlib import ExitStack, contextmanager
from dataclasses import dataclass, field, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

from matscreen import tables
from matscreen.appending import Appender
from matscreen.errors import StoreError, StructureError
from matscreen.file_lock import lock
from matscreen.identity import Identity
from matscreen.leaders import open_registry
from matscreen.shipped import unique_rows

if TYPE_CHECKING:
    from matscreen.sources import Page, SourceItem
    from matscreen.sources.ordering import OrderingLimits
    from matscreen.store import Store

_LOCK_SECONDS: Final = 600.0
_Row = dict[str, Any]
_Key = tuple[Any, ...]


@contextmanager
def only_writer(store: Store, *, patience: float = _LOCK_SECONDS) -> Iterator[bool]:
    """Be the only process that pulls into a store; yield False where that cannot be known.

    Two pulls at once would each take a crystal for new. The second waits for the first.

    Raises:
        StoreError: Another pull is still at work after `patience` seconds.
    """
    with ExitStack() as stack:
        known = False
        if "://" not in store.root:
            try:
                known = stack.enter_context(
                    lock(Path(store.root) / "_pull.lock", patience=patience)
                )
            except TimeoutError:
                raise StoreError(
                    f"another pull has been writing into {store.root} for {patience:.0f} s; "
                    "wait for it, or pull into another store"
                ) from None
        yield known


@dataclass(frozen=True)
class Change:
    """Rows of one table that wait to be written.

    Attributes:
        table: The table.
        new: Rows to append.
        changed: Rows to merge.
        gone: Rows to remove.
    """

    table: KeyedTable
    new: Sequence[_Row] = ()
    changed: Sequence[_Row] = ()
    gone: Sequence[_Row] = ()

    def commit(self) -> None:
        """Write them."""
        store, name = self.table.store, self.table.name
        if self.gone:
            store.remove(name, tables.from_rows(name, self.gone))
        if self.new:
            add = self.table.appender.add if self.table.shared else self.table.appender.append
            add(tables.from_rows(name, self.new))
        if self.changed:
            store.upsert(name, tables.from_rows(name, self.changed))


@dataclass
class KeyedTable:
    """One table whose keys, as far as they matter here, are known.

    Attributes:
        store: The store.
        name: The table.
        compared: Columns in which a row must differ to be written again.
        alone: Nobody else pulls, so that a row of unknown key can be appended.
        shared: Others may write the same rows all the same, without a pull.
        appender: What adds rows.
    """

    store: Store
    name: str
    compared: tuple[str, ...]
    alone: bool
    shared: bool = False
    appender: Appender = field(init=False)
    _known: dict[_Key, _Key] = field(default_factory=dict)
    _learned: set[str] = field(default_factory=set)

    def __post_init__(self) -> None:
        since = self.store.version(self.name) if self.shared else None
        self.appender = Appender(self.store, self.name, since=since)

    def learn(self, column: str, value: str) -> None:
        """Read the keys of the stored rows that have a value in a column, once."""
        if value in self._learned:
            return
        self._learned.add(value)
        import pyarrow.compute as pc

        columns = [*tables.KEYS[self.name], *self.compared]
        stored = self.store.read(self.name, columns)
        for row in stored.filter(pc.equal(stored[column], value)).to_pylist():
            self._known[self._key(row)] = self._value(row)

    def knows(self, row: _Row) -> bool:
        """Say whether a row of the same key is stored."""
        return self._key(row) in self._known

    def write(self, rows: Sequence[_Row]) -> None:
        """Write the rows that are new or changed; of rows with one key the last one counts."""
        self.changed_by(rows).commit()

    def remove(self, rows: Sequence[_Row]) -> None:
        """Remove the rows of these keys that are known to be stored."""
        self.without(rows).commit()

    def changed_by(self, rows: Sequence[_Row]) -> Change:
        """Say what `write` would write, and count it as stored from now on."""
        new, changed = [], []
        for row in unique_rows(self.name, rows):
            known = self._known.get(self._key(row))
            if known is None:
                new.append(row)
            elif known != self._value(row):
                changed.append(row)
        for row in (*new, *changed):
            self._known[self._key(row)] = self._value(row)
        if not self.alone:
            new, changed = [], [*new, *changed]
        return Change(self, new=new, changed=changed)

    def without(self, rows: Sequence[_Row]) -> Change:
        """Say what `remove` would remove, and count it as gone from now on."""
        gone = [row for row in unique_rows(self.name, rows) if self.knows(row)]
        for row in gone:
            del self._known[self._key(row)]
        return Change(self, gone=gone)

    def _key(self, row: _Row) -> _Key:
        return tuple(row.get(name) for name in tables.KEYS[self.name])

    def _value(self, row: _Row) -> _Key:
        return tuple(row.get(name) for name in self.compared)


@dataclass(frozen=True)
class Outcome:
    """What became of the entries of a page; each is counted once.

    Attributes:
        ids: Structures of its suitable entries, in their order, repeats included.
        new: Structures that the store did not have.
        duplicates: Entries that are a structure the store had, from another entry.
        unchanged: Entries that had been read before.
        failed: Entries that became failures.
    """

    ids: tuple[str, ...]
    new: int
    duplicates: int
    unchanged: int
    failed: int


@dataclass(frozen=True)
class PreparedPage:
    """A page whose rows wait to be written.

    Attributes:
        outcome: What becomes of its entries.
        changes: What to write, in this order.
    """

    outcome: Outcome
    changes: tuple[Change, ...]

    def store(self) -> None:
        """Write it; this may happen in another thread, in the order of the pages."""
        for change in self.changes:
            change.commit()


@dataclass
class PageWriter:
    """Turns the items of pages into rows of the store.

    Attributes:
        store: The store.
        alone: Nobody else pulls into it.
        ordering: Which disordered crystals are small enough to be ordered; None orders none.
    """

    store: Store
    alone: bool
    ordering: OrderingLimits | None = None

    def __post_init__(self) -> None:
        def table(name: str, *compared: str) -> KeyedTable:
            return KeyedTable(self.store, name, compared, self.alone)

        # Before the registry reads what is there. The bundle and simulations bring candidates too.
        self._candidates = KeyedTable(self.store, "candidates", (), self.alone, shared=True)
        self._registry = open_registry(self.store)
        self._provenance = table("provenance", "licence")
        self._labels = table("labels", "value", "unit", "evidence")
        self._failures = table("failures", "reason", "detail")
        self._new: set[str] = set()

    def prepare(self, page: Page, source: str) -> PreparedPage:
        """Make the rows of a page: candidates, provenance, labels, failures.

        The rows of a page count as stored for those that are prepared after it.

        Args:
            page: The page.
            source: What its failures are filed under.
        """
        self._failures.learn("stage", "pull")
        if self.ordering is not None:
            from matscreen.sources.ordering import order_page

            page = order_page(page, self.ordering, source)
        failures = {failure_id(source, f.source_id): (f.reason, f.detail) for f in page.failures}
        candidates: dict[str, _Row] = {}
        provenance: list[_Row] = []
        labels: list[_Row] = []
        ids: list[str] = []
        healed: list[_Row] = []
        unchanged = 0
        for item, identity in self._identified(page.items):
            # A person looks for the file, not for the number that it carries inside.
            place = failure_id(source, str(item.attributes.get("path", item.source_id)))
            if isinstance(identity, StructureError):
                failures[place] = identity.reason, identity.detail
                continue
            healed.append({"structure_id": place, "stage": "pull"})
            ids.append(identity.structure_id)
            if identity.is_new:
                candidates[identity.structure_id] = tables.candidate_row(
                    item.crystal,
                    structure_id=identity.structure_id,
                    spacegroup=identity.spacegroup,
                    prototype=item.prototype,
                    material_id=identity.material_id,
                    flags=item.flags,
                )
            origin = {
                "structure_id": identity.structure_id,
                "source": item.source,
                "source_id": item.source_id,
                "retrieved_at": item.retrieved_at,
                "licence": item.licence,
            }
            self._provenance.learn("source", item.source)
            unchanged += self._provenance.knows(origin)
            provenance.append(origin)
            labels += _provider_labels(identity.structure_id, item)
        for method in {row["method"] for row in labels}:
            self._labels.learn("method", method)
        self._new.update(candidates)
        changes = (
            self._candidates.changed_by(list(candidates.values())),
            self._provenance.changed_by(provenance),
            self._labels.changed_by(labels),
            self._failures.without([row for row in healed if row["structure_id"] not in failures]),
            self._failures.changed_by(
                [tables.failure_row(name, "pull", *why) for name, why in failures.items()]
            ),
        )
        failed = len(page.items) + len(page.failures) - len(ids)
        duplicates = len(ids) - len(candidates) - unchanged
        outcome = Outcome(tuple(ids), len(candidates), duplicates, unchanged, failed)
        return PreparedPage(outcome, changes)

    def link_hydrogen_variants(self) -> None:
        """Flag new candidates that equal another but for hydrogen, and those others."""
        from matscreen.sources.hydrogen import hydrogen_pairs, hydrogen_variants, with_variants

        if not self._new:
            return
        stored = self.store.read("candidates", ["structure_id", "formula"])
        names, formulas = (stored[name].to_pylist() for name in ("structure_id", "formula"))
        if not hydrogen_pairs(names, formulas, self._new):
            return
        candidates = self.store.read("candidates")
        rows = with_variants(candidates, hydrogen_variants(candidates, self._new))
        self.store.upsert("candidates", rows)

    def fail(self, name: str, reason: str, detail: str) -> None:
        """File the failure of a whole source."""
        self._failures.learn("stage", "pull")
        self._failures.write([tables.failure_row(name, "pull", reason, detail)])

    def succeed(self, name: str) -> None:
        """Take back the failure of a whole source that has been read to its end since."""
        self._failures.learn("stage", "pull")
        self._failures.remove([{"structure_id": name, "stage": "pull"}])

    def _identified(
        self, items: Sequence[SourceItem]
    ) -> Iterator[tuple[SourceItem, Identity | StructureError]]:
        """Clean the crystals of a page together, and give those that are kept their identifiers."""
        from matscreen.sources.cleaning import clean

        verdicts = clean([item.crystal for item in items])
        kept = [verdict.crystal for verdict in verdicts if not isinstance(verdict, StructureError)]
        identities = iter(self._registry.assign_batch(kept))
        for item, verdict in zip(items, verdicts, strict=True):
            if isinstance(verdict, StructureError):
                yield item, verdict
                continue
            flags = (*item.flags, *verdict.flags)
            yield replace(item, crystal=verdict.crystal, flags=flags), next(identities)


def failure_id(source: str, source_id: str) -> str:
    """Return what stands for the structure id of an entry that never became a structure."""
    return f"{source}:{source_id}"


def _provider_labels(structure_id: str, item: SourceItem) -> list[_Row]:
    from matscreen.properties import get_property, is_physical

    return [
        {
            "structure_id": structure_id,
            "property": name,
            "value": float(value),
            "unit": get_property(name).unit,
            "evidence": item.evidence.get(name, "dft"),
            "method": item.method or f"provider:{item.source}",
            "version": "",
        }
        for name, value in item.properties.items()
        if is_physical(name, float(value))
    ]
