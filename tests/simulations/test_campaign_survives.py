"""What a campaign must survive: kill -9, readers beside it, crystals without hope."""

from __future__ import annotations

import signal
import subprocess
import sys
import time

import numpy as np

from matscreen.simulations.bundle import export_bundle, read_table
from matscreen.simulations.campaign import run_campaign
from matscreen.simulations.journal import Journal
from matscreen.sources import open_source
from matscreen.sources.base import SourceItem
from matscreen.structures import Crystal
from tests.simulations.conftest import perovskite
from tests.simulations.test_campaign import METALS, PROGRAM, metal_items


def test_nothing_is_lost_or_done_twice_however_often_a_campaign_is_killed(tmp_path):
    program = tmp_path / "program.py"
    program.write_text(PROGRAM)
    out, bundle, n = tmp_path / "out", tmp_path / "bundle", 60
    kept: list[str] = []
    for _ in range(2):
        process = subprocess.Popen([sys.executable, program, out, str(n)])
        deadline = time.monotonic() + 60
        while time.monotonic() < deadline and process.poll() is None:
            # This process reads the journal, and makes a bundle of it, while the other writes.
            seen = [record.key for record in Journal(out).records()]
            assert seen[: len(kept)] == kept
            if len(seen) >= len(kept) + 3:
                export_bundle(out, bundle)
                break
            time.sleep(0.01)
        process.send_signal(signal.SIGKILL)
        process.wait()
        kept = [record.key for record in Journal(out).records()]
    assert 6 <= len(kept) < n, "the campaign ended before it could be killed"

    run_campaign(metal_items(n), out, "emt", workers=2)

    after = [record.key for record in Journal(out).records()]
    assert after[: len(kept)] == kept
    assert len(after) == len(set(after)) == n
    export_bundle(out, bundle)
    table = read_table(bundle, "labels")
    columns = ("structure_id", "property", "method")
    keys = list(zip(*(table[c].to_pylist() for c in columns), strict=True))
    assert len(keys) == len(set(keys))
    energies = [key for key in keys if key[1] == "energy_per_atom"]
    candidates = read_table(bundle, "candidates").to_pylist()
    # Cells of one metal relax into the same crystal and share its row.
    assert {key[0] for key in energies} <= {row["structure_id"] for row in candidates}
    assert len(energies) >= len(METALS)


def hard_items() -> dict[str, SourceItem]:
    """Crystals that strain a campaign, by what is the matter with them."""
    from ase.build import bulk

    cu = metal_items(1)[0].crystal
    crystals = {
        "overlapping": Crystal(cu.lattice, [29, 29], [[0, 0, 0], [0, 0, 0.02]]),
        "unknown element": Crystal(cu.lattice, [92] * 4, cu.frac_coords),
        "oxygen unknown": perovskite(),
        "far apart": Crystal(np.eye(3) * 40.0, [29, 29], [[0, 0, 0], [0.5, 0.5, 0.5]]),
        "400 atoms": Crystal.from_ase(bulk("Cu", "fcc", a=3.6, cubic=True).repeat((4, 5, 5))),
    }
    return {
        name: SourceItem(crystal, "test", name, None, name) for name, crystal in crystals.items()
    }


def test_every_hopeless_crystal_is_a_failure_row_and_the_campaign_goes_on(tmp_path):
    hard = hard_items()
    items = [*hard.values(), *metal_items(3)]
    progress = run_campaign(items, tmp_path / "out", "emt", workers=2, time_limit=20.0)
    records = {record.root: record for record in Journal(tmp_path / "out").records()}
    assert len(records) == len(items)
    assert progress.done["relaxation"] >= 3
    for name in ("overlapping", "unknown element", "oxygen unknown"):
        record = records[hard[name].crystal.content_hash]
        assert not record.ok, name
        assert record.reason not in (None, "unexpected"), (name, record.detail)
    export_bundle(tmp_path / "out", tmp_path / "bundle")
    failures = read_table(tmp_path / "bundle", "failures").to_pylist()
    failed = [record for record in records.values() if not record.ok]
    assert len(failures) == len(failed)
    assert all(row["reason"] and row["detail"] for row in failures)


def test_partial_occupancy_is_refused_by_the_source(tmp_path):
    (tmp_path / "mixed.cif").write_text(MIXED_CIF)
    pages = list(open_source(f"files:{tmp_path}").pages())
    assert [item for page in pages for item in page.items] == []
    failures = [failure for page in pages for failure in page.failures]
    assert [failure.reason for failure in failures] == ["disordered"]


MIXED_CIF = """data_mixed
_cell_length_a 3.9
_cell_length_b 3.9
_cell_length_c 3.9
_cell_angle_alpha 90
_cell_angle_beta 90
_cell_angle_gamma 90
_symmetry_space_group_name_H-M 'P 1'
loop_
_atom_site_label
_atom_site_type_symbol
_atom_site_fract_x
_atom_site_fract_y
_atom_site_fract_z
_atom_site_occupancy
Sr1 Sr 0 0 0 0.5
La1 La 0 0 0 0.5
Mn1 Mn 0.5 0.5 0.5 1
O1 O 0.5 0.5 0 1
O2 O 0.5 0 0.5 1
O3 O 0 0.5 0.5 1
"""
