"""Tell a webhook what happened: a run that failed or crashed, a top ten that changed.

The body is one JSON object. `schema`, `event`, `at`, `title` and `text` are always there; `text`
alone makes a readable message, which is what Slack, Mattermost and Teams show. The rest depends on
the event:

`top_ten_changed`: `screen`, `report`, and `changes` as of `matscreen.changes.Changes`.
`failed`, `crashed`: `flow`, `run`, `run_id`, `state`, and `message`, the error in one line.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Final, Literal

from matscreen.changes import Changes
from matscreen.unlogged import unlogged_addresses

SCHEMA: Final = "matscreen.notification/1"
ENVIRONMENT: Final = "MATSCREEN_WEBHOOK"
"""Environment variable that holds the URL."""

_ATTEMPTS: Final = 3
_TIMEOUT_SECONDS: Final = 10.0
_LINES: Final = 20

Event = Literal["top_ten_changed", "failed", "crashed"]


@dataclass(frozen=True)
class Delivery:
    """How sending went.

    Attributes:
        delivered: The server took it.
        detail: The status of its answer, or what went wrong.
        attempts: How often it was tried.
    """

    delivered: bool
    detail: str
    attempts: int


def top_ten_changed(screen: str, changes: Changes, *, report: str) -> dict[str, Any]:
    """Return the body that tells of a changed top ten."""
    title = f"{screen}: {changes.summary()} among the ten best of each mechanism"
    lines = [str(each) for each in changes]
    if len(lines) > _LINES:
        lines = [*lines[:_LINES], f"and {len(lines) - _LINES} more"]
    return {
        **_body("top_ten_changed", title, [*lines, f"report: {report}"]),
        "screen": screen,
        "report": report,
        "changes": changes.as_dict(),
    }


def run_ended_badly(
    event: Literal["failed", "crashed"],
    *,
    flow: str,
    run: str,
    run_id: str,
    state: str,
    message: str,
) -> dict[str, Any]:
    """Return the body that tells of a run that failed or crashed."""
    line = " ".join(message.split())
    return {
        **_body(event, f"{flow}: run {run} {event}", [line]),
        "flow": flow,
        "run": run,
        "run_id": run_id,
        "state": state,
        "message": line,
    }


def _body(event: Event, title: str, lines: list[str]) -> dict[str, Any]:
    return {
        "schema": SCHEMA,
        "event": event,
        "at": datetime.now(UTC).isoformat(timespec="seconds"),
        "title": title,
        "text": "\n".join([title, *lines]),
    }


def send(
    url: str,
    body: Mapping[str, Any],
    *,
    attempts: int = _ATTEMPTS,
    wait: Callable[[float], None] = time.sleep,
) -> Delivery:
    """Post a body; errors are returned, never raised: no run fails because nobody listens.

    What may pass (no answer, 408, 425, 429, 5xx) is tried again after 1 s, 2 s, ...; another
    refusal is final. The URL is a secret: it is no part of the detail and reaches no log.

    Args:
        url: The webhook.
        body: What to post as JSON.
        attempts: How often to try at most.
        wait: Waits so many seconds.
    """
    import httpx

    detail = "not tried"
    for attempt in range(1, attempts + 1):
        try:
            with unlogged_addresses():
                answer = httpx.post(url, json=dict(body), timeout=_TIMEOUT_SECONDS)
        except (httpx.HTTPError, httpx.InvalidURL, ValueError, TypeError) as error:
            detail = type(error).__name__
            if not isinstance(error, httpx.TransportError):
                return Delivery(False, detail, attempt)
        else:
            detail = f"HTTP {answer.status_code}"
            if answer.is_success:
                return Delivery(True, detail, attempt)
            if answer.status_code not in {408, 425, 429} and answer.status_code < 500:
                return Delivery(False, detail, attempt)
        if attempt < attempts:
            wait(2.0 ** (attempt - 1))
    return Delivery(False, detail, attempts)
