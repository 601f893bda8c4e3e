"""The card of a candidate: what it is, what its energy rests on, and how it could be made."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any, Final

from matscreen.report.dossier import Dossier, KnownProperty, UncertaintySource, carded
from matscreen.report.formatting import (
    DASH,
    format_duration,
    format_energy,
    format_number,
    format_percent,
    spacegroup_symbol,
    words,
)
from matscreen.report.known_devices import NearDevice, nearest_device
from matscreen.report.result import Candidate, ScreenResult

_SOURCES: Final = 5
_DOUBTFUL: Final = 0.98
_LEAST_SHARE: Final = 0.01
_MODERATE: Final = 1500.0
"""Herfindahl-Hirschman index above which a market is called moderately concentrated."""
_CONCENTRATED: Final = 2500.0
_GATE: Final = "settle the gate"
"""How advice begins that the list of doubtful gates holds already."""
_READ_IN: Final = {"V/m": (1e-8, "MV/cm"), "eV/atom": (1e3, "meV/atom")}
"""Units of the registry that people read in another one."""
_MODEL_ERRORS: Final = {
    "model error, shared": "device model, common to the mechanism",
    "model error, material": "device model, this material",
}
_DIAGNOSTICS: Final = {
    "write_voltage_V": "write voltage",
    "cell_voltage_V": "cell voltage",
    "retention_time_s": "retention at the asked temperature",
    "voltage_time_decades": "voltage-time decades",
    "diffusion_time_s": "diffusion time",
    "switching_temperature_K": "switching temperature",
    "trip_temperature_K": "trip temperature",
    "operating_temperature_K": "operating temperature",
    "endurance_margin": "endurance margin",
    "on_off_decades": "on/off decades",
}


@dataclass(frozen=True)
class Line:
    """One quantity on a card, as texts.

    Attributes:
        name: What it is.
        value: Its value with the unit.
        interval: Its 90 % interval; empty where exact or not known.
        evidence: What it rests on.
        method: How it was found.
    """

    name: str
    value: str
    interval: str = ""
    evidence: str = ""
    method: str = ""


@dataclass(frozen=True)
class Share:
    """A source of uncertainty on a card.

    Attributes:
        name: What is uncertain.
        share: Share of the variance of the log energy, percent.
        swing: Energies at both ends of its 90 % interval.
    """

    name: str
    share: float
    swing: str


@dataclass(frozen=True)
class Card:
    """The card of a candidate.

    Attributes:
        row: The candidate.
        anchor: Its place in the page.
        structure: Whether the page holds its crystal.
        properties: What its energy is made of.
        operation: What its device does: voltages, times, margins.
        uncertainty: What its energy is uncertain by, largest first.
        doubtful: Gates that some draws fail, with the share that passes.
        advice: What to measure or simulate next.
        device: The nearest measured device.
        making: How it could be made, and what stands in the way.
    """

    row: Candidate
    anchor: str
    structure: bool
    properties: tuple[Line, ...]
    operation: tuple[Line, ...]
    uncertainty: tuple[Share, ...]
    doubtful: tuple[tuple[str, str], ...]
    advice: tuple[str, ...]
    device: NearDevice | None
    making: tuple[Line, ...]

    @property
    def description(self) -> str:
        """What the picture of the crystal shows, for readers who cannot see it."""
        where = spacegroup_symbol(self.row.spacegroup)
        kind = f" of the type {self.row.prototype}" if self.row.prototype else ""
        return f"Crystal structure of {self.row.formula}{kind}{', ' + where if where else ''}."


def cards_of(result: ScreenResult) -> tuple[Card, ...]:
    """Return the cards of a result, best candidate first."""
    known = {(each.structure_id, each.mechanism): each for each in result.dossiers}
    return tuple(
        _card(result, row, f"card-{number}", known.get((row.structure_id, row.mechanism)))
        for number, row in enumerate(carded(result), start=1)
    )


def _card(result: ScreenResult, row: Candidate, anchor: str, dossier: Dossier | None) -> Card:
    columns = result.row_of(row)
    units = result.ranking.attrs.get("units", {})
    found = dossier or Dossier(row.structure_id, row.mechanism)
    return Card(
        row=row,
        anchor=anchor,
        structure=row.structure_id in result.structures,
        properties=tuple(map(_line, filter(_telling, found.properties)))
        or _from_columns(columns, units),
        operation=_operation(columns),
        uncertainty=tuple(
            _share(each) for each in found.uncertainty[:_SOURCES] if each.share >= _LEAST_SHARE
        ),
        doubtful=tuple(
            (words(each.code), format_percent(each.chance))
            for each in found.gates
            if each.chance < _DOUBTFUL
        ),
        advice=tuple(text for text in found.advice if not text.startswith(_GATE))[:3],
        device=nearest_device(row, result.devices),
        making=_making(columns),
    )


def _telling(item: KnownProperty) -> bool:
    # yes-or-no facts of the crystal are said by its space group and flags
    return not (item.evidence == "crystal" and item.unit == "1")


def _line(item: KnownProperty) -> Line:
    exact = item.evidence == "crystal" or item.lower == item.upper
    factor, unit = _READ_IN.get(item.unit, (1.0, item.unit))
    low, high = (format_number(factor * end, digits=2) for end in (item.lower, item.upper))
    return Line(
        name=words(item.name),
        value=_with_unit(factor * item.value, unit),
        interval="" if exact else f"{low} {DASH} {high}",
        evidence=item.evidence,
        method=item.method,
    )


def _from_columns(columns: Mapping[str, Any], units: Mapping[str, str]) -> tuple[Line, ...]:
    found = []
    for key, evidence in columns.items():
        name = str(key).removesuffix("_evidence")
        value = _known(columns.get(name))
        if name == key or not isinstance(evidence, str) or value is None:
            continue
        factor, unit = _READ_IN.get(units.get(name, ""), (1.0, units.get(name, "")))
        found.append(Line(words(name), _with_unit(factor * value, unit), "", evidence))
    return tuple(found)


def _operation(columns: Mapping[str, Any]) -> tuple[Line, ...]:
    found = []
    for name, label in _DIAGNOSTICS.items():
        value = _known(columns.get(name))
        if value is None:
            continue
        unit = name.rpartition("_")[2]
        text = (
            format_duration(value)
            if unit == "s"
            else _with_unit(value, unit if unit in {"V", "K"} else "")
        )
        found.append(Line(label, text))
    return tuple(found)


def _share(item: UncertaintySource) -> Share:
    return Share(
        name=_MODEL_ERRORS.get(item.name, words(item.name)),
        share=100.0 * item.share,
        swing=f"{format_energy(item.low_J)} {DASH} {format_energy(item.high_J)}",
    )


def _making(columns: Mapping[str, Any]) -> tuple[Line, ...]:
    found = []
    made = columns.get("made")
    if made is True or made is False or type(made).__name__ == "bool_":
        found.append(
            Line("made before", "listed as synthesised" if made else "no synthesis on record")
        )
    if (temperature := _known(columns.get("crystallisation_temperature"))) is not None:
        found.append(Line("crystallises near", f"{temperature:.0f} K", method="estimate"))
    if isinstance(substrate := columns.get("substrate"), str) and substrate:
        film, plane = columns.get("film_plane"), columns.get("substrate_plane")
        strain = _known(columns.get("mismatch"))
        text = f"{film} on {substrate} {plane}"
        if strain is not None:
            text += f", mismatch {strain:.1f} %"
        found.append(Line("substrate", text))
    if isinstance(hazards := columns.get("hazards"), str):
        found.append(Line("hazards", hazards or "none of the listed elements"))
    if (index := _known(columns.get("hhi_production"))) is not None:
        found.append(Line("supply", _supply(index)))
    return tuple(found)


def _supply(index: float) -> str:
    if index >= _CONCENTRATED:
        word = "highly concentrated"
    elif index >= _MODERATE:
        word = "moderately concentrated"
    else:
        word = "widely spread"
    return f"{word} (HHI of production {index:,.0f})"


def _with_unit(value: float, unit: str) -> str:
    text = format_number(value, digits=3)
    return text if unit in {"", "1"} or text == DASH else f"{text} {unit}"


def _known(value: Any) -> float | None:
    """Return a finite number; None for anything else."""
    try:
        number = float(value)
    except (TypeError, ValueError):
        return None
    return number if math.isfinite(number) else None
