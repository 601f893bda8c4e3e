"""The numbers of the data card: `python tests/benchmarks/bench_bundle.py [BUNDLE] [MIRROR]`.

With the folder of a mirror (or MATSCREEN_MIRROR) that holds materials_project_2018.csv.gz it also
compares formation energies with published ones, by cation.
"""

from __future__ import annotations

import os
import sys
import time
from pathlib import Path

from matscreen.simulations.bundle_reading import read_table, stored_references
from matscreen.simulations.derived import stability_rows
from matscreen.validation.data_card import data_card, markdown
from matscreen.validation.stability import MIRROR_FILE, formation_energies, hull_agreement


def main(bundle: Path, mirror: Path | None) -> None:
    print(data_card(bundle))
    labels = read_table(bundle, "labels", derived=False)
    candidates = read_table(bundle, "candidates")
    start = time.process_time()
    rows = stability_rows(labels, candidates, stored_references(bundle))
    print(f"{len(rows)} stability labels in {time.process_time() - start:.1f} CPU s\n")
    if mirror is None or not (mirror / MIRROR_FILE).exists():
        print(f"no mirror with {MIRROR_FILE}: formation energies are not compared")
        return
    print("### Formation energies against the Materials Project of 2018, eV/atom\n")
    print(markdown(formation_energies(mirror, bundle=bundle).round(3)))
    print(
        f"\nhull distances: { {k: round(v, 3) for k, v in hull_agreement(mirror, bundle=bundle).items()} }"
    )


if __name__ == "__main__":
    root = Path(__file__).resolve().parents[2]
    folder = Path(sys.argv[1]) if len(sys.argv) > 1 else root / "data" / "bundle"
    place = sys.argv[2] if len(sys.argv) > 2 else os.environ.get("MATSCREEN_MIRROR")
    main(folder, Path(place) if place else None)
