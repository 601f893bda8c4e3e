"""What comes with matscreen arrives whole, whatever the store held or how a process ended."""

import pytest

from matscreen import shipped, tables
from matscreen.store import Store

LABEL = {
    "property": "energy_per_atom",
    "value": -7.0,
    "unit": "eV/atom",
    "evidence": "mlip",
    "version": "1",
}


def oxide(number):
    return {
        "structure_id": f"bundled{number}",
        "formula": "MgO",
        "chemsys": "Mg-O",
        "nsites": 2,
        "lattice": [1.0] * 9,
        "atomic_numbers": [12, 8],
        "frac_coords": [0.0] * 6,
    }


@pytest.fixture
def bundle(monkeypatch):
    """Return the rows of a bundle of two oxides with a label each."""
    rows = {
        "candidates": [oxide(n) for n in (1, 2)],
        "provenance": [
            {"structure_id": f"bundled{n}", "source": "relaxation", "source_id": str(n)}
            for n in (1, 2)
        ],
        "labels": [{**LABEL, "structure_id": f"bundled{n}", "method": "relax"} for n in (1, 2)],
        "failures": [],
    }
    parts = {name: tables.from_rows(name, found) for name, found in rows.items()}
    monkeypatch.setattr(shipped, "_bundle_part", parts.__getitem__)
    return parts


def bundled(store):
    return sorted(name for name in ids(store) if name.startswith("bundled"))


def ids(store):
    return store.read("labels", ["structure_id"])["structure_id"].to_pylist()


def test_labels_that_a_killed_process_did_not_write_come_with_the_next(tmp_path, bundle):
    store = Store(tmp_path)
    theirs = [{**LABEL, "structure_id": f"pulled{n}", "method": "provider"} for n in range(9)]
    store.append("labels", tables.from_rows("labels", theirs))
    store.upsert("candidates", bundle["candidates"])  # and then it was killed
    assert shipped.load_bundle(store).ids == ("bundled1", "bundled2")
    assert bundled(store) == ["bundled1", "bundled2"]
    assert len(ids(store)) == 11


def test_a_bundle_that_is_there_is_not_written_again(tmp_path, bundle):
    store = Store(tmp_path)
    shipped.load_bundle(store)
    before = store.versions()
    shipped.load_bundle(store)
    assert store.versions() == before
