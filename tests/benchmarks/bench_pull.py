"""How fast structures come from an OPTIMADE server on this machine into a store.

    python tests/benchmarks/bench_pull.py [-n 1000] [--source prototypes] [--profile]
    python tests/benchmarks/bench_pull.py --source dataset:petretto_dielectric [--mirror FOLDER]
    python tests/benchmarks/bench_pull.py --jsonl structures.jsonl.gz

Serves the crystals of a source (or a file of OPTIMADE JSON Lines) from the reference implementation
in a process of its own, pulls them with conversion, cleaning, identity and storing, and checks that
what is stored equals what was loaded.
"""

from __future__ import annotations

import argparse
import cProfile
import gzip
import json
import pstats
import sys
import tempfile
import time
from pathlib import Path
from types import ModuleType

import numpy as np

from matscreen.pulling import Tally, pull_each
from matscreen.sources import Source, open_source
from matscreen.sources.streams import arrivals
from matscreen.store import Store
from matscreen.structures import CrystalBatch

# The tests are no installed package, and other packages install one of that name.
TESTS = ModuleType("tests")
TESTS.__path__ = [str(Path(__file__).resolve().parents[1])]
sys.modules["tests"] = TESTS

from tests.sources.optimade_data import entry_of  # noqa: E402
from tests.sources.servers import start_optimade  # noqa: E402


def generated(n: int, source: Source) -> list[dict]:
    """Return entries of the first `n` crystals of a source."""
    entries: list[dict] = []
    for page in source.pages():
        for item in page.items:
            entries.append(entry_of(item.source_id, item.crystal, changed=len(entries)))
            if len(entries) == n:
                return entries
    return entries


def from_file(path: Path) -> list[dict]:
    """Return the structures of a file of OPTIMADE JSON Lines."""
    opener = gzip.open if path.suffix == ".gz" else open
    with opener(path, "rt") as lines:
        documents = map(json.loads, lines)
        return [each for each in documents if each.get("type") == "structures"]


def check(store: Store, entries: list[dict], tally: Tally) -> None:
    """Compare every stored structure with its entry; shapes and sites must be those loaded.

    Raises:
        AssertionError: An entry is missing, doubled, or differs.
    """
    assert tally.entries == len(entries), (tally.entries, len(entries))
    failed = set(store.read("failures")["structure_id"].to_pylist())
    provenance = store.read("provenance").to_pylist()
    by_entry = {row["source_id"]: row["structure_id"] for row in provenance}
    assert len(by_entry) == len(provenance)
    assert len(by_entry) + len(failed) == len(entries)
    batch = CrystalBatch.from_arrow(store.read("candidates"))
    place = {name: index for index, name in enumerate(batch.ids)}
    assert len(place) == len(batch)
    compared = 0
    taken: set[str] = set()
    for entry in entries:
        structure_id = by_entry.get(entry["id"])
        if structure_id is None or structure_id in taken:
            continue
        # The first entry of a structure is the one that is stored.
        taken.add(structure_id)
        crystal, attributes = batch[place[structure_id]], entry["attributes"]
        np.testing.assert_allclose(crystal.lattice, attributes["lattice_vectors"], atol=1e-8)
        np.testing.assert_allclose(
            crystal.frac_coords @ crystal.lattice,
            attributes["cartesian_site_positions"],
            atol=1e-8,
        )
        compared += 1
    assert compared == len(batch)
    print(f"equal to what was loaded: {compared} structures, {len(by_entry)} entries")


def main() -> None:
    """Run the benchmark."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("-n", type=int, default=1000, help="structures to serve, at most")
    parser.add_argument("--source", default="prototypes", help="where they come from")
    parser.add_argument("--mirror", type=Path, help="folder with the files of a data set")
    parser.add_argument("--jsonl", type=Path, help="serve this file instead")
    parser.add_argument("--page-limit", type=int, default=500)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--profile", action="store_true")
    args = parser.parse_args()
    options = {"mirror": args.mirror} if args.mirror else {}
    entries = (
        from_file(args.jsonl)
        if args.jsonl
        else generated(args.n, open_source(args.source, **options))
    )
    with tempfile.TemporaryDirectory() as folder:
        place = Path(folder)
        with start_optimade(entries, place, page_limit_max=args.page_limit) as url:
            source = open_source("optimade", url=url, filter="", page_limit=args.page_limit)
            # The first pull of a process also loads the libraries and compiled code.
            pull_each(Store(place / "warm"), open_source("optimade", url=url, max_items=50))
            began = time.perf_counter()
            sent = sum(len(each.raw.entries) for each in arrivals(source.streams()) if each.raw)
            alone = time.perf_counter() - began
            print(f"the server alone sends {sent} entries in {alone:.2f} s: {sent / alone:.0f}/s")
            for number in range(args.rounds):
                store = Store(place / str(number))
                profile = cProfile.Profile() if args.profile and number == 0 else None
                began, cpu = time.perf_counter(), time.process_time()
                if profile:
                    profile.enable()
                (tally,) = pull_each(store, source)
                if profile:
                    profile.disable()
                    pstats.Stats(profile).sort_stats("cumulative").print_stats(60)
                seconds, cpu = time.perf_counter() - began, time.process_time() - cpu
                print(
                    f"{tally.entries} entries in {seconds:.2f} s: {tally.entries / seconds:.0f}/s; "
                    f"{cpu:.2f} s of processor: {tally.entries / cpu:.0f}/s "
                    f"({tally.new} new, {tally.duplicates} duplicates, {tally.failed} failed)"
                )
                check(store, entries, tally)


if __name__ == "__main__":
    main()
