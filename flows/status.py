"""`python -m flows status`: what ran last, what runs next."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

from rich.table import Table
from rich.text import Text

import flows  # sets Prefect up, so it comes before prefect
from flows.deployments import on_server

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun

__all__ = ["DeploymentStatus", "flows", "status_table", "statuses"]

_RECENT: Final = 3
_STYLES: Final = {
    "COMPLETED": "green",
    "RUNNING": "cyan",
    "FAILED": "bold red",
    "CRASHED": "bold red",
    "CANCELLED": "yellow",
}


@dataclass(frozen=True)
class Ran:
    """One run that began.

    Attributes:
        began: When.
        state: Name of its state.
        kind: Type of its state.
        duration: How long it took, or has been running.
        message: What it said at its end.
    """

    began: datetime
    state: str
    kind: str
    duration: timedelta
    message: str


@dataclass(frozen=True)
class DeploymentStatus:
    """How one deployment stands.

    Attributes:
        name: As `flow/deployment`.
        ran: Its last runs, the latest first.
        next_run: When it runs next; None where it is started by hand.
        paused: Its schedules are switched off.
    """

    name: str
    ran: tuple[Ran, ...]
    next_run: datetime | None
    paused: bool


def statuses(client: SyncPrefectClient) -> list[DeploymentStatus]:
    """Ask a server how the deployments of matscreen stand."""
    return [
        DeploymentStatus(
            name=name,
            ran=tuple(_ran(run) for run in _runs(client, each.id, upcoming=False)),
            next_run=next(
                (r.expected_start_time for r in _runs(client, each.id, upcoming=True)), None
            ),
            paused=bool(each.paused),
        )
        for name, each in on_server(client)
    ]


def _runs(client: SyncPrefectClient, deployment: Any, *, upcoming: bool) -> Sequence[FlowRun]:
    from prefect.client.schemas.filters import (
        DeploymentFilter,
        DeploymentFilterId,
        FlowRunFilter,
        FlowRunFilterStartTime,
        FlowRunFilterState,
        FlowRunFilterStateType,
    )
    from prefect.client.schemas.objects import StateType
    from prefect.client.schemas.sorting import FlowRunSort

    wanted = (
        FlowRunFilter(
            state=FlowRunFilterState(type=FlowRunFilterStateType(any_=[StateType.SCHEDULED]))
        )
        if upcoming
        else FlowRunFilter(start_time=FlowRunFilterStartTime(is_null_=False))
    )
    return client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment])),
        flow_run_filter=wanted,
        sort=FlowRunSort.EXPECTED_START_TIME_ASC if upcoming else FlowRunSort.START_TIME_DESC,
        limit=1 if upcoming else _RECENT,
    )


def _ran(run: FlowRun) -> Ran:
    began = run.start_time or datetime.now(UTC)
    state = run.state
    return Ran(
        began=began,
        state=(state.name or str(state.type.value)) if state else "Unknown",
        kind=state.type.value if state else "",
        duration=run.total_run_time or run.estimated_run_time,
        message=" ".join(((state.message if state else "") or "").split()),
    )


def status_table(found: Sequence[DeploymentStatus], *, now: datetime | None = None) -> Table:
    """Return a table for a terminal: one line a run, the next run of each deployment first."""
    at = now or datetime.now(UTC)
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    table.add_column("deployment", no_wrap=True)
    table.add_column("next", no_wrap=True)
    table.add_column("last runs", no_wrap=True)
    table.add_column("state", no_wrap=True)
    table.add_column("took", justify="right", no_wrap=True)
    table.add_column("what it said", overflow="ellipsis", no_wrap=True, ratio=1)
    for each in found:
        following = "paused" if each.paused else "by hand"
        if each.next_run is not None and not each.paused:
            following = moment(each.next_run, at)
        head = (Text(each.name, style="bold"), Text(following))
        if not each.ran:
            table.add_row(*head, Text("never", style="dim"), "", "", "")
        for index, run in enumerate(each.ran):
            table.add_row(
                *(head if index == 0 else (Text(""), Text(""))),
                Text(moment(run.began, at)),
                Text(run.state, style=_STYLES.get(run.kind, "")),
                Text(length(run.duration)),
                Text(run.message, style="dim"),
            )
    return table


def moment(when: datetime, now: datetime) -> str:
    """Return a time as a person says it: `in 3 h`, `12 min ago`; a date where it is far."""
    seconds = (when - now).total_seconds()
    if abs(seconds) > 2 * 86400:
        return when.astimezone().strftime("%Y-%m-%d %H:%M")
    text = length(timedelta(seconds=abs(seconds)))
    return f"in {text}" if seconds >= 0 else f"{text} ago"


def length(duration: timedelta) -> str:
    """Return a duration in its leading unit or two."""
    seconds = round(duration.total_seconds())
    if seconds < 60:
        return f"{seconds} s"
    minutes = round(seconds / 60)
    if minutes < 60:
        return f"{minutes} min"
    hours, rest = divmod(minutes, 60)
    return f"{hours} h {rest} min" if rest else f"{hours} h"
