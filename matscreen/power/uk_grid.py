"""Carbon intensity of Great Britain: measured and forecast half-hours of a public service, no key.

The service is that of the National Energy System Operator, https://carbonintensity.org.uk; data are
CC BY 4.0. Forecasts reach two days ahead; of the past at most two weeks are asked at a time.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import Any, Final

import httpx

from matscreen.errors import InputError
from matscreen.power.trace_files import uk_trace
from matscreen.power.traces import Trace
from matscreen.sources.http import JsonClient, Retry

BASE_URL: Final = "https://api.carbonintensity.org.uk"
_SPAN: Final = timedelta(days=13)
_TIMEOUT: Final = 20.0


@dataclass(frozen=True)
class UkGrid:
    """The service as a source of traces.

    Attributes:
        base_url: Its address.
        transport: Replaces the network, for tests.
        sleep: Called with seconds to wait before asking again.
    """

    base_url: str = BASE_URL
    transport: httpx.AsyncBaseTransport | None = None
    sleep: Callable[[float], Awaitable[None]] = asyncio.sleep

    name = "Great Britain, carbonintensity.org.uk"

    def read(self, begin: datetime, end: datetime) -> Trace:
        """Return half-hours from `begin` on, as far as they are measured or forecast.

        Raises:
            InputError: `end` is not after `begin`.
            SourceError: The service does not answer.
        """
        if end <= begin:
            raise InputError(f"a trace must end after its begin, got {begin} to {end}")
        return asyncio.run(self._read(begin, end))

    async def _read(self, begin: datetime, end: datetime) -> Trace:
        entries: list[Any] = []
        async with httpx.AsyncClient(transport=self.transport, timeout=_TIMEOUT) as client:
            asking = JsonClient(client, Retry(attempts=4, longest_wait=20.0), sleep=self.sleep)
            at = begin
            while at < end:
                to = min(at + _SPAN, end)
                # The service gives the half-hour that ends at the first time as well.
                url = f"{self.base_url}/intensity/{_minute(at)}/{_minute(to)}"
                answer = await asking.get(url)
                found = answer.get("data")
                entries += found if isinstance(found, list) else []
                at = to
        trace = uk_trace({"data": entries}, self.name)
        return trace.cut(max(begin, trace.start), min(end, trace.end))


def _minute(when: datetime) -> str:
    return when.astimezone(UTC).strftime("%Y-%m-%dT%H:%MZ")
