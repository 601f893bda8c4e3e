"""A folder with the wrong things in it."""

import pytest


@pytest.fixture
def here(tmp_path, monkeypatch):
    """A folder with the wrong things in it."""
    for name in ("MATSCREEN_STORE", "MATSCREEN_MIRROR", "MATSCREEN_DEBUG"):
        monkeypatch.delenv(name, raising=False)
    monkeypatch.chdir(tmp_path)
    (tmp_path / "empty").mkdir()
    (tmp_path / "note.txt").write_text("no structure")
    (tmp_path / "bad.cif").write_text("data_nothing\n")
    (tmp_path / "table.csv").write_text("a,b\n1,2\n")
    head = 'name = "x"\napplication = "synapse"\n'
    (tmp_path / "wrong.toml").write_text(head + "[ranking]\nsampels = 10\n")
    (tmp_path / "device.toml").write_text(head + "[device]\nthicknes = 1e-8\n")
    (tmp_path / "broken.toml").write_text("name = [")
    return tmp_path
