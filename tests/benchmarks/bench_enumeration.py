"""A million enumerated perovskite compositions through the set `fast`, a chunk at a time.

A(1-x)A'x B(1-y)B'y O3 over cations, as arrays; nothing is kept but a sum, as a consumer that
predicts and forgets would do. Prints time and memory. Run as

    python tests/benchmarks/bench_enumeration.py [--count 1000000]
"""

from __future__ import annotations

import argparse
import resource
import time
from collections.abc import Iterator

import numpy as np

from matscreen.descriptors.composition import Compositions
from matscreen.descriptors.sets import featurize_compositions

A_SITE = (11, 12, 19, 20, 37, 38, 39, 56, 57, 58, 60, 62, 64, 81, 82, 83)
B_SITE = (12, 13, 21, 22, 23, 24, 25, 26, 27, 28, 29, 30, 31, 40, 41, 42, 49, 50, 72, 73, 74)
SHARES = np.arange(1, 20) / 20


def enumerate_perovskites(count: int, chunk: int) -> Iterator[Compositions]:
    """Yield distinct random members of the enumeration as arrays."""
    rng = np.random.default_rng(0)
    for start in range(0, count, chunk):
        n = min(chunk, count - start)
        a = np.argsort(rng.random((n, len(A_SITE))), axis=1)[:, :2]
        b = np.argsort(rng.random((n, len(B_SITE))), axis=1)[:, :2]
        x, y = rng.choice(SHARES, (2, n))
        numbers = np.column_stack([np.array(A_SITE)[a], np.array(B_SITE)[b], np.full(n, 8)]).astype(
            np.int64
        )
        amounts = np.column_stack([1 - x, x, 1 - y, y, np.full(n, 3.0)])
        order = np.argsort(numbers, axis=1, kind="stable")
        numbers = np.take_along_axis(numbers, order, axis=1)
        amounts = np.take_along_axis(amounts, order, axis=1)
        different = (np.diff(numbers, axis=1) > 0).all(axis=1)  # magnesium may stand on both
        yield Compositions(numbers[different], amounts[different])


def main() -> None:
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--count", type=int, default=1_000_000)
    arguments = parser.parse_args()
    for part in enumerate_perovskites(100, 100):
        featurize_compositions(part, with_sites=True)
    before = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    total, done = 0.0, 0
    started = time.perf_counter()
    for part in enumerate_perovskites(arguments.count, 20_000):
        total += float(np.nansum(featurize_compositions(part, with_sites=True)[:, 0]))
        done += len(part)
    seconds = time.perf_counter() - started
    peak = resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024
    print(f"{done:,} compositions in {seconds:.1f} s, {1e6 * seconds / done:.1f} µs each")
    print(f"memory {before:.0f} MiB before, {peak:.0f} MiB at most")


if __name__ == "__main__":
    main()
