"""Bars of a terminal: a share of a line, and a series of columns, in Unicode eighths."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Final

_EIGHTHS: Final = " ▏▎▍▌▋▊▉█"
_RISING: Final = " ▁▂▃▄▅▆▇█"


def bar(share: float, width: int) -> str:
    """Return a horizontal bar for a share between 0 and 1; never empty where there is some."""
    eighths = min(max(round(share * width * 8), 1 if share > 0.0 else 0), width * 8)
    whole, rest = divmod(eighths, 8)
    return "█" * whole + (_EIGHTHS[rest] if rest else "")


def columns(values: Sequence[float], height: int) -> list[str]:
    """Return lines of text, top first, in which each value is a column from 0 to the largest."""
    top = max([*values, 0.0]) or 1.0
    levels = [max(round(max(value, 0.0) / top * height * 8), 1) for value in values]
    return [
        "".join(_RISING[min(max(level - 8 * row, 0), 8)] for level in levels)
        for row in range(height - 1, -1, -1)
    ]
