"""Exports of a ranking, one function a format; each file is written whole or not at all."""

from __future__ import annotations

from matscreen.exports.atoms import write_ase_db, write_extxyz
from matscreen.exports.citations import write_citations
from matscreen.exports.columns import Column, describe_columns
from matscreen.exports.json_table import write_json
from matscreen.exports.optimade_file import write_optimade
from matscreen.exports.pymatgen_file import write_pymatgen
from matscreen.exports.structures import write_cifs, write_poscars
from matscreen.exports.tables import write_csv, write_parquet
from matscreen.exports.workbook import write_xlsx

__all__ = [
    "Column",
    "describe_columns",
    "write_ase_db",
    "write_cifs",
    "write_citations",
    "write_csv",
    "write_extxyz",
    "write_json",
    "write_optimade",
    "write_parquet",
    "write_poscars",
    "write_pymatgen",
    "write_xlsx",
]
