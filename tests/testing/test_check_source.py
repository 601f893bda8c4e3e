"""Our own sources keep the contract, and broken ones are caught in the right clause."""

import random
from dataclasses import replace
from datetime import UTC, datetime
from functools import partial
from typing import ClassVar

import httpx
import numpy as np
import pytest

from matscreen.errors import InputError, SourceError
from matscreen.sources import Failure, Page, SourceItem, open_source
from matscreen.sources.datasets import DatasetFiles
from matscreen.sources.files import FilesSource
from matscreen.sources.http import HostGates, Politeness
from matscreen.sources.optimade import OptimadeSource
from matscreen.structures import Crystal
from matscreen.testing import ContractError, check_source, sample_crystals
from matscreen.testing.sources import CLAUSES
from tests.sources.optimade_transport import BASE, Database, entry


class Deposits:
    """Six crystals on two pages, and one entry that cannot be read."""

    name = "deposits"
    page_size = 3

    def entries(self):
        """Give the entries."""
        crystals = sample_crystals()
        oxides = [name for name in crystals if name != "Cu"]
        found = [self.item(name, crystals[name]) for name in oxides]
        found.insert(2, Failure("broken.cif", "unreadable", "line 3 is no loop"))
        return found

    def item(self, name, crystal):
        """Make one item."""
        return SourceItem(
            crystal,
            self.name,
            name,
            licence="CC0-1.0",
            properties={"band_gap": 3.2},
            retrieved_at=datetime.now(UTC),
            attributes={"furnace": "small"},
        )

    def pages(self):
        """Read page by page."""
        entries = self.entries()
        for start in range(0, len(entries), self.page_size):
            batch = entries[start : start + self.page_size]
            items = tuple(each for each in batch if isinstance(each, SourceItem))
            failures = tuple(each for each in batch if isinstance(each, Failure))
            yield Page(items, failures)


class Nameless(Deposits):
    """."""

    name = " "


class Empty(Deposits):
    """."""

    def entries(self):
        return []


class Lists(Deposits):
    """."""

    def pages(self):
        """Read."""
        yield Page(list(next(super().pages()).items))


class BareItems(Deposits):
    """."""

    def pages(self):
        """Read."""
        yield from self.entries()


class Changed(Deposits):
    """A source whose items are changed before they are given."""

    changes: ClassVar[dict] = {}

    def item(self, name, crystal):
        return replace(super().item(name, crystal), **self.changes)


def changed(**changes):
    return type("Changed", (Changed,), {"changes": changes, "__doc__": "."})


class Mute(Deposits):
    """."""

    def entries(self):
        return [*super().entries()[:2], Failure("x", "Unreadable file", "no")]


class SameNames(Deposits):
    """."""

    def item(self, name, crystal):
        return replace(super().item(name, crystal), source_id=name.split()[0][-2:])


class Miscounts(Deposits):
    """."""

    def total(self):
        return 12


class StopsAtTheBadOne(Deposits):
    """."""

    def entries(self):
        return super().entries()[:3]


class SkipsTheBadOne(Deposits):
    """."""

    def entries(self):
        return [each for each in super().entries() if isinstance(each, SourceItem)]


class Shuffled(Deposits):
    """."""

    def entries(self):
        found = super().entries()
        random.shuffle(found)
        return found


class Jittered(Deposits):
    """."""

    def item(self, name, crystal):
        moved = crystal.frac_coords + 1e-9 * np.random.rand(*crystal.frac_coords.shape)
        return super().item(name, Crystal(crystal.lattice, crystal.atomic_numbers, moved))


class Once(Deposits):
    """."""

    def __init__(self):
        self.left = self.entries()

    def pages(self):
        """Read what is left."""
        while self.left:
            yield Page(tuple(e for e in self.left[:3] if isinstance(e, SourceItem)))
            self.left = self.left[3:]


class SharedPlace(Deposits):
    """."""

    def pages(self):
        """Read from the place where the object stands."""
        self.place = 0
        pages = list(super().pages())
        while self.place < len(pages):
            self.place += 1
            yield pages[self.place - 1]


class Enormous(Deposits):
    """."""

    def item(self, name, crystal):
        return super().item(
            name, Crystal(crystal.lattice * 40, crystal.atomic_numbers, crystal.frac_coords)
        )


class Seeds(Deposits):
    """."""

    def pages(self):
        """Read after setting a seed."""
        random.seed(1)
        yield from super().pages()


class Silent(Deposits):
    __doc__ = None


BROKEN = [
    (Nameless, "protocol", "its name"),
    (Empty, "pages", "no candidate"),
    (Lists, "pages", "no tuple"),
    (BareItems, "pages", "SourceItem, not a Page"),
    (changed(source="elsewhere"), "items", "from 'elsewhere', its page is from 'deposits'"),
    (changed(licence=""), "items", "licence"),
    (changed(source_id=""), "items", "source_id"),
    (changed(retrieved_at=datetime(2026, 1, 1)), "items", "without a time zone"),
    (changed(flags=("shiny: very",)), "items", "shiny"),
    (changed(properties={"gap": 1.0}), "values", "'gap'"),
    (changed(properties={"band_gap": 3200.0}), "values", "check the unit"),
    (changed(properties={"band_gap": "3.2"}), "values", "not a number"),
    (changed(properties={"band_gap": float("nan")}), "values", "band_gap"),
    (changed(evidence={"band_gap": "hearsay"}), "values", "hearsay"),
    (changed(evidence={"curie_temperature": "dft"}), "values", "no value"),
    (changed(attributes={"cell": [1, 2]}), "values", "is a list"),
    (Mute, "failures", "Unreadable file"),
    (SameNames, "accounted", "several items are called"),
    (Miscounts, "accounted", r"total\(\) says 12 entries; read are 6 items and 1 failures"),
    (StopsAtTheBadOne, "accounted", "the author says 7 entries; read are 2 items and 1"),
    (SkipsTheBadOne, "one_bad_entry", "broken.cif should have failed"),
    (Shuffled, "deterministic", "a second reading"),
    (Jittered, "deterministic", "other numbers"),
    (Once, "deterministic", "0 pages"),
    (SharedPlace, "independent_readings", "of two readings"),
    (Enormous, "stored", "the store refuses all"),
    (Seeds, "no_global_state", "`random`"),
    (Silent, "documented", "Silent has no docstring"),
]


def test_a_source_from_outside_passes():
    checked = check_source(Deposits, failing=["broken.cif"], entries=7)
    assert set(checked) == set(CLAUSES) - {"registered", "resumes"}
    assert "one_bad_entry" not in check_source(Deposits())


@pytest.mark.parametrize(("kind", "clause", "seen"), BROKEN)
def test_a_broken_source_is_caught_in_the_right_clause(kind, clause, seen):
    knows = {
        "one_bad_entry": {"failing": ["broken.cif"]},
        "accounted": {"entries": None if kind is Miscounts else 7},
    }
    with pytest.raises(ContractError, match=seen) as caught:
        check_source(kind, **knows.get(clause, {}))
    assert caught.value.clause == clause


def test_enumerated_oxides_keep_the_contract():
    assert check_source(partial(open_source, "prototypes:perovskite", max_items=10))


@pytest.fixture
def folder(tmp_path):
    """Three structure files of different kinds, one that is cut off."""
    import ase.io

    crystals = sample_crystals()
    for name, suffix in (("MgO rock salt", "cif"), ("TiO2 rutile", "vasp"), ("Cu", "extxyz")):
        ase.io.write(tmp_path / f"{name.split()[0]}.{suffix}", crystals[name].to_ase())
    (tmp_path / "Broken.cif").write_text("data_broken\n_cell_length_a 4.0\n")
    return tmp_path


def test_files_keep_the_contract(folder):
    checked = check_source(f"files:{folder}", failing=["Broken.cif"], entries=4)
    assert set(checked) == set(CLAUSES) - {"resumes"}
    assert check_source(FilesSource(folder))


def test_published_sets_keep_the_contract(folder):
    from matscreen.sources.dataset_registry import list_datasets

    dataset = next(each for each in list_datasets() if each.has_structures)
    assert check_source(DatasetFiles(dataset, folder), failing=["Broken.cif"])


def database(kind=OptimadeSource):
    """Open a database of eight entries, two a page; one of them has no positions."""
    found = [entry(f"s{index}", a, "Ti") for index, a in enumerate(("Ca", "Sr", "Ba", "Pb") * 2)]
    found[3]["attributes"]["cartesian_site_positions"] = None
    found[3]["id"] = "bad"
    client = httpx.AsyncClient(transport=httpx.MockTransport(Database(found)))
    gates = HostGates(Politeness(interval=0.0))
    return kind(BASE, client=client, gates=gates, page_limit=2)


def test_databases_keep_the_contract_and_resume():
    checked = check_source(database, failing=["bad"], entries=8)
    assert {"resumes", "one_bad_entry"} <= set(checked)


class ForgetsTheCursor(OptimadeSource):
    """."""

    def placed(self, *, cursor, since, cache):
        """Start again."""
        del cursor, since, cache
        return self


class LosesEntries(OptimadeSource):
    """."""

    def page(self, raw):
        """Convert a page, but for its last item."""
        page = super().page(raw)
        return replace(page, items=page.items[:-1])


@pytest.mark.parametrize(
    ("kind", "seen"),
    [(ForgetsTheCursor, "after page 1"), (LosesEntries, "became an item or a failure")],
)
def test_a_stream_that_does_not_resume(kind, seen):
    with pytest.raises(ContractError, match=seen) as caught:
        check_source(database(kind))
    assert caught.value.clause == "resumes"


def test_a_source_that_ends_early_breaks_the_clause_with_its_own_words():
    class Down(Deposits):
        """."""

        def pages(self):
            """Fail at once."""
            raise SourceError("the furnace is cold")
            yield

    with pytest.raises(ContractError, match="SourceError: the furnace is cold") as caught:
        check_source(Down)
    assert caught.value.clause == "pages"


def test_a_name_that_nobody_registered():
    with pytest.raises(InputError, match="unknown source"):
        check_source("no-such-source")
