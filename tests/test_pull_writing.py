"""What a pull writes while others write into the same store."""

import numpy as np
import pytest

from matscreen import tables
from matscreen.pull_writing import PageWriter
from matscreen.sources import Page, SourceItem
from matscreen.store import Store
from matscreen.structures import Crystal
from matscreen.table_history import commits

ROCK_SALT = np.array([[0, 0.5, 0.5], [0.5, 0, 0.5], [0.5, 0.5, 0]])


def page(metal, a):
    crystal = Crystal(a * ROCK_SALT, np.array([metal, 8]), np.array([[0, 0, 0], [0.5] * 3]))
    return Page((SourceItem(crystal, "fake", f"{metal}", None),))


def operations(store):
    return [each.operation for each in commits(store.uri("candidates"))]


@pytest.mark.parametrize("there", [True, False])
def test_a_candidate_that_another_process_stores_meanwhile_is_not_doubled(tmp_path, there):
    store = Store(tmp_path)
    if there:
        store.append("candidates", tables.SCHEMAS["candidates"].empty_table())
    writer = PageWriter(store, alone=True)
    for each in (page(12, 4.21), page(20, 4.81), page(38, 5.16)):
        prepared = writer.prepare(each, "fake")
        # As the shipped bundle does, which asks nobody for an identifier.
        rows = [{**row, "prototype": "first"} for row in prepared.changes[0].new]
        store.upsert("candidates", tables.from_rows("candidates", rows))
        prepared.store()
    ids = store.read("candidates")["structure_id"].to_pylist()
    assert len(ids) == len(set(ids)) == 3
    # What came first stands for the structure.
    assert store.read("candidates")["prototype"].to_pylist() == ["first"] * 3


def test_pages_are_appended_while_nobody_else_writes(tmp_path):
    store = Store(tmp_path)
    writer = PageWriter(store, alone=True)
    for each in (page(12, 4.21), page(20, 4.81), page(38, 5.16)):
        writer.prepare(each, "fake").store()
    assert operations(store) == ["WRITE"] * 3
