"""Which failures belong to what was pulled."""

from __future__ import annotations

import pytest

from matscreen import tables
from matscreen.gathering import relevant_failures
from matscreen.shipped import Pulled
from matscreen.store import Store


@pytest.fixture
def store(tmp_path):
    rows = [
        tables.failure_row("files:broken.cif", "pull", "unreadable", "the file lists no atoms"),
        tables.failure_row("0123456789abcdef", "elastic", "elastically_unstable", "C44 < 0"),
        tables.failure_row("model:band_gap", "train", "no_labels", "none"),
    ]
    made = Store(tmp_path / "store")
    made.upsert("failures", tables.from_rows("failures", rows))
    return made


@pytest.mark.parametrize(
    ("specs", "found"),
    [
        (["bundle", "known"], {"0123456789abcdef", "model:band_gap"}),
        (["known"], {"model:band_gap"}),
        (["files:other"], {"files:broken.cif", "model:band_gap"}),
        (["bundle", "store"], {"files:broken.cif", "0123456789abcdef", "model:band_gap"}),
    ],
)
def test_an_entry_of_another_source_is_no_failure_of_this_screen(store, specs, found):
    pulled = [Pulled(spec, (), 1, 0, 0) for spec in specs]
    assert set(relevant_failures(store, pulled)["structure_id"]) == found
