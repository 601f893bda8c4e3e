"""How large a page to ask for: small at first, twice as large each time, up to the limit.

A server needs seconds for a page of hundreds of structures, in which nobody has anything to do: so
the first ones are small, and each page is made while the one before, half its size, is converted.
"""

from __future__ import annotations

from typing import Final

import httpx

OPENING: Final = 200
"""Entries of the first page."""


def opening_limit(largest: int) -> int:
    """Return the page limit of the first page.

    Args:
        largest: Page limit to grow to.
    """
    return min(OPENING, largest)


def grown_limit(link: str, largest: int) -> int | None:
    """Return the page limit with which a next link may be followed, or None to leave it as it is.

    The position in a link can stand for anything, such as a number of pages of that size. Only one
    that counts entries (`page_offset`) allows another size, and only where it proves to: after
    pages of 200, 400, ... entries the offset is the number of entries so far. So the link alone
    tells, also when a reading goes on after a crash.

    Args:
        link: Address of the next page, as the server gives it.
        largest: Page limit to grow to.

    Examples:
        >>> grown_limit("https://example.org/v1/structures?page_limit=200&page_offset=200", 500)
        400
        >>> grown_limit("https://example.org/v1/structures?page_limit=200&page_number=2", 500)
    """
    asked = {name: value for name, value in httpx.URL(link).params.items() if name[:5] == "page_"}
    if asked.keys() != {"page_limit", "page_offset"}:
        return None
    if not all(value.isascii() and value.isdigit() for value in asked.values()):
        return None
    limit, offset = int(asked["page_limit"]), int(asked["page_offset"])
    doublings, rest = divmod(limit, OPENING)
    grown = rest == 0 and doublings.bit_count() == 1
    if not grown or offset != 2 * limit - OPENING or limit >= largest:
        return None
    return min(2 * limit, largest)


def with_limit(link: str, limit: int) -> str:
    """Return an address that asks for pages of another size."""
    return str(httpx.URL(link).copy_set_param("page_limit", limit))
