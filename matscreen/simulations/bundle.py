"""From a campaign's journal to the bundle of tables that ships with matscreen.

A bundle is a folder of numbered parquet parts: `candidates-NNNN.parquet`, `labels-NNNN.parquet`,
`provenance-NNNN.parquet`, `failures-NNNN.parquet`. An export appends parts; it takes rows away
only where a newer version of a recipe has redone them. Files that depend on all that is known are
made anew by each export: `references.parquet` (elements and the O2 molecule) and the derived
labels, `labels-stability.parquet` and its like (`matscreen.simulations.derived`).

`matscreen.simulations.bundle_reading` reads it back.
"""

from __future__ import annotations

import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from matscreen.errors import StoreError, StructureError
from matscreen.identity import Registry
from matscreen.simulations.bundle_reading import (
    REFERENCES_FILE,
    RELAXED_SOURCE,
    derived_file,
    known_records,
    read_table,
    stored_references,
)
from matscreen.simulations.derived import derived_rows
from matscreen.simulations.element_states import REFERENCE
from matscreen.simulations.journal import Journal, Record
from matscreen.simulations.labelling import label_rows, label_version
from matscreen.sources.base import SourceItem
from matscreen.structures import Crystal
from matscreen.tables import KEYS, candidate_row, failure_row, from_rows, recipe_order

__all__ = ["Export", "export_bundle", "known_records", "read_table", "write_derived"]

TABLES = ("candidates", "provenance", "labels", "failures")


@dataclass
class Export:
    """What an export changed.

    Attributes:
        rows: New rows by table.
        superseded: Rows taken away because a newer recipe version redid the work, by table.
        files: Files written.
    """

    rows: dict[str, int] = field(default_factory=dict)
    superseded: dict[str, int] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)


def export_bundle(out_dir: Path, bundle_dir: Path) -> Export:
    """Append what a campaign has found, and the bundle lacks, as new parts.

    Unrelaxed source items and relaxed crystals both become candidates; a relaxed one names the
    item it came from in `input_id`. Two items that relaxed into the same crystal share one row.
    Of one recipe on one crystal the highest version counts. Running it twice adds nothing.

    Args:
        out_dir: Folder of the campaign.
        bundle_dir: Folder of the bundle; created when missing.
    """
    journal = Journal(out_dir)
    bundle_dir.mkdir(parents=True, exist_ok=True)
    builder = _Builder(bundle_dir)
    items = journal.inputs()
    for record in journal.records():
        item = items.get(record.root)
        if item is not None:
            builder.add(record, item)
    export = Export()
    for name in TABLES:
        rows = [row for row in builder.new[name] if not builder.is_outdated(name, row)]
        export.rows[name] = len(rows)
        if rows:
            export.files.append(_write_part(bundle_dir, name, from_rows(name, rows)))
    export.superseded = _drop_superseded(bundle_dir, builder)
    export.files += write_derived(bundle_dir, builder.references)
    return export


def write_derived(
    bundle_dir: Path, references: dict[tuple[str, str], dict[str, Any]] | None = None
) -> list[Path]:
    """Write the files that depend on everything in the bundle.

    Args:
        bundle_dir: Folder of the bundle.
        references: Relaxed elements by formula and calculator; None takes the stored ones.
    """
    known = stored_references(bundle_dir) if references is None else references
    files = []
    if known:
        path = bundle_dir / REFERENCES_FILE
        _write(path, pa.Table.from_pylist([known[key] for key in sorted(known)]))
        files.append(path)
    candidates = read_table(bundle_dir, "candidates")
    labels = read_table(bundle_dir, "labels", derived=False)
    if candidates is None or labels is None:
        return files
    for name, rows in derived_rows(labels, candidates, known):
        path = bundle_dir / derived_file(name)
        if rows:
            _write(path, from_rows("labels", rows))
            files.append(path)
        else:
            path.unlink(missing_ok=True)
    return files


class _Builder:
    """Rows that the bundle lacks, collected record by record."""

    def __init__(self, bundle_dir: Path) -> None:
        self._registry = Registry.from_candidates(read_table(bundle_dir, "candidates"))
        self._keys: dict[str, set[tuple[Any, ...]]] = {}
        self.new: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
        self.newest: dict[tuple[str, str], str] = {}
        self.succeeded: set[tuple[str, str]] = set()
        for name in TABLES:
            table = read_table(bundle_dir, name, derived=False)
            self._keys[name] = set()
            if table is not None:
                columns = [table[c].to_pylist() for c in _unique_by(name)]
                self._keys[name] = set(zip(*columns, strict=True))
            if name == "labels" and table is not None:
                columns = [table[c].to_pylist() for c in ("structure_id", "method", "version")]
                for structure_id, method, version in zip(*columns, strict=True):
                    self._is_current(structure_id, method, version)
        self._ids: dict[str, tuple[str, str | None]] = {}
        self.references = stored_references(bundle_dir)

    def add(self, record: Record, item: SourceItem) -> None:
        """Turn one record into rows."""
        if item.source == REFERENCE:
            self._add_reference(record, item)
            return
        try:
            root = self._candidate(item.crystal, item.prototype, None)
        except StructureError as error:
            self._row(
                "failures", failure_row(item.source_id, "identity", error.reason, error.detail)
            )
            return
        self._source(root, item.source, item.source_id, item.licence)
        if record.simulation == "relaxation":
            if not record.ok or record.relaxed is None:
                self._failure(root, record)
                return
            relaxed = self._candidate(record.relaxed, item.prototype, root)
            self._source(relaxed, RELAXED_SOURCE, f"{item.source}:{item.source_id}", item.licence)
            self._ids[record.relaxed.content_hash] = (relaxed, root)
            structure_id, input_id = relaxed, root
        else:
            structure_id, found = self._ids.get(record.crystal_hash, (root, None))
            input_id = found or ""
        method = f"{record.simulation}/{record.calculator}"
        version = label_version(record.version, record.calculator_version)
        if not self._is_current(structure_id, method, version):
            return
        if not record.ok:
            self.succeeded.discard((structure_id, record.simulation))
            self._failure(structure_id, record)
            return
        self.succeeded.add((structure_id, record.simulation))
        for row in label_rows(
            record.labels,
            structure_id=structure_id,
            input_id=input_id,
            method=method,
            version=version,
            seconds=record.seconds,
            cpu_seconds=record.cpu_seconds,
        ):
            self._row("labels", row)

    def is_outdated(self, table: str, row: dict[str, Any]) -> bool:
        """Say whether a newer version of a row's recipe has redone it.

        A label is outdated when the newest record of its recipe on its crystal has a higher
        version (also when that one was a failure), a failure when the recipe has succeeded since.
        """
        if table == "labels":
            newest = self.newest.get((row["structure_id"], row["method"]))
            return newest is not None and recipe_order(row["version"]) < recipe_order(newest)
        return table == "failures" and (row["structure_id"], row["stage"]) in self.succeeded

    def _is_current(self, structure_id: str, method: str, version: str) -> bool:
        """Note a version of a recipe on a crystal; say whether none is newer."""
        known = self.newest.get((structure_id, method))
        if known is not None and recipe_order(version) < recipe_order(known):
            return False
        self.newest[structure_id, method] = version
        return True

    def _add_reference(self, record: Record, item: SourceItem) -> None:
        if not record.ok or record.relaxed is None:
            return
        row = _reference_row(record, record.relaxed, item)
        key = (item.crystal.formula, record.calculator)
        known = self.references.get(key)
        # Several structures are tried for some elements: the lowest one is the reference.
        if known is None or row["energy_per_atom"] < known["energy_per_atom"]:
            self.references[key] = row

    def _candidate(self, crystal: Crystal, prototype: str | None, input_id: str | None) -> str:
        known = self._ids.get(crystal.content_hash)
        if known is not None:
            return known[0]
        identity = self._registry.assign(crystal)
        if input_id is None:
            self._ids[crystal.content_hash] = (identity.structure_id, None)
        if (identity.structure_id,) not in self._keys["candidates"]:
            self._row(
                "candidates",
                candidate_row(
                    crystal,
                    structure_id=identity.structure_id,
                    spacegroup=identity.spacegroup,
                    prototype=prototype,
                    material_id=identity.material_id,
                    input_id=input_id if input_id != identity.structure_id else None,
                ),
            )
        return identity.structure_id

    def _source(self, structure_id: str, source: str, source_id: str, licence: str | None) -> None:
        self._row(
            "provenance",
            {
                "structure_id": structure_id,
                "source": source,
                "source_id": source_id,
                "licence": licence,
            },
        )

    def _failure(self, structure_id: str, record: Record) -> None:
        row = failure_row(structure_id, record.simulation, record.reason or "", record.detail)
        row["at"] = _time(record.at)
        self._row("failures", row)

    def _row(self, table: str, row: dict[str, Any]) -> None:
        key = tuple(row.get(column) for column in _unique_by(table))
        if key not in self._keys[table]:
            self._keys[table].add(key)
            self.new[table].append(row)


def _unique_by(table: str) -> tuple[str, ...]:
    """Columns that tell two rows of the parts apart: a redone label differs in its version."""
    return (*KEYS[table], "version") if table == "labels" else KEYS[table]


def _drop_superseded(bundle_dir: Path, builder: _Builder) -> dict[str, int]:
    """Take away rows that a newer version of their recipe has redone."""
    dropped = {}
    for name in ("labels", "failures"):
        count = 0
        for path in _parts(bundle_dir, name):
            table = pq.read_table(path)
            mask = [not builder.is_outdated(name, row) for row in table.to_pylist()]
            if not all(mask):
                count += mask.count(False)
                _write(path, table.filter(pa.array(mask)))
        dropped[name] = count
    return dropped


def _parts(bundle_dir: Path, name: str) -> list[Path]:
    """Return the numbered parts of a table."""
    return [
        path
        for path in sorted(bundle_dir.glob(f"{name}-*.parquet"))
        if path.stem.rpartition("-")[2].isdigit()
    ]


def _write_part(bundle_dir: Path, name: str, table: pa.Table) -> Path:
    numbers = [int(path.stem.rpartition("-")[2]) for path in _parts(bundle_dir, name)]
    path = bundle_dir / f"{name}-{max(numbers, default=0) + 1:04d}.parquet"
    _write(path, table)
    return path


def _write(path: Path, table: pa.Table) -> None:
    """Write a parquet file so that a reader sees all of it or none."""
    temporary = path.with_suffix(".tmp")
    try:
        pq.write_table(table, temporary, compression="zstd")
        os.replace(temporary, path)
    except OSError as error:
        raise StoreError(f"{path} could not be written: {error}") from error


def _reference_row(record: Record, crystal: Crystal, item: SourceItem) -> dict[str, Any]:
    return {
        "formula": item.crystal.formula,
        "prototype": item.prototype,
        "nsites": crystal.nsites,
        "lattice": crystal.lattice.ravel().tolist(),
        "atomic_numbers": crystal.atomic_numbers.tolist(),
        "frac_coords": crystal.frac_coords.ravel().tolist(),
        "energy_per_atom": record.value("energy_per_atom"),
        "calculator": record.calculator,
        "version": label_version(record.version, record.calculator_version),
    }


def _time(text: str) -> Any:
    from datetime import UTC, datetime

    return datetime.fromisoformat(text) if text else datetime.now(UTC)
