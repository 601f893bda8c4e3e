"""Reference lines: what switching costs elsewhere, and what physics asks at least."""

from __future__ import annotations

import csv
from dataclasses import dataclass
from functools import cache

from matscreen.data import data_path
from matscreen.mechanisms.base import check_application, landauer, thermal_barrier
from matscreen.mechanisms.device import Device


@dataclass(frozen=True)
class ReferenceLine:
    """One energy to compare with.

    Attributes:
        name: Short name for a chart.
        energy_J: Energy of one event, J.
        lower_J: Lower end where a range is given, J; else the energy.
        upper_J: Upper end where a range is given, J; else the energy.
        kind: `limit`, `circuit`, `chip`, `biology` or `device`.
        includes: What the figure includes.
        source: Where it comes from.
        doi: DOI of the source, or empty.
        confidence: `verified` when read in a public text, else `medium` or `low`.
    """

    name: str
    energy_J: float
    lower_J: float
    upper_J: float
    kind: str
    includes: str
    source: str
    doi: str
    confidence: str


def reference_lines(application: str, device: Device | None = None) -> tuple[ReferenceLine, ...]:
    """Return the reference lines of an application, cheapest first.

    The Landauer and retention limits are computed for the device; the others are rows of
    `data/reference/limits.csv`.

    Raises:
        InputError: There is no such application.
    """
    check_application(application)
    spec = device if device is not None else Device()
    hold = thermal_barrier(
        spec.retention_time, spec.retention_temperature, attempt_time=spec.attempt_time
    )
    erase = landauer(spec.temperature)
    years = spec.retention_time / 31557600.0
    computed = (
        ReferenceLine(
            "Landauer limit",
            erase,
            erase,
            erase,
            "limit",
            f"k T ln 2 at {spec.temperature:.0f} K, one bit erased as slowly as one likes",
            "Landauer 1961, IBM J. Res. Dev. 5, 183",
            "10.1147/rd.53.0183",
            "verified",
        ),
        ReferenceLine(
            "Retention limit",
            hold,
            hold,
            hold,
            "limit",
            f"barrier that keeps one state for {years:.3g} years at "
            f"{spec.retention_temperature:.0f} K, attempts every {spec.attempt_time:.0e} s",
            "Néel-Arrhenius",
            "",
            "verified",
        ),
    )
    shipped = tuple(line for tags, line in _rows() if application in tags)
    return tuple(sorted((*computed, *shipped), key=lambda line: (line.energy_J, line.name)))


@cache
def _rows() -> tuple[tuple[tuple[str, ...], ReferenceLine], ...]:
    with data_path("reference", "limits.csv").open(encoding="utf-8", newline="") as file:
        return tuple(
            (
                tuple(row["applications"].split()),
                ReferenceLine(
                    name=row["name"],
                    energy_J=float(row["energy_J"]),
                    lower_J=float(row["lower_J"] or row["energy_J"]),
                    upper_J=float(row["upper_J"] or row["energy_J"]),
                    kind=row["kind"],
                    includes=row["includes"],
                    source=row["source"],
                    doi=row["doi"],
                    confidence=row["confidence"],
                ),
            )
            for row in csv.DictReader(file)
        )
