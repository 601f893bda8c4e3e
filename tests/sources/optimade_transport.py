"""A tiny OPTIMADE database inside the HTTP client, with faults where a test wants them."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType

import httpx
import numpy as np
from ase.data import atomic_numbers

from matscreen.structures import Crystal
from tests.sources.optimade_data import COORDS, entry_of

BASE = "https://example.org/optimade"


def entry(name: str, a: str = "Ba", b: str = "Ti", **attributes: object) -> dict:
    """Return the entry of a cubic perovskite."""
    numbers = np.array([atomic_numbers[symbol] for symbol in (a, b, "O", "O", "O")])
    crystal = Crystal(np.eye(3) * (3.8 + 0.01 * len(name)), numbers, COORDS)
    return entry_of(name, crystal, **attributes)


class Database:
    """A tiny OPTIMADE server in a transport, with faults planted by request number."""

    def __init__(
        self,
        entries: list[dict],
        *,
        faults: Mapping[int, list] = MappingProxyType({}),
        limit_max: int = 500,
        info: Mapping[str, object] = MappingProxyType({}),
        properties: Mapping[str, object] = MappingProxyType({}),
        link: Callable[[str], object] = lambda url: url,
        more: bool | None = None,
        prefix: str = "exmpl",
    ) -> None:
        self.entries = entries
        self.faults = {page: list(answers) for page, answers in faults.items()}
        self.limit_max = limit_max
        self.info = dict(info)
        self.properties = dict(properties)
        self.link = link
        self.more = more
        self.prefix = prefix
        self.requests: list[httpx.URL] = []

    def __call__(self, request: httpx.Request) -> httpx.Response:
        path, query = request.url.path, request.url.params
        if path == "/optimade/v1/info":
            return httpx.Response(200, json={"data": {"attributes": self.info}})
        if path == "/optimade/v1/info/structures":
            return httpx.Response(200, json={"data": {"properties": self.properties}})
        if path != "/optimade/v1/structures":
            return httpx.Response(404, json={"errors": [{"detail": "no such page"}]})
        self.requests.append(request.url)
        limit, offset = int(query["page_limit"]), int(query.get("page_offset", 0))
        if limit > self.limit_max:
            detail = f"Max allowed page_limit is {self.limit_max}, you requested {limit}"
            return httpx.Response(403, json={"errors": [{"detail": detail}]})
        planted = self.faults.get(offset // limit)
        if planted:
            answer = planted[0] if planted[-1] == "forever" else planted.pop(0)
            if isinstance(answer, Exception):
                raise answer
            return answer
        rows = self.entries[offset : offset + limit]
        more = offset + limit < len(self.entries)
        following = request.url.copy_set_param("page_offset", offset + limit)
        return httpx.Response(
            200,
            json={
                "data": rows,
                "links": {"next": self.link(str(following)) if more else None},
                "meta": {
                    "more_data_available": more if self.more is None else self.more,
                    "provider": {"prefix": self.prefix},
                },
            },
        )


def names(pages) -> list[str]:
    return [item.source_id for page in pages for item in page.items]


SEVEN = [entry(f"s{i}") for i in range(7)]
ALL = [f"s{i}" for i in range(7)]
