from __future__ import annotations

import inspect
import signal
import subprocess
import sys
import time
from dataclasses import replace

import numpy as np
import pyarrow.parquet as pq
import pytest

from matscreen import tables
from matscreen.errors import InputError
from matscreen.identity import Registry
from matscreen.simulations.base import Label
from matscreen.simulations.bundle import export_bundle, known_records, read_table
from matscreen.simulations.campaign import PAUSE_FILE, Scheduler, run_campaign
from matscreen.simulations.journal import Journal, Record, Task
from matscreen.simulations.planning import queue_orders
from matscreen.simulations.stability import Entry, reference_items, stability_labels
from matscreen.simulations.workers import Pool, simulate
from matscreen.sources.base import SourceItem
from matscreen.structures import Crystal
from tests.simulations.conftest import perovskite

METALS = (("Cu", 3.6), ("Ag", 4.1), ("Au", 4.1), ("Ni", 3.5), ("Pd", 3.9), ("Pt", 3.9), ("Al", 4.0))


def metal_items(count: int) -> list[SourceItem]:
    from ase.build import bulk

    items = []
    for i in range(count):
        symbol, edge = METALS[i % len(METALS)]
        atoms = bulk(symbol, "fcc", a=edge * (1 + 0.001 * (i // len(METALS))), cubic=True)
        crystal = Crystal.from_ase(atoms)
        items.append(SourceItem(crystal, "test", f"{symbol}-{i}", None, f"fcc-{i}"))
    return items


PROGRAM = f"""
from __future__ import annotations
import sys
from pathlib import Path
from matscreen.simulations.campaign import run_campaign
from matscreen.sources.base import SourceItem
from matscreen.structures import Crystal
METALS = {METALS!r}
{inspect.getsource(metal_items)}
if __name__ == "__main__":
    run_campaign(metal_items(int(sys.argv[2])), Path(sys.argv[1]), "emt", workers=1)
"""


def test_a_campaign_killed_with_9_resumes_where_it_was(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    out, n = tmp_path / "out", 60
    process = subprocess.Popen([sys.executable, program, out, str(n)])
    records = out / "records.jsonl"
    deadline = time.monotonic() + 60
    while time.monotonic() < deadline and process.poll() is None:
        if records.exists() and records.read_bytes().count(b"\n") >= 5:
            break
        time.sleep(0.01)
    assert process.poll() is None, "the campaign ended before it could be killed"
    process.send_signal(signal.SIGKILL)
    process.wait()
    before = [record.key for record in Journal(out).records()]
    assert 5 <= len(before) < n
    # A crash in the middle of a write leaves half a line.
    with records.open("ab") as file:
        file.write(b'{"crystal_hash": "abc", "ro')

    progress = run_campaign(metal_items(n), out, "emt", workers=1)

    after = [record.key for record in Journal(out).records()]
    assert progress.done["relaxation"] == n
    assert len(after) == len(set(after)) == n
    assert after[: len(before)] == before


def test_two_campaigns_cannot_share_a_folder(tmp_path):
    with Journal(tmp_path).locked(), pytest.raises(InputError, match="another campaign"):
        run_campaign(metal_items(1), tmp_path, "emt", workers=1)


def test_what_stops_the_vacancy_stops_the_hop_too():
    pool = Pool("emt", workers=1)
    try:
        pool.submit(Task(("oxygen_vacancy", "oxygen_migration"), metal_items(1)[0].crystal, "r"))
        records: list[Record] = []
        while len(records) < 2:
            records += pool.results(timeout=0.2)
    finally:
        pool.close()
    assert [(r.simulation, r.reason) for r in records] == [
        ("oxygen_vacancy", "no_oxygen"),
        ("oxygen_migration", "no_oxygen"),
    ]


def test_a_second_run_has_nothing_to_do_and_a_limit_is_kept(tmp_path):
    items = metal_items(6)
    assert run_campaign(items, tmp_path, "emt", workers=1, max_tasks=2).done["relaxation"] == 2
    assert run_campaign(items, tmp_path, "emt", workers=2).done["relaxation"] == 6
    size = (tmp_path / "records.jsonl").stat().st_size
    run_campaign(items, tmp_path, "emt", workers=1)
    assert (tmp_path / "records.jsonl").stat().st_size == size


def test_one_bad_crystal_is_a_failed_record_and_the_rest_goes_on(tmp_path):
    bad = SourceItem(perovskite(), "test", "bad", None, "perovskite-Pm-3m")
    progress = run_campaign([bad, *metal_items(2)], tmp_path, "emt", workers=1)
    assert progress.done["relaxation"] == 2
    assert progress.failed["relaxation"] == 1
    failed = [record for record in Journal(tmp_path).records() if not record.ok]
    assert failed[0].root == bad.crystal.content_hash
    assert failed[0].reason in ("calculator_failed", "unsupported_element")


def slow_task() -> Task:
    from ase.build import bulk

    atoms = bulk("Cu", "fcc", a=3.7, cubic=True).repeat(9)
    atoms.rattle(0.2, seed=1)
    return Task(("relaxation", "double_well"), Crystal.from_ase(atoms), "root")


@pytest.mark.parametrize("reason", ["worker_died", "time_limit"])
def test_dead_and_hanging_workers_are_replaced(reason):
    pool = Pool("emt", workers=1, time_limit=2.0 if reason == "time_limit" else 300.0)
    try:
        pool.submit(slow_task())
        if reason == "worker_died":
            time.sleep(0.5)
            pool._workers[0].process.kill()
        records: list[Record] = []
        while len(records) < 2:
            records += pool.results(timeout=0.2)
        assert [record.simulation for record in records] == ["relaxation", "double_well"]
        assert {record.reason for record in records} == {reason}
        pool._limit = 300.0
        pool.submit(Task(("relaxation",), metal_items(1)[0].crystal, "root"))
        records = []
        while not records:
            records += pool.results(timeout=0.2)
        assert records[0].ok
    finally:
        pool.close()


def test_pause_file_holds_new_tasks(tmp_path):
    (tmp_path / PAUSE_FILE).touch()
    seen = []

    def report(progress):
        seen.append((progress.paused, progress.done["relaxation"]))
        if len(seen) == 2:
            (tmp_path / PAUSE_FILE).unlink()

    run_campaign(metal_items(1), tmp_path, "emt", workers=1, report=report)
    assert seen[0] == (True, 0)
    assert seen[-1] == (False, 1)


def relaxed_record(item: SourceItem, energy: float, *, crystal: Crystal | None = None) -> Record:
    return Record(
        item.crystal.content_hash,
        item.crystal.content_hash,
        "relaxation",
        "1",
        "emt",
        "ase-test",
        labels=(Label("energy_per_atom", energy, 0.03), Label("volume_per_atom", 12.0, 0.3)),
        relaxed=crystal or item.crystal,
        seconds=4.0,
        cpu_seconds=2.0,
        at="2026-01-01T00:00:00+00:00",
    )


@pytest.fixture
def journal(tmp_path):
    journal = Journal(tmp_path / "out")
    grown = perovskite(edge=4.05)
    items = [
        SourceItem(perovskite(), "prototypes", "BaTiO3/cubic", "CC0-1.0", "perovskite-Pm-3m"),
        SourceItem(perovskite(38), "prototypes", "SrTiO3/cubic", "CC0-1.0", "perovskite-Pm-3m"),
    ]
    journal.append_inputs(items)
    journal.append(relaxed_record(items[0], -8.0, crystal=grown))
    journal.append(
        replace(
            relaxed_record(items[0], 0.0),
            crystal_hash=grown.content_hash,
            simulation="double_well",
            labels=(Label("well_depth", 1.0, 0.4, path="Pm-3m"),),
            relaxed=None,
        )
    )
    journal.append(
        replace(relaxed_record(items[1], 0.0), labels=(), relaxed=None, reason="not_converged")
    )
    return journal


def test_export_links_labels_to_the_relaxed_crystal_and_its_origin(journal, tmp_path):
    bundle = tmp_path / "bundle"
    export = export_bundle(journal.folder, bundle)
    assert export.rows == {"candidates": 3, "provenance": 3, "labels": 3, "failures": 1}
    for name in ("candidates", "provenance", "labels", "failures"):
        tables.check(name, pq.read_table(bundle / f"{name}-0001.parquet"))
    candidates = {row["structure_id"]: row for row in read_table(bundle, "candidates").to_pylist()}
    labels = read_table(bundle, "labels").to_pylist()
    for label in labels:
        relaxed = candidates[label["structure_id"]]
        assert relaxed["input_id"] == label["input_id"]
        assert candidates[label["input_id"]]["input_id"] is None
        assert np.isclose(relaxed["lattice"][0], 4.05)
    well = next(label for label in labels if label["property"] == "well_depth")
    assert (well["unit"], well["evidence"], well["method"]) == ("meV/Å³", "mlip", "double_well/emt")
    assert well["version"] == "1+ase-test"
    assert well["joules"] == pytest.approx(20.0)
    energy = next(label for label in labels if label["property"] == "energy_per_atom")
    assert energy["seconds"] == pytest.approx(2.0)  # the cost of a record is split over its labels
    failure = read_table(bundle, "failures").to_pylist()[0]
    assert failure["reason"] == "not_converged"
    assert candidates[failure["structure_id"]]["formula"] == "SrTiO3"


def test_export_twice_adds_nothing_and_new_work_is_a_new_part(journal, tmp_path):
    bundle = tmp_path / "bundle"
    export_bundle(journal.folder, bundle)
    assert not any(export_bundle(journal.folder, bundle).rows.values())
    item = SourceItem(perovskite(20), "prototypes", "CaTiO3/cubic", None, "perovskite-Pm-3m")
    journal.append_inputs([item])
    journal.append(relaxed_record(item, -7.0, crystal=perovskite(20, edge=3.9)))
    assert export_bundle(journal.folder, bundle).rows["labels"] == 2
    assert (bundle / "candidates-0002.parquet").exists()
    Registry.from_candidates(read_table(bundle, "candidates"))


def test_a_bundle_counts_as_done_work(journal, tmp_path):
    bundle = tmp_path / "bundle"
    export_bundle(journal.folder, bundle)
    items = list(journal.inputs().values())
    known = known_records(bundle, items, "emt")
    mine = {record.key for record in journal.records() if record.ok}
    assert {record.key for record in known} == mine
    relaxed = next(record for record in known if record.simulation == "relaxation")
    assert relaxed.relaxed.content_hash == perovskite(edge=4.05).content_hash


def test_all_kinds_of_work_grow_together():
    items = [SourceItem(perovskite(a), "test", str(a), None, "perovskite-Pm-3m") for a in (56, 38)]
    extra = [SourceItem(perovskite(a), "t", str(a), None, "perovskite-Pm-3m") for a in (20, 82, 12)]
    scheduler = Scheduler([*items, *extra], "emt")
    version = scheduler._calculator_version
    scheduler.begin(
        replace(relaxed_record(item, -8.0), calculator_version=version) for item in items
    )
    kinds = []
    for _ in range(9):
        task = scheduler.next()
        kinds.append(task.simulations)
        for name in task.simulations:
            scheduler.finish(
                Record(
                    task.crystal.content_hash,
                    task.root,
                    name,
                    "1",
                    "emt",
                    version,
                    reason="test",
                    cpu_seconds=10.0,
                )
            )
    assert {kind[0] for kind in kinds} == {
        "relaxation",
        "double_well",
        "oxygen_vacancy",
        "elastic",
        "insertion_voltage",
    }
    assert ("oxygen_vacancy", "oxygen_migration") in kinds


def test_famous_compounds_come_first_and_phases_stay_together():
    items = [
        SourceItem(perovskite(12, 72), "t", "1", None, "perovskite-Pm-3m"),
        SourceItem(perovskite(56, 22), "t", "2", None, "perovskite-Pm-3m"),
        SourceItem(perovskite(12, 72, edge=4.1), "t", "3", None, "perovskite-P4mm"),
    ]
    orders = queue_orders(items)
    assert orders[1] < orders[0] == orders[2]


def test_unexpected_errors_are_records():
    class Odd:
        name, version = "odd", "0"

        def calculator(self):
            raise ZeroDivisionError("odd")

    record = simulate(Task(("relaxation",), perovskite(), "r"), "relaxation", Odd())
    assert (record.reason, record.ok) == ("unexpected", False)
    assert Record.from_json(record.to_json()).detail == record.detail


def entry(name: str, counts: dict[str, int], energy: float) -> Entry:
    return Entry(name, None, counts, energy, "emt")


def test_hull_of_three_oxides_by_hand():
    elements = {"Ba": -2.0, "Ti": -8.0, "O2": -5.0}
    entries = [
        entry("BaO", {"Ba": 1, "O": 1}, -6.0),
        entry("TiO2", {"Ti": 1, "O": 2}, -9.0),
        entry("good", {"Ba": 1, "Ti": 1, "O": 3}, -8.0),
        entry("bad", {"Ba": 1, "Ti": 1, "O": 3}, -7.5),
    ]
    labels = {
        (e.structure_id, label.property): label.value
        for e, label in stability_labels(entries, elements, oxide_correction=0.0)
    }
    assert labels["BaO", "formation_energy_per_atom"] == pytest.approx(-2.5)
    assert labels["good", "energy_above_hull"] == 0.0
    # BaO + TiO2 is (2 * -6 - 3 * 9) / 5 = -7.8 per atom: `good` is the hull itself.
    assert labels["bad", "energy_above_hull"] == pytest.approx(0.5)
    shifted = stability_labels(entries[:1], {"Ba": -2.0, "O2": -5.0}, oxide_correction=-0.687)
    assert shifted[0][1].value == pytest.approx(-2.5 - 0.687 / 2)


def test_no_hull_label_without_the_binary_oxides():
    found = stability_labels(
        [entry("x", {"Ba": 1, "Ti": 1, "O": 3}, -8.0)],
        {"Ba": -2.0, "Ti": -8.0, "O2": -5.0},
        oxide_correction=0.0,
    )
    assert [label.property for _, label in found] == ["formation_energy_per_atom"]


def test_reference_states_cover_elements_that_ase_cannot_build():
    items = reference_items(["Cu", "Mn", "O", "Cu"])
    assert [item.prototype for item in items] == [
        "element-ground",
        "element-bcc",
        "element-fcc",
        "element-hcp",
        "element-O2",
    ]
