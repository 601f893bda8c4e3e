"""A candidate on a card: its energy, what it is made of, what is uncertain, what to do next."""

from __future__ import annotations

import math
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Final

from markupsafe import Markup

from matscreen.notebook.tables import table
from matscreen.report.formatting import (
    format_energy,
    format_interval,
    format_number,
    format_percent,
    formula_html,
    formula_text,
    spacegroup_symbol,
    words,
)

if TYPE_CHECKING:
    import pandas as pd

    from matscreen.explain import Explanation

_LEAST_SHARE: Final = 0.005
"""Sources of a smaller share of the variance are not listed."""
_BAR: Final = 20


@dataclass(frozen=True, eq=False)
class Card:
    """One candidate under one mechanism, as a notebook shows it.

    Attributes:
        explanation: The numbers behind it.
    """

    explanation: Explanation

    def __repr__(self) -> str:
        """Return its first lines as text."""
        found = self.explanation
        return f"{formula_text(found.formula)}, {words(found.mechanism)}: {_energy(found.ranking)}"

    def to_html(self) -> Markup:
        """Return it as HTML."""
        found = self.explanation
        head = Markup("<h4>{} {}, {}</h4><p>{}</p>").format(
            formula_html(found.formula),
            _group(found.ranking),
            words(found.mechanism),
            _energy(found.ranking),
        )
        tables = (
            table(_properties(found), title="Properties used"),
            table(_physics(found), title="Physics at these values"),
            table(_uncertainty(found), title="Where the uncertainty comes from"),
        )
        advice = Markup("").join(Markup("<li>{}</li>").format(text) for text in found.advice)
        return Markup("").join(
            [
                head,
                _sentences(found),
                *(each.to_html() for each in tables),
                Markup("<p><b>Next</b></p><ol>{}</ol>").format(advice),
            ]
        )

    def _repr_html_(self) -> str:
        return str(self.to_html())


def card(explanation: Explanation) -> Card:
    """Show a candidate as a card: energy, properties with evidence, uncertainty, what to do next.

    Args:
        explanation: One of those that `explain_candidate` returns.

    Returns:
        The card; a notebook shows it by itself, a terminal as text.
    """
    return Card(explanation)


def _energy(row: pd.Series) -> str:
    works = "feasible" if row["feasible"] else "not feasible"
    return (
        f"{works} (chance {format_percent(float(row['p_feasible']))}), "
        f"{format_energy(row['energy_nominal_J'])} an event, 90 % "
        f"{format_interval(row['energy_lower_J'], row['energy_upper_J'])}; floor "
        f"{format_energy(row['energy_floor_J'])}, ceiling {format_energy(row['energy_ceiling_J'])}"
    )


def _group(row: pd.Series) -> str:
    value: Any = row.get("spacegroup")
    known = isinstance(value, (int, float)) or type(value).__name__.startswith("int")
    if not known or math.isnan(value):
        return ""
    return spacegroup_symbol(int(value))


def _sentences(found: Explanation) -> Markup:
    texts = [text for text in str(found.ranking["reasons"]).split("; ") if text]
    texts += [f"warning, {text}" for text in str(found.ranking["flags"]).split("; ") if text]
    if not texts:
        return Markup("")
    items = Markup("").join(Markup("<li>{}</li>").format(_spelled(text)) for text in texts)
    return Markup("<ul>{}</ul>").format(items)


def _spelled(text: str) -> str:
    """Put the code before the colon of a reason into words."""
    code, colon, detail = text.partition(":")
    return words(code) + colon + detail


def _properties(found: Explanation) -> pd.DataFrame:
    frame = found.properties
    exact = frame["lower"] == frame["upper"]
    spans = [
        "" if same else f"{format_number(low)} to {format_number(high)}"
        for same, low, high in zip(exact, frame["lower"], frame["upper"], strict=True)
    ]
    return frame.assign(**{"90 % interval": spans})[
        ["property", "value", "90 % interval", "unit", "evidence", "method"]
    ].rename(columns={"method": "from"})


def _physics(found: Explanation) -> pd.DataFrame:
    import pandas as pd

    from matscreen.ranking import column_units

    units = column_units(list(found.physics))
    rows = []
    for name, value in found.physics.items():
        unit = units.get(name, "")
        ending = "_" + unit.replace("/", "_per_")
        quantity = words(name.removesuffix(ending) if unit else name)
        rows.append({"quantity": quantity, "value": value, "unit": unit})
    return pd.DataFrame(rows, columns=["quantity", "value", "unit"])


def _uncertainty(found: Explanation) -> pd.DataFrame:
    frame = found.uncertainty[found.uncertainty["share"] >= _LEAST_SHARE]
    bars = ["█" * max(round(_BAR * share), 1) for share in frame["share"]]
    ends = [
        format_interval(low, high)
        for low, high in zip(frame["low_J"], frame["high_J"], strict=True)
    ]
    shown = frame.assign(**{"energy at its 90 % ends": ends, " ": bars})
    return shown[["source", "energy at its 90 % ends", "share", " "]]
