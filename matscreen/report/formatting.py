"""Numbers, energies and formulas as people read them."""

from __future__ import annotations

import math
import re
from datetime import timedelta

from markupsafe import Markup, escape

DASH = "\N{EN DASH}"

_PREFIXES = (
    (1e-24, "y"),
    (1e-21, "z"),
    (1e-18, "a"),
    (1e-15, "f"),
    (1e-12, "p"),
    (1e-9, "n"),
    (1e-6, "µ"),
    (1e-3, "m"),
    (1.0, ""),
    (1e3, "k"),
    (1e6, "M"),
    (1e9, "G"),
    (1e12, "T"),
)
_SUBSCRIPT = str.maketrans("0123456789", "₀₁₂₃₄₅₆₇₈₉")
_AMOUNT = re.compile(r"(?<=[A-Za-z)\]])\d+(?:\.\d+)?")
_SCREW = re.compile(r"_(\d)")
_YEAR = 365.25 * 86400.0


def format_number(value: float, *, digits: int = 3) -> str:
    """Return a number with so many significant digits, without trailing noise.

    Powers of ten are written out outside 1e-4..1e6; a number that is not finite becomes a dash.
    """
    if not math.isfinite(value):
        return DASH
    if value == 0.0:
        return "0"
    exponent = math.floor(math.log10(abs(_rounded(value, digits))))
    if -4 <= exponent < 6:
        rounded = round(value, digits - 1 - exponent)
        return f"{rounded:.{max(0, digits - 1 - exponent)}f}".replace("-", "\N{MINUS SIGN}")
    mantissa = value / 10.0**exponent
    power = str(exponent).replace("-", "⁻").translate(str.maketrans("0123456789", "⁰¹²³⁴⁵⁶⁷⁸⁹"))
    return f"{mantissa:.{digits - 1}f}×10{power}".replace("-", "\N{MINUS SIGN}")


def format_quantity(value: float, unit: str, *, digits: int = 2) -> str:
    """Return a value with an SI prefix: `format_quantity(2.34e-15, "J")` is `2.3 fJ`.

    Zero keeps the bare unit; a value that is not finite becomes a dash.
    """
    if not math.isfinite(value):
        return DASH
    if value == 0.0:
        return f"0 {unit}"
    # rounded before its prefix is chosen: 999.6 aJ is 1.0 fJ, never 1000 aJ
    rounded = _rounded(value, digits)
    scale, prefix = _prefix(rounded)
    return f"{format_number(rounded / scale, digits=digits)} {prefix}{unit}"


def format_energy(joules: float, *, digits: int = 2) -> str:
    """Return an energy in zJ, aJ, fJ, pJ, nJ and so on."""
    return format_quantity(joules, "J", digits=digits)


def format_interval(lower: float, upper: float, *, unit: str = "J") -> str:
    """Return an interval, with one unit when both ends share it: `0.80–5.2 fJ`."""
    if not (math.isfinite(lower) and math.isfinite(upper)):
        return DASH
    if lower > 0.0 and upper > 0.0:
        end = _rounded(upper, 2)
        scale, prefix = _prefix(end)
        if upper / lower < 1e3 and lower / scale >= 0.1:
            first = format_number(lower / scale, digits=2)
            second = format_number(end / scale, digits=2)
            return f"{first}{DASH}{second} {prefix}{unit}"
    return f"{format_quantity(lower, unit)} {DASH} {format_quantity(upper, unit)}"


def format_percent(fraction: float) -> str:
    """Return a fraction in whole percent; next to 0 and 1 it says under 1 % and over 99 %."""
    if not math.isfinite(fraction):
        return DASH
    if 0.0 < fraction < 0.005:
        return "<1 %"
    if 0.995 <= fraction < 1.0:
        return ">99 %"
    return f"{100.0 * fraction:.0f} %"


def format_ratio(ratio: float) -> str:
    """Return how many times, as a round figure: `1.4`, `9`, `27`, `3,000`."""
    if not math.isfinite(ratio):
        return DASH
    digits = 2 if ratio < 1e3 else 1
    rounded = float(f"{ratio:.{digits - 1}e}")
    return f"{rounded:,.0f}" if rounded >= 10 else f"{rounded:.1f}".removesuffix(".0")


def format_duration(seconds: float) -> str:
    """Return a time span in its natural unit, from picoseconds to years."""
    if not math.isfinite(seconds):
        return DASH
    if abs(seconds) < 60.0:
        return format_quantity(seconds, "s")
    if seconds >= 0.1 * _YEAR:
        return f"{format_number(seconds / _YEAR, digits=2)} years".replace(".0 ", " ")
    span = timedelta(seconds=round(seconds))
    if span.days:
        return f"{span.days} d {span.seconds // 3600} h"
    hours, rest = divmod(span.seconds, 3600)
    return f"{hours} h {rest // 60} min" if hours else f"{rest // 60} min {rest % 60} s"


_NAMES = {
    "valence_change": "valence-change",
    "insulator_metal": "insulator-metal",
    "josephson": "Josephson",
    "curie_temperature": "Curie temperature",
    "curie_below_retention": "Curie temperature below retention",
}
"""Names that words alone would misspell."""


def formula_text(formula: str) -> str:
    """Return a formula with Unicode subscripts: BaTiO3 becomes BaTiO₃."""
    return _AMOUNT.sub(lambda match: match.group().translate(_SUBSCRIPT), formula)


def formula_html(formula: str) -> Markup:
    """Return a formula as safe HTML with subscripts, whatever the text holds."""
    parts: list[Markup] = []
    end = 0
    for match in _AMOUNT.finditer(formula):
        parts += [escape(formula[end : match.start()]), Markup("<sub>{}</sub>").format(match[0])]
        end = match.end()
    return Markup("").join([*parts, escape(formula[end:])])


def words(code: str) -> str:
    """Return a registry name or reason code as words: `valence_change` is `valence change`."""
    return _NAMES.get(code) or code.replace("_", " ").strip()


def reason_sentence(reason: str) -> str:
    """Return a reason or flag as people read it: `near_breakdown: 1.2 of 1.9` keeps its detail."""
    code, colon, detail = reason.partition(":")
    return f"{words(code.strip())}{colon}{detail}"


def article(noun: str) -> str:
    """Return a noun with its indefinite article: `an insulator-metal`, `a Josephson`."""
    return f"{'an' if noun[:1].lower() in 'aeiou' else 'a'} {noun}"


def plural(count: int, noun: str, nouns: str = "") -> str:
    """Return a count with its noun: `1 row`, `2 rows`, `1,200 rows`."""
    return f"{count:,} {noun if count == 1 else nouns or noun + 's'}"


def listing(items: list[Markup] | list[str]) -> Markup:
    """Return safe HTML that lists items: `a`, `a and b`, `a, b and c`."""
    safe = [escape(item) for item in items]
    if len(safe) < 2:
        return Markup("").join(safe)
    return Markup("{} and {}").format(Markup(", ").join(safe[:-1]), safe[-1])


def spacegroup_symbol(number: int | None) -> str:
    """Return the short Hermann-Mauguin symbol of a space group number, empty when unknown.

    Screw axes get subscripts: P6₃mc.
    """
    if number is None or not 1 <= number <= 230:
        return ""
    import moyopy

    symbol = str(moyopy.SpaceGroupType(number).hm_short).replace(" ", "")
    return _SCREW.sub(lambda match: match[1].translate(_SUBSCRIPT), symbol)


def _prefix(rounded: float) -> tuple[float, str]:
    fitting = [each for each in _PREFIXES if abs(rounded) >= each[0] * (1.0 - 1e-12)]
    return fitting[-1] if fitting else _PREFIXES[0]


def _rounded(value: float, digits: int) -> float:
    return float(f"{value:.{digits - 1}e}")
