"""The leaders of a store: read by formula, claimed once by whoever comes first, never lost."""

from __future__ import annotations

import subprocess
import sys
import time

import numpy as np

from matscreen import leaders, stages, tables
from matscreen.errors import StructureError
from matscreen.identity import SAME_MATERIAL, SAME_STRUCTURE, SYMPREC, Registry
from matscreen.leaders import ROW_SCHEME, StoredLeaders, open_registry
from matscreen.store import Store
from matscreen.structures import Crystal, CrystalBatch
from tests.crystal_copies import described

CELLS = (3.90, 3.95, 4.00, 4.05)
A_SITES = (20, 38, 56)


def perovskites(cubic_perovskite) -> list[Crystal]:
    return [cubic_perovskite(a, 22, cell=cell) for a in A_SITES for cell in CELLS]


def keep(store: Store, crystals, identities) -> None:
    """Store the candidates of new structures, as a pull does."""
    rows = [
        tables.candidate_row(
            crystal,
            structure_id=identity.structure_id,
            spacegroup=identity.spacegroup,
            material_id=identity.material_id,
        )
        for crystal, identity in zip(crystals, identities, strict=True)
        if identity.is_new
    ]
    store.upsert("candidates", tables.from_rows("candidates", rows))


def test_what_one_registry_assigns_the_next_knows(tmp_path, cubic_perovskite):
    store, crystals = Store(tmp_path / "a store#1 für"), perovskites(cubic_perovskite)
    first = open_registry(store).assign_batch(crystals)
    assert first == Registry().assign_batch(crystals)
    keep(store, crystals, first)
    again = open_registry(store).assign_batch(crystals)
    assert [x.structure_id for x in again] == [x.structure_id for x in first]
    assert [x.material_id for x in again] == [x.material_id for x in first]
    assert not any(x.is_new for x in again)


def test_a_row_says_how_it_was_made(tmp_path, srtio3):
    store = Store(tmp_path)
    identity = open_registry(store).assign(srtio3)
    (row,) = store.read("leaders").to_pylist()
    assert (row["structure_id"], row["formula"]) == (identity.structure_id, "SrTiO3")
    assert (row["spacegroup"], row["primitive_nsites"]) == (221, 5)
    assert (row["scheme"], row["symprec"]) == (ROW_SCHEME, SYMPREC)
    assert (row["same_structure"], row["same_material"]) == (SAME_STRUCTURE, SAME_MATERIAL)
    assert np.isclose(row["length"], 3.905 / 5 ** (1 / 3))
    assert np.allclose(row["invariant"][:2], 3.905 / 2)


def test_only_leaders_of_the_formulas_asked_for_are_read(tmp_path, cubic_perovskite, srtio3):
    store, crystals = Store(tmp_path), perovskites(cubic_perovskite)
    open_registry(store).assign_batch(crystals)
    known = StoredLeaders(store)
    assert {x.formula for x in known.of(["SrTiO3"])} == {"SrTiO3"}
    assert len(list(known.of(["SrTiO3", "BaTiO3", "MgO"]))) == 2 * len(CELLS)


def test_candidates_that_came_without_leaders_get_them_once(
    tmp_path, cubic_perovskite, monkeypatch
):
    store, crystals = Store(tmp_path), perovskites(cubic_perovskite)
    identities = Registry().assign_batch(crystals)
    keep(store, crystals, identities)
    overlapping = Crystal(np.eye(3) * 4, [8, 8], [[0, 0, 0], [0.0005, 0, 0]])
    odd = [
        tables.candidate_row(overlapping, structure_id="overlapping"),
        {"structure_id": "bare", "formula": "SrTiO3", "chemsys": "O-Sr-Ti", "nsites": 0},
    ]
    store.upsert("candidates", tables.from_rows("candidates", odd))
    assert StoredLeaders(store).catch_up() == len(crystals)
    found = open_registry(store).assign_batch(crystals)
    assert [x.structure_id for x in found] == [x.structure_id for x in identities]

    def never(*_args, **_options):
        raise AssertionError("nothing is left to compute")

    monkeypatch.setattr(leaders, "fingerprints_in_chunks", never)
    assert StoredLeaders(store).catch_up() == 0


def test_rows_of_another_scheme_are_made_anew(tmp_path, srtio3, monkeypatch):
    store = Store(tmp_path)
    keep(store, [srtio3], [open_registry(store).assign(srtio3)])
    monkeypatch.setattr(leaders, "ROW_SCHEME", "distances-1/phases-99")
    assert StoredLeaders(store).catch_up() == 1
    assert not open_registry(store).assign(srtio3).is_new


def test_a_leader_whose_candidate_was_never_stored_is_new_again_once(tmp_path, srtio3):
    store = Store(tmp_path)
    lost = open_registry(store).assign(srtio3)  # and the process ends here
    assert lost.is_new
    registry = open_registry(store)
    first, second = registry.assign_batch([srtio3, srtio3])
    assert (first.structure_id, first.is_new) == (lost.structure_id, True)
    assert not second.is_new
    keep(store, [srtio3], [first])
    assert not open_registry(store).assign(srtio3).is_new


def test_a_leader_that_another_process_claimed_meanwhile_is_seen(tmp_path, srtio3):
    store = Store(tmp_path)
    mine, other = open_registry(store), open_registry(store)
    rng = np.random.default_rng(0)
    first = other.assign(described(srtio3, rng))
    second = mine.assign(described(srtio3, rng))
    assert first.is_new
    assert not second.is_new
    assert first.structure_id == second.structure_id
    assert store.read("leaders").num_rows == 1


def test_a_bad_crystal_leaves_the_others_of_a_batch_alone(tmp_path, srtio3, batio3):
    overlapping = Crystal(np.eye(3) * 4, [8, 8], [[0, 0, 0], [0.0005, 0, 0]])
    registry = open_registry(Store(tmp_path))
    first, bad, second = registry.assign_batch([srtio3, overlapping, batio3])
    assert isinstance(bad, StructureError)
    assert first.is_new
    assert second.is_new
    assert registry.assign_batch([]) == []


def test_memory_lets_go_of_formulas_but_the_store_does_not(tmp_path, cubic_perovskite, monkeypatch):
    monkeypatch.setattr("matscreen.identity._KEPT_LEADERS", 2)
    store, crystals = Store(tmp_path), perovskites(cubic_perovskite)
    registry = open_registry(store)
    first = [registry.assign(crystal) for crystal in crystals]
    assert all(x.is_new for x in first)
    assert [registry.assign(crystal).structure_id for crystal in crystals] == [
        x.structure_id for x in first
    ]
    assert sum(len(x) for x in registry._formulas.values()) <= 2 + len(CELLS)
    # The same holds for a table in memory.
    bounded = Registry.from_candidates(tables.from_rows("candidates", []))
    assert [bounded.assign(crystal) for crystal in crystals] == first
    assert not any(bounded.assign(crystal).is_new for crystal in crystals)


def test_many_small_files_are_joined_and_nothing_is_lost(tmp_path, cubic_perovskite, monkeypatch):
    monkeypatch.setattr(leaders, "_MANY_FILES", 5)
    store, crystals = Store(tmp_path), perovskites(cubic_perovskite)
    registry = open_registry(store)
    identities = [registry.assign(crystal) for crystal in crystals]
    keep(store, crystals, identities)
    again = open_registry(store)
    assert len(StoredLeaders(store)._table.file_uris()) < 5
    assert not any(x.is_new for x in again.assign_batch(crystals))
    assert store.read("leaders").num_rows == len(crystals)


def test_the_bundle_is_known_after_it_is_loaded(tmp_path):
    store = Store(tmp_path)
    stages.load_bundle(store)
    registry = open_registry(store)
    table = store.read("candidates").slice(0, 400)
    found = registry.assign_batch(list(CrystalBatch.from_arrow(table)))
    assert [x.structure_id for x in found] == table["structure_id"].to_pylist()
    assert [x.material_id for x in found] == table["material_id"].to_pylist()
    assert not any(x.is_new for x in found)


def test_two_processes_that_add_the_same_crystals_give_each_one_id(
    tmp_path, cubic_perovskite, repo
):
    crystals = perovskites(cubic_perovskite)
    open_registry(Store(tmp_path))
    workers = []
    for seed in ("0", "1"):
        script = str(repo / "tests" / "add_described.py")
        command = [sys.executable, script, str(tmp_path), seed, *map(str, CELLS)]
        workers.append(subprocess.Popen(command, stderr=subprocess.PIPE))
    deadline = time.monotonic() + 120
    while len(list(tmp_path.glob("ready-*"))) < 2:
        assert time.monotonic() < deadline
        assert all(worker.poll() is None for worker in workers)
        time.sleep(0.05)
    (tmp_path / "go").touch()
    for worker in workers:
        _, problems = worker.communicate(timeout=120)
        assert worker.returncode == 0, problems.decode()
    store = Store(tmp_path)
    names = store.read("leaders")["structure_id"].to_pylist()
    assert len(names) == len(set(names)) == len(crystals)
    assert sorted(store.read("candidates")["structure_id"].to_pylist()) == sorted(names)
    assert not any(x.is_new for x in open_registry(store).assign_batch(crystals))
