"""Tests of the key of the Materials Project: where it is found, and that nobody else sees it."""

from __future__ import annotations

import json
import logging

import pytest

from matscreen import stages
from matscreen.api_keys import ApiKey
from matscreen.errors import InputError, SourceError
from matscreen.sources import materials_project_key as keys
from matscreen.sources.materials_project_key import find_key, require_key
from matscreen.store import Store
from tests.sources import fake_materials_project as fakes
from tests.sources.fake_materials_project import opened, read


def test_the_key_is_nowhere(fake_mp, tmp_path, capfd, caplog, monkeypatch):
    fake_mp.documents["summary"] = fakes.summaries(10)
    fake_mp.documents["summary"][3]["structure"] = {"sites": 1}
    caplog.set_level(logging.DEBUG)
    source = opened()
    pulled = stages.pull(Store(tmp_path / "store"), source)
    assert pulled.seen == 10
    assert fake_mp.keys[fakes.KEY] > 0  # it was sent, and only as itself
    assert set(fake_mp.keys) == {fakes.KEY}
    shown = [repr(source), str(find_key()), *capfd.readouterr(), caplog.text]

    # A server that repeats the key in its answers; also one that refuses it.
    fake_mp.fault = lambda *_: (418, {}, json.dumps({"detail": f"do not like {fakes.KEY}"}))
    with pytest.raises(SourceError) as caught:
        read(opened())
    shown += [str(caught.value), repr(caught.value.__cause__)]
    other = fakes.KEY.replace("SENTINEL", "sentinel")
    monkeypatch.setenv("MP_API_KEY", other)
    with pytest.raises(InputError, match="refuses the key from the variable MP_API_KEY") as refused:
        read(opened())
    shown += [str(refused.value), repr(refused.value.__cause__), *capfd.readouterr(), caplog.text]
    for text in shown:
        assert "SENTINEL" not in text
        assert "sentinel" not in text
    for file in tmp_path.rglob("*"):
        assert not file.is_file() or b"SENTINEL" not in file.read_bytes()


def test_the_key_goes_to_no_other_host(fake_mp):
    with fakes.serve() as other:
        other.documents["summary"] = fakes.summaries(3)
        elsewhere = other.url.replace("127.0.0.1", "localhost")
        fake_mp.fault = lambda *_: (302, {"Location": f"{elsewhere}materials/summary/"}, "")
        with pytest.raises(InputError, match="refuses the key"):  # it came without one
            read(opened())
        assert other.keys[fakes.KEY] == 0
        assert other.keys[None] > 0


def test_where_a_key_is_looked_for(monkeypatch):
    for name in keys.KEY_VARIABLES:
        monkeypatch.delenv(name, raising=False)
    pymatgen, keyring = (ApiKey(letter * 32, "elsewhere") for letter in "pr")
    monkeypatch.setattr(keys, "_key_from_pymatgen", lambda: None)
    monkeypatch.setattr(keys, "key_from_keyring", lambda _name: None)
    with pytest.raises(InputError, match="keyring set matscreen MP_API_KEY"):
        require_key()
    held = {"MP_API_KEY": keyring}
    monkeypatch.setattr(keys, "key_from_keyring", held.get)
    assert require_key() is keyring
    monkeypatch.setattr(keys, "_key_from_pymatgen", lambda: pymatgen)
    assert require_key() is pymatgen
    monkeypatch.setenv("PMG_MAPI_KEY", "e" * 32)
    assert require_key().value == "e" * 32
    monkeypatch.setenv("MP_API_KEY", "short secret")
    with pytest.raises(InputError, match="has 12 characters") as caught:
        require_key()
    assert "secret" not in str(caught.value)


def test_an_address_that_would_show_the_key_is_refused(fake_mp, monkeypatch):
    for address in ("http://api.example.org/", "ftp://127.0.0.1/", "nowhere"):
        monkeypatch.setenv("MP_API_ENDPOINT", address)
        with pytest.raises(InputError, match="must be an https address"):
            opened()


@pytest.mark.parametrize(
    "address", ["https://me:s3cr3t@example.org/", "http://me:s3cr3t@example.org"]
)
def test_an_address_with_a_password_is_refused_and_not_shown(fake_mp, monkeypatch, address):
    monkeypatch.setenv("MP_API_ENDPOINT", address)
    with pytest.raises(InputError, match="MP_API_ENDPOINT") as caught:
        opened()
    assert "s3cr3t" not in str(caught.value)


def test_an_address_that_is_none_is_refused(fake_mp, monkeypatch):
    monkeypatch.setenv("MP_API_ENDPOINT", "https://[::1")
    with pytest.raises(InputError, match="must be an https address"):
        opened()
