"""What happens when a run ends badly, or a top ten changed: a webhook hears of it.

The URL comes from the environment (`MATSCREEN_WEBHOOK`), else from the Prefect secret
`matscreen-webhook`, else from the Prefect variable `matscreen_webhook`; without one nothing is
sent. Nothing here ever fails a run.
"""

from __future__ import annotations

import os
from pathlib import Path
from typing import Any, Final

import flows  # sets Prefect up, so it comes before prefect
from flows.progress import show
from matscreen import notifications
from matscreen.changes import Changes

__all__ = ["OPTIONS", "flows", "tell_changed", "tell_failed", "webhook_url"]

SECRET = "matscreen-webhook"  # noqa: S105 - the name of the secret
VARIABLE = "matscreen_webhook"


def webhook_url() -> str | None:
    """Return where notifications go."""
    if url := os.environ.get(notifications.ENVIRONMENT, "").strip():
        return url
    return _secret() or _variable()


def _secret() -> str | None:
    from prefect.blocks.system import Secret

    try:
        found: Any = Secret.load(SECRET)
        return str(found.get())
    except Exception:  # no such secret, or no server to ask
        return None


def _variable() -> str | None:
    from prefect.variables import Variable

    try:
        found = Variable.get(VARIABLE)
    except Exception:
        return None
    return str(found) if found else None


def tell_failed(flow: Any, flow_run: Any, state: Any) -> None:
    """Tell of a failed run; its children stay quiet, their parent speaks for them."""
    if getattr(flow_run, "parent_task_run_id", None) is not None:
        return
    url = webhook_url()
    if url is None:
        return
    body = notifications.run_ended_badly(
        "failed",
        flow=str(flow.name),
        run=str(flow_run.name),
        run_id=str(flow_run.id),
        state=str(state.name),
        message=str(state.message or ""),
    )
    notifications.send(url, body)


OPTIONS: Final[dict[str, Any]] = {"persist_result": False, "on_failure": [tell_failed]}
"""What every flow is declared with."""


def tell_changed(screen: str, changes: Changes, folder: Path) -> None:
    """Tell of a changed top ten."""
    url = webhook_url()
    if url is None:
        return
    report = str((folder / "report.html").resolve())
    delivery = notifications.send(
        url, notifications.top_ten_changed(screen, changes, report=report)
    )
    if delivery.delivered:
        show(f"told the webhook of the changed top ten ({delivery.detail})")
    else:
        show(
            f"the webhook did not take the news after {delivery.attempts} tries: {delivery.detail}"
        )
