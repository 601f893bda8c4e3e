"""The campaign's memory: tasks, records and the append-only journal that survives kill -9."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator, Mapping
from contextlib import ExitStack, contextmanager
from dataclasses import asdict, dataclass, field
from pathlib import Path
from typing import Any

from matscreen.errors import InputError
from matscreen.file_lock import lock
from matscreen.simulations.base import Label
from matscreen.sources.base import SourceItem
from matscreen.structures import Crystal


@dataclass(frozen=True, eq=False)
class Task:
    """Work for one process: recipes to run one after another on one crystal.

    Attributes:
        simulations: Recipe names; those of one task may share intermediate results.
        crystal: The crystal to run on.
        root: content_hash of the source item that the crystal came from.
        phases: Other relaxed phases of the compound, by Hermann-Mauguin symbol.
        order: Position in the queue, lower first.
    """

    simulations: tuple[str, ...]
    crystal: Crystal
    root: str
    phases: Mapping[str, Crystal] = field(default_factory=dict)
    order: float = 0.0


@dataclass(frozen=True, eq=False)
class Record:
    """What came of one recipe on one crystal.

    Attributes:
        crystal_hash: content_hash of the crystal that was simulated.
        root: content_hash of the source item.
        simulation: Recipe name.
        version: Recipe version.
        calculator: Name of the potential.
        calculator_version: Package and version of the potential.
        labels: Values, empty after a failure.
        relaxed: Relaxed crystal, for recipes that move the crystal itself.
        notes: Facts that are not properties.
        reason: Failure code, None after success.
        detail: What was seen.
        seconds: Wall time, s.
        cpu_seconds: Process time, s.
        at: ISO time of the end.
    """

    crystal_hash: str
    root: str
    simulation: str
    version: str
    calculator: str
    calculator_version: str
    labels: tuple[Label, ...] = ()
    relaxed: Crystal | None = None
    notes: Mapping[str, float | str] = field(default_factory=dict)
    reason: str | None = None
    detail: str = ""
    seconds: float = 0.0
    cpu_seconds: float = 0.0
    at: str = ""

    @property
    def key(self) -> str:
        """What makes two records the same work."""
        return record_key(
            self.crystal_hash,
            self.simulation,
            self.version,
            self.calculator,
            self.calculator_version,
        )

    @property
    def ok(self) -> bool:
        """Whether the recipe succeeded."""
        return self.reason is None

    def value(self, name: str) -> float | None:
        """Return the value of a property, None when the record has no such label."""
        return next((label.value for label in self.labels if label.property == name), None)

    def to_json(self) -> str:
        """Return the record as one line of JSON."""
        row = {k: v for k, v in vars(self).items() if k not in ("labels", "relaxed", "notes")}
        row["labels"] = [asdict(label) for label in self.labels]
        row["relaxed"] = crystal_to_dict(self.relaxed) if self.relaxed is not None else None
        row["notes"] = dict(self.notes)
        return json.dumps(row, ensure_ascii=False)

    @classmethod
    def from_json(cls, line: str) -> Record:
        """Read one line written by `to_json`."""
        row = json.loads(line)
        row["labels"] = tuple(Label(**label) for label in row["labels"])
        row["relaxed"] = crystal_from_dict(row["relaxed"]) if row["relaxed"] else None
        return cls(**row)


def record_key(
    crystal_hash: str, simulation: str, version: str, calculator: str, calculator_version: str
) -> str:
    """Return the key under which work counts as done."""
    return f"{crystal_hash}|{simulation}|{version}|{calculator}|{calculator_version}"


class Journal:
    """Two append-only files in a folder: `inputs.jsonl` and `records.jsonl`.

    Each record is one line, written and synced before the next task starts; a line cut short by
    a crash is ignored on reading, so at most the tasks in flight are lost.
    """

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        folder.mkdir(parents=True, exist_ok=True)
        self._records = folder / "records.jsonl"
        self._inputs = folder / "inputs.jsonl"

    @contextmanager
    def locked(self) -> Iterator[None]:
        """Hold the folder for one process; the lock goes with the process, however it ends.

        Raises:
            InputError: Another campaign is writing to the folder.
        """
        with ExitStack() as stack:
            try:
                stack.enter_context(lock(self.folder / "lock", patience=0.0))
            except TimeoutError:
                raise InputError(f"another campaign is running in {self.folder}") from None
            yield

    def records(self) -> Iterator[Record]:
        """Read all complete records."""
        for line in _complete_lines(self._records):
            yield Record.from_json(line)

    def inputs(self) -> dict[str, SourceItem]:
        """Read all source items by the content_hash of their crystal."""
        items = {}
        for line in _complete_lines(self._inputs):
            row = json.loads(line)
            crystal = crystal_from_dict(row.pop("crystal"))
            items[crystal.content_hash] = SourceItem(crystal=crystal, **row)
        return items

    def append(self, record: Record) -> None:
        """Add one record durably."""
        _append(self._records, record.to_json())

    def append_inputs(self, items: Iterator[SourceItem] | list[SourceItem]) -> None:
        """Add source items durably."""
        lines = [
            json.dumps(
                {
                    "crystal": crystal_to_dict(item.crystal),
                    "source": item.source,
                    "source_id": item.source_id,
                    "licence": item.licence,
                    "prototype": item.prototype,
                },
                ensure_ascii=False,
            )
            for item in items
        ]
        if lines:
            _append(self._inputs, "\n".join(lines))


def crystal_to_dict(crystal: Crystal) -> dict[str, Any]:
    """Return the arrays of a crystal as lists; floats survive JSON exactly."""
    return {
        "lattice": crystal.lattice.tolist(),
        "atomic_numbers": crystal.atomic_numbers.tolist(),
        "frac_coords": crystal.frac_coords.tolist(),
    }


def crystal_from_dict(row: Mapping[str, Any]) -> Crystal:
    """Return the crystal written by `crystal_to_dict`."""
    return Crystal(row["lattice"], row["atomic_numbers"], row["frac_coords"])


def _append(path: Path, text: str) -> None:
    with path.open("ab") as file:
        # After a crash the file may end inside a line: a new line keeps the cut one apart.
        cut = file.tell() > 0 and not _ends_with_newline(path)
        file.write((("\n" if cut else "") + text + "\n").encode())
        file.flush()
        os.fsync(file.fileno())


def _ends_with_newline(path: Path) -> bool:
    with path.open("rb") as file:
        file.seek(-1, os.SEEK_END)
        return file.read(1) == b"\n"


def _complete_lines(path: Path) -> Iterator[str]:
    if not path.exists():
        return
    with path.open("rb") as file:
        for raw in file:
            if not raw.endswith(b"\n"):
                return
            line = raw.decode(errors="replace").strip()
            if not line:
                continue
            try:
                json.loads(line)
            except ValueError:
                continue
            yield line
