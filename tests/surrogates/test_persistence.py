from __future__ import annotations

import dataclasses
import hashlib
import json
from collections import Counter
from pathlib import Path

import numpy as np
import pytest

from matscreen.errors import ModelError
from matscreen.surrogates import load, save
from matscreen.surrogates.persistence import load_card

from .conftest import make_data


def _reseal(folder: Path, content: bytes) -> None:
    """Replace the model file and make the card agree, as a forger would."""
    card = json.loads((folder / "card.json").read_text())
    (folder / card["file"]).write_bytes(content)
    card["sha256"] = hashlib.sha256(content).hexdigest()
    (folder / "card.json").write_text(json.dumps(card))


@pytest.mark.parametrize("name", ["surrogate", "small"])
def test_round_trip_gives_equal_predictions(name, request, tmp_path):
    model = request.getfixturevalue(name)
    save(model, tmp_path / "model")
    again = load(tmp_path / "model", descriptor_version="3")
    fresh = make_data(40, seed=8)
    before, after = model.predict(fresh.X), again.predict(fresh.X)
    for field in dataclasses.fields(before):
        np.testing.assert_array_equal(getattr(before, field.name), getattr(after, field.name))
    assert again.card == model.card
    assert load_card(tmp_path / "model")["model_id"] == model.card["model_id"]


@pytest.mark.parametrize("n_labels", [60, 3000])
def test_every_regressor_can_be_saved(small, tmp_path, n_labels):
    """Whatever wins, what it is made of must be on the list of trusted types."""
    from matscreen.surrogates.kernel import KernelSettings
    from matscreen.surrogates.portfolio import fit_members, fit_residual_size, member_names

    rows = make_data(60, seed=2)
    names = member_names(60)
    settings = KernelSettings(apart=0.01, ion_columns=(0,))
    fitted = fit_members(
        names, rows.X, rows.y, rows.groups, settings=settings, seed=0, n_labels=n_labels
    )
    assert len(fitted) == 3
    extended = np.column_stack([rows.X[:, :2], rows.y, rows.y, rows.y])
    scale = dataclasses.replace(
        small.scale,
        kind="residual",
        regressor=fit_residual_size(extended, rows.sigma, seed=0),
        columns=np.arange(2),
    )
    weights = dict.fromkeys(fitted, 1.0 / len(fitted))
    model = dataclasses.replace(small, estimators=fitted, weights=weights, scale=scale)
    save(model, tmp_path)
    np.testing.assert_array_equal(load(tmp_path).predict(rows.X).mean, model.predict(rows.X).mean)


def test_saving_again_replaces_and_leaves_no_rubbish(small, surrogate, tmp_path):
    save(small, tmp_path)
    save(surrogate, tmp_path)
    assert sorted(path.suffix for path in tmp_path.iterdir()) == [".json", ".skops"]
    assert load(tmp_path).card["n_labels"] == 400


def test_an_interrupted_save_leaves_the_old_surrogate(small, surrogate, tmp_path, monkeypatch):
    save(small, tmp_path)
    original = Path.replace

    def fail_at_card(self, target):
        if Path(target).name == "card.json":
            raise OSError("disk full")
        return original(self, target)

    monkeypatch.setattr(Path, "replace", fail_at_card)
    with pytest.raises(OSError, match="disk full"):
        save(surrogate, tmp_path)
    monkeypatch.undo()
    assert load(tmp_path).card["n_labels"] == small.card["n_labels"]
    assert not [path for path in tmp_path.iterdir() if path.name.startswith(".")]


def test_a_changed_file_is_refused(small, tmp_path):
    save(small, tmp_path)
    path = next(tmp_path.glob("*.skops"))
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(bytes(content))
    with pytest.raises(ModelError, match="not the file the card describes"):
        load(tmp_path)


@pytest.mark.parametrize("content", [b"", b"PK\x03\x04 nonsense", b"\x80\x04."])
def test_a_forged_file_that_is_no_skops_is_refused(small, tmp_path, content):
    save(small, tmp_path)
    _reseal(tmp_path, content)
    with pytest.raises(ModelError):
        load(tmp_path)


def test_unknown_types_are_refused_even_with_the_right_hash(small, tmp_path):
    import skops.io as sio

    save(small, tmp_path)
    _reseal(tmp_path, sio.dumps({"estimators": Counter(a=1), "scale_regressor": Path}))
    with pytest.raises(ModelError, match="not trusted"):
        load(tmp_path)


def test_a_part_of_unknown_type_is_not_even_saved(small, tmp_path):
    model = dataclasses.replace(small, estimators={"odd": Counter(a=1)})
    with pytest.raises(ModelError, match=r"collections\.Counter"):
        save(model, tmp_path)
    assert not list(tmp_path.iterdir())


def test_other_descriptors_or_libraries_are_refused(small, tmp_path):
    save(small, tmp_path)
    with pytest.raises(ModelError, match=r"'3'.*'4'.*train again"):
        load(tmp_path, descriptor_version="4")
    card = json.loads((tmp_path / "card.json").read_text())
    card["versions"]["scikit-learn"] = "0.1.0"
    (tmp_path / "card.json").write_text(json.dumps(card))
    with pytest.raises(ModelError, match=r"scikit-learn 0\.1\.0"):
        load(tmp_path)


def test_a_missing_card_and_a_path_out_of_the_folder_are_refused(small, tmp_path):
    with pytest.raises(ModelError, match="no surrogate here"):
        load(tmp_path / "nowhere")
    save(small, tmp_path)
    card = json.loads((tmp_path / "card.json").read_text())
    card["file"] = "../other.skops"
    (tmp_path / "card.json").write_text(json.dumps(card))
    with pytest.raises(ModelError, match="names no model file"):
        load(tmp_path)
    (tmp_path / "card.json").write_text("[]")
    with pytest.raises(ModelError, match="not a card"):
        load(tmp_path)
