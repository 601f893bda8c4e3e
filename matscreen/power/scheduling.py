"""From a plan to runs of a workflow server: one scheduled run for each window.

Nothing here imports the server's library: `submit_runs` takes the function that submits, such as
`prefect.deployments.run_deployment`, whose keywords it uses.
"""

from __future__ import annotations

import hashlib
import json
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from matscreen.power.jobs import Plan, Window


@dataclass(frozen=True)
class ScheduledRun:
    """One window of a plan as a run to be submitted.

    Attributes:
        name: Name of the run.
        window: When it is to begin, and when its work should be done.
        idempotency_key: The same plan of the same job gives the same key, so that it runs once
            however often it is submitted.
        parameters: What the run is called with.
    """

    name: str
    window: Window
    idempotency_key: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


def scheduled_runs(
    plan: Plan,
    parameters: Mapping[str, Any] | None = None,
    *,
    length_parameter: str | None = None,
) -> tuple[ScheduledRun, ...]:
    """Turn the windows of a plan into runs.

    Each run works for the length of its window and the next goes on from the store, which keeps
    every finished piece.

    Args:
        plan: The plan.
        parameters: Parameters of every run.
        length_parameter: Name of a parameter that is given the length of the window, as `90min`;
            whole minutes, at least one.
    """
    given = dict(parameters or {})
    windows = plan.windows
    runs = []
    for number, window in enumerate(windows, start=1):
        values = dict(given)
        if length_parameter is not None:
            values[length_parameter] = f"{max(1, int(window.seconds // 60))}min"
        runs.append(
            ScheduledRun(
                name=f"{plan.job.name} {number} of {len(windows)}",
                window=window,
                idempotency_key=_key(plan.job.name, plan.job.deadline, window.start, given),
                parameters=values,
            )
        )
    return tuple(runs)


def submit_runs(
    runs: Sequence[ScheduledRun], deployment: str, submit: Callable[..., Any]
) -> list[Any]:
    """Submit the runs of a plan and return at once.

    Args:
        runs: What `scheduled_runs` returned.
        deployment: Name of the deployment, `flow/deployment`.
        submit: `prefect.deployments.run_deployment`, or what takes the same keywords.

    Returns:
        What `submit` returned for each run.
    """
    return [
        submit(
            name=deployment,
            parameters=dict(run.parameters),
            scheduled_time=run.window.start.astimezone(UTC),
            flow_run_name=run.name,
            timeout=0,  # do not wait for it
            idempotency_key=run.idempotency_key,
            tags=["deferrable"],
            as_subflow=False,
        )
        for run in runs
    ]


def _key(name: str, deadline: datetime, start: datetime, parameters: Mapping[str, Any]) -> str:
    told = json.dumps(
        [
            name,
            deadline.astimezone(UTC).isoformat(),
            start.astimezone(UTC).isoformat(),
            parameters,
        ],
        sort_keys=True,
        default=str,
    )
    return f"{name}-{hashlib.sha256(told.encode()).hexdigest()[:24]}"
