"""Serve schedules from this process: start or find the server, watch over runs, run them."""

from __future__ import annotations

import threading
from collections.abc import Callable, Sequence
from contextlib import ExitStack, contextmanager
from datetime import UTC, datetime, timedelta
from typing import TYPE_CHECKING, Any, Final

import flows  # sets Prefect up, so it comes before prefect
from flows import automations, server

if TYPE_CHECKING:
    from collections.abc import Iterator
    from uuid import UUID

    from prefect.client.orchestration import SyncPrefectClient
    from prefect.client.schemas.objects import FlowRun
    from prefect.deployments.runner import RunnerDeployment

__all__ = ["flows", "retry_crashed", "serve"]

_RESCUE_SECONDS: Final = 10.0
_ATTEMPTS: Final = 3
_RECENT: Final = timedelta(days=1)


def serve(
    deployments: Callable[[], Sequence[RunnerDeployment]],
    *,
    say: Callable[[str], None],
    limit: int = 1,
) -> None:
    """Run deployments on their schedules until the process is told to end.

    Args:
        deployments: Makes them; called once the server is there.
        say: Tells a person what happens.
        limit: Runs at the same time.

    Raises:
        ServerError: There is no server, and none can be started.
    """
    from prefect import serve as serve_forever
    from prefect.settings import PREFECT_API_URL, temporary_settings

    url = server.api_url()
    with ExitStack() as stack:
        started = stack.enter_context(server.running_server(url))
        stack.enter_context(temporary_settings({PREFECT_API_URL: url}))
        page = url.removesuffix("/api")
        say(f"{'started' if started else 'found'} the Prefect server: {page}")
        for rule in automations.ensure():
            say(f"rule of the server: {rule}")
        made = list(deployments())
        for each in made:
            when = ", ".join(_words(entry.schedule) for entry in each.schedules or []) or "by hand"
            say(f"serving {each.flow_name}/{each.name}: {when}")
        stack.enter_context(_rescuing([f"{each.flow_name}/{each.name}" for each in made], say))
        # Not paused when this ends: schedules are there again with the next `serve`.
        serve_forever(*made, limit=limit, pause_on_shutdown=False, print_starting_message=False)


def _words(schedule: Any) -> str:
    if (cron := getattr(schedule, "cron", None)) is not None:
        return f"at {cron} ({schedule.timezone or 'UTC'})"
    return f"every {schedule.interval}"


@contextmanager
def _rescuing(names: Sequence[str], say: Callable[[str], None]) -> Iterator[None]:
    """Look for crashed runs every few seconds while inside."""
    ended = threading.Event()

    def watch() -> None:
        from prefect.client.orchestration import get_client

        while not ended.wait(_RESCUE_SECONDS):
            try:
                with get_client(sync_client=True) as client:
                    for run in retry_crashed(client, names):
                        say(f"run {run.name} had crashed; it goes on from the store")
            except Exception as error:  # the server may be away for a while
                say(f"could not look for crashed runs: {type(error).__name__}")

    thread = threading.Thread(target=watch, name="rescue", daemon=True)
    thread.start()
    try:
        yield
    finally:
        ended.set()
        thread.join(timeout=_RESCUE_SECONDS)


def retry_crashed(client: SyncPrefectClient, names: Sequence[str]) -> list[FlowRun]:
    """Schedule the retry of crashed runs, three attempts at most.

    A crashed run that a later one of its deployment has followed stays as it is: that one went on
    from the store already.

    Args:
        client: Of the server.
        names: Deployments, as `flow/deployment`.
    """
    from prefect.client.schemas.objects import State
    from prefect.states import AwaitingRetry

    retried = []
    for name in names:
        deployment: UUID = client.read_deployment_by_name(name).id
        run = _latest(client, deployment)
        if run is None or run.state is None or not run.state.is_crashed():
            continue
        if run.run_count >= _ATTEMPTS:
            continue
        state: State[Any] = AwaitingRetry(
            scheduled_time=datetime.now(UTC), message="retried after a crash"
        )
        client.set_flow_run_state(run.id, state, force=True)
        retried.append(run)
    return retried


def _latest(client: SyncPrefectClient, deployment: UUID) -> FlowRun | None:
    """Return the run of a deployment that began last."""
    from prefect.client.schemas.filters import (
        DeploymentFilter,
        DeploymentFilterId,
        FlowRunFilter,
        FlowRunFilterStartTime,
    )
    from prefect.client.schemas.sorting import FlowRunSort

    now: Any = datetime.now(UTC)
    since: Any = now - _RECENT
    runs = client.read_flow_runs(
        deployment_filter=DeploymentFilter(id=DeploymentFilterId(any_=[deployment])),
        flow_run_filter=FlowRunFilter(
            start_time=FlowRunFilterStartTime(after_=since, before_=now, is_null_=False)
        ),
        sort=FlowRunSort.START_TIME_DESC,
        limit=20,
    )
    # The server takes the expected start of runs that have not begun for their start.
    return next((run for run in runs if run.start_time is not None), None)
