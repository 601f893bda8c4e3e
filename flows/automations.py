"""What the server does when nobody else can: end runs whose process is gone, or that hang.

A run that is killed together with its worker stays `Running` for ever, unless the server misses its
heartbeats. It can miss only what it waits for, so these rules must exist before a run starts;
`serve` and `deploy` make them first.
"""

from __future__ import annotations

import json
from datetime import timedelta
from typing import TYPE_CHECKING, Any, Final

import flows  # sets Prefect up, so it comes before prefect

if TYPE_CHECKING:
    from prefect.automations import AutomationCore

__all__ = ["FLOWS", "ensure", "flows"]

FLOWS: Final = ("nightly", "pull", "describe", "simulate", "train", "screen", "maintain")
SILENCE: Final = timedelta(seconds=75)
"""A run without a heartbeat for so long is dead; it sends one every 30 s."""
LONGEST: Final = timedelta(hours=23)
"""No run takes longer: the next night is near, and goes on from the store."""

_ENDS: Final = ("Completed", "Failed", "Crashed", "Cancelled", "TimedOut", "Suspended", "Paused")
_BLOCK: Final = "matscreen"
_EDITION: Final = "Edition 1."
"""Part of each description; raise it with any change of a rule, or servers keep the old one."""


def ensure() -> list[str]:
    """Make the rules, or bring those of an earlier version up to date.

    Returns:
        Their names.
    """
    from prefect.client.orchestration import get_client

    wanted = [_zombies(), _hanging()]
    crashed = _crashed()
    if crashed is not None:
        wanted.append(crashed)
    with get_client(sync_client=True) as client:
        for each in wanted:
            earlier = client.read_automations_by_name(each.name)
            if not earlier:
                client.create_automation(each)
                continue
            # An update forgets which runs the rule was waiting for: those killed with the worker
            # whose restart comes here would never be missed.
            if not _equal(earlier[0], each):
                client.update_automation(earlier[0].id, each)
            for repeated in earlier[1:]:  # two that were started at once
                client.delete_automation(repeated.id)
    return [each.name for each in wanted]


def _equal(one: AutomationCore, other: AutomationCore) -> bool:
    """Say whether two rules do the same; the server adds identifiers to those it has."""
    return one.description == other.description and one.enabled == other.enabled


def _of_ours() -> dict[str, Any]:
    return {"prefect.resource.role": "flow", "prefect.resource.name": list(FLOWS)}


def _zombies() -> AutomationCore:
    from prefect.automations import AutomationCore, ChangeFlowRunState, EventTrigger, Posture
    from prefect.client.schemas.objects import StateType

    return AutomationCore(
        name="matscreen: end zombie runs",
        description=f"A run without heartbeats is dead, whatever its state says. {_EDITION}",
        trigger=EventTrigger(
            after={"prefect.flow-run.heartbeat", "prefect.flow-run.Running"},
            expect={"prefect.flow-run.heartbeat", *(f"prefect.flow-run.{each}" for each in _ENDS)},
            match_related=_of_ours(),
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=SILENCE,
        ),
        actions=[
            ChangeFlowRunState(
                state=StateType.CRASHED,
                name="Crashed",
                force=False,
                message=f"no heartbeat for {SILENCE.total_seconds():.0f} s: its process is gone. "
                "A retry or the next run goes on from the store.",
            )
        ],
    )


def _hanging() -> AutomationCore:
    from prefect.automations import AutomationCore, CancelFlowRun, EventTrigger, Posture

    return AutomationCore(
        name="matscreen: cancel hanging runs",
        description=f"The next run goes on where this one was. {_EDITION}",
        trigger=EventTrigger(
            after={"prefect.flow-run.Running"},
            expect={f"prefect.flow-run.{each}" for each in _ENDS},
            match_related=_of_ours(),
            for_each={"prefect.resource.id"},
            posture=Posture.Proactive,
            threshold=1,
            within=LONGEST,
        ),
        actions=[CancelFlowRun()],
    )


def _crashed() -> AutomationCore | None:
    """Return the rule that tells of crashed runs, where there is a webhook.

    A killed process cannot tell anybody, so the server does.
    """
    from prefect.automations import AutomationCore, CallWebhook, EventTrigger, Posture
    from prefect.blocks.webhook import Webhook
    from pydantic import SecretStr

    from flows.hooks import webhook_url
    from matscreen.notifications import SCHEMA

    url = webhook_url()
    if url is None:
        return None
    block: Any = Webhook(method="POST", url=SecretStr(url))
    identifier = block.save(_BLOCK, overwrite=True)
    payload = {
        "schema": SCHEMA,
        "event": "crashed",
        "at": "{{ event.occurred }}",
        "title": "{{ flow.name }}: run {{ flow_run.name }} crashed",
        "text": "{{ flow.name }}: run {{ flow_run.name }} crashed\n"
        "a retry or the next run goes on from the store",
        "flow": "{{ flow.name }}",
        "run": "{{ flow_run.name }}",
        "run_id": "{{ flow_run.id }}",
        "state": "Crashed",
        "message": "its process is gone",
    }
    return AutomationCore(
        name="matscreen: tell of crashed runs",
        description=f"A killed process cannot tell anybody. {_EDITION}",
        trigger=EventTrigger(
            expect={"prefect.flow-run.Crashed"},
            match_related=_of_ours(),
            for_each={"prefect.resource.id"},
            posture=Posture.Reactive,
            threshold=1,
        ),
        actions=[CallWebhook(block_document_id=identifier, payload=json.dumps(payload))],
    )
