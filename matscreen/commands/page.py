"""One figure and its notes as one HTML file that asks for nothing outside itself."""

from __future__ import annotations

from collections.abc import Sequence
from html import escape
from pathlib import Path
from typing import TYPE_CHECKING

from matscreen.atomic import write_atomically

if TYPE_CHECKING:
    import plotly.graph_objects as go


def write_page(path: Path, title: str, figure: go.Figure, notes: Sequence[str]) -> None:
    """Write a figure with notes under it.

    Args:
        path: The file; its folder is created.
        title: Title of the page.
        figure: The figure.
        notes: Plain text, one entry a line.
    """
    told = "".join(f"<li>{escape(line)}</li>" for line in notes)
    body = figure.to_html(full_html=False, include_plotlyjs=True, config={"displaylogo": False})
    write_atomically(
        path,
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{escape(title)}</title>'
        "<style>body{font:14px/1.5 system-ui,sans-serif;margin:1rem auto;max-width:1120px;"
        f"color:#1c2127}}li{{color:#5b6570}}</style>{body}<ul>{told}</ul></html>\n",
    )
