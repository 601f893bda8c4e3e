"""The report: one HTML file that asks for nothing outside itself."""

from __future__ import annotations

import json
from dataclasses import dataclass
from importlib import resources
from pathlib import Path
from typing import Any

import jinja2
from markupsafe import Markup

from matscreen.atomic import write_atomically
from matscreen.report import captions, chemistry, figures, formatting, tables, tradeoff
from matscreen.report.cards import cards_of
from matscreen.report.drawings import drawings_of, plain_figure
from matscreen.report.explanations import (
    Explanation,
    column_words,
    explanation_caption,
    read_explanation,
)
from matscreen.report.known_devices import agreements
from matscreen.report.palette import DARK, LIGHT, series_role
from matscreen.report.quality import Quality, measure
from matscreen.report.reference import number_lines
from matscreen.report.result import ScreenResult, code_of
from matscreen.report.structure_view import structure_view
from matscreen.report.verdict import common_reasons, event_of, write_verdict


@dataclass(frozen=True)
class _Parity:
    quality: Quality
    div: str
    caption: Markup
    drawn: bool


@dataclass(frozen=True)
class _Explained:
    found: Explanation
    number: int
    caption: Markup
    drawn: bool

    @property
    def leaders(self) -> list[str]:
        return [bar.name for bar in self.found.groups[:3]]

    @property
    def curves(self) -> list[str]:
        return [column_words(curve.column) for curve in self.found.curves]


def write_report(path: str | Path, result: ScreenResult) -> Path:
    """Write the report of a screen as one self-contained HTML file.

    The same result gives the same bytes. The file holds Plotly once, makes no request and forbids
    its own scripts to make one.

    Args:
        path: The file to write; its folder is created.
        result: The finished screen.

    Returns:
        The path written.

    Raises:
        StoreError: A model card or an explanation is malformed.
    """
    return write_atomically(path, render_report(result))


def render_report(result: ScreenResult) -> str:
    """Return the report of a screen as HTML text.

    Raises:
        StoreError: A model card or an explanation is malformed.
    """
    from plotly.offline import get_plotlyjs

    lines = number_lines(result.reference_lines)
    qualities = tuple(measure(card) for card in result.model_cards)
    explanations = tuple(read_explanation(content) for content in result.explanations)
    trades, pairs = tradeoff.trade_offs(result), chemistry.pair_maps(result)
    tallies = chemistry.element_tallies(result)
    drawings = drawings_of(
        result,
        lines=lines,
        qualities=qualities,
        explanations=explanations,
        trades=trades,
        pairs=pairs,
        tallies=tallies,
    )
    cards = cards_of(result)
    parities = [
        _Parity(quality, f"parity-{i}", captions.parity_caption(quality), f"parity-{i}" in drawings)
        for i, quality in enumerate(qualities)
    ]
    explained = [
        _Explained(found, i, explanation_caption(found), f"importance-{i}" in drawings)
        for i, found in enumerate(explanations)
    ]
    shown = tables.listed_candidates(result)
    scale = tables.interval_scale(shown)
    dropped = [row for row in result.candidates if not row.feasible]
    return _template().render(
        result=result,
        screen=result.screen,
        event=event_of(result.screen.application),
        verdict=write_verdict(result, qualities),
        settings=tables.device_settings(result.screen.device),
        lines=lines,
        mechanisms=[(name, series_role(i)) for i, name in enumerate(result.mechanisms)],
        candidates=[(row, tables.interval_span(row, scale)) for row in shown],
        scale=[10.0**end for end in scale],
        drawings=drawings,
        captions={
            "energy": captions.energy_caption(result, lines),
            "map": captions.map_caption(result),
            "periodic": captions.periodic_caption(tallies),
            "trades": [captions.trade_caption(each) for each in trades],
        },
        cards=cards,
        anchors={(card.row.structure_id, card.row.mechanism): card.anchor for card in cards},
        trades=list(enumerate(trades)),
        pair_maps=list(enumerate(pairs)),
        agreements=agreements(result),
        changes=result.changes,
        summary=captions.energy_summary(result),
        over_hull=figures.maps_hull(result),
        parities=parities,
        explanations=explained,
        gates=tables.shares(common_reasons(dropped)),
        dropped=len(dropped),
        failure_shares=tables.failure_shares(result.failures),
        failure_rows=tables.failure_rows(result.failures),
        provenance=tables.provenance_sections(result.provenance),
        style=_asset("style.css"),
        colours=_colours(),
        script=_asset("report.js") + _asset("ranking.js") + _asset("crystals.js"),
        plotly=Markup(get_plotlyjs()),  # noqa: S704 - a library, not data
        data=_json(
            {
                "figures": {name: plain_figure(figure) for name, figure in drawings.items()},
                "structures": {
                    card.row.structure_id: structure_view(result.structures[card.row.structure_id])
                    for card in cards
                    if card.structure
                },
                "dark": {LIGHT[role]: DARK[role] for role in LIGHT},
            }
        ),
    )


def _json(content: Any) -> Markup:
    # inside a script element only `<` can end the element or open a comment
    text = json.dumps(content, ensure_ascii=False, separators=(",", ":"), sort_keys=True)
    return Markup(text.replace("<", "\\u003c"))  # noqa: S704 - escaped in this line


def _asset(name: str) -> Markup:
    text = resources.files(__package__).joinpath(name).read_text(encoding="utf-8")
    return Markup(text)  # noqa: S704 - a file of this package


def _colours() -> Markup:
    def block(colours: dict[str, str]) -> str:
        return "".join(f"--{role}:{colour};" for role, colour in colours.items())

    # a choice of the reader goes before that of the system; paper is always light
    system = f"@media (prefers-color-scheme:dark){{:root:not([data-theme=light]){{{block(DARK)}}}}}"
    chosen = f":root[data-theme=dark]{{{block(DARK)}}}"
    return Markup(f":root{{{block(LIGHT)}}}@media screen{{{system}{chosen}}}")  # noqa: S704 - constants


def _template() -> jinja2.Template:
    environment = jinja2.Environment(
        loader=jinja2.PackageLoader("matscreen.report", "."),
        autoescape=True,
        trim_blocks=True,
        lstrip_blocks=True,
        undefined=jinja2.StrictUndefined,
    )
    environment.filters.update(
        energy=formatting.format_energy,
        percent=formatting.format_percent,
        formula=formatting.formula_html,
        plain_formula=formatting.formula_text,
        number=formatting.format_number,
        words=formatting.words,
        code=code_of,
        sentence=formatting.reason_sentence,
        structure=tables.structure_kind,
        spacegroup=formatting.spacegroup_symbol,
    )
    environment.globals["interval"] = formatting.format_interval
    return environment.get_template("template.html.j2")
