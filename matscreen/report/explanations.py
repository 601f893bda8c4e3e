"""What a surrogate looks at, as the report and the terminal show it."""

from __future__ import annotations

import math
import re
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from markupsafe import Markup

from matscreen.errors import StoreError
from matscreen.properties import PROPERTIES
from matscreen.report.formatting import format_number, listing, plural, words

_STATISTICS = {
    "minimum": "least",
    "maximum": "largest",
    "range": "range of",
    "mean": "mean",
    "avg_dev": "spread of",
    "mode": "commonest",
}
_NAMES = {
    "melting_t": "melting point",
    "gs_volume_pa": "elemental volume",
    "gs_bandgap": "elemental gap",
    "gs_magmom": "elemental moment",
    "space_group_number": "elemental space group",
    "mendeleev_number": "Mendeleev number",
    "tolerance_factor_bartel": "tolerance factor of Bartel",
    "angle_bxb_mean": "mean B–X–B angle",
    "angle_bxb_std": "spread of B–X–B angles",
    "angle_bxb_max": "largest B–X–B angle",
    "distance_aa_min": "least A–A distance",
    "distance_ab_min": "least A–B distance",
    "distance_bb_min": "least B–B distance",
    "site_electronegativity_difference_ax": "A–X electronegativity difference",
    "site_electronegativity_difference_bx": "B–X electronegativity difference",
    "radius_ratio_cation": "ratio of cation radii",
    "coordination_x_by_b": "coordination of X by B",
    "order_q4": "bond order Q4",
    "order_q6": "bond order Q6",
    "hop_xx_min": "least X–X hop",
    "hop_xx_mean": "mean X–X hop",
    "hop_xx_std": "spread of X–X hops",
    "n_valence": "valence electrons",
    "n_unfilled": "empty valence states",
    **{f"n{shell}_valence": f"{shell} electrons" for shell in "spdf"},
    **{f"n{shell}_unfilled": f"empty {shell} states" for shell in "spdf"},
}
_ELEMENTAL = re.compile(rf"magpie_({'|'.join(_STATISTICS)})_(\w+)")
_ION = re.compile(r"site_([abx])_(\w+)")
_ROLE = re.compile(r"(\w+)_([abx])")


@dataclass(frozen=True)
class Bar:
    """The importance of a group of columns or of one column, in the unit of the property.

    Attributes:
        name: Name of the group or column.
        importance: Rise of the mean absolute error without it.
        error: Standard error of the rise.
    """

    name: str
    importance: float
    error: float


@dataclass(frozen=True)
class Curve:
    """Partial dependence on one column.

    Attributes:
        column: Name of the column.
        unit: Unit of the column; empty when unknown.
        grid: Values of the column.
        average: Mean prediction at each.
        lower: Mean lower end of the 90 % intervals.
        upper: Mean upper end.
        in_domain: Share of the rows in the applicability domain.
        individual: Predictions of single rows.
        values: Values of the column in the training rows.
    """

    column: str
    unit: str
    grid: tuple[float, ...]
    average: tuple[float, ...]
    lower: tuple[float, ...]
    upper: tuple[float, ...]
    in_domain: tuple[float, ...]
    individual: tuple[tuple[float, ...], ...]
    values: tuple[float, ...]


@dataclass(frozen=True)
class Explanation:
    """What one surrogate looks at.

    Attributes:
        name: Registry name of the property.
        unit: Unit of the property.
        logarithmic: Whether the property is best seen on a log axis.
        n_fitted: Rows that the regressors were fitted to.
        n_held: Rows of other chemical systems whose columns were permuted.
        error: Mean absolute error on those before permutation; None of a constant model.
        groups: Groups of columns, most important first.
        columns: Leading single columns, most important first.
        curves: Partial dependence on leading columns.
    """

    name: str
    unit: str
    logarithmic: bool
    n_fitted: int
    n_held: int
    error: float | None
    groups: tuple[Bar, ...]
    columns: tuple[Bar, ...]
    curves: tuple[Curve, ...]


def read_explanation(content: Mapping[str, Any]) -> Explanation:
    """Return the explanation of a surrogate, as `surrogates.explaining.explain` gives it, typed.

    Raises:
        StoreError: A part is missing.
    """
    try:
        name = str(content["property"])
        entry = PROPERTIES.get(name)
        error = content["mae_held"]
        return Explanation(
            name=name,
            unit=str(content["unit"]),
            logarithmic=entry is not None and entry.scale == "log",
            n_fitted=int(content["n_fitted"]),
            n_held=int(content["n_held"]),
            error=None if error is None else float(error),
            groups=tuple(_bar(row, "group") for row in content["groups"]),
            columns=tuple(_bar(row, "column") for row in content["columns"]),
            curves=tuple(_curve(part) for part in content["partial_dependence"]),
        )
    except (KeyError, TypeError, ValueError) as error_found:
        raise StoreError(f"an explanation is malformed: {error_found!r}") from error_found


def column_words(column: str) -> str:
    """Return a descriptor column as words: `site_b_nd_valence` is `B site: d electrons`."""
    if column in _NAMES:
        return _NAMES[column]
    if match := _ELEMENTAL.fullmatch(column):
        return f"{_STATISTICS[match[1]]} {_quantity(match[2])}"
    if match := _ION.fullmatch(column):
        return f"{match[1].upper()} site: {_quantity(match[2])}"
    if match := _ROLE.fullmatch(column):
        return f"{_quantity(match[1])} ({match[2].upper()} site)"
    return _quantity(column)


def with_unit(text: str, unit: str) -> str:
    """Return a text with a unit in brackets, bare for a pure number or an unknown unit."""
    return text if unit in {"", "1"} else f"{text} ({unit})"


def explanation_caption(found: Explanation) -> Markup:
    """Say which groups matter most, and on what that was measured."""
    if found.error is None or not found.groups:
        return Markup("This surrogate is a constant: it looks at nothing.")
    unit = "" if found.unit in {"", "1"} else f" {found.unit}"
    leader = found.groups[0]
    text = Markup(
        "Without <b>{}</b> the error rises from <span class=nb>{}{}</span> to <b class=nb>{}{}</b>"
    ).format(
        leader.name,
        format_number(found.error, digits=2),
        unit,
        format_number(found.error + leader.importance, digits=2),
        unit,
    )
    unclear = [bar.name for bar in found.groups[1:4] if not clearly_less(bar, leader)]
    if unclear:
        text += Markup("; that it matters more than {} is not certain").format(listing(unclear))
    idle = sum(bar.importance <= 2.0 * bar.error for bar in found.groups)
    if idle:
        text += Markup(". {} of {} groups do not stand out from chance").format(
            idle, len(found.groups)
        )
    return text + Markup(". {} held out, {} to learn from.").format(
        plural(found.n_held, "row"), format(found.n_fitted, ",")
    )


def clearly_less(bar: Bar, leader: Bar) -> bool:
    """Say whether a group matters less than another by over two standard errors."""
    return leader.importance - bar.importance > 2.0 * math.hypot(leader.error, bar.error)


def _quantity(name: str) -> str:
    return _NAMES.get(name) or words(name)


def _bar(row: Mapping[str, Any], key: str) -> Bar:
    return Bar(str(row[key]), float(row["importance"]), float(row["standard_error"]))


def _curve(part: Mapping[str, Any]) -> Curve:
    def numbers(key: str) -> tuple[float, ...]:
        return tuple(float(value) for value in part[key])

    return Curve(
        column=str(part["column"]),
        unit=str(part["column_unit"] or ""),
        grid=numbers("grid_values"),
        average=numbers("average"),
        lower=numbers("lower"),
        upper=numbers("upper"),
        in_domain=numbers("in_domain"),
        individual=tuple(tuple(float(v) for v in curve) for curve in part["individual"]),
        values=numbers("values"),
    )
