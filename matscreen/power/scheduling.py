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
from typing import Any, Final

from matscreen.power.jobs import Plan

WORK_QUEUE: Final = "deferrable"
"""Queue of deferrable work: urgent runs never wait behind it, nor it behind them."""


@dataclass(frozen=True)
class ScheduledRun:
    """One window of a plan as a run to be submitted.

    Attributes:
        name: Name of the run.
        scheduled_time: When it is to begin.
        stop_at: When it is to rest; the last window has no such time, it ends with the work.
        idempotency_key: The same plan of the same job gives the same key, so that it runs once
            however often it is submitted.
        parameters: What the run is called with.
    """

    name: str
    scheduled_time: datetime
    stop_at: datetime | None
    idempotency_key: str
    parameters: Mapping[str, Any] = field(default_factory=dict)


def scheduled_runs(
    plan: Plan,
    parameters: Mapping[str, Any] | None = None,
    *,
    stop_parameter: str | None = None,
) -> tuple[ScheduledRun, ...]:
    """Turn the windows of a plan into runs.

    Each run works until its window ends and the next goes on from the store, which keeps every
    finished piece. The last one has no end: whatever is left must be done.

    Args:
        plan: The plan.
        parameters: Parameters of every run.
        stop_parameter: Name of a parameter that is given the end of the window (ISO 8601, UTC; None
            in the last run).
    """
    given = dict(parameters or {})
    windows = plan.windows
    runs = []
    for number, window in enumerate(windows):
        stop = window.end if number < len(windows) - 1 else None
        values = dict(given)
        if stop_parameter is not None:
            values[stop_parameter] = None if stop is None else stop.astimezone(UTC).isoformat()
        runs.append(
            ScheduledRun(
                name=f"{plan.job.name} {number + 1} of {len(windows)}",
                scheduled_time=window.start.astimezone(UTC),
                stop_at=stop,
                idempotency_key=_key(plan.job.name, plan.job.deadline, window.start, given),
                parameters=values,
            )
        )
    return tuple(runs)


def submit_runs(
    runs: Sequence[ScheduledRun],
    deployment: str,
    submit: Callable[..., Any],
    *,
    work_queue: str | None = WORK_QUEUE,
) -> list[Any]:
    """Submit the runs of a plan and return at once.

    Args:
        runs: What `scheduled_runs` returned.
        deployment: Name of the deployment, `flow/deployment`.
        submit: `prefect.deployments.run_deployment`, or what takes the same keywords.
        work_queue: Queue of the runs; None for that of the deployment.

    Returns:
        What `submit` returned for each run.
    """
    return [
        submit(
            name=deployment,
            parameters=dict(run.parameters),
            scheduled_time=run.scheduled_time,
            flow_run_name=run.name,
            timeout=0,  # do not wait for it
            idempotency_key=run.idempotency_key,
            work_queue_name=work_queue,
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
