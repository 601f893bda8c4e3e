import json

import pyarrow as pa
import pytest

from matscreen import made_of, tables
from matscreen.config import parse_screen
from matscreen.errors import StoreError
from matscreen.shipped import Pulled
from matscreen.store import Store

SCREEN = {"name": "small", "application": "synapse", "sources": ["store"]}


def label(name, value, **more):
    return {
        "structure_id": name,
        "property": "well_depth",
        "value": value,
        "unit": "meV/Å³",
        "evidence": "mlip",
        "method": "double_well",
        "version": "1",
        **more,
    }


def write_labels(store, *rows):
    store.upsert("labels", tables.from_rows("labels", rows))


@pytest.fixture
def store(tmp_path):
    store = Store(tmp_path / "store")
    write_labels(store, label("a", 1.0), label("b", 2.0))
    return store


def fingerprint(store, before=None, pulled=("a", "b"), **changed):
    screen = parse_screen({**SCREEN, **changed})
    return made_of.fingerprint(screen, store, [Pulled("store", pulled, 2, 0, 0)], before=before)


def test_rows_written_again_change_the_version_but_not_the_content(store):
    before = fingerprint(store)
    write_labels(store, label("a", 1.0, seconds=5.0))
    after = fingerprint(store)
    assert after.store["labels"].version > before.store["labels"].version
    assert before.differences(after) == ()


def test_a_changed_value_is_a_difference(store):
    before = fingerprint(store)
    write_labels(store, label("a", 1.5))
    assert before.differences(fingerprint(store)) == ("the table labels has changed",)


def test_the_order_of_rows_is_no_difference(store, tmp_path):
    other = Store(tmp_path / "other")
    write_labels(other, label("b", 2.0))
    write_labels(other, label("a", 1.0))
    assert fingerprint(store).differences(fingerprint(other)) == ()


def test_screen_sources_and_calibration_are_differences(store, tmp_path):
    before = fingerprint(store)
    assert before.differences(fingerprint(store, ranking={"seed": 7})) == (
        "the screen asks something else",
    )
    assert before.differences(fingerprint(store, pulled=("a",))) == (
        "the sources bring other candidates",
    )
    file = tmp_path / "calibration.json"
    file.write_text("{}")
    calibrated = fingerprint(store, calibration=str(file))
    file.write_text('{"a": 1}')
    assert calibrated.differences(fingerprint(store, calibration=str(file))) != ()


def test_code_and_libraries_are_differences(store, monkeypatch):
    before = fingerprint(store)
    monkeypatch.setattr(made_of, "code_hash", lambda: "other")
    monkeypatch.setattr(made_of, "_versions", lambda: {"numpy": "9"})
    found = before.differences(fingerprint(store))
    assert "another version of matscreen" in found
    assert any(text.startswith("numpy ") and text.endswith("became 9") for text in found)


def test_a_record_comes_back(store, tmp_path):
    import pandas as pd

    made = fingerprint(store)
    table = pd.DataFrame(
        {
            "structure_id": ["a", "c"],
            "mechanism": "ferroelectric",
            "formula": ["A", "C"],
            "rank_in_mechanism": [1, 2],
            "energy_nominal_J": [1.0, 2.0],
            "feasible": True,
            "reasons": "",
            "evidence": "mlip",
            "source": "files",
        }
    )
    made_of.write_record(tmp_path, made, ranking=table, store=store, run_id="r", models={"p": "m"})
    record = made_of.read_record(tmp_path)
    assert record.made_of == made
    assert record.models == {"p": "m"}
    labels = list(record.ranking["labels"])
    assert list(labels[0]) == ["well_depth|double_well|1"]
    assert labels[1] is None
    assert not made_of.belongs(record, tmp_path)
    (tmp_path / "candidates.csv").touch()
    content = {"provenance": {"identifiers": {"run_id": "r"}}}
    (tmp_path / "screen.json").write_text(json.dumps(content))
    assert made_of.belongs(record, tmp_path)
    content["provenance"]["identifiers"]["run_id"] = "written over by another command"
    (tmp_path / "screen.json").write_text(json.dumps(content))
    assert not made_of.belongs(record, tmp_path)
    for odd in ("[]", '{"provenance": null}', '{"provenance": {"identifiers": []}}'):
        (tmp_path / "screen.json").write_text(odd)
        assert not made_of.belongs(record, tmp_path)


def test_no_record_and_a_broken_one(tmp_path):
    assert made_of.read_record(tmp_path) is None
    (tmp_path / made_of.RECORD).write_bytes(b"half")
    with pytest.raises(StoreError, match="delete it to rank anew"):
        made_of.read_record(tmp_path)


def test_equal_versions_are_not_read_again(store, monkeypatch):
    made = fingerprint(store)
    record = made_of.Record(made, "", "", {}, None)
    monkeypatch.setattr(Store, "read", lambda *_args: pytest.fail("it was read"))
    assert fingerprint(store, before=record) == made


def test_the_hash_of_rows_looks_at_every_value():
    rows = tables.from_rows("labels", [label("a", 1.0), label("b", 2.0)])
    same = made_of.content_hash("labels", pa.concat_tables([rows.slice(1), rows.slice(0, 1)]))
    assert made_of.content_hash("labels", rows) == same
    other = tables.from_rows("labels", [label("a", 1.0), label("b", 2.0, site="O1")])
    assert made_of.content_hash("labels", other) != same
