"""Colours of the figures, in a light and a dark version, distinguishable by colour-blind readers.

Mechanism colours follow Okabe and Ito (2008), darkened on white until they have contrast.
"""

from __future__ import annotations

LIGHT: dict[str, str] = {
    "ink": "#1c2127",
    "muted": "#5b6570",
    "line": "#8a949e",
    "grid": "#e6e9ec",
    "paper": "#ffffff",
    "faint": "#b4bcc4",
    "alarm": "#c23b4e",
    "series-0": "#0072b2",
    "series-1": "#c65102",
    "series-2": "#00795c",
    "series-3": "#a8467f",
    "series-4": "#8a6d00",
    "series-5": "#3b8fbe",
}
"""Colours on white; the dictionary keys name the role."""

DARK: dict[str, str] = {
    "ink": "#e8eaed",
    "muted": "#a3adb8",
    "line": "#7d8792",
    "grid": "#2b3138",
    "paper": "#14171b",
    "faint": "#59636e",
    "alarm": "#ff8089",
    "series-0": "#4db2f0",
    "series-1": "#f59342",
    "series-2": "#35c79c",
    "series-3": "#e08fc0",
    "series-4": "#e5c43c",
    "series-5": "#9ad4f5",
}
"""The same roles on a dark page."""

SERIES = tuple(role for role in LIGHT if role.startswith("series-"))


def series_role(index: int) -> str:
    """Return the role of the colour of the index-th mechanism."""
    return SERIES[index % len(SERIES)]
