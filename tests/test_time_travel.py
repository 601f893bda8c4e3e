"""A past ranking made again: the tables of then, bit for bit, or a clear word why not."""

from __future__ import annotations

import json
import shutil
from datetime import UTC, datetime, timedelta

import pandas as pd
import pyarrow as pa
import pyarrow.compute as pc
import pytest
from typer.testing import CliRunner

from matscreen import screening, stages, tables
from matscreen.cli import app
from matscreen.config import load_screen
from matscreen.errors import InputError, StoreError
from matscreen.exports import write_csv, write_parquet
from matscreen.maintenance import compact
from matscreen.power import Ledger
from matscreen.ranking_record import read_record
from matscreen.store import Store
from matscreen.time_travel import differing_rows, rank_again, record_at, record_of

SOME = 40


@pytest.fixture(scope="module")
def filled(tmp_path_factory):
    """Return a store of some of the bundle with a prediction for each candidate, made once."""
    whole = Store(tmp_path_factory.mktemp("whole") / "store")
    store = Store(tmp_path_factory.mktemp("filled") / "store")
    some = stages.load_bundle(whole).ids[:SOME]
    for name in ("candidates", "provenance", "labels"):
        table = whole.read(name)
        mine = pc.is_in(table["structure_id"], value_set=pa.array(some))
        store.append(name, table.filter(mine))
    store.append("failures", tables.SCHEMAS["failures"].empty_table())
    rows = [
        {"structure_id": name, "property": "well_depth", "mean": 0.1 + 0.001 * n, "std": 0.05}
        | {"lower": 0.01, "upper": 1.0, "in_domain": True, "model_id": "m"}
        for n, name in enumerate(some)
    ]
    store.replace("predictions", tables.from_rows("predictions", rows))
    return store


@pytest.fixture
def store(filled, tmp_path):
    """Return such a store of one's own."""
    shutil.copytree(filled.root, tmp_path / "store")
    return Store(tmp_path / "store")


@pytest.fixture
def screen():
    """Return a screen that is ranked in a second."""
    asked = load_screen("synapse")
    return asked.model_copy(
        update={
            "mechanisms": ("ferroelectric",),
            "sources": ("store",),
            "ranking": asked.ranking.model_copy(update={"samples": 100, "top_k": 2}),
        }
    )


def finish(screen, store, folder):
    pulled = [stages.select(store, spec) for spec in screen.sources]
    return screening.finish_screen(screen, store, folder, pulled=pulled, cards=[], ledger=Ledger())


def change_labels(store):
    """Double every label: another simulation has come to other values."""
    labels = store.read("labels").to_pylist()
    for row in labels:
        row["value"] *= 2.0
    store.upsert("labels", tables.from_rows("labels", labels))


def test_the_ranking_before_the_labels_changed_bit_for_bit(store, screen, tmp_path):
    first = finish(screen, store, tmp_path / "first")
    change_labels(store)
    store.replace("predictions", store.read("predictions").slice(0, 3))
    compact(store)
    second = finish(screen, store, tmp_path / "second")
    assert not second.ranking["energy_nominal_J"].equals(first.ranking["energy_nominal_J"])
    for folder in ("first", "second"):
        record = record_of(tmp_path / folder, store)
        again = rank_again(record, store)
        target = tmp_path / f"{folder}-again"
        target.mkdir()
        screening_csv = tmp_path / folder / "candidates.csv"
        assert write_csv(again, target / "c.csv").read_bytes() == screening_csv.read_bytes()
        assert (
            write_parquet(again, target / "c.parquet").read_bytes()
            == screening_csv.with_suffix(".parquet").read_bytes()
        )
        assert differing_rows(record, again) == 0
    crossed = rank_again(record_of(tmp_path / "first", store), store)
    assert differing_rows(record_of(tmp_path / "second", store), crossed) > 0


def test_compaction_does_not_change_a_ranking(store, screen, tmp_path):
    first = finish(screen, store, tmp_path / "first")
    candidates = store.read("candidates")
    store.replace("candidates", candidates.slice(0, 20))
    store.append("candidates", candidates.slice(20))  # more files, another order of versions
    compact(store)
    second = finish(screen, store, tmp_path / "second")
    pd.testing.assert_frame_equal(first.ranking, second.ranking)


def test_what_is_recorded_is_every_table_and_candidate(store, screen, tmp_path):
    finished = finish(screen, store, tmp_path / "results")
    record = read_record(tmp_path / "results")
    then = {name: number for name, number in store.versions().items() if name != "ledger"}
    assert record.versions == then  # the run's own costs are written after it was ranked
    assert {"candidates", "provenance", "labels", "predictions", "failures"} == set(then)
    assert record.screen == screen
    assert [each.spec for each in record.pulled] == ["store"]
    assert set(finished.ranking["structure_id"]) <= set(record.pulled[0].ids)
    assert record.libraries["matscreen"]


def test_a_version_that_a_vacuum_removed_is_said_with_the_retention(store, screen, tmp_path):
    from deltalake import DeltaTable

    finish(screen, store, tmp_path / "results")
    store.replace("labels", store.read("labels"))
    DeltaTable(store.uri("labels")).vacuum(0, dry_run=False, enforce_retention_duration=False)
    record = record_of(tmp_path / "results", store)
    with pytest.raises(StoreError, match=r"'labels' is gone: the vacuum .* retention of 0 hours"):
        rank_again(record, store)


def test_a_moment_takes_each_table_as_it_was(store, screen, tmp_path):
    first = finish(screen, store, tmp_path / "first").ranking
    moment = datetime.now(UTC)
    change_labels(store)
    again = rank_again(record_at(screen, store, moment), store)
    pd.testing.assert_frame_equal(again, first)
    stages.load_known(store)
    later = record_at(screen, store, datetime.now(UTC), sources=["store", "known"])
    assert len(later.pulled[0].ids) == store.read("candidates").num_rows > SOME
    assert len(later.pulled[1].ids) == store.read("candidates").num_rows - SOME
    then = record_at(screen, store, moment, sources=["store", "known"])
    assert [len(each.ids) for each in then.pulled] == [SOME, 0]
    with pytest.raises(InputError, match="the shipped bundle was not in the store"):
        record_at(screen, store, moment, sources=["bundle"])
    with pytest.raises(InputError, match=r"'files:mine' had brought .* is not known"):
        record_at(screen, store, moment, sources=["files:mine"])
    with pytest.raises(InputError, match="no candidates at"):
        record_at(screen, store, moment - timedelta(days=999))


def test_folders_that_do_not_tell_what_was_ranked(store, screen, tmp_path):
    folder = tmp_path / "results"
    with pytest.raises(InputError, match="neither a folder of results nor a moment"):
        record_of(folder, store, screen=screen)
    with pytest.raises(InputError, match="needs the name of a screen"):
        record_of("2026-03-01", store)
    folder.mkdir()
    with pytest.raises(InputError, match="holds no results of a screen"):
        record_of(folder, store)
    finish(screen, store, folder)
    with pytest.raises(InputError, match="results of 'synapse', not of 'logic'"):
        record_of(folder, store, screen=load_screen("logic"))
    with pytest.raises(InputError, match="leave them out"):
        record_of(folder, store, sources=["store"])
    content = json.loads((folder / "screen.json").read_text())
    content["provenance"]["identifiers"]["run_id"] = "of another run"
    (folder / "screen.json").write_text(json.dumps(content))
    with pytest.raises(InputError, match="are of different runs"):
        record_of(folder, store)
    (folder / "pulled.parquet").unlink()
    with pytest.raises(InputError, match="made by an older matscreen"):
        record_of(folder, store)


def test_the_command(store, screen, tmp_path):
    folder = tmp_path / "results"
    finish(screen, store, folder)
    change_labels(store)
    words = ["rank", "--as-of", str(folder), "--store", store.root, "-o", str(tmp_path / "again")]
    done = CliRunner().invoke(app, words)
    assert done.exit_code == 0, done.output
    assert f"identical to {folder}/candidates.parquet" in done.output
    csv = (tmp_path / "again" / "candidates.csv").read_bytes()
    assert csv == (folder / "candidates.csv").read_bytes()
    table = pd.read_parquet(folder / "candidates.parquet")
    table.loc[0, "energy_nominal_J"] *= 1.0000001
    table.to_parquet(folder / "candidates.parquet")
    done = CliRunner().invoke(app, [*words, "-q"])
    assert done.exit_code == 1
    assert f"1 of {len(table)} rows differ" in done.output
    assert "the libraries are those of then" in done.output
