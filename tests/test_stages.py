from collections.abc import Iterator

import numpy as np
import pytest

from matscreen import stages
from matscreen.errors import InputError, MissingDependencyError, StructureError
from matscreen.sources import Failure, Page, SourceItem
from matscreen.store import Store
from matscreen.structures import Crystal

ROCK_SALT = np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])


def rock_salt(metal: int, anion: int, a: float) -> Crystal:
    return Crystal(a * ROCK_SALT, np.array([metal, anion]), np.array([[0, 0, 0], [0.5] * 3]))


class FakeSource:
    """Three entries on two pages: an oxide, the same oxide again, a fluoride; one is broken."""

    name = "fake"

    def pages(self) -> Iterator[Page]:
        shifted = rock_salt(12, 8, 4.21)
        moved = Crystal(shifted.lattice, shifted.atomic_numbers, shifted.frac_coords + 0.3)
        yield Page(
            (
                SourceItem(
                    rock_salt(12, 8, 4.21), "fake", "a", "CC0-1.0", properties={"band_gap": 4.5}
                ),
                SourceItem(moved, "fake", "b", None),
            ),
            (Failure("broken", "unreadable", "line 3"),),
        )
        yield Page((SourceItem(rock_salt(3, 9, 4.03), "fake", "c", None),))


class DyingSource(FakeSource):
    """Its connection is lost after the first page."""

    def pages(self) -> Iterator[Page]:
        yield next(super().pages())
        raise ConnectionError("gone")


def test_every_entry_is_a_candidate_a_duplicate_or_a_failure(tmp_path):
    store = Store(tmp_path)
    pulled = stages.pull(store, FakeSource())
    assert (pulled.seen, len(pulled.ids), pulled.duplicates, pulled.failed) == (4, 1, 1, 2)
    assert store.read("candidates")["formula"].to_pylist() == ["MgO"]
    assert sorted(store.read("provenance")["source_id"].to_pylist()) == ["a", "b"]
    reasons = {r["structure_id"]: r["reason"] for r in store.read("failures").to_pylist()}
    assert reasons == {"fake:broken": "unreadable", "fake:c": "no_oxygen"}


def test_values_of_the_provider_become_dft_labels(tmp_path):
    store = Store(tmp_path)
    stages.pull(store, FakeSource())
    (label,) = store.read("labels").to_pylist()
    assert (label["property"], label["value"], label["evidence"]) == ("band_gap", 4.5, "dft")


def test_pulling_again_changes_nothing(tmp_path):
    store = Store(tmp_path)
    first = stages.pull(store, FakeSource())
    again = stages.pull(store, FakeSource())
    assert again.ids == first.ids
    for table in ("candidates", "provenance", "labels", "failures"):
        keys = store.read(table).num_rows
        assert keys == {"candidates": 1, "provenance": 2, "labels": 1, "failures": 2}[table]


def test_a_page_is_saved_before_the_next_is_asked_for(tmp_path):
    store = Store(tmp_path)
    with pytest.raises(ConnectionError):
        stages.pull(store, DyingSource())
    assert store.read("candidates").num_rows == 1


def test_only_missing_descriptors_are_computed(tmp_path):
    store = Store(tmp_path)
    stages.pull(store, FakeSource())
    assert stages.describe(store, "fast") == 1
    assert stages.describe(store, "fast") == 0


@pytest.mark.parametrize(
    ("error", "reason"),
    [
        (StructureError("no_oxygen", "no oxygen"), "no_oxygen"),
        (InputError("a setting"), "failed"),
        (ZeroDivisionError("in the potential"), "unexpected"),
    ],
)
def test_whatever_a_simulation_meets_is_a_failure_of_its_structure(
    tmp_path, monkeypatch, error, reason
):
    class Broken:
        version = "1"

        def run(self, crystal, potential):
            raise error

    monkeypatch.setattr("matscreen.simulations.base.get_simulation", lambda _name: Broken())
    store = Store(tmp_path)
    (name,) = stages.pull(store, FakeSource()).ids
    assert stages.simulate(store, "relaxation", [name], "emt") == 0
    rows = {row["structure_id"]: row for row in store.read("failures").to_pylist()}
    assert (rows[name]["stage"], rows[name]["reason"]) == ("relaxation", reason)


def test_a_missing_library_is_no_fault_of_the_structure(tmp_path, monkeypatch):
    class Lacking:
        version = "1"

        def run(self, crystal, potential):
            raise MissingDependencyError("sevenn", "simulate")

    monkeypatch.setattr("matscreen.simulations.base.get_simulation", lambda _name: Lacking())
    store = Store(tmp_path)
    (name,) = stages.pull(store, FakeSource()).ids
    with pytest.raises(MissingDependencyError):
        stages.simulate(store, "relaxation", [name], "emt")


def test_structures_described_twice_at_once_keep_one_row(tmp_path):
    import pyarrow as pa

    store = Store(tmp_path / "twice")
    rows = pa.table({"structure_id": ["a", "b"], "version": ["1", "1"], "x": [1.0, 2.0]})
    store.append("descriptors_fast", rows)
    store.append("descriptors_fast", rows.slice(0, 1))
    stages._drop_repeated(store, "descriptors_fast")
    assert store.read("descriptors_fast")["structure_id"].to_pylist() == ["a", "b"]
