"""Add other descriptions of cubic titanates to a store, one a page: one process of a race.

Run as `python tests/add_described.py STORE SEED CELL...`; it starts when the file STORE/go appears.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path

import numpy as np

from matscreen import tables
from matscreen.leaders import open_registry
from matscreen.store import Store
from matscreen.structures import Crystal

A_SITES = (20, 38, 56)
COORDS = np.array([[0, 0, 0], [0.5, 0.5, 0.5], [0.5, 0.5, 0], [0.5, 0, 0.5], [0, 0.5, 0.5]])


def main(root: Path, seed: int, cells: list[float]) -> None:
    store, rng = Store(root), np.random.default_rng(seed)
    registry = open_registry(store)
    (root / f"ready-{seed}").touch()
    while not (root / "go").exists():
        time.sleep(0.01)
    pairs = [(a, cell) for a in A_SITES for cell in cells]
    for i in rng.permutation(len(pairs)):
        a, cell = pairs[i]
        order = rng.permutation(5)
        turn = np.linalg.qr(rng.normal(size=(3, 3)))[0]
        noise = rng.uniform(-1e-4, 1e-4, (5, 3)) / cell
        crystal = Crystal(
            cell * turn, np.array([a, 22, 8, 8, 8])[order], (COORDS + noise + rng.random(3))[order]
        )
        identity = registry.assign(crystal)
        if identity.is_new:
            row = tables.candidate_row(
                crystal,
                structure_id=identity.structure_id,
                spacegroup=identity.spacegroup,
                material_id=identity.material_id,
            )
            store.upsert("candidates", tables.from_rows("candidates", [row]))


if __name__ == "__main__":
    main(Path(sys.argv[1]), int(sys.argv[2]), [float(cell) for cell in sys.argv[3:]])
