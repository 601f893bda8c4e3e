"""Exports of a ranking, one function a format; each file is written whole or not at all."""

from __future__ import annotations

from matscreen.exports.structures import write_cifs
from matscreen.exports.tables import write_csv, write_parquet

__all__ = ["write_cifs", "write_csv", "write_parquet"]
