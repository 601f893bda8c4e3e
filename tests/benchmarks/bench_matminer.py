"""Descriptors beside matminer: the same structures, the same run, one process each.

matminer needs pandas < 3 and so an environment of its own, made in `--peer` at the first run
(`make bench-descriptors`). Structures come from a mirror of published data sets (castelli_perov5,
COD files) or, without one, from the shipped bundle. Prints a table and writes
results/bench/descriptors.json: set, items_per_s, peer_items_per_s, ratio, max_abs_diff, failures,
peer_failures, peak_mb. Times are CPU seconds; ours the best of three passes after a warm-up.

    python tests/benchmarks/bench_matminer.py --peer .matscreen/peer [--mirror DIR]
"""

from __future__ import annotations

import argparse
import gzip
import json
import logging
import resource
import subprocess
import sys
import time
import venv
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

from matscreen.descriptors import featurize_formulas
from matscreen.descriptors.composition import Compositions, magpie_statistics, parse_formula
from matscreen.descriptors.electrostatics import ewald_energies
from matscreen.descriptors.radial import radial_distribution
from matscreen.descriptors.sets import Analysis
from matscreen.descriptors.symmetry import symmetry_features
from matscreen.descriptors.voronoi import voronoi_features
from matscreen.descriptors.voronoi_cutting import MAX_ORDER
from matscreen.structures import Crystal, CrystalBatch

UNEQUAL = {
    # Distances that fall on the edge of a shell are rounded to either side.
    "radial distribution": "{} of {} shells",
    "symmetry": "{} of {} groups",
}
"""Features that agree or do not; what is counted."""
PEER = r"""
import json, sys, time, warnings
import numpy as np
warnings.simplefilter("ignore")
from pymatgen.core import Composition, Lattice, Structure
from matminer.featurizers.composition import ElementProperty
from matminer.featurizers.site import BondOrientationalParameter, CrystalNNFingerprint
from matminer.featurizers.structure import (
    EwaldEnergy, GlobalSymmetryFeatures, MaximumPackingEfficiency, RadialDistributionFunction,
    SiteStatsFingerprint, StructuralHeterogeneity,
)
given = json.load(sys.stdin)
structures = [Structure(Lattice(c["lattice"]), c["numbers"], c["coords"]) for c in given["crystals"]]
charged = []
for s, c in zip(structures, given["crystals"]):
    t = s.copy()
    if c["charges"]:
        t.add_oxidation_state_by_site(c["charges"])
    charged.append(t)
magpie = ElementProperty.from_preset("magpie")
bop = SiteStatsFingerprint(BondOrientationalParameter(max_l=10), stats=("mean",))
cnn = SiteStatsFingerprint(CrystalNNFingerprint.from_preset("ops"), stats=("mean",))
symmetry = GlobalSymmetryFeatures(desired_features=["spacegroup_num"])
work = {
    "Magpie from formulas": (lambda f: magpie.featurize(Composition(f)), given["formulas"]),
    "Voronoi heterogeneity": (StructuralHeterogeneity().featurize, structures),
    "maximum packing efficiency": (MaximumPackingEfficiency().featurize, structures),
    "bond-orientational order": (bop.featurize, structures),
    "CrystalNN fingerprint": (cnn.featurize, structures[: given["few"]]),
    "radial distribution": (RadialDistributionFunction().featurize, structures),
    "Ewald energy": (EwaldEnergy().featurize, charged),
    "symmetry": (symmetry.featurize, structures),
}
out = {}
for name, (call, items) in work.items():
    try:
        call(items[0])
    except Exception:
        pass
    rows, failed = [], 0
    start = time.process_time()
    for item in items:
        try:
            rows.append([float(x) for x in np.ravel(call(item))])
        except Exception:
            rows.append(None)
            failed += 1
    out[name] = {"seconds": time.process_time() - start, "rows": rows, "failures": failed}
# Values to compare with: at its default the peer stops at four digits. Not timed.
exact = EwaldEnergy(accuracy=12)
out["Ewald energy"]["rows"] = [
    [float(exact.featurize(c)[0])] if r is not None else None
    for c, r in zip(charged, out["Ewald energy"]["rows"])
]
json.dump(out, sys.stdout)
"""


def crystals(mirror: Path | None, count: int) -> list[Crystal]:
    """Take real structures: half perovskites, half other oxides."""
    if mirror is None:
        from matscreen.data import data_path
        from matscreen.simulations.bundle_reading import read_table

        table = read_table(data_path("bundle"), "candidates")
        assert table is not None
        step = max(len(table) // count, 1)
        picked = table.take(list(range(0, len(table), step))[:count])
        return list(CrystalBatch.from_arrow(picked))
    found: list[Crystal] = []
    with gzip.open(mirror / "castelli_perov5_structures.jsonl.gz", "rt") as file:
        for number, line in enumerate(file):
            if number % 700 == 0 and len(found) < count // 2:
                row = json.loads(line)
                found.append(_crystal(row.get("structure", row)))
    return [*found, *_cod(mirror, count - len(found))]


def _crystal(row: dict[str, Any]) -> Crystal:
    from pymatgen.core import Element, Structure

    if "lattice" in row and "species" in row:
        numbers = [Element(symbol).Z for symbol in row["species"]]
        return Crystal(np.array(row["lattice"]), np.array(numbers), np.array(row["frac_coords"]))
    return Crystal.from_pymatgen(Structure.from_dict(row))


def _cod(mirror: Path, count: int) -> list[Crystal]:
    from matscreen.errors import StructureError
    from matscreen.sources.cleaning import clean
    from matscreen.sources.files import open_files

    found: list[Crystal] = []
    for page in open_files(str(mirror / "cod_cif")).pages():
        for item in page.items:
            if isinstance(clean([item.crystal])[0], StructureError):
                continue
            if item.crystal.nsites <= 40:
                found.append(item.crystal)
            if len(found) >= count:
                return found
    return found


def peer_python(folder: Path) -> Path:
    """Make the environment of the peer once."""
    python = folder / "bin" / "python"
    if not python.exists():
        print(f"making {folder} with matminer (a minute or two)", flush=True)
        venv.create(folder, with_pip=True)
        subprocess.run(
            [python, "-m", "pip", "install", "-q", "matminer==0.10.1", "pandas<3"], check=True
        )
    return python


def timed(work: Callable[[], Any]) -> tuple[float, Any]:
    """Best of three passes after a warm-up, CPU seconds."""
    work()
    best, result = np.inf, None
    for _ in range(3):
        start = time.process_time()
        result = work()
        best = min(best, time.process_time() - start)
    return best, result


def profile(batch: CrystalBatch, path: Path) -> None:
    """Draw where the time of the set `full` goes, a bar a block, µs a structure."""
    import plotly.graph_objects as go

    from matscreen.descriptors import sets

    shared = {
        "composition": lambda a: a.compositions,
        "oxidation states": lambda a: a.charges,
        "neighbour lists": lambda a: a.neighbours,
        "bonds": lambda a: a.bonds,
        "sites": lambda a: a.sites,
    }
    blocks = {
        "Magpie and other statistics": sets.COMPOSITION,
        "site properties": sets.SITES,
        "geometry": sets.GEOMETRY,
        "symmetry": sets.SYMMETRY,
        "octahedra": sets.OCTAHEDRA,
        "Voronoi": sets.VORONOI,
        "radial distribution": sets.RADIAL,
        "Ewald": sets.ELECTROSTATICS,
    }
    best: dict[str, float] = {}
    for _ in range(4):
        analysis = Analysis(batch)
        for name, step in {**shared, **{n: b.compute for n, b in blocks.items()}}.items():
            start = time.process_time()
            step(analysis)
            spent = 1e6 * (time.process_time() - start) / len(batch)
            best[name] = min(best.get(name, np.inf), spent)
    order = sorted(best, key=lambda name: best[name])
    figure = go.Figure(
        go.Bar(
            x=[best[name] for name in order],
            y=order,
            orientation="h",
            marker_color="#8aa0b5",
            text=[f"{best[name]:.0f}" for name in order],
        )
    )
    figure.update_layout(
        template="plotly_white",
        title=f"Set full: {sum(best.values()):.0f} µs a structure, one process",
        xaxis_title="µs a structure",
        width=900,
        height=480,
        font={"family": "system-ui, sans-serif", "color": "#1d2733"},
    )
    path.parent.mkdir(parents=True, exist_ok=True)
    figure.write_html(path, include_plotlyjs=True)
    print(f"where the time goes: {path}")


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--peer", type=Path, default=Path(".matscreen/peer"))
    parser.add_argument("--mirror", type=Path)
    parser.add_argument("--count", type=int, default=60)
    parser.add_argument("--few", type=int, default=20, help="structures for CrystalNN")
    parser.add_argument("--out", type=Path, default=Path("results/bench/descriptors.json"))
    arguments = parser.parse_args()
    logging.getLogger("moyo").setLevel(logging.ERROR)
    picked = crystals(arguments.mirror, arguments.count)
    batch = CrystalBatch.from_crystals(picked)
    analysis = Analysis(batch)
    charge = analysis.charges[analysis.row, analysis.slot]
    formulas = [crystal.formula for crystal in picked] * (2000 // len(picked) + 1)
    given = {
        "formulas": formulas,
        "few": arguments.few,
        "crystals": [
            {
                "lattice": crystal.lattice.tolist(),
                "numbers": crystal.atomic_numbers.tolist(),
                "coords": crystal.frac_coords.tolist(),
                "charges": [float(q) for q in charge[batch.offsets[i] : batch.offsets[i + 1]]]
                if np.isfinite(charge[batch.offsets[i] : batch.offsets[i + 1]]).all()
                else None,
            }
            for i, crystal in enumerate(picked)
        ],
    }
    answer = subprocess.run(
        [peer_python(arguments.peer), "-c", PEER],
        input=json.dumps(given),
        capture_output=True,
        text=True,
        check=True,
    )
    peer = json.loads(answer.stdout)
    sites = np.diff(batch.offsets)
    row = analysis.row
    packed = Compositions.from_amounts([parse_formula(formula) for formula in formulas] * 20)
    ours: dict[str, tuple[str, int, Callable[[], Any], Callable[[Any], Any]]] = {
        "Magpie from arrays": (
            "Magpie from formulas",
            len(packed),
            lambda: magpie_statistics(packed),
            lambda found: found[: len(formulas)],
        ),
        "Magpie from formulas": (
            "Magpie from formulas",
            len(formulas),
            lambda: magpie_statistics(
                Compositions.from_amounts([parse_formula(formula) for formula in formulas])
            ),
            lambda found: found,
        ),
        "composition set from formulas": (
            "Magpie from formulas",
            len(formulas),
            lambda: featurize_formulas(formulas).values,
            lambda found: found[:, :132],
        ),
        "Voronoi heterogeneity": (
            "Voronoi heterogeneity",
            len(picked),
            lambda: voronoi_features(batch, row),
            lambda found: found[:, :9],
        ),
        "maximum packing efficiency": (
            "maximum packing efficiency",
            len(picked),
            lambda: voronoi_features(batch, row),
            lambda found: found[:, 9:10],
        ),
        "bond-orientational order": (
            "bond-orientational order",
            len(picked),
            lambda: voronoi_features(batch, row),
            lambda found: found[:, 12 : 12 + MAX_ORDER],
        ),
        "site fingerprint, other values": (
            "CrystalNN fingerprint",
            len(picked),
            lambda: voronoi_features(batch, row),
            lambda found: None,
        ),
        "radial distribution": (
            "radial distribution",
            len(picked),
            lambda: radial_distribution(batch),
            lambda found: found * sites[:, None],
        ),
        "Ewald energy": (
            "Ewald energy",
            len(picked),
            lambda: ewald_energies(batch, charge),
            lambda found: (found / sites)[:, None],
        ),
        "symmetry": (
            "symmetry",
            len(picked),
            lambda: symmetry_features(batch),
            lambda found: found[:, :1],
        ),
    }
    records = []
    print(f"{len(picked)} structures, {sites.mean():.1f} sites on average; CPU of one process")
    head = (
        f"{'':32s} {'per s':>12s} {'peer':>9s} {'ratio':>9s} {'largest difference':>19s} failures"
    )
    print(head)
    for name, (of, count, work, compare) in ours.items():
        seconds, found = timed(work)
        theirs = peer[of]
        rate, peer_rate = count / seconds, len(theirs["rows"]) / theirs["seconds"]
        mine = compare(found)
        worst, shown = None, ""
        failures = 0
        if mine is not None:
            failures = int(np.isnan(mine).all(axis=1).sum())
            differences = [
                np.abs(np.asarray(b) - a)
                for a, b in zip(mine, theirs["rows"], strict=True)
                if b is not None and np.isfinite(a).all() and np.isfinite(b).all()
            ]
            worst = float(max(d.max() for d in differences))
            if name in UNEQUAL:
                count_of = sum(int((d > 1e-8).sum()) for d in differences)
                shown = UNEQUAL[name].format(count_of, sum(map(np.size, differences)))
        record = {
            "set": name,
            "items_per_s": rate,
            "peer_items_per_s": peer_rate,
            "ratio": rate / peer_rate,
            "max_abs_diff": worst,
            "unequal": shown if name in UNEQUAL else None,
            "failures": failures,
            "peer_failures": theirs["failures"],
            "peak_mb": resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024,
        }
        records.append(record)
        if mine is None:
            shown = "other quantity"
        elif name not in UNEQUAL:
            shown = f"{worst:.1e}"
        print(
            f"{name:32s} {rate:12,.0f} {peer_rate:9,.1f} {rate / peer_rate:9,.0f} {shown:>19s} "
            f"{failures} / {theirs['failures']}"
        )
    arguments.out.parent.mkdir(parents=True, exist_ok=True)
    arguments.out.write_text(json.dumps(records, indent=2) + "\n")
    print(f"written to {arguments.out}", file=sys.stderr)
    profile(batch, arguments.out.with_suffix(".html"))


if __name__ == "__main__":
    main()
