"""Cards are checked: an incomplete one is not saved, a wrong or older one is not read."""

from __future__ import annotations

import dataclasses
import json

import pytest

from matscreen.errors import ModelError
from matscreen.surrogates import load, save
from matscreen.surrogates.card import FORMAT
from matscreen.surrogates.card_schema import check_card, json_schema


def test_a_card_of_training_fits(small, surrogate):
    for model in (small, surrogate):
        check_card(model.card, "here")
        check_card(json.loads(json.dumps(model.card)), "here")


@pytest.mark.parametrize(
    "name",
    ["training_data", "metrics", "split", "versions", "joules", "descriptor_set", "out_of_fold"],
)
def test_what_is_missing_is_named_and_not_saved(small, tmp_path, name):
    card = {key: value for key, value in small.card.items() if key != name}
    with pytest.raises(ModelError, match=f"{name} is missing"):
        save(dataclasses.replace(small, card=card), tmp_path)
    assert not list(tmp_path.iterdir())


@pytest.mark.parametrize(
    ("path", "value", "message"),
    [
        (("training_data", "licence"), "", r"training_data\.licence: .*at least 1 character"),
        (("metrics", "coverage_90"), 1.2, r"metrics\.coverage_90: .*less than or equal to 1"),
        (("metrics", "mae"), "small", r"metrics\.mae: .*number \(got 'small'\)"),
        (("n_labels",), 59, r"n_labels is 59"),
        (("data_hash",), "abc", r"data_hash: .*pattern"),
        (("domain", "threshold"), 0.0, r"domain\.threshold: .*greater than 0"),
        (("versions",), {"numpy": "2"}, "which scikit-learn"),
        (("transform",), "sqrt", "transform: .*'none' or 'log10'"),
    ],
)
def test_what_is_wrong_is_named_when_it_is_read(small, tmp_path, path, value, message):
    save(small, tmp_path)
    file = tmp_path / "card.json"
    card = json.loads(file.read_text())
    place = card
    for key in path[:-1]:
        place = place[key]
    place[path[-1]] = value
    file.write_text(json.dumps(card))
    with pytest.raises(ModelError, match=message) as caught:
        load(tmp_path)
    assert str(file) in str(caught.value)


def test_an_older_format_says_what_changed(small, tmp_path):
    save(small, tmp_path)
    file = tmp_path / "card.json"
    file.write_text(file.read_text().replace(f'"format": {FORMAT}', f'"format": {FORMAT - 1}'))
    with pytest.raises(ModelError, match=r"format 2, this version reads format 3 .*licence.*train"):
        load(tmp_path)
    file.write_text(file.read_text().replace('"format": 2', '"format": 99'))
    with pytest.raises(ModelError, match="format 99, this version reads format 3: train again"):
        load(tmp_path)


def test_a_card_may_say_more(small, tmp_path):
    more = dataclasses.replace(small, card={**small.card, "evidence": {"levels": []}})
    save(more, tmp_path)
    assert load(tmp_path).card["evidence"] == {"levels": []}


def test_many_problems_are_counted(small):
    card = {key: small.card[key] for key in ("format", "model_id")}
    with pytest.raises(ModelError, match=r"training_data is missing; .* and \d+ more"):
        check_card(card, "here")


def test_the_json_schema_names_what_no_card_may_lack():
    schema = json_schema()
    text = json.dumps(schema)
    definitions = schema["$defs"]
    assert {"SurrogateCard", "ClassifierCard", "Origin"} <= set(definitions)
    needed = set(definitions["SurrogateCard"]["required"])
    assert {
        "training_data",
        "versions",
        "seconds",
        "joules",
        "metrics",
        "split",
        "labels",
    } <= needed
    assert set(definitions["Origin"]["required"]) == {"source", "version", "licence"}
    assert f'"const": {FORMAT}' in text
