"""One picture of a finished screen for a front page or a talk: SVG, light and dark.

Made by `python -m matscreen.report.picture results/synapse -o pictures`.
"""

from __future__ import annotations

import csv
import json
import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Final

import typer

from matscreen.atomic import write_atomically
from matscreen.errors import InputError
from matscreen.mechanisms import Device, ReferenceLine, reference_lines
from matscreen.report.formatting import (
    format_energy,
    format_interval,
    formula_text,
    spacegroup_symbol,
    words,
)
from matscreen.report.palette import DARK, LIGHT, series_role

if TYPE_CHECKING:
    from matplotlib.axes import Axes

_LANDMARKS: Final = (
    "Landauer limit",
    "Retention limit",
    "CMOS gate",
    "Biological synapse",
    "FeRAM cell write",
    "Filamentary oxide memristor",
    "NbO2 threshold switch",
    "TrueNorth synaptic event",
    "Flash (NAND) cell write",
)
"""Beginnings of the names of the energies that a reader of one picture can place."""

_INCHES_A_ROW: Final = 0.27
_WIDTH: Final = 9.6
_THEMES: Final = {"light": LIGHT, "dark": DARK}


@dataclass(frozen=True)
class Bar:
    """One row of the picture; energies in joules per event.

    Attributes:
        label: Text on its left.
        energy: The dot.
        lower: Left end of the thick bar.
        upper: Right end of the thick bar.
        floor: Left end of the thin line.
        ceiling: Right end of the thin line.
        role: Colour, a role of the palette.
        known: Whether the dot is filled: nothing behind it was predicted by a surrogate or a prior.
    """

    label: str
    energy: float
    lower: float
    upper: float
    floor: float
    ceiling: float
    role: str
    known: bool


@dataclass(frozen=True)
class Group:
    """Rows under one heading.

    Attributes:
        title: The heading.
        role: Colour of its rows, a role of the palette.
        bars: The rows.
    """

    title: str
    role: str
    bars: tuple[Bar, ...]


def read_groups(folder: Path, best: int) -> tuple[Group, ...]:
    """Read what is drawn from the folder of a finished screen.

    Args:
        folder: Folder with `candidates.csv` and `screen.json`.
        best: Feasible candidates of each mechanism, the best ones.

    Returns:
        The landmarks of the application, then each mechanism that has a feasible candidate.

    Raises:
        InputError: The folder holds no finished screen, or no candidate of it is feasible.
    """
    try:
        screen = json.loads((folder / "screen.json").read_text(encoding="utf-8"))["screen"]
        with (folder / "candidates.csv").open(encoding="utf-8", newline="") as file:
            rows = list(csv.DictReader(file))
    except FileNotFoundError as error:
        raise InputError(
            f"{folder} holds no finished screen: {Path(error.filename).name} is missing; run "
            f"matscreen screen synapse -o {folder}"
        ) from None
    lines = reference_lines(screen["application"], Device.from_mapping(screen["device"]))
    groups = [_landmarks(lines)]
    for index, name in enumerate(screen["mechanisms"]):
        mine = [row for row in rows if row["mechanism"] == name and row["feasible"] == "True"]
        mine.sort(key=lambda row: int(row["rank_in_mechanism"]))
        if mine:
            role = series_role(index)
            bars = tuple(_bar(row, role) for row in mine[:best])
            groups.append(Group(words(name).capitalize(), role, bars))
    if len(groups) == 1:
        raise InputError(
            f"no candidate of {folder} is feasible: there is nothing to draw; its report.html says "
            "why each was dropped"
        )
    return tuple(groups)


def draw(groups: Sequence[Group], colours: Mapping[str, str], *, description: str) -> bytes:
    """Draw groups of rows over one log axis of joules, as SVG without a background.

    The same groups give the same bytes. Texts are drawn as outlines, so that no font is needed.

    Args:
        groups: What `read_groups` returned.
        colours: Colour of each role, `LIGHT` or `DARK` of `matscreen.report.palette`.
        description: What the picture shows, for readers that do not see it.
    """
    from matplotlib import rc_context
    from matplotlib.backends.backend_svg import FigureCanvasSVG
    from matplotlib.figure import Figure

    rows = sum(len(group.bars) + 1 for group in groups) + 0.2 * len(groups)
    height = _INCHES_A_ROW * rows + 0.75
    with rc_context({"svg.hashsalt": "matscreen", "font.size": 9.5}):
        figure = Figure(figsize=(_WIDTH, height))
        FigureCanvasSVG(figure)
        axes = figure.add_axes((0.245, 0.6 / height, 0.565, 1.0 - 0.7 / height))
        _axis(axes, groups, rows, colours)
        _beside(axes, 0.0, "nominal (90 % interval)", colours["muted"], right=True)
        y = 0.0
        for group in groups:
            _beside(axes, y, group.title, colours[group.role], weight="bold")
            for bar in group.bars:
                y += 1.0
                _row(axes, bar, y, colours)
            y += 1.2
        target = BytesIO()
        metadata = {"Date": None, "Title": "Energy per switching event", "Description": description}
        figure.savefig(target, format="svg", transparent=True, metadata=metadata)
    return target.getvalue()


def write_pictures(folder: Path, target: Path, *, best: int = 4) -> tuple[Path, ...]:
    """Draw a finished screen, once for light and once for dark pages.

    Args:
        folder: Folder with `candidates.csv` and `screen.json`.
        target: Folder of the pictures; it is created.
        best: Feasible candidates of each mechanism.

    Returns:
        The paths written, `<screen>-light.svg` and `<screen>-dark.svg`.

    Raises:
        InputError: The folder holds no finished screen, or no candidate of it is feasible.
    """
    groups = read_groups(folder, best)
    said = [f"{group.title}: {', '.join(map(_said, group.bars))}" for group in groups]
    return tuple(
        write_atomically(
            target / f"{folder.resolve().name}-{theme}.svg",
            draw(groups, colours, description="; ".join(said)),
        )
        for theme, colours in _THEMES.items()
    )


def _landmarks(lines: Sequence[ReferenceLine]) -> Group:
    chosen = [line for line in lines if line.name.startswith(_LANDMARKS)]
    bars = tuple(
        Bar(
            label=formula_text(line.name) if line.kind == "device" else line.name,
            energy=line.energy_J,
            lower=line.lower_J,
            upper=line.upper_J,
            floor=line.energy_J,
            ceiling=line.energy_J,
            role="muted",
            known=True,
        )
        for line in chosen
    )
    return Group("For comparison", "muted", bars)


def _bar(row: Mapping[str, str], role: str) -> Bar:
    number = row.get("spacegroup") or ""
    symbol = spacegroup_symbol(int(float(number))) if number else ""
    return Bar(
        label=f"{formula_text(row['formula'])} {symbol}".strip(),
        energy=float(row["energy_nominal_J"]),
        lower=float(row["energy_lower_J"]),
        upper=float(row["energy_upper_J"]),
        floor=float(row["energy_floor_J"]),
        ceiling=float(row["energy_ceiling_J"]),
        role=role,
        known=row.get("evidence") not in {"surrogate", "prior"},
    )


def _axis(axes: Axes, groups: Sequence[Group], rows: float, colours: Mapping[str, str]) -> None:
    ends = [
        end
        for group in groups
        for bar in group.bars
        for end in (bar.lower, bar.floor, bar.upper, bar.ceiling)
    ]
    low, high = math.log10(min(ends)) - 0.5, math.log10(max(ends)) + 0.4
    axes.set_xscale("log")
    axes.set_xlim(10.0**low, 10.0**high)
    axes.set_ylim(rows - 0.6, -0.6)
    decades = [p for p in range(math.ceil(low), math.floor(high) + 1) if p % 3 == 0]
    axes.set_xticks(
        [10.0**power for power in decades],
        [format_energy(10.0**power, digits=1) for power in decades],
        color=colours["muted"],
    )
    axes.set_yticks([])
    axes.minorticks_off()
    axes.grid(visible=True, axis="x", color=colours["grid"], linewidth=1.0)
    axes.set_axisbelow(True)
    axes.tick_params(axis="x", color=colours["line"], length=3)
    axes.spines[["left", "right", "top"]].set_visible(False)
    axes.spines["bottom"].set_color(colours["line"])
    axes.set_xlabel("Energy per switching event, at the wall plug", color=colours["ink"])


def _row(axes: Axes, bar: Bar, y: float, colours: Mapping[str, str]) -> None:
    colour = colours[bar.role]
    axes.plot([bar.floor, bar.ceiling], [y, y], color=colour, linewidth=1.0, alpha=0.7)
    axes.plot([bar.lower, bar.upper], [y, y], color=colour, linewidth=6.0, alpha=0.32,
              solid_capstyle="butt")  # fmt: skip
    axes.plot([bar.energy], [y], "o", markersize=6.0, markeredgewidth=1.6, markeredgecolor=colour,
              markerfacecolor=colour if bar.known else colours["paper"])  # fmt: skip
    _beside(axes, y, bar.label, colours["ink"])
    _beside(axes, y, _numbers(bar), colours["muted"], right=True)


def _beside(
    axes: Axes, y: float, text: str, colour: str, *, right: bool = False, weight: str = "normal"
) -> None:
    """Write a text on the left of the axes, or on the right, in line with a row."""
    axes.text(
        1.015 if right else -0.015,
        y,
        text,
        transform=axes.get_yaxis_transform(),
        ha="left" if right else "right",
        va="center",
        color=colour,
        weight=weight,
    )


def _said(bar: Bar) -> str:
    return f"{bar.label} {format_energy(bar.energy)}"


def _numbers(bar: Bar) -> str:
    if bar.lower < bar.upper:
        return f"{format_energy(bar.energy)} ({format_interval(bar.lower, bar.upper)})"
    return format_energy(bar.energy)


def main(
    folder: Annotated[Path, typer.Argument(help="Folder of a finished screen.")],
    output: Annotated[
        Path, typer.Option("--output", "-o", help="Folder of the pictures.", metavar="DIR")
    ] = Path(),
    best: Annotated[int, typer.Option(help="Candidates of each mechanism.", min=1)] = 4,
) -> None:
    """Draw a finished screen as SVG, once for light and once for dark pages."""
    try:
        for path in write_pictures(folder, output, best=best):
            typer.echo(path)
    except InputError as error:
        typer.secho(f"matscreen: {error}", fg="red", err=True)
        raise typer.Exit(2) from None


if __name__ == "__main__":
    typer.run(main)
