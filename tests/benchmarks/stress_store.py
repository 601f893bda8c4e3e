"""Two writers, a reader and a compactor on one store at once: no lost row, no torn read.

    python tests/benchmarks/stress_store.py [--minutes 0.25] [--store DIR] [--json FILE]

Each writer, turn by turn, appends rows of its own (now and then with a column that the table does
not have yet), then merges rows of its own together with keys that both writers share; all shared
rows get the number of the turn. The reader reads whole tables meanwhile and looks for what must
not be: a write of which only part is there, shared rows of two writes at once, a key twice, a row
that has been seen and is gone. A fourth process joins small files all the time. At the end every
write that a writer saw succeed must be there, whole.

Exits with 1 when anything was lost or torn.
"""

from __future__ import annotations

import argparse
import json
import subprocess
import sys
import tempfile
import time
from collections import Counter
from collections.abc import Iterator
from pathlib import Path

import pyarrow as pa

from matscreen import tables
from matscreen.errors import StoreError
from matscreen.maintenance import compact
from matscreen.store import Store

TABLE = "labels"
OWN, SHARED = 5, 20
NEW_COLUMN_EVERY = 40


def rows(names: list[str], who: str, turn: int, kind: str) -> pa.Table:
    """Return rows of one write: its writer, turn and kind are in every one."""
    return tables.from_rows(
        TABLE,
        [
            {
                "structure_id": name,
                "property": "band_gap",
                "value": float(turn),
                "unit": "eV",
                "evidence": "dft",
                "method": "shared" if name.startswith("shared") else kind,
                "version": f"{who}/{turn}",
            }
            for name in names
        ],
    )


def write(store: Store, who: str, end: float) -> dict[str, int]:
    """Write until the end; return what succeeded."""
    turn = columns = 0
    while time.time() < end:
        own = [f"{who}-{turn}-{k}" for k in range(OWN)]
        added = rows(own, who, turn, "append")
        if turn % NEW_COLUMN_EVERY == 0 and columns < 20:
            added = added.append_column(f"extra_{who}_{columns}", pa.array([turn] * OWN))
            columns += 1
        store.append(TABLE, added)
        shared = [f"shared-{k}" for k in range(SHARED)]
        store.upsert(TABLE, rows([*own, *shared], who, turn, "merge"))
        turn += 1
    return {"turns": turn, "columns": columns}


def join(store: Store, end: float) -> dict[str, int]:
    """Compact until the end; return how often files were joined and how often writers won."""
    joined = lost = 0
    while time.time() < end:
        if store.exists(TABLE):
            try:
                joined += bool(compact(store, [TABLE]))
            except StoreError as error:
                if "other writers" not in str(error):
                    raise
                lost += 1
        time.sleep(0.3)
    return {"compactions": joined, "given_up": lost}


def troubles(read: pa.Table, seen: set[tuple[str, str]]) -> Iterator[str]:
    """Say what must not be in a table as it was read; `seen` gains its writes."""
    keys = Counter(zip(read["structure_id"].to_pylist(), read["method"].to_pylist(), strict=True))
    twice = [key for key, count in keys.items() if count > 1]
    if twice:
        yield f"{len(twice)} keys twice, such as {twice[0]}"
    writes: Counter[tuple[str, str]] = Counter()
    shared: set[str] = set()
    shared_rows = 0
    for method, version in zip(
        read["method"].to_pylist(), read["version"].to_pylist(), strict=True
    ):
        if method == "shared":
            shared.add(version)
            shared_rows += 1
        else:
            writes[method, version] += 1
    torn = {write: count for write, count in writes.items() if count != OWN}
    if torn:
        yield f"{len(torn)} writes in part, such as {next(iter(torn.items()))} of {OWN} rows"
    if len(shared) > 1 or shared_rows not in (0, SHARED):
        yield f"{shared_rows} shared rows of {len(shared)} writes: {sorted(shared)[:3]}"
    gone = seen - writes.keys()
    if gone:
        yield f"{len(gone)} writes seen before are gone, such as {next(iter(gone))}"
    seen.update(writes)


def look(store: Store, end: float) -> dict[str, object]:
    """Read until the end, as a notebook would; return the number of reads and what was wrong."""
    reads, wrong, seen, versions = 0, [], set(), set()
    while time.time() < end:
        wrong += list(troubles(store.read(TABLE), seen))
        versions.add(len(seen))
        reads += 1
    return {"reads": reads, "different": len(versions), "wrong": wrong[:20]}


def check_end(store: Store, done: dict[str, dict[str, int]]) -> list[str]:
    """Look for every write that a writer saw succeed."""
    read = store.read(TABLE)
    wrong = list(troubles(read, set()))
    found = set(zip(read["structure_id"].to_pylist(), read["method"].to_pylist(), strict=True))
    for who, counts in done.items():
        wanted = {
            (f"{who}-{turn}-{k}", kind)
            for turn in range(counts["turns"])
            for k in range(OWN)
            for kind in ("append", "merge")
        }
        lost = wanted - found
        if lost:
            wrong.append(f"{len(lost)} rows of writer {who} are lost, such as {min(lost)}")
        extra = [f"extra_{who}_{n}" for n in range(counts["columns"])]
        absent = [
            name
            for name in extra
            if name not in read.column_names or read.num_rows - read[name].null_count != OWN
        ]
        if absent:
            wrong.append(f"columns of writer {who} are lost: {absent}")
    expected = SHARED + sum(2 * OWN * counts["turns"] for counts in done.values())
    if read.num_rows != expected:
        wrong.append(f"{read.num_rows} rows instead of {expected}")
    return wrong


def stress(root: str, minutes: float) -> dict[str, object]:
    """Run the four processes and return what they counted."""
    end = time.time() + 60 * minutes
    roles = ("a", "b", "reader", "compactor")
    processes = {
        role: subprocess.Popen(
            [sys.executable, __file__, "--role", role, "--store", root, "--end", str(end)],
            stdout=subprocess.PIPE,
            text=True,
        )
        for role in roles
    }
    counted, wrong = {}, []
    for role, process in processes.items():
        output = process.communicate(timeout=60 * minutes + 300)[0]
        if process.returncode:
            wrong.append(f"{role} ended with {process.returncode}")
        else:
            counted[role] = json.loads(output)
    wrong += counted.get("reader", {}).get("wrong", [])
    store = Store(root)
    wrong += check_end(store, {who: counted[who] for who in "ab" if who in counted})
    return {
        "minutes": minutes,
        "turns": {who: counted[who]["turns"] for who in "ab" if who in counted},
        "new_columns": sum(counted[who]["columns"] for who in "ab" if who in counted),
        "rows": store.read(TABLE, ["structure_id"]).num_rows,
        "versions": store.version(TABLE) + 1,
        "reads": counted.get("reader", {}).get("reads"),
        "reads_with_news": counted.get("reader", {}).get("different"),
        "compactions": counted.get("compactor", {}).get("compactions"),
        "compactions_given_up": counted.get("compactor", {}).get("given_up"),
        "wrong": wrong,
    }


def main() -> int:
    """Run a role, or all of them."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--minutes", type=float, default=0.25)
    parser.add_argument("--store")
    parser.add_argument("--json", type=Path, help="also write the counts there")
    parser.add_argument("--role", help=argparse.SUPPRESS)
    parser.add_argument("--end", type=float, help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.role:
        store = Store(asked.store)
        work = {"reader": look, "compactor": join}.get(asked.role)
        counts = work(store, asked.end) if work else write(store, asked.role, asked.end)
        print(json.dumps(counts))
        return 0
    with tempfile.TemporaryDirectory() as folder:
        found = stress(asked.store or folder, asked.minutes)
    print(json.dumps(found, indent=2))
    if asked.json:
        asked.json.write_text(json.dumps(found, indent=2) + "\n")
    return 1 if found["wrong"] else 0


if __name__ == "__main__":
    sys.exit(main())
