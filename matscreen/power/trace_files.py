"""Traces from files: CSV with any columns of time and value, and saved JSON of the UK service."""

from __future__ import annotations

import csv
import json
import re
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import TYPE_CHECKING, Any, Final

import numpy as np

from matscreen.atomic import write_atomically
from matscreen.errors import InputError
from matscreen.power.traces import SYNTHETIC, FloatArray, Trace, read_unit

if TYPE_CHECKING:
    import pandas as pd

_LONGEST_GAP: Final = timedelta(hours=3)
_ZONES: Final = {"CET/CEST": "Europe/Brussels", "WET/WEST": "Europe/Lisbon", "UTC": "UTC"}
_UNIT: Final = re.compile(
    r"(?:g|kg|lb|EUR|GBP|USD|€|£)\s*(?:CO2|CO₂)?(?:e|eq)?\s*/\s*[kM]Wh", re.IGNORECASE
)


def read_csv(
    path: str | Path,
    *,
    time: str | None = None,
    value: str | None = None,
    unit: str | None = None,
    zone: str | None = None,
) -> Trace:
    """Read a trace from a CSV file.

    Without names the first column that reads as time and the first after it that reads as numbers
    are taken. A span such as `01.01.2025 00:00 - 01.01.2025 01:00` (export of ENTSO-E) counts from
    its begin. A unit in brackets in the heading of the column is understood, as is a time zone.
    Gaps of up to three hours are filled linearly.

    Args:
        path: The file.
        time: Column of the time.
        value: Column of the value.
        unit: Unit, where the heading does not say it.
        zone: Time zone of times that name none, such as `Europe/Brussels`; else UTC.

    Raises:
        InputError: The file cannot be read, a column is not there, or times are irregular.
    """
    import pandas as pd

    file = Path(path)
    try:
        table = pd.read_csv(file, sep=None, engine="python", comment="#", skipinitialspace=True)
    except (OSError, ValueError, csv.Error) as error:
        raise InputError(f"{file} cannot be read as CSV: {error}") from None
    times_name = _column(file, table, time) if time else _first_time(file, table)
    value_name = _column(file, table, value) if value else _first_value(file, table, times_name)
    said = unit or _unit_of(value_name)
    if said is None:
        raise InputError(
            f"{file} does not say the unit of {value_name!r}; give one, such as gCO2/kWh or EUR/MWh"
        )
    times = _times(file, table[times_name], zone or _zone_of(times_name))
    numbers = pd.to_numeric(table[value_name], errors="coerce")
    series = pd.Series(numbers.to_numpy(dtype=float), index=times).dropna()
    made_up = file.read_text(encoding="utf-8", errors="replace").startswith(f"# {SYNTHETIC}")
    return _regular(series[series.index.notna()], said, file.name, synthetic=made_up)


def read_json(path: str | Path) -> Trace:
    """Read a saved answer of the UK carbon-intensity service, actual values before forecasts.

    Raises:
        InputError: The file is something else.
    """
    file = Path(path)
    try:
        document = json.loads(file.read_text(encoding="utf-8"))
    except (OSError, ValueError) as error:
        raise InputError(f"{file} cannot be read as JSON: {error}") from None
    return uk_trace(document, file.name)


def uk_trace(document: Any, name: str) -> Trace:
    """Turn an answer of the UK carbon-intensity service into a trace.

    Raises:
        InputError: The document has not that form.
    """
    import pandas as pd

    entries = document.get("data") if isinstance(document, dict) else None
    if isinstance(entries, dict):  # regional answers nest one deeper
        entries = entries.get("data")
    times, values = [], []
    for entry in entries if isinstance(entries, list) else []:
        try:
            known = entry["intensity"]
            seen = known.get("actual")
            value = float(known["forecast"] if seen is None else seen)
            # A time without a zone is one of UTC, as those of the service are.
            when = pd.to_datetime(entry["from"], utc=True)
        except (KeyError, TypeError, ValueError, AttributeError):
            continue
        if isinstance(when, datetime) and not pd.isna(when):
            values.append(value)
            times.append(when)
    if not times:
        raise InputError(f"{name} holds no carbon intensities of the UK service")
    return _regular(pd.Series(values, index=pd.DatetimeIndex(times)), "gCO2/kWh", name)


def read_values(
    path: str | Path, *, unit: str, start: datetime, step: timedelta, name: str = ""
) -> Trace:
    """Read a file with one number a line, under a heading or none, and no times.

    Raises:
        InputError: The file cannot be read, or holds something else.
    """
    file = Path(path)
    kind, shown, factor = read_unit(unit)
    try:
        lines = file.read_text(encoding="utf-8").split()
        first = 0 if _is_number(lines[0]) else 1
        values = np.array([float(line) for line in lines[first:]])
    except (OSError, ValueError, IndexError) as error:
        raise InputError(f"{file} holds not one number a line: {error}") from None
    return Trace(start, step, values * factor, shown, kind, name or file.name)


def write_csv(path: str | Path, trace: Trace) -> None:
    """Write a trace as CSV for `read_csv`; its first line says what it is and if synthetic."""
    lines = [f"# {trace.label}", f"from (UTC),value ({trace.unit})"]
    for number, value in enumerate(trace.values):
        lines.append(f"{(trace.start + number * trace.step).isoformat()},{value:.6g}")
    write_atomically(path, "\n".join(lines) + "\n")


def _is_number(text: str) -> bool:
    try:
        float(text)
    except ValueError:
        return False
    return True


def _column(file: Path, table: pd.DataFrame, name: str) -> str:
    if name not in table:
        raise InputError(f"{file} has no column {name!r}; it has {', '.join(map(str, table))}")
    return name


def _first_time(file: Path, table: pd.DataFrame) -> str:
    for name in table.columns:
        # A column of plain numbers reads as times too, nanoseconds after 1970.
        if table[name].dtype.kind not in "if" and _parsed(table[name].head(20)).notna().any():
            return str(name)
    raise InputError(f"{file} has no column of times among {', '.join(map(str, table))}")


def _first_value(file: Path, table: pd.DataFrame, times: str) -> str:
    import pandas as pd

    after = list(table.columns)[list(table.columns).index(times) + 1 :]
    numeric = [n for n in after if pd.to_numeric(table[n], errors="coerce").notna().mean() > 0.5]
    with_unit = [name for name in numeric if _unit_of(str(name))]
    if not numeric:
        raise InputError(f"{file} has no column of numbers after {times!r}; name one")
    return str((with_unit or numeric)[0])


def _unit_of(heading: str) -> str | None:
    found = _UNIT.search(heading)
    return found.group(0) if found else None


def _zone_of(heading: str) -> str:
    return next((zone for name, zone in _ZONES.items() if name in heading), "UTC")


def _parsed(column: pd.Series) -> pd.Series:
    """Read times; of a span the begin, and 01.02. or 01/02/ as the first of February."""
    import pandas as pd

    text = column.astype(str).str.split(r"\s+-\s+", regex=True).str[0].str.strip()
    text = text.str.replace(r"\s*\((?:CET|CEST|UTC)\)$", "", regex=True)
    day_first = text.str.match(r"\d{1,2}[./]").any()
    return pd.Series(
        pd.to_datetime(text, errors="coerce", dayfirst=bool(day_first), format="mixed")
    )


def _times(file: Path, column: pd.Series, zone: str) -> pd.DatetimeIndex:
    import pandas as pd

    text = column.astype(str)
    if text.str.contains(r"(?:Z|[+-]\d\d:?\d\d)\s*$", regex=True).all():
        return pd.DatetimeIndex(pd.to_datetime(text, utc=True, errors="coerce", format="mixed"))
    naive = pd.DatetimeIndex(_parsed(column))
    try:
        # The hour that comes twice in autumn is told apart by the order of the rows.
        local = naive.tz_localize(zone, ambiguous="infer", nonexistent="NaT")
    except Exception as error:
        raise InputError(
            f"{file}: the times do not fit the zone {zone}: {error}; give another"
        ) from None
    return local.tz_convert("UTC")


def _regular(series: pd.Series, unit: str, name: str, *, synthetic: bool = False) -> Trace:
    import pandas as pd

    kind, shown, factor = read_unit(unit)
    ordered = series[~series.index.duplicated(keep="last")].sort_index()
    if len(ordered) < 2:
        raise InputError(f"{name} has {len(ordered)} times with a value; a trace needs two or more")
    index = pd.DatetimeIndex(ordered.index).tz_convert("UTC")
    times = index.tz_localize(None).to_numpy().astype("datetime64[s]")
    seconds = (times - times[0]).astype(int)
    apart, counts = np.unique(np.diff(seconds), return_counts=True)
    step_s = int(apart[np.argmax(counts)])
    step = timedelta(seconds=step_s)
    slots = np.rint(seconds / step_s).astype(int)
    widest = int(np.diff(slots).max())
    if (widest - 1) * step > _LONGEST_GAP:
        where = ordered.index[int(np.argmax(np.diff(slots)))]
        raise InputError(
            f"{name} has a gap of {(widest - 1) * step} after {where}; up to {_LONGEST_GAP} is "
            "filled"
        )
    values: FloatArray = np.interp(
        np.arange(slots[-1] + 1), slots, ordered.to_numpy(dtype=float) * factor
    )
    start = datetime.fromtimestamp(ordered.index[0].timestamp(), tz=UTC)
    return Trace(start, step, values, shown, kind, name, synthetic)
