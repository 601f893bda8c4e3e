"""Rows of the table `labels` for tests of the store."""

from __future__ import annotations

from matscreen import tables


def label(structure_id="s1", value=1.0, **more):
    row = {
        "structure_id": structure_id,
        "property": "band_gap",
        "value": value,
        "unit": "eV",
        "evidence": "dft",
        "method": "PBE",
        "version": "1",
    }
    return row | more


def labels(*rows):
    return tables.from_rows("labels", rows)
