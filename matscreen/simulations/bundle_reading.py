"""What a bundle holds: its tables, its entries of the phase space, its finished work."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq

from matscreen.simulations.base import Label
from matscreen.simulations.journal import Record
from matscreen.simulations.stability import Entry
from matscreen.sources.base import SourceItem
from matscreen.structures import Crystal, CrystalBatch
from matscreen.tables import recipe_order

REFERENCES_FILE = "references.parquet"
RELAXED_SOURCE = "relaxation"
DERIVED = ("stability", "corrections")
"""Names of the label files that are made anew from all others, in the order of their making."""


def derived_file(name: str) -> str:
    """Return the file name of derived labels."""
    return f"labels-{name}.parquet"


def read_table(bundle_dir: Path, name: str, *, derived: bool = True) -> pa.Table | None:
    """Read all parts of a bundle table, None when there is none.

    Args:
        bundle_dir: Folder of the bundle.
        name: ``candidates``, ``labels``, ``provenance`` or ``failures``.
        derived: Whether derived labels count; they are results, but no finished work.
    """
    skip = () if derived else tuple(derived_file(known) for known in DERIVED)
    paths = [p for p in sorted(bundle_dir.glob(f"{name}-*.parquet")) if p.name not in skip]
    if not paths:
        return None
    return pa.concat_tables([pq.read_table(path) for path in paths])


def stored_references(bundle_dir: Path) -> dict[tuple[str, str], dict[str, Any]]:
    """Read the relaxed elements of a bundle by formula and calculator."""
    path = bundle_dir / REFERENCES_FILE
    if not path.exists():
        return {}
    return {(row["formula"], row["calculator"]): row for row in pq.read_table(path).to_pylist()}


def element_energies(
    references: Mapping[tuple[str, str], Mapping[str, Any]], calculator: str
) -> dict[str, float]:
    """Return the energy of each element by formula, eV/atom."""
    return {
        formula: float(row["energy_per_atom"])
        for (formula, name), row in references.items()
        if name == calculator
    }


def stored_entries(candidates: pa.Table | None, labels: pa.Table | None) -> list[Entry]:
    """Return each relaxed compound once a calculator; the newest recipe version counts."""
    if candidates is None or labels is None:
        return []
    batch = CrystalBatch.from_arrow(candidates)
    position = {name: i for i, name in enumerate(batch.ids)}
    entries: dict[tuple[str, str], tuple[tuple[int, ...], Entry]] = {}
    for row in labels.to_pylist():
        structure_id, method = row["structure_id"], row["method"]
        recipe, _, calculator = method.partition("/")
        wanted = recipe == "relaxation" and row["property"] == "energy_per_atom"
        if not wanted or structure_id not in position:
            continue
        order = recipe_order(row["version"])
        known = entries.get((structure_id, calculator))
        if known is None or known[0] < order:
            entry = Entry(
                structure_id,
                row["input_id"],
                batch[position[structure_id]].counts,
                row["value"],
                calculator,
                row["version"].partition("+")[2],
            )
            entries[structure_id, calculator] = order, entry
    return [entry for _, entry in entries.values()]


def known_records(bundle_dir: Path, items: Iterable[SourceItem], calculator: str) -> list[Record]:
    """Return what a bundle already holds as records, so that a campaign extends it.

    An item is recognised by its source and source_id. Labels of other recipe versions come back
    under their own version and so count as not done.
    """
    candidates = read_table(bundle_dir, "candidates")
    provenance = read_table(bundle_dir, "provenance")
    labels = read_table(bundle_dir, "labels", derived=False)
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
