"""The verdict: what a screen found and how sure it is, in sentences written from the data."""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from markupsafe import Markup

from matscreen.mechanisms import ReferenceLine
from matscreen.report.formatting import (
    article,
    format_energy,
    format_interval,
    format_percent,
    format_ratio,
    formula_html,
    listing,
    plural,
    words,
)
from matscreen.report.quality import Quality
from matscreen.report.result import Candidate, ScreenResult, code_of

EVENTS = {
    "synapse": "setting one analog level of a synapse",
    "neuron": "one spike of a neuron",
    "logic": "one logic toggle",
}
"""What one switching event is in each application."""

_LANDMARKS = (("cmos", "a CMOS gate"), ("biological", "a biological synapse"))
_COMPUTED = {"measured", "dft", "mlip"}
_FEW_LABELS = 30
_LOW_COVERAGE = 0.85
_TOP = 10
_TENDENCY = 0.3


@dataclass(frozen=True)
class Verdict:
    """The answer of a screen as safe HTML.

    Attributes:
        headline: The answer in one line.
        paragraphs: The answer in sentences.
        caveats: What a reader must know before acting on it.
    """

    headline: Markup
    paragraphs: tuple[Markup, ...]
    caveats: tuple[Markup, ...]


def event_of(application: str) -> str:
    """Return what one switching event is in an application."""
    return EVENTS.get(application, f"one {words(application)} event")


def write_verdict(result: ScreenResult, qualities: Sequence[Quality] = ()) -> Verdict:
    """Write the verdict of a screen.

    Args:
        result: The finished screen.
        qualities: Measured quality of the surrogates; poor ones become caveats.
    """
    feasible = result.feasible
    if not result.candidates:
        return _nothing_ranked(result)
    if not feasible:
        return _nothing_feasible(result)
    paragraphs = (_answer(result, feasible), _certainty(result, feasible))
    others = _other_mechanisms(feasible, feasible[0].mechanism)
    return Verdict(
        headline=_headline(result, feasible),
        paragraphs=paragraphs + ((others,) if others else ()),
        caveats=tuple(_caveats(result, feasible, qualities)),
    )


def common_reasons(rows: Iterable[Candidate]) -> list[tuple[str, int]]:
    """Return reason codes with the number of rows that carry them, most frequent first.

    What follows a colon in a reason is detail and is left out of the count.
    """
    counts = Counter(code for row in rows for code in {code_of(reason) for reason in row.reasons})
    return sorted(counts.items(), key=lambda item: (-item[1], item[0]))


def _energy(row: Candidate) -> Markup:
    return Markup('<b class="nb">{}</b> (90&nbsp;% interval <span class="nb">{}</span>)').format(
        format_energy(row.nominal), format_interval(row.lower, row.upper)
    )


def _headline(result: ScreenResult, feasible: Sequence[Candidate]) -> Markup:
    best = feasible[0]
    few = _field(feasible) <= _TOP
    text = "{} leads at <span class=nb>{}</span> for {}"
    if few or not best.p_top_10 >= _TENDENCY:
        text = "No clear winner; {} is lowest, at <span class=nb>{}</span> for {}"
    return Markup(text).format(  # noqa: S704 - one of two constants
        formula_html(best.formula),
        format_energy(best.nominal),
        event_of(result.screen.application),
    )


def _answer(result: ScreenResult, feasible: Sequence[Candidate]) -> Markup:
    best = feasible[0]
    runners = _distinct(feasible, best.formula)[:2]
    text = Markup(
        "Of {} ranked material{}mechanism pairs, {} can work at the asked specification. "
        "The lowest predicted energy is that of <b>{}</b> as {} switch: {} for {}."
    ).format(
        f"{result.n_ranked:,}",
        "\N{EN DASH}",
        f"{result.n_feasible:,}",
        formula_html(best.formula),
        article(words(best.mechanism)),
        _energy(best),
        event_of(result.screen.application),
    )
    if runners:
        text += Markup(" {} {}.").format(
            listing(
                [
                    Markup("{} (<span class=nb>{}</span>)").format(
                        formula_html(row.formula), format_energy(row.nominal)
                    )
                    for row in runners
                ]
            ),
            "follow" if len(runners) > 1 else "follows",
        )
    comparisons = _comparisons(result, best)
    if comparisons:
        text += Markup(" Per event that is {}.").format(listing(comparisons))
    return text


def _comparisons(result: ScreenResult, best: Candidate) -> list[Markup]:
    lines = [line for line in result.reference_lines if line.energy_J > 0.0]
    today = min(
        (line for line in lines if line.kind == "device"),
        key=lambda line: line.energy_J,
        default=None,
    )
    chosen = [
        (label, next((line for line in lines if key in line.name.lower()), None))
        for key, label in _LANDMARKS
    ]
    chosen.append((f"the leanest device of today, {today.name}" if today else "", today))
    return [_compare(best, label, line) for label, line in chosen if line and best.nominal > 0.0]


def _compare(best: Candidate, label: str, line: ReferenceLine) -> Markup:
    ratio = best.nominal / line.energy_J
    if 0.8 < ratio < 1.25:
        size = "about as much as"
    elif ratio > 1.0:
        size = f"{format_ratio(ratio)} times more than"
    else:
        size = f"{format_ratio(1.0 / ratio)} times less than"
    notes = [Markup("<span class=nb>{}</span>").format(format_energy(line.energy_J))]
    ranged = line.lower_J < line.upper_J
    if ranged:
        notes.append(Markup("range <span class=nb>{}</span>").format(_range(line)))
    if best.lower <= line.upper_J and line.lower_J <= best.upper:
        notes.append(Markup("the intervals overlap" if ranged else "within the interval"))  # noqa: S704
    return Markup("{} {} ({})").format(size, label, Markup("; ").join(notes))


def _range(line: ReferenceLine) -> str:
    return format_interval(line.lower_J, line.upper_J)


def _certainty(result: ScreenResult, feasible: Sequence[Candidate]) -> Markup:
    best = feasible[0]
    if _field(feasible) <= _TOP:
        return Markup(
            "How sure: only {} of its mechanism can work at all, so being among the ten lowest "
            "says nothing; compare their intervals."
        ).format(plural(_field(feasible), "material"))
    rivals = sum(
        row.p_top_10 >= 0.5 * best.p_top_10 for row in feasible if row.mechanism == best.mechanism
    )
    text = Markup(
        "How sure: when all uncertainties are drawn together, {} is among the ten lowest "
        "energies of its mechanism in <b class=nb>{}</b> of the draws, {}."
    ).format(formula_html(best.formula), format_percent(best.p_top_10), _confidence(best.p_top_10))
    text += _split(result.sensitivity(best))
    if best.p_feasible < 0.9:
        text += Markup(
            " It passes every gate of the specification in only <span class=nb>{}</span> of the "
            "draws."
        ).format(format_percent(best.p_feasible))
    if rivals > 10:
        text += Markup(
            " {} other candidates are at least half as likely to be there: read the head of the "
            "list as a shortlist, not as an order."
        ).format(rivals - 1)
    return text


def _field(feasible: Sequence[Candidate]) -> int:
    """Number of feasible materials of the leader's mechanism."""
    return sum(row.mechanism == feasible[0].mechanism for row in feasible)


def _split(shares: Mapping[str, float]) -> Markup:
    if not {"independent", "shared"} <= set(shares):
        return Markup("")
    independent, shared = shares["independent"], shares["shared"]
    if abs(independent - shared) < 0.05:
        return Markup(
            " That share hardly depends on how the error of the device model is split between "
            "the materials (<span class=nb>{}</span> if independent, <span class=nb>{}</span> if "
            "common to all)."
        ).format(format_percent(independent), format_percent(shared))
    return Markup(
        " That share depends on how the error of the device model is split: it would be "
        "<span class=nb>{}</span> were the error independent for every material and "
        "<span class=nb>{}</span> were it common to all."
    ).format(format_percent(independent), format_percent(shared))


def _confidence(probability: float) -> str:
    if not math.isfinite(probability):
        return "which could not be estimated"
    if probability >= 0.9:
        return "so its place among them is firm"
    if probability >= 0.6:
        return "so its place among them is likely but not settled"
    if probability >= _TENDENCY:
        return "so its lead is a tendency, not a finding"
    return "so its lead is well within the noise"


def _other_mechanisms(feasible: Sequence[Candidate], leading: str) -> Markup | None:
    first: dict[str, Candidate] = {}
    for row in feasible:
        first.setdefault(row.mechanism, row)
    others = [row for name, row in sorted(first.items()) if name != leading]
    if not others:
        return None
    parts = [
        Markup("<b>{}</b> as {} switch with {}").format(
            formula_html(row.formula), article(words(row.mechanism)), _energy(row)
        )
        for row in others
    ]
    return Markup("Best of the other {}: {}.").format(
        "mechanism" if len(others) == 1 else "mechanisms", listing(parts)
    )


def _caveats(
    result: ScreenResult, feasible: Sequence[Candidate], qualities: Sequence[Quality]
) -> Iterable[Markup]:
    best, top = feasible[0], feasible[:10]
    if best.lower > 0.0 and math.log10(best.upper / best.lower) >= 1.0:
        yield Markup(
            "The interval of the leader spans {} decades: it joins the errors of the material's "
            "properties and of the device model."
        ).format(f"{math.log10(best.upper / best.lower):.1f}")
    if len(result.mechanisms) > 1:
        yield Markup(
            "Across mechanisms, the decades are set by the class of device and its pulse. "
            "Compare materials within a mechanism."
        )
    weak = [row for row in top if row.evidence and row.evidence not in _COMPUTED]
    if weak:
        yield Markup(
            "{} on machine-learned predictions or documented priors; simulate or "
            "measure before synthesis."
        ).format(_of_top(weak, top, "rests", "rest"))
    outside = [row for row in top if row.in_domain is False]
    if outside:
        names = [formula_html(row.formula) for row in _distinct(outside)[:4]]
        yield Markup("{} outside the chemistry the surrogates were trained on ({}).").format(
            _of_top(outside, top, "lies", "lie"), listing(names)
        )
    unknown = [row for row in top if row.hull is None]
    if unknown:
        yield Markup("{} no known energy above the hull.").format(
            _of_top(unknown, top, "has", "have")
        )
    yield from _model_caveats(qualities)


def _of_top(rows: Sequence[Candidate], top: Sequence[Candidate], one: str, many: str) -> str:
    return f"{len(rows)} of the leading {len(top)} {one if len(rows) == 1 else many}"


def _model_caveats(qualities: Sequence[Quality]) -> Iterable[Markup]:
    for quality in qualities:
        faults: list[Markup] = []
        if not quality.beats_null:
            faults.append(Markup("predicts no better than a constant"))
        if quality.coverage < _LOW_COVERAGE:
            faults.append(
                Markup(
                    "its 90&nbsp;% intervals hold only <span class=nb>{}</span> of the truths"
                ).format(format_percent(quality.coverage))
            )
        if quality.n_labels < _FEW_LABELS:
            faults.append(
                Markup("it has learned from only {}").format(plural(quality.n_labels, "label"))
            )
        if faults:
            yield Markup("The surrogate of <i>{}</i>: {}.").format(
                words(quality.name), Markup("; ").join(faults)
            )


def _nothing_ranked(result: ScreenResult) -> Verdict:
    failed = len(result.failures)
    text = Markup("No candidate reached the ranking")
    text += Markup(": {} were dropped, see Failures.").format(failed) if failed else Markup(".")
    return Verdict(Markup("Nothing could be ranked"), (text,), ())


def _nothing_feasible(result: ScreenResult) -> Verdict:
    rows = result.candidates
    text = Markup(
        "None of the {} ranked material{}mechanism pairs can work at the asked specification."
    ).format(f"{len(rows):,}", "\N{EN DASH}")
    reasons = common_reasons(rows)[:4]
    if reasons:
        text += Markup(" Most common reasons: {}.").format(
            listing(
                [
                    Markup("{} ({})").format(words(code), plural(count, "pair"))
                    for code, count in reasons
                ]
            )
        )
    nearest = sorted(rows, key=lambda row: (-_or_zero(row.p_feasible), row.position))[:3]
    if _or_zero(nearest[0].p_feasible) < 0.01:
        near = Markup("None passes every gate in even 1&nbsp;% of the draws.")
    else:
        near = Markup("Nearest to feasible: {}.").format(
            listing(
                [
                    Markup("{} as {} switch (<span class=nb>{}</span> of the draws pass)").format(
                        formula_html(row.formula),
                        article(words(row.mechanism)),
                        format_percent(row.p_feasible),
                    )
                    for row in nearest
                ]
            )
        )
    near += Markup(
        " The energies below are for orientation only: they belong to switches that would fail. "
        "Relax the demand that excludes most, or widen the candidates."
    )
    headline = Markup("No candidate can do this: nothing is feasible at the asked specification")
    return Verdict(headline, (text, near), ())


def _or_zero(value: float) -> float:
    return value if math.isfinite(value) else 0.0


def _distinct(rows: Sequence[Candidate], *seen: str) -> list[Candidate]:
    """Keep the first row of each formula, none of those already seen."""
    known, kept = set(seen), []
    for row in rows:
        if row.formula not in known:
            known.add(row.formula)
            kept.append(row)
    return kept
