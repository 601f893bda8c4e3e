from __future__ import annotations

import numpy as np
import pytest
from typer.testing import CliRunner

from matscreen import tables
from matscreen.commands.export import app
from matscreen.errors import InputError
from matscreen.store import Store
from matscreen.structures import Crystal

PEROVSKITE = np.array([[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])


@pytest.fixture
def store(tmp_path, monkeypatch):
    """A store with a relaxed and an unrelaxed polar crystal of one formula."""
    monkeypatch.setattr("matscreen.stages.load_bundle", lambda _store: None)
    folder = tmp_path / "store"
    opened = Store(folder)
    rows = []
    for name, b, shift in (("aa11", 22, 0.02), ("bb22", 22, 0.03), ("cc33", 40, 0.0)):
        coords = PEROVSKITE + shift * np.outer(np.arange(5) == 1, [0, 0, 1])  # B along c
        crystal = Crystal(np.eye(3) * 4.0, np.array([56, b, 8, 8, 8]), coords)
        rows.append(tables.candidate_row(crystal, structure_id=name))
    opened.upsert("candidates", tables.from_rows("candidates", rows))
    label = {
        "structure_id": "aa11",
        "property": "energy_per_atom",
        "value": -8.0,
        "unit": "eV/atom",
        "evidence": "mlip",
        "method": "relaxation/emt",
        "version": "1",
    }
    opened.upsert("labels", tables.from_rows("labels", [label]))
    return folder


def run(store, *arguments):
    return CliRunner().invoke(
        app, ["dft", *arguments, "--store", str(store)], catch_exceptions=True
    )


def test_a_formula_in_any_order_takes_the_relaxed_phases(store, tmp_path):
    out = tmp_path / "out"
    result = run(store, "TiBaO3", "--code", "gpaw", "--task", "double_well", "-o", str(out))
    assert result.exit_code == 0, result.output
    assert {path.name for path in out.iterdir()} == {"BaTiO3-aa11"}
    assert {path.name for path in (out / "BaTiO3-aa11").iterdir()} == {
        "about.json",
        "nonpolar",
        "polar",
    }
    assert str(out / "BaTiO3-aa11" / "polar") in result.output


def test_an_id_takes_that_structure(store, tmp_path):
    assert run(store, "bb22", "-o", str(tmp_path / "out")).exit_code == 0
    assert (tmp_path / "out/BaTiO3-bb22/relax/INCAR").exists()


def test_every_unknown_name_is_a_mistake(store, tmp_path):
    for wrong in ("LaAlO3", "no-such"):
        result = run(store, "BaTiO3", wrong, "-o", str(tmp_path / "out"))
        assert isinstance(result.exception, InputError)
        assert wrong in str(result.exception)
    assert not (tmp_path / "out").exists()


def test_what_has_no_input_is_told_beside_what_has(store, tmp_path):
    arguments = ("--task", "double_well", "-o", str(tmp_path / "out"))
    result = run(store, "BaTiO3", "BaZrO3", *arguments)
    assert result.exit_code == 0
    assert "BaZrO3-cc33: nonpolar: space group 221 has no polar axis" in result.output
    result = run(store, "BaZrO3", *arguments)
    assert isinstance(result.exception, InputError)
