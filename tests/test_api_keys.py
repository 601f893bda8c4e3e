"""Tests of matscreen.api_keys."""

from __future__ import annotations

import pytest

from matscreen.api_keys import ApiKey, key_from_environment, key_from_keyring


def test_the_first_variable_that_is_set_counts(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setenv("FIRST_KEY", " ")
    monkeypatch.setenv("SECOND_KEY", " two ")
    monkeypatch.setenv("THIRD_KEY", "three")
    found = key_from_environment("FIRST_KEY", "SECOND_KEY", "THIRD_KEY")
    assert found == ApiKey("two", "the variable SECOND_KEY")
    assert key_from_environment("FIRST_KEY", "FOURTH_KEY") is None


def test_printing_hides_the_key() -> None:
    key = ApiKey("sentinel", "a test")
    assert "sentinel" not in f"{key} {key!r} {key.hide('a sentinel stands there')}"


def test_the_keyring_is_read_and_a_broken_one_is_none(monkeypatch: pytest.MonkeyPatch) -> None:
    keyring = pytest.importorskip("keyring")
    asked = []
    monkeypatch.setattr(keyring, "get_password", lambda *entry: asked.append(entry) or "k" * 32)
    assert key_from_keyring("MP_API_KEY") == ApiKey("k" * 32, "the system's keyring")
    assert asked == [("matscreen", "MP_API_KEY")]

    def locked(*_: str) -> None:
        raise keyring.errors.KeyringLocked

    monkeypatch.setattr(keyring, "get_password", locked)
    assert key_from_keyring("MP_API_KEY") is None
    monkeypatch.setattr(keyring, "get_password", lambda *_: None)
    assert key_from_keyring("MP_API_KEY") is None
