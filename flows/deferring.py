"""Work of a deployment in clean or cheap hours: runs that the server starts when they come."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from typing import TYPE_CHECKING, Any, Final

from rich.table import Table

import flows  # sets Prefect up, so it comes before prefect
from flows import server
from flows.deployments import on_server
from matscreen.errors import InputError
from matscreen.power.scheduling import ScheduledRun, scheduled_runs, submit_runs

if TYPE_CHECKING:
    from prefect.client.orchestration import SyncPrefectClient

    from matscreen.power.jobs import Plan

__all__ = ["defer", "divisible", "flows", "read_parameters", "runs_table"]

_LENGTHS: Final = {"simulate": "budget"}
"""Deployments whose work may rest between windows, and the parameter that bounds a run."""


def divisible(deployment: str) -> bool:
    """Say whether the work of a deployment may be spread over several windows."""
    return deployment in _LENGTHS


def read_parameters(given: Sequence[str]) -> dict[str, Any]:
    """Read `name=value` pairs; a value is JSON where it can be, else text.

    Raises:
        InputError: One has no `=`.
    """
    found: dict[str, Any] = {}
    for each in given:
        name, sign, value = each.partition("=")
        if not sign or not name.strip():
            raise InputError(f"a parameter is name=value, got {each!r}")
        try:
            found[name.strip()] = json.loads(value)
        except ValueError:
            found[name.strip()] = value
    return found


def defer(
    deployment: str,
    made: Plan,
    parameters: Mapping[str, Any],
    *,
    submit: Callable[..., Any] | None = None,
) -> tuple[ScheduledRun, ...]:
    """Schedule one run of a deployment for each window of a plan.

    The same plan of the same work is scheduled once, however often this is called.

    Args:
        deployment: Its name, such as `simulate`.
        made: The plan.
        parameters: Parameters of every run beside those of the deployment.
        submit: Replaces `prefect.deployments.run_deployment`.

    Raises:
        ServerError: No server answers.
        InputError: It has no such deployment.
    """
    from prefect.client.orchestration import get_client
    from prefect.deployments import run_deployment
    from prefect.settings import PREFECT_API_URL, temporary_settings

    url = server.api_url()
    if not server.healthy(url):
        raise server.ServerError(
            f"no Prefect server answers at {url}; `python -m flows serve` starts one, and "
            "PREFECT_API_URL names another"
        )
    runs = scheduled_runs(made, parameters, length_parameter=_LENGTHS.get(deployment))
    with temporary_settings({PREFECT_API_URL: url}):
        with get_client(sync_client=True) as client:
            full = _full_name(client, deployment)
        submit_runs(runs, full, submit or run_deployment)
    return runs


def _full_name(client: SyncPrefectClient, deployment: str) -> str:
    known = {each.name: name for name, each in on_server(client)}
    if deployment not in known:
        there = ", ".join(sorted(known)) or "none: `python -m flows serve` makes them"
        raise InputError(f"the server has no deployment {deployment!r}; it has {there}")
    return known[deployment]


def runs_table(runs: Sequence[ScheduledRun]) -> Table:
    """Return a table for a terminal: one line a run, in local time."""
    table = Table(box=None, pad_edge=False, padding=(0, 2, 0, 0), header_style="dim")
    for name in ("run", "begins", "ends", "with"):
        table.add_column(name, no_wrap=name != "with")
    for run in runs:
        begin, end = (each.astimezone() for each in (run.window.start, run.window.end))
        values = ", ".join(f"{name}={value}" for name, value in run.parameters.items())
        table.add_row(run.name, f"{begin:%a %Y-%m-%d %H:%M}", f"{end:%a %H:%M}", values)
    return table
