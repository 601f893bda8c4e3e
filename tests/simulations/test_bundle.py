from __future__ import annotations

from dataclasses import replace

import pytest

from matscreen.simulations import derived
from matscreen.simulations.base import Label
from matscreen.simulations.bundle import export_bundle, write_derived
from matscreen.simulations.bundle_reading import (
    DERIVED,
    derived_file,
    known_records,
    read_table,
    stored_references,
)
from matscreen.simulations.element_states import reference_items
from matscreen.simulations.journal import Journal, Record
from matscreen.simulations.labelling import label_rows
from matscreen.sources.base import SourceItem
from matscreen.tables import recipe_order
from tests.simulations.conftest import perovskite

HOPS = (
    Label("oxygen_migration_barrier", 0.6, 0.3, site="O2", path="O2-O3"),
    Label("oxygen_migration_barrier", 0.9, 0.3, site="O2", path="O2-O4"),
    Label("oxygen_migration_barrier", 0.7, 0.3, site="O2", path="O2-O3", charge=2),
    Label("thermal_conductivity", 9.0, 8.0, temperature=300.0),
    Label("thermal_conductivity", 4.0, 4.0, temperature=600.0),
)


def record(item: SourceItem, simulation: str, *labels: Label, **changes: object) -> Record:
    base = Record(
        item.crystal.content_hash,
        item.crystal.content_hash,
        simulation,
        "1",
        "emt",
        "ase-1.0",
        labels=labels,
        seconds=10.0,
        cpu_seconds=5.0,
        at="2026-01-01T00:00:00+00:00",
    )
    return replace(base, **changes)


@pytest.fixture
def item() -> SourceItem:
    return SourceItem(perovskite(), "prototypes", "BaTiO3/cubic", "CC0-1.0", "perovskite-Pm-3m")


@pytest.fixture
def relaxed():
    return perovskite(edge=4.05)


@pytest.fixture
def journal(tmp_path, item, relaxed):
    journal = Journal(tmp_path / "out")
    journal.append_inputs([item])
    journal.append(
        record(item, "relaxation", Label("energy_per_atom", -8.0, 0.03), relaxed=relaxed)
    )
    return journal


def labels_of(bundle, method: str) -> list[tuple[float, str]]:
    return sorted(
        (row["value"], row["version"])
        for row in read_table(bundle, "labels").to_pylist()
        if row["method"] == method
    )


def test_labels_that_differ_in_site_path_charge_or_temperature_all_come_back(
    journal, item, relaxed, tmp_path
):
    hops = record(item, "oxygen_migration", *HOPS, crystal_hash=relaxed.content_hash)
    journal.append(hops)
    bundle = tmp_path / "bundle"
    assert export_bundle(journal.folder, bundle).rows["labels"] == 6
    (back,) = [
        r for r in known_records(bundle, [item], "emt") if r.simulation == "oxygen_migration"
    ]
    assert back.key == hops.key
    assert set(back.labels) == set(HOPS)
    rows = read_table(bundle, "labels").to_pylist()
    cost = [row["joules"] for row in rows if row["method"].startswith("oxygen_migration")]
    assert sum(cost) == pytest.approx(5.0 * 10.0)


def test_a_higher_version_replaces_what_a_lower_one_found(journal, item, relaxed, tmp_path):
    bundle = tmp_path / "bundle"
    well = record(
        item,
        "double_well",
        Label("well_depth", 1.0, 0.4, path="Pm-3m"),
        Label("polar_barrier", 0.5, 0.4, path="old path"),
        crystal_hash=relaxed.content_hash,
        version="2",
    )
    journal.append(well)
    export_bundle(journal.folder, bundle)
    journal.append(
        replace(well, version="10", labels=(Label("well_depth", 2.0, 0.4, path="Pm-3m"),))
    )
    export = export_bundle(journal.folder, bundle)
    assert export.superseded["labels"] == 2
    assert labels_of(bundle, "double_well/emt") == [(2.0, "10+ase-1.0")]
    # nothing comes back from the journal, which still holds the old record
    again = export_bundle(journal.folder, bundle)
    assert not any(again.rows.values())
    assert not any(again.superseded.values())
    assert labels_of(bundle, "double_well/emt") == [(2.0, "10+ase-1.0")]
    # and a journal of an older version adds nothing either
    old = Journal(tmp_path / "old")
    old.append_inputs([item])
    for done in journal.records():
        if done.version != "10":
            old.append(done)
    assert export_bundle(old.folder, bundle).rows["labels"] == 0
    assert labels_of(bundle, "double_well/emt") == [(2.0, "10+ase-1.0")]


def test_a_newer_failure_takes_the_label_and_a_newer_success_the_failure(
    journal, item, relaxed, tmp_path
):
    bundle = tmp_path / "bundle"
    good = record(
        item, "double_well", Label("well_depth", 1.0, 0.4), crystal_hash=relaxed.content_hash
    )
    bad = replace(good, version="2", labels=(), reason="not_converged")
    journal.append(good)
    export_bundle(journal.folder, bundle)
    journal.append(bad)
    assert export_bundle(journal.folder, bundle).superseded["labels"] == 1
    assert labels_of(bundle, "double_well/emt") == []
    assert read_table(bundle, "failures").num_rows == 1
    assert not any(export_bundle(journal.folder, bundle).rows.values())
    journal.append(replace(good, version="3"))
    assert export_bundle(journal.folder, bundle).superseded == {"labels": 0, "failures": 1}
    assert labels_of(bundle, "double_well/emt") == [(1.0, "3+ase-1.0")]
    assert read_table(bundle, "failures").num_rows == 0
    assert not any(export_bundle(journal.folder, bundle).rows.values())


def test_versions_are_ordered_as_numbers():
    assert recipe_order("10+ase-3.0") > recipe_order("9+ase-4.0") > recipe_order("1.2+x")


def test_the_lowest_structure_of_an_element_is_its_reference(journal, tmp_path):
    (item,) = reference_items(["Cu"])
    journal.append_inputs([item])
    for energy in (-3.0, -3.5, -3.2):
        journal.append(
            record(item, "relaxation", Label("energy_per_atom", energy, 0.03), relaxed=item.crystal)
        )
    bundle = tmp_path / "bundle"
    export_bundle(journal.folder, bundle)
    assert stored_references(bundle)["Cu", "emt"]["energy_per_atom"] == -3.5
    journal.append(
        record(
            item,
            "relaxation",
            Label("energy_per_atom", -9.0, 0.03),
            relaxed=item.crystal,
            calculator="lj",
        )
    )
    export_bundle(journal.folder, bundle)
    assert stored_references(bundle)["Cu", "emt"]["energy_per_atom"] == -3.5
    assert stored_references(bundle)["Cu", "lj"]["energy_per_atom"] == -9.0


def test_derived_labels_are_made_anew_and_are_no_finished_work(
    journal, item, relaxed, tmp_path, monkeypatch
):
    bundle = tmp_path / "bundle"
    seen = []

    def shifted(labels, candidates, references):
        seen.append((labels.num_rows, candidates.num_rows, len(references)))
        return [
            {**row, "value": row["value"] + 1.0, "method": "corrected/emt"}
            for row in labels.to_pylist()
        ]

    monkeypatch.setattr(derived, "_makers", lambda: {DERIVED[1]: shifted})
    export_bundle(journal.folder, bundle)
    assert (bundle / derived_file(DERIVED[1])).exists()
    assert labels_of(bundle, "corrected/emt") == [(-7.0, "1+ase-1.0")]
    export_bundle(journal.folder, bundle)
    assert seen == [(1, 2, 0), (1, 2, 0)]  # it never sees its own rows
    assert {r.simulation for r in known_records(bundle, [item], "emt")} == {"relaxation"}
    monkeypatch.setattr(derived, "_makers", lambda: {DERIVED[1]: lambda *_: []})
    write_derived(bundle)
    assert not (bundle / derived_file(DERIVED[1])).exists()


def test_one_cost_is_split_over_the_labels_of_a_recipe():
    rows = label_rows(
        HOPS, structure_id="a", input_id="", method="m/emt", version="1+x", seconds=10.0
    )
    assert [row["seconds"] for row in rows] == [2.0] * 5
    assert {row["joules"] for row in rows} == {None}
    assert {row["input_id"] for row in rows} == {None}
    assert rows[3]["unit"] == "W/m/K"
