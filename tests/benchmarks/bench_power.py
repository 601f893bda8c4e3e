"""What waiting for clean hours saves: `python tests/benchmarks/bench_power.py [-o FILE]`.

Replays 1,000 starts of a year for several jobs and writes `results/bench/power.json`. The synthetic
year is always there; the measured years of California and Duke Energy Carolinas are replayed where
the package that carries them is installed (`pip install --no-deps python-microgrid`).
"""

from __future__ import annotations

import argparse
import json
import time
from datetime import timedelta
from pathlib import Path

from matscreen.commands.replaying import replay_all
from matscreen.errors import InputError
from matscreen.power.trace_names import trace_source, whole_year

JOBS = ((4, 24), (12, 48), (12, 168), (48, 168))
HEAD = (
    "| trace | work, h | deadline, h | saved | 95 % interval | perfect foresight | missed | s |\n"
    "|---|---|---|---|---|---|---|---|"
)


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("-o", "--output", type=Path, default=Path("results/bench/power.json"))
    asked = parser.parse_args()
    records = []
    print(HEAD)
    for name in ("ciso", "duk", "synthetic"):
        try:
            year = whole_year(trace_source(name))
        except InputError as error:
            print(f"| {name} | | | | | | | left out: {error} |")
            continue
        for work, deadline in JOBS:
            begun = time.perf_counter()
            done = replay_all(
                year,
                None,
                work=timedelta(hours=work),
                deadline=timedelta(hours=deadline),
                power_W=200.0,
                checkpoint=timedelta(minutes=5),
                min_run=timedelta(hours=1),
                outages=1,
                work_error=0.2,
                count=1000,
                seed=0,
            )
            seconds = time.perf_counter() - begun
            told = done.to_dict()
            saved = f"{100 * told['saving']:.1f} %"
            interval = f"{100 * told['saving_lower']:.1f} to {100 * told['saving_upper']:.1f} %"
            best = f"{100 * told['saving_perfect_foresight']:.1f} %"
            print(
                f"| {year.label.partition(',')[0]} | {work} | {deadline} | {saved} | {interval} "
                f"| {best} | {done.missed} | {seconds:.1f} |"
            )
            records.append({"name": name, "work_h": work, "deadline_h": deadline, **told})
            assert not done.missed, "a deadline was missed"
    asked.output.parent.mkdir(parents=True, exist_ok=True)
    asked.output.write_text(json.dumps(records, indent=2, ensure_ascii=False) + "\n")
    print(f"\n{asked.output}")


if __name__ == "__main__":
    main()
