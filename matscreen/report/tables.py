"""The tables of the report as plain rows, ready to be laid out."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, is_dataclass
from typing import TYPE_CHECKING, Any

from matscreen.mechanisms import Device
from matscreen.report.formatting import (
    format_duration,
    format_energy,
    format_number,
    format_quantity,
    spacegroup_symbol,
    words,
)
from matscreen.report.result import Candidate, ScreenResult

if TYPE_CHECKING:
    import pandas as pd

MAX_CANDIDATES = 200
"""Rows of the ranking in the report; the files beside it hold all."""
MAX_FAILURES = 50
"""Failures listed one by one in the report."""


@dataclass(frozen=True)
class Setting:
    """One entry of the device specification.

    Attributes:
        label: Its name in words.
        value: Its value with the unit.
        key: Its dotted key in a screen file.
    """

    label: str
    value: str
    key: str


@dataclass(frozen=True)
class Share:
    """How often something happened.

    Attributes:
        label: What happened, in words.
        note: The stage, or another qualifier.
        count: How often.
        fraction: The count over the largest count of the table.
    """

    label: str
    note: str
    count: int
    fraction: float


@dataclass(frozen=True)
class Span:
    """Where an interval stands on a common log scale, in percent of its width.

    Attributes:
        left: Start of the 90 % interval.
        width: Length of it.
        dot: The nominal energy.
    """

    left: float
    width: float
    dot: float


@dataclass(frozen=True)
class Section:
    """A block of provenance.

    Attributes:
        title: What the block holds.
        head: Column titles.
        rows: Texts, one tuple per row, as long as `head`.
    """

    title: str
    head: tuple[str, ...]
    rows: tuple[tuple[str, ...], ...]


def device_settings(device: Mapping[str, Any]) -> dict[str, tuple[Setting, ...]]:
    """Return a device specification as settings with units, grouped by block.

    Args:
        device: Fields of `matscreen.mechanisms.Device`, with its geometry blocks as mappings.

    Returns:
        Settings by block; the empty name holds the common ones and comes first.
    """
    units = _device_units(Device())
    common = {key: value for key, value in device.items() if not isinstance(value, Mapping)}
    blocks = {"": common} | {k: v for k, v in device.items() if isinstance(v, Mapping)}
    return {
        name: tuple(
            _setting((name, key) if name else (key,), value, units) for key, value in block.items()
        )
        for name, block in blocks.items()
        if block
    }


def _setting(path: tuple[str, ...], value: Any, units: Mapping[str, str]) -> Setting:
    key = ".".join(path)
    return Setting(
        label=_heading(re.sub(r"^n_", "number_of_", path[-1])),
        value=_quantity(value, units.get(key, "")),
        key=f"device.{key}",
    )


def _heading(code: str) -> str:
    text = words(code)
    return text[:1].upper() + text[1:]


def _device_units(block: Any, prefix: str = "") -> dict[str, str]:
    units: dict[str, str] = {}
    for entry in fields(block):
        value = getattr(block, entry.name)
        if is_dataclass(value):
            units |= _device_units(value, f"{prefix}{entry.name}.")
        else:
            unit = str(entry.metadata.get("unit", ""))
            units[f"{prefix}{entry.name}"] = "" if unit == "1" else unit
    return units


def _quantity(value: Any, unit: str) -> str:
    if isinstance(value, bool):
        return "yes" if value else "no"
    if isinstance(value, (list, tuple)):
        return ", ".join(_quantity(part, unit) for part in value)
    if not isinstance(value, (int, float)):
        return str(value)
    if unit == "s":
        number, *unit_words = format_duration(float(value)).split(" ")
        return " ".join([_tidy(number), *unit_words])
    if unit in {"m²", "m³"}:
        return _power_quantity(float(value), unit)
    if unit == "m" and abs(value) < 1e-6:
        return f"{_tidy(format_number(1e9 * value, digits=4))} nm"
    unit = {"1/s": "Hz", "1/m³": "m⁻³"}.get(unit, unit)
    if unit in {"m", "V", "J", "Hz"} and value != 0 and math.isfinite(value):
        number, prefixed = format_quantity(float(value), unit, digits=4).split(" ")
        return f"{_tidy(number)} {prefixed}"
    number = str(value) if isinstance(value, int) else _tidy(format_number(value, digits=4))
    return f"{number} {unit}".strip()


def _power_quantity(value: float, unit: str) -> str:
    # a device is nanometres across: its area and volume are read in powers of nanometres
    scale = 1e18 if unit == "m²" else 1e27
    return f"{_tidy(format_number(value * scale, digits=4))} n{unit}"


def _tidy(number: str) -> str:
    """Drop the trailing zeros of a decimal number; specifications are exact."""
    mantissa, times, power = number.partition("×")
    if "." in mantissa:
        mantissa = mantissa.rstrip("0").rstrip(".")
    return mantissa + times + power


def listed_candidates(result: ScreenResult) -> tuple[Candidate, ...]:
    """Return the rows of the ranking that the report lists, best first.

    Every mechanism gets the same share of `MAX_CANDIDATES`: the pooled order would fill the table
    with the class of device that needs the least.
    """
    share = MAX_CANDIDATES // max(1, len(result.mechanisms))
    groups = (
        [row for row in result.candidates if row.mechanism == name][:share]
        for name in result.mechanisms
    )
    return tuple(sorted((row for rows in groups for row in rows), key=lambda row: row.position))


def structure_kind(row: Candidate) -> str:
    """Return space group and structure type, each said once: `P4mm · perovskite`."""
    symbol = spacegroup_symbol(row.spacegroup)
    kind, _, ending = row.prototype.rpartition("-")
    plain = symbol.translate(str.maketrans("₁₂₃₄₅₆", "123456"))
    if not kind or ending.replace("_", "") != plain:
        kind = row.prototype
    return " · ".join(part for part in (symbol, kind) if part)


def interval_scale(rows: Sequence[Candidate]) -> tuple[float, float]:
    """Return log10 of the lowest and the highest end of the intervals of some rows."""
    logs = [
        math.log10(value)
        for row in rows
        for value in (row.lower, row.nominal, row.upper)
        if math.isfinite(value) and value > 0.0
    ]
    return (min(logs), max(logs)) if logs else (0.0, 1.0)


def interval_span(row: Candidate, scale: tuple[float, float]) -> Span | None:
    """Return where the interval of a row stands on a scale; None when it has none."""
    values = (row.lower, row.nominal, row.upper)
    if not all(math.isfinite(value) and value > 0.0 for value in values):
        return None
    low, high = scale
    start, dot, end = (
        round(100.0 * (math.log10(value) - low) / max(high - low, 1e-9), 1) for value in values
    )
    return Span(left=start, width=round(max(end - start, 0.5), 1), dot=dot)


def shares(counts: Sequence[tuple[str, int]], note: str = "") -> tuple[Share, ...]:
    """Return counted codes as shares of the most frequent one."""
    largest = max((count for _, count in counts), default=1)
    return tuple(Share(words(code), note, count, count / largest) for code, count in counts)


def failure_shares(failures: pd.DataFrame) -> tuple[Share, ...]:
    """Return how often each stage failed for each reason, most frequent first."""
    pairs = zip(failures["stage"].astype(str), failures["reason"].astype(str), strict=True)
    counts = sorted(Counter(pairs).items(), key=lambda item: (-item[1], item[0]))
    largest = counts[0][1] if counts else 1
    return tuple(
        Share(words(reason), words(stage), count, count / largest)
        for (stage, reason), count in counts
    )


def failure_rows(failures: pd.DataFrame) -> tuple[tuple[str, str, str, str], ...]:
    """Return the first failures: identifier, stage, reason and detail."""
    return tuple(
        (
            str(row["structure_id"]),
            words(str(row["stage"])),
            words(str(row["reason"])),
            detail if isinstance(detail := row.get("detail"), str) else "",
        )
        for row in failures.head(MAX_FAILURES).to_dict("records")
    )


def provenance_sections(provenance: Mapping[str, Any]) -> tuple[Section, ...]:
    """Return the provenance of a result in blocks: cost, versions, identifiers, then the rest."""
    known = {"seconds", "joules", "versions", "store_versions", "identifiers", "command"}
    identifiers = {
        _heading(key): value for key, value in (provenance.get("identifiers") or {}).items()
    }
    sections = [
        _cost(provenance.get("seconds") or {}, provenance.get("joules") or {}),
        _pairs("Versions", ("Package", "Version"), provenance.get("versions")),
        _pairs("Tables read", ("Table", "Version"), provenance.get("store_versions")),
        _pairs("Identifiers", ("What", "Identifier"), identifiers),
    ]
    loose = {key: value for key, value in provenance.items() if key not in known}
    nested = {key: value for key, value in loose.items() if isinstance(value, Mapping)}
    flat = {_heading(key): value for key, value in loose.items() if key not in nested}
    sections.append(_pairs("Notes", ("What", "Value"), flat))
    for key, value in nested.items():
        sections.append(_pairs(_heading(key), ("What", "Value"), value))
    return tuple(section for section in sections if section.rows)


def _pairs(title: str, head: tuple[str, str], values: Mapping[str, Any] | None) -> Section:
    rows = tuple((str(key), _shown(value)) for key, value in (values or {}).items())
    return Section(title, head, rows)


def _shown(value: Any) -> str:
    if isinstance(value, bool) or not isinstance(value, float):
        if isinstance(value, (list, tuple)):
            return ", ".join(map(_shown, value))
        if isinstance(value, Mapping):
            return ", ".join(f"{key} {_shown(part)}" for key, part in value.items())
        return str(value)
    return format_number(value, digits=4)


def _cost(seconds: Mapping[str, float], joules: Mapping[str, float]) -> Section:
    stages = list(seconds) + [name for name in joules if name not in seconds]
    rows = [
        (
            _heading(name),
            format_duration(seconds.get(name, math.nan)),
            format_energy(joules.get(name, math.nan)),
        )
        for name in stages
        if name != "total"
    ]
    if rows:
        rows.append(
            (
                "Total",
                format_duration(_total(seconds)),
                format_energy(_total(joules) if joules else math.nan),
            )
        )
    return Section("Time and energy spent", ("Stage", "Time", "Energy"), tuple(rows))


def _total(values: Mapping[str, float]) -> float:
    if "total" in values:
        return values["total"]
    return math.fsum(value for value in values.values() if math.isfinite(value))
