"""Day-ahead prices of European bidding zones from the transparency platform of ENTSO-E.

Document type A44 of its web service, as in the platform's API guide. The key travels in the query,
as the service asks; it never reaches a log, an error or a file.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from http import HTTPStatus
from typing import Final
from xml.etree import ElementTree as ET  # entities are refused before parsing

import httpx
import numpy as np

from matscreen.api_keys import ApiKey
from matscreen.errors import InputError, SourceError
from matscreen.power.entsoe_key import require_key
from matscreen.power.traces import Trace, read_unit
from matscreen.unlogged import unlogged_addresses

BASE_URL: Final = "https://web-api.tp.entsoe.eu/api"
ZONES: Final = {
    "AT": "10YAT-APG------L",
    "BE": "10YBE----------2",
    "CH": "10YCH-SWISSGRIDZ",
    "CZ": "10YCZ-CEPS-----N",
    "DE-LU": "10Y1001A1001A82H",
    "DK1": "10YDK-1--------W",
    "DK2": "10YDK-2--------M",
    "ES": "10YES-REE------0",
    "FI": "10YFI-1--------U",
    "FR": "10YFR-RTE------C",
    "NL": "10YNL----------L",
    "NO1": "10YNO-1--------2",
    "NO2": "10YNO-2--------T",
    "PL": "10YPL-AREA-----S",
    "PT": "10YPT-REN------W",
    "SE1": "10Y1001A1001A44P",
    "SE2": "10Y1001A1001A45N",
    "SE3": "10Y1001A1001A46L",
    "SE4": "10Y1001A1001A47J",
}
"""Energy identification codes of bidding zones; any other code may be given as it is."""

_ATTEMPTS: Final = 4
_MAX_BYTES: Final = 32 * 2**20
_RESOLUTIONS: Final = {"PT60M": 60, "PT30M": 30, "PT15M": 15}


@dataclass(frozen=True)
class Entsoe:
    """Day-ahead prices of a bidding zone as a source of traces.

    Attributes:
        zone: One of `ZONES`, or an energy identification code.
        key: The user's key; looked for when not given.
        base_url: Address of the service.
        transport: Replaces the network, for tests.
        sleep: Called with seconds to wait before asking again.
    """

    zone: str
    key: ApiKey | None = None
    base_url: str = BASE_URL
    transport: httpx.BaseTransport | None = None
    sleep: Callable[[float], None] = time.sleep

    @property
    def name(self) -> str:
        """What it is, in words."""
        return f"day-ahead price {self.zone}, ENTSO-E"

    def read(self, begin: datetime, end: datetime) -> Trace:
        """Return the day-ahead prices of a span, as far as they are published.

        Raises:
            InputError: There is no key, or nothing is published for the span.
            SourceError: The service does not answer, or refuses.
        """
        key = self.key or require_key()
        code = ZONES.get(self.zone.upper(), self.zone)
        query = {
            "documentType": "A44",
            "in_Domain": code,
            "out_Domain": code,
            "periodStart": _minute(begin),
            "periodEnd": _minute(end + timedelta(minutes=59)),
            "securityToken": key.value,
        }
        trace = read_document(self._ask(query, key), self.name)
        return trace.cut(max(begin, trace.start), min(end, trace.end))

    def _ask(self, query: dict[str, str], key: ApiKey) -> bytes:
        trouble = "no answer"
        with unlogged_addresses(), httpx.Client(transport=self.transport, timeout=30.0) as client:
            for attempt in range(_ATTEMPTS):
                if attempt:
                    self.sleep(2.0**attempt)
                try:
                    answer = client.get(self.base_url, params=query)
                except httpx.HTTPError as error:
                    trouble = key.hide(f"{type(error).__name__} {error}".strip())
                    continue
                status = answer.status_code
                if status == HTTPStatus.UNAUTHORIZED:
                    raise SourceError("ENTSO-E refuses the key (401); check it in your account")
                if status < 400:
                    return answer.content
                trouble = f"status {status}"
                if status != HTTPStatus.TOO_MANY_REQUESTS and status < 500:
                    reason = key.hide(_reason(answer.content))
                    raise SourceError(f"ENTSO-E answered {status}: {reason or 'no reason given'}")
        # Not raised from the caught error, which holds the address with the key.
        raise SourceError(f"ENTSO-E gave no answer in {_ATTEMPTS} attempts: {trouble}")


def read_document(content: bytes, name: str) -> Trace:
    """Read a publication document of day-ahead prices.

    Of several resolutions the finest is taken; a position that is left out repeats the one before
    it (curve type A03). Where one time is given twice the first auction counts.

    Raises:
        InputError: The document has no prices.
        SourceError: It is no such document.
    """
    root = _parse(content)
    if root.tag.startswith("Acknowledgement"):
        raise InputError(f"{name}: {_reason(content) or 'nothing is published'}")
    points: dict[int, dict[datetime, float]] = {}
    unit = ""
    for series in root.iter("TimeSeries"):
        currency = _text(series, "currency_Unit.name") or "EUR"
        measure = _text(series, "price_Measure_Unit.name") or "MWH"
        unit = f"{currency}/{measure}"
        for period in series.iter("Period"):
            minutes = _RESOLUTIONS.get(_text(period, "resolution"))
            if minutes is None:
                continue
            for when, price in _points(period, timedelta(minutes=minutes), name):
                points.setdefault(minutes, {}).setdefault(when, price)
    if not points:
        raise InputError(f"{name}: the answer holds no prices of 15, 30 or 60 minutes")
    minutes = min(points)
    return _trace(points[minutes], timedelta(minutes=minutes), unit, name)


def _points(period: ET.Element, step: timedelta, name: str) -> Iterator[tuple[datetime, float]]:
    try:
        begin = datetime.fromisoformat(_text(period, "timeInterval/start"))
        end = datetime.fromisoformat(_text(period, "timeInterval/end"))
        known = {
            int(_text(point, "position")): float(_text(point, "price.amount"))
            for point in period.iter("Point")
        }
        count = round((end - begin) / step)
    except (ValueError, TypeError) as error:  # a time without a zone beside one that has one
        raise SourceError(f"{name}: the answer is malformed: {error}") from None
    price: float | None = None
    for position in range(1, count + 1):
        price = known.get(position, price)
        if price is not None:
            yield begin + (position - 1) * step, price


def _trace(points: dict[datetime, float], step: timedelta, unit: str, name: str) -> Trace:
    kind, shown, factor = read_unit(unit)
    begin, end = min(points), max(points)
    count = round((end - begin) / step) + 1
    values = [points.get(begin + number * step) for number in range(count)]
    if None in values:
        missing = begin + values.index(None) * step
        raise InputError(f"{name}: no price is published for {missing:%Y-%m-%d %H:%M %Z}")
    return Trace(begin, step, np.array(values, dtype=float) * factor, shown, kind, name)


def _parse(content: bytes) -> ET.Element:
    if len(content) > _MAX_BYTES:
        raise SourceError(f"ENTSO-E sent {len(content) / 2**20:.0f} MB; ask for a shorter span")
    if b"<!DOCTYPE" in content or b"<!ENTITY" in content:
        raise SourceError("ENTSO-E sent a document with entities, which is not read")
    try:
        root = ET.fromstring(content)  # noqa: S314 - entities were refused above
    except ET.ParseError as error:
        raise SourceError(f"ENTSO-E sent no XML: {error}") from None
    for element in root.iter():
        element.tag = element.tag.rpartition("}")[2]
    return root


def _reason(content: bytes) -> str:
    try:
        found = _parse(content).find(".//Reason/text")
    except SourceError:
        return ""
    return " ".join((found.text or "").split())[:300] if found is not None else ""


def _text(element: ET.Element, path: str) -> str:
    return (element.findtext(path) or "").strip()


def _minute(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y%m%d%H00")
