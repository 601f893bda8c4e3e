"""The store: every write whole or not at all, null keys, two writers, a killed writer."""

from __future__ import annotations

import signal
import subprocess
import sys
from pathlib import Path

import pyarrow as pa
import pytest

from matscreen import tables
from matscreen.appending import Appender
from matscreen.errors import StoreError
from matscreen.maintenance import compact, states, vacuum
from matscreen.store import Store
from tests.label_rows import label, labels


@pytest.fixture
def store(tmp_path):
    return Store(tmp_path / "store")


def test_a_table_never_written_is_empty_and_has_its_schema(store):
    assert not store.exists("labels")
    assert store.version("labels") == -1
    assert store.read("labels").num_rows == 0
    assert store.read("labels").schema.names == tables.SCHEMAS["labels"].names
    assert store.read("labels", ["value", "unit"]).column_names == ["value", "unit"]
    assert not Path(store.root).exists()  # reading makes nothing


def test_unknown_tables_and_columns_are_refused(store):
    with pytest.raises(StoreError, match="no table 'descriptors_none'"):
        store.read("descriptors_none")
    with pytest.raises(StoreError, match=r"no column \['volume'\]"):
        store.read("labels", ["volume"])
    store.append("labels", labels(label()))
    with pytest.raises(StoreError, match=r"no column \['volume'\]"):
        store.read("labels", ["volume"])
    with pytest.raises(StoreError, match="needs keys"):
        store.upsert("descriptors_none", pa.table({"a": [1]}))


def test_rows_come_back_as_they_went(store, srtio3):
    row = tables.candidate_row(srtio3, structure_id="s1", spacegroup=221, prototype="perovskite")
    store.append("candidates", tables.from_rows("candidates", [row]))
    assert store.read("candidates").to_pylist() == [row]
    assert store.read("candidates").schema.field("lattice").metadata == {b"unit": "Å".encode()}


def test_upsert_updates_rows_with_null_keys_and_inserts_the_others(store):
    store.upsert("labels", labels(label("s1", 1.0), label("s2", 2.0, site="O1")))
    store.upsert(
        "labels",
        labels(label("s1", 1.5), label("s2", 2.5), label("s2", 2.7, site="O1", version="2")),
    )
    rows = {(r["structure_id"], r["site"]): r for r in store.read("labels").to_pylist()}
    assert len(rows) == store.read("labels").num_rows == 3
    assert rows["s1", None]["value"] == 1.5
    assert rows["s2", None]["value"] == 2.5
    assert (rows["s2", "O1"]["value"], rows["s2", "O1"]["version"]) == (2.7, "2")


@pytest.mark.parametrize("times", [0, 1])
def test_upsert_refuses_two_rows_of_one_key(store, times):
    for _ in range(times):
        store.upsert("labels", labels(label()))
    with pytest.raises(StoreError, match="1 of 2 rows for 'labels' repeat the keys"):
        store.upsert("labels", labels(label(value=1.0), label(value=2.0)))
    assert store.read("labels").num_rows == times


def test_upsert_with_own_keys(store):
    table = pa.table({"structure_id": ["a", "b"], "radius": [1.0, 2.0]})
    store.upsert("descriptors_x", table, keys=["structure_id"])
    store.upsert("descriptors_x", table.slice(1), keys=["structure_id"])
    assert store.read("descriptors_x").num_rows == 2


def test_upsert_of_nothing_writes_no_version(store):
    store.upsert("labels", labels(label()))
    version = store.version("labels")
    store.upsert("labels", labels())
    assert store.version("labels") == version


def test_rows_that_do_not_fit_leave_the_table_alone(store):
    store.append("labels", labels(label()))
    before = store.version("labels")
    for write in (store.append, store.upsert, store.replace):
        with pytest.raises(StoreError):
            write("labels", pa.table({"structure_id": ["s9"]}))
    assert store.version("labels") == before
    assert store.read("labels").num_rows == 1


def test_append_takes_new_columns_and_replace_a_new_schema(store):
    store.append("descriptors_x", pa.table({"structure_id": ["a"], "one": [1.0]}))
    store.append("descriptors_x", pa.table({"structure_id": ["b"], "one": [2.0], "two": [3.0]}))
    rows = sorted(store.read("descriptors_x").to_pylist(), key=lambda row: row["structure_id"])
    assert rows == [
        {"structure_id": "a", "one": 1.0, "two": None},
        {"structure_id": "b", "one": 2.0, "two": 3.0},
    ]
    store.replace("descriptors_x", pa.table({"structure_id": ["c"], "three": [1]}))
    assert store.read("descriptors_x").to_pylist() == [{"structure_id": "c", "three": 1}]


def test_upsert_adds_columns_that_an_older_table_lacks(store):
    store.append("older", pa.table({"key": ["a", "b"], "value": [1, 2]}))
    store.upsert("older", pa.table({"key": ["b"], "value": [3], "flags": [["x"]]}), keys=["key"])
    rows = {row["key"]: row for row in store.read("older").to_pylist()}
    assert rows["b"] == {"key": "b", "value": 3, "flags": ["x"]}
    assert rows["a"] == {"key": "a", "value": 1, "flags": None}


def test_an_empty_list_stays_apart_from_none(store):
    candidate = {"formula": "SrTiO3", "chemsys": "O-Sr-Ti"}
    for name, flags in (("a", ["vacuum: 9 Å"]), ("b", []), ("c", None)):
        row = {"structure_id": name, "flags": flags, **candidate}
        store.append("candidates", tables.from_rows("candidates", [row]))
    store.upsert(
        "candidates",
        tables.from_rows("candidates", [{"structure_id": "d", "flags": [], **candidate}]),
    )
    rows = store.read("candidates", ["structure_id", "flags"]).to_pylist()
    assert {row["structure_id"]: row["flags"] for row in rows} == {
        "a": ["vacuum: 9 Å"], "b": [], "c": None, "d": [],
    }  # fmt: skip


def test_every_write_is_one_version(store):
    versions = []
    for value in (1.0, 2.0, 3.0):
        store.append("labels", labels(label(value=value)))
        versions.append(store.version("labels"))
    assert versions == [0, 1, 2]


def test_a_folder_with_spaces_and_accents(tmp_path):
    store = Store(tmp_path / "my störe #1")
    store.upsert("labels", labels(label()))
    assert store.read("labels").num_rows == 1
    assert [path.name for path in tmp_path.iterdir()] == ["my störe #1"]


def test_places_that_cannot_hold_a_store(tmp_path):
    (tmp_path / "file").write_text("")
    with pytest.raises(StoreError, match="is a file"):
        Store(tmp_path / "file")
    for bad in ("100%", "[1]", "a|b"):
        with pytest.raises(StoreError, match="Delta tables take no"):
            Store(tmp_path / bad)


def test_a_table_that_another_writer_just_made_gets_no_row_twice(store, monkeypatch):
    store.upsert("labels", labels(label(value=1.0)))
    monkeypatch.setattr(Store, "exists", lambda *_: False)  # as it was a moment ago
    store.upsert("labels", labels(label(value=2.0)))
    monkeypatch.undo()
    assert store.read("labels")["value"].to_pylist() == [2.0]


WRITER = """
import sys
import deltalake
from matscreen import tables
from matscreen.store import Store

root, who, rounds, many = sys.argv[1:]
store = Store(root)
print("ready", flush=True)
sys.stdin.readline()
for turn in range(int(rounds)):
    store.upsert("labels", tables.from_rows("labels", [
        {"structure_id": f"{who}-{turn}-{k}" if k else f"shared-{turn}", "property": "band_gap",
         "value": float(turn), "unit": "eV", "evidence": "dft", "method": "m", "version": who}
        for k in range(int(many))
    ]))
    print(turn, flush=True)
"""


def writer(store, who, *, rounds, many):
    """Start a process that is about to write and waits for a line."""
    process = subprocess.Popen(
        [sys.executable, "-c", WRITER, store.root, who, str(rounds), str(many)],
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    assert process.stdout.readline() == "ready\n"
    return process


def go(process):
    process.stdin.write("go\n")
    process.stdin.flush()


def test_two_writers_lose_no_row_and_double_none(store):
    # They begin together, on a table that is not there yet, and share every second row.
    both = [writer(store, who, rounds=20, many=2) for who in "ab"]
    for process in both:
        go(process)
    for process in both:
        process.communicate(timeout=200)
        assert process.returncode == 0
    ids = store.read("labels")["structure_id"].to_pylist()
    expected = {f"{who}-{turn}-1" for who in "ab" for turn in range(20)}
    expected |= {f"shared-{turn}" for turn in range(20)}
    assert sorted(ids) == sorted(expected)


def test_a_killed_writer_leaves_whole_writes_only(store):
    many = 500
    process = writer(store, "a", rounds=10_000, many=many)
    go(process)
    done = 0
    for line in process.stdout:
        done = int(line) + 1
        if done == 8:
            break
    process.send_signal(signal.SIGKILL)
    process.communicate()
    rows = store.read("labels")
    assert rows.num_rows % many == 0
    assert rows.num_rows >= done * many
    store.upsert("labels", labels(label("after")))
    assert store.read("labels").num_rows == rows.num_rows + 1


def test_rows_are_removed_by_their_keys_null_included(store):
    store.remove("labels", labels(label()))
    store.append("labels", labels(label("a"), label("a", temperature=300.0), label("b'; --")))
    store.remove("labels", labels(label("a", value=9.0), label("absent")))
    rows = store.read("labels").to_pylist()
    assert sorted((row["structure_id"], row["temperature"]) for row in rows) == [
        ("a", 300.0),
        ("b'; --", None),
    ]
    store.remove("labels", labels(label("b'; --")))
    assert store.read("labels")["structure_id"].to_pylist() == ["a"]


def test_a_read_that_a_vacuum_overtakes_reads_again(store, monkeypatch):
    from deltalake import DeltaTable

    store.append("labels", labels(label("a")))
    old = DeltaTable(store.uri("labels"))
    store.replace("labels", labels(label("b")))
    DeltaTable(store.uri("labels")).vacuum(0, dry_run=False, enforce_retention_duration=False)
    latest = store._open
    opened = iter([old, latest("labels")])
    monkeypatch.setattr(store, "_open", lambda _name: next(opened))
    assert store.read("labels")["structure_id"].to_pylist() == ["b"]


@pytest.mark.parametrize("slashes", ["file://", "file:"])
def test_a_file_url_is_its_folder(tmp_path, slashes):
    store = Store(f"{slashes}{tmp_path.as_posix()}/my%20store")
    assert store.root == str(tmp_path / "my store")
    store.upsert("labels", labels(label()))
    assert Store(tmp_path / "my store").read("labels").num_rows == 1


def test_a_bucket_keeps_its_address_also_as_a_path():
    for place in ("s3://bucket/a/store", Path("s3://bucket/a/store")):
        assert Store(place).root == "s3://bucket/a/store"
        assert Store(place).uri("labels") == "s3://bucket/a/store/labels"


@pytest.mark.parametrize(
    "address",
    [
        "s3://me:s3cr3t@bucket/store",
        "S3://me:s3cr3t@bucket/store",
        "s3://s3cr3t@bucket/store",
        "abfss://me:s3cr3t@bucket/store",
    ],
)
def test_an_address_with_a_password_is_refused_and_not_shown(address):
    with pytest.raises(StoreError, match=r"(s3|abfss)://bucket/store holds a user") as caught:
        Store(address)
    assert "s3cr3t" not in str(caught.value)


@pytest.mark.parametrize("scheme", ["abfss", "abfs"])
def test_the_container_of_an_azure_address_is_no_user(scheme):
    address = f"{scheme}://container@account.dfs.core.windows.net/store"
    assert Store(address).root == address


def test_a_damaged_file_is_said_and_the_rest_stays(store):
    store.append("labels", labels(label("a")))
    store.append("ledger", tables.SCHEMAS["ledger"].empty_table())
    (file,) = Path(store.uri("labels")).glob("*.parquet")
    file.write_bytes(file.read_bytes()[:200])
    with pytest.raises(StoreError, match=r"'labels' in .* cannot be read .*doctor"):
        store.read("labels")
    file.unlink()
    with pytest.raises(StoreError, match="a file of it is gone"):
        store.read("labels")
    assert store.read("ledger").num_rows == 0


def test_a_table_whose_first_writer_was_killed_is_none_yet(store):
    store.append("labels", labels(label("a")))
    log = Path(store.uri("ledger")) / "_delta_log"
    log.mkdir(parents=True)
    (log / "_commit_0.json.tmp").touch()
    assert store.names() == ["labels"]
    assert store.versions() == {"labels": 0}
    assert [each.name for each in states(store)] == ["labels"]
    assert compact(store) == []
    store.append("ledger", tables.SCHEMAS["ledger"].empty_table())
    assert store.names() == ["labels", "ledger"]


def test_a_torn_log_entry_is_said_in_one_line(store):
    store.append("labels", labels(label("a")))
    (Path(store.uri("labels")) / "_delta_log" / f"{1:020d}.json").write_text('{"add": {"pa')
    with pytest.raises(StoreError, match="cannot be read") as caught:
        store.read("labels")
    assert "\n" not in str(caught.value)
    appender = Appender(store, "labels")
    for use in (
        store.snapshot,
        lambda: store.version("labels"),
        lambda: appender.append(labels(label("b"))),
        lambda: states(store),
        lambda: compact(store),
        lambda: vacuum(store),
    ):
        with pytest.raises(StoreError, match=r"'labels' in .* cannot be read"):
            use()


def test_a_table_of_a_newer_program_is_left_alone(store):
    store.append("labels", labels(label("a")))
    protocol = '{"protocol":{"minReaderVersion":99,"minWriterVersion":99}}\n'
    log = Path(store.uri("labels")) / "_delta_log" / f"{1:020d}.json"
    log.write_text(protocol)
    with pytest.raises(StoreError, match="a newer program has written it: update"):
        store.read("labels")
    with pytest.raises(StoreError, match="cannot write table 'labels'"):
        store.append("labels", labels(label("b")))
    assert log.read_text() == protocol
    assert len(list(log.parent.glob("*.json"))) == 2


FULL = """
import resource, sys
from matscreen import tables
from matscreen.errors import StoreError
from matscreen.store import Store

store = Store(sys.argv[1])
rows = [{"structure_id": str(k), "stage": "s", "reason": str(hash(str(k))), "at": None}
        for k in range(20_000)]
resource.setrlimit(resource.RLIMIT_FSIZE, (20_000, 20_000))
for write in (store.append, store.upsert):
    try:
        write("failures", tables.from_rows("failures", rows))
    except StoreError as error:
        print(error)
"""


def test_a_full_disk_is_said_and_loses_nothing(store):
    store.append("failures", tables.from_rows("failures", [tables.failure_row("a", "s", "r")]))
    command = [sys.executable, "-c", FULL, store.root]
    done = subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)
    lines = done.stdout.splitlines()
    assert len(lines) == 2
    assert all(line.startswith("cannot write table 'failures'") for line in lines)
    assert store.read("failures")["structure_id"].to_pylist() == ["a"]
    store.append("failures", tables.from_rows("failures", [tables.failure_row("b", "s", "r")]))
    assert store.read("failures").num_rows == 2
