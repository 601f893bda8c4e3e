"""Reference energies and where their labels stand above a log axis without overlapping."""

from __future__ import annotations

import html
import math
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any

from matscreen.mechanisms import ReferenceLine
from matscreen.report.formatting import format_energy, format_interval
from matscreen.report.palette import LIGHT

_LEVEL = 17
_CHARACTER = 5.8
_LONGEST = 30


@dataclass(frozen=True)
class NumberedLine:
    """A reference energy with its number in the report.

    Attributes:
        number: Its number, counted from the lowest energy.
        line: The energy, what it is and where it comes from.
    """

    number: int
    line: ReferenceLine

    @property
    def name(self) -> str:
        """What it is."""
        return self.line.name

    @property
    def energy(self) -> float:
        """Energy per event, J."""
        return self.line.energy_J

    @property
    def span(self) -> str:
        """The energy, or its range where one is given, as text."""
        if self.line.lower_J < self.line.upper_J:
            return format_interval(self.line.lower_J, self.line.upper_J)
        return format_energy(self.line.energy_J)


@dataclass(frozen=True)
class Label:
    """The text over a reference line.

    Attributes:
        line: The line.
        text: Its text, safe in a Plotly figure.
        shift: Pixels by which the text is moved from its line to stay within the plot.
        level: Its level above the plot, from 0.
    """

    line: NumberedLine
    text: str
    shift: float
    level: int


@dataclass(frozen=True)
class Placement:
    """Labels over the plot, each on a level of its own where they would collide.

    Attributes:
        labels: The labels with their place and level.
        height: Room they need above the plot, in pixels.
    """

    labels: tuple[Label, ...]
    height: int

    def shapes(self, plot_height: int) -> list[dict[str, Any]]:
        """Return one vertical line per reference, reaching up to its label."""
        return [
            {
                "type": "line",
                "layer": "below",
                "xref": "x",
                "yref": "paper",
                "x0": label.line.energy,
                "x1": label.line.energy,
                "y0": 0,
                "y1": 1 + (label.level * _LEVEL + 4) / plot_height,
                "line": {"color": LIGHT["line"], "width": 1, "dash": "dot"},
            }
            for label in self.labels
        ]

    def annotations(self) -> list[dict[str, Any]]:
        """Return one text per reference, above its line."""
        return [
            {
                "xref": "x",
                "yref": "paper",
                "x": math.log10(label.line.energy),
                "y": 1,
                "xshift": label.shift,
                "yshift": label.level * _LEVEL + 12,
                "text": label.text,
                "showarrow": False,
                "font": {"size": 11, "color": LIGHT["muted"]},
                "bgcolor": LIGHT["paper"],
                "borderpad": 0,
            }
            for label in self.labels
        ]


def number_lines(lines: Iterable[ReferenceLine]) -> tuple[NumberedLine, ...]:
    """Return the usable reference lines, numbered from 1 in rising order of energy."""
    usable = (line for line in lines if math.isfinite(line.energy_J) and line.energy_J > 0.0)
    ordered = sorted(usable, key=lambda line: (line.energy_J, line.name))
    return tuple(NumberedLine(number, line) for number, line in enumerate(ordered, start=1))


def place_labels(
    lines: Sequence[NumberedLine],
    *,
    low: float,
    high: float,
    width: float,
    numbered: bool = False,
) -> Placement:
    """Place a label over each line, on the lowest level where it overlaps no other.

    Args:
        lines: Lines in rising order of energy.
        low: log10 of the left end of the axis.
        high: log10 of the right end of the axis.
        width: Least width of the axis in pixels; on a wider one the labels only move apart.
        numbered: Label with the number only, for a narrow page.
    """
    ends: list[float] = []
    labels = []
    for line in lines:
        at = (math.log10(line.energy) - low) / (high - low) * width
        text = str(line.number) if numbered else _short(line.name)
        half = 0.5 * _CHARACTER * len(text) + 5.0
        centre = min(max(at, half), width - half)
        level = next((i for i, end in enumerate(ends) if end <= centre - half), len(ends))
        ends[level : level + 1] = [centre + half]
        labels.append(Label(line, html.escape(text), round(centre - at, 1), level))
    return Placement(tuple(labels), _LEVEL * len(ends) + 8)


def _short(name: str) -> str:
    return name if len(name) <= _LONGEST else name[: _LONGEST - 1].rstrip() + "…"
