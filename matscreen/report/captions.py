"""Captions of the figures: each says what is drawn and how to read it."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence

from markupsafe import Markup

from matscreen.report.chemistry import Tally
from matscreen.report.figures import MAX_MAP_POINTS, best_of_mechanisms, mapped, maps_hull
from matscreen.report.formatting import (
    format_energy,
    format_number,
    format_percent,
    formula_html,
    formula_text,
    plural,
    words,
)
from matscreen.report.quality import Quality
from matscreen.report.reference import NumberedLine
from matscreen.report.result import Candidate, ScreenResult
from matscreen.report.tradeoff import TradeOff


def energy_caption(result: ScreenResult, lines: Sequence[NumberedLine]) -> Markup:
    """Say what the energies of the leading candidates are beside the nearest reference."""
    groups = best_of_mechanisms(result)
    shown = [row for rows in groups.values() for row in rows]
    kind = "leading candidates" if result.feasible else "least energies (none feasible)"
    text = Markup("<b>The {} {} of each mechanism.</b>").format(
        max((len(rows) for rows in groups.values()), default=0), kind
    )
    reading = [_below(name, rows, lines) for name, rows in groups.items() if lines]
    if reading:
        text += Markup(" Whole intervals below a reference: {}.").format(Markup("; ").join(reading))
    wide = sorted(_decades(row) for row in shown)
    if wide:
        text += Markup(
            " The median interval spans {} decades: neighbouring rows are rarely different."
        ).format(f"{wide[len(wide) // 2]:.1f}")
    return text


def _below(name: str, rows: Sequence[Candidate], lines: Sequence[NumberedLine]) -> Markup:
    best = min(rows, key=lambda row: row.nominal)
    above = next((line for line in lines if line.energy >= best.nominal), None)
    if above is None:
        return Markup("{}, none (the best is above every reference)").format(words(name))
    sure = sum(row.upper < above.energy for row in rows)
    return Markup("{}, {} of {} (“{}”, <span class=nb>{}</span>)").format(
        words(name), sure or "none", len(rows), above.name, format_energy(above.energy)
    )


def energy_summary(result: ScreenResult) -> str:
    """Say in plain text what the energy chart shows, for readers who cannot see it."""
    parts = [
        f"{words(name)}: from {formula_text(rows[0].formula)} at {format_energy(rows[0].nominal)} "
        f"to {formula_text(rows[-1].formula)} at {format_energy(rows[-1].nominal)}"
        for name, rows in best_of_mechanisms(result).items()
    ]
    return (
        "Chart of predicted switching energies with 90 % intervals on a logarithmic axis. "
        f"{'; '.join(parts)}. The table of candidates holds the same numbers."
    )


def map_caption(result: ScreenResult) -> Markup:
    """Say who is on the Pareto front, and what is not drawn."""
    drawn, over_hull = mapped(result), maps_hull(result)
    feasible = [row for row in drawn if row.feasible]
    front = sorted((row for row in feasible if row.pareto), key=lambda row: row.nominal)
    text = Markup("<b>Energy against {}.</b> {} in colour, {} in grey.").format(
        "stability" if over_hull else "feasibility",
        plural(len(feasible), "feasible pair"),
        plural(len(drawn) - len(feasible), "pair that fails a gate", "pairs that fail a gate"),
    )
    if front:
        text += Markup(
            " Ringed: the {} on the Pareto front of its mechanism (no other is better in energy, "
            "stability and probability of being feasible at once), from {} to {}."
        ).format(plural(len(front), "pair"), _spot(front[0]), _spot(front[-1]))
    missing = len(result.candidates) - len(drawn)
    if missing and over_hull:
        text += Markup(" {} without a known energy above the hull left out.").format(
            plural(missing, "pair")
        )
    if not over_hull:
        text += Markup(" No candidate has a known energy above the hull yet.")
    if len(drawn) > MAX_MAP_POINTS:
        text += Markup(" Grey points are thinned to keep the page light.")
    return text


def _spot(row: Candidate) -> Markup:
    where = (
        f"{format_percent(row.p_feasible)} feasible"
        if row.hull is None
        else f"{1e3 * row.hull:.0f} meV/atom"
    )
    return Markup("{} (<span class=nb>{}</span>, <span class=nb>{}</span>)").format(
        formula_html(row.formula), format_energy(row.nominal), where
    )


def trade_caption(found: TradeOff) -> Markup:
    """Say who is on the front of energy, stability and what a mechanism trades for them."""
    front = sorted(
        (row for row, kept in zip(found.rows, found.front, strict=True) if kept),
        key=lambda row: row.nominal,
    )
    return Markup(
        "<b>{}, {}.</b> Ringed: {} that no other beats in energy, stability and {} at once, from "
        "{} to {}."
    ).format(
        words(found.mechanism).capitalize(),
        plural(len(found.rows), "feasible candidate"),
        plural(len(front), "candidate"),
        found.trade.noun,
        _spot(front[0]),
        _spot(front[-1]),
    )


def periodic_caption(tallies: Mapping[str, Tally]) -> Markup:
    """Say which elements the materials that can work hold most often."""
    text = Markup(
        "<b>Elements.</b> Colour: of the ranked materials that hold the element, the share that "
        "can work under some mechanism."
    )
    counts = sorted(
        ((len(each.feasible), symbol) for symbol, each in tallies.items() if each.feasible),
        key=lambda item: (-item[0], item[1]),
    )
    if counts:
        text += Markup(" Most materials that can work hold {}.").format(
            ", ".join(f"{symbol} ({count})" for count, symbol in counts[:5])
        )
    return text


def parity_caption(quality: Quality) -> Markup:
    """Say how large the error is beside the null model, and how honest the intervals are."""
    unit = "" if quality.unit in {"", "1"} else f" {quality.unit}"
    return Markup(
        "Error <b class=nb>{}{}</b>, null model <span class=nb>{}{}</span>{}. "
        "The 90&nbsp;% intervals hold <b class=nb>{}</b> of {}{}."
    ).format(
        format_number(quality.mae, digits=2),
        unit,
        format_number(quality.null_mae, digits=2),
        unit,
        _gain(quality),
        format_percent(quality.coverage),
        plural(len(quality.y), "held-out label"),
        _honesty(quality),
    )


def _gain(quality: Quality) -> Markup | str:
    if not (math.isfinite(quality.mae) and quality.null_mae > 0.0):
        return ""
    if not quality.beats_null:
        return Markup(" <strong class=alarm>(no better)</strong>")
    return f" ({format_percent(1.0 - quality.mae / quality.null_mae)} less)"


def _honesty(quality: Quality) -> Markup | str:
    if not quality.y:
        return ""
    # two standard deviations of the share that chance alone would give
    slack = 2.0 * math.sqrt(0.9 * 0.1 / len(quality.y))
    if quality.coverage < 0.9 - slack:
        return Markup(": <strong class=alarm>too narrow</strong>")
    if quality.coverage > 0.9 + slack:
        return ": wider than needed"
    return ": as promised"


def _decades(row: Candidate) -> float:
    usable = row.lower > 0.0 and math.isfinite(row.upper)
    return math.log10(row.upper / row.lower) if usable else math.nan
