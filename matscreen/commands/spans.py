"""Read spans and points of time as they are typed: `90min`, `2d`, `2026-11-25T18:00`."""

from __future__ import annotations

import re
from datetime import UTC, datetime, timedelta
from typing import Final

from matscreen.errors import InputError

_UNITS: Final = {
    "s": 1.0, "min": 60.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0,
}  # fmt: skip
_SPAN: Final = re.compile(r"\s*(\d+(?:\.\d*)?)\s*(s|min|m|h|d|w)\s*")


def span(text: str) -> timedelta:
    """Return a span such as `90min`, `12h`, `1d 6h`.

    Raises:
        InputError: It is not one.
    """
    found = list(_SPAN.finditer(text))
    if not found or "".join(match.group() for match in found) != text:
        raise InputError(f"{text!r} is no span of time; write 30s, 90min, 12h, 2d or 1w")
    return timedelta(seconds=sum(float(one[1]) * _UNITS[one[2]] for one in found))


def moment(text: str, now: datetime) -> datetime:
    """Return a point of time: ISO 8601 (UTC unless it names a zone), or a span from now.

    Raises:
        InputError: It is neither.
    """
    try:
        when = datetime.fromisoformat(text)
    except ValueError:
        return now + span(text)
    return when if when.tzinfo is not None else when.replace(tzinfo=UTC)
