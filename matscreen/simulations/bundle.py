"""From a campaign's journal to the bundle of tables that ships with matscreen, and back.

A bundle is a folder of append-only, numbered parquet parts: `candidates-NNNN.parquet`,
`labels-NNNN.parquet`, `provenance-NNNN.parquet`, `failures-NNNN.parquet`. Two files are made anew
by each export, because they depend on all that is known: `labels-stability.parquet` (formation
and hull energies) and `references.parquet` (elements and the O2 molecule).
"""

from __future__ import annotations

import os
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from matscreen.errors import StoreError, StructureError
from matscreen.identity import Registry
from matscreen.properties import get_property
from matscreen.simulations.base import Label
from matscreen.simulations.calculators import describe_calculator, oxide_correction_of
from matscreen.simulations.journal import Journal, Record
from matscreen.simulations.stability import REFERENCE, Entry, stability_labels
from matscreen.sources.base import SourceItem
from matscreen.structures import Crystal, CrystalBatch
from matscreen.tables import KEYS, candidate_row, failure_row, from_rows

TABLES = ("candidates", "provenance", "labels", "failures")
STABILITY_FILE = "labels-stability.parquet"
REFERENCES_FILE = "references.parquet"
RELAXED_SOURCE = "relaxation"

WATTS_PER_CORE = 10.0
"""Assumed power of one busy processor core with its share of memory and supply, W.

Joules of a label are its processor time times this number: an order of magnitude, not a meter.
"""


@dataclass
class Export:
    """What an export added.

    Attributes:
        rows: New rows by table.
        files: Files written.
    """

    rows: dict[str, int] = field(default_factory=dict)
    files: list[Path] = field(default_factory=list)


def export_bundle(out_dir: Path, bundle_dir: Path) -> Export:
    """Append what a campaign has found, and the bundle lacks, as new parts.

    Unrelaxed source items and relaxed crystals both become candidates; a relaxed one names the
    item it came from in `input_id`. Two items that relaxed into the same crystal share one row.
    Running it twice adds nothing.

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
        rows = builder.new[name]
        export.rows[name] = len(rows)
        if rows:
            export.files.append(_write_part(bundle_dir, name, from_rows(name, rows)))
    export.files += builder.write_derived(bundle_dir)
    return export


class _Builder:
    """Rows that the bundle lacks, collected record by record."""

    def __init__(self, bundle_dir: Path) -> None:
        self._candidates = read_table(bundle_dir, "candidates")
        self._registry = Registry.from_candidates(self._candidates)
        self._keys: dict[str, set[tuple[Any, ...]]] = {}
        for name in TABLES:
            table = read_table(bundle_dir, name, skip=(STABILITY_FILE,))
            columns = [] if table is None else [table[c].to_pylist() for c in KEYS[name]]
            self._keys[name] = set(zip(*columns, strict=True)) if columns else set()
        self.new: dict[str, list[dict[str, Any]]] = {name: [] for name in TABLES}
        self._ids: dict[str, tuple[str, str]] = {}
        self._entries: dict[str, Entry] = dict(_stored_entries(bundle_dir, self._candidates))
        self._references: dict[str, dict[str, Any]] = _stored_references(bundle_dir)

    def add(self, record: Record, item: SourceItem) -> None:
        """Turn one record into rows."""
        if item.source == REFERENCE:
            if record.ok and record.relaxed is not None:
                self._references[item.crystal.formula] = _reference_row(record, item)
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
            energy = record.value("energy_per_atom")
            if energy is not None:
                self._entries.setdefault(
                    relaxed,
                    Entry(relaxed, root, record.relaxed.counts, energy, record.calculator),
                )
        structure_id, input_id = self._ids.get(record.crystal_hash, (root, None))
        if record.simulation == "relaxation" and record.relaxed is not None:
            structure_id, input_id = self._ids[record.relaxed.content_hash]
        if not record.ok:
            self._failure(structure_id, record)
            return
        for label in record.labels:
            self._row("labels", _label_row(record, label, structure_id, input_id))

    def write_derived(self, bundle_dir: Path) -> list[Path]:
        """Write the two files that depend on everything."""
        files = []
        if self._references:
            path = bundle_dir / REFERENCES_FILE
            rows = [self._references[k] for k in sorted(self._references)]
            _write(path, pa.Table.from_pylist(rows))
            files.append(path)
        by_calculator: dict[str, list[Entry]] = {}
        for entry in self._entries.values():
            by_calculator.setdefault(entry.calculator, []).append(entry)
        rows = []
        for calculator, entries in sorted(by_calculator.items()):
            elements = {
                formula: row["energy_per_atom"]
                for formula, row in self._references.items()
                if row["calculator"] == calculator
            }
            found = stability_labels(
                entries, elements, oxide_correction=oxide_correction_of(calculator)
            )
            rows += [_stability_row(entry, label, calculator) for entry, label in found]
        if rows:
            path = bundle_dir / STABILITY_FILE
            _write(path, from_rows("labels", rows))
            files.append(path)
        return files

    def _candidate(self, crystal: Crystal, prototype: str | None, input_id: str | None) -> str:
        known = self._ids.get(crystal.content_hash)
        if known is not None:
            return known[0]
        identity = self._registry.assign(crystal)
        if input_id is None:
            self._ids[crystal.content_hash] = (identity.structure_id, "")
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
        key = tuple(row.get(column) for column in KEYS[table])
        if key not in self._keys[table]:
            self._keys[table].add(key)
            self.new[table].append(row)


def known_records(bundle_dir: Path, items: Iterable[SourceItem], calculator: str) -> list[Record]:
    """Return what a bundle already holds as records, so that a campaign extends it.

    An item is recognised by its source and source_id. Labels of other recipe versions come back
    under their own version and so count as not done.
    """
    candidates = read_table(bundle_dir, "candidates")
    provenance = read_table(bundle_dir, "provenance")
    labels = read_table(bundle_dir, "labels", skip=(STABILITY_FILE,))
    if candidates is None or provenance is None or labels is None:
        return []
    crystals = dict(
        zip(
            candidates["structure_id"].to_pylist(), CrystalBatch.from_arrow(candidates), strict=True
        )
    )
    roots = {f"{i.source}:{i.source_id}": i.crystal.content_hash for i in items}
    grouped: dict[tuple[str, str, str], list[dict[str, Any]]] = {}
    for row in labels.to_pylist():
        grouped.setdefault((row["structure_id"], row["method"], row["version"]), []).append(row)
    relaxations: dict[str, list[tuple[str, list[dict[str, Any]]]]] = {}
    for (owner, method, version), rows in grouped.items():
        if method == f"relaxation/{calculator}":
            relaxations.setdefault(owner, []).append((version, rows))
    origin: dict[str, str] = {}
    records = []
    relaxed_of = [
        (row["structure_id"], roots.get(row["source_id"]))
        for row in provenance.to_pylist()
        if row["source"] == RELAXED_SOURCE
    ]
    for structure_id, root in relaxed_of:
        if root is None or structure_id not in crystals:
            continue
        origin.setdefault(structure_id, root)
        for version, rows in relaxations.get(structure_id, []):
            method = f"relaxation/{calculator}"
            records.append(_known(rows, root, root, version, method, crystals[structure_id]))
    for (structure_id, method, version), rows in grouped.items():
        if structure_id in origin and not method.startswith("relaxation/"):
            crystal = crystals[structure_id]
            records.append(
                _known(rows, crystal.content_hash, origin[structure_id], version, method, None)
            )
    return records


def _known(
    rows: Sequence[Mapping[str, Any]],
    crystal_hash: str,
    root: str,
    version: str,
    method: str,
    relaxed: Crystal | None,
) -> Record:
    simulation, _, calculator = method.partition("/")
    recipe, _, calculator_version = version.partition("+")
    names = ("property", "value", "std", "site", "charge", "path", "temperature")
    return Record(
        crystal_hash,
        root,
        simulation,
        recipe,
        calculator,
        calculator_version,
        labels=tuple(Label(**{name: row[name] for name in names}) for row in rows),
        relaxed=relaxed,
    )


def read_table(bundle_dir: Path, name: str, *, skip: Sequence[str] = ()) -> pa.Table | None:
    """Read all parts of a bundle table, None when there is none."""
    paths = [p for p in sorted(bundle_dir.glob(f"{name}-*.parquet")) if p.name not in skip]
    if not paths:
        return None
    return pa.concat_tables([pq.read_table(path) for path in paths])


def _write_part(bundle_dir: Path, name: str, table: pa.Table) -> Path:
    numbers = [
        int(path.stem.rpartition("-")[2])
        for path in bundle_dir.glob(f"{name}-*.parquet")
        if path.stem.rpartition("-")[2].isdigit()
    ]
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


def _label_row(
    record: Record, label: Label, structure_id: str, input_id: str | None
) -> dict[str, Any]:
    share = 1.0 / len(record.labels)  # the cost of a record is split over its labels
    return {
        "structure_id": structure_id,
        "input_id": input_id if input_id != structure_id else None,
        "property": label.property,
        "site": label.site,
        "charge": label.charge,
        "path": label.path,
        "temperature": label.temperature,
        "value": label.value,
        "std": label.std,
        "unit": get_property(label.property).unit,
        "evidence": "mlip",
        "method": f"{record.simulation}/{record.calculator}",
        "version": f"{record.version}+{record.calculator_version}",
        "seconds": record.seconds * share,
        "joules": record.cpu_seconds * WATTS_PER_CORE * share,
    }


def _stability_row(entry: Entry, label: Label, calculator: str) -> dict[str, Any]:
    return {
        "structure_id": entry.structure_id,
        "input_id": entry.input_id if entry.input_id != entry.structure_id else None,
        "property": label.property,
        "value": label.value,
        "std": label.std,
        "unit": get_property(label.property).unit,
        "evidence": "mlip",
        "method": f"stability/{calculator}",
        "version": f"1+{describe_calculator(calculator)}",
    }


def _reference_row(record: Record, item: SourceItem) -> dict[str, Any]:
    crystal = record.relaxed
    assert crystal is not None
    return {
        "formula": item.crystal.formula,
        "prototype": item.prototype,
        "nsites": crystal.nsites,
        "lattice": crystal.lattice.ravel().tolist(),
        "atomic_numbers": crystal.atomic_numbers.tolist(),
        "frac_coords": crystal.frac_coords.ravel().tolist(),
        "energy_per_atom": record.value("energy_per_atom"),
        "calculator": record.calculator,
        "version": f"{record.version}+{record.calculator_version}",
    }


def _stored_references(bundle_dir: Path) -> dict[str, dict[str, Any]]:
    path = bundle_dir / REFERENCES_FILE
    if not path.exists():
        return {}
    return {row["formula"]: row for row in pq.read_table(path).to_pylist()}


def _stored_entries(bundle_dir: Path, candidates: pa.Table | None) -> Iterable[tuple[str, Entry]]:
    labels = read_table(bundle_dir, "labels", skip=(STABILITY_FILE,))
    if candidates is None or labels is None:
        return
    batch = CrystalBatch.from_arrow(candidates)
    position = {name: i for i, name in enumerate(batch.ids)}
    for row in labels.to_pylist():
        if row["property"] == "energy_per_atom" and row["structure_id"] in position:
            crystal = batch[position[row["structure_id"]]]
            yield (
                row["structure_id"],
                Entry(
                    row["structure_id"],
                    row["input_id"],
                    crystal.counts,
                    row["value"],
                    row["method"].partition("/")[2],
                ),
            )


def _time(text: str) -> Any:
    from datetime import UTC, datetime

    return datetime.fromisoformat(text) if text else datetime.now(UTC)
