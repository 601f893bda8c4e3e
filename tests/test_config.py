"""Screens: the shipped ones, and mistakes that point at their key."""

from __future__ import annotations

import pytest
from pydantic import ValidationError

from matscreen.config import Screen, load_screen, parse_screen, shipped_screens
from matscreen.data import data_path
from matscreen.errors import ConfigError, InputError

LEAST = {"name": "mine", "application": "synapse"}


def test_the_three_applications_are_shipped():
    assert set(shipped_screens()) >= {"synapse", "neuron", "logic"}


@pytest.mark.parametrize("name", shipped_screens())
def test_shipped_screens_load_under_their_name(name):
    screen = load_screen(name)
    assert screen.name == name
    assert screen.title
    assert screen.description


def test_the_shipped_screens_share_one_device_specification():
    devices = [dict(load_screen(name).device) for name in ("synapse", "neuron", "logic")]
    for device in devices:
        device.pop("n_levels", None)  # what one event is belongs to the application
        device.pop("filament", None)
        device.pop("threshold", None)
    # A spike is over at once: a neuron keeps nothing.
    assert devices[1].pop("retention_time") < devices[0]["retention_time"]
    devices[1]["retention_time"] = devices[0]["retention_time"]
    assert devices[0] == devices[1] == devices[2]


def test_defaults():
    screen = parse_screen(LEAST)
    assert screen.sources == ("bundle",)
    assert screen.ranking.samples >= 1000
    assert screen.ranking.seed == 0
    assert screen.constraints.max_energy_above_hull == pytest.approx(0.1)
    assert screen.device == {}


def test_a_screen_is_frozen():
    screen = parse_screen(LEAST)
    with pytest.raises(ValidationError):
        screen.name = "other"
    with pytest.raises(ValidationError):
        screen.ranking.seed = 3


@pytest.mark.parametrize(
    ("change", "key", "said"),
    [
        ({"aplication": "logic"}, "aplication", "unknown key; did you mean 'application'"),
        ({"xyz": 1}, "xyz", "unknown key; known: application"),
        ({"ranking": {"sampels": 5}}, "ranking.sampels", "did you mean 'samples'"),
        ({"ranking": {"samples": "many"}}, "ranking.samples", "got 'many'"),
        ({"ranking": {"samples": 5}}, "ranking.samples", "greater than or equal to 100, got 5"),
        ({"ranking": {"seed": -1}}, "ranking.seed", "got -1"),
        ({"ranking": 5}, "ranking", "got 5"),
        ({"constraints": {"max_energy_above_hull": -0.1}},
         "constraints.max_energy_above_hull", "got -0.1"),
        ({"constraints": {"exclude_elements": ["Bi", "Pbb"]}},
         "constraints.exclude_elements", "there is no element 'Pbb', got ['Bi', 'Pbb']"),
        ({"application": "sinapse"}, "application", "'synapse', 'neuron' or 'logic'"),
        ({"name": "My Screen"}, "name", "got 'My Screen'"),
        ({"mechanisms": []}, "mechanisms", "at least 1"),
        ({"sources": ["bundle", 3]}, "sources.1", "got 3"),
    ],
)  # fmt: skip
def test_a_mistake_names_its_key(change, key, said):
    with pytest.raises(ConfigError) as caught:
        parse_screen(LEAST | change)
    assert caught.value.key == key
    assert str(caught.value).startswith(f"{key}: ")
    assert said in str(caught.value)
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize("key", sorted(LEAST))
def test_a_missing_key_is_named(key):
    with pytest.raises(ConfigError, match=f"^{key}: this key is required$"):
        parse_screen({k: v for k, v in LEAST.items() if k != key})


def test_a_screen_from_a_file(tmp_path):
    path = tmp_path / "mine.toml"
    path.write_text('name = "mine"\napplication = "logic"\n[ranking]\nsamples = 500\n', "utf-8")
    assert load_screen(path).ranking.samples == 500
    assert load_screen(str(path)) == load_screen(path)
    assert isinstance(load_screen(path), Screen)


@pytest.mark.parametrize(
    ("content", "said"),
    [(b"name = [", "is not valid TOML"), (b"name = '\xff'", "is not valid TOML")],
)
def test_a_file_that_is_not_toml(tmp_path, content, said):
    path = tmp_path / "broken.toml"
    path.write_bytes(content)
    with pytest.raises(InputError, match=said):
        load_screen(path)


def test_screens_that_are_not_there(tmp_path):
    with pytest.raises(InputError, match=r"no screen file .*absent\.toml"):
        load_screen(tmp_path / "absent.toml")
    with pytest.raises(InputError, match=r"unknown screen 'synaps'.*did you mean 'synapse'"):
        load_screen("synaps")
    (tmp_path / "folder.toml").mkdir()
    with pytest.raises(InputError, match="no screen file"):
        load_screen(tmp_path / "folder.toml")


def test_data_path():
    assert data_path("screens", "synapse.toml").is_file()
    assert data_path("screens").is_dir()
    with pytest.raises(InputError, match=r"ships no data file 'screens/absent\.toml'"):
        data_path("screens", "absent.toml")
