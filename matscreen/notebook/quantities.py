"""A value with its unit, as people read it."""

from __future__ import annotations

import math
from typing import Final

from matscreen.report.formatting import DASH, format_number, format_quantity

PREFIXED: Final = ("m", "m²", "s", "V", "F", "A")
"""Units that take SI prefixes; all others keep theirs."""


def quantity(value: float, unit: str, *, digits: int = 3) -> str:
    """Return a value with its unit: `10 nm`, `2,500 nm²`, `1.4 eV`; `1` is no unit.

    Args:
        value: The number, in the unit.
        unit: Unit as the registry spells it.
        digits: Significant digits.
    """
    if unit == "m²" and math.isfinite(value):  # a prefix would be squared with its unit
        scale, shown = (1e18, "nm²") if value < 1e-13 else (1e12, "µm²")
        return f"{float(f'{value * scale:.{digits}g}'):,.10g} {shown}"
    if unit in PREFIXED:
        return _tidy(format_quantity(value, unit, digits=digits))
    number = format_number(value, digits=digits)
    return number if unit in {"", "1"} or number == DASH else f"{number} {unit}"


def _tidy(text: str) -> str:
    """Drop zeros that a round number ends with: `10.0 nm` is `10 nm`."""
    number, space, unit = text.partition(" ")
    return (number.rstrip("0").rstrip(".") if "." in number else number) + space + unit
