"""From what a user names to a source of traces: files, grids, markets, the synthetic year."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Final

from matscreen.errors import InputError

if TYPE_CHECKING:
    from matscreen.power.traces import Trace, TraceSource

HELP: Final = (
    "a .csv or saved .json file, uk (carbon, no key), entsoe:ZONE (price, key in ENTSOE_API_KEY), "
    "ciso or duk (a measured year of the package python-microgrid), synthetic or synthetic-price"
)
"""What may be named as a trace."""


@dataclass(frozen=True)
class FileTrace:
    """A file as a source of traces.

    Attributes:
        trace: What it holds.
    """

    trace: Trace

    @property
    def name(self) -> str:
        """Name of the file."""
        return self.trace.name

    def read(self, begin: datetime, end: datetime) -> Trace:
        """Return the slots of a span.

        Raises:
            InputError: The file does not cover it.
        """
        return self.trace.cut(begin, end)


def trace_source(
    name: str,
    *,
    unit: str | None = None,
    time: str | None = None,
    value: str | None = None,
    zone: str | None = None,
) -> TraceSource:
    """Return the source of a name.

    Args:
        name: See `HELP`.
        unit: Unit of a CSV file that does not say it.
        time: Column of the time in a CSV file.
        value: Column of the value in a CSV file.
        zone: Time zone of a CSV file that does not say it.

    Raises:
        InputError: The name is unknown, or the file cannot be read.
    """
    from matscreen.power.entsoe import Entsoe
    from matscreen.power.measured_years import GRIDS, MeasuredYear
    from matscreen.power.synthetic import SyntheticYear
    from matscreen.power.trace_files import read_csv, read_json
    from matscreen.power.uk_grid import UkGrid

    kind, _, rest = name.partition(":")
    if kind == "uk":
        return UkGrid()
    if kind == "entsoe" and rest:
        return Entsoe(rest)
    if kind in GRIDS:
        return MeasuredYear(kind)
    if kind in {"synthetic", "synthetic-price"}:
        return SyntheticYear("price" if kind.endswith("price") else "carbon")
    file = Path(name)
    if file.suffix == ".json":
        return FileTrace(read_json(file))
    if file.suffix == ".csv":
        return FileTrace(read_csv(file, time=time, value=value, unit=unit, zone=zone))
    raise InputError(f"unknown trace {name!r}; give {HELP}")


def whole_year(source: TraceSource) -> Trace:
    """Return everything that a source holds, for a replay.

    Raises:
        InputError: The source looks ahead only.
    """
    from matscreen.power.measured_years import MeasuredYear
    from matscreen.power.synthetic import SyntheticYear

    if isinstance(source, FileTrace):
        return source.trace
    if isinstance(source, (SyntheticYear, MeasuredYear)):
        return source.year()
    raise InputError(
        f"{source.name} is a live service; save its past as a file first: matscreen power trace"
    )
