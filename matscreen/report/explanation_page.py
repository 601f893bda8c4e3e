"""One HTML page of what a surrogate looks at: its two figures, without a network."""

from __future__ import annotations

import os
from pathlib import Path

from markupsafe import Markup

from matscreen.atomic import write_atomically
from matscreen.errors import InputError
from matscreen.report.explanation_figures import dependence_figure, importance_figure
from matscreen.report.explanations import Explanation, explanation_caption
from matscreen.report.formatting import words
from matscreen.report.palette import LIGHT

_PAGE = Markup(
    "<!doctype html>\n<html lang=en><head><meta charset=utf-8><title>{title}</title>"
    "<link rel=icon href='data:,'><style>body{{max-width:900px;margin:32px auto;padding:0 20px;"
    "font:16px/1.5 system-ui,sans-serif;color:{ink};background:{paper}}}p{{color:{muted}}}"
    "</style></head><body><h1>{title}</h1><p>{caption}</p>{bars}<p>The prediction when one "
    "descriptor takes other values and all else stays: on average (blue), with the average 90 % "
    "interval of a material (band), and for single materials (grey); ticks are training "
    "materials. Some combinations so made are no possible material.</p>{panels}</body></html>\n"
)


def write_page(path: str | os.PathLike[str], found: Explanation) -> Path:
    """Write grouped importances and partial dependence as one page that needs no network.

    Raises:
        InputError: The path does not end in .html, or a constant model leaves nothing to draw.
    """
    target = Path(path)
    if target.suffix != ".html":
        raise InputError(f"the figure is written as .html, got {target.suffix or target.name!r}")
    bars = importance_figure(found.groups, unit=found.unit, limit=len(found.groups))
    panels = dependence_figure(
        found.curves, name=found.name, unit=found.unit, logarithmic=found.logarithmic
    )
    if bars is None:
        raise InputError(f"the model of {found.name} is a constant: there is nothing to draw")
    parts = []
    for index, drawn in enumerate((bars, panels)):
        html = ""
        if drawn is not None:
            drawn.figure.update_layout(height=drawn.height)
            html = drawn.figure.to_html(
                full_html=False,
                include_plotlyjs=index == 0,
                div_id=f"figure-{index}",
                config={"displaylogo": False, "displayModeBar": False},
            )
        parts.append(Markup(html))  # noqa: S704 - made by Plotly from escaped texts
    page = _PAGE.format(
        title=f"What the surrogate of the {words(found.name)} looks at",
        caption=explanation_caption(found),
        bars=parts[0],
        panels=parts[1],
        ink=LIGHT["ink"],
        muted=LIGHT["muted"],
        paper=LIGHT["paper"],
    )
    return write_atomically(target, str(page))
