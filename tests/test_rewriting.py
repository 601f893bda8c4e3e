import pyarrow as pa
import pytest
from deltalake import write_deltalake

from matscreen import rewriting, stages
from matscreen.errors import StoreError
from matscreen.rewriting import rewrite
from matscreen.store import Store


def rows(*names):
    return pa.table({"structure_id": list(names), "version": ["1"] * len(names)})


def names(store):
    return sorted(store.read("notes")["structure_id"].to_pylist())


@pytest.fixture
def store(tmp_path):
    made = Store(tmp_path)
    made.append("notes", rows("a"))
    made.append("notes", rows("a"))
    return made


def test_rows_that_another_machine_adds_meanwhile_stay(store, monkeypatch):
    taken = []

    def first_of_each(table):
        if not taken:
            write_deltalake(store.uri("notes"), rows("b"), mode="append")
        taken.append(table.num_rows)
        return stages._first_of_each(table)

    rewrite(store, "notes", first_of_each)
    assert names(store) == ["a", "b"]
    assert taken == [2, 3]


def test_repeated_descriptors_go_and_units_stay(store):
    units = pa.schema([pa.field("structure_id", pa.string()), pa.field("gap", pa.float32(),
                       metadata={"unit": "eV"})])  # fmt: skip
    table = pa.table([["a", "b"], [1.0, 2.0]], schema=units)
    store.append("descriptors_x", table)
    store.append("descriptors_x", table)
    stages._drop_repeated(store, "descriptors_x")
    found = store.read("descriptors_x")
    assert found.to_pylist() == table.to_pylist()
    assert found.schema.field("gap").metadata == {b"unit": b"eV"}
    version = store.version("descriptors_x")
    stages._drop_repeated(store, "descriptors_x")
    assert store.version("descriptors_x") == version


def test_who_loses_every_race_is_told(store, monkeypatch):
    monkeypatch.setattr(rewriting, "_ATTEMPTS", 2)

    def change(table):
        write_deltalake(store.uri("notes"), rows("b"), mode="append")
        return table

    with pytest.raises(StoreError, match="others wrote 2 times in a row"):
        rewrite(store, "notes", change)
    assert names(store) == ["a", "a", "b", "b"]
