"""Surrogates that nothing uses go; those of the predictions of now, of then and of today stay."""

from __future__ import annotations

import json
import os
import tempfile
import time
from datetime import timedelta
from pathlib import Path

import pytest

from matscreen import tables
from matscreen.errors import InputError
from matscreen.model_retention import remove_unused_models
from matscreen.store import Store
from matscreen.training import card_folder


def keep_model(store, name, *, days):
    folder = Path(store.root) / "models" / "well_depth" / name
    folder.mkdir(parents=True)
    (folder / "card.json").write_text(json.dumps({"model_id": name}))
    (folder / "model.skops").write_bytes(b"fitted")
    os.utime(folder / "card.json", (time.time() - days * 86400,) * 2)
    return folder


def predict(store, model):
    row = {"structure_id": "s", "property": "well_depth", "model_id": model}
    store.replace("predictions", tables.from_rows("predictions", [row]))


def test_only_models_out_of_use_go(tmp_path):
    store = Store(tmp_path / "store")
    assert remove_unused_models(store, dry_run=False).files == 0
    folders = {
        name: keep_model(store, name, days=days)
        for name, days in {"pinned": 90, "gone": 90, "now": 90, "source": 2}.items()
    }
    for model in ("pinned", "gone", "now"):
        predict(store, model)
    said = remove_unused_models(store, keep=[0, 77])
    assert (said.files, said.done) == (2, False)
    assert all(folder.is_dir() for folder in folders.values())
    done = remove_unused_models(store, keep=[0, 77], dry_run=False)
    assert (done.files, done.bytes, done.done) == (2, said.bytes, True)
    assert sorted(name for name, folder in folders.items() if folder.is_dir()) == [
        "now",
        "pinned",
        "source",
    ]
    with pytest.raises(InputError, match="too short"):
        remove_unused_models(store, timedelta(hours=1))


def test_what_a_killed_clean_up_left_goes_with_the_next(tmp_path):
    store = Store(tmp_path / "store")
    halved, being_saved = (
        keep_model(store, name, days=days) for name, days in (("halved", 90), ("being saved", 0))
    )
    nested = keep_model(store, "family/member", days=90)
    for folder, days in ((halved, 90), (being_saved, 0)):
        (folder / "card.json").unlink()
        os.utime(folder, (time.time() - days * 86400,) * 2)
    predict(store, "family/member")
    os.utime(nested.parent, (time.time() - 90 * 86400,) * 2)
    done = remove_unused_models(store, dry_run=False)
    assert (done.files, done.done) == (1, True)
    assert not halved.exists()
    assert being_saved.is_dir()
    assert (nested / "card.json").is_file()


def test_models_of_a_bucket_lie_in_the_cache_of_the_user(tmp_path, monkeypatch):
    card = {"property": "band_gap", "data_hash": "0" * 64}
    monkeypatch.setenv("MATSCREEN_CACHE", str(tmp_path))
    place = card_folder(Store("s3://bucket/store"), card)
    assert place.parent.parent.parent == tmp_path / "models"
    assert place != card_folder(Store("s3://bucket/other"), card)
    monkeypatch.delenv("MATSCREEN_CACHE")
    # Others may write into the scratch of the machine.
    assert not card_folder(Store("s3://bucket/store"), card).is_relative_to(tempfile.gettempdir())
